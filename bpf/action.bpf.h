/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What becomes of a hit, whichever engine saw it: each rule of its place looks at the thread, its condition, its hit
 * counts, and then acts. Needs stop_signal, maps.bpf.h, py_walk.bpf.h.
 */
#ifndef PYBPFDBG_ACTION_BPF_H
#define PYBPFDBG_ACTION_BPF_H

#include <linux/errno.h>

#include "bpf/abi.h"
#include "bpf/capture.bpf.h"
#include "bpf/expr_maps.bpf.h"
#include "bpf/hold.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"

/* One hit: who, where, and the registers' instruction pointer. */
struct hit_at {
	struct bpf_pidns_info who;
	struct py_frame f;
	u64 addr, ip;
};

enum verdict { VERDICT_NO, VERDICT_ACT, VERDICT_ASK };

/* Does this hit count, after those that came before? (`ignore`, `every`, `limit`) */
static __always_inline int rule_counts(const struct abi_rule *r, struct abi_rule_state *st)
{
	u64 n = __sync_fetch_and_add(&st->accepted, 1);

	if (n < r->ignore || (r->every > 1 && (n - r->ignore) % r->every))
		return 0;
	if (__sync_fetch_and_add(&st->hits, 1) < r->limit || !r->limit)
		return 1;
	__sync_fetch_and_add(&st->hits, -1);
	return 0;
}

/* Does the code that runs have that id? What cannot be read has another. */
static __noinline int rule_is_of(u64 id, u64 code)
{
	u64 first = 0, second = 0;

	if (py.code_id[1] == ABI_NONE) {
		if (py_read_u64(code + py.code_id[0], &first))
			return 0;
	} else if (py_read_u64(code + py.code_filename, &first) || py_read_u64(code + py.code_name, &second)) {
		return 0;
	}
	return abi_rule_code_id(first, second) == id;
}

/* full (a constant): expressions are evaluated and captures sent; without it a rule that needs that is undecided. */
static __always_inline enum verdict rule_judge(const struct abi_rule *r, struct abi_rule_state *st,
					       const struct hit_at *at, int full)
{
	int truth;

	if ((r->tid && r->tid != at->who.pid) || (r->code_id && !rule_is_of(r->code_id, at->f.code)))
		return VERDICT_NO;
	__sync_fetch_and_add(&st->seen, 1);
	truth = !(r->cond | (r->flags & ABI_RULE_ASK)) ? 1 : -EOPNOTSUPP;
	if (full && r->cond && !(r->flags & ABI_RULE_ASK))
		truth = expr_truth(r->cond, &at->f);
	if (truth == -EOPNOTSUPP) {
		__sync_fetch_and_add(&st->undecided, 1);
		return r->action == ABI_ACT_STOP ? VERDICT_ASK : VERDICT_NO;
	}
	if (truth < 0) {
		st->last_error = (u64)-truth;
		__sync_fetch_and_add(&st->errors, 1);
		return VERDICT_NO;
	}
	if (!truth) {
		__sync_fetch_and_add(&st->unmet, 1);
		return VERDICT_NO;
	}
	return rule_counts(r, st) ? VERDICT_ACT : VERDICT_NO;
}

/*
 * A hit that rules look at, in map memory: what they call needs nearly all the stack that there is. Several, as a uprobe's program can be
 * preempted and a trap can interrupt it.
 */
struct hit_room {
	u64 busy;
	struct abi_hit hit;
	struct abi_place place; /* one that is made for the hit */
};
#define HIT_ROOMS 8
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HIT_ROOMS);
	__type(key, __u32);
	__type(value, struct hit_room);
} hit_rooms SEC(".maps");

/* One that nobody uses; NULL: the hit is lost, and counted. */
static __always_inline struct hit_room *hit_room_get(void)
{
	struct hit_room *room;

#pragma unroll
	for (u32 i = 0; i < HIT_ROOMS; i++) {
		u32 key = i;

		room = bpf_map_lookup_elem(&hit_rooms, &key);
		if (room && !__sync_lock_test_and_set(&room->busy, 1))
			return room;
	}
	stat_add(ABI_STAT_LOST);
	return NULL;
}

static __always_inline void hit_room_put(struct hit_room *room)
{
	__sync_val_compare_and_swap(&room->busy, 1, 0);
}

static __always_inline void process_hit(u32 tgid, u32 state)
{
	struct abi_process_key key = { .tgid = tgid, .state = state };
	struct abi_process_hits *h = bpf_map_lookup_elem(&process_hits, &key), new = { 0 };
	struct abi_followed *p;

	if (!h) {
		p = bpf_map_lookup_elem(&followed, &tgid);
		new.ours = p ? p->ours : 0;
		bpf_map_update_elem(&process_hits, &key, &new, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&process_hits, &key);
	}
	if (h)
		__sync_fetch_and_add(&h->hits, 1);
}

