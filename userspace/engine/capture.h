/* SPDX-License-Identifier: BSD-2-Clause */
/* A record of a LOG or SNAP rule, taken apart: what the kernel copied of the target at a hit. */
#ifndef PYBPFDBG_ENGINE_CAPTURE_H
#define PYBPFDBG_ENGINE_CAPTURE_H

#include <stddef.h>

struct abi_captured;
struct abi_captured_frame;
struct abi_value;
struct mem;
struct mem_chunk;

struct interp;

struct capture {
	const struct abi_captured *rec;
	const struct abi_value *values;		/* rec->nvalues */
	const struct abi_captured_frame *frames; /* rec->nframes, innermost first */
	struct mem_chunk *chunks;		/* ascending by address */
	size_t nchunks;
};

/* Check a record of size bytes; *ret borrows from it. 0, -EINVAL (it contradicts itself), -ENOMEM. */
int capture_open(const struct abi_captured *rec, size_t size, struct capture *ret);
void capture_deinit(struct capture *c);
/*
 * What is read of m from now on is what the record holds (base/mem.h, mem_record_on()), so that readers of frames, names
 * and values work on it as on the process.
 */
void capture_begin(const struct capture *c, struct mem *m);
void capture_end(struct mem *m);
/* The exception that is raised there, as its repr, malloc'ed; NULL: it was captured elsewhere, or is not in the record. */
char *capture_exception(const struct capture *c, struct interp *in, struct mem *m);

#endif
