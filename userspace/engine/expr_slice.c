// SPDX-License-Identifier: BSD-2-Clause
/* Slices of str, bytes, bytearray, list, tuple and range. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "engine/expr_text.h"

static bool is_text(const struct value *v)
{
	return v->kind == VALUE_STR || eval_is_bytes(v);
}

static bool is_list(const struct value *v)
{
	return v->kind == VALUE_LIST || v->kind == VALUE_TUPLE;
}

int eval_new_text(struct eval *ev, enum value_kind kind, struct strbuf *sb,
		  const struct value **ret)
{
	if (sb->failed)
		return err_set(ev->err, -ENOMEM, "out of memory");
	if (kind == VALUE_STR)
		return eval_new_str(ev, strbuf_str(sb), sb->len, ret);
	return eval_keep(ev, expr_new_bytes(kind, strbuf_str(sb), sb->len), ret);
}

/* Is it a range as one must be (v: with its items)? */
int eval_check_range(struct eval *ev, const struct value *v)
{
	for (size_t k = 0; k < 3; k++)
		if (v->nitems != 3 || v->items[k]->kind != VALUE_INT)
			return err_set(ev->err, -EFAULT, "the range cannot be read");
	return mpz_sgn(v->items[2]->z) ? 0 : err_set(ev->err, -EFAULT, "the range cannot be read");
}

void eval_range_count(const struct value *v, mpz_t n)
{
	mpz_sub(n, v->items[1]->z, v->items[0]->z);
	mpz_cdiv_q(n, n, v->items[2]->z);
	if (mpz_sgn(n) < 0)
		mpz_set_ui(n, 0);
}

/* A bound as int64_t, cut to its range; `none` where it is None. */
static int bound(struct eval *ev, const struct value *b, int64_t none, int64_t *ret)
{
	int r;

	*ret = none;
	if (b->kind == VALUE_NONE)
		return 0;
	if (eval_is_int(b)) {
		*ret = eval_clamp(b);
		return 0;
	}
	r = eval_plain(ev, b, "__index__");
	return r ? r
		 : eval_type_error(
			   ev,
			   "slice indices must be integers or None or have an __index__ method");
}

static int64_t clip(int64_t i, int64_t n, int64_t low, int64_t high)
{
	if (i < 0)
		i = i < -n ? low : i + n;
	return i < low ? low : i > high ? high : i;
}

struct slice {
	int64_t start, step, count;
};

static int slice_of(struct eval *ev, const struct value *const b[3], int64_t n, struct slice *ret)
{
	int64_t start, stop, step, low, high;
	int r;

	r = bound(ev, b[2], 1, &step);
	if (r)
		return r;
	if (!step)
		return err_set(ev->err, -EINVAL, "ValueError: slice step cannot be zero");
	if (step < -INT64_MAX)
		step = -INT64_MAX;
	low = step < 0 ? -1 : 0;
	high = step < 0 ? n - 1 : n;
	r = bound(ev, b[0], 0, &start);
	if (!r)
		r = bound(ev, b[1], 0, &stop);
	if (r)
		return r;
	start = b[0]->kind == VALUE_NONE ? (step < 0 ? high : low) : clip(start, n, low, high);
	stop = b[1]->kind == VALUE_NONE ? (step < 0 ? low : high) : clip(stop, n, low, high);
	ret->start = start;
	ret->step = step;
	if (step < 0)
		ret->count = stop < start ? (start - stop - 1) / -step + 1 : 0;
	else
		ret->count = start < stop ? (stop - start - 1) / step + 1 : 0;
	return 0;
}

static int slice_text(struct eval *ev, const struct value *v, const struct slice *s,
		      const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ uint32_t *at = NULL;
	size_t pos = 0;

	if (s->step == 1 && s->count == v->length && v->kind != VALUE_BYTEARRAY && !v->subclass) {
		*ret = v;
		return 0;
	}
	if (v->kind != VALUE_STR || (size_t)v->length == v->nbytes) {
		for (int64_t i = 0; i < s->count; i++)
			strbuf_addc(&sb, v->bytes[s->start + i * s->step]);
		return eval_new_text(ev, v->kind, &sb, ret);
	}
	at = calloc(v->length + 1, sizeof(*at));
	if (!at)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (int64_t i = 0; i <= v->length; i++) {
		at[i] = pos;
		pos += expr_utf8_at(v->bytes + pos, v->nbytes - pos, 1);
	}
	for (int64_t i = 0; i < s->count; i++) {
		int64_t k = s->start + i * s->step;

		strbuf_add(&sb, v->bytes + at[k], at[k + 1] - at[k]);
	}
	return eval_new_text(ev, v->kind, &sb, ret);
}

