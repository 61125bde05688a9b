// SPDX-License-Identifier: BSD-2-Clause
/* The built-in functions that can be computed without running the target's code. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int call_len(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	int64_t len = eval_len(ev, args[0].v);

	(void)n;
	return len < 0 ? (int)len : eval_new_long(ev, len, ret);
}

static int call_type(struct eval *ev, const struct eval_arg *args, size_t n,
		     const struct value **ret)
{
	(void)n;
	return eval_type_of(ev, args[0].v, ret);
}

static int call_id(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	mpz_t z;
	int r;

	(void)n;
	if (!args[0].v->address)
		return err_set(ev->err, -EOPNOTSUPP,
			       "id() of a '%s' that was computed here: it has no address",
			       args[0].v->type);
	mpz_init_set_ui(z, args[0].v->address);
	r = eval_keep(ev, value_new_int(z), ret);
	mpz_clear(z);
	return r;
}

static int call_bool(struct eval *ev, const struct eval_arg *args, size_t n,
		     const struct value **ret)
{
	int r = n ? eval_bool(ev, args[0].v) : 0;

	return r < 0 ? r : eval_new_bool(ev, r, ret);
}

static int call_abs(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	const struct value *v = args[0].v;
	double d;
	int r;

	(void)n;
	r = eval_plain(ev, v, "__abs__");
	if (r)
		return r;
	if (eval_is_int(v))
		return eval_num_unary(
			ev, v->kind == VALUE_INT && mpz_sgn(v->z) < 0 ? OP_NEG : OP_POS, v, ret);
	if (v->kind == VALUE_FLOAT)
		return eval_new_float(ev, fabs(v->re), ret);
	if (v->kind != VALUE_COMPLEX)
		return eval_type_error(ev, "bad operand type for abs(): '%s'", v->type);
	d = hypot(v->re, v->im);
	if (isinf(d) && isfinite(v->re) && isfinite(v->im))
		return err_set(ev->err, -ERANGE, "OverflowError: absolute value too large");
	return eval_new_float(ev, d, ret);
}

static int call_complex(struct eval *ev, const struct eval_arg *args, size_t n,
			const struct value **ret)
{
	double part[2] = { 0, 0 };
	struct value *v;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct value *arg;

		if (args[i].v->kind == VALUE_COMPLEX && n == 1 && !args[i].v->subclass) {
			*ret = args[i].v;
			return 0;
		}
		if (!eval_is_number(args[i].v) || args[i].v->kind == VALUE_COMPLEX)
			return err_set(ev->err, -EOPNOTSUPP, "complex() of a '%s' is not supported",
				       args[i].v->type);
		r = eval_call_float(ev, &args[i], 1, &arg);
		if (r)
			return r;
		part[i] = arg->re;
	}
	v = value_new(VALUE_COMPLEX, "complex");
	if (v) {
		v->re = part[0];
		v->im = part[1];
	}
	return eval_keep(ev, v, ret);
}

/* ---- iterables ---- */

static const struct value *take_keyword(const struct eval_arg *args, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (args[i].keyword && !strcmp(args[i].keyword, name))
			return args[i].v;
	return NULL;
}

static size_t positional(const struct eval_arg *args, size_t n)
{
	size_t k = 0;

	while (k < n && !args[k].keyword)
		k++;
	return k;
}

static int extreme(struct eval *ev, const struct eval_arg *args, size_t n, const char *fn,
		   enum expr_op op, const struct value **ret)
{
	const struct value *dflt = take_keyword(args, n, "default"), *list, *v, *best = NULL;
	size_t pos = positional(args, n), count;
	int r;

	if (take_keyword(args, n, "key"))
		return err_set(ev->err, -EOPNOTSUPP,
			       "%s(key=...) is refused: it runs the target's code", fn);
	if (!pos)
		return eval_type_error(ev, "%s expected at least 1 argument, got 0", fn);
	if (pos > 1 && dflt)
		return eval_type_error(
			ev, "Cannot specify a default for %s() with multiple positional arguments",
			fn);
	list = NULL;
	if (pos == 1) {
		r = eval_iterate(ev, args[0].v, &list);
		if (r)
			return r;
	}
	count = list ? list->nitems : pos;
	for (size_t i = 0; i < count; i++) {
		v = list ? list->items[i] : args[i].v;
		r = best ? eval_order(ev, op, v, best) : 1;
		if (r < 0)
			return r;
		if (r)
			best = v;
	}
	if (!best && !dflt)
		return err_set(ev->err, -EINVAL,
			       ev->minor >= 12 ? "ValueError: %s() iterable argument is empty"
					       : "ValueError: %s() arg is an empty sequence",
			       fn);
	*ret = best ? best : dflt;
	return 0;
}

