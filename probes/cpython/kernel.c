// SPDX-License-Identifier: BSD-2-Clause
/* The objects of this interpreter as bpf/expr.bpf.h must know them. */
#include "probes/cpython/cpython.h"

#include <errno.h>
#include <string.h>

#include "bpf/expr_abi.h"

#define VALID_VERSION_TAG (1u << 19) /* of tp_flags, up to 3.12 (Include/object.h) */

static void layout(const struct cpython *py, struct abi_obj *o)
{
	const struct py_offsets *off = py->off;
	bool object = off->minor <= 10;

	o->size = sizeof(*o);
	o->tag_mask = py->code_tag_mask;
	o->frame_slots = object ? off->frame_localsplus : off->iframe_localsplus;
	o->frame_globals = object ? off->frame_globals : off->iframe_globals;
	o->frame_builtins = object ? off->frame_builtins : off->iframe_builtins;
	o->frame_locals = object ? off->frame_locals : off->iframe_locals;
#define SAME(name) o->name = off->name
	SAME(cell_ref);
	SAME(ob_type);
	SAME(ob_size);
	SAME(long_size);
	SAME(long_digits);
	SAME(float_value);
	SAME(str_length);
	SAME(str_hash);
	SAME(str_state);
	SAME(str_data);
	SAME(bytes_data);
	SAME(list_items);
	SAME(tuple_items);
	SAME(set_used);
	SAME(module_dict);
	SAME(dict_used);
	SAME(dict_keys);
	SAME(dict_values);
	SAME(values_valid);
	SAME(keys_size);
	SAME(keys_log2_size);
	SAME(keys_log2_index_bytes);
	SAME(keys_kind);
	SAME(keys_nentries);
	SAME(keys_indices);
	SAME(type_basicsize);
	SAME(type_as_number);
	SAME(type_as_sequence);
	SAME(type_as_mapping);
	SAME(type_getattro);
	SAME(type_flags);
	SAME(type_richcompare);
	SAME(type_dict);
	SAME(type_descr_get);
	SAME(type_descr_set);
	SAME(type_dictoffset);
	SAME(type_mro);
	SAME(type_version_tag);
	SAME(number_bool);
	SAME(sequence_length);
	SAME(mapping_length);
	SAME(mapping_subscript);
	SAME(member_descr_member);
	SAME(member_type);
	SAME(member_offset);
	SAME(member_flags);
	SAME(type_methods);
	SAME(type_members);
	SAME(type_getset);
	SAME(exc_args);
	SAME(code_flags);
#undef SAME
	o->frame_code = object ? off->frame_code : off->iframe_code;
	o->code_vars = object ? off->code_varnames : off->code_localsplusnames;
	o->code_kinds = object ? ABI_NONE : off->code_localspluskinds;
	o->code_cells = object ? off->code_cellvars : ABI_NONE;
	o->code_frees = object ? off->code_freevars : ABI_NONE;
	o->tstate_exc = off->tstate_curexc_value;
	o->str_ascii = off->str_ascii_size;
	o->str_compact = off->str_compact_size;
	o->type_first = off->type_basicsize;
	o->type_cached_keys = off->heap_cached_keys;
	o->long_tagged = off->minor >= 12;
	/* Up to 3.10 the values are a bare array. */
	o->values_values = off->values_values == OFF_NONE ? 0 : off->values_values;
	o->managed = off->minor >= 13	? ABI_MANAGED_INLINE
		     : off->minor == 12 ? ABI_MANAGED_TAGGED
		     : off->minor == 11 ? ABI_MANAGED_POINTERS
					: ABI_MANAGED_NONE;
	/* 3.11 sets the tag to 0, too, when it takes the flag away (Objects/typeobject.c,
	 * PyType_Modified, type_mro_modified). */
	o->version_flag = off->minor <= 12 && off->minor != 11 ? VALID_VERSION_TAG : 0;
	/* Between ma_used and ma_keys lies ma_version_tag (Include/cpython/dictobject.h); before
	 * dk_usable dk_version (Include/internal/pycore_dict.h). */
	o->dict_version = off->minor <= 13 ? off->dict_used + 8 : ABI_NONE;
	o->keys_version = off->minor >= 13 ? off->keys_usable - 4 : ABI_NONE;
}

