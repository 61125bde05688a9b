/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of bpf/watch.bpf.c, which run at watchpoints. Those that every session needs are loaded at once; what
 * takes the kernel long to verify (90 ms) when it is first asked for, with the same maps.
 */
#ifndef PYBPFDBG_TRACE_HANDLERS_H
#define PYBPFDBG_TRACE_HANDLERS_H

#include "trace/trace.h"

struct err;
struct handlers; /* opaque */
struct pidns;
struct watch_bpf;

/* 0; or the failures of trace_open(), with their line. ns: the target's. */
int handlers_new(const struct trace_options *opt, const struct pidns *ns, struct err *err,
		 struct handlers **ret);
void handlers_free(struct handlers *h); /* NULL is fine */

/* What was loaded at once: it has the maps. Owned by h. */
struct watch_bpf *handlers_skel(const struct handlers *h);
/* The descriptor of a program, owned by h; or -EPERM, -EOPNOTSUPP with their line. */
int handlers_fd(struct handlers *h, enum trace_handler which, struct err *err);
/* From now on rules may need more than can be judged where the hit is seen (bpf/judge.bpf.h). 0 or as handlers_fd(). */
int handlers_judge(struct handlers *h, struct err *err);

#endif
