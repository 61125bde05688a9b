// SPDX-License-Identifier: BSD-2-Clause
/* dict and its kin: OrderedDict, defaultdict, Counter, frozendict, mappingproxy, the views of
 * dicts. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Up to lim.items entries of d as key, value, key, value ... (or one of them). */
enum { TAKE_KEYS = 1, TAKE_VALUES = 2, TAKE_BOTH = 3 };

static int add_entries(struct obj_rd *rd, struct value *v, struct obj_dict *d, int what,
		       unsigned depth)
{
	uint64_t key, value, n = 0;
	int r;

	while ((r = obj_dict_next(d, &key, &value)) > 0) {
		if (n++ >= rd->lim.items) {
			v->truncated = true;
			return 0;
		}
		/* A key without its value is not shown. */
		if (what == TAKE_BOTH && rd->left < 2) {
			v->truncated = true;
			return 0;
		}
		if (what & TAKE_KEYS && !obj_add(rd, v, key, depth, NULL))
			return 0;
		if (what & TAKE_VALUES && !obj_add(rd, v, value, depth, NULL))
			return 0;
	}
	return r;
}

/* An OrderedDict keeps its own list of keys (Objects/odictobject.c); mostly it is in the dict's
 * order. */
static int add_ordered(struct obj_rd *rd, struct value *v, uint64_t addr, unsigned depth)
{
	uint64_t node = obj_ptr(rd, addr + rd->off->odict_first), n = 0;
	struct obj_dict d, all;
	int r;

	r = obj_dict_open(rd, addr, &d);
	if (r < 0)
		return r;
	for (; node; node = obj_ptr(rd, node + rd->off->odict_node_next)) {
		uint64_t want = obj_ptr(rd, node + rd->off->odict_node_key), key = 0, value = 0;

		if (n++ >= rd->lim.items || rd->left < 2) {
			v->truncated = true;
			return 0;
		}
		if (obj_dict_next(&d, &key, &value) <= 0 || key != want) {
			r = obj_dict_open(rd, addr, &all);
			while (r >= 0 && (r = obj_dict_next(&all, &key, &value)) > 0 && key != want)
				;
			if (r <= 0)
				return r ? r : -EINVAL;
		}
		if (!obj_add(rd, v, key, depth, NULL) || !obj_add(rd, v, value, depth, NULL))
			return 0;
	}
	return 0;
}

/* Counter prints the most common first, equal ones in order of insertion
 * (collections.Counter.most_common). */
struct counted {
	struct value *key, *value;
	size_t at;
};

static int by_count(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	int c = mpz_cmp(y->value->z, x->value->z);

	return c ? c : x->at < y->at ? -1 : 1;
}

static int sort_counter(struct value *v)
{
	size_t n = v->nitems / 2;
	_cleanup_free_ struct counted *c = calloc(n ? n : 1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		c[i] = (struct counted){ v->items[2 * i], v->items[2 * i + 1], i };
		if (c[i].value->kind != VALUE_INT)
			return 0;
	}
	qsort(c, n, sizeof(*c), by_count);
	for (size_t i = 0; i < n; i++) {
		v->items[2 * i] = c[i].key;
		v->items[2 * i + 1] = c[i].value;
	}
	return 0;
}

