// SPDX-License-Identifier: BSD-2-Clause
/* What a code object says of the variables of its frames, and the texts it holds. */
#include "probes/cpython/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define SLOTS_MAX 65535

/* co_flags; co_localspluskinds (see vars.c) */
enum { CO_OPTIMIZED = 1, CO_VARARGS = 4, CO_VARKEYWORDS = 8 };
enum { FAST_CELL = 0x40, FAST_FREE = 0x80 };

typedef VEC(struct interp_slot) slot_vec;

static int push(struct obj_rd *rd, slot_vec *v, uint64_t name, enum interp_var_kind kind,
		uint32_t slot)
{
	struct interp_slot s = { .kind = kind, .slot = slot };

	/* From 3.11 on a parameter that is a cell is itself until the frame has begun. */
	s.maybe_bare = kind == VAR_CELL && rd->minor >= 11;
	s.name = obj_str_dup(rd, name);
	if (!s.name)
		return rd->nomem ? -ENOMEM : -EFAULT;
	if (vec_push(v, s)) {
		free(s.name);
		return -ENOMEM;
	}
	return 0;
}

static int tuple_size(struct obj_rd *rd, uint64_t tuple, uint64_t *ret)
{
	int r = tuple ? mem_u64(rd->mem, tuple + rd->off->ob_size, ret) : -EINVAL;

	return !r && *ret > SLOTS_MAX ? -EINVAL : r;
}

static uint64_t tuple_item(struct obj_rd *rd, uint64_t tuple, uint64_t i)
{
	return obj_ptr(rd, tuple + rd->off->tuple_items + 8 * i);
}

/* 3.11+: one array of slots; names and kinds beside it. */
static int slots_plus(struct obj_rd *rd, uint64_t code, slot_vec *v)
{
	uint64_t names = obj_ptr(rd, code + rd->off->code_localsplusnames), n;
	uint64_t kinds = obj_ptr(rd, code + rd->off->code_localspluskinds);
	uint8_t bits;
	int r = tuple_size(rd, names, &n);

	for (uint64_t i = 0; !r && i < n; i++) {
		r = mem_u8(rd->mem, kinds + rd->off->bytes_data + i, &bits);
		if (!r)
			r = push(rd, v, tuple_item(rd, names, i),
				 bits & FAST_FREE   ? VAR_FREE
				 : bits & FAST_CELL ? VAR_CELL
						    : VAR_LOCAL,
				 (uint32_t)i);
	}
	return r;
}

/* How many first locals are parameters. */
static int nargs(struct obj_rd *rd, uint64_t code, int32_t flags, uint64_t *ret)
{
	int32_t args, kwonly;

	if (cpython_s32(rd->py, code + rd->off->code_argcount, &args) ||
	    cpython_s32(rd->py, code + rd->off->code_kwonlyargcount, &kwonly))
		return -EFAULT;
	*ret = (uint64_t)args + (uint64_t)kwonly + !!(flags & CO_VARARGS) +
	       !!(flags & CO_VARKEYWORDS);
	return args < 0 || kwonly < 0 ? -EINVAL : 0;
}

/* Up to 3.10: locals, cells, free variables; a parameter that is a cell has an empty local slot. */
static int slots_fast(struct obj_rd *rd, uint64_t code, int32_t flags, slot_vec *v)
{
	const uint32_t at[3] = { rd->off->code_varnames, rd->off->code_cellvars,
				 rd->off->code_freevars };
	static const enum interp_var_kind kinds[3] = { VAR_LOCAL, VAR_CELL, VAR_FREE };
	uint64_t n, args;
	uint32_t slot = 0;
	int r = nargs(rd, code, flags, &args);

	for (int k = 0; !r && k < 3; k++) {
		uint64_t names = obj_ptr(rd, code + at[k]);

		r = tuple_size(rd, names, &n);
		for (uint64_t i = 0; !r && i < n; i++, slot++) {
			r = push(rd, v, tuple_item(rd, names, i), kinds[k], slot);
			for (size_t j = 0; !r && k == 1 && j < args && j + 1 < v->n; j++)
				if (!strcmp(v->data[j].name, v->data[v->n - 1].name)) {
					v->data[j].kind = VAR_CELL;
					v->data[j].slot = slot;
					free(v->data[--v->n].name);
					break;
				}
		}
	}
	return r;
}

int cpython_code_slots(struct interp *in, uint64_t code, bool *ret_optimized,
		       struct interp_slot **ret, size_t *ret_n)
{
	slot_vec v = { 0 };
	struct obj_rd rd;
	int32_t flags;
	int r;

	obj_rd_init(&rd, in, NULL);
	r = cpython_s32(rd.py, code + rd.off->code_flags, &flags);
	if (!r)
		r = rd.minor >= 11 ? slots_plus(&rd, code, &v) : slots_fast(&rd, code, flags, &v);
	obj_rd_deinit(&rd);
	if (r) {
		interp_slots_free(v.data, v.n);
		return r;
	}
	*ret_optimized = flags & CO_OPTIMIZED;
	*ret = v.data;
	*ret_n = v.n;
	return 0;
}

/* The str among the items of a tuple, or, if deep, of the tuples that it holds; 0: none. */
static uint64_t tuple_str(struct obj_rd *rd, uint64_t tuple, const char *text, bool deep)
{
	uint64_t found = 0, n, item, type;

	if (tuple_size(rd, tuple, &n))
		return 0;
	for (uint64_t i = 0; !found && i < n; i++) {
		item = tuple_item(rd, tuple, i);
		if (!item || cpython_type_of(rd->py, item, &type))
			continue;
		if (type == rd->py->types.str && obj_str_is(rd, item, text))
			found = item;
		else if (deep && type == rd->py->types.tuple)
			found = tuple_str(rd, item, text, false);
	}
	return found;
}

uint64_t cpython_code_str(struct interp *in, uint64_t code, const char *text)
{
	const struct py_offsets *off = cpython_of(in)->off;
	const uint32_t at[] = { off->code_names, off->code_consts };
	uint64_t found = 0;
	struct obj_rd rd;

	obj_rd_init(&rd, in, NULL);
	/* (up to 3.13 the keys of a dict display are a tuple) */
	for (size_t k = 0; !found && k < sizeof(at) / sizeof(at[0]); k++)
		found = tuple_str(&rd, obj_ptr(&rd, code + at[k]), text, true);
	obj_rd_deinit(&rd);
	return found;
}

int cpython_builtins(struct interp *in, uint64_t *ret_dict)
{
	struct cpython *py = cpython_of(in);
	uint64_t interp;
	int r = mem_u64(py->mem, py->interp_head, &interp);

	return r ? r : mem_u64(py->mem, interp + py->off->interp_builtins, ret_dict);
}
