// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where an attribute or an item is stored, what must hold for that to be so, and which field is
 * written when it moves. Locals: storage_frame.c.
 */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TPF_HAVE_GC	  (1u << 14)
#define GC_REFS_UNTRACKED (-2) /* up to 3.7; Include/objimpl.h: _PyGC_REFS_UNTRACKED */
/* PyMemberDef.type (Include/structmember.h) */
enum { MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };

void storage_guard(struct interp_storage *st, uint64_t addr, uint64_t mask, uint64_t value,
		   bool differs)
{
	if (st->nguards < INTERP_GUARDS_MAX)
		st->guards[st->nguards++] = (struct interp_guard){ addr, mask, value, differs };
}

/*
 * Its class, a reference count, and tracked by the garbage collector: an object is only from when
 * it is initialised until it is taken apart. In front of the object lie _gc_next and _gc_prev; up
 * to 3.7 there are gc_refs instead, shifted by one (Modules/gcmodule.c). Dicts may be untracked all
 * their life.
 */
void storage_guard_object(struct obj_rd *rd, struct interp_storage *st, uint64_t obj,
			  const struct obj_type *t)
{
	const struct py_offsets *off = rd->off;

	storage_guard(st, obj + off->ob_type, UINT64_MAX, t->addr, false);
	storage_guard(st, obj + off->ob_refcnt, UINT32_MAX, 0, true);
	if (t->flags & TPF_HAVE_GC && !(t->flags & TPF_DICT)) {
		if (rd->minor <= 7)
			storage_guard(st, obj - 16, ~1ull, (uint64_t)GC_REFS_UNTRACKED << 1, true);
		else
			storage_guard(st, obj - 16, UINT64_MAX, 0, true);
	}
	st->nalive = st->nguards;
}

/* What lies at the slot now. */
static int slot_read(struct obj_rd *rd, struct interp_storage *st, struct err *err)
{
	if (mem_u64(rd->mem, st->slot, &st->value) < 0)
		return err_set(err, -EFAULT, "the memory at 0x%" PRIx64 " cannot be read",
			       st->slot);
	st->value &= st->mask;
	return 0;
}

/* ---- dicts ---- */

static bool key_matches(struct obj_rd *rd, uint64_t key, const char *name, const struct value *v)
{
	return name ? obj_str_is(rd, key, name) : obj_key_is(rd, key, v);
}

/* Index of the entry with that key. The one behind the last counts: it is filled in before it is
 * counted. -ENOENT. */
static int64_t entry_of(struct obj_rd *rd, struct obj_dict *d, const char *name,
			const struct value *v, uint64_t *ret_key)
{
	uint64_t key, slot;

	for (uint64_t i = 0; i <= d->nentries; i++) {
		if (i >= OBJ_SCAN_MAX)
			return -E2BIG;
		if (obj_dict_slot(d, i, &key, &slot) < 0)
			return i == d->nentries ? -ENOENT : -EFAULT;
		if (key < 4096 || key & 7 || !key_matches(rd, key, name, v))
			continue;
		*ret_key = key;
		return (int64_t)i;
	}
	return rd->nomem ? -ENOMEM : -ENOENT;
}

static int not_there(const char *name, const struct value *v, enum interp_gone gone, uint64_t moves,
		     struct err *err, struct interp_storage *st)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	st->kind = STORAGE_ENTRY;
	st->slot = st->value = 0;
	st->gone = gone;
	st->moves = moves;
	if (name)
		return err_set(err, -EAGAIN, "'%s' is not there", name);
	value_repr_max(v, &sb, 100);
	return err_set(err, -EAGAIN, "the key %s is not there", strbuf_str(&sb));
}

/* A new table counts no entries until all are copied; that of an empty dict has no room for any. */
static bool is_being_filled(struct obj_rd *rd, uint64_t keys, uint64_t used)
{
	uint64_t n, usable;

	if (mem_u64(rd->mem, keys + rd->off->keys_nentries, &n) < 0 ||
	    mem_u64(rd->mem, keys + rd->off->keys_usable, &usable) < 0)
		return false;
	return used > n && (n || usable);
}

/*
 * Objects/dictobject.c. A resize (dictresize) puts a new table into ma_keys, up to 3.12 an empty
 * one that is filled afterwards: its dk_nentries is written last. An insertion ends by counting
 * itself in ma_used. Up to 3.10 a dict of attributes may become a split table again
 * (make_keys_shared): the entry is emptied, and ma_values is written last.
 */
static int dict_storage(struct obj_rd *rd, uint64_t dict, const struct obj_type *t,
			const char *name, const struct value *v, struct err *err,
			struct interp_storage *st)
{
	const struct py_offsets *off = rd->off;
	uint64_t keys, values, used, key, slot;
	struct obj_dict d;
	int64_t i;

