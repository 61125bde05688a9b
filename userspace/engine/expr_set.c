// SPDX-License-Identifier: BSD-2-Clause
/* What hashes: which values may be keys, sets and dicts that are made here, looking values up among
 * many. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* ---- hashing ---- */

static int unhashable(struct eval *ev, const struct value *v, const struct value *whole,
		      enum eval_use use)
{
	if (ev->minor < 14 || use == USE_PLAIN)
		return eval_type_error(ev, "unhashable type: '%s'", v->type);
	return eval_type_error(ev, "cannot use '%s' as a %s (unhashable type: '%s')", whole->type,
			       use == USE_DICT_KEY ? "dict key" : "set element", v->type);
}

static int hashable(struct eval *ev, const struct value *v, const struct value *whole,
		    enum eval_use use)
{
	int r;

	switch (v->kind) {
	case VALUE_LIST:
	case VALUE_SET:
	case VALUE_DICT:
	case VALUE_BYTEARRAY:
	case VALUE_DEQUE:
		r = eval_plain(ev, v, "__hash__");
		return r ? r : unhashable(ev, v, whole, use);
	case VALUE_SLICE:
		if (ev->minor < 12)
			return unhashable(ev, v, whole, use);
		break;
	case VALUE_TUPLE:
		break;
	default:
		/* What is equal to itself only may hash as it likes. */
		r = eval_is_builtin(v) ? eval_plain(ev, v, "__hash__") : 0;
		return r ? r : eval_plain(ev, v, "__eq__");
	}
	r = eval_plain(ev, v, "__hash__");
	if (!r)
		r = eval_full(ev, v, &v);
	if (!r && ++ev->nesting > EVAL_NESTING)
		r = err_set(ev->err, -ERANGE, "RecursionError: maximum recursion depth exceeded");
	else if (!r)
		for (size_t i = 0; i < v->nitems && !r; i++)
			r = hashable(ev, v->items[i], whole, use);
	ev->nesting--;
	return r;
}

int eval_hashable(struct eval *ev, const struct value *v, enum eval_use use)
{
	unsigned nesting = ev->nesting;
	int r = hashable(ev, v, v, use);

	ev->nesting = nesting;
	return r;
}

/* ---- looking up ---- */

/*
 * Equal values have equal hashes; 0: nothing is known, it may be equal to anything. Not Python's
 * hash, which is salted for texts: only used to spare comparisons.
 */
static uint64_t hash_of(const struct value *v)
{
	uint64_t h = 14695981039346656037u;
	double d = v->re;

	switch (v->kind) {
	case VALUE_STR:
	case VALUE_BYTES:
		if (v->truncated)
			return 0;
		for (size_t i = 0; i < v->nbytes; i++)
			h = (h ^ (unsigned char)v->bytes[i]) * 1099511628211u;
		return h | 1;
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_FLOAT:
		/* What compares equal to an int rounds to the same double. */
		if (v->kind == VALUE_BOOL)
			d = v->b;
		else if (v->kind == VALUE_INT)
			d = mpz_get_d(v->z);
		d += 0.0; /* -0.0 is 0.0 */
		memcpy(&h, &d, sizeof(h));
		return (h ^ h >> 29) * 0x9e3779b97f4a7c15u | 1;
	default:
		return 0;
	}
}

/* Values in the order they came, found by their hash; what has none is in a chain of its own. */
struct index {
	const struct value **data; /* every one of them, keys and what goes with them alike */
	uint32_t *next;		   /* of the chain, by key */
	size_t n, cap;
	uint32_t *heads;
	size_t nheads; /* a power of two; head 0 is the chain of what has no hash */
	size_t step;   /* 1: set, 2: dict */
};

#define CHAIN_END UINT32_MAX

static void index_deinit(struct index *ix)
{
	free(ix->data);
	free(ix->next);
	free(ix->heads);
}

