// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a suspended coroutine awaits: the object on top of its value stack, if it stands behind an
 * `await` or `yield from` (Objects/genobject.c, _PyGen_yf() of each version).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/code.h"
#include "probes/cpython/tasks.h"

#define YIELD_FROM	 72   /* the opcode, up to 3.10 */
#define RESUME_YIELDFROM 2    /* 3.11, 3.12: least argument of the RESUME behind it */
#define STACK_MAX	 4096 /* values of a frame */

/* A generator, coroutine or async generator. frame: 0 where it has none any more. */
struct gen {
	uint64_t frame;
	enum await_state state;
	bool yields_from; /* 3.13+, where the state tells */
};

/* Up to 3.10 (Include/genobject.h; 3.10: Include/internal/pycore_frame.h, enum _framestate). */
static int gen_read_old(struct obj_rd *rd, uint64_t obj, struct gen *g)
{
	const struct py_offsets *o = rd->off;
	uint8_t running = 0;
	uint32_t lasti;
	int r;

	r = mem_u64(rd->mem, obj + o->gen_frame, &g->frame);
	if (r || !g->frame)
		return r;
	if (o->frame_state != OFF_NONE) {
		r = mem_u8(rd->mem, g->frame + o->frame_state, &running);
		running = !running;
	} else {
		r = mem_u8(rd->mem, obj + o->gen_running, &running);
	}
	if (!r)
		r = mem_u32(rd->mem, g->frame + o->frame_lasti, &lasti);
	if (!r)
		g->state = running		? AWAIT_EXECUTING
			   : (int32_t)lasti < 0 ? AWAIT_CREATED
						: AWAIT_SUSPENDED;
	return r;
}

/* Include/internal/pycore_frame.h, enum _framestate of 3.11 to 3.15. */
static int gen_read_new(struct obj_rd *rd, uint64_t obj, struct gen *g)
{
	int created = rd->minor >= 15 ? 0 : rd->minor >= 13 ? -3 : -2;
	int executing = rd->minor >= 15 ? 4 : 0;
	uint8_t byte;
	int r, state;

	r = mem_u8(rd->mem, obj + rd->off->gen_frame_state, &byte);
	if (r)
		return r;
	state = (int8_t)byte;
	if (state < created || state > executing)
		return 0;
	g->frame = obj + rd->off->gen_iframe;
	g->state = state == executing ? AWAIT_EXECUTING
		   : state == created ? AWAIT_CREATED
				      : AWAIT_SUSPENDED;
	g->yields_from = state >= created + 2; /* besides FRAME_SUSPENDED there is nothing below */
	return 0;
}

static int gen_read(struct obj_rd *rd, uint64_t obj, struct gen *g)
{
	*g = (struct gen){ .state = AWAIT_ENDED };
	return rd->minor >= 11 ? gen_read_new(rd, obj, g) : gen_read_old(rd, obj, g);
}

/* Does a suspended frame stand behind a `yield from`? */
static bool stands_behind(struct obj_rd *rd, const struct gen *g, const struct interp_frame *f)
{
	struct code_head h;
	uint8_t unit[2];

	if (rd->minor >= 13)
		return g->yields_from;
	if (f->offset < 0 || code_head_read(rd->py, f->code, &h) ||
	    mem_read(rd->mem, h.bytecode + (uint32_t)f->offset + 2, unit, 2))
		return false;
	if (rd->minor <= 10)
		return unit[0] == YIELD_FROM;
	return bytecode_kind(rd->minor, unit[0]) == OPK_RESUME && unit[1] >= RESUME_YIELDFROM;
}

/* Where the top of a suspended frame's value stack is stored; 0. */
static uint64_t stack_top(struct obj_rd *rd, uint64_t frame)
{
	const struct py_offsets *o = rd->off;
	uint64_t base, top;
	uint32_t depth;

	if (rd->minor <= 9 || rd->minor >= 14) {
		top = obj_ptr(rd,
			      frame + (rd->minor <= 9 ? o->frame_stacktop : o->iframe_stacktop));
		base = rd->minor <= 9 ? obj_ptr(rd, frame + o->frame_valuestack)
				      : frame + o->iframe_localsplus;
		return top > base && top - base <= 8 * STACK_MAX ? top - 8 : 0;
	}
	if (mem_u32(rd->mem, frame + (rd->minor == 10 ? o->frame_stackdepth : o->iframe_stacktop),
		    &depth) ||
	    !depth || depth > STACK_MAX)
		return 0;
	base = rd->minor == 10 ? obj_ptr(rd, frame + o->frame_valuestack)
			       : frame + o->iframe_localsplus;
	return base ? base + 8 * (uint64_t)(depth - 1) : 0;
}

