// SPDX-License-Identifier: BSD-2-Clause
/* From a thread state to its frames. Every link comes from the target: each loop is bounded. */
#include "probes/cpython/cpython.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* enum _frameowner: 3 is FRAME_OWNED_BY_CSTACK (3.12, 3.13) or ..._BY_INTERPRETER (3.14+), 4 the
 * latter's 3.14. */
#define OWNER_SHIM 3

struct frame_info {
	uint64_t code, previous;
	int32_t offset;
	bool shim;
};

int cpython_frame_code(struct cpython *py, uint64_t frame, uint64_t *ret)
{
	const struct py_offsets *o = py->off;
	uint64_t code, type;
	int r;

	r = cpython_ptr(py, frame + (o->minor <= 10 ? o->frame_code : o->iframe_code), &code);
	if (r)
		return r;
	code &= ~(uint64_t)py->code_tag_mask;
	r = cpython_type_of(py, code, &type);
	if (r)
		return r;
	if (type != py->types.code)
		return -EINVAL;
	*ret = code;
	return 0;
}

static int is_shim(struct cpython *py, uint64_t frame, bool *ret)
{
	uint8_t owner;
	int r;

	*ret = false;
	if (py->off->minor <= 11) /* every frame is a Python frame */
		return 0;
	r = mem_u8(py->mem, frame + py->off->iframe_owner, &owner);
	if (r)
		return r;
	*ret = owner >= OWNER_SHIM;
	return 0;
}

static int first_frame(struct cpython *py, uint64_t tstate, uint64_t *ret)
{
	uint64_t p;
	int r;

	r = cpython_ptr(py, tstate + py->off->tstate_frame, &p);
	if (r)
		return r;
	/* 3.11 and 3.12 hang the frame on a structure of the C stack (Include/cpython/pystate.h,
	 * _PyCFrame). */
	if (p && py->off->cframe_current_frame != OFF_NONE) {
		r = cpython_ptr(py, p + py->off->cframe_current_frame, &p);
		if (r)
			return r;
	}
	*ret = p;
	return 0;
}

static int previous_frame(struct cpython *py, uint64_t frame, uint64_t *ret)
{
	const struct py_offsets *o = py->off;

	return cpython_ptr(py, frame + (o->minor <= 10 ? o->frame_back : o->iframe_previous), ret);
}

/* From frame on (itself included), the first that is no shim; 0: none. ret_any: there was one. */
static int skip_shims(struct cpython *py, uint64_t frame, uint64_t *ret, bool *ret_any)
{
	bool shim;
	int r, i;

	*ret_any = false;
	for (i = 0; frame && i < CPYTHON_FRAMES_MAX; i++) {
		r = is_shim(py, frame, &shim);
		if (r)
			return r;
		if (!shim)
			break;
		*ret_any = true;
		r = previous_frame(py, frame, &frame);
		if (r)
			return r;
	}
	*ret = frame;
	return 0;
}

int cpython_top_frame(struct cpython *py, uint64_t tstate, uint64_t *ret)
{
	uint64_t frame;
	bool any;
	int r;

	r = first_frame(py, tstate, &frame);
	return r ? r : skip_shims(py, frame, ret, &any);
}

/*
 * Where the frame before it is; 0: there is none. ret_entry: up to 3.10 each frame has a call of
 * the eval loop of its own; 3.11 notes it (is_entry); from 3.12 on such a call puts a shim below.
 */
static int step_out(struct cpython *py, uint64_t frame, uint64_t *ret, bool *ret_entry)
{
	uint8_t is_entry = 1;
	bool any;
	int r = 0;

	if (py->off->minor == 11)
		r = mem_u8(py->mem, frame + py->off->iframe_is_entry, &is_entry);
	if (!r)
		r = previous_frame(py, frame, ret);
	if (!r)
		r = skip_shims(py, *ret, ret, &any);
	*ret_entry = r || !*ret || any || (py->off->minor <= 11 && is_entry);
	return r;
}

/* Byte offset of the instruction where the frame stands; -1: not started, or its bytes lie
 * elsewhere. */
static int frame_offset(struct cpython *py, uint64_t frame, uint64_t code, int32_t *ret)
{
	const struct py_offsets *o = py->off;
	uint64_t instr, start, size;
	int32_t lasti;
	int r;

	if (o->minor <= 10) {
		r = cpython_s32(py, frame + o->frame_lasti, &lasti);
		if (r)
			return r;
		if (lasti < 0 || lasti > INT32_MAX / 2)
			*ret = -1;
		else
			*ret = o->minor == 10 ? lasti * 2 : lasti; /* 3.10 counts code units */
		return 0;
	}
	r = cpython_ptr(py, frame + o->iframe_instr, &instr);
	if (!r)
		r = cpython_ptr(py, code + o->ob_size,
				&size); /* code units: co_code_adaptive is the variable part */
	if (r)
		return r;
	start = code + o->code_adaptive;
	if (instr < start || size > INT32_MAX / 2 || instr - start >= size * 2)
		*ret = -1;
	else
		*ret = (int32_t)(instr - start);
	return 0;
}

int cpython_frame_at(struct cpython *py, uint64_t frame, struct interp_frame *ret)
{
	struct interp_frame f = { .frame = frame };
	int r;

	r = cpython_frame_code(py, frame, &f.code);
	if (!r)
		r = frame_offset(py, frame, f.code, &f.offset);
	if (r)
		return r;
	r = cpython_line_of(&py->base, f.code, f.offset);
	if (r == -ENOMEM)
		return r;
	f.line = r > 0 ? r : 0;
	*ret = f;
	return 0;
}

int cpython_frames_from(struct cpython *py, uint64_t frame, size_t max, struct interp_frame **ret,
			size_t *ret_n)
{
	VEC(struct interp_frame) frames = { 0 };
	uint64_t tortoise = 0;
	size_t steps = 0, power = 1;
	bool any;
	int r;

	if (max > CPYTHON_FRAMES_MAX)
		max = CPYTHON_FRAMES_MAX;
	r = skip_shims(py, frame, &frame, &any);
	while (!r && frame && frames.n < max) {
		struct interp_frame f;

		/* Brent: a corrupt chain that closes on itself ends here and not at max. */
		if (frame == tortoise) {
			r = -ELOOP;
			break;
		}
		if (++steps == power) {
			tortoise = frame;
			power *= 2;
		}
		r = cpython_frame_at(py, frame, &f);
		if (!r)
			r = vec_push(&frames, f);
		if (!r)
			r = step_out(py, frame, &frame, &frames.data[frames.n - 1].entry);
	}
	/* What was read before the chain broke is better than nothing: a running target changes
	 * under us. */
	if (r && (!frames.n || r == -ENOMEM)) {
		vec_deinit(&frames);
		return r;
	}
	*ret = frames.data;
	*ret_n = frames.n;
	return 0;
}

int cpython_frames(struct interp *in, uint64_t tstate, size_t max, struct interp_frame **ret,
		   size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	uint64_t frame;
	int r = first_frame(py, tstate, &frame);

	return r ? r : cpython_frames_from(py, frame, max, ret, ret_n);
}
