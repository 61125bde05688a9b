/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A step: which of the positions that a frame goes through, of the calls and of the exceptions of its thread stop it.
 * Needs stop_signal, maps.bpf.h, py_walk.bpf.h.
 */
#ifndef PYBPFDBG_STEP_BPF_H
#define PYBPFDBG_STEP_BPF_H

#include "bpf/abi.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"

/* The step that is on, if the running thread is the one that steps; NULL: not. */
static __always_inline struct abi_step *step_of(const struct bpf_pidns_info *who)
{
	u32 zero = 0;
	struct abi_step *st = bpf_map_lookup_elem(&steps, &zero);

	if (!st || !st->serial || st->tid != who->pid)
		return NULL;
	return st;
}

/* The frame reads the unit of a place: before its position is stored, or after. */
static __always_inline void step_reads(const struct bpf_pidns_info *who, const struct py_frame *f, s32 offset)
{
	struct abi_step *st = step_of(who);

	if (st && st->frame == f->frame && st->code == f->code)
		st->read = offset;
}

static __always_inline void step_stop(const struct abi_step *st, const struct bpf_pidns_info *who,
				      const struct py_frame *f, u32 event, s32 offset, u64 ip, u32 undecided)
{
	struct abi_hit *rec = bpf_ringbuf_reserve(&records, sizeof(*rec), 0);

	if (!rec) {
		stat_add(ABI_STAT_LOST);
		return;
	}
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->h.size = sizeof(*rec);
	rec->h.kind = ABI_REC_STEP;
	rec->time_ns = bpf_ktime_get_ns();
	rec->tgid = who->tgid;
	rec->tid = who->pid;
	rec->place = st->serial;
	rec->offset = offset;
	rec->code = f->code;
	rec->frame = f->frame;
	rec->tstate = f->tstate;
	rec->ip = ip;
	rec->rules[0] = event;
	rec->rules[1] = f->frame == st->frame ? (u32)st->line : 0;
	rec->rules[2] = f->frame == st->frame && st->read == offset;
	rec->undecided = undecided;
	if (bpf_send_signal_thread(stop_signal)) {
		bpf_ringbuf_discard(rec, 0);
		stat_add(ABI_STAT_SIGNAL_FAILED);
		return;
	}
	bpf_ringbuf_submit(rec, 0);
}

/* What is known of the unit at offset; one that is not there: of no line. */
static __always_inline struct abi_step_unit step_unit(const struct abi_step *st, s32 offset)
{
	struct abi_step_unit none = { .flags = ABI_UNIT_NO_LINE, .quiet = -1 }, *u;
	u32 i = (u32)offset / 2;

	if (offset < 0 || i >= st->nunits)
		return none;
	u = bpf_map_lookup_elem(&step_units, &i);
	return u ? *u : none;
}

/* Does a line event happen on the way from p to x? `back`: x lies before p. */
static __always_inline int step_is_line(struct abi_step_unit p, struct abi_step_unit x, int back)
{
	if (p.flags & ABI_UNIT_RAISE_LINE && x.flags & ABI_UNIT_HANDLER)
		return 1;
	if (!(x.flags & ABI_UNIT_LINE))
		return 0;
	if (x.flags & ABI_UNIT_ALWAYS)
		return 1;
	if (x.flags & ABI_UNIT_BY_LINE && (p.flags & ABI_UNIT_NO_LINE || p.line != x.line))
		return 1;
	return back && p.flags & ABI_UNIT_FROM_BACK && !(x.flags & ABI_UNIT_NOT_BACK);
}

static __always_inline int step_wants_line(struct abi_step *st, s32 line)
{
	st->line = line;
	return st->events & ABI_STEP_LINE && line >= st->min_line && (!st->not_line || line != st->not_line);
}

/* The frame went from prev to offset. Which event is that? 0: none that is wanted. *ask: user space can tell. */
static __always_inline u32 step_event(struct abi_step *st, s32 offset, u32 *ask)
{
	s32 prev = st->prev;
	struct abi_step_unit p = step_unit(st, prev), x = step_unit(st, offset);
	u32 fresh = st->fresh;

	/*
	 * 3.11+: a handler may fetch the next unit before it stores where itself is. (A unit that runs together with
	 * the one before it is never stored.)
	 */
	if (fresh == 2 && offset != prev && offset != prev + 2)
		return 0;
	st->prev = offset;
	st->fresh = 0;
	if ((fresh && offset == prev) || (p.quiet >= 0 && p.quiet == offset))
		return 0;
	if (p.flags & ABI_UNIT_REWINDS)
		return p.flags & ABI_UNIT_LEAVES ? st->events & ABI_STEP_RETURN : 0;
	if (p.flags & ABI_UNIT_DELEGATES && offset == prev - 2)
		return st->events & ABI_STEP_YIELD;
	if (x.flags & ABI_UNIT_PAIRED && prev == offset - 4) {
		struct abi_step_unit q = step_unit(st, offset - 2);

		if (step_is_line(p, q, 0) && step_wants_line(st, q.line))
			return ABI_STEP_LINE;
		p = q;
	}
	if (step_is_line(p, x, offset < prev) && step_wants_line(st, x.line))
		return ABI_STEP_LINE;
	if (x.flags & ABI_UNIT_RETURNS || (x.flags & ABI_UNIT_LEAVES && !(x.flags & ABI_UNIT_REWINDS)))
		return st->events & ABI_STEP_RETURN;
	if (x.flags & ABI_UNIT_MAY_LEAVE) {
		*ask = 1;
		return st->events & ABI_STEP_RETURN;
	}
	/* behind a yield only what it has stored itself, and then the RESUME of later on */
	if (x.flags & ABI_UNIT_YIELDS && offset != prev && !(p.flags & ABI_UNIT_YIELDS && offset == prev + 2))
		return st->events & ABI_STEP_YIELD;
	return 0;
}

/* An exception passes the frame at offset: that is an event, or it leaves the frame, which is one. 0: neither is wanted. */
static __always_inline u32 step_raised(const struct abi_step *st, s32 offset)
{
	struct abi_step_unit u = step_unit(st, offset);

	if (st->events & ABI_STEP_RAISE && u.line >= st->min_line)
		return ABI_STEP_RAISE;
	return u.flags & ABI_UNIT_CAUGHT ? 0 : st->events & ABI_STEP_RETURN;
}

/* A function of that code: is it in a file that counts? 1, 0, or -1: user space knows. */
static __always_inline int step_counts(const struct abi_step *st, u64 code)
{
	u64 file = 0, *verdict;

	if (!st->by_file)
		return 1;
	if (py_read_u64(code + py.code_filename, &file))
		return -1;
	verdict = bpf_map_lookup_elem(&step_files, &file);
	if (!verdict || *verdict >> 1 != st->serial)
		return -1;
	return *verdict & 1;
}

#endif
