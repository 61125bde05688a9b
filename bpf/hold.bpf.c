// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * How a thread that nobody traces is held at its hit: it waits in the kernel, on its way back to
 * user mode, until a thread of the debugger has seized it and asked it to stop. No program may
 * sleep there; but task work runs there (bpf_task_work_schedule_signal() in
 * kernel/bpf/helpers.c, 6.18 and later; get_signal() in kernel/signal.c runs it before it looks for
 * a requested stop), and what a piece of it asks for anew runs before user mode, too. So two pieces
 * ask for each other until the wait is over; in between the thread can be preempted, moved and
 * killed like any other. The wait ends when user space takes it out of the maps; when the debugger
 * dies: work of a map that no process has any more is refused; or after a second.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"
#include "bpf/task.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_dev = 0, ns_ino = 0; /* the target's pid namespace */

#include "bpf/maps.bpf.h"
#include "bpf/hold.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	(void)code;
	return 0; /* nothing is walked here */
}

/* Longer than a debugger that lives on a busy machine takes; short for a program whose debugger was
 * stopped (Ctrl-Z). */
#define HOLD_NS 1000000000u

struct bpf_task_work { /* as in linux/bpf.h of 6.18 */
	__u64 opaque;
} __attribute__((aligned(8)));
struct bpf_map {
}; /* not only declared: libbpf compares the kinds of the types */

struct hold_wait {
	struct bpf_task_work work;
	__u64 until; /* CLOCK_MONOTONIC */
};

/*
 * Each wait is in both, by the thread's number in the first pid namespace: a piece of work cannot
 * be asked for while it runs. Who holds the thread takes it out.
 */
struct hold_waits {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_WAITS_MAX);
	__type(key, __u32);
	__type(value, struct hold_wait);
};
struct hold_waits waits SEC(".maps"), waits_too SEC(".maps");

/* Whom to hold: struct abi_kick. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ABI_WAITS_MAX * 16);
} kicks SEC(".maps");

extern int bpf_task_work_schedule_signal_impl(
	struct task_struct *task, struct bpf_task_work *work, void *map__map,
	int (*callback)(struct bpf_map *map, void *key, void *value), void *aux__prog) __ksym;

static int wait_on_too(struct bpf_map *map, void *key, void *value);

static int wait_on(struct bpf_map *map, void *key, void *value)
{
	struct hold_wait *other = bpf_map_lookup_elem(&waits_too, key);

	(void)map;
	(void)value;
	if (other && bpf_ktime_get_ns() < other->until)
		bpf_task_work_schedule_signal_impl(bpf_get_current_task_btf(), &other->work,
						   &waits_too, wait_on_too, NULL);
	return 0;
}

static int wait_on_too(struct bpf_map *map, void *key, void *value)
{
	struct hold_wait *other = bpf_map_lookup_elem(&waits, key);

	(void)map;
	(void)value;
	if (other && bpf_ktime_get_ns() < other->until)
		bpf_task_work_schedule_signal_impl(bpf_get_current_task_btf(), &other->work, &waits,
						   wait_on, NULL);
	return 0;
}

/* The current thread waits from its return to user mode on. 0 or -1. */
static __always_inline int wait_begin(u32 tid)
{
	struct hold_wait *wait, fresh = { .until = bpf_ktime_get_ns() + HOLD_NS };

	if (bpf_map_update_elem(&waits, &tid, &fresh, BPF_ANY) ||
	    bpf_map_update_elem(&waits_too, &tid, &fresh, BPF_ANY))
		return -1;
	wait = bpf_map_lookup_elem(&waits, &tid);
	if (!wait)
		return -1;
	return bpf_task_work_schedule_signal_impl(bpf_get_current_task_btf(), &wait->work, &waits,
						  wait_on, NULL)
		       ? -1
		       : 0;
}

/* The current thread is to be held. 0 or -1. */
static __always_inline int kick(u32 tid, const struct abi_hit *hit)
{
	u64 id = bpf_get_current_pid_tgid();
	struct abi_kick kick = {
		.tid = hit->tid, .tgid = hit->tgid, .root_tid = tid, .root_tgid = (u32)(id >> 32)
	};

	if (!wait_begin(tid) &&
	    !bpf_ringbuf_output(&kicks, &kick, sizeof(kick), BPF_RB_FORCE_WAKEUP))
		return 0;
	bpf_map_delete_elem(&waits, &tid);
	bpf_map_delete_elem(&waits_too, &tid);
	return -1;
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
