// SPDX-License-Identifier: BSD-2-Clause
/* Where the calls of a code object begin and end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "probes/cpython/code.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/flow.h"

#define FLAGS_GENERATOR 0x2a0 /* CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR */

#define OP_WITH_CLEANUP_FINISH 82 /* up to 3.8, Include/opcode.h */

/* RESUME in its first place (Python/compile.c); up to 3.10 a frame starts with its first unit. */
static uint32_t find_entry(const struct flow *f)
{
	for (uint32_t i = 0; f->minor >= 11 && i < f->n; i++)
		if (f->ins[i].kind == OPK_RESUME && !(f->ins[i].arg & 3))
			return f->ins[i].start;
	return 0;
}

static int find_returns(const struct flow *f, struct interp_exits *ret)
{
	VEC(uint32_t) v = { 0 };
	int r = 0;

	for (uint32_t i = 0; !r && i < f->n; i++)
		if (f->ins[i].kind == OPK_EXIT && !f->ins[i].flags)
			r = vec_push(&v, f->ins[i].start);
	if (r) {
		vec_deinit(&v);
		return r;
	}
	ret->returns = v.data;
	ret->nreturns = v.n;
	return 0;
}

/* 3.11+: the parts that have a handler. */
static int find_ranges(const struct flow *f, struct abi_timed *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		if (f->handler[i] < 0)
			continue;
		if (n && ret->ranges[n - 1].hi == (int32_t)f->ins[i].start) {
			ret->ranges[n - 1].hi = (int32_t)f->ins[i].end;
			continue;
		}
		if (n == ABI_TIMED_RANGES)
			return -E2BIG;
		ret->ranges[n].lo = (int32_t)f->ins[i].start;
		ret->ranges[n++].hi = (int32_t)f->ins[i].end;
	}
	ret->nranges = n;
	return 0;
}

/* Up to 3.8. */
static int find_ends(const struct flow *f, struct abi_timed *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		if (f->ins[i].kind != OPK_END_FINALLY || f->body[i] < 0)
			continue;
		if (n == ABI_TIMED_ENDS)
			return -E2BIG;
		ret->ends[n].at = (int32_t)f->ins[i].at;
		ret->ends[n].depth = f->depth[i];
		ret->ends[n].silences =
			f->minor <= 7 && i && f->ins[i - 1].op == OP_WITH_CLEANUP_FINISH;
		ret->ends[n++].handler = (int32_t)f->ins[f->body[i]].start;
	}
	ret->nends = n;
	return 0;
}

static int find_exits(const struct flow *f, struct interp_exits *ret)
{
	int r;

	ret->entry = find_entry(f);
	/*
	 * A loop may begin with the first instruction. From 3.12 on RESUME runs again once it has
	 * instrumented the code; behind it that is told by the frame's position, at offset 0 it is
	 * not.
	 */
	if (f->minor <= 10 ? f->in_first[1] > f->in_first[0] : !ret->entry)
		ret->timed.flags |= ABI_TIMED_LOOPS;
	r = f->minor >= 11 ? find_ranges(f, &ret->timed) : find_ends(f, &ret->timed);
	return r ? r : find_returns(f, ret);
}

/* The flow of a code object; the parts, which it borrows from, are due for code_parts_deinit() if
 * it is 0. */
static int flow_of(struct interp *in, uint64_t code, struct code_parts *p, struct flow *ret)
{
	struct flow_input fi;
	int r = code_parts_read(cpython_of(in), code, p);

	if (r)
		return r;
	fi = flow_input_of(cpython_of(in), p);
	r = flow_init(ret, &fi);
	if (r)
		code_parts_deinit(p);
	return r;
}

int cpython_exits(struct interp *in, uint64_t code, struct interp_exits *ret)
{
	struct interp_exits x = { 0 };
	struct code_parts p;
	struct flow f;
	int r;

	r = flow_of(in, code, &p, &f);
	if (r)
		return r;
	x.generator = p.head.flags & FLAGS_GENERATOR;
	r = find_exits(&f, &x);
	flow_deinit(&f);
	code_parts_deinit(&p);
	if (!r)
		*ret = x;
	return r;
}

#define GEN_START 129 /* 3.10: the first unit of a generator; Include/opcode.h */

/* Only what begins the frame leads to instruction i. */
static int begins(const struct flow *f, uint32_t i, int32_t *ret_from)
{
	uint32_t first, edges = f->in_first[i + 1] - f->in_first[i];

	if (f->minor >= 11) {
		first = (uint32_t)flow_at(f, find_entry(f));
		*ret_from = (int32_t)f->ins[first].start;
		return f->ins[first].kind == OPK_RESUME && i == first + 1 && edges == 1;
	}
	*ret_from =
		-1; /* f_lasti of a frame that has begun but run nothing (Objects/frameobject.c) */
	first = f->minor == 10 && f->ins[0].op == GEN_START;
	return i == first && edges == first;
}

int cpython_begins(struct interp *in, uint64_t code, uint32_t offset, int32_t *ret_from)
{
	struct code_parts p;
	struct flow f;
	int32_t i;
	int r;

	r = flow_of(in, code, &p, &f);
	if (r)
		return r;
	i = flow_at(&f, offset);
	r = i < 0 ? -EINVAL : f.ins[i].start == offset && begins(&f, (uint32_t)i, ret_from);
	flow_deinit(&f);
	code_parts_deinit(&p);
	return r;
}
