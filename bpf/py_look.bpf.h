/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The same frame as py_frame_of() finds, with all that is looked at next, in as few reads as there are structures: a read of the target
 * costs some 70 ns whatever its length. Pure as py_walk.bpf.h is; also needs `obj`, a struct abi_obj (all zeros: no expressions).
 */
#ifndef PYBPFDBG_PY_LOOK_BPF_H
#define PYBPFDBG_PY_LOOK_BPF_H

#include "bpf/expr_abi.h"
#include "bpf/py_walk.bpf.h"

#define LOOK_SLOTS 8 /* variables of the frame that are read with it */
#define LOOK_FRAME 512
#define LOOK_TSTATE 256

struct py_look {
	u64 frame; /* whose bytes `block` has; 0: none */
	u32 first, bytes; /* which of it: [first, first + bytes) */
	u64 block[LOOK_FRAME / 8];
	u64 tstate[LOOK_TSTATE / 8];
	u64 cframe[2];
};

static __always_inline u32 look_min(u32 a, u32 b)
{
	return a < b ? a : b;
}

static __always_inline u32 look_max(u32 a, u32 b)
{
	return a > b ? a : b;
}

/* The first byte of the thread state that is read, and how many. */
static __always_inline u32 look_tstate_first(void)
{
	u32 first = look_min(py.tstate_thread_id, py.tstate_frame);

	if (py.reread == ABI_REREAD_LINES)
		first = look_min(first, look_min(py.tstate_cframe, look_min(py.tstate_tracing, py.tstate_c_tracefunc)));
	return first;
}

static __always_inline u32 look_tstate_bytes(void)
{
	u32 end = look_max(py.tstate_thread_id, py.tstate_frame);

	if (py.reread == ABI_REREAD_LINES)
		end = look_max(end, look_max(py.tstate_cframe, look_max(py.tstate_tracing, py.tstate_c_tracefunc)));
	return end + 8 - look_tstate_first();
}

static __always_inline u64 look_tstate_at(const struct py_look *l, u32 off)
{
	u32 at = off - look_tstate_first();

	return at <= LOOK_TSTATE - 8 ? py_load_u64((const u8 *)l->tstate + at) : 0;
}

/* A word of the frame: 1, or 0 when it was not read. */
static __always_inline int look_frame_at(const struct py_look *l, u64 frame, u32 off, u64 *ret)
{
	u32 at = off - l->first;

	if (l->frame != frame || !frame || at >= l->bytes || at > LOOK_FRAME - 8)
		return 0;
	*ret = py_load_u64((const u8 *)l->block + at);
	return 1;
}

static __always_inline int look_frame(struct py_look *l, u64 frame)
{
	u32 first = py.frame_code, end = py.frame_code + 8;

	if (py.prev_kind == ABI_PREV_FRAME) {
		first = look_min(first, py.frame_prev);
		end = look_max(end, py.frame_prev + 8);
	}
	if (obj.frame_slots) {
		first = look_min(first, look_min(obj.frame_globals, obj.frame_builtins));
		end = look_max(end, obj.frame_slots + 8 * LOOK_SLOTS);
	}
	if (end - first > LOOK_FRAME)
		end = look_max(py.frame_code + 8, py.prev_kind == ABI_PREV_FRAME ? py.frame_prev + 8 : 0);
	if (end - first > LOOK_FRAME || read_user(l->block, end - first, frame + first))
		return -EFAULT;
	l->first = first;
	l->bytes = end - first;
	l->frame = frame;
	return 0;
}

/*
 * The current frame of tstate as py_frame_of() does it, into *ret and *l. -EAGAIN: ask py_frame_of(), something lies where it cannot be
 * read in one piece.
 */
static __always_inline int py_frame_look(u64 tstate, u64 self, struct py_frame *ret, struct py_look *l)
{
	u64 frame, code = 0;

	l->frame = 0;
	if (look_tstate_bytes() > LOOK_TSTATE || read_user(l->tstate, look_tstate_bytes(), tstate + look_tstate_first()))
		return -EAGAIN;
	if (look_tstate_at(l, py.tstate_thread_id) != self)
		return -ENOENT;
	frame = look_tstate_at(l, py.tstate_frame);
	if (py.frame_kind == ABI_FRAME_CFRAME) {
		if (!frame)
			return -ENOENT;
		if (py.cframe_current_frame > 8 || read_user(l->cframe, sizeof(l->cframe), frame))
			return -EAGAIN;
		frame = l->cframe[py.cframe_current_frame ? 1 : 0];
	}
	if (!frame)
		return -ENOENT;
	if (look_frame(l, frame) || !look_frame_at(l, frame, py.frame_code, &code))
		return -EAGAIN;
	ret->tstate = tstate;
	ret->frame = frame;
	ret->code = code & ~(u64)py.code_tag_mask;
	return 0;
}

/* As py_prev_in_frame(). */
static __always_inline int py_prev_look(const struct py_frame *f, const struct py_look *l, s32 *ret)
{
	u64 raw = 0;

	if (py.prev_scale || !look_frame_at(l, f->frame, py.frame_prev, &raw))
		return py_prev_in_frame(f, ret);
	*ret = py_prev_of(f, raw);
	return 0;
}

/* As py_rereads(). */
static __always_inline int py_rereads_look(const struct py_frame *f, const struct py_look *l)
{
	u8 use = 0;

	if (!py.reread || l->frame != f->frame)
		return py_rereads(f);
	if (py.reread == ABI_REREAD_TRACING && !py.cframe_use_tracing)
		return (l->cframe[0] & 0xff) != 0;
	if (read_user(&use, sizeof(use), look_tstate_at(l, py.tstate_cframe) + py.cframe_use_tracing))
		return -EFAULT;
	if (!use || py.reread == ABI_REREAD_TRACING)
		return use != 0;
	return look_tstate_at(l, py.tstate_c_tracefunc) && !(u32)look_tstate_at(l, py.tstate_tracing);
}

#endif
