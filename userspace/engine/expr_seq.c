// SPDX-License-Identifier: BSD-2-Clause
/* Sequences and containers: + * [] in, iteration. Slices: expr_slice.c. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "engine/expr_text.h"
#include "probes/probe.h"

static int too_long(struct eval *ev)
{
	return err_set(ev->err, -ERANGE,
		       "the result is too large: strings are limited to %d bytes and containers to "
		       "%d items here",
		       EVAL_BYTES_MAX, EVAL_ITEMS_MAX);
}

static bool is_text(const struct value *v)
{
	return v->kind == VALUE_STR || eval_is_bytes(v);
}

static bool is_list(const struct value *v)
{
	return v->kind == VALUE_LIST || v->kind == VALUE_TUPLE;
}

static int concat_text(struct eval *ev, const struct value *a, const struct value *b,
		       const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (a->nbytes + b->nbytes > EVAL_BYTES_MAX)
		return too_long(ev);
	/* An empty operand gives the other one itself, when that is of the very type. */
	if (a->kind == b->kind && a->kind != VALUE_BYTEARRAY && (!a->nbytes || !b->nbytes)) {
		const struct value *v = a->nbytes ? a : b;

		if (!v->subclass) {
			*ret = v;
			return 0;
		}
	}
	strbuf_add(&sb, a->bytes, a->nbytes);
	strbuf_add(&sb, b->bytes, b->nbytes);
	return eval_new_text(ev, a->kind, &sb, ret);
}

static int concat_list(struct eval *ev, const struct value *a, const struct value *b,
		       const struct value **ret)
{
	const struct value **items;
	int r;

	if (a->kind == VALUE_TUPLE && (!a->nitems || !b->nitems)) {
		const struct value *v = a->nitems ? a : b;

		if (!v->subclass) {
			*ret = v;
			return 0;
		}
	}
	if (a->nitems + b->nitems > EVAL_ITEMS_MAX)
		return too_long(ev);
	items = calloc(a->nitems + b->nitems + 1, sizeof(*items));
	if (!items)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < a->nitems; i++)
		items[i] = a->items[i];
	for (size_t i = 0; i < b->nitems; i++)
		items[a->nitems + i] = b->items[i];
	r = eval_new_items(ev, a->kind, items, a->nitems + b->nitems, ret);
	free(items);
	return r;
}

static int concat_error(struct eval *ev, const struct value *a, const struct value *b)
{
	const char *type = a->kind == VALUE_LIST    ? "list"
			   : a->kind == VALUE_TUPLE ? "tuple"
						    : "str";

	if (eval_is_bytes(a))
		return eval_type_error(ev, "can't concat %s to %s", b->type, a->type);
	if (a->kind == VALUE_STR && ev->minor < 7)
		return eval_type_error(ev, "must be str, not %s", b->type);
	return eval_type_error(ev, "can only concatenate %s (not \"%s\") to %s", type, b->type,
			       type);
}

int eval_concat(struct eval *ev, const struct value *a, const struct value *b,
		const struct value **ret)
{
	int r;

	if (!(is_text(a) || is_list(a)) ||
	    (a->kind != b->kind && !(eval_is_bytes(a) && eval_is_bytes(b))))
		return concat_error(ev, a, b);
	r = eval_full(ev, a, &a);
	if (!r)
		r = eval_full(ev, b, &b);
	if (r)
		return r;
	return is_text(a) ? concat_text(ev, a, b, ret) : concat_list(ev, a, b, ret);
}

