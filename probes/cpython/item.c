// SPDX-License-Identifier: BSD-2-Clause
/* obj[key] of the built-in containers, without running code. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_DEPTH_MAX 32

static bool is_number(const struct value *v)
{
	return v->kind == VALUE_INT || v->kind == VALUE_BOOL || v->kind == VALUE_FLOAT;
}

/* key == v for values that Python hashes alike: 1 == 1.0 == True. */
static bool same_number(const struct value *a, const struct value *b)
{
	const struct value *f = a->kind == VALUE_FLOAT ? a : b, *o = f == a ? b : a;
	mpz_t z;
	bool same;

	if (f->kind == VALUE_FLOAT && o->kind == VALUE_FLOAT)
		return f->re == o->re;
	if (f->kind == VALUE_FLOAT) {
		if (f->re - f->re != 0) /* inf, nan */
			return false;
		if (o->kind == VALUE_BOOL)
			return f->re == (o->b ? 1.0 : 0.0);
		mpz_init_set_d(z, f->re);
		same = mpz_cmp(z, o->z) == 0 && mpz_cmp_d(o->z, f->re) == 0;
		mpz_clear(z);
		return same;
	}
	if (a->kind == VALUE_INT && b->kind == VALUE_INT)
		return mpz_cmp(a->z, b->z) == 0;
	if (a->kind == VALUE_BOOL && b->kind == VALUE_BOOL)
		return a->b == b->b;
	return a->kind == VALUE_INT ? mpz_cmp_si(a->z, b->b) == 0 : mpz_cmp_si(b->z, a->b) == 0;
}

static bool same_value(const struct value *a, const struct value *b, int depth)
{
	if (a->address && a->address == b->address)
		return true;
	if (is_number(a) && is_number(b))
		return same_number(a, b);
	if (a->kind != b->kind || a->truncated || b->truncated || depth > KEY_DEPTH_MAX)
		return false;
	switch (a->kind) {
	case VALUE_NONE:
	case VALUE_ELLIPSIS:
		return true;
	case VALUE_COMPLEX:
		return a->re == b->re && a->im == b->im;
	case VALUE_STR:
	case VALUE_BYTES:
		return a->nbytes == b->nbytes && memcmp(a->bytes, b->bytes, a->nbytes) == 0;
	case VALUE_TUPLE:
		if (a->nitems != b->nitems)
			return false;
		for (size_t i = 0; i < a->nitems; i++)
			if (!same_value(a->items[i], b->items[i], depth + 1))
				return false;
		return true;
	default:
		return false;
	}
}

static bool hashable(const struct value *v)
{
	switch (v->kind) {
	case VALUE_LIST:
	case VALUE_DICT:
	case VALUE_SET:
	case VALUE_BYTEARRAY:
	case VALUE_DEQUE:
	case VALUE_UNREADABLE:
		return false;
	case VALUE_SLICE:
		return false;
	case VALUE_TUPLE:
		for (size_t i = 0; i < v->nitems; i++)
			if (!hashable(v->items[i]))
				return false;
		return true;
	default:
		return true;
	}
}

bool obj_key_is(struct obj_rd *rd, uint64_t addr, const struct value *key)
{
	struct value *v;
	bool same;

	rd->left = 1000; /* each key is a question of its own */
	v = obj_value(rd, addr, KEY_DEPTH_MAX);
	if (!v) {
		rd->nomem = true;
		return false;
	}
	same = same_value(v, key, 0);
	value_free(v);
	return same;
}

static int dict_item(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const struct value *key,
		     struct err *err, uint64_t *ret_addr)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct obj_type *owner;
	struct obj_dict d;
	uint64_t k, v;
	int r;

	if (!hashable(key))
		return err_set(err, -EINVAL, "TypeError: unhashable type: '%s'", key->type);
	r = obj_dict_open(rd, obj, &d);
	if (r < 0)
		return err_set(err, -EFAULT, "the dict at 0x%" PRIx64 " cannot be read", obj);
	while ((r = obj_dict_next(&d, &k, &v)) > 0) {
		if (obj_key_is(rd, k, key)) {
			*ret_addr = v;
			return 0;
		}
		if (rd->nomem)
			return -ENOMEM;
	}
	if (r < 0)
		return err_set(err, r == -E2BIG ? -EOPNOTSUPP : -EFAULT,
			       "the dict at 0x%" PRIx64 " cannot be read to its end", obj);
	if (t->cls == OBJ_DEFAULTDICT && obj_ptr(rd, obj + rd->off->defaultdict_factory) &&
	    obj_ptr(rd, obj + rd->off->defaultdict_factory) != rd->py->none)
		return err_set(err, -EOPNOTSUPP, "the key is missing: default_factory runs code");
	owner = obj_type_special(rd, t, "__missing__");
	if (owner)
		return err_set(err, -EOPNOTSUPP, "the key is missing: %s.__missing__ runs code",
			       owner->name);
	value_repr_max(key, &sb, 100);
	return err_set(err, -ENOENT, "KeyError: %s", strbuf_str(&sb));
}

