// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A process that is looked after (procs.bpf.c) and has begun to run another program is held before
 * its first instruction, until the debugger has seized it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/abi.h"
#include "bpf/kin.bpf.h"
#include "bpf/task.bpf.h"
#include "bpf/wait.bpf.h"

const volatile __u64 our_ns_ino = 0; /* the debugger's pid namespace */

struct task_struct___execs {
	unsigned int ptrace;
} __attribute__((preserve_access_index));

extern struct task_struct *bpf_task_from_vpid(__s32 vpid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

__s32 keep_pid = 0; /* of keep_exec() */

SEC("tp_btf/sched_process_exec")
int BPF_PROG(hold_exec, struct task_struct *task)
{
	u64 id = bpf_get_current_pid_tgid();
	struct abi_kick kick = { .root_tid = (u32)id, .root_tgid = (u32)(id >> 32) };
	int inner = 0;

	kick.tid = kick.tgid = task_number(BPF_CORE_READ(task, group_leader), our_ns_ino, &inner);
	if (!kick.tid || !bpf_map_lookup_elem(&kin, &kick.tid))
		return 0;
	/* Of one that is traced the tracer is told, and would not be while it waits: keep_exec().
	 */
	if (BPF_CORE_READ((struct task_struct___execs *)task, ptrace))
		bpf_ringbuf_output(&kicks, &kick, sizeof(kick), BPF_RB_FORCE_WAKEUP);
	else
		(void)wait_kick(&kick); /* else it runs on, and is left alone */
	return 0;
}

/* Of our tracers one has it in the stop of its execve, and is about to let go of it. */
SEC("syscall")
int keep_exec(void *ctx)
{
	struct task_struct *task = bpf_task_from_vpid(keep_pid);
	int r;

	(void)ctx;
	if (!task)
		return -1;
	r = wait_begin(task, (u32)BPF_CORE_READ(task, pid));
	bpf_task_release(task);
	return r;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