static int call_min(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	return extreme(ev, args, n, "min", OP_LT, ret);
}

static int call_max(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	return extreme(ev, args, n, "max", OP_GT, ret);
}

/*
 * Floats are summed with a compensation from 3.12 on (Python/bltinmodule.c), ints that follow a
 * float without. Items from *i on; stops before the first that is neither.
 */
static int sum_floats(struct eval *ev, const struct value *list, size_t *i, double sum,
		      const struct value **ret)
{
	double c = 0, x, t;
	int r;

	for (; *i < list->nitems; (*i)++) {
		const struct value *v = list->items[*i];

		if (v->kind == VALUE_FLOAT && !v->subclass) {
			x = v->re;
			t = sum + x;
			if (ev->minor >= 12)
				c += fabs(sum) >= fabs(x) ? (sum - t) + x : (x - t) + sum;
			sum = t;
		} else if (v->kind == VALUE_INT && !v->subclass && mpz_fits_slong_p(v->z)) {
			sum += (double)mpz_get_si(v->z);
		} else if (v->kind == VALUE_BOOL) {
			sum += v->b;
		} else {
			break;
		}
	}
	r = eval_new_float(ev, c && isfinite(c) ? sum + c : sum, ret);
	return r;
}

static int call_sum(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	const struct value *list, *acc,
		*start = positional(args, n) > 1 ? args[1].v : take_keyword(args, n, "start");
	int r;

	if (!positional(args, n))
		return eval_type_error(ev, "sum() takes at least 1 positional argument (0 given)");
	r = eval_iterate(ev, args[0].v, &list);
	if (!r && !start)
		r = eval_new_long(ev, 0, &start);
	if (r)
		return r;
	if (start->kind == VALUE_STR)
		return eval_type_error(ev, "sum() can't sum strings [use ''.join(seq) instead]");
	if (eval_is_bytes(start))
		return eval_type_error(ev, "sum() can't sum %s [use b''.join(seq) instead]",
				       start->type);
	acc = start;
	for (size_t i = 0; i < list->nitems;) {
		if (acc->kind == VALUE_COMPLEX && ev->minor >= 14)
			return err_set(ev->err, -EOPNOTSUPP,
				       "sum() of complex numbers is not supported");
		if (acc->kind == VALUE_FLOAT && !acc->subclass) {
			r = sum_floats(ev, list, &i, acc->re, &acc);
			if (r)
				return r;
			if (i == list->nitems)
				break;
		}
		r = eval_binary(ev, OP_ADD, acc, list->items[i++], &acc);
		if (r)
			return r;
	}
	*ret = acc;
	return 0;
}

static int copy_items(struct eval *ev, enum value_kind kind, const struct value *v,
		      const struct value **ret)
{
	const struct value *list;
	int r;

	r = eval_iterate(ev, v, &list);
	if (!r && (kind == VALUE_LIST || kind == VALUE_TUPLE))
		r = eval_ordered(ev, v);
	if (r)
		return r;
	if (kind == VALUE_SET || kind == VALUE_FROZENSET)
		return eval_make_set(ev, kind, (const struct value *const *)list->items,
				     list->nitems, ret);
	return eval_new_items(ev, kind, (const struct value *const *)list->items, list->nitems,
			      ret);
}