static __always_inline void hit_fill(struct abi_hit *hit, u32 place, s32 offset,
				     const struct hit_at *at)
{
	__builtin_memset(hit, 0, sizeof(*hit)); /* the time is looked at where the hit does something */
	hit->h.size = sizeof(*hit);
	hit->h.kind = ABI_REC_HIT;
	hit->tgid = at->who.tgid;
	hit->tid = at->who.pid;
	hit->place = place;
	hit->offset = offset;
	hit->addr = at->addr;
	hit->code = at->f.code;
	hit->frame = at->f.frame;
	hit->tstate = at->f.tstate;
	hit->ip = at->ip;
}

/*
 * The thread stops before it goes on in user mode; a record promises that: nobody shall wait for a stop that does not come. 1: it is for
 * the caller to end with hold_parked(), as nobody traces the thread. may_be_free 0 (a constant): every thread that comes there is traced.
 */
static __always_inline int hit_tell(const struct abi_hit *hit, int may_be_free)
{
	struct abi_hit *rec;

	if (may_be_free && hold_is_free()) {
		if (!hold_park(hit))
			return 1;
		stat_add(ABI_STAT_SIGNAL_FAILED);
		return 0;
	}
	rec = bpf_ringbuf_reserve(&records, sizeof(*rec), 0);
	if (!rec) {
		stat_add(ABI_STAT_LOST);
		return 0;
	}
	*rec = *hit;
	rec->time_ns = bpf_ktime_get_ns();
	if (bpf_send_signal_thread(stop_signal)) {
		bpf_ringbuf_discard(rec, 0);
		stat_add(ABI_STAT_SIGNAL_FAILED);
		return 0;
	}
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

/* The same, as the last that a program does. ctx here and below: its argument; NULL (a constant): every thread is traced. */
static __always_inline void hit_stop(void *ctx, const struct abi_hit *hit)
{
	if (hit_tell(hit, ctx != NULL))
		hold_parked(ctx);
}

/* Every rule of a place (ABI_PLACE_RULES of them). Does one want to stop? Which ones is noted in the record. */
static __always_inline u32 hit_judge(const u32 *which, struct abi_hit *hit, const struct hit_at *at, int full)
{
	u32 stops = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < ABI_PLACE_RULES; i++) {
		u32 n, state;
		struct abi_rule_state *st;
		struct abi_rule *r;
		enum verdict v;

		asm volatile("" : "+r"(i)); /* see capture_values() */
		if (i >= ABI_PLACE_RULES)
			break;
		n = which[i];
		if (!n)
			continue;
		r = bpf_map_lookup_elem(&rules, &n);
		if (!r)
			continue;
		state = r->state;
		st = bpf_map_lookup_elem(&rule_states, &state);
		if (!st)
			continue;
		v = rule_judge(r, st, at, full);
		if (v == VERDICT_NO)
			continue;
		if (per_process)
			process_hit(at->who.tgid, state);
		if (r->action == ABI_ACT_STOP) {
			hit->rules[i] = n;
			hit->undecided |= (u32)(v == VERDICT_ASK) << i;
			stops = 1;
		} else if (full && (r->action == ABI_ACT_LOG || r->action == ABI_ACT_SNAP)) {
			hit->time_ns = bpf_ktime_get_ns();
			capture_send(hit, n, r, st, &at->f);
		}
	}
	return stops;
}

/* Every rule of the place. */
static __always_inline void hit_rules(void *ctx, const struct abi_place *place, const struct hit_at *at)
{
	struct hit_room *room = hit_room_get();
	int hold = 0;

	if (!room)
		return;
	hit_fill(&room->hit, place->id, place->offset, at);
	if (hit_judge(place->rules, &room->hit, at, 1))
		hold = hit_tell(&room->hit, ctx != NULL);
	hit_room_put(room);
	if (hold)
		hold_parked(ctx);
}

/* Its stack is not that of a program that also evaluates. */
static __noinline int hit_tell_plain(const struct abi_place *place, const struct hit_at *at)
{
	struct abi_hit hit;

	hit_fill(&hit, place->id, place->offset, at);
	return hit_tell(&hit, 1);
}

/* A place without rules counts or stops by itself. */
static __always_inline void hit_plain(void *ctx, const struct abi_place *place, const struct hit_at *at)
{
	u32 n = place->counter;
	u64 *counter;

	counter = bpf_map_lookup_elem(&counters, &n);
	if (counter)
		__sync_fetch_and_add(counter, 1);
	if (place->action == ABI_ACT_STOP && hit_tell_plain(place, at))
		hold_parked(ctx);
}

/* A hit that every filter has let through. */
static __always_inline void hit_act(void *ctx, const struct abi_place *place, const struct hit_at *at)
{
	if (place->action == ABI_ACT_NOTE)
		return;
	if (place->ruled)
		hit_rules(ctx, place, at); /* each rule counts for itself */
	else
		hit_plain(ctx, place, at);
}

#endif
