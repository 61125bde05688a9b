/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program from its execve to its first line. At the execve its thread stands; a uprobe at the entry point of the new image stops it
 * again, when the dynamic linker has mapped everything; if PyEval_EvalCode is there, a uprobe on it stops at each module body until one
 * runs in the module __main__: that is the program (a script, -m, -c, a folder or an archive alike).
 */
#ifndef PYBPFDBG_ENGINE_STARTING_H
#define PYBPFDBG_ENGINE_STARTING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct halt;
struct session;
struct session_options;
struct target;
struct tracees;

struct starting {
	const struct session_options *opt;
	const char *name; /* what it was started as, for messages */
	pid_t pid;
	struct target *target;
	struct tracees *ts;
	struct halt *halt;
	uint64_t entry;	       /* where it is to stop next; 0: nowhere */
	uint64_t eval_code;    /* 0: not Python, so far */
	struct session *early; /* to look at module bodies with, before the program's own */
	bool foreign;	       /* it is no Python, unless it executes another program yet */
	bool there;	       /* it stands at its first line's module */
	uint64_t code;	       /* of that module */
};

/* st->target, anew. 0 or negative errno with a line; so the others. */
int starting_open(struct starting *st, struct err *err);
/* It stands in the execve, or has not run an instruction since. */
int starting_exec(struct starting *st, struct err *err);
/* Thread tid was stopped by the signal of st->halt: it may go on unless st->there. */
int starting_stop(struct starting *st, pid_t tid, struct err *err);
/* Lets go of what is left of it; it runs on. */
void starting_deinit(struct starting *st);

#endif