	if (mem_u64(rd->mem, dict + off->dict_keys, &keys) < 0 ||
	    mem_u64(rd->mem, dict + off->dict_values, &values) < 0 ||
	    mem_u64(rd->mem, dict + off->dict_used, &used) < 0 ||
	    obj_dict_open_table(rd, keys, values, &d) < 0)
		return err_set(err, -EFAULT, "the dict at 0x%" PRIx64 " cannot be read", dict);
	storage_guard_object(rd, st, dict, t);
	i = entry_of(rd, &d, name, v, &key);
	if (i == -ENOENT && is_being_filled(rd, keys, used))
		return not_there(name, v, GONE_MOVING, keys + off->keys_nentries, err, st);
	if (i == -ENOENT) {
		st->also = keys + off->keys_nentries;
		return not_there(name, v, GONE_ABSENT, dict + off->dict_used, err, st);
	}
	if (i < 0 || obj_dict_slot(&d, (uint64_t)i, &key, &slot) < 0)
		return err_set(err, (int)(i < 0 ? i : -EFAULT),
			       "the dict at 0x%" PRIx64 " cannot be read to its end", dict);
	st->slot = slot;
	st->kind = STORAGE_ENTRY;
	if (slot_read(rd, st, err) < 0)
		return -EFAULT;
	/* Emptied: the key is next (a deletion; compilers change their order), or ma_values. */
	if (!values && !st->value) {
		st->also = slot - 8;
		return not_there(name, v, GONE_MOVING, dict + off->dict_values, err, st);
	}
	if (values)
		st->kind = STORAGE_VALUE;
	st->moves = dict + off->dict_keys;
	storage_guard(st, dict + off->dict_keys, UINT64_MAX, keys, false);
	if (values)
		storage_guard(st, dict + off->dict_values, UINT64_MAX, values, false);
	else
		storage_guard(st, slot - 8, UINT64_MAX, key, false);
	return 0;
}

/* ---- attributes ---- */

/* A member of the object itself: __slots__, and what C classes declare. */
static int member_storage(struct obj_rd *rd, uint64_t obj, const struct obj_type *t, uint64_t descr,
			  const char *name, struct err *err, struct interp_storage *st)
{
	uint64_t def = obj_ptr(rd, descr + rd->off->member_descr_member), offset;
	uint32_t type;

	if (mem_u32(rd->mem, def + rd->off->member_type, &type) < 0 ||
	    mem_u64(rd->mem, def + rd->off->member_offset, &offset) < 0 || offset > 1u << 20)
		return err_set(err, -EFAULT, "the member '%s' cannot be read", name);
	if (type != MEMBER_OBJECT && type != MEMBER_OBJECT_EX)
		return err_set(err, -EOPNOTSUPP, "'%s' of '%s' objects is a number of C, no object",
			       name, t->name);
	st->kind = STORAGE_SLOT;
	st->slot = obj + offset;
	st->moves = 0;
	storage_guard_object(rd, st, obj, t);
	return slot_read(rd, st, err);
}

/* An instance whose values lie in an array, in the order of its class's names (3.11+). */
static int values_storage(struct obj_rd *rd, uint64_t obj, const struct obj_type *t,
			  uint64_t values, const char *name, struct err *err,
			  struct interp_storage *st)
{
	const struct py_offsets *off = rd->off;
	uint64_t key, slot;
	struct obj_dict d;
	int64_t i;

	if (!t->cached_keys || obj_dict_open_values(rd, t->cached_keys, values, &d) < 0)
		return err_set(err, -EFAULT,
			       "the attributes of the object at 0x%" PRIx64 " cannot be read", obj);
	i = entry_of(rd, &d, name, NULL, &key);
	if (i >= 0 && obj_dict_slot(&d, (uint64_t)i, &key, &slot) < 0)
		i = -EFAULT;
	if (i < 0)
		return err_set(err, (int)i, "AttributeError: '%s' object has no attribute '%s'",
			       t->name, name);
	st->kind = STORAGE_VALUE;
	st->slot = slot;
	st->moves = obj - 24;
	storage_guard_object(rd, st, obj, t);
	storage_guard(st, obj - 24, UINT64_MAX, rd->minor == 12 ? values - 1 : 0, false);
	if (rd->minor == 11)
		storage_guard(st, obj - 32, UINT64_MAX, values, false);
	else if (rd->minor >= 13)
		storage_guard(st, values, 0xffull << 8 * off->values_valid, 0, true);
	return slot_read(rd, st, err);
}

/* Where the pointer to an instance's dict is; 0: it has none. From 3.11 on *ret_values: it has
 * values instead. */
