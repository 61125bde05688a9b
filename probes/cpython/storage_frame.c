// SPDX-License-Identifier: BSD-2-Clause
/* Where a local variable is stored: a slot of its frame, or a cell that closures share. */
#include "probes/cpython/objects.h"

#include "base/err.h"
#include "probes/cpython/code.h"
#include "probes/cpython/flow.h"

#include <errno.h>
#include <inttypes.h>

#define VARS_MAX 65536
enum { KIND_HIDDEN = 0x10, KIND_CELL = 0x40, KIND_FREE = 0x80 }; /* co_localspluskinds */

/* ---- which slot ---- */

/* Index of a name in a tuple of str; -ENOENT. */
static int64_t name_index(struct obj_rd *rd, uint64_t tuple, const char *name)
{
	uint64_t n;

	if (!tuple || mem_u64(rd->mem, tuple + rd->off->ob_size, &n) < 0 || n > VARS_MAX)
		return -EFAULT;
	for (uint64_t i = 0; i < n; i++)
		if (obj_str_is(rd, obj_ptr(rd, tuple + rd->off->tuple_items + 8 * i), name))
			return (int64_t)i;
	return -ENOENT;
}

/* Up to 3.10: locals, then cells, then free variables; a parameter that is a cell is in two lists.
 */
static int64_t slot_fast(struct obj_rd *rd, uint64_t code, const char *name, bool *ret_cell)
{
	const struct py_offsets *off = rd->off;
	uint64_t cells = obj_ptr(rd, code + off->code_cellvars), ncells;
	int64_t i;
	int32_t nlocals;

	if (cpython_s32(rd->py, code + off->code_nlocals, &nlocals) < 0 || nlocals < 0 ||
	    mem_u64(rd->mem, cells + off->ob_size, &ncells) < 0 || ncells > VARS_MAX)
		return -EFAULT;
	*ret_cell = true;
	i = name_index(rd, cells, name);
	if (i >= 0)
		return nlocals + i;
	i = name_index(rd, obj_ptr(rd, code + off->code_freevars), name);
	if (i >= 0)
		return nlocals + (int64_t)ncells + i;
	*ret_cell = false;
	return name_index(rd, obj_ptr(rd, code + off->code_varnames), name);
}

static int64_t slot_plus(struct obj_rd *rd, uint64_t code, const char *name, bool *ret_cell)
{
	const struct py_offsets *off = rd->off;
	uint64_t kinds = obj_ptr(rd, code + off->code_localspluskinds);
	int64_t i = name_index(rd, obj_ptr(rd, code + off->code_localsplusnames), name);
	uint8_t kind;

	if (i < 0)
		return i;
	if (mem_u8(rd->mem, kinds + off->bytes_data + (uint64_t)i, &kind) < 0)
		return -EFAULT;
	if (kind & KIND_HIDDEN)
		return -ENOENT;
	*ret_cell = kind & (KIND_CELL | KIND_FREE);
	return i;
}

/* ---- comprehensions in the same code (3.12+, PEP 709) ---- */

static uint8_t op_and_clear(unsigned minor)
{
	static const uint8_t ops[] = { [12] = 143, [13] = 86, [14] = 85, [15] = 84 };

	return minor < sizeof(ops) ? ops[minor] : 0;
}

/* Does the instruction store to the slot? STORE_FAST and, from 3.13 on, its pairs. */
static bool stores(unsigned minor, const struct instr *in, uint32_t slot)
{
	static const uint8_t store[] = { [12] = 125, [13] = 110, [14] = 112, [15] = 111 };

	if (in->op == store[minor])
		return in->arg == slot;
	if (minor < 13)
		return false;
	if (in->op == store[minor] + 1) /* STORE_FAST_LOAD_FAST */
		return in->arg >> 4 == slot;
	return in->op == store[minor] + 2 && (in->arg >> 4 == slot || (in->arg & 15) == slot);
}

static int add_skip(struct interp_storage *st, const struct flow *f, uint32_t from, uint32_t to,
		    bool restores)
{
	if (st->nskip == INTERP_SKIPS_MAX)
		return -E2BIG;
	st->skip[st->nskip].lo = (int32_t)f->ins[from].start;
	st->skip[st->nskip].hi = (int32_t)f->ins[to].at;
	st->skip[st->nskip++].restores = restores;
	return 0;
}

/* What was there is put back by the first store from i on. 3.12 may run it as the second half of
 * the instruction before. */
static int add_restore(struct interp_storage *st, const struct flow *f, uint32_t i, uint32_t slot)
{
	for (; i < f->n; i++)
		if (stores(f->minor, &f->ins[i], slot))
			return add_skip(st, f, f->minor == 12 && i ? i - 1 : i, i, true);
	return 0;
}

/* Does the handler guard the instruction, itself or as the handler of a handler? */
static bool is_guarded(const struct flow *f, uint32_t i, int32_t handler)
{
	int32_t h = f->handler[i];

	for (int steps = 0; h >= 0 && h != handler && steps < 64; steps++)
		h = f->handler[h];
	return h == handler;
}

