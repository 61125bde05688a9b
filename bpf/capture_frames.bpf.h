/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Copies frames and their variables; see capture_walk.bpf.h. */
#ifndef PYBPFDBG_CAPTURE_FRAMES_BPF_H
#define PYBPFDBG_CAPTURE_FRAMES_BPF_H

#include "bpf/capture_walk.bpf.h"

/* Slots of a frame of this code: locals, cells, free variables. */
static __always_inline u32 cap_slots(u64 code)
{
	u64 tuple = 0, n;
	u32 slots = 0;

	if (lay.minor >= 11) {
		if (read_user(&slots, sizeof(slots), code + lay.code_nlocalsplus))
			return 0;
		return (u32)cap_min(slots, 512);
	}
	if (read_user(&slots, sizeof(slots), code + lay.code_nlocals))
		return 0;
	slots = (u32)cap_min(slots, 256);
	if (!py_read_u64(code + lay.code_cellvars, &tuple) && !py_read_u64(tuple + lay.ob_size, &n))
		slots += (u32)cap_min(n, 128);
	if (!py_read_u64(code + lay.code_freevars, &tuple) && !py_read_u64(tuple + lay.ob_size, &n))
		slots += (u32)cap_min(n, 128);
	return slots;
}

/* The frame itself and its variables; level: of what these are. */
static __noinline int cap_frame(struct cap *c, u64 frame, u64 code, u32 level)
{
	u32 slots = cap_slots(code), flags = 0;
	s32 off = cap_copy(c, frame, lay.frame_localsplus + 8 * slots);

	if (off < 0)
		return off;
	cap_push(c, (u32)off + lay.frame_localsplus, slots, level, CAP_WORDS);
	/* co_flags & CO_OPTIMIZED: a function. The body of a module or a class keeps its variables in a dict. */
	if (!read_user(&flags, sizeof(flags), code + lay.code_flags) && !(flags & 1))
		cap_push(c, cap_word(c, (u32)off + lay.frame_locals), 1, level + 1, CAP_OBJECT);
	return 0;
}

/* One frame outwards, noted behind what is in buf; ctx: struct cap **. */
static long cap_frames_step(u32 i, void *ctx)
{
	struct cap *c = *(struct cap **)ctx;
	struct abi_captured_frame *out;
	struct py_frame f = { .frame = c->frame };
	u64 next = 0;
	u8 owner = 0;
	s32 off;

	(void)i;
	if (f.frame < 4096 || c->nframes >= c->frames_max)
		return 1;
	if (py_read_u64(f.frame + py.frame_previous, &next))
		return 1;
	c->frame = next;
	if (lay.frame_owner_shim != ABI_NONE &&
	    (read_user(&owner, 1, f.frame + lay.frame_owner) || owner >= lay.frame_owner_shim))
		return 0;
	if (py_read_u64(f.frame + py.frame_code, &f.code))
		return 1;
	f.code &= ~(u64)py.code_tag_mask;
	off = cap_room(c, sizeof(*out));
	if (off < 0 || off > ABI_CAPTURE_MAX)
		return 1;
	out = (struct abi_captured_frame *)(c->buf + off);
	out->frame = f.frame;
	out->code = f.code;
	out->pad0 = 0;
	if (py_prev_in_frame(&f, &out->offset) || out->offset < 0)
		out->offset = -1;
	c->nframes++;
	return 0;
}

/* The variables of the next noted frame; ctx: struct cap **. */
static long cap_vars_step(u32 i, void *ctx)
{
	struct cap *c = *(struct cap **)ctx;
	u32 at = c->at;

	(void)i;
	if (c->nvars >= c->nframes || at > ABI_CAPTURE_MAX)
		return 1;
	c->nvars++;
	c->at = at + sizeof(struct abi_captured_frame);
	cap_frame(c, cap_word(c, at), cap_word(c, at + 8), c->level);
	return 0;
}

/* Note the frames from frame on outwards, at most max. Nothing else may be in the record before them. */
static __always_inline void cap_stack(struct cap *c, u64 frame, u32 max)
{
	u32 at = c->used;

	c->frame = frame;
	c->frames_max = max < ABI_CAPTURE_FRAMES ? max : ABI_CAPTURE_FRAMES;
	c->nframes = 0;
	/* Twice: shims count as well (3.12+). */
	read_loop(2 * ABI_CAPTURE_FRAMES, cap_frames_step, &c);
	c->at = at;
}

/*
 * The variables of the noted frames. The innermost may take half of the record with all that they hold, before the others are looked
 * at: they are what was asked for.
 */
static __always_inline void cap_stack_vars(struct cap *c, u32 level)
{
	u32 limit;

	c->level = level;
	c->nvars = 0;
	limit = c->limit;
	c->limit = c->used + (limit - c->used) / 2;
	read_loop(1, cap_vars_step, &c);
	cap_run(c);
	c->limit = limit;
	c->level = level;
	read_loop(ABI_CAPTURE_FRAMES, cap_vars_step, &c);
}

/* The object in a slot of a frame, through its cell; 0: none. */
static __always_inline u64 cap_slot(struct cap *c, u64 frame, u32 slot)
{
	u64 value;

	if (py_read_u64(frame + lay.frame_localsplus + 8 * (slot & 0xffff), &c->word))
		return 0;
	if (py.code_tag_mask && (c->word & 3) == 3) /* 3.14+: no object but a number */
		return 0;
	value = c->word & ~(u64)py.code_tag_mask;
	if (!value || py_read_u64(value + lay.ob_type, &c->word))
		return 0;
	if (c->word != lay.cell_type)
		return value;
	return py_read_u64(value + lay.cell_ref, &c->word) ? 0 : c->word;
}

#endif
