/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a LOG or SNAP rule sends: values, frames, and the memory of the objects as it is at the hit. */
#ifndef PYBPFDBG_CAPTURE_BPF_H
#define PYBPFDBG_CAPTURE_BPF_H

#include "bpf/capture_abi.h"
#include "bpf/expr_maps.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"

/* Whoever loads a program with this fills it in (trace_options.layout). */
const volatile struct abi_layout lay = { 0 };

#include "bpf/capture_frames.bpf.h"

/* What is known of classes (an address) that no flag tells. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u64);
	__type(value, __u32);
} recipes SEC(".maps");

/*
 * Records in the making: threads of one process take turns (the GIL), but a uprobe's program can be preempted and a trap can
 * interrupt it. No per-CPU map: its values end at 32 KiB. User space leaves one entry where nothing is captured.
 */
#define CAP_ROOMS 6
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CAP_ROOMS);
	__type(key, __u32);
	__type(value, struct cap);
} capturing SEC(".maps");

/* What was sent in this second, by all CPUs. */
struct cap_window {
	__u64 since_ns, records, bytes;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cap_window);
} cap_windows SEC(".maps");

static __always_inline u32 cap_recipe_at(u64 type)
{
	u32 *r = bpf_map_lookup_elem(&recipes, &type);

	return r ? *r : ABI_RECIPE_NONE;
}

/* One that nobody fills; NULL: all are in use. */
static __always_inline struct cap *cap_get(void)
{
#pragma unroll
	for (u32 i = 0; i < CAP_ROOMS; i++) {
		u32 key = i;
		struct cap *c = bpf_map_lookup_elem(&capturing, &key);

		if (c && !__sync_val_compare_and_swap(&c->busy, 0, 1))
			return c;
	}
	return NULL;
}

/*
 * Does the limit for this second let `records` and `bytes` more through? A window begins with the first record after the
 * last one's end; two CPUs that begin one at the same time may let a few more through, but none is counted twice.
 */
static __always_inline int cap_within(u64 records, u64 bytes)
{
	u32 zero = 0;
	struct abi_limits *lim = bpf_map_lookup_elem(&limits, &zero);
	struct cap_window *w = bpf_map_lookup_elem(&cap_windows, &zero);
	u64 now = bpf_ktime_get_ns(), since;

	if (!lim || !w)
		return 1;
	since = w->since_ns;
	if (now - since >= 1000000000 &&
	    __sync_val_compare_and_swap(&w->since_ns, since, now) == since) {
		w->records = 0;
		w->bytes = 0;
	}
	if (lim->records && __sync_fetch_and_add(&w->records, records) + records > lim->records)
		return 0;
	return !lim->bytes || __sync_fetch_and_add(&w->bytes, bytes) + bytes <= lim->bytes;
}

/* The value of expression number i of a LOG. */
static __always_inline void cap_value(struct cap *c, const struct abi_capture *cfg, const struct py_frame *f, u32 i)
{
	struct abi_value *v = (struct abi_value *)(c->buf + sizeof(struct abi_captured)) + i;
	u32 prog = cfg->progs[i], deep = cfg->depths[i];

	v->kind = ABI_VALUE_NONE;
	v->error = 0;
	v->bits = 0;
	if (prog & ABI_PROG_SPARE && !c->missing)
		return;
	if (prog & ABI_PROG_SLOT) {
		v->bits = cap_slot(c, f->frame, prog & ABI_PROG_NUMBER);
		v->kind = v->bits ? ABI_VALUE_OBJECT : ABI_VALUE_NONE;
		v->error = v->bits ? 0 : -ENOENT;
	} else if (prog & ABI_PROG_NUMBER) {
		expr_run(prog & ABI_PROG_NUMBER, f, v);
		if (prog & ABI_PROG_EXC)
			v->error = 0; /* it is sent as what it is: see capture_exception() */
	}
	if (v->kind == ABI_VALUE_OBJECT)
		cap_push(c, v->bits, 1, deep && deep < CAP_LEVEL_MAX ? deep : c->level, CAP_OBJECT);
	else if (prog & ABI_PROG_PATH)
		c->missing = 1;
}

/*
 * The exception that the thread is about to propagate. Up to 3.11 it may be a class and what to call it with: the words of
 * the thread state that say so go along. Global, as capture_fill() is.
 */
__noinline int capture_exception(struct cap *c, u64 tstate, u32 level)
{
	u64 value = 0;

	if (!c || !level)
		return 0;
	if (py.exc.tstate_type != ABI_NONE)
		cap_copy(c, tstate + py.exc.tstate_type, 8);
	cap_copy(c, tstate + py.exc.tstate_value, 8);
	if (!py_read_u64(tstate + py.exc.tstate_value, &value) && value)
		cap_push(c, value, 1, level < CAP_LEVEL_MAX ? level : CAP_LEVEL_MAX, CAP_OBJECT);
	return 0;
}