/* A function in one of the tables that a class points to; 0: there is none. */
static int slot_of(struct cpython *py, uint64_t type, uint32_t table_at, uint32_t slot, __u64 *ret)
{
	uint64_t table, fn = 0;
	int r = mem_u64(py->mem, type + table_at, &table);

	if (!r && table)
		r = mem_u64(py->mem, table + slot, &fn);
	*ret = fn;
	return r;
}

/* What the built-in class does: a class derived from it that does the same has the same functions.
 */
static int behaviour(struct cpython *py, struct abi_obj *o, unsigned cls)
{
	const struct py_offsets *off = py->off;
	uint64_t type = o->types[cls], rich;
	__u64 fn[2];
	int r;

	if (!type)
		return -EOPNOTSUPP;
	r = mem_u64(py->mem, type + off->type_richcompare, &rich);
	if (!r)
		r = slot_of(py, type, off->type_as_sequence, off->sequence_length, &fn[0]);
	if (!r)
		r = slot_of(py, type, off->type_as_mapping, off->mapping_length, &fn[1]);
	if (r)
		return r;
	if (fn[0] && fn[1] && fn[0] != fn[1])
		return -EOPNOTSUPP;
	o->richcompare[cls] = rich;
	o->length[cls] = fn[0] ? fn[0] : fn[1];
	r = slot_of(py, type, off->type_as_mapping, off->mapping_subscript, &o->subscript[cls]);
	if (!r)
		r = slot_of(py, type, off->type_as_number, off->number_bool, &o->truth[cls]);
	return r;
}

/* BaseException; 0: the program calls something else so. */
static uint64_t base_exception(struct interp *in)
{
	struct cpython *py = cpython_of(in);
	uint64_t dict, type, mro, n;

	if (cpython_module_globals(in, "builtins", &dict) ||
	    cpython_dict_get(in, dict, "BaseException", &type) ||
	    mem_u64(py->mem, type + py->off->type_mro, &mro) ||
	    mem_u64(py->mem, mro + py->off->ob_size, &n))
		return 0;
	return n == 2 ? type : 0; /* itself and object */
}

int cpython_kernel_objects(struct interp *in, struct abi_obj *ret)
{
	struct cpython *py = cpython_of(in);
	struct abi_obj o = { 0 };
	uint64_t type, getattro;
	int r;

	layout(py, &o);
	o.none = py->none;
	o.true_ = py->true_;
	o.false_ = py->false_;
	if (!o.none || !o.true_ || !o.false_)
		return -EOPNOTSUPP;
	r = cpython_type_of(py, o.none, &type);
	if (r)
		return r;
	o.types[ABI_CLS_NONE] = type;
	o.types[ABI_CLS_BOOL] = py->types.boolean;
	o.types[ABI_CLS_INT] = py->types.integer;
	o.types[ABI_CLS_FLOAT] = py->types.floating;
	o.types[ABI_CLS_STR] = py->types.str;
	o.types[ABI_CLS_BYTES] = py->types.bytes;
	o.types[ABI_CLS_TUPLE] = py->types.tuple;
	o.types[ABI_CLS_LIST] = py->types.list;
	o.types[ABI_CLS_DICT] = py->types.dict;
	o.types[ABI_CLS_SET] = py->types.set;
	o.types[ABI_CLS_FROZENSET] = py->types.frozenset;
	o.types[ABI_CLS_MODULE] = py->types.module;
	o.types[ABI_CLS_TYPE] = py->types.type;
	o.types[ABI_CLS_CELL] = py->types.cell;
	o.types[ABI_CLS_MEMBER] = py->types.member_descr;
	o.types[ABI_CLS_OBJECT] = py->types.object;
	for (unsigned cls = ABI_CLS_NONE; cls < ABI_CLS_MAX && !r; cls++)
		r = behaviour(py, &o, cls);
	if (!r)
		r = mem_u64(py->mem, py->types.object + py->off->type_getattro, &getattro);
	if (r)
		return r;
	o.getattro = getattro;
	o.base_exception = base_exception(in);
	*ret = o;
	return 0;
}