/* Room for n keys. */
static int index_init(struct eval *ev, struct index *ix, size_t n, size_t step)
{
	*ix = (struct index){ .step = step, .cap = n, .nheads = 16 };
	while (ix->nheads < n)
		ix->nheads *= 2;
	ix->data = calloc(n * step + 1, sizeof(*ix->data));
	ix->next = calloc(n + 1, sizeof(*ix->next));
	ix->heads = malloc(ix->nheads * sizeof(*ix->heads));
	if (!ix->data || !ix->next || !ix->heads) {
		index_deinit(ix);
		*ix = (struct index){ 0 };
		return err_set(ev->err, -ENOMEM, "out of memory");
	}
	memset(ix->heads, 0xff, ix->nheads * sizeof(*ix->heads));
	return 0;
}

static size_t head_of(const struct index *ix, uint64_t hash)
{
	return hash ? 1 + hash % (ix->nheads - 1) : 0;
}

static int64_t find_chain(struct eval *ev, const struct index *ix, size_t head,
			  const struct value *v)
{
	for (uint32_t i = ix->heads[head]; i != CHAIN_END; i = ix->next[i]) {
		int r = eval_same_or_equal(ev, ix->data[i * ix->step], v);

		if (r)
			return r < 0 ? r : (int64_t)i;
	}
	return -ENOENT;
}

/* Number of the key that is equal to v; -ENOENT. */
static int64_t index_find(struct eval *ev, const struct index *ix, const struct value *v)
{
	uint64_t hash = hash_of(v);
	int64_t at;

	if (hash) {
		at = find_chain(ev, ix, head_of(ix, hash), v);
		return at == -ENOENT ? find_chain(ev, ix, 0, v) : at;
	}
	for (size_t i = 0; i < ix->n; i++) {
		int r = eval_same_or_equal(ev, ix->data[i * ix->step], v);

		if (r)
			return r < 0 ? r : (int64_t)i;
	}
	return -ENOENT;
}

/* with: what goes with the key, step 2 only. There is room. */
static void index_add(struct index *ix, const struct value *v, const struct value *with)
{
	size_t head = head_of(ix, hash_of(v));

	ix->data[ix->n * ix->step] = v;
	if (ix->step == 2)
		ix->data[ix->n * 2 + 1] = with;
	ix->next[ix->n] = ix->heads[head];
	ix->heads[head] = ix->n++;
}

/* Of the children of a whole set or dict. */
static int index_of(struct eval *ev, const struct value *full, size_t step, struct index *ix)
{
	int r = index_init(ev, ix, full->nitems / step, step);

	if (!r)
		for (size_t i = 0; i + step <= full->nitems; i += step)
			index_add(ix, full->items[i], step == 2 ? full->items[i + 1] : NULL);
	return r;
}

static int full2(struct eval *ev, const struct value **a, const struct value **b)
{
	int r = eval_full(ev, *a, a);

	return r ? r : eval_full(ev, *b, b);
}

int eval_dict_equal(struct eval *ev, const struct value *a, const struct value *b)
{
	_cleanup_(index_deinit) struct index ix = { 0 };
	int64_t at;
	int r;

	if (a->length != b->length)
		return 0;
	r = full2(ev, &a, &b);
	if (!r)
		r = index_of(ev, b, 2, &ix);
	if (r)
		return r;
	for (size_t i = 0; i + 1 < a->nitems; i += 2) {
		at = index_find(ev, &ix, a->items[i]);
		if (at < 0)
			return at == -ENOENT ? 0 : (int)at;
		r = eval_same_or_equal(ev, a->items[i + 1], ix.data[at * 2 + 1]);
		if (r <= 0)
			return r;
	}
	return 1;
}

