/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What we know of the kernel's tasks; the offsets come from its BTF at load time. */
#ifndef PYBPFDBG_TASK_BPF_H
#define PYBPFDBG_TASK_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));
struct pid_namespace {
	struct ns_common ns;
} __attribute__((preserve_access_index));
struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));
struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));
typedef struct {
	int counter;
} task_atomic;
struct signal_struct {
	task_atomic live;
} __attribute__((preserve_access_index));
struct thread_struct {
	unsigned long fsbase;
} __attribute__((preserve_access_index));
struct mm_struct {
	void *pgd;
} __attribute__((preserve_access_index));
struct task_struct {
	struct mm_struct *mm;
	__u64 start_time;
	int pid, tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct signal_struct *signal;
	struct thread_struct thread;
} __attribute__((preserve_access_index));

#define TASK_NS_LEVELS 33 /* MAX_PID_NS_LEVEL and the first (kernel/pid_namespace.c) */

/* The number of a process, by its group leader, in the pid namespace of that inode; 0: it is not known there. *ret_inner: it lives in
 * that one, not in one below. */
static __always_inline __u32 task_number(struct task_struct *leader, __u64 ns_ino, int *ret_inner)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	char *numbers = (char *)pid + bpf_core_field_offset(struct pid, numbers);

	for (__u32 i = 0; i < TASK_NS_LEVELS && i <= level; i++) {
		struct upid *at = (struct upid *)(numbers + i * bpf_core_type_size(struct upid));

		if (BPF_CORE_READ(at, ns, ns.inum) != (__u32)ns_ino)
			continue;
		*ret_inner = i == level;
		return (__u32)BPF_CORE_READ(at, nr);
	}
	return 0;
}

/* At an exit: was it the last thread? (kernel/exit.c, do_exit(), counts it out before) */
static __always_inline int task_is_last(struct task_struct *task)
{
	return !BPF_CORE_READ(task, signal, live.counter);
}

#endif
