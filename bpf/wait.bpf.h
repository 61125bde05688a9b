/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a thread that nobody traces is held: it waits in the kernel, on its way back to
 * user mode, until a thread of the debugger has seized it and asked it to stop. No program may
 * sleep there; but task work runs there (bpf_task_work_schedule_signal() in
 * kernel/bpf/helpers.c, 6.18 and later; get_signal() in kernel/signal.c runs it before it looks for
 * a requested stop), and what a piece of it asks for anew runs before user mode, too. So two pieces
 * ask for each other until the wait is over; in between the thread can be preempted, moved and
 * killed like any other. The wait ends when user space takes it out of the maps; when the debugger
 * dies: work of a map that no process has any more is refused; or after a second.
 */
#ifndef PYBPFDBG_WAIT_BPF_H
#define PYBPFDBG_WAIT_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

typedef __u32 u32;
typedef __u64 u64;

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

typedef int wait_fn(struct bpf_map *map, void *key, void *value);

/*
 * 6.18 has it by another name than 7.2, and with an argument that the verifier fills in. A program that names what is not there does
 * not load, so each that waits is built for both (*_618.bpf.c).
 */
#ifdef WAIT_618
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *work,
					      void *map__map, wait_fn *callback,
					      void *aux__prog) __ksym;
#define wait_ask(task, work, map, fn) bpf_task_work_schedule_signal_impl(task, work, map, fn, NULL)
#else
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *work,
					 void *map__map, wait_fn *callback) __ksym;
#define wait_ask(task, work, map, fn) bpf_task_work_schedule_signal(task, work, map, fn)
#endif

static int wait_on_too(struct bpf_map *map, void *key, void *value);

static int wait_on(struct bpf_map *map, void *key, void *value)
{
	struct hold_wait *other = bpf_map_lookup_elem(&waits_too, key);

	(void)map;
	(void)value;
	if (other && bpf_ktime_get_ns() < other->until)
		wait_ask(bpf_get_current_task_btf(), &other->work, &waits_too, wait_on_too);
	return 0;
}

static int wait_on_too(struct bpf_map *map, void *key, void *value)
{
	struct hold_wait *other = bpf_map_lookup_elem(&waits, key);

	(void)map;
	(void)value;
	if (other && bpf_ktime_get_ns() < other->until)
		wait_ask(bpf_get_current_task_btf(), &other->work, &waits, wait_on);
	return 0;
}

/* That thread, which is the current one or stands in a ptrace stop, waits before it is in user mode again. 0 or -1. */
static __always_inline int wait_begin(struct task_struct *task, u32 tid)
{
	struct hold_wait *wait, fresh = { .until = bpf_ktime_get_ns() + HOLD_NS };

	if (bpf_map_update_elem(&waits, &tid, &fresh, BPF_ANY) ||
	    bpf_map_update_elem(&waits_too, &tid, &fresh, BPF_ANY))
		return -1;
	wait = bpf_map_lookup_elem(&waits, &tid);
	if (!wait)
		return -1;
	return wait_ask(task, &wait->work, &waits, wait_on) ? -1 : 0;
}

static __always_inline void wait_end(u32 tid)
{
	bpf_map_delete_elem(&waits, &tid);
	bpf_map_delete_elem(&waits_too, &tid);
}

/* The current thread waits, and the debugger is told. root_tid: its number in the first pid namespace. 0 or -1. */
static __always_inline int wait_kick(const struct abi_kick *kick)
{
	if (!wait_begin(bpf_get_current_task_btf(), kick->root_tid) &&
	    !bpf_ringbuf_output(&kicks, (void *)kick, sizeof(*kick), BPF_RB_FORCE_WAKEUP))
		return 0;
	wait_end(kick->root_tid);
	return -1;
}

#endif