int eval_repeat(struct eval *ev, const struct value *seq, const struct value *times,
		const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ const struct value **items = NULL;
	int64_t n = eval_clamp(times);
	size_t one;
	int r;

	if (times->kind == VALUE_INT && !mpz_fits_slong_p(times->z))
		return err_set(ev->err, -ERANGE,
			       "OverflowError: cannot fit 'int' into an index-sized integer");
	r = eval_full(ev, seq, &seq);
	if (r)
		return r;
	if (n < 0)
		n = 0;
	if (n == 1 && !seq->subclass && seq->kind != VALUE_LIST && seq->kind != VALUE_BYTEARRAY) {
		*ret = seq;
		return 0;
	}
	one = is_text(seq) ? seq->nbytes : seq->nitems;
	if (!one)
		n = 0;
	if (one && (uint64_t)n > (is_text(seq) ? EVAL_BYTES_MAX : EVAL_ITEMS_MAX) / one)
		return too_long(ev);
	if (is_text(seq)) {
		for (int64_t i = 0; i < n; i++)
			strbuf_add(&sb, seq->bytes, seq->nbytes);
		return eval_new_text(ev, seq->kind, &sb, ret);
	}
	items = calloc(one * n + 1, sizeof(*items));
	if (!items)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < one * n; i++)
		items[i] = seq->items[i % one];
	return eval_new_items(ev, seq->kind, items, one * n, ret);
}

/* ---- items ---- */

static const char *index_error(const struct value *v)
{
	switch (v->kind) {
	case VALUE_STR:
		return "string index out of range";
	case VALUE_BYTES:
		return "index out of range";
	case VALUE_BYTEARRAY:
		return "bytearray index out of range";
	case VALUE_TUPLE:
		return "tuple index out of range";
	case VALUE_RANGE:
		return "range object index out of range";
	case VALUE_DEQUE:
		return "deque index out of range";
	default:
		return "list index out of range";
	}
}

static int text_item(struct eval *ev, const struct value *v, int64_t i, const struct value **ret)
{
	size_t from, to;

	if (v->kind != VALUE_STR)
		return eval_new_long(ev, (unsigned char)v->bytes[i], ret);
	from = expr_utf8_at(v->bytes, v->nbytes, i);
	to = from + expr_utf8_at(v->bytes + from, v->nbytes - from, 1);
	return eval_new_str(ev, v->bytes + from, to - from, ret);
}

/* start + i * step of a range, which may be of any size. */
static int range_item(struct eval *ev, const struct value *v, const mpz_t index,
		      const struct value **ret)
{
	const struct value *full;
	mpz_t i, n, step;
	int r;

	r = eval_full(ev, v, &full);
	if (!r)
		r = eval_check_range(ev, full);
	if (r)
		return r;
	mpz_inits(i, n, step, NULL);
	eval_range_count(full, n);
	mpz_set(i, index);
	if (mpz_sgn(i) < 0 && mpz_sgn(n) > 0)
		mpz_add(i, i, n);
	if (mpz_sgn(i) < 0 || mpz_cmp(i, n) >= 0) {
		r = err_set(ev->err, -ENOENT, "IndexError: %s", index_error(v));
	} else {
		mpz_mul(step, i, full->items[2]->z);
		mpz_add(step, step, full->items[0]->z);
		r = eval_keep(ev, value_new_int(step), ret);
	}
	mpz_clears(i, n, step, NULL);
	return r;
}

static int seq_item(struct eval *ev, const struct value *v, const struct value *key,
		    const struct value **ret)
{
	int64_t i = eval_clamp(key), n;
	int r;

	if (v->kind == VALUE_RANGE) {
		mpz_t z;

		mpz_init(z);
		if (key->kind == VALUE_BOOL)
			mpz_set_ui(z, key->b);
		else
			mpz_set(z, key->z);
		r = range_item(ev, v, z, ret);
		mpz_clear(z);
		return r;
	}
	if (key->kind == VALUE_INT && !mpz_fits_slong_p(key->z))
		return err_set(ev->err, -ENOENT,
			       "IndexError: cannot fit 'int' into an index-sized integer");
	n = v->length;
	if (i < 0)
		i += n;
	if (i < 0 || i >= n)
		return err_set(ev->err, -ENOENT, "IndexError: %s", index_error(v));
	if (!is_text(v) && v->address && v->nitems != (size_t)n && ev->in) {
		/* One of many: let the interpreter's reader pick it. */
		struct value *one = NULL, *index = value_new_long(i);

		if (!index)
			return err_set(ev->err, -ENOMEM, "out of memory");
		r = ev->in->ops->item(ev->in, v->address, index,
				      &(struct value_limits){ .bytes = 4096, .total = 1 }, ev->err,
				      &one);
		value_free(index);
		return r ? r : eval_keep(ev, one, ret);
	}
	r = eval_full(ev, v, &v);
	if (r)
		return r;
	if (is_text(v))
		return text_item(ev, v, i, ret);
	if ((size_t)i >= v->nitems)
		return err_set(ev->err, -EFAULT, "item %lld cannot be read", (long long)i);
	*ret = v->items[i];
	return 0;
}

