// SPDX-License-Identifier: BSD-2-Clause
#include "engine/expr_eval.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/expr.h"
#include "engine/expr_text.h"
#include "probes/probe.h"

int eval_keep(struct eval *ev, struct value *v, const struct value **ret)
{
	int r;

	if (!v)
		return err_set(ev->err, -ENOMEM, "out of memory");
	r = vec_push(&ev->pool, v);
	if (r) {
		value_free(v);
		return err_set(ev->err, r, "out of memory");
	}
	*ret = v;
	return 0;
}

int eval_spend(struct eval *ev, uint64_t n)
{
	if (n > ev->budget)
		return err_set(ev->err, -ERANGE,
			       "the expression needs too many values: the limit is %d",
			       EVAL_BUDGET);
	ev->budget -= n;
	return 0;
}

int eval_steps(struct eval *ev, uint64_t n)
{
	if (n > ev->steps)
		return err_set(ev->err, -ERANGE,
			       "the expression needs too many comparisons: the limit is %d",
			       EVAL_STEPS);
	ev->steps -= n;
	return 0;
}

int eval_type_error(struct eval *ev, const char *fmt, ...)
{
	char text[ERR_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(ev->err, -EINVAL, "TypeError: %.480s", text);
}

int eval_captured(struct eval *ev, const struct value *v)
{
	if (ev->names && (v->kind == VALUE_UNREADABLE || v->kind == VALUE_OPAQUE) && v->text &&
	    strcmp(v->text, "...") == 0)
		return err_set(ev->err, -EFAULT,
			       "not captured: a limit on depth, items or bytes left it out");
	return 0;
}

static int read_with(struct eval *ev, uint64_t addr, const struct value_limits *lim,
		     const struct value **ret)
{
	struct value *v = NULL;
	int r;

	r = eval_spend(ev, 1);
	if (r)
		return r;
	r = ev->in->ops->value(ev->in, addr, lim, &v);
	if (r)
		return err_set(ev->err, r, "out of memory");
	r = eval_keep(ev, v, ret);
	if (!r)
		r = eval_captured(ev, v);
	if (!r && v->kind == VALUE_UNREADABLE)
		return err_set(ev->err, -EFAULT, "the object at 0x%llx cannot be read: %s",
			       (unsigned long long)addr, v->text ? v->text : "?");
	return r;
}

const struct value_limits eval_whole = { .depth = 1,
					 .items = EVAL_ITEMS_MAX * 2,
					 .bytes = EVAL_BYTES_MAX,
					 .total = EVAL_ITEMS_MAX * 2 + 1 };

int eval_read(struct eval *ev, uint64_t addr, const struct value **ret)
{
	static const struct value_limits shallow = {
		.depth = 0, .items = 0, .bytes = 4096, .total = 1
	};

	return read_with(ev, addr, &shallow, ret);
}

/* How many children a whole v has; SIZE_MAX when that is not known. */
static size_t want_items(const struct value *v)
{
	switch (v->kind) {
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
		return v->length < 0 ? SIZE_MAX : (size_t)v->length;
	case VALUE_DICT:
		return v->length < 0 ? SIZE_MAX : (size_t)v->length * 2;
	case VALUE_RANGE:
	case VALUE_SLICE:
		return 3;
	default:
		return v->nitems;
	}
}

static bool is_text(const struct value *v)
{
	return v->kind == VALUE_STR || v->kind == VALUE_BYTES || v->kind == VALUE_BYTEARRAY;
}

static bool is_full(const struct value *v)
{
	return is_text(v) ? !v->truncated : v->nitems == want_items(v);
}

int eval_full(struct eval *ev, const struct value *v, const struct value **ret)
{
	int r;

	if (is_full(v)) {
		*ret = v;
		return 0;
	}
	if (!v->address || !ev->in)
		return err_set(ev->err, -ERANGE, "the whole of a %s is not at hand", v->type);
	if (v->length > (is_text(v) ? EVAL_BYTES_MAX : EVAL_ITEMS_MAX))
		return err_set(ev->err, -ERANGE,
			       "a %s of length %lld is too long to look through here", v->type,
			       (long long)v->length);
	r = read_with(ev, v->address, &eval_whole, ret);
	if (r)
		return r;
	if (!is_full(*ret) || (*ret)->kind != v->kind)
		return err_set(ev->err, -EFAULT, "the %s at 0x%llx cannot be read as a whole",
			       v->type, (unsigned long long)v->address);
	return eval_spend(ev, (*ret)->nitems);
}

/* ---- kinds ---- */

bool eval_is_int(const struct value *v)
{
	return v->kind == VALUE_BOOL || v->kind == VALUE_INT;
}

bool eval_is_number(const struct value *v)
{
	return eval_is_int(v) || v->kind == VALUE_FLOAT || v->kind == VALUE_COMPLEX;
}

bool eval_is_set(const struct value *v)
{
	return v->kind == VALUE_SET || v->kind == VALUE_FROZENSET;
}

bool eval_is_bytes(const struct value *v)
{
	return v->kind == VALUE_BYTES || v->kind == VALUE_BYTEARRAY;
}

/* The name of the built-in type of a kind; NULL for kinds that are no type of their own. */
static const char *kind_type(enum value_kind kind)
{
	switch (kind) {
	case VALUE_BOOL:
		return "bool";
	case VALUE_INT:
		return "int";
	case VALUE_FLOAT:
		return "float";
	case VALUE_COMPLEX:
		return "complex";
	case VALUE_STR:
		return "str";
	case VALUE_BYTES:
		return "bytes";
	case VALUE_BYTEARRAY:
		return "bytearray";
	case VALUE_LIST:
		return "list";
	case VALUE_TUPLE:
		return "tuple";
	case VALUE_SET:
		return "set";
	case VALUE_FROZENSET:
		return "frozenset";
	case VALUE_DICT:
		return "dict";
	case VALUE_RANGE:
		return "range";
	case VALUE_SLICE:
		return "slice";
	default:
		return NULL;
	}
}

bool eval_is_builtin(const struct value *v)
{
	return kind_type(v->kind) || v->kind == VALUE_NONE || v->kind == VALUE_ELLIPSIS ||
	       v->kind == VALUE_NOT_IMPLEMENTED || v->kind == VALUE_DEQUE;
}

/* Is v of a built-in type itself? OrderedDict, say, has a dict's layout and behaves otherwise. */
static bool is_exact(const struct value *v)
{
	const char *type = v->kind == VALUE_DEQUE ? "deque" : kind_type(v->kind);

	return eval_is_builtin(v) && !v->subclass && (!type || !strcmp(v->type, type));
}

uint64_t eval_builtin_addr(struct eval *ev, const char *name)
{
	struct mem *mem = ev->names ? ev->names->mem : NULL;
	uint64_t addr;
	int r;

	if (!ev->in || !ev->builtins)
		return 0;
	if (mem)
		mem_live(mem);
	r = ev->in->ops->dict_get(ev->in, ev->builtins, name, &addr);
	if (mem)
		mem_live_end(mem);
	return r ? 0 : addr;
}

int eval_special(struct eval *ev, const struct value *v, const char *name)
{
	const char *base = v->kind == VALUE_TYPE ? "type" : kind_type(v->kind);
	uint64_t addr, owner;
	int r;

	if (is_exact(v) || !ev->in)
		return 0;
	if (v->kind == VALUE_UNREADABLE)
		return err_set(ev->err, -EFAULT, "a value cannot be read: %s",
			       v->text ? v->text : "?");
	if (!v->type_address || !ev->in->ops->type_lookup)
		return err_set(ev->err, -EOPNOTSUPP, "what '%s' defines is not known here",
			       v->type);
	r = ev->in->ops->type_lookup(ev->in, v->type_address, name, &addr, &owner);
	if (r == -ENOENT)
		return 0;
	if (r)
		return err_set(ev->err, r, "the class '%s' cannot be read", v->type);
	if (owner == eval_builtin_addr(ev, "object") ||
	    (base && owner == eval_builtin_addr(ev, base)))
		return 0;
	return 1;
}

int eval_plain(struct eval *ev, const struct value *v, const char *name)
{
	int r = eval_special(ev, v, name);

	if (r <= 0)
		return r;
	return err_set(ev->err, -EOPNOTSUPP,
		       "'%s' has its own %s: calling it would run the target's code", v->type,
		       name);
}

int eval_type_of(struct eval *ev, const struct value *v, const struct value **ret)
{
	uint64_t addr = v->type_address;
	const struct value *none;
	struct value *t;
	int r;

	if (!addr)
		addr = eval_builtin_addr(ev, v->type);
	if (!addr && (v->kind == VALUE_NONE || v->kind == VALUE_ELLIPSIS ||
		      v->kind == VALUE_NOT_IMPLEMENTED)) {
		addr = eval_builtin_addr(ev, v->kind == VALUE_NONE	 ? "None"
					     : v->kind == VALUE_ELLIPSIS ? "Ellipsis"
									 : "NotImplemented");
		r = addr ? eval_read(ev, addr, &none) : 0;
		if (r)
			return r;
		addr = addr ? none->type_address : 0;
	}
	if (addr)
		return eval_read(ev, addr, ret);
	t = value_new(VALUE_TYPE, "type");
	if (t && (!(t->text = strdup(v->type)) || !(t->module = strdup("builtins")))) {
		value_free(t);
		t = NULL;
	}
	return eval_keep(ev, t, ret);
}

int eval_bool(struct eval *ev, const struct value *v)
{
	int r;

	if (!is_exact(v)) {
		r = eval_plain(ev, v, "__bool__");
		if (!r && !eval_is_number(v))
			r = eval_plain(ev, v, "__len__");
		if (r)
			return r;
	}
	if (v->kind == VALUE_INT)
		return mpz_sgn(v->z) != 0;
	if (!eval_is_builtin(v))
		return 1; /* neither __bool__ nor __len__ */
	r = v->kind == VALUE_RANGE || v->kind == VALUE_SLICE ? -1 : value_truth(v);
	if (v->kind == VALUE_SLICE)
		return 1;
	if (v->kind == VALUE_RANGE) {
		int64_t n = eval_len(ev, v);

		return n == -ERANGE ? 1 : n < 0 ? (int)n : n > 0;
	}
	if (r < 0)
		return err_set(ev->err, -EOPNOTSUPP, "the truth of a '%s' is not known here",
			       v->type);
	return r;
}

static int64_t range_len(struct eval *ev, const struct value *v)
{
	const struct value *r;
	int64_t ret;
	mpz_t z;
	int e;

	e = eval_full(ev, v, &r);
	if (e)
		return e;
	for (int i = 0; i < 3; i++)
		if (r->items[i]->kind != VALUE_INT)
			return err_set(ev->err, -EFAULT, "the range cannot be read");
	if (!mpz_sgn(r->items[2]->z))
		return err_set(ev->err, -EFAULT, "the range cannot be read");
	mpz_init(z);
	mpz_sub(z, r->items[1]->z, r->items[0]->z);
	mpz_cdiv_q(z, z, r->items[2]->z);
	if (mpz_sgn(z) < 0)
		mpz_set_ui(z, 0);
	ret = mpz_fits_slong_p(z)
		      ? mpz_get_si(z)
		      : err_set(ev->err, -ERANGE,
				"OverflowError: Python int too large to convert to C ssize_t");
	mpz_clear(z);
	return ret;
}

int64_t eval_len(struct eval *ev, const struct value *v)
{
	int r;

	switch (v->kind) {
	case VALUE_STR:
	case VALUE_BYTES:
	case VALUE_BYTEARRAY:
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
	case VALUE_DICT:
	case VALUE_RANGE:
		r = eval_plain(ev, v, "__len__");
		if (r)
			return r;
		if (v->kind == VALUE_RANGE)
			return range_len(ev, v);
		if (v->length < 0)
			return err_set(ev->err, -EFAULT, "the length of a '%s' cannot be read",
				       v->type);
		return v->length;
	default:
		r = eval_plain(ev, v, "__len__");
		return r ? r : eval_type_error(ev, "object of type '%s' has no len()", v->type);
	}
}

/* ---- making values ---- */

int eval_new_bool(struct eval *ev, bool b, const struct value **ret)
{
	return eval_keep(ev, value_new_bool(b), ret);
}

int eval_new_long(struct eval *ev, int64_t i, const struct value **ret)
{
	return eval_keep(ev, value_new_long(i), ret);
}

int eval_new_float(struct eval *ev, double d, const struct value **ret)
{
	return eval_keep(ev, value_new_float(d), ret);
}

int eval_new_str(struct eval *ev, const char *s, size_t n, const struct value **ret)
{
	return eval_keep(ev, value_new_str(s, n), ret);
}

size_t eval_count(const struct value *v)
{
	size_t n = 1;

	for (size_t i = 0; i < v->nitems; i++)
		n += eval_count(v->items[i]);
	return n;
}

int eval_new_items(struct eval *ev, enum value_kind kind, const struct value *const *items,
		   size_t n, const struct value **ret)
{
	struct value *v = value_new(kind, kind_type(kind));
	int r = v ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++) {
		struct value *child;

		r = eval_spend(ev, eval_count(items[i]));
		if (r)
			break;
		child = expr_value_copy(items[i]);
		r = child ? value_add(v, child) : -ENOMEM;
	}
	if (r) {
		value_free(v);
		return r == -ENOMEM ? err_set(ev->err, r, "out of memory") : r;
	}
	v->length = kind == VALUE_DICT				 ? (int64_t)n / 2
		    : kind == VALUE_SLICE || kind == VALUE_RANGE ? -1
								 : (int64_t)n;
	return eval_keep(ev, v, ret);
}

int64_t eval_clamp(const struct value *v)
{
	if (v->kind == VALUE_BOOL)
		return v->b;
	if (mpz_fits_slong_p(v->z))
		return mpz_get_si(v->z);
	return mpz_sgn(v->z) < 0 ? INT64_MIN : INT64_MAX;
}
