/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native (C) stacks, unwound by their call frame information (libdwfl). What changes is copied while
 * the thread stands; unwinding and naming may wait until it runs again.
 */
#ifndef PYBPFDBG_TARGET_NATIVE_H
#define PYBPFDBG_TARGET_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct native; /* opaque */
struct target;

#define NATIVE_FRAMES_MAX 4096
#define NATIVE_REGS	  17 /* see tracees_registers() */

/* A thread's registers, and its stack from there outwards. */
struct native_stack {
	uint64_t regs[NATIVE_REGS];
	uint8_t *data;
	size_t n;
};

struct native_pcs {
	uint64_t *data; /* program counters, innermost first */
	size_t n;
	bool whole; /* the last is where the thread began */
};

/* Find out what is mapped; the target may run. Negative errno with a line. */
int native_new(struct target *t, struct err *err, struct native **ret);
void native_free(struct native *n); /* NULL is fine */

/*
 * Copy the stack of a thread that stands with these registers, at most 1 MiB of it. 0, -ENOMEM or -EFAULT.
 */
int native_capture(struct native *n, const uint64_t regs[static NATIVE_REGS],
		   struct native_stack *ret);
void native_stack_deinit(struct native_stack *st);

/* Unwind as far as it goes. -ENODATA: not even the innermost is known; -ENOMEM. */
int native_unwind(struct native *n, const struct native_stack *st, struct native_pcs *ret);
void native_pcs_deinit(struct native_pcs *p);

/*
 * The function and the file that pc lies in, borrowed until native_free(); NULL for what is not
 * known. caller: pc is a return address, so that the call is the instruction before it. Names of
 * functions come from the file, or from its separate debug file (/usr/lib/debug/.build-id), the
 * target's or ours; none is fetched from anywhere.
 */
void native_symbol(struct native *n, uint64_t pc, bool caller, const char **ret_function,
		   const char **ret_file);

/*
 * The extension module whose file this is ("_json" of .../_json.cpython-311-x86_64-linux-gnu.so) into
 * buf, or "" when it is none by its name.
 */
void native_module(const char *file, char buf[static 64]);

#endif
