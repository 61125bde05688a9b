// SPDX-License-Identifier: BSD-2-Clause
/* value.name: of objects of the target, which are read, and of values that were computed here. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "probes/probe.h"

/* Those of values that were computed here; -ENOENT: none of these. */
static int own_attr(struct eval *ev, const struct value *v, const char *name,
		    const struct value **ret)
{
	bool real = !strcmp(name, "real"), imag = !strcmp(name, "imag");
	static const char *const bounds[] = { "start", "stop", "step" };
	const struct value *full;
	int r;

	if (!strcmp(name, "__class__"))
		return eval_type_of(ev, v, ret);
	if (v->kind == VALUE_EXCEPTION && v->nitems && !strcmp(name, "args")) {
		*ret = v->items[0];
		return 0;
	}
	/* Read before; its memory may be another's now. */
	for (size_t i = 0; !v->address && i < v->nitems; i++)
		if (v->items[i]->name && !strcmp(v->items[i]->name, name)) {
			*ret = v->items[i];
			return eval_captured(ev, *ret);
		}
	if (v->kind == VALUE_COMPLEX && (real || imag))
		return eval_new_float(ev, real ? v->re : v->im, ret);
	if (v->kind == VALUE_FLOAT && (real || imag))
		return real ? (*ret = v, 0) : eval_new_float(ev, 0, ret);
	if (eval_is_int(v) &&
	    (real || imag || !strcmp(name, "numerator") || !strcmp(name, "denominator"))) {
		if (imag || !strcmp(name, "denominator"))
			return eval_new_long(ev, !imag, ret);
		if (v->kind == VALUE_BOOL)
			return eval_new_long(ev, v->b, ret);
		*ret = v;
		return 0;
	}
	if (v->kind == VALUE_RANGE || v->kind == VALUE_SLICE)
		for (int i = 0; i < 3; i++)
			if (!strcmp(name, bounds[i])) {
				r = eval_full(ev, v, &full);
				if (!r)
					*ret = full->items[i];
				return r;
			}
	return -ENOENT;
}

int eval_attr(struct eval *ev, const struct value *v, const char *name, const struct value **ret)
{
	static const struct value_limits shallow = {
		.depth = 0, .items = 0, .bytes = 4096, .total = 1
	};
	struct value *attr = NULL;
	struct err err = { 0 };
	int r;

	if (v->address && ev->in) {
		r = ev->in->ops->attr(ev->in, v->address, name, &shallow, &err, &attr);
		if (!r && !attr->address && attr->truncated) {
			/* Made for us (the __dict__ of an object that has none yet): it cannot be
			 * read again by address. */
			value_free(take_ptr(attr));
			r = ev->in->ops->attr(ev->in, v->address, name, &eval_whole, &err, &attr);
		}
		if (!r)
			r = eval_keep(ev, attr, ret);
		if (!r)
			return eval_captured(ev, *ret);
		if (r != -ENOENT) {
			if (ev->err)
				*ev->err = err;
			if (!err.text[0])
				err_set(ev->err, r, "attribute '%s' of a '%s' cannot be read", name,
					v->type);
			return r;
		}
	} else {
		r = own_attr(ev, v, name, ret);
		if (r != -ENOENT)
			return r;
		/* A method, say: the type has it, but nothing here can hold it. */
		if (eval_is_builtin(v)) {
			const struct value *t;

			r = eval_type_of(ev, v, &t);
			if (!r && t->address && ev->in && ev->in->ops->type_lookup) {
				uint64_t a, o;

				if (!ev->in->ops->type_lookup(ev->in, t->address, name, &a, &o))
					return err_set(ev->err, -EOPNOTSUPP,
						       "attribute '%s' of a '%s' that was computed "
						       "here is not supported",
						       name, v->type);
			}
		}
	}
	/* A class of classes may make up what is missing. */
	r = eval_plain(ev, v, "__getattr__");
	if (r)
		return r;
	if (v->kind == VALUE_MODULE)
		return err_set(ev->err, -ENOENT,
			       "AttributeError: module '%s' has no attribute '%s'",
			       v->text ? v->text : "?", name);
	if (v->kind == VALUE_TYPE)
		return err_set(ev->err, -ENOENT,
			       "AttributeError: type object '%s' has no attribute '%s'",
			       v->text ? v->text : "?", name);
	return err_set(ev->err, -ENOENT, "AttributeError: '%s' object has no attribute '%s'",
		       v->type, name);
}