static int key_error(struct eval *ev, const struct value *key)
{
	struct value_limits lim = { .depth = 3, .items = 20, .bytes = 200, .total = 50 };
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct value *shown = NULL;

	if (!eval_finish(ev, key, &lim, &shown))
		value_repr_max(shown, &sb, 200);
	value_free(shown);
	return err_set(ev->err, -ENOENT, "KeyError: %s", strbuf_str(&sb));
}

/* The dict's value for key: 1 and *ret, 0 when it is not there. The key is known to be hashable. */
static int dict_find(struct eval *ev, const struct value *d, const struct value *key,
		     const struct value **ret)
{
	int r = eval_full(ev, d, &d);

	for (size_t i = 0; !r && i + 1 < d->nitems; i += 2) {
		const struct value *k = d->items[i];

		if (k->kind == VALUE_STR && key->kind == VALUE_STR && k->length != key->length &&
		    !k->subclass)
			continue;
		r = eval_same_or_equal(ev, k, key);
		if (r == 1)
			*ret = d->items[i + 1];
	}
	return r;
}

static int dict_item(struct eval *ev, const struct value *v, const struct value *key,
		     const struct value **ret)
{
	int r;

	r = eval_hashable(ev, key, USE_DICT_KEY);
	if (r)
		return r;
	r = dict_find(ev, v, key, ret);
	if (r)
		return r < 0 ? r : 0;
	/* A subclass may make up what is missing. */
	r = eval_plain(ev, v, "__missing__");
	return r ? r : key_error(ev, key);
}

static int index_type_error(struct eval *ev, const struct value *v, const struct value *key)
{
	switch (v->kind) {
	case VALUE_STR:
		if (ev->minor < 11)
			return eval_type_error(ev, "string indices must be integers");
		return eval_type_error(ev, "string indices must be integers, not '%s'", key->type);
	case VALUE_BYTES:
		return eval_type_error(ev, "byte indices must be integers or slices, not %s",
				       key->type);
	case VALUE_DEQUE:
		return eval_type_error(ev, "sequence index must be integer, not '%s'", key->type);
	default:
		return eval_type_error(ev, "%s indices must be integers or slices, not %s",
				       v->kind == VALUE_LIST	? "list"
				       : v->kind == VALUE_TUPLE ? "tuple"
				       : v->kind == VALUE_RANGE ? "range"
								: "bytearray",
				       key->type);
	}
}

int eval_item(struct eval *ev, const struct value *v, const struct value *key,
	      const struct value **ret)
{
	struct value *one = NULL;
	int r;

	r = eval_plain(ev, v, "__getitem__");
	if (r)
		return r;
	if (v->kind == VALUE_DICT)
		return dict_item(ev, v, key, ret);
	if (is_text(v) || is_list(v) || v->kind == VALUE_RANGE || v->kind == VALUE_DEQUE) {
		if (key->kind == VALUE_SLICE) {
			const struct value *full;

			r = eval_full(ev, key, &full);
			return r ? r
				 : eval_slice(ev, v, (const struct value *const *)full->items, ret);
		}
		if (eval_is_int(key))
			return seq_item(ev, v, key, ret);
		r = eval_plain(ev, key, "__index__");
		return r ? r : index_type_error(ev, v, key);
	}
	if (v->kind == VALUE_TYPE)
		return err_set(ev->err, -EOPNOTSUPP,
			       "an item of a class is refused: it runs the target's code");
	/* 3.6 looks at the index before it looks at the class, if that has any sequence methods, as
	 * each class that a program defines (PyObject_GetItem() in Objects/abstract.c). */
	if (ev->minor == 6 && (eval_is_set(v) || v->subclass) && key->kind == VALUE_INT &&
	    !mpz_fits_slong_p(key->z))
		return err_set(ev->err, -ENOENT,
			       "IndexError: cannot fit 'int' into an index-sized integer");
	if (v->kind != VALUE_INSTANCE && v->kind != VALUE_OPAQUE)
		return eval_type_error(ev, "'%s' object is not subscriptable", v->type);
	if (!v->address || !ev->in)
		return eval_type_error(ev, "'%s' object is not subscriptable", v->type);
	r = ev->in->ops->item(ev->in, v->address, key,
			      &(struct value_limits){ .bytes = 4096, .total = 1 }, ev->err, &one);
	return r ? r : eval_keep(ev, one, ret);
}