static int call_sorted(struct eval *ev, const struct eval_arg *args, size_t n,
		       const struct value **ret)
{
	const struct value *reverse = take_keyword(args, n, "reverse"),
			   *key = take_keyword(args, n, "key"), *list;
	_cleanup_free_ const struct value **items = NULL;
	int r, down = 0;

	if (positional(args, n) != 1)
		return eval_type_error(ev, "sorted expected 1 argument, got %zu",
				       positional(args, n));
	if (key && key->kind != VALUE_NONE)
		return err_set(ev->err, -EOPNOTSUPP,
			       "sorted(key=...) is refused: it runs the target's code");
	if (reverse) {
		down = eval_bool(ev, reverse);
		if (down < 0)
			return down;
	}
	r = eval_iterate(ev, args[0].v, &list);
	if (r)
		return r;
	items = calloc(list->nitems + 1, sizeof(*items));
	if (!items)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < list->nitems; i++)
		items[i] = list->items[i];
	r = eval_sort(ev, items, list->nitems, down);
	return r ? r : eval_new_items(ev, VALUE_LIST, items, list->nitems, ret);
}

static int make_from(struct eval *ev, const struct eval_arg *args, size_t n, enum value_kind kind,
		     const struct value **ret)
{
	bool frozen = kind == VALUE_TUPLE || kind == VALUE_FROZENSET;

	if (!n)
		return eval_new_items(ev, kind, NULL, 0, ret);
	if (frozen && args[0].v->kind == kind && !args[0].v->subclass) {
		*ret = args[0].v;
		return 0;
	}
	return copy_items(ev, kind, args[0].v, ret);
}

static int call_list(struct eval *ev, const struct eval_arg *args, size_t n,
		     const struct value **ret)
{
	return make_from(ev, args, n, VALUE_LIST, ret);
}

static int call_tuple(struct eval *ev, const struct eval_arg *args, size_t n,
		      const struct value **ret)
{
	return make_from(ev, args, n, VALUE_TUPLE, ret);
}

static int call_set(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	return make_from(ev, args, n, VALUE_SET, ret);
}

static int call_frozenset(struct eval *ev, const struct eval_arg *args, size_t n,
			  const struct value **ret)
{
	return make_from(ev, args, n, VALUE_FROZENSET, ret);
}

static int call_range(struct eval *ev, const struct eval_arg *args, size_t n,
		      const struct value **ret)
{
	const struct value *b[3];
	int r;

	r = eval_new_long(ev, 0, &b[0]);
	if (!r)
		r = eval_new_long(ev, 1, &b[2]);
	for (size_t i = 0; i < n && !r; i++) {
		if (!eval_is_int(args[i].v)) {
			r = eval_plain(ev, args[i].v, "__index__");
			return r ? r
				 : eval_type_error(
					   ev, "'%s' object cannot be interpreted as an integer",
					   args[i].v->type);
		}
		r = eval_num_unary(ev, OP_POS, args[i].v, &b[n == 1 ? 1 : i]);
	}
	if (!r && !mpz_sgn(b[2]->z))
		return err_set(ev->err, -EINVAL, "ValueError: range() arg 3 must not be zero");
	return r ? r : eval_new_items(ev, VALUE_RANGE, b, 3, ret);
}

static int any_all(struct eval *ev, const struct value *v, bool any, const struct value **ret)
{
	const struct value *list;
	int r;

	r = eval_iterate(ev, v, &list);
	if (r)
		return r;
	for (size_t i = 0; i < list->nitems; i++) {
		r = eval_bool(ev, list->items[i]);
		if (r < 0)
			return r;
		if (r == any)
			return eval_new_bool(ev, any, ret);
	}
	return eval_new_bool(ev, !any, ret);
}

static int call_any(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	(void)n;
	return any_all(ev, args[0].v, true, ret);
}

static int call_all(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	(void)n;
	return any_all(ev, args[0].v, false, ret);
}

static int call_divmod(struct eval *ev, const struct eval_arg *args, size_t n,
		       const struct value **ret)
{
	const struct value *pair[2];
	int r;

	(void)n;
	if (!eval_is_number(args[0].v) || !eval_is_number(args[1].v) ||
	    args[0].v->kind == VALUE_COMPLEX || args[1].v->kind == VALUE_COMPLEX) {
		r = eval_plain(ev, args[0].v, "__divmod__");
		if (!r)
			r = eval_plain(ev, args[1].v, "__rdivmod__");
		return r ? r
			 : eval_type_error(
				   ev, "unsupported operand type(s) for divmod(): '%s' and '%s'",
				   args[0].v->type, args[1].v->type);
	}
	r = eval_binary(ev, OP_FLOORDIV, args[0].v, args[1].v, &pair[0]);
	if (!r)
		r = eval_binary(ev, OP_MOD, args[0].v, args[1].v, &pair[1]);
	return r ? r : eval_new_items(ev, VALUE_TUPLE, pair, 2, ret);
}