/* An index as Python takes it: bool and int, negative from the end. */
static int index_of(const struct value *key, int64_t length, const char *what, struct err *err,
		    int64_t *ret)
{
	int64_t i;

	if (key->kind == VALUE_BOOL)
		i = key->b;
	else if (key->kind != VALUE_INT)
		return err_set(err, -EINVAL, "TypeError: %s indices must be integers, not '%s'",
			       what, key->type);
	else if (!mpz_fits_slong_p(key->z))
		return err_set(err, -ENOENT,
			       "IndexError: cannot fit 'int' into an index-sized integer");
	else
		i = mpz_get_si(key->z);
	if (i < 0)
		i += length;
	if (i < 0 || i >= length)
		return err_set(err, -ENOENT, "IndexError: %s index out of range", what);
	*ret = i;
	return 0;
}

static int size_of(struct obj_rd *rd, uint64_t addr, struct err *err, int64_t *ret)
{
	uint64_t n;

	if (mem_u64(rd->mem, addr, &n) < 0 || n > 1ull << 48)
		return err_set(err, -EFAULT, "the length at 0x%" PRIx64 " cannot be read", addr);
	*ret = (int64_t)n;
	return 0;
}

/* str[i]: the characters before it must be skipped only in UTF-8; in the target it is an array. */
static int str_item(struct obj_rd *rd, uint64_t obj, const struct value *key, struct err *err,
		    struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const char *p, *end;
	int64_t length = 0, i = 0;
	int r;

	r = obj_str_read(rd, obj, 0, &sb, &length);
	if (r < 0)
		return err_set(err, -EFAULT, "the str at 0x%" PRIx64 " cannot be read", obj);
	r = index_of(key, length, "string", err, &i);
	if (r < 0)
		return r;
	if (i > 1 << 24)
		return err_set(err, -EOPNOTSUPP, "the index is too large");
	strbuf_reset(&sb);
	r = obj_str_read(rd, obj, (size_t)(i + 1) * 4, &sb, NULL);
	if (r < 0)
		return err_set(err, -EFAULT, "the str at 0x%" PRIx64 " cannot be read", obj);
	p = strbuf_str(&sb);
	end = p + sb.len;
	for (; i > 0 && p < end; i--)
		for (p++; p < end && (*p & 0xc0) == 0x80; p++)
			;
	key = NULL;
	for (r = p < end; p + r < end && (p[r] & 0xc0) == 0x80; r++)
		;
	*ret = value_new_str(p, r);
	return *ret ? 0 : -ENOMEM;
}

static int bytes_item(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const struct value *key,
		      struct err *err, struct value **ret)
{
	bool array = t->cls == OBJ_BYTEARRAY;
	uint64_t at = obj + rd->off->bytes_data;
	int64_t length = 0, i = 0;
	uint8_t byte;
	int r;

	r = size_of(rd, obj + rd->off->ob_size, err, &length);
	if (r == 0)
		r = index_of(key, length, array ? "bytearray" : "index", err, &i);
	if (r < 0)
		return r;
	if (array)
		at = obj_ptr(rd, obj + rd->off->bytearray_start);
	if (mem_u8(rd->mem, at + (uint64_t)i, &byte) < 0)
		return err_set(err, -EFAULT, "the bytes at 0x%" PRIx64 " cannot be read", at);
	*ret = value_new_long(byte);
	return *ret ? 0 : -ENOMEM;
}

static int range_item(struct obj_rd *rd, uint64_t obj, const struct value *key, struct err *err,
		      struct value **ret)
{
	const struct py_offsets *off = rd->off;
	struct value *v = value_new_long(0);
	mpz_t start, step, length;
	int r = -EINVAL;

	if (!v)
		return -ENOMEM;
	mpz_inits(start, step, length, NULL);
	if (obj_int_read(rd, obj_ptr(rd, obj + off->range_start), start) < 0 ||
	    obj_int_read(rd, obj_ptr(rd, obj + off->range_step), step) < 0 ||
	    obj_int_read(rd, obj_ptr(rd, obj + off->range_length), length) < 0) {
		r = err_set(err, -EFAULT, "the range at 0x%" PRIx64 " cannot be read", obj);
	} else if (key->kind != VALUE_INT && key->kind != VALUE_BOOL) {
		r = err_set(err, -EINVAL,
			    "TypeError: range indices must be integers or slices, not %s",
			    key->type);
	} else {
		if (key->kind == VALUE_BOOL)
			mpz_set_si(v->z, key->b);
		else
			mpz_set(v->z, key->z);
		if (mpz_sgn(v->z) < 0)
			mpz_add(v->z, v->z, length);
		if (mpz_sgn(v->z) < 0 || mpz_cmp(v->z, length) >= 0) {
			r = err_set(err, -ENOENT, "IndexError: range object index out of range");
		} else {
			mpz_mul(v->z, v->z, step);
			mpz_add(v->z, v->z, start);
			r = 0;
		}
	}
	mpz_clears(start, step, length, NULL);
	if (r < 0)
		value_free(v);
	else
		*ret = v;
	return r;
}

