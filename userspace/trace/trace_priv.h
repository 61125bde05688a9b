/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files behind trace.h share. Nobody else includes this. */
#ifndef PYBPFDBG_TRACE_TRACE_PRIV_H
#define PYBPFDBG_TRACE_TRACE_PRIV_H

#include "base/vec.h"
#include "bpf/abi.h"
#include "trace/followed.h"
#include "trace/pidns.h"
#include "trace/trace.h"

struct arm;
struct handlers;
struct hold;
struct programs;
struct ring_buffer;
struct watch_bpf;

struct counter {
	struct abi_place_key key;
	bool used;
};

struct trace {
	unsigned captures; /* in this trace_consume() */
	pid_t pid;
	enum trace_scope scope;
	struct pidns ns; /* the target's */
	struct handlers *handlers;
	struct watch_bpf *skel; /* theirs */
	bool judging;           /* a rule needs handlers_judge() */
	struct programs *programs;
	struct followed followed; /* trace_options.children */
	struct ring_buffer *rb;
	uint64_t *counters;            /* the map's memory */
	struct abi_rule_state *states; /* the same */
	struct abi_step_unit *units;   /* the same */
	VEC(struct counter) places;    /* index: abi_place.counter */
	struct slot {
		struct arm *arm; /* NULL: free */
		enum trace_handler handler;
	} slots[TRACE_SLOTS];
	int uevents; /* CPU scope: CPUs that come and go; else -1 */
	int epoll;
	const struct trace_sink *sink; /* during trace_consume() */
	struct hold *hold;             /* NULL until trace_hold() */
	bool execed;                   /* for trace_execed() */
};

/* slots.c: AUTO becomes one of the others, what is asked for is tried. 0, or -errno with its line. */
int slots_choose_scope(struct trace *tr, enum trace_scope wanted, struct err *err);
/* A rule needs handlers_judge(): where something is armed that may ask it, that is due now. 0 or -errno. */
int slots_judge(struct trace *tr);
void slots_free(struct trace *tr);
/* CPUs came or went. The first failure is returned, after all were tried. */
int slots_follow_cpus(struct trace *tr);

#endif