static int dict_pointer(struct obj_rd *rd, uint64_t obj, const struct obj_type *t, uint64_t *ret_at,
			uint64_t *ret_values)
{
	uint64_t word, values = 0;
	uint8_t valid;

	*ret_values = 0;
	if (rd->minor < 11 || !(t->flags & TPF_MANAGED_DICT)) {
		*ret_at = t->dictoffset > 0 ? obj + (uint64_t)t->dictoffset : 0;
		return t->dictoffset < 0 ? -EOPNOTSUPP : 0;
	}
	*ret_at = obj - 24;
	if (mem_u64(rd->mem, obj - 24, &word) < 0)
		return -EFAULT;
	if (rd->minor == 11 && !word) {
		if (mem_u64(rd->mem, obj - 32, &values) < 0)
			return -EFAULT;
	} else if (rd->minor == 12 && word & 1) {
		values = word + 1;
	} else if (rd->minor >= 13 && !word && t->flags & TPF_INLINE_VALUES) {
		values = obj + (uint64_t)t->basicsize;
		if (mem_u8(rd->mem, values + rd->off->values_valid, &valid) < 0)
			return -EFAULT;
		if (!valid)
			values = 0;
	}
	*ret_values = values;
	return 0;
}

static int instance_storage(struct obj_rd *rd, uint64_t obj, const struct obj_type *t,
			    const char *name, struct err *err, struct interp_storage *st)
{
	uint64_t at, values, dict;
	struct obj_type *dt;
	int r = dict_pointer(rd, obj, t, &at, &values);

	if (r)
		return err_set(err, r, "the attributes of '%s' objects cannot be watched", t->name);
	if (values)
		return values_storage(rd, obj, t, values, name, err, st);
	dict = at ? obj_ptr(rd, at) : 0;
	dt = dict ? obj_type_of(rd, dict, NULL) : NULL;
	if (!dt)
		return err_set(err, -ENOENT, "AttributeError: '%s' object has no attribute '%s'",
			       t->name, name);
	r = dict_storage(rd, dict, dt, name, NULL, err, st);
	if (r)
		return r;
	storage_guard(st, obj + rd->off->ob_refcnt, UINT32_MAX, 0, true);
	storage_guard(st, at, UINT64_MAX, dict, false);
	return 0;
}

/* The dict that an attribute of a module or class lies in; 0: of neither. */
static uint64_t dict_of(struct obj_rd *rd, uint64_t obj, const struct obj_type *t)
{
	struct obj_type *self;

	if (t->cls == OBJ_MODULE)
		return obj_ptr(rd, obj + rd->off->module_dict);
	if (t->cls != OBJ_TYPE)
		return 0;
	self = obj_type_at(rd, obj, NULL);
	return self ? self->dict : 0;
}

/* What the class says of the name: 1 it was found out, 0 nothing that counts. */
static int class_storage(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name,
			 struct err *err, struct interp_storage *st, int *ret)
{
	struct obj_type *owner, *ft;
	uint64_t found, set = 0;

	if (obj_type_lookup(rd, t, name, &found, &owner) < 0)
		return 0;
	ft = obj_type_of(rd, found, NULL);
	if (!ft)
		return 0;
	if (ft->cls == OBJ_MEMBER_DESCR) {
		*ret = member_storage(rd, obj, t, found, name, err, st);
		return 1;
	}
	if (mem_u64(rd->mem, ft->addr + rd->off->type_descr_set, &set) < 0 || !set)
		return 0;
	*ret = err_set(err, -EOPNOTSUPP, "'%s' of %s is a %s: it is computed, not stored", name,
		       owner->name, ft->name);
	return 1;
}

static int attr_storage(struct obj_rd *rd, uint64_t obj, const char *name, struct err *err,
			struct interp_storage *st)
{
	struct obj_type *t = obj < 4096 ? NULL : obj_type_of(rd, obj, NULL), *dt;
	uint64_t dict;
	int r = 0;

	if (!t)
		return err_set(err, -ESTALE, "the object is gone");
	dict = dict_of(rd, obj, t);
	if (dict) {
		dt = obj_type_of(rd, dict, NULL);
		return dt ? dict_storage(rd, dict, dt, name, NULL, err, st)
			  : err_set(err, -ESTALE, "the dict of '%s' is gone", t->name);
	}
	if (t->cls == OBJ_TYPE)
		return err_set(err, -EOPNOTSUPP,
			       "the attributes of a built-in class cannot be watched");
	if (class_storage(rd, obj, t, name, err, st, &r))
		return r;
	return instance_storage(rd, obj, t, name, err, st);
}

/* ---- items ---- */

