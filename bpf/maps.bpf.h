/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is shared with user space at run time. The hash maps are preallocated: kernels before 6.1 allow
 * nothing else in a program of a perf event.
 */
#ifndef PYBPFDBG_MAPS_BPF_H
#define PYBPFDBG_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/expr_abi.h"

/* Whoever loads a program fills it in (trace_options.obj). */
const volatile struct abi_obj obj = { 0 };
const volatile __u32 per_process = 0; /* count by process, too */

#include "bpf/py_look.bpf.h"

/* Is a frame on a stack? At `frame`, on the way outwards to `wanted`. */
struct data_walk {
	__u64 frame, wanted;
	__u32 found, pad0;
};

/*
 * The processes that we follow, by their number in their own pid namespace: those whose memory the places are true of. User space
 * enlarges it where forked children are followed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct abi_followed);
} followed SEC(".maps");

/* Hits by process; of no size (1) where there is one process only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct abi_process_key);
	__type(value, struct abi_process_hits);
} process_hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_PLACES_MAX);
	__type(key, struct abi_place_key);
	__type(value, struct abi_place);
} places SEC(".maps");

/* Accepted hits, by abi_place.counter: apart from the places, so that changing a place loses no count. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_PLACES_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* What a breakpoint wants of a hit, and what became of its hits. Index 0 is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_RULES_MAX);
	__type(key, __u32);
	__type(value, struct abi_rule);
} rules SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_RULES_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct abi_rule_state);
} rule_states SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_CAPTURES_MAX);
	__type(key, __u32);
	__type(value, struct abi_capture);
} captures SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_limits);
} limits SEC(".maps");

/* Thread pointer -> PyThreadState; checked at each use, refilled by a walk. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ABI_THREADS_MAX);
	__type(key, __u64);
	__type(value, __u64);
} threads SEC(".maps");

/*
 * What was found out about a thread, by its number in the first pid namespace (bpf_get_current_pid_tgid()), so that a trap need not
 * ask again whose it is. Its start time and its thread pointer tell when the number is another's; tstate is checked at each use.
 * Only threads of followed processes are in it: who takes a process out of `followed` must empty it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ABI_THREADS_MAX);
	__type(key, __u64);
	__type(value, struct abi_known);
} known SEC(".maps");

/*
 * When `places` or `followed` were changed last, or a thread was taken out of `known`: a time, which does not come back. What is on a
 * desk is as true as it was when it was put there, as long as this is the same. Who changes them writes it afterwards.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} epochs SEC(".maps");

/* The thread and the place of the last hit on this CPU: the next one is mostly of the same. A trap from user mode does not nest. */
struct desk {
	__u64 epoch;
	__u64 task; /* address of its task_struct; 0: nothing is known */
	struct abi_known thread;
	struct abi_place_key key; /* addr 0: no place */
	struct abi_place place;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct desk);
} desks SEC(".maps");

/* What the watch program has read of the frame; of no frame while it does not run. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct py_look);
} looks SEC(".maps");

/*
 * ABI_PREV_STATE: the last place of a line (abi_place.group) that was hit in a frame. FRAME_REREAD: the place whose
 * second read is still to come (abi_reread).
 */
#define FRAME_REREAD 0xffffffffu /* no line has this number */
struct frame_key {
	__u64 frame;
	__u32 group;
	__u32 tgid; /* forked processes have frames at the same addresses */
};
struct frame_state {
	__u64 code;
	__s32 offset;
	__u32 pad0;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct frame_key);
	__type(value, struct frame_state);
} frames SEC(".maps");

/* The step that is on, the units of its frame, and by file name (a str object): abi_step.serial << 1 | does it count. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_step);
} steps SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_STEP_UNITS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct abi_step_unit);
} step_units SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} step_files SEC(".maps");

/* Watched memory by its address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, struct abi_data);
} data_watches SEC(".maps");

/* Frames whose next hit of a place was told already (ABI_LOAN_TOLD): the id of that place. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_TOLD_MAX);
	__type(key, struct abi_told);
	__type(value, __u32);
} told SEC(".maps");

/* For the walk of data.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct data_walk);
} data_walks SEC(".maps");

/* For the walk of py_walk.bpf.h, which says why it is not on the stack. A trap from user mode does not nest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct py_walk);
} walks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ABI_STAT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

static __always_inline void stat_add(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&stats, &which);

	/* A program of a uprobe can be preempted by another. */
	if (n)
		__sync_fetch_and_add(n, 1);
}

#endif
