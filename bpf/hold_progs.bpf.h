/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs that hold.bpf.h needs besides those that see hits. Needs ns_dev, ns_ino. */
#ifndef PYBPFDBG_HOLD_PROGS_BPF_H
#define PYBPFDBG_HOLD_PROGS_BPF_H

#include "bpf/hold.bpf.h"

/* Arguments: is it preempted, the last, the next thread. */
SEC("raw_tp/sched_switch")
int switch_in(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___hold *next = (void *)ctx->args[2];
	struct abi_kick *mark, kick;
	u32 zero = 0, tid;
	u64 *n = bpf_map_lookup_elem(&marked, &zero);

	if (!n || !*n)
		return 0;
	tid = (u32)BPF_CORE_READ(next, pid);
	mark = bpf_map_lookup_elem(&marks, &tid);
	if (!mark)
		return 0;
	kick = *mark;
	kick_send(ctx, &kick);
	return 0;
}

/*
 * execve by a thread that nobody traces: its tracer is told of the others' end, if of anything. Of one that is traced
 * ptrace tells.
 */
SEC("raw_tp/sched_process_exec")
int exec_free(void *ctx)
{
	struct bpf_pidns_info who = { 0 };
	struct abi_header *rec;

	(void)ctx;
	if (bpf_get_ns_current_pid_tgid(ns_dev, ns_ino, &who, sizeof(who)) ||
	    !bpf_map_lookup_elem(&followed, &who.tgid) || !hold_is_free())
		return 0;
	rec = bpf_ringbuf_reserve(&records, sizeof(*rec), 0);
	if (!rec) {
		stat_add(ABI_STAT_LOST);
		return 0;
	}
	rec->size = sizeof(*rec);
	rec->kind = ABI_REC_EXEC;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

#endif
