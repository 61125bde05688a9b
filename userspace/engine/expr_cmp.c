// SPDX-License-Identifier: BSD-2-Clause
/* is, ==, <, sorting: as the built-in types' rich comparisons do. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- identity ---- */

/* Is there one object only of each such value (Objects/longobject.c: small ints; empty and
 * one-character texts)? */
static bool is_singleton(const struct eval *ev, const struct value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_ELLIPSIS:
	case VALUE_NOT_IMPLEMENTED:
	case VALUE_BOOL:
		return true;
	case VALUE_INT:
		return !v->subclass && mpz_cmp_si(v->z, -5) >= 0 &&
		       mpz_cmp_si(v->z, ev->minor >= 15 ? 1024 : 256) <= 0;
	case VALUE_TUPLE:
		return !v->subclass && v->length == 0;
	case VALUE_STR:
		/* Latin-1 characters have one object each: up to two bytes of UTF-8 that begin with
		 * C2 or C3. */
		return !v->subclass &&
		       (v->length == 0 || (v->length == 1 && (unsigned char)v->bytes[0] < 0xc4));
	case VALUE_BYTES:
		return !v->subclass && v->length <= 1;
	default:
		return false;
	}
}

int eval_is(struct eval *ev, const struct value *a, const struct value *b)
{
	int r;

	if (a == b)
		return 1;
	if (a->address && b->address)
		return a->address == b->address;
	if (a->kind != b->kind || a->subclass || b->subclass)
		return 0;
	if (is_singleton(ev, a) && is_singleton(ev, b))
		return eval_equal(ev, a, b);
	switch (a->kind) {
	case VALUE_LIST:
	case VALUE_DICT:
	case VALUE_SET:
	case VALUE_BYTEARRAY:
		return 0; /* what was made here is a new object */
	case VALUE_INT:
	case VALUE_FLOAT:
	case VALUE_COMPLEX:
	case VALUE_STR:
	case VALUE_BYTES:
	case VALUE_TUPLE:
	case VALUE_FROZENSET:
	case VALUE_RANGE:
	case VALUE_SLICE:
		r = eval_equal(ev, a, b);
		if (r <= 0)
			return r;
		/* The one in the target was there before the one that the compiler would make,
		 * unless interned. */
		if (a->kind != VALUE_STR && a->address != b->address)
			return 0;
		break;
	case VALUE_TYPE:
		return eval_equal(ev, a, b);
	default:
		break;
	}
	return err_set(
		ev->err, -EOPNOTSUPP,
		"whether the two are one object is not known: a '%s' was computed here (use ==)",
		a->type);
}

/* ---- equality ---- */

static bool same(const struct value *a, const struct value *b)
{
	return a == b || (a->address && a->address == b->address);
}

int eval_same_or_equal(struct eval *ev, const struct value *a, const struct value *b)
{
	return same(a, b) ? 1 : eval_equal(ev, a, b);
}

static bool bytes_equal(const struct value *a, const struct value *b)
{
	return a->nbytes == b->nbytes && !memcmp(a->bytes, b->bytes, a->nbytes);
}

static int full2(struct eval *ev, const struct value **a, const struct value **b)
{
	int r = eval_full(ev, *a, a);

	return r ? r : eval_full(ev, *b, b);
}

static int seq_equal(struct eval *ev, const struct value *a, const struct value *b)
{
	int r = 1;

	if (a->length != b->length)
		return 0;
	r = full2(ev, &a, &b);
	if (r)
		return r;
	if (a->nitems != b->nitems)
		return 0;
	r = 1;
	for (size_t i = 0; i < a->nitems && r == 1; i++)
		r = eval_same_or_equal(ev, a->items[i], b->items[i]);
	return r;
}

static int range_equal(struct eval *ev, const struct value *a, const struct value *b)
{
	int64_t n = eval_len(ev, a), m = eval_len(ev, b);
	int r;

	if (n < 0 || m < 0)
		return n < 0 ? (int)n : (int)m;
	if (n != m)
		return 0;
	r = full2(ev, &a, &b);
	if (r || !n)
		return r ? r : 1;
	if (!eval_num_equal(a->items[0], b->items[0]))
		return 0;
	return n == 1 || eval_num_equal(a->items[2], b->items[2]);
}

static bool is_seq_kind(enum value_kind kind)
{
	return kind == VALUE_LIST || kind == VALUE_TUPLE || kind == VALUE_DEQUE;
}

static int equal_builtin(struct eval *ev, const struct value *a, const struct value *b)
{
	int r;

	if (eval_is_number(a) && eval_is_number(b))
		return eval_num_equal(a, b);
	if ((a->kind == VALUE_STR && b->kind == VALUE_STR) ||
	    (eval_is_bytes(a) && eval_is_bytes(b))) {
		if (a->length != b->length)
			return 0;
		r = full2(ev, &a, &b);
		return r ? r : bytes_equal(a, b);
	}
	if (eval_is_set(a) && eval_is_set(b))
		return a->length != b->length ? 0 : eval_subset(ev, a, b);
	if (a->kind != b->kind)
		return 0;
	if (is_seq_kind(a->kind) || a->kind == VALUE_SLICE)
		return seq_equal(ev, a, b);
	if (a->kind == VALUE_DICT)
		return eval_dict_equal(ev, a, b);
	if (a->kind == VALUE_RANGE)
		return range_equal(ev, a, b);
	return 1; /* None, Ellipsis, NotImplemented */
}

