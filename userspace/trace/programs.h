/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of bpf/uprobe.bpf.c: each is loaded when it is first asked for, with the maps and facts of the watch engine.
 * A new one is a SEC("uprobe") there, a number in enum trace_program (trace.h) and a line in the table in programs.c.
 */
#ifndef PYBPFDBG_TRACE_PROGRAMS_H
#define PYBPFDBG_TRACE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/trace.h"

struct abi_layout;
struct abi_obj;
struct abi_py;
struct bpf_object;
struct programs; /* opaque */

/* What every program is told; copied but for maps, which must live as long. */
struct programs_env {
	pid_t pid; /* who has the interpreter's file mapped; see programs_process() */
	struct abi_py *py;
	const struct abi_layout *layout; /* NULL: nothing is captured */
	const struct abi_obj *obj;       /* NULL: expressions are all undecided */
	uint64_t ns_dev, ns_ino;
	uint32_t stop_signal;
	bool hold, children; /* as in struct trace_options */
	struct bpf_object *maps; /* loaded: maps of the same name are shared */
};

/* Nothing is loaded yet. 0 or -ENOMEM. */
int programs_new(const struct programs_env *env, struct programs **ret);
void programs_free(struct programs *p); /* NULL is fine */

/* From the next programs_on() on: see trace_process(), trace_follow_forks(). */
void programs_process(struct programs *p, pid_t pid);
void programs_wide(struct programs *p, bool wide);
/* See trace_program_on() and the others in trace.h. */
int programs_on(struct programs *p, enum trace_program which, const struct trace_site *sites, size_t n,
		struct err *err);
void programs_off(struct programs *p, enum trace_program which);
void programs_off_later(struct programs *p, enum trace_program which);
bool programs_is_on(const struct programs *p, enum trace_program which);
int programs_map(struct programs *p, enum trace_program which, const char *name);
int programs_each(struct programs *p, enum trace_program which, const char *name, size_t key_size,
		  size_t value_size, int (*fn)(void *priv, const void *key, const void *value), void *priv);

#endif