static __always_inline u32 cap_nvalues(const struct cap *c, const struct abi_capture *cfg)
{
	u32 n = c->snap ? 0 : cfg->nexprs;

	return n < ABI_CAPTURE_EXPRS ? n : ABI_CAPTURE_EXPRS;
}

static __always_inline void cap_begin(struct cap *c, const struct abi_capture *cfg)
{
	u32 n = cfg->bytes;

	c->epoch++;
	c->limit = n && n < ABI_CAPTURE_MAX ? n : ABI_CAPTURE_MAX;
	c->used = sizeof(struct abi_captured) + cap_nvalues(c, cfg) * sizeof(struct abi_value);
	c->nchunks = c->truncated = c->head = c->tail = c->phase = c->nframes = c->missing = 0;
	n = cfg->items;
	c->items = n && n < ABI_CAPTURE_ITEMS ? n : n ? ABI_CAPTURE_ITEMS : 100;
	n = cfg->value_bytes;
	c->value_bytes = n && n < ABI_CAPTURE_VALUE_BYTES ? n : n ? ABI_CAPTURE_VALUE_BYTES : 512;
	n = cfg->depth ? cfg->depth : 3;
	c->level = n < CAP_LEVEL_MAX ? n : CAP_LEVEL_MAX;
}

/*
 * The values of a LOG: what they are is noted, their objects are queued. This and the next one are global functions, verified once and
 * not for each rule of a place; and two, because each needs stack of its own besides what it calls.
 */
__noinline int capture_values(struct cap *c, const struct abi_capture *cfg, const struct py_frame *f)
{
	if (!c || !cfg || !f)
		return 0;
	cap_begin(c, cfg);
	if (!c->snap)
		capture_exception(c, f->tstate, c->exc);
	/* No bpf_loop(): expressions need all the depth of calls there is. */
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < ABI_CAPTURE_EXPRS; i++) {
		/* A number, not the pointers that the compiler would count with: verifiers up to 6.1 do not know where those end. */
		asm volatile("" : "+r"(i));
		if (i >= ABI_CAPTURE_EXPRS || i >= cap_nvalues(c, cfg))
			break;
		cap_value(c, cfg, f, i);
	}
	return 0;
}

/*
 * Send a capture of rule number c->rule at this hit, after capture_values(). One that finds no room is counted in st->lost, one that a
 * limit stops in st->limited; what is in neither was sent.
 */
__noinline int capture_fill(struct cap *c, const struct abi_capture *cfg, const struct abi_hit *hit,
			    struct abi_rule_state *st, const struct py_frame *f)
{
	struct abi_captured *rec;
	u32 size;

	if (!c || !cfg || !hit || !st || !f)
		return 0;
	rec = (struct abi_captured *)c->buf;
	if (c->snap) {
		cap_stack(c, f->frame, cfg->frames ? cfg->frames : 16);
		capture_exception(c, f->tstate, c->exc);
		cap_stack_vars(c, c->level);
	}
	cap_run(c);
	rec->hit = *hit;
	__builtin_memset(rec->hit.rules, 0, sizeof(rec->hit.rules));
	rec->hit.rules[0] = c->rule;
	rec->hit.h.kind = ABI_REC_CAPTURE;
	rec->nvalues = cap_nvalues(c, cfg);
	rec->nframes = c->nframes;
	rec->nchunks = c->nchunks;
	rec->truncated = c->truncated;
	size = c->used;
	if (size > ABI_CAPTURE_MAX)
		size = ABI_CAPTURE_MAX;
	rec->hit.h.size = size;
	if (!cap_within(0, size))
		__sync_fetch_and_add(&st->limited, 1);
	else if (bpf_ringbuf_output(&records, rec, size, 0))
		__sync_fetch_and_add(&st->lost, 1);
	return 0;
}

static __always_inline void capture_send(const struct abi_hit *hit, u32 n, const struct abi_rule *r,
					 struct abi_rule_state *st, const struct py_frame *f)
{
	u32 i = r->capture;
	struct abi_capture *cfg = bpf_map_lookup_elem(&captures, &i);
	struct cap *c;

	if (!cap_within(1, 0)) {
		__sync_fetch_and_add(&st->limited, 1);
		return;
	}
	c = cfg ? cap_get() : NULL;
	if (!c) {
		__sync_fetch_and_add(&st->lost, 1);
		return;
	}
	c->rule = n;
	c->snap = r->action == ABI_ACT_SNAP;
	c->exc = hit->place == ABI_PLACE_RAISE ? cfg->exc_depth : 0;
	capture_values(c, cfg, f);
	capture_fill(c, cfg, hit, st, f);
	__sync_val_compare_and_swap(&c->busy, 1, 0);
}

#endif
