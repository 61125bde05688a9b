// SPDX-License-Identifier: BSD-2-Clause
/* What the kernel side must know of objects to copy them (bpf/capture_abi.h). */
#include "bpf/capture_abi.h"
#include "probes/cpython/objects.h"

#include <errno.h>

#define SHIM_OWNER 3 /* see OWNER_SHIM in frames.c */

static void layout_containers(const struct py_offsets *o, struct abi_layout *l)
{
	l->tuple_items = o->tuple_items;
	l->list_items = o->list_items;
	l->array_items = o->var_object_size; /* arrayobject: ob_item is its first member */
	/* behind the hash, an mpd_t: len and data are its fourth and its last member
	 * (decimal_text()) */
	l->decimal_len = o->object_size + 8 + 24;
	l->decimal_data = o->object_size + 8 + 40;
	l->dict_keys = o->dict_keys;
	l->dict_values = o->dict_values;
	l->keys_size = o->keys_size;
	l->keys_log2_size = o->keys_log2_size;
	l->keys_log2_index_bytes = o->keys_log2_index_bytes;
	l->keys_kind = o->keys_kind;
	l->keys_nentries = o->keys_nentries;
	l->keys_indices = o->keys_indices;
	l->values_values = o->values_values;
	l->values_capacity = o->values_capacity;
	l->values_valid = o->values_valid;
	l->set_mask = o->set_mask;
	l->set_table = o->set_table;
	l->deque_leftblock = o->deque_leftblock;
	l->deque_leftindex = o->deque_leftindex;
	l->deque_block_right = o->deque_block_right; /* its last member */
	l->odict_first = o->odict_first;
	l->odict_node_next = o->odict_node_next;
	l->cell_ref = o->cell_ref;
}

static void layout_frames(const struct py_offsets *o, struct abi_layout *l)
{
	bool object = o->minor <= 10;

	l->code_flags = o->code_flags;
	l->code_nlocalsplus = o->code_nlocalsplus;
	l->code_nlocals = o->code_nlocals;
	l->code_cellvars = o->code_cellvars;
	l->code_freevars = o->code_freevars;
	l->frame_localsplus = object ? o->frame_localsplus : o->iframe_localsplus;
	l->frame_locals = object ? o->frame_locals : o->iframe_locals;
	l->frame_owner = o->iframe_owner;
	l->frame_owner_shim = o->minor >= 12 ? SHIM_OWNER : ABI_NONE;
}

void cpython_layout(const struct interp *in, struct abi_layout *l)
{
	const struct cpython *py = cpython_of_const(in);
	const struct py_offsets *o = py->off;

	*l = (struct abi_layout){ .size = sizeof(*l), .minor = py->info.minor };
	l->ob_type = o->ob_type;
	l->ob_size = o->ob_size;
	l->type_flags = o->type_flags;
	l->type_basicsize = o->type_basicsize;
	l->type_itemsize = o->type_itemsize;
	l->type_dictoffset = o->type_dictoffset;
	l->type_base = o->type_base;
	l->heap_cached_keys = o->heap_cached_keys;
	l->long_size = o->long_size;
	l->long_digits = o->long_digits;
	l->str_length = o->str_length;
	l->str_state = o->str_state;
	l->str_ascii_size = o->str_ascii_size;
	l->str_compact_size = o->str_compact_size;
	l->str_data = o->str_data;
	l->str_wstr = o->str_wstr;
	l->str_wstr_length = o->str_wstr_length;
	l->bytes_data = o->bytes_data;
	l->bytearray_start = o->bytearray_start;
	l->cell_type = py->types.cell;
	layout_containers(o, l);
	layout_frames(o, l);
}

struct recipes {
	struct interp_recipe *ret;
	size_t n, max;
};

static void add(struct recipes *r, uint64_t type, enum abi_recipe recipe)
{
	if (type && r->n < r->max)
		r->ret[r->n++] = (struct interp_recipe){ .type = type, .recipe = recipe };
}

/* A class that only its module knows. */
static void add_of(struct recipes *r, struct interp *in, const char *module, const char *name,
		   enum abi_recipe recipe)
{
	uint64_t dict, type;

	if (cpython_module_globals(in, module, &dict) == 0 &&
	    cpython_dict_get(in, dict, name, &type) == 0)
		add(r, type, recipe);
}

size_t cpython_recipes(struct interp *in, struct interp_recipe *ret, size_t max)
{
	const struct cpython *py = cpython_of_const(in);
	const uint64_t leaves[] = {
		py->types.none,
		py->types.floating,
		py->types.complex_,
		py->types.ellipsis,
		py->types.not_implemented,
		py->types.code,
		py->types.frame,
		py->types.function,
		py->types.cfunction,
		py->types.module,
		py->types.generator,
		py->types.coroutine,
		py->types.async_generator,
		py->types.member_descr,
		py->types.getset_descr,
		py->types.method_descr,
		py->types.wrapper_descr,
		py->types.traceback,
	};
	const uint64_t through[] = {
		py->types.cell,		py->types.range,      py->types.slice,
		py->types.method,	py->types.property,   py->types.classmethod,
		py->types.staticmethod, py->types.dict_proxy,
	};
	struct recipes r = { .ret = ret, .max = max };

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		add(&r, leaves[i], ABI_RECIPE_LEAF);
	for (size_t i = 0; i < sizeof(through) / sizeof(through[0]); i++)
		add(&r, through[i], ABI_RECIPE_THROUGH);
	add(&r, py->types.object, ABI_RECIPE_INSTANCE);
	add(&r, py->types.dict, ABI_RECIPE_DICT);
	add(&r, py->types.odict, ABI_RECIPE_ODICT);
	add(&r, py->types.set, ABI_RECIPE_SET);
	add(&r, py->types.frozenset, ABI_RECIPE_SET);
	add(&r, py->types.bytearray, ABI_RECIPE_BYTEARRAY);
	add_of(&r, in, "_collections", "deque", ABI_RECIPE_DEQUE);
	add_of(&r, in, "_decimal", "Decimal", ABI_RECIPE_DECIMAL);
	add_of(&r, in, "array", "array", ABI_RECIPE_ARRAY);
	return r.n;
}
