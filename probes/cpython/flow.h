/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instruction can follow which: the control flow graph of one code object, from its bytes
 * alone. */
#ifndef PYBPFDBG_CPYTHON_FLOW_H
#define PYBPFDBG_CPYTHON_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/cpython/bytecode.h"

/* A code object as bytes; nothing in it is trusted. */
struct flow_input {
	unsigned minor;
	const uint8_t *bytes; /* the bytecode in plain form */
	uint32_t size;
	const uint8_t *lines;
	size_t lines_len;
	const uint8_t *exceptions; /* 3.11+ */
	size_t exceptions_len;
	int32_t first_line;
	uint32_t first_traceable; /* bytes */
};

struct flow_edge {
	uint32_t from, to; /* indices of instructions */
	bool raised; /* by an exception (before 3.8 also by a return, break or continue that runs a
			finally) */
};

struct flow {
	unsigned minor;
	struct instr *ins;
	uint32_t n;
	int32_t *line;	  /* of each instruction, 0: none */
	uint8_t *begins;  /* up to 3.9: the tracer sees the start of a line here */
	int32_t *handler; /* index of the instruction that an exception leads to, -1: none */
	/* Up to 3.10: blocks around each instruction, that of a handler included, and the index where
	 * the innermost handler around it begins (-1: none). NULL from 3.11 on. */
	int32_t *depth, *body;
	bool *reached;	  /* from the entry */
	/* Up to 3.10: are they in a block whose finally body a return there runs first (up to 3.7)? */
	bool *finally;
	/* Edges between reached instructions; those into i are in[in_first[i]] .. in[in_first[i +
	 * 1] - 1]. */
	struct flow_edge *in;
	uint32_t *in_first;
	/* The same edges by where they come from. */
	struct flow_edge *out;
	uint32_t *out_first;
};

/* 0, -EINVAL (not bytecode of this version), -ENOMEM. */
int flow_init(struct flow *f, const struct flow_input *in);
void flow_deinit(struct flow *f);

/* The instruction that holds the unit at offset (caches and prefixes belong to theirs); -1: none.
 */
int32_t flow_at(const struct flow *f, uint32_t offset);

#endif