static uint64_t awaited(struct obj_rd *rd, const struct gen *g, const struct interp_frame *f)
{
	uint64_t at, obj;

	if (g->state != AWAIT_SUSPENDED || !stands_behind(rd, g, f))
		return 0;
	at = stack_top(rd, g->frame);
	if (!at)
		return 0;
	obj = obj_ptr(rd, at);
	/* 3.15 keeps an index above an iterator, which is NULL or a tagged number here. */
	if (rd->minor >= 15 && (obj < 4096 || obj & 2))
		obj = obj_ptr(rd, at - 8);
	return obj & ~(uint64_t)rd->py->code_tag_mask;
}

/*
 * What stands between a coroutine and what it awaits: Objects/genobject.c, iterobject.c (static
 * types); asyncio/coroutines.py up to 3.7, in debug mode.
 */
static uint64_t look_through(struct obj_rd *rd, uint64_t obj, const struct obj_type *t)
{
	static const struct {
		const char *name;
		size_t off;
	} wrappers[] = {
#define W(name, field) { name, offsetof(struct py_offsets, field) }
		W("coroutine_wrapper", coro_wrapper_coro),
		W("async_generator_asend", asend_gen),
		W("async_generator_athrow", athrow_gen),
		W("anext_awaitable", anext_wrapped),
#undef W
	};
	uint32_t off;

	for (size_t i = 0; !t->heap && i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (strcmp(t->name, wrappers[i].name))
			continue;
		memcpy(&off, (const char *)rd->off + wrappers[i].off, sizeof(off));
		return off == OFF_NONE ? 0 : obj_ptr(rd, obj + off);
	}
	if (rd->minor <= 7 && t->heap && !strcmp(t->name, "CoroWrapper"))
		return obj_attr_addr(rd, obj, "gen");
	return 0;
}

/* The future that an iterator made by awaiting it stands for; else the object itself. */
static uint64_t future_of(struct obj_rd *rd, uint64_t obj, struct obj_type *t)
{
	const char *module;

	if (strcmp(t->name, "FutureIter"))
		return obj;
	module = t->heap ? obj_type_module(rd, t) : "_asyncio";
	if (!module || strcmp(module, "_asyncio"))
		return obj;
	return obj_ptr(rd, obj + rd->off->future_iter_future);
}

int await_follow(struct obj_rd *rd, uint64_t coro, struct await_chain *ret)
{
	VEC(struct interp_frame) frames = { 0 };
	bool first = true;
	int r = 0;

	*ret = (struct await_chain){ .state = AWAIT_ENDED };
	for (unsigned i = 0; !r && coro && i < AWAIT_DEPTH_MAX; i++) {
		struct obj_type *t = obj_type_of(rd, coro, NULL);
		struct interp_frame f;
		struct gen g;

		if (!t)
			break;
		if (t->cls != OBJ_COROUTINE && t->cls != OBJ_GENERATOR &&
		    t->cls != OBJ_ASYNC_GENERATOR) {
			uint64_t next = look_through(rd, coro, t);

			if (!next)
				ret->last = future_of(rd, coro, t);
			coro = next;
			continue;
		}
		if (gen_read(rd, coro, &g))
			break;
		if (first)
			ret->state = g.state;
		first = false;
		if (!g.frame || cpython_frame_at(rd->py, g.frame, &f))
			break;
		r = vec_push(&frames, f);
		coro = awaited(rd, &g, &f);
	}
	if (r || rd->nomem) {
		vec_deinit(&frames);
		return -ENOMEM;
	}
	ret->frames = frames.data;
	ret->n = frames.n;
	return 0;
}