/*
 * A comprehension begins with LOAD_FAST_AND_CLEAR; a handler that puts the variable back guards all
 * of it (Python/compile.c, push_inlined_comprehension_state).
 */
static int skip_comprehension(struct interp_storage *st, const struct flow *f, uint32_t begin,
			      uint32_t slot)
{
	uint32_t i = begin + 1, last;
	int32_t handler;
	int r;

	while (i < f->n && f->handler[i] == f->handler[begin])
		i++;
	if (i == f->n || f->handler[i] < 0)
		return 0;
	handler = f->handler[i];
	for (last = i; i < f->n && is_guarded(f, i, handler); i++)
		last = i;
	r = add_skip(st, f, begin, last, false);
	if (!r)
		r = add_restore(st, f, last + 1, slot);
	return r ? r : add_restore(st, f, (uint32_t)handler, slot);
}

static int skip_comprehensions(struct obj_rd *rd, uint64_t code, uint32_t slot,
			       struct interp_storage *st)
{
	uint8_t op = op_and_clear(rd->minor);
	struct flow_input in;
	struct code_parts p;
	struct flow f;
	int r;

	if (!op)
		return 0;
	r = code_parts_read(rd->py, code, &p);
	if (r)
		return r;
	in = (struct flow_input){
		.minor = rd->minor,
		.bytes = p.bytes,
		.size = p.head.size,
		.lines = p.lines,
		.lines_len = p.lines_len,
		.exceptions = p.exceptions,
		.exceptions_len = p.exceptions_len,
		.first_line = p.head.first_line,
		.first_traceable = p.head.first_traceable,
	};
	r = flow_init(&f, &in);
	if (!r) {
		for (uint32_t i = 0; !r && i < f.n; i++)
			if (f.ins[i].op == op && f.ins[i].arg == slot)
				r = skip_comprehension(st, &f, i, slot);
		flow_deinit(&f);
	}
	code_parts_deinit(&p);
	return r;
}

/* ---- all of it ---- */

/* Up to 3.10 a frame is an object; from 3.11 on that of a generator is a part of one (enum
 * _frameowner: 1). */
static void guard_frame(struct obj_rd *rd, struct interp_storage *st, uint64_t frame)
{
	uint64_t obj = frame;
	struct obj_type *t;
	uint8_t owner;

	if (rd->minor >= 11) {
		if (mem_u8(rd->mem, frame + rd->off->iframe_owner, &owner) < 0 || owner != 1)
			return;
		obj = frame - rd->off->gen_iframe;
	}
	t = obj_type_of(rd, obj, NULL);
	if (!t)
		return;
	st->detached = true;
	storage_guard(st, obj + rd->off->ob_type, UINT64_MAX, t->addr, false);
	storage_guard(st, obj + rd->off->ob_refcnt, UINT32_MAX, 0, true);
	st->nalive = st->nguards;
}

static int cell_storage(struct obj_rd *rd, uint64_t cell, const char *name, struct err *err,
			struct interp_storage *st)
{
	struct obj_type *t = cell ? obj_type_of(rd, cell, NULL) : NULL;

	if (!t || t->cls != OBJ_CELL)
		return err_set(err, -EOPNOTSUPP,
			       "'%s' has no cell yet: watch it when the function has begun", name);
	st->kind = STORAGE_CELL;
	st->slot = cell + rd->off->cell_ref;
	storage_guard_object(rd, st, cell, t);
	if (mem_u64(rd->mem, st->slot, &st->value) < 0)
		return err_set(err, -EFAULT, "the variable '%s' cannot be read", name);
	return 0;
}

int storage_local(struct obj_rd *rd, const struct interp_ref *ref, struct err *err,
		  struct interp_storage *st)
{
	bool plus = rd->minor >= 11, cell = false;
	uint64_t code, word;
	int64_t slot;
	int r;

	if (cpython_frame_code(rd->py, ref->owner, &code) || (ref->code && code != ref->code))
		return err_set(err, -ESTALE, "its frame has returned");
	slot = plus ? slot_plus(rd, code, ref->name, &cell) : slot_fast(rd, code, ref->name, &cell);
	if (slot == -ENOENT)
		return err_set(err, -ENXIO, "'%s' is no local variable here", ref->name);
	if (slot < 0)
		return err_set(err, (int)slot, "the variable '%s' cannot be read", ref->name);
	st->slot = ref->owner + (plus ? rd->off->iframe_localsplus : rd->off->frame_localsplus) +
		   8 * (uint64_t)slot;
	if (mem_u64(rd->mem, st->slot, &word) < 0)
		return err_set(err, -EFAULT, "the variable '%s' cannot be read", ref->name);
	if (rd->py->code_tag_mask)
		st->mask = ~(uint64_t)rd->py->code_tag_mask;
	if (cell)
		return cell_storage(rd, word & st->mask, ref->name, err, st);
	st->kind = STORAGE_LOCAL;
	st->value = word & st->mask;
	st->frame = ref->owner;
	st->code = code;
	guard_frame(rd, st, ref->owner);
	r = skip_comprehensions(rd, code, (uint32_t)slot, st);
	return r ? err_set(err, r, "the comprehensions around '%s' cannot be told apart", ref->name)
		 : 0;
}
