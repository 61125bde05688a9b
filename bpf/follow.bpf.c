// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Processes that are forked by one that we follow: their memory is a copy of its memory, so every
 * place is where it was, and what is watched on each CPU is watched in them from their first
 * instruction on. Loaded when the first fork is to be followed; the maps are those of watch.bpf.c.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"
#include "bpf/task.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_ino = 0;     /* the target's pid namespace */
const volatile __u64 our_ns_ino = 0; /* the debugger's pid namespace */

#define PY_WALK_WANTS_NONE
#include "bpf/maps.bpf.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	struct abi_followed p = { 0 };
	int inner = 0, theirs = 0;
	u32 nr;

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0; /* a thread */
	p.parent = task_number(BPF_CORE_READ(parent, group_leader), ns_ino, &theirs);
	if (!p.parent || !theirs || !bpf_map_lookup_elem(&followed, &p.parent))
		return 0;
	nr = task_number(child, ns_ino, &inner);
	if (!nr || !inner)
		return 0; /* it begins a pid namespace where our programs would not know it */
	p.ours = task_number(child, our_ns_ino, &theirs);
	if (bpf_map_update_elem(&followed, &nr, &p, BPF_ANY))
		stat_add(ABI_STAT_LOST);
	return 0;
}

static __always_inline void unfollow(struct task_struct *task)
{
	u64 id = bpf_get_current_pid_tgid();
	int inner = 0;
	u32 nr = task_number(BPF_CORE_READ(task, group_leader), ns_ino, &inner), zero = 0;
	u64 now = bpf_ktime_get_ns();

	if (!nr || !inner || bpf_map_delete_elem(&followed, &nr))
		return;
	bpf_map_delete_elem(&known,
			    &id); /* after an exec the thread still has its number and start time */
	bpf_map_update_elem(&epochs, &zero, &now, BPF_ANY);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(follow_exec, struct task_struct *task)
{
	unfollow(task);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	if (task_is_last(task))
		unfollow(task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
