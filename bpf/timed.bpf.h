/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Calls that are timed, from their first instruction to the one that leaves them, whichever engine sees these. */
#ifndef PYBPFDBG_TIMED_BPF_H
#define PYBPFDBG_TIMED_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"

/* By code object. User space gives these maps their sizes: 1 where nothing is timed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct abi_timed);
} timed_codes SEC(".maps");

/* Calls that run, by their frame: recursion and threads need no more. */
struct timed_key {
	u64 frame, code;
	u32 tgid, pad0; /* forked processes have frames at the same addresses */
};
struct timed_call {
	u64 since_ns;
	s32 handler; /* up to 3.7: it returns once the body that begins here is done; 0: it does not */
	u32 pad0;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct timed_key);
	__type(value, struct timed_call);
} timed_running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_TIMED_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} timed_buckets SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_TIMED_SUMS);
	__type(key, __u32);
	__type(value, __u64);
} timed_sums SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_timed_process);
} timed_processes SEC(".maps");

static __always_inline void timed_add(u32 which, u64 by)
{
	u64 *n = bpf_map_lookup_elem(&timed_sums, &which);

	if (n)
		__sync_fetch_and_add(n, by);
}

/* Raise it to v if it is less; after so many others that do the same at once, the nearest. */
static __always_inline void timed_raise(u64 *max, u64 v)
{
	u64 old;

	for (u32 i = 0; i < 8; i++) {
		old = *(volatile u64 *)max;
		if (old >= v || __sync_val_compare_and_swap(max, old, v) == old)
			return;
	}
}

static __always_inline void timed_max(u32 which, u64 v)
{
	u64 *max = bpf_map_lookup_elem(&timed_sums, &which);

	if (max)
		timed_raise(max, v);
}

static __always_inline void timed_process(u32 tgid, u64 ns)
{
	struct abi_timed_process *t = bpf_map_lookup_elem(&timed_processes, &tgid), new = { 0 };
	struct abi_followed *p;

	if (!t) {
		p = bpf_map_lookup_elem(&followed, &tgid);
		new.ours = p ? p->ours : 0;
		bpf_map_update_elem(&timed_processes, &tgid, &new, BPF_NOEXIST);
		t = bpf_map_lookup_elem(&timed_processes, &tgid);
	}
	if (!t)
		return;
	__sync_fetch_and_add(&t->ended, 1);
	__sync_fetch_and_add(&t->ns, ns);
	timed_raise(&t->max, ns);
	timed_raise(&t->not_min, ~ns);
}

/* See ABI_TIMED_BUCKETS. */
static __always_inline u32 timed_bucket(u64 ns)
{
	u32 e = 0;
	u64 v = ns;

	if (ns < 8)
		return (u32)ns;
	for (u32 width = 32; width; width /= 2)
		if (v >> width) {
			v >>= width;
			e += width;
		}
	return ((e - 2) << 3 | (u32)(ns >> (e - 3) & 7)) & (ABI_TIMED_BUCKETS - 1);
}

static __always_inline void timed_enter(u32 tgid, u64 frame, u64 code, u32 flags)
{
	struct timed_key key = { frame, code, tgid };
	struct timed_call call = { .since_ns = bpf_ktime_get_ns() };

	if (bpf_map_lookup_elem(&timed_running, &key)) {
		if (flags & ABI_TIMED_LOOPS)
			return;
		timed_add(ABI_TIMED_REPLACED, 1);
	}
	if (bpf_map_update_elem(&timed_running, &key, &call, BPF_ANY))
		timed_add(ABI_TIMED_FULL, 1);
	else
		timed_add(ABI_TIMED_ENTERED, 1);
}

/* how: ABI_TIMED_RETURNED or ABI_TIMED_RAISED. */
static __always_inline void timed_leave(u32 tgid, u64 frame, u64 code, u32 how)
{
	struct timed_key key = { frame, code, tgid };
	struct timed_call *call = bpf_map_lookup_elem(&timed_running, &key);
	u64 now = bpf_ktime_get_ns(), ns, *n;
	u32 bucket;

	if (!call) {
		timed_add(ABI_TIMED_INFLIGHT, 1);
		return;
	}
	ns = now - call->since_ns;
	bpf_map_delete_elem(&timed_running, &key);
	bucket = timed_bucket(ns);
	n = bpf_map_lookup_elem(&timed_buckets, &bucket);
	if (n)
		__sync_fetch_and_add(n, 1);
	timed_add(how, 1);
	timed_add(ABI_TIMED_NS, ns);
	timed_max(ABI_TIMED_MAX, ns);
	timed_max(ABI_TIMED_NOT_MIN, ~ns);
	if (per_process)
		timed_process(tgid, ns);
}

