/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A thread that nobody traces has hit, and is to stop. A signal would do nothing, so it is held in the kernel until the debugger has
 * seized it (bpf/hold.bpf.c). That is a program of its own, which not every kernel takes: the hit is left here, and the program that
 * saw it ends in a tail call.
 */
#ifndef PYBPFDBG_HOLD_BPF_H
#define PYBPFDBG_HOLD_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/maps.bpf.h"

#ifndef HOLDS /* tail calls stay within a type of program; those of uprobe.bpf.c are of another */
#define HOLDS hold_watches
#endif

struct hold_progs {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};
struct hold_progs hold_watches SEC(".maps"), hold_probes SEC(".maps");

/* By the thread's number in the first pid namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_WAITS_MAX);
	__type(key, __u32);
	__type(value, struct abi_hit);
} parked SEC(".maps");

/* What we know of the kernel; the offsets come from its BTF at load time. */
struct task_struct___hold {
	unsigned int ptrace;
	int pid;
} __attribute__((preserve_access_index));

const volatile __u32 hold = 0; /* threads that nobody traces are held at their first hit */

/* Is the current thread to be held this way? Not if it is traced (then by us: one tracer at a time). */
static __always_inline int hold_is_free(void)
{
	struct task_struct___hold *task = (void *)bpf_get_current_task();

	return hold && !BPF_CORE_READ(task, ptrace);
}

/* Leave the hit for bpf/hold.bpf.c. 0 or -1. */
static __always_inline int hold_park(const struct abi_hit *hit)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();

	return bpf_map_update_elem(&parked, &tid, hit, BPF_ANY) ? -1 : 0;
}

/* Does not come back where all goes well. ctx: the program's argument. */
static __always_inline void hold_parked(void *ctx)
{
	u32 tid = (u32)bpf_get_current_pid_tgid();

	bpf_tail_call(ctx, &HOLDS, 0);
	bpf_map_delete_elem(&parked, &tid);
	stat_add(ABI_STAT_SIGNAL_FAILED);
}

#endif