static int equal_any(struct eval *ev, const struct value *a, const struct value *b)
{
	int r;

	r = eval_plain(ev, a, "__eq__");
	if (!r)
		r = eval_plain(ev, b, "__eq__");
	if (r)
		return r;
	if (eval_is_builtin(a) && eval_is_builtin(b))
		return equal_builtin(ev, a, b);
	if (eval_is_builtin(a) || eval_is_builtin(b))
		return 0;
	if (a->kind == VALUE_TYPE && b->kind == VALUE_TYPE && !(a->address && b->address))
		return a->text && b->text && !strcmp(a->text, b->text);
	return same(a, b);
}

/* One level deeper in nested containers. */
static int enter(struct eval *ev)
{
	if (++ev->nesting > EVAL_NESTING)
		return err_set(ev->err, -ERANGE,
			       "RecursionError: maximum recursion depth exceeded in comparison");
	return eval_steps(ev, 1);
}

int eval_equal(struct eval *ev, const struct value *a, const struct value *b)
{
	int r = enter(ev);

	if (!r)
		r = equal_any(ev, a, b);
	ev->nesting--;
	return r;
}

/* ---- order ---- */

static int holds(enum expr_op op, int cmp)
{
	switch (op) {
	case OP_LT:
		return cmp == -1;
	case OP_LE:
		return cmp == -1 || cmp == 0;
	case OP_GT:
		return cmp == 1;
	default:
		return cmp == 1 || cmp == 0;
	}
}

static int bytes_cmp(const struct value *a, const struct value *b)
{
	size_t n = a->nbytes < b->nbytes ? a->nbytes : b->nbytes;
	int c = memcmp(a->bytes, b->bytes, n);

	if (!c)
		return (a->nbytes > b->nbytes) - (a->nbytes < b->nbytes);
	return c < 0 ? -1 : 1;
}

static int seq_order(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b)
{
	size_t i;
	int r;

	r = full2(ev, &a, &b);
	if (r)
		return r;
	for (i = 0; i < a->nitems && i < b->nitems; i++) {
		r = eval_same_or_equal(ev, a->items[i], b->items[i]);
		if (r < 0)
			return r;
		if (!r)
			return eval_order(ev, op, a->items[i], b->items[i]);
	}
	return holds(op, (a->nitems > b->nitems) - (a->nitems < b->nitems));
}

static int set_order(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b)
{
	if (op == OP_GT || op == OP_GE)
		return set_order(ev, op == OP_GT ? OP_LT : OP_LE, b, a);
	if (op == OP_LT && a->length >= b->length)
		return 0;
	return eval_subset(ev, a, b);
}

static int order_any(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b)
{
	static const char *const names[][2] = { [OP_LT] = { "__lt__", "__gt__" },
						[OP_LE] = { "__le__", "__ge__" },
						[OP_GT] = { "__gt__", "__lt__" },
						[OP_GE] = { "__ge__", "__le__" } };
	int r;

	r = eval_plain(ev, a, names[op][0]);
	if (!r)
		r = eval_plain(ev, b, names[op][1]);
	if (r)
		return r;
	if (eval_is_number(a) && eval_is_number(b) && a->kind != VALUE_COMPLEX &&
	    b->kind != VALUE_COMPLEX)
		return holds(op, eval_num_cmp(a, b));
	if ((a->kind == VALUE_STR && b->kind == VALUE_STR) ||
	    (eval_is_bytes(a) && eval_is_bytes(b))) {
		/* UTF-8, surrogates included, sorts as code points do. */
		r = full2(ev, &a, &b);
		return r ? r : holds(op, bytes_cmp(a, b));
	}
	if (a->kind == b->kind && (is_seq_kind(a->kind) || a->kind == VALUE_SLICE))
		return seq_order(ev, op, a, b);
	if (eval_is_set(a) && eval_is_set(b))
		return set_order(ev, op, a, b);
	return eval_type_error(ev, "'%s' not supported between instances of '%s' and '%s'",
			       eval_op_text(op), a->type, b->type);
}

int eval_order(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b)
{
	int r = enter(ev);

	if (!r)
		r = order_any(ev, op, a, b);
	ev->nesting--;
	return r;
}

/* Merge sort: stable, and asks `is b < a` as list.sort() does. */
static int merge(struct eval *ev, const struct value **items, const struct value **tmp, size_t n,
		 bool reverse)
{
	size_t half = n / 2, i = 0, j = half, k = 0;
	int r;

	if (n < 2)
		return 0;
	r = merge(ev, items, tmp, half, reverse);
	if (!r)
		r = merge(ev, items + half, tmp, n - half, reverse);
	if (r)
		return r;
	while (i < half && j < n) {
		r = reverse ? eval_order(ev, OP_LT, items[i], items[j])
			    : eval_order(ev, OP_LT, items[j], items[i]);
		if (r < 0)
			return r;
		tmp[k++] = r ? items[j++] : items[i++];
	}
	while (i < half)
		tmp[k++] = items[i++];
	memcpy(items, tmp, k * sizeof(*items));
	return 0;
}

int eval_sort(struct eval *ev, const struct value **items, size_t n, bool reverse)
{
	const struct value **tmp = calloc(n ? n : 1, sizeof(*tmp));
	int r;

	if (!tmp)
		return err_set(ev->err, -ENOMEM, "out of memory");
	r = merge(ev, items, tmp, n, reverse);
	free(tmp);
	return r;
}