static int deque_item(struct obj_rd *rd, uint64_t obj, const struct value *key, struct err *err,
		      uint64_t *ret_addr)
{
	const struct py_offsets *off = rd->off;
	uint64_t per_block = (off->deque_block_right - off->deque_block_data) / 8, block, at;
	int64_t length = 0, i = 0;
	int r;

	r = size_of(rd, obj + off->ob_size, err, &length);
	if (r == 0)
		r = index_of(key, length, "deque", err, &i);
	if (r < 0)
		return r;
	block = obj_ptr(rd, obj + off->deque_leftblock);
	at = obj_ptr(rd, obj + off->deque_leftindex) + (uint64_t)i;
	if (at / per_block > OBJ_SCAN_MAX)
		return err_set(err, -EOPNOTSUPP, "the index is too large");
	for (; at >= per_block; at -= per_block)
		block = obj_ptr(rd, block + off->deque_block_right);
	*ret_addr = obj_ptr(rd, block + off->deque_block_data + 8 * at);
	return *ret_addr ? 0
			 : err_set(err, -EFAULT, "the deque at 0x%" PRIx64 " cannot be read", obj);
}

static int array_item(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const struct value *key,
		      struct err *err, uint64_t *ret_addr)
{
	bool tuple = t->cls == OBJ_TUPLE;
	uint64_t items = obj + rd->off->tuple_items;
	int64_t length = 0, i = 0;
	int r;

	r = size_of(rd, obj + rd->off->ob_size, err, &length);
	if (r == 0)
		r = index_of(key, length, tuple ? "tuple" : "list", err, &i);
	if (r < 0)
		return r;
	if (!tuple)
		items = obj_ptr(rd, obj + rd->off->list_items);
	*ret_addr = obj_ptr(rd, items + 8 * (uint64_t)i);
	return *ret_addr
		       ? 0
		       : err_set(err, -EFAULT, "the items at 0x%" PRIx64 " cannot be read", items);
}

static int item(struct obj_rd *rd, uint64_t obj, const struct value *key, struct err *err,
		uint64_t *ret_addr, struct value **ret)
{
	struct obj_type *t = obj < 4096 ? NULL : obj_type_of(rd, obj, NULL), *owner = NULL;
	uint64_t method;

	if (!t)
		return err_set(err, -EFAULT, "the object at 0x%" PRIx64 " cannot be read", obj);
	owner = obj_type_special(rd, t, "__getitem__");
	if (owner)
		return err_set(err, -EOPNOTSUPP, "method '__getitem__' of %s runs code",
			       owner->name);
	switch (t->cls) {
	case OBJ_LIST:
	case OBJ_TUPLE:
		return array_item(rd, obj, t, key, err, ret_addr);
	case OBJ_DICT:
	case OBJ_ODICT:
	case OBJ_DEFAULTDICT:
	case OBJ_FROZENDICT:
		return dict_item(rd, obj, t, key, err, ret_addr);
	case OBJ_MAPPINGPROXY:
		method = obj_ptr(rd, obj + rd->off->mappingproxy_mapping);
		owner = obj_type_of(rd, method, NULL);
		if (!owner || !(owner->flags & TPF_DICT))
			break;
		return dict_item(rd, method, owner, key, err, ret_addr);
	case OBJ_STR:
		return str_item(rd, obj, key, err, ret);
	case OBJ_BYTES:
	case OBJ_BYTEARRAY:
		return bytes_item(rd, obj, t, key, err, ret);
	case OBJ_RANGE:
		return range_item(rd, obj, key, err, ret);
	case OBJ_DEQUE:
		return deque_item(rd, obj, key, err, ret_addr);
	case OBJ_NONE:
	case OBJ_BOOL:
	case OBJ_INT:
	case OBJ_FLOAT:
	case OBJ_COMPLEX:
	case OBJ_SET:
	case OBJ_FROZENSET:
	case OBJ_FUNCTION:
	case OBJ_METHOD:
	case OBJ_MODULE:
		return err_set(err, -EINVAL, "TypeError: '%s' object is not subscriptable",
			       t->name);
	default:
		break;
	}
	return err_set(err, -EOPNOTSUPP, "'%s' objects cannot be indexed without running code",
		       t->name);
}

int cpython_item(struct interp *in, uint64_t obj, const struct value *key,
		 const struct value_limits *lim, struct err *err, struct value **ret)
{
	struct value *v = NULL;
	uint64_t addr = 0;
	struct obj_rd rd;
	int r;

	obj_rd_init(&rd, in, NULL);
	rd.lim.bytes = 1 << 20; /* of keys: what is cut cannot be compared */
	r = item(&rd, obj, key, err, &addr, &v);
	obj_rd_deinit(&rd);
	if (rd.nomem || r == -ENOMEM) {
		value_free(v);
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0)
		return r;
	if (!v)
		return cpython_value(in, addr, lim, ret);
	v->minor = (uint8_t)cpython_of(in)->info.minor;
	*ret = v;
	return 0;
}