/* ---- in ---- */

static int text_contains(struct eval *ev, const struct value *c, const struct value *v)
{
	int r;

	if (c->kind == VALUE_STR && v->kind != VALUE_STR)
		return eval_type_error(ev, "'in <string>' requires string as left operand, not %s",
				       v->type);
	if (c->kind != VALUE_STR && eval_is_int(v)) {
		int64_t byte = eval_clamp(v);

		if (byte < 0 || byte > 255)
			return err_set(ev->err, -EINVAL,
				       "ValueError: byte must be in range(0, 256)");
		r = eval_full(ev, c, &c);
		return r ? r : memchr(c->bytes, (int)byte, c->nbytes) != NULL;
	}
	if (c->kind != VALUE_STR && !eval_is_bytes(v))
		return eval_type_error(ev, "a bytes-like object is required, not '%s'", v->type);
	r = eval_full(ev, c, &c);
	if (!r)
		r = eval_full(ev, v, &v);
	return r ? r : memmem(c->bytes, c->nbytes, v->bytes, v->nbytes) != NULL;
}

static int range_contains(struct eval *ev, const struct value *c, const struct value *v)
{
	mpz_t z;
	int r;

	r = eval_full(ev, c, &c);
	if (r)
		return r;
	if (v->kind == VALUE_FLOAT || v->kind == VALUE_COMPLEX) {
		const struct value *as_int;

		/* Python goes through the numbers; only an integral one can be equal. */
		if (v->re - v->re != 0 || v->re != (double)(int64_t)v->re ||
		    (v->kind == VALUE_COMPLEX && v->im != 0))
			return v->re == v->re && v->re - v->re == 0 && v->re > 9e18
				       ? err_set(ev->err, -ERANGE,
						 "the range is too long to look through")
				       : 0;
		r = eval_new_long(ev, (int64_t)v->re, &as_int);
		return r ? r : range_contains(ev, c, as_int);
	}
	if (!eval_is_int(v))
		return eval_is_builtin(v) ? 0 : eval_plain(ev, v, "__eq__");
	r = eval_check_range(ev, c);
	if (r)
		return r;
	mpz_init(z);
	if (v->kind == VALUE_BOOL)
		mpz_set_ui(z, v->b);
	else
		mpz_set(z, v->z);
	if (mpz_sgn(c->items[2]->z) > 0)
		r = mpz_cmp(z, c->items[0]->z) >= 0 && mpz_cmp(z, c->items[1]->z) < 0;
	else
		r = mpz_cmp(z, c->items[0]->z) <= 0 && mpz_cmp(z, c->items[1]->z) > 0;
	mpz_sub(z, z, c->items[0]->z);
	r = r && mpz_divisible_p(z, c->items[2]->z);
	mpz_clear(z);
	return r;
}