/* How repr() of this class frames the entries: FORM_*, with .text. 0 or -ENOMEM. */
static int frame(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
		 bool *ret_counter)
{
	_cleanup_free_ char *factory = NULL;
	struct obj_type *owner;
	uint64_t func;
	const char *module;

	*ret_counter = false;
	switch (t->cls) {
	case OBJ_ODICT:
		v->form = rd->minor >= 12 ? FORM_CALL : FORM_PAIRS;
		return obj_textf(rd, v, "%s(", t->name);
	case OBJ_DEFAULTDICT:
		v->form = FORM_CALL;
		func = obj_ptr(rd, addr + rd->off->defaultdict_factory);
		factory = func ? obj_repr(rd, func, 1) : strdup("None");
		return factory ? obj_textf(rd, v, "%s(%s, ",
					   rd->minor == 6 ? "defaultdict" : t->name, factory)
			       : -ENOMEM;
	case OBJ_FROZENDICT:
		v->form = FORM_CALL;
		return obj_textf(rd, v, "%s(", t->name);
	default:
		break;
	}
	if (t->distance && obj_own_repr(rd, t, &func, &owner) == 0 &&
	    strcmp(owner->name, "Counter") == 0) {
		module = obj_type_module(rd, owner);
		if (module && strcmp(module, "collections") == 0) {
			*ret_counter = true;
			v->form = FORM_CALL;
			return obj_textf(rd, v, "%s(", t->name);
		}
	}
	return 0;
}

static struct value *make_view(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	uint64_t dict = obj_ptr(rd, addr + rd->off->dictview_dict);
	struct value *v, *pair;
	struct obj_dict d;
	uint64_t n = 0, key, value;
	bool items = strstr(t->tp_name, "_items") != NULL;
	int r;

	r = obj_dict_open(rd, dict, &d);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, VALUE_LIST, addr, t);
	if (!v)
		return NULL;
	v->subclass = true;
	v->form = FORM_CALL;
	v->length = d.used;
	r = obj_textf(rd, v, "%s(", t->name);
	if (r < 0)
		goto fail;
	if (depth == 0 || rd->lim.items == 0) {
		v->truncated = d.used > 0;
		return v;
	}
	if (!items) {
		add_entries(rd, v, &d, strstr(t->tp_name, "_keys") ? TAKE_KEYS : TAKE_VALUES,
			    depth - 1);
		return v;
	}
	while (obj_dict_next(&d, &key, &value) > 0) {
		if (n++ >= rd->lim.items || rd->left < 3) {
			v->truncated = true;
			return v;
		}
		pair = value_new(VALUE_TUPLE, "tuple");
		if (!pair || value_add(v, pair) < 0) {
			rd->nomem = true;
			goto fail;
		}
		rd->left--;
		pair->length = 2;
		if (depth < 2) {
			pair->truncated = true;
			continue;
		}
		if (!obj_add(rd, pair, key, depth - 2, NULL) ||
		    !obj_add(rd, pair, value, depth - 2, NULL))
			return v;
	}
	return v;
fail:
	value_free(v);
	return NULL;
}

struct value *obj_make_dict(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	_cleanup_free_ char *text = NULL;
	struct obj_dict d;
	struct value *v;
	bool counter;
	int r;

	if (t->cls == OBJ_DICT_VIEW)
		return make_view(rd, addr, t, depth);
	if (t->cls == OBJ_MAPPINGPROXY) {
		/* What it wraps is mostly a class's dict: long. One level of it. */
		text = obj_repr(rd, obj_ptr(rd, addr + rd->off->mappingproxy_mapping), depth);
		v = obj_new(rd, VALUE_OPAQUE, addr, t);
		if (!v || !text || obj_textf(rd, v, "mappingproxy(%s)", text) < 0 ||
		    value_set_str(v, text) < 0) {
			value_free(v);
			return NULL;
		}
		return v;
	}
	r = obj_dict_open(rd, addr, &d);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, VALUE_DICT, addr, t);
	if (!v)
		return NULL;
	v->length = d.used;
	r = frame(rd, v, addr, t, &counter);
	if (r < 0) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	if (depth == 0 || rd->lim.items == 0) {
		v->truncated = d.used > 0;
		return v;
	}
	r = t->cls == OBJ_ODICT ? add_ordered(rd, v, addr, depth - 1)
				: add_entries(rd, v, &d, TAKE_BOTH, depth - 1);
	if (r < 0)
		v->truncated = true;
	/* An entry cut in two would shift all that follows. */
	if (v->nitems & 1)
		value_free(v->items[--v->nitems]);
	if (counter && sort_counter(v) < 0) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	return v;
}
