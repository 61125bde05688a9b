/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a thread that nobody traces is held at its first hit, without a signal (that would do nothing) and without waiting in the
 * kernel. On each CPU a real-time thread of the debugger, bound to it, waits for the buffer of that CPU. Its wake-up is irq_work:
 * the interrupt comes before the next user instruction, on this CPU, and the return from it does not go back to user mode but
 * switches to the real-time thread (exit_to_user_mode_loop() in kernel/entry/common.c). While that seizes our thread and asks it
 * to stop, our thread does not run there; but it can be moved to another CPU and run here (active_load_balance_cpu_stop() in
 * kernel/sched/fair.c goes before real-time threads). So whoever is still to be held is told anew wherever it is switched in, in time
 * for the thread of that CPU for the same reason.
 */
#ifndef PYBPFDBG_HOLD_BPF_H
#define PYBPFDBG_HOLD_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/maps.bpf.h"

/*
 * By CPU; empty where nobody waits. Perf buffers and not a map of ring buffers: to fill one of those takes a grace period
 * of RCU for each (maybe_wait_bpf_programs() in kernel/bpf/syscall.c), some 100 ms.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} kicks SEC(".maps");

/* Threads that are told of and not held yet, by their number in the first pid namespace. Who holds them takes them out. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_THREADS_MAX);
	__type(key, __u32);
	__type(value, struct abi_kick);
} marks SEC(".maps");
/* How many: one number, that is looked at in each task switch. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} marked SEC(".maps");

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

/* 0 or -errno: nobody waits on this CPU, or not fast enough. ctx: the program's argument. */
static __always_inline int kick_send(void *ctx, struct abi_kick *kick)
{
	return (int)bpf_perf_event_output(ctx, &kicks, BPF_F_CURRENT_CPU, kick, sizeof(*kick));
}

/* The current thread is to be held. 0 or -1. ctx: the program's argument. */
static __always_inline int hold_kick(void *ctx, const struct abi_hit *hit)
{
	struct abi_kick kick = { .tid = hit->tid, .root_tid = (u32)bpf_get_current_pid_tgid() };

	u32 zero = 0;
	u64 *n = bpf_map_lookup_elem(&marked, &zero);

	/* Without room there it is still likely to be held. */
	if (n && !bpf_map_update_elem(&marks, &kick.root_tid, &kick, BPF_NOEXIST))
		__sync_fetch_and_add(n, 1);
	if (!kick_send(ctx, &kick))
		return 0;
	if (n && !bpf_map_delete_elem(&marks, &kick.root_tid))
		__sync_fetch_and_add(n, -1);
	return -1;
}

#endif