int eval_subset(struct eval *ev, const struct value *a, const struct value *b)
{
	_cleanup_(index_deinit) struct index ix = { 0 };
	int64_t at;
	int r;

	if (a->length > b->length)
		return 0;
	r = full2(ev, &a, &b);
	if (!r)
		r = index_of(ev, b, 1, &ix);
	if (r)
		return r;
	for (size_t i = 0; i < a->nitems; i++) {
		at = index_find(ev, &ix, a->items[i]);
		if (at < 0)
			return at == -ENOENT ? 0 : (int)at;
	}
	return 1;
}

/* ---- sets and dicts made here ---- */

int eval_make_set(struct eval *ev, enum value_kind kind, const struct value *const *items, size_t n,
		  const struct value **ret)
{
	_cleanup_(index_deinit) struct index ix = { 0 };
	int64_t at;
	int r;

	r = index_init(ev, &ix, n, 1);
	for (size_t i = 0; i < n && !r; i++) {
		r = eval_hashable(ev, items[i], USE_SET_ELEMENT);
		if (r)
			break;
		at = index_find(ev, &ix, items[i]);
		if (at == -ENOENT)
			index_add(&ix, items[i], NULL);
		else if (at < 0)
			r = (int)at;
	}
	return r ? r : eval_new_items(ev, kind, ix.data, ix.n, ret);
}

int eval_make_dict(struct eval *ev, const struct value *const *pairs, size_t n,
		   const struct value **ret)
{
	_cleanup_(index_deinit) struct index ix = { 0 };
	int64_t at;
	int r;

	r = index_init(ev, &ix, n / 2, 2);
	for (size_t i = 0; i + 1 < n && !r; i += 2) {
		r = eval_hashable(ev, pairs[i], USE_DICT_KEY);
		if (r)
			break;
		at = index_find(ev, &ix, pairs[i]);
		if (at >= 0)
			ix.data[at * 2 + 1] = pairs[i + 1];
		else if (at == -ENOENT)
			index_add(&ix, pairs[i], pairs[i + 1]);
		else
			r = (int)at;
	}
	return r ? r : eval_new_items(ev, VALUE_DICT, ix.data, ix.n * 2, ret);
}

int eval_ordered(struct eval *ev, const struct value *v)
{
	if (!eval_is_set(v) || v->address || v->nitems < 2)
		return 0;
	return err_set(ev->err, -EOPNOTSUPP,
		       "the order of a set that was computed here is not known (use sorted())");
}

struct items {
	const struct value **data;
	size_t n, cap;
};

static void items_deinit(struct items *it)
{
	vec_deinit(it);
}

/* Elements of a that are (not) in b. */
static int pick(struct eval *ev, const struct value *a, const struct value *b, bool in,
		struct items *out)
{
	_cleanup_(index_deinit) struct index ix = { 0 };
	int r;

	r = index_of(ev, b, 1, &ix);
	for (size_t i = 0; i < a->nitems && !r; i++) {
		int64_t at = index_find(ev, &ix, a->items[i]);

		if (at < 0 && at != -ENOENT)
			return (int)at;
		if ((at >= 0) == in)
			r = vec_push(out, (const struct value *)a->items[i]);
	}
	return r;
}

int eval_set_op(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
		const struct value **ret)
{
	_cleanup_(items_deinit) struct items out = { 0 };
	enum value_kind kind = a->kind;
	int r;

	r = full2(ev, &a, &b);
	if (r)
		return r;
	if (op == OP_OR) {
		for (size_t i = 0; i < a->nitems && !r; i++)
			r = vec_push(&out, (const struct value *)a->items[i]);
		if (!r)
			r = pick(ev, b, a, false, &out);
	} else if (op == OP_AND) {
		/* The elements come from the smaller one, of two equally large ones from the right.
		 */
		r = a->nitems < b->nitems ? pick(ev, a, b, true, &out) : pick(ev, b, a, true, &out);
	} else {
		r = pick(ev, a, b, false, &out);
		if (!r && op == OP_XOR)
			r = pick(ev, b, a, false, &out);
	}
	return r ? r : eval_new_items(ev, kind, out.data, out.n, ret);
}
