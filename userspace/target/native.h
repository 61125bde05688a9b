/* SPDX-License-Identifier: BSD-2-Clause */
/* Native (C) stacks of threads that we hold stopped, unwound by their call frame information
 * (libdwfl). */
#ifndef PYBPFDBG_TARGET_NATIVE_H
#define PYBPFDBG_TARGET_NATIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct native; /* opaque */
struct target;

#define NATIVE_FRAMES_MAX 256

/*
 * Find out what is mapped; the target may run. No debug information is fetched from anywhere.
 * Negative errno with a line.
 */
int native_new(struct target *t, struct err *err, struct native **ret);
void native_free(struct native *n); /* NULL is fine */

/*
 * The program counters of thread tid, innermost first, at most max. The calling thread must hold
 * tid in a ptrace stop. Negative errno when not even the innermost is known; *ret_n is at least 1
 * otherwise.
 */
int native_unwind(struct native *n, pid_t tid, uint64_t *pcs, size_t max, size_t *ret_n);

/*
 * The function and the file that pc lies in, borrowed until native_free(); NULL for what is not
 * known. caller: pc is a return address, so that the call is the instruction before it.
 */
void native_symbol(struct native *n, uint64_t pc, int caller, const char **ret_function,
		   const char **ret_file);

#endif