/*
 * Objects/listobject.c. ob_item is written whenever the array is allocated anew (list_resize), and
 * by sort(), which takes it away for the time it sorts (`allocated` is -1 then). `allocated` is
 * written after it. What lies behind the last item is nothing.
 */
static int list_storage(struct obj_rd *rd, uint64_t obj, const struct obj_type *t,
			const struct value *key, struct err *err, struct interp_storage *st)
{
	const struct py_offsets *off = rd->off;
	uint64_t items, size, allocated, i;
	struct sym_range text;

	if ((key->kind != VALUE_INT || !mpz_fits_slong_p(key->z)))
		return err_set(err, -EINVAL, "TypeError: list indices must be integers, not '%s'",
			       key->type);
	if (mpz_sgn(key->z) < 0)
		return err_set(err, -EOPNOTSUPP,
			       "a negative index names another item whenever the "
			       "list grows or shrinks: watch a positive one");
	i = mpz_get_ui(key->z);
	if (mem_u64(rd->mem, obj + off->list_items, &items) < 0 ||
	    mem_u64(rd->mem, obj + off->ob_size, &size) < 0 ||
	    mem_u64(rd->mem, obj + off->list_allocated, &allocated) < 0)
		return err_set(err, -EFAULT, "the list at 0x%" PRIx64 " cannot be read", obj);
	st->moves = obj + off->list_items;
	storage_guard_object(rd, st, obj, t);
	st->kind = STORAGE_ITEM;
	if (!items || i >= allocated) {
		st->gone = allocated == UINT64_MAX ? GONE_LENT : GONE_SHORT;
		st->moves = obj + off->list_allocated;
		return err_set(err, -EAGAIN, "IndexError: list index out of range");
	}
	st->slot = items + 8 * i;
	if (!sym_section(rd->py->sym, rd->py->info.module, ".text", &text)) {
		st->text = text.start;
		st->text_end = text.end;
	}
	storage_guard(st, obj + off->list_items, UINT64_MAX, items, false);
	if (i < size)
		return slot_read(rd, st, err);
	st->value = 0;
	return 0;
}

static int item_storage(struct obj_rd *rd, uint64_t obj, const struct value *key, struct err *err,
			struct interp_storage *st)
{
	struct obj_type *t = obj < 4096 ? NULL : obj_type_of(rd, obj, NULL), *owner;

	if (!t)
		return err_set(err, -ESTALE, "the object is gone");
	owner = obj_type_special(rd, t, "__getitem__");
	if (owner)
		return err_set(err, -EOPNOTSUPP, "method '__getitem__' of %s runs code",
			       owner->name);
	if (t->cls == OBJ_LIST)
		return list_storage(rd, obj, t, key, err, st);
	if (t->flags & TPF_DICT)
		return dict_storage(rd, obj, t, NULL, key, err, st);
	return err_set(err, -EOPNOTSUPP, "the items of '%s' objects cannot be watched", t->name);
}

int cpython_storage(struct interp *in, const struct interp_ref *ref, struct err *err,
		    struct interp_storage *ret)
{
	const struct py_offsets *off = cpython_of(in)->off;
	struct interp_storage st = {
		.mask = UINT64_MAX,
		.ob_refcnt = off->ob_refcnt,
		.ob_type = off->ob_type,
		.type_flags = off->type_flags,
	};
	struct obj_rd rd;
	int r;

	obj_rd_init(&rd, in, NULL);
	rd.lim.bytes = 1 << 20; /* of keys: what is cut cannot be compared */
	if (ref->kind == REF_LOCAL)
		r = storage_local(&rd, ref, err, &st);
	else if (ref->kind == REF_ATTR)
		r = attr_storage(&rd, ref->owner, ref->name, err, &st);
	else
		r = item_storage(&rd, ref->owner, ref->key, err, &st);
	obj_rd_deinit(&rd);
	if (rd.nomem)
		return err_set(err, -ENOMEM, "out of memory");
	if (!r || r == -EAGAIN)
		*ret = st;
	return r;
}

size_t cpython_half_writes(const struct interp *in, uint8_t ret[static 4], uint32_t *ret_code,
			   uint32_t *ret_data)
{
	const struct py_offsets *off = cpython_of_const(in)->off;

	if (off->minor >= 11) {
		*ret_code = ABI_NONE;
		*ret_data = off->code_adaptive;
		ret[0] = 3; /* BINARY_OP_INPLACE_ADD_UNICODE of 3.14 and 3.15 */
		return off->minor >= 14;
	}
	ret[0] = 23; /* BINARY_ADD, INPLACE_ADD: the same numbers in 3.6 to 3.10 */
	ret[1] = 55;
	*ret_code = off->code_code;
	*ret_data = off->bytes_data;
	return 2;
}
