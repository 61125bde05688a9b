/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Watched memory was written. Is it the reference that is meant, and is it a write as Python knows it? Then its rules are asked as
 * those of a place are. ctx is the program's argument. Needs what action.bpf.h needs.
 */
#ifndef PYBPFDBG_DATA_BPF_H
#define PYBPFDBG_DATA_BPF_H

#include "bpf/abi.h"
#include "bpf/action.bpf.h"
#include "bpf/judge.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"

#define DATA_STACK_MAX 4096 /* frames looked at */

/* The write to a reference whose rules are asked. A trap from user mode does not nest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_write);
} writes SEC(".maps");

static __always_inline const struct abi_write *expr_write(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&writes, &zero);
}

static long data_walk_step(u32 i, void *ctx)
{
	struct data_walk *w = *(struct data_walk **)ctx;
	u64 next = 0;

	(void)i;
	if (w->frame == w->wanted) {
		w->found = 1;
		return 1;
	}
	if (!w->frame || py_read_u64(w->frame + py.frame_previous, &next))
		return 1;
	w->frame = next;
	return 0;
}

/* Is frame on the stack whose innermost frame is top? *w must not lie on the BPF stack (py_walk() says why). */
static __always_inline int data_on_stack(u64 top, u64 frame)
{
	struct data_walk *w;
	u32 zero = 0;

	w = bpf_map_lookup_elem(&data_walks, &zero);
	if (!w)
		return 0;
	*w = (struct data_walk){ .frame = top, .wanted = frame };
	read_loop(DATA_STACK_MAX, data_walk_step, &w);
	return w->found;
}

static __always_inline int data_guarded(const struct abi_data *d)
{
	for (u32 i = 0; i < ABI_GUARDS_MAX; i++) {
		u64 word = 0;

		if (i >= d->nguards)
			break;
		if (py_read_u64(d->guards[i].addr, &word))
			return 0;
		if (((word & d->guards[i].mask) == d->guards[i].value) == (d->guards[i].differs != 0))
			return 0;
	}
	return 1;
}

/* Does the frame write another variable there, or put this one back? */
static __always_inline int data_skipped(const struct abi_data *d, s32 offset, u64 new)
{
	for (u32 i = 0; i < ABI_DATA_SKIPS; i++) {
		if (i >= d->nskip)
			break;
		if (offset < d->skip[i].lo || offset > d->skip[i].hi)
			continue;
		if (!d->skip[i].restores || new == d->last)
			return 1;
	}
	return 0;
}

/* Does the writer's frame stand on an instruction that deletes in order to write? */
static __always_inline int data_is_half(const struct abi_data *d, const struct py_frame *f, s32 offset)
{
	u64 bytes = 0;
	u8 op = 0;

	if (!d->nhalf || offset < 0)
		return 0;
	if (d->code_code == ABI_NONE)
		bytes = f->code;
	else if (py_read_u64(f->code + d->code_code, &bytes))
		return 0;
	if (read_user(&op, sizeof(op), bytes + d->bytes_data + (u32)offset))
		return 0;
	for (u32 i = 0; i < ABI_DATA_HALVES; i++)
		if (i < d->nhalf && d->half[i] == op)
			return 1;
	return 0;
}

/*
 * Does an object lie there? Memory is freed before the field that pointed to it is written (list_resize), and the allocator
 * uses it: what it writes points to free blocks, whose first word is no reference count, or to no memory at all.
 */
static __always_inline int data_is_object(const struct abi_data *d, u64 addr)
{
	u64 refcnt = 0, type = 0, meta = 0;
	u32 flags = 0;

	if (py_read_u64(addr + d->ob_refcnt, &refcnt) || !(u32)refcnt || refcnt << 16 >> 48 ||
	    py_read_u64(addr + d->ob_type, &type) || py_read_u64(type + d->ob_type, &meta) ||
	    read_user(&flags, sizeof(flags), meta + d->type_flags))
		return 0;
	return flags >> 31; /* Py_TPFLAGS_TYPE_SUBCLASS: a class's class is one */
}

static __always_inline void data_ask(void *ctx, struct abi_hit *hit, u32 why)
{
	hit->why = why;
	hit_stop(ctx, hit);
}

/* For those who judge it: what they call needs the stack (bpf/judge.bpf.h). */
static __always_inline void data_note(const struct abi_write *w)
{
	struct abi_write *now;
	u32 zero = 0;

	now = bpf_map_lookup_elem(&writes, &zero);
	if (now)
		*now = *w;
}

/* A reference: hit->write is filled in here. */
static __always_inline void data_reference(void *ctx, struct abi_data *d, struct abi_hit *hit,
					   const struct hit_at *at)
{
	u64 new = 0;
	int half;

	if (d->asleep)
		return;
	if (py_read_u64(d->slot, &new)) {
		stat_add(ABI_STAT_FAULT);
		return;
	}
	new &= d->mask;
	hit->write.old = d->last;
	hit->write.new = new;
	half = !new && data_is_half(d, &at->f, hit->offset);
	if (!data_guarded(d)) {
		data_ask(ctx, hit, half && d->entry ? ABI_WHY_HALF : ABI_WHY_GUARD);
		return;
	}
	if (d->frame && (at->f.frame != d->frame || at->f.code != d->code)) {
		if (!data_on_stack(at->f.frame, d->frame)) {
			data_ask(ctx, hit, ABI_WHY_FRAME);
			return;
		}
	} else if (d->frame && data_skipped(d, hit->offset, new)) {
		return;
	}
	if (half) {
		d->torn = 1;
		if (d->entry)
			data_ask(ctx, hit, ABI_WHY_HALF);
		return;
	}
	if (new ? !data_is_object(d, new) : d->item) {
		d->dirty = 1;
		return;
	}
	if (d->dirty && new == d->last) {
		d->dirty = 0;
		return;
	}
	d->dirty = 0;
	if (!new && d->entry) {
		data_ask(ctx, hit, ABI_WHY_DELETED);
		return;
	}
	if (new == d->last && d->text && (at->ip < d->text || at->ip >= d->text_end))
		return;
	/* what fell off the end of a list is gone, and its memory may be another's */
	if (d->torn || d->item)
		hit->write.old = ABI_WRITE_UNKNOWN;
	d->torn = 0;
	d->last = new;
	hit->serial = ++d->serial;
	data_note(&hit->write);
	judge_hit(ctx, d->rules, hit, at);
}

static __always_inline void data_written(void *ctx, struct abi_data *d, const struct hit_at *at)
{
	s32 offset = PY_PREV_UNKNOWN;
	struct abi_hit hit;

	if (at->f.frame && py_prev_in_frame(&at->f, &offset))
		offset = PY_PREV_UNKNOWN;
	hit_fill(&hit, d->id, offset, at);
	hit.h.kind = ABI_REC_DATA;
	if (d->slot)
		data_reference(ctx, d, &hit, at);
	else if (d->action == ABI_ACT_STOP)
		hit_stop(ctx, &hit);
	else if (bpf_ringbuf_output(&records, &hit, sizeof(hit), 0))
		stat_add(ABI_STAT_LOST);
}

#endif