int eval_contains(struct eval *ev, const struct value *c, const struct value *v)
{
	static const char *const names[] = { "__contains__", "__iter__", "__getitem__" };
	const struct value *hit;
	int r;

	r = eval_plain(ev, c, names[0]);
	for (int i = 1; i < 3 && !r && !eval_is_builtin(c); i++)
		r = eval_plain(ev, c, names[i]);
	if (r)
		return r;
	switch (c->kind) {
	case VALUE_STR:
	case VALUE_BYTES:
	case VALUE_BYTEARRAY:
		return text_contains(ev, c, v);
	case VALUE_RANGE:
		return range_contains(ev, c, v);
	case VALUE_DICT:
		r = eval_hashable(ev, v, USE_DICT_KEY);
		return r ? r : dict_find(ev, c, v, &hit);
	case VALUE_SET:
	case VALUE_FROZENSET:
		/* A set is looked for as if it were frozen. */
		r = v->kind == VALUE_SET ? 0 : eval_hashable(ev, v, USE_SET_ELEMENT);
		if (r)
			return r;
		/* fall through */
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_DEQUE:
		r = eval_full(ev, c, &c);
		for (size_t i = 0; !r && i < c->nitems; i++)
			r = eval_same_or_equal(ev, c->items[i], v);
		return r;
	default:
		return eval_type_error(
			ev,
			ev->minor >= 14 ? "argument of type '%s' is not a container or iterable"
					: "argument of type '%s' is not iterable",
			c->type);
	}
}

/* ---- iteration ---- */

static int iterate_text(struct eval *ev, const struct value *v, const struct value **ret)
{
	struct value *list = value_new(VALUE_LIST, "list");
	int r = list ? eval_spend(ev, v->length) : -ENOMEM;

	for (size_t pos = 0; !r && pos < v->nbytes;) {
		size_t n =
			v->kind == VALUE_STR ? expr_utf8_at(v->bytes + pos, v->nbytes - pos, 1) : 1;
		struct value *one = v->kind == VALUE_STR
					    ? value_new_str(v->bytes + pos, n)
					    : value_new_long((unsigned char)v->bytes[pos]);

		r = one ? value_add(list, one) : -ENOMEM;
		pos += n;
	}
	if (r) {
		value_free(list);
		return r == -ENOMEM ? err_set(ev->err, r, "out of memory") : r;
	}
	list->length = (int64_t)list->nitems;
	return eval_keep(ev, list, ret);
}

static int iterate_range(struct eval *ev, const struct value *v, const struct value **ret)
{
	int64_t n = eval_len(ev, v);
	struct value *list;
	mpz_t z;
	int r;

	if (n < 0)
		return (int)n;
	if (n > EVAL_ITEMS_MAX)
		return too_long(ev);
	r = eval_full(ev, v, &v);
	if (!r)
		r = eval_spend(ev, n);
	if (r)
		return r;
	list = value_new(VALUE_LIST, "list");
	mpz_init_set(z, v->items[0]->z);
	r = list ? 0 : -ENOMEM;
	for (int64_t i = 0; i < n && !r; i++) {
		struct value *one = value_new_int(z);

		r = one ? value_add(list, one) : -ENOMEM;
		mpz_add(z, z, v->items[2]->z);
	}
	mpz_clear(z);
	if (r) {
		value_free(list);
		return err_set(ev->err, r, "out of memory");
	}
	list->length = n;
	return eval_keep(ev, list, ret);
}

static int iterate_dict(struct eval *ev, const struct value *v, const struct value **ret)
{
	_cleanup_free_ const struct value **keys = calloc(v->nitems / 2 + 1, sizeof(*keys));

	if (!keys)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i + 1 < v->nitems; i += 2)
		keys[i / 2] = v->items[i];
	return eval_new_items(ev, VALUE_LIST, keys, v->nitems / 2, ret);
}

int eval_iterate(struct eval *ev, const struct value *v, const struct value **ret)
{
	int r;

	r = eval_plain(ev, v, "__iter__");
	if (!r && !eval_is_builtin(v))
		r = eval_plain(ev, v, "__getitem__");
	if (r)
		return r;
	switch (v->kind) {
	case VALUE_RANGE:
		return iterate_range(ev, v, ret);
	case VALUE_STR:
	case VALUE_BYTES:
	case VALUE_BYTEARRAY:
		r = eval_full(ev, v, &v);
		return r ? r : iterate_text(ev, v, ret);
	case VALUE_DICT:
		r = eval_full(ev, v, &v);
		return r ? r : iterate_dict(ev, v, ret);
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
		return eval_full(ev, v, ret);
	default:
		return eval_type_error(ev, "'%s' object is not iterable", v->type);
	}
}
