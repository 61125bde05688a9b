// SPDX-License-Identifier: BSD-2-Clause
/* The variables of a frame. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VARS_MAX 65536 /* more slots than this: the code object is garbage */

/* co_flags (Include/cpython/code.h) */
enum { CO_OPTIMIZED = 1, CO_VARARGS = 4, CO_VARKEYWORDS = 8 };
/* co_localspluskinds (Include/internal/pycore_code.h, 3.11+) */
enum { FAST_HIDDEN = 0x10, FAST_LOCAL = 0x20, FAST_CELL = 0x40, FAST_FREE = 0x80 };

struct frame_code {
	uint64_t addr;
	int32_t argcount, kwonly, flags;
	int32_t nargs; /* how many first slots are parameters */
	uint64_t nlocals;
};

typedef VEC(struct interp_var) var_vec;

/* The rest of *c, of which addr is known. */
static int code_counts(struct cpython *py, struct frame_code *c)
{
	const struct py_offsets *off = py->off;
	int r;

	if ((r = cpython_s32(py, c->addr + off->code_argcount, &c->argcount)) < 0 ||
	    (r = cpython_s32(py, c->addr + off->code_kwonlyargcount, &c->kwonly)) < 0 ||
	    (r = cpython_s32(py, c->addr + off->code_flags, &c->flags)) < 0)
		return r;
	c->nargs = c->argcount;
	if (c->argcount < 0 || c->argcount > VARS_MAX || c->kwonly < 0 || c->kwonly > VARS_MAX)
		return -EINVAL;
	c->nargs += c->kwonly;
	c->nargs += (c->flags & CO_VARARGS) ? 1 : 0;
	c->nargs += (c->flags & CO_VARKEYWORDS) ? 1 : 0;
	return 0;
}

static int code_open(struct cpython *py, uint64_t frame, struct frame_code *c)
{
	int r;

	mem_live(py->mem); /* the frame lies in the record */
	r = cpython_frame_code(py, frame, &c->addr);
	if (r >= 0)
		r = code_counts(py, c);
	mem_live_end(py->mem);
	return r;
}

/* 3.14+: a tagged int has no object; other tags are low bits of the pointer (pycore_stackref.h). */
static uint64_t untag(struct cpython *py, uint64_t ref)
{
	if (!py->code_tag_mask)
		return ref;
	if ((ref & 3) == 3)
		return 0;
	ref &= ~(uint64_t)py->code_tag_mask;
	return ref;
}

/* The object in a cell; a cell that is not there yet, or something else: 0. */
static uint64_t through_cell(struct obj_rd *rd, uint64_t cell, bool *ret_is_cell)
{
	struct obj_type *t = cell ? obj_type_of(rd, cell, NULL) : NULL;

	*ret_is_cell = t && t->cls == OBJ_CELL;
	return *ret_is_cell ? obj_ptr(rd, cell + rd->off->cell_ref) : 0;
}

/* The name is number i of a tuple of the code object. */
static int push(struct obj_rd *rd, var_vec *vars, uint64_t names, uint64_t i,
		enum interp_var_kind kind, bool arg, uint64_t value)
{
	struct interp_var v = { .kind = kind, .arg = arg, .value = value };

	obj_live(rd);
	v.name = obj_str_dup(rd, obj_ptr(rd, names + rd->off->tuple_items + 8 * i));
	obj_live_end(rd);
	if (!v.name)
		v.name = rd->nomem ? NULL : strdup("?");
	if (!v.name || vec_push(vars, v) < 0) {
		free(v.name);
		return -ENOMEM;
	}
	return 0;
}