/* A bound of a range's slice, which may be of any size: z; false where it is None. */
static int big_bound(struct eval *ev, const struct value *b, mpz_t z, bool *ret_given)
{
	int64_t unused;

	*ret_given = b->kind != VALUE_NONE;
	if (b->kind == VALUE_INT)
		mpz_set(z, b->z);
	else if (b->kind == VALUE_BOOL)
		mpz_set_ui(z, b->b);
	else if (*ret_given)
		return bound(ev, b, 0, &unused);
	return 0;
}

static void big_clip(mpz_t i, const mpz_t n, const mpz_t low, const mpz_t high)
{
	if (mpz_sgn(i) < 0)
		mpz_add(i, i, n);
	if (mpz_cmp(i, low) < 0)
		mpz_set(i, low);
	if (mpz_cmp(i, high) > 0)
		mpz_set(i, high);
}

/* Start and stop of the slice as positions in a range of n items, and its step. */
static int range_bounds(struct eval *ev, const struct value *const b[3], const mpz_t n,
			mpz_t out[3])
{
	mpz_t low, high;
	bool given;
	int r;

	r = big_bound(ev, b[2], out[2], &given);
	if (!given)
		mpz_set_ui(out[2], 1);
	if (r)
		return r;
	if (!mpz_sgn(out[2]))
		return err_set(ev->err, -EINVAL, "ValueError: slice step cannot be zero");
	mpz_init_set_si(low, mpz_sgn(out[2]) < 0 ? -1 : 0);
	mpz_init(high);
	mpz_add(high, n, low);
	for (int k = 0; k < 2 && !r; k++) {
		r = big_bound(ev, b[k], out[k], &given);
		if (given)
			big_clip(out[k], n, low, high);
		else
			mpz_set(out[k], (mpz_sgn(out[2]) < 0) == (k == 0) ? high : low);
	}
	mpz_clears(low, high, NULL);
	return r;
}

static int slice_range(struct eval *ev, const struct value *v, const struct value *const b[3],
		       const struct value **ret)
{
	const struct value *items[3] = { 0 };
	mpz_t n, out[3];
	int r;

	r = eval_full(ev, v, &v);
	if (!r)
		r = eval_check_range(ev, v);
	if (r)
		return r;
	mpz_inits(n, out[0], out[1], out[2], NULL);
	eval_range_count(v, n);
	r = range_bounds(ev, b, n, out);
	for (int k = 0; k < 3 && !r; k++) {
		/* start + i * step; the step times the slice's step */
		mpz_mul(out[k], out[k], v->items[2]->z);
		if (k < 2)
			mpz_add(out[k], out[k], v->items[0]->z);
		r = eval_keep(ev, value_new_int(out[k]), &items[k]);
	}
	mpz_clears(n, out[0], out[1], out[2], NULL);
	return r ? r : eval_new_items(ev, VALUE_RANGE, items, 3, ret);
}

int eval_slice(struct eval *ev, const struct value *v, const struct value *const bounds[3],
	       const struct value **ret)
{
	_cleanup_free_ const struct value **items = NULL;
	struct slice s = { 0 };
	int64_t n;
	int r;

	r = eval_plain(ev, v, "__getitem__");
	if (r)
		return r;
	if (v->kind == VALUE_DEQUE)
		return eval_type_error(ev, "sequence index must be integer, not 'slice'");
	if (v->kind == VALUE_DICT || !(is_text(v) || is_list(v) || v->kind == VALUE_RANGE)) {
		r = eval_new_items(ev, VALUE_SLICE, bounds, 3, ret);
		return r ? r : eval_item(ev, v, *ret, ret);
	}
	if (v->kind == VALUE_RANGE)
		return slice_range(ev, v, bounds, ret);
	n = v->length;
	if (n < 0)
		return err_set(ev->err, -EFAULT, "the length of a '%s' cannot be read", v->type);
	r = slice_of(ev, bounds, n, &s);
	if (r)
		return r;
	r = eval_full(ev, v, &v);
	if (r)
		return r;
	if (is_text(v))
		return v->length != n ? err_set(ev->err, -EFAULT, "the %s changes", v->type)
				      : slice_text(ev, v, &s, ret);
	if (v->kind == VALUE_TUPLE && s.step == 1 && s.count == n && !v->subclass) {
		*ret = v;
		return 0;
	}
	if (v->nitems != (size_t)n)
		return err_set(ev->err, -EFAULT, "the %s changes", v->type);
	items = calloc(s.count + 1, sizeof(*items));
	if (!items)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (int64_t i = 0; i < s.count; i++)
		items[i] = v->items[s.start + i * s.step];
	return eval_new_items(ev, v->kind, items, s.count, ret);
}
