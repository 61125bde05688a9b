// SPDX-License-Identifier: BSD-2-Clause
/* list, tuple, named tuples, struct sequences, set, frozenset, deque, range, slice. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any list can be: a length above it is garbage. */
#define LENGTH_MAX (1ull << 48)

/* How many children to read; marks v truncated where it is not all. */
static uint64_t take(struct obj_rd *rd, struct value *v, uint64_t n, unsigned depth)
{
	v->length = (int64_t)n;
	if (depth == 0 || rd->lim.items == 0) {
		v->truncated = n > 0;
		return 0;
	}
	if (n <= rd->lim.items)
		return n;
	v->truncated = true;
	return rd->lim.items;
}

/* n pointers at addr as children. */
static int add_array(struct obj_rd *rd, struct value *v, uint64_t addr, uint64_t n, unsigned depth)
{
	uint64_t ptrs[128];

	for (uint64_t i = 0; i < n;) {
		uint64_t piece = n - i < 128 ? n - i : 128;
		int r = mem_read(rd->mem, addr + 8 * i, ptrs, piece * 8);

		if (r < 0)
			return r;
		for (uint64_t j = 0; j < piece; j++)
			if (!obj_add(rd, v, ptrs[j], depth, NULL))
				return 0;
		i += piece;
	}
	return 0;
}

/* The field names of a named tuple whose __repr__ is the one that collections.namedtuple() made. */
static uint64_t namedtuple_fields(struct obj_rd *rd, struct obj_type *t)
{
	_cleanup_free_ char *name = NULL, *file = NULL;
	uint64_t func, fields;
	struct obj_type *owner, *ft;
	const char *tail = "collections/__init__.py";
	size_t n;

	if (obj_own_repr(rd, t, &func, &owner) < 0)
		return 0;
	obj_live(rd);
	ft = obj_dict_get(rd, owner->dict, "_fields", &fields) < 0 ? NULL
								   : obj_type_of(rd, fields, NULL);
	obj_live_end(rd);
	if (!ft || !(ft->flags & TPF_TUPLE))
		return 0;
	obj_func_origin(rd, func, &name, &file);
	/* 3.6 makes the class with exec() of a text, file "namedtuple_NAME" from 3.6.? on, else
	 * "<string>". */
	n = file ? strlen(file) : 0;
	if (!file || (strcmp(file, "<string>") != 0 && strncmp(file, "namedtuple_", 11) != 0 &&
		      (n < strlen(tail) || strcmp(file + n - strlen(tail), tail) != 0)))
		return 0;
	return fields;
}

/* Give children the names in a tuple of str; v becomes Name(a=1, b=2). */
static int name_fields(struct obj_rd *rd, struct value *v, uint64_t fields)
{
	uint64_t n;

	if (mem_u64(rd->mem, fields + rd->off->ob_size, &n) < 0 || n != (uint64_t)v->length)
		return 0;
	for (size_t i = 0; i < v->nitems; i++) {
		char *name = obj_str_dup(rd, obj_ptr(rd, fields + rd->off->tuple_items + 8 * i));

		if (!name)
			return rd->nomem ? -ENOMEM : 0;
		v->items[i]->name = name;
	}
	v->form = FORM_FIELDS;
	v->nfields = n;
	return 0;
}

/* Struct sequences (os.stat_result ...): tp_members has the names, in the order of the items
 * (Objects/structseq.c). */
static int name_members(struct obj_rd *rd, struct value *v, struct obj_type *t)
{
	const struct py_offsets *off = rd->off;
	uint64_t marker;
	char *names[64];
	size_t n = 0;

	/* The dict of a static class may be out of reach (3.12+): no other tuples of C have
	 * members. */
	if (!t->members || v->length > 64 || (t->heap && !t->dict) ||
	    (t->dict && obj_dict_get(rd, t->dict, "n_sequence_fields", &marker) < 0))
		return 0;
	for (; n < v->nitems; n++) {
		uint64_t def = t->members + n * off->member_size;

		names[n] = obj_cstr(rd, obj_ptr(rd, def + off->member_name));
		if (!names[n])
			break;
	}
	if (n < v->nitems) { /* unnamed fields are not members: then there is no telling which is
				which */
		while (n)
			free(names[--n]);
		return rd->nomem ? -ENOMEM : 0;
	}
	for (size_t i = 0; i < n; i++)
		v->items[i]->name = names[i];
	v->form = FORM_FIELDS;
	v->nfields = (size_t)v->length;
	return obj_textf(rd, v, "%s", t->tp_name);
}

