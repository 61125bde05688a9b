// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * How a thread that nobody traces is held at its hit: bpf/wait.bpf.h. No program may sleep where
 * the hit is seen, so it is left in a map, and the program there ends in a tail call to one of
 * these.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"
#include "bpf/task.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_dev = 0, ns_ino = 0; /* the target's pid namespace */

#define PY_WALK_WANTS_NONE
#include "bpf/maps.bpf.h"
#include "bpf/hold.bpf.h"
#include "bpf/wait.bpf.h"

/* The current thread is to be held. 0 or -1. */
static __always_inline int kick(u32 tid, const struct abi_hit *hit)
{
	u64 id = bpf_get_current_pid_tgid();
	struct abi_kick kick = {
		.tid = hit->tid, .tgid = hit->tgid, .root_tid = tid, .root_tgid = (u32)(id >> 32)
	};

	return wait_kick(&kick);
}

static __always_inline int hold_hit(void)
{
	u32 tid = (u32)bpf_get_current_pid_tgid(), zero = 0;
	struct abi_hit *rec, *hit = bpf_map_lookup_elem(&parked, &tid);
	struct py_look *look = bpf_map_lookup_elem(&looks, &zero);

	if (look)
		look->frame = 0;
	if (!hit)
		return 0;
	rec = bpf_ringbuf_reserve(&records, sizeof(*rec), 0);
	if (rec) {
		*rec = *hit;
		rec->time_ns = bpf_ktime_get_ns();
		rec->free = 1;
		if (kick(tid, hit)) {
			bpf_ringbuf_discard(rec, 0);
			stat_add(ABI_STAT_SIGNAL_FAILED);
		} else {
			bpf_ringbuf_submit(rec, 0);
		}
	} else {
		stat_add(ABI_STAT_LOST);
	}
	bpf_map_delete_elem(&parked, &tid);
	return 0;
}

SEC("perf_event")
int hold_watch(void *ctx)
{
	(void)ctx;
	return hold_hit();
}

SEC("kprobe")
int hold_probe(void *ctx)
{
	(void)ctx;
	return hold_hit();
}

/*
 * execve by a thread that nobody traces: its tracer is told of the others' end, if of anything. Of
 * one that is traced ptrace tells.
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