/* 3.11+: one array of slots; names and kinds beside it. */
static int vars_plus(struct obj_rd *rd, uint64_t frame, const struct frame_code *c, var_vec *vars)
{
	const struct py_offsets *off = rd->off;
	uint64_t names, kinds, n;
	int32_t slots;
	int r;

	obj_live(rd);
	names = obj_ptr(rd, c->addr + off->code_localsplusnames);
	kinds = obj_ptr(rd, c->addr + off->code_localspluskinds);
	r = cpython_s32(rd->py, c->addr + off->code_nlocalsplus, &slots);
	if (r == 0)
		r = mem_u64(rd->mem, names + off->ob_size, &n);
	obj_live_end(rd);
	if (r < 0)
		return r;
	if (slots < 0 || slots > VARS_MAX || n < (uint64_t)slots)
		return -EINVAL;
	for (int32_t i = 0; i < slots; i++) {
		uint64_t value, inner;
		enum interp_var_kind kind = VAR_LOCAL;
		uint8_t bits;
		bool is_cell;

		obj_live(rd);
		r = mem_u8(rd->mem, kinds + off->bytes_data + (uint64_t)i, &bits);
		obj_live_end(rd);
		if (r == 0)
			r = mem_u64(rd->mem, frame + off->iframe_localsplus + 8 * (uint64_t)i,
				    &value);
		if (r < 0)
			return r;
		value = untag(rd->py, value);
		if (bits & (FAST_CELL | FAST_FREE)) {
			kind = bits & FAST_FREE ? VAR_FREE : VAR_CELL;
			inner = through_cell(rd, value, &is_cell);
			/* Until MAKE_CELL has run an argument is still itself. */
			value = is_cell ? inner : kind == VAR_CELL ? value : 0;
		}
		/* A comprehension's variable, inlined: it is there only while the comprehension
		 * runs. */
		if (bits & FAST_HIDDEN && !value)
			continue;
		r = push(rd, vars, names, (uint64_t)i, kind, i < c->nargs, value);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Up to 3.10: co_nlocals fast slots, then cells, then free variables; a parameter that is a cell
 * has an empty slot. */
static int vars_fast(struct obj_rd *rd, uint64_t frame, const struct frame_code *c, var_vec *vars)
{
	const struct py_offsets *off = rd->off;
	const uint32_t tuples[3] = { off->code_varnames, off->code_cellvars, off->code_freevars };
	uint64_t slot = frame + off->frame_localsplus, count[3], names[3];
	int32_t nlocals;
	int r;

	obj_live(rd);
	r = cpython_s32(rd->py, c->addr + off->code_nlocals, &nlocals);
	for (int k = 0; r == 0 && k < 3; k++) {
		names[k] = obj_ptr(rd, c->addr + tuples[k]);
		r = names[k] ? mem_u64(rd->mem, names[k] + off->ob_size, &count[k]) : -EINVAL;
		if (r == 0 && count[k] > VARS_MAX)
			r = -EINVAL;
	}
	obj_live_end(rd);
	if (r < 0)
		return r;
	if (nlocals < 0 || (uint64_t)nlocals != count[0])
		return -EINVAL;
	for (int k = 0; k < 3; k++)
		for (uint64_t i = 0; i < count[k]; i++, slot += 8) {
			uint64_t value;
			bool arg = k == 0 && i < (uint64_t)c->nargs, is_cell;
			size_t same = vars->n;

			r = mem_u64(rd->mem, slot, &value);
			if (r < 0)
				return r;
			if (k > 0)
				value = through_cell(rd, value, &is_cell);
			if (k == 0 || k == 2) {
				r = push(rd, vars, names[k], i, k ? VAR_FREE : VAR_LOCAL, arg,
					 value);
				if (r < 0)
					return r;
				continue;
			}
			/* The cell of a parameter: one variable, in the parameter's place. */
			r = push(rd, vars, names[k], i, VAR_CELL, false, value);
			if (r < 0)
				return r;
			for (same = 0; same < (uint64_t)c->nargs && same < vars->n - 1; same++)
				if (strcmp(vars->data[same].name, vars->data[vars->n - 1].name) ==
				    0)
					break;
			if (same < (uint64_t)c->nargs && same < vars->n - 1) {
				vars->data[same].kind = VAR_CELL;
				if (value)
					vars->data[same].value = value;
				free(vars->data[--vars->n].name);
			}
		}
	return 0;
}

int cpython_frame_vars(struct interp *in, uint64_t frame, struct interp_var **ret, size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	var_vec vars = { 0 };
	struct frame_code c;
	struct obj_rd rd;
	int r;

	r = code_open(py, frame, &c);
	if (r < 0)
		return r;
	obj_rd_init(&rd, in, NULL);
	r = py->info.minor >= 11 ? vars_plus(&rd, frame, &c, &vars)
				 : vars_fast(&rd, frame, &c, &vars);
	obj_rd_deinit(&rd);
	if (r < 0) {
		interp_vars_free(vars.data, vars.n);
		return r;
	}
	*ret = vars.data;
	*ret_n = vars.n;
	return 0;
}

int cpython_frame_dicts(struct interp *in, uint64_t frame, uint64_t *ret_globals,
			uint64_t *ret_builtins, uint64_t *ret_locals)
{
	struct cpython *py = cpython_of(in);
	const struct py_offsets *off = py->off;
	bool plus = py->info.minor >= 11;
	struct frame_code c;
	uint64_t g, b, l;
	int r;

	r = code_open(py, frame, &c);
	if (r < 0)
		return r;
	if ((r = mem_u64(py->mem, frame + (plus ? off->iframe_globals : off->frame_globals), &g)) <
		    0 ||
	    (r = mem_u64(py->mem, frame + (plus ? off->iframe_builtins : off->frame_builtins),
			 &b)) < 0 ||
	    (r = mem_u64(py->mem, frame + (plus ? off->iframe_locals : off->frame_locals), &l)) < 0)
		return r;
	*ret_globals = g;
	*ret_builtins = b;
	/* Functions keep their variables in slots; what f_locals has then is a copy made by
	 * locals(). */
	*ret_locals = c.flags & CO_OPTIMIZED ? 0 : l;
	return 0;
}