static int call_pow(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	(void)n;
	return eval_binary(ev, OP_POW, args[0].v, args[1].v, ret);
}

/* ---- the table ---- */

static const struct builtin {
	const char *name;
	size_t min, max;
	int (*fn)(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
	const char *keywords; /* that it takes, each between spaces; NULL: none */
} builtins[] = {
	{ "abs", 1, 1, call_abs, NULL },
	{ "all", 1, 1, call_all, NULL },
	{ "any", 1, 1, call_any, NULL },
	{ "ascii", 1, 1, eval_call_ascii, NULL },
	{ "bin", 1, 1, eval_call_bin, NULL },
	{ "bool", 0, 1, call_bool, NULL },
	{ "chr", 1, 1, eval_call_chr, NULL },
	{ "complex", 0, 2, call_complex, NULL },
	{ "divmod", 2, 2, call_divmod, NULL },
	{ "float", 0, 1, eval_call_float, NULL },
	{ "frozenset", 0, 1, call_frozenset, NULL },
	{ "getattr", 2, 3, eval_call_getattr, NULL },
	{ "hasattr", 2, 2, eval_call_hasattr, NULL },
	{ "hex", 1, 1, eval_call_hex, NULL },
	{ "id", 1, 1, call_id, NULL },
	{ "int", 0, 2, eval_call_int, " base " },
	{ "isinstance", 2, 2, eval_call_isinstance, NULL },
	{ "issubclass", 2, 2, eval_call_issubclass, NULL },
	{ "len", 1, 1, call_len, NULL },
	{ "list", 0, 1, call_list, NULL },
	{ "max", 0, SIZE_MAX, call_max, " key default " },
	{ "min", 0, SIZE_MAX, call_min, " key default " },
	{ "oct", 1, 1, eval_call_oct, NULL },
	{ "ord", 1, 1, eval_call_ord, NULL },
	{ "pow", 2, 2, call_pow, NULL },
	{ "range", 1, 3, call_range, NULL },
	{ "repr", 1, 1, eval_call_repr, NULL },
	{ "round", 1, 2, eval_call_round, " ndigits " },
	{ "set", 0, 1, call_set, NULL },
	{ "sorted", 0, 3, call_sorted, " key reverse " },
	{ "str", 0, 1, eval_call_str, NULL },
	{ "sum", 0, 2, call_sum, " start " },
	{ "tuple", 0, 1, call_tuple, NULL },
	{ "type", 1, 1, call_type, NULL },
};

static const struct builtin *find_builtin(const char *name)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		if (!strcmp(builtins[i].name, name))
			return &builtins[i];
	return NULL;
}

bool expr_is_builtin(const char *name)
{
	return find_builtin(name);
}

static bool takes(const struct builtin *b, const char *keyword)
{
	const char *p = b->keywords ? strstr(b->keywords, keyword) : NULL;

	return p && p[-1] == ' ' && p[strlen(keyword)] == ' ';
}

int eval_call(struct eval *ev, const char *name, const struct eval_arg *args, size_t n,
	      const struct value **ret)
{
	const struct builtin *b = find_builtin(name);

	if (!b)
		return err_set(ev->err, -EOPNOTSUPP, "%s() is refused: calls run the target's code",
			       name);
	for (size_t i = 0; i < n; i++)
		if (args[i].keyword && !takes(b, args[i].keyword))
			return eval_type_error(ev, "'%s' is an invalid keyword argument for %s()",
					       args[i].keyword, name);
	if (n < b->min || n > b->max)
		return eval_type_error(ev, "%s() takes %s %zu argument%s (%zu given)", name,
				       b->min == b->max ? "exactly"
				       : n < b->min	? "at least"
							: "at most",
				       n < b->min ? b->min : b->max,
				       (n < b->min ? b->min : b->max) == 1 ? "" : "s", n);
	return b->fn(ev, args, n, ret);
}