/* ---- blocks of a frame, up to 3.10 ---- */

#define TIMED_BLOCKS_MAX 20 /* CO_MAXBLOCKS */
/* b_type (Include/opcode.h); that of a running handler, EXCEPT_HANDLER, is 257 */
#define TIMED_SETUP_EXCEPT 121 /* up to 3.7 */
#define TIMED_SETUP_FINALLY 122

struct timed_block {
	s32 type, handler, level; /* PyTryBlock */
};

/* f_iblock, or -EFAULT. */
static __always_inline int timed_depth(u64 frame)
{
	s32 n = 0;

	if (read_user(&n, sizeof(n), frame + py.exc.frame_iblock) || n < 0 || n > TIMED_BLOCKS_MAX)
		return -EFAULT;
	return n;
}

/*
 * The innermost block that catches: an exception if raised, else a return (a finally alone). Where its handler begins (in
 * bytes up to 3.9); -ENOENT: there is none.
 */
static __always_inline int timed_handler(u64 frame, int raised)
{
	int n = timed_depth(frame), found = -ENOENT;

	if (n < 0)
		return n;
	for (u32 i = 0; i < TIMED_BLOCKS_MAX; i++) {
		struct timed_block b = { 0 };

		if ((int)i >= n)
			break;
		if (read_user(&b, sizeof(b), frame + py.exc.frame_blockstack + i * sizeof(b)))
			return -EFAULT;
		if (b.type == TIMED_SETUP_FINALLY || (raised && b.type == TIMED_SETUP_EXCEPT))
			found = b.handler;
	}
	return found;
}

/* ---- what happens ---- */

/* Does an exception that is raised at `at` leave the frame? */
static __always_inline int timed_uncaught(const struct abi_timed *t, u64 frame, s32 at)
{
	if (py.exc.frame_iblock != ABI_NONE)
		return timed_handler(frame, 1) == -ENOENT;
	for (u32 i = 0; i < ABI_TIMED_RANGES; i++) {
		if (i >= t->nranges)
			break;
		if (t->ranges[i].lo <= at && at < t->ranges[i].hi)
			return 0;
	}
	return 1;
}

/* A return instruction. Up to 3.7 the finally bodies around it run first, and the END_FINALLY of the last one returns. */
static __always_inline void timed_return(u32 tgid, u64 frame, u64 code)
{
	struct timed_key key = { frame, code, tgid };
	struct timed_call *call;
	int handler = -ENOENT;

	if (py.exc.end_finally && py.version < 0x308)
		handler = timed_handler(frame, 0);
	if (handler < 0) {
		timed_leave(tgid, frame, code, ABI_TIMED_RETURNED);
		return;
	}
	call = bpf_map_lookup_elem(&timed_running, &key);
	if (call)
		call->handler = handler;
}

/*
 * 3.6 and 3.7: has the `with` whose end this is silenced the exception? WITH_CLEANUP_START pushes the class of the exception on top of
 * the six values of the handler, and one below its level, WITH_CLEANUP_FINISH another object in its place if it is
 * silenced (Python/ceval.c).
 */
static __always_inline int timed_silenced(u64 frame, int depth)
{
	u64 stack = 0, above = 0, top = 0;
	struct timed_block b = { 0 };

	if (depth < 1 || read_user(&b, sizeof(b), frame + py.exc.frame_blockstack + (u32)(depth - 1) * sizeof(b)) ||
	    py_read_u64(frame + py.exc.frame_valuestack, &stack) || b.level < 0 || b.level > 0xffff)
		return 0;
	if (py_read_u64(stack + 8 * ((u64)b.level + 6), &top) || py_read_u64(stack + 8 * ((u64)b.level + 7), &above))
		return 0;
	return above != top;
}

/* Up to 3.8: raises again, goes on with a return, or just goes on. */
static __always_inline void timed_end_finally(const struct abi_timed *t, u32 tgid, u64 frame, u64 code, s32 at)
{
	int depth = timed_depth(frame);
	struct timed_key key = { frame, code, tgid };
	struct timed_call *call;

	for (u32 i = 0; i < ABI_TIMED_ENDS; i++) {
		if (i >= t->nends)
			return;
		if (t->ends[i].at != at)
			continue;
		if (t->ends[i].depth == depth) {
			if (timed_uncaught(t, frame, at) && !(t->ends[i].silences && timed_silenced(frame, depth)))
				timed_leave(tgid, frame, code, ABI_TIMED_RAISED);
			return;
		}
		call = bpf_map_lookup_elem(&timed_running, &key);
		if (call && call->handler && call->handler == t->ends[i].handler)
			timed_return(tgid, frame, code);
		return;
	}
}

#endif