struct value *obj_make_seq(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	bool tuple = t->cls == OBJ_TUPLE;
	uint64_t size, items, n, fields;
	struct value *v;
	int r;

	r = mem_u64(rd->mem, addr + rd->off->ob_size, &size);
	items = addr + rd->off->tuple_items;
	if (r == 0 && size > LENGTH_MAX)
		r = -EINVAL;
	if (r == 0 && !tuple && size)
		r = mem_u64(rd->mem, addr + rd->off->list_items, &items);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, tuple ? VALUE_TUPLE : VALUE_LIST, addr, t);
	if (!v)
		return NULL;
	n = take(rd, v, size, depth);
	r = add_array(rd, v, items, n, depth - 1);
	if (r < 0) {
		value_free(v);
		return obj_unreadable(rd, addr, r);
	}
	if (tuple && t->distance) {
		fields = t->heap ? namedtuple_fields(rd, t) : 0;
		obj_live(rd);
		r = fields ? name_fields(rd, v, fields) : name_members(rd, v, t);
		obj_live_end(rd);
		if (r < 0) {
			value_free(v);
			return NULL;
		}
	}
	return v;
}

struct value *obj_make_set(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	const struct py_offsets *off = rd->off;
	uint64_t used, mask, table, n, slot[2 * 64], scanned = 0;
	struct value *v;
	int r;

	if ((r = mem_u64(rd->mem, addr + off->set_used, &used)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->set_mask, &mask)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->set_table, &table)) < 0)
		return obj_unreadable(rd, addr, r);
	if (mask > LENGTH_MAX || mask & (mask + 1) || used > mask + 1)
		return obj_unreadable(rd, addr, -EINVAL);
	v = obj_new(rd, t->cls == OBJ_SET ? VALUE_SET : VALUE_FROZENSET, addr, t);
	if (!v)
		return NULL;
	n = take(rd, v, used, depth);
	while (n && scanned <= mask) {
		uint64_t piece = mask + 1 - scanned < 64 ? mask + 1 - scanned : 64;

		r = scanned < OBJ_SCAN_MAX
			    ? mem_read(rd->mem, table + 16 * scanned, slot, 16 * piece)
			    : -E2BIG;
		if (r < 0) {
			v->truncated = true;
			return v;
		}
		scanned += piece;
		for (uint64_t i = 0; i < piece && n; i++) {
			/* {key, hash}; a removed key is a dummy with hash -1 */
			if (!slot[2 * i] || slot[2 * i + 1] == UINT64_MAX)
				continue;
			if (!obj_add(rd, v, slot[2 * i], depth - 1, NULL))
				return v;
			n--;
		}
	}
	return v;
}

struct value *obj_make_deque(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	const struct py_offsets *off = rd->off;
	uint64_t size, block, index, maxlen, n, per_block;
	_cleanup_free_ char *tail = NULL;
	struct value *v;
	int r;

	/* block: leftlink, data[64], rightlink (Modules/_collectionsmodule.c) */
	per_block = (off->deque_block_right - off->deque_block_data) / 8;
	if ((r = mem_u64(rd->mem, addr + off->ob_size, &size)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->deque_leftblock, &block)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->deque_leftindex, &index)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->deque_maxlen, &maxlen)) < 0)
		return obj_unreadable(rd, addr, r);
	if (size > LENGTH_MAX || index > per_block)
		return obj_unreadable(rd, addr, -EINVAL);
	v = obj_new(rd, VALUE_DEQUE, addr, t);
	if (!v)
		return NULL;
	if ((int64_t)maxlen >= 0) {
		v->form = FORM_CALL;
		tail = obj_fmt(rd, ", maxlen=%" PRIu64, maxlen);
		if (!tail || obj_textf(rd, v, "%s(", rd->minor == 6 ? "deque" : t->name) < 0 ||
		    value_set_bytes(v, tail, strlen(tail)) < 0) {
			rd->nomem = true;
			value_free(v);
			return NULL;
		}
	}
	for (n = take(rd, v, size, depth); n; n--, index++) {
		if (index >= per_block) {
			index = 0;
			block = obj_ptr(rd, block + off->deque_block_right);
		}
		if (!obj_add(rd, v, obj_ptr(rd, block + off->deque_block_data + 8 * index),
			     depth - 1, NULL))
			break;
	}
	return v;
}

struct value *obj_make_range(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	const struct py_offsets *off = rd->off;
	bool range = t->cls == OBJ_RANGE;
	const uint32_t at[3] = {
		range ? off->range_start : off->slice_start,
		range ? off->range_stop : off->slice_stop,
		range ? off->range_step : off->slice_step,
	};
	struct value *v = obj_new(rd, range ? VALUE_RANGE : VALUE_SLICE, addr, t);
	int64_t length;

	if (!v)
		return NULL;
	if (range && obj_long_read(rd, obj_ptr(rd, addr + off->range_length), &length) == 0)
		v->length = length;
	/* Numbers as a rule: they are part of it, not a level of their own. */
	for (int i = 0; i < 3; i++)
		if (!obj_add(rd, v, obj_ptr(rd, addr + at[i]), depth ? depth - 1 : 0, NULL))
			break;
	return v;
}
