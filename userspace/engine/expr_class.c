// SPDX-License-Identifier: BSD-2-Clause
/* isinstance(), issubclass(), getattr() and hasattr(), where no hook of a class would run. */
#include "engine/expr_eval.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* Is class `t` (of some value, or itself given) the class `cls` or derived from it? */
static int derives(struct eval *ev, const struct value *t, const struct value *cls)
{
	const struct value *mro;
	int r;

	if (!t->address || !cls->address) {
		/* Constants only: the one relation among these types. */
		if (!t->text || !cls->text)
			return 0;
		return !strcmp(t->text, cls->text) || !strcmp(cls->text, "object") ||
		       (!strcmp(t->text, "bool") && !strcmp(cls->text, "int"));
	}
	if (t->address == cls->address)
		return 1;
	r = eval_attr(ev, t, "__mro__", &mro);
	if (!r)
		r = eval_full(ev, mro, &mro);
	if (r)
		return r;
	for (size_t i = 0; i < mro->nitems; i++)
		if (mro->items[i]->address == cls->address)
			return 1;
	return 0;
}

static int class_check(struct eval *ev, const struct value *t, const struct value *cls,
		       bool instance, unsigned depth)
{
	const char *fn = instance ? "isinstance" : "issubclass";
	int r;

	if (cls->kind == VALUE_TUPLE && depth < EVAL_NESTING) {
		r = eval_full(ev, cls, &cls);
		for (size_t i = 0; !r && i < cls->nitems; i++)
			r = class_check(ev, t, cls->items[i], instance, depth + 1);
		return r;
	}
	if (cls->kind != VALUE_TYPE) {
		if (!eval_is_builtin(cls))
			return err_set(ev->err, -EOPNOTSUPP, "%s() with a '%s' is not supported",
				       fn, cls->type);
		return eval_type_error(
			ev,
			ev->minor >= 10 ? "%s() arg 2 must be a %s, a tuple of %s, or a union"
					: "%s() arg 2 must be a %s or tuple of %s",
			fn, instance ? "type" : "class", instance ? "types" : "classes");
	}
	/* The very class is an instance before any hook is asked (Objects/abstract.c). */
	if (instance && t->address && t->address == cls->address)
		return 1;
	r = eval_plain(ev, cls, instance ? "__instancecheck__" : "__subclasscheck__");
	return r ? r : derives(ev, t, cls);
}

int eval_call_isinstance(struct eval *ev, const struct eval_arg *args, size_t n,
			 const struct value **ret)
{
	const struct value *t;
	int r;

	(void)n;
	r = eval_type_of(ev, args[0].v, &t);
	if (!r)
		r = class_check(ev, t, args[1].v, true, 0);
	/* A class may lie about __class__, which counts when its type says no. */
	if (!r)
		r = eval_plain(ev, args[0].v, "__class__");
	return r < 0 ? r : eval_new_bool(ev, r, ret);
}

int eval_call_issubclass(struct eval *ev, const struct eval_arg *args, size_t n,
			 const struct value **ret)
{
	int r;

	(void)n;
	if (args[0].v->kind != VALUE_TYPE)
		return eval_type_error(ev, "issubclass() arg 1 must be a class");
	r = class_check(ev, args[0].v, args[1].v, false, 0);
	return r < 0 ? r : eval_new_bool(ev, r, ret);
}

int eval_call_getattr(struct eval *ev, const struct eval_arg *args, size_t n,
		      const struct value **ret)
{
	const struct value *name;
	int r;

	if (args[1].v->kind != VALUE_STR)
		return eval_type_error(ev,
				       ev->minor >= 11 ? "attribute name must be string, not '%s'"
						       : "getattr(): attribute name must be string",
				       args[1].v->type);
	r = eval_full(ev, args[1].v, &name);
	if (!r)
		r = eval_attr(ev, args[0].v, name->bytes, ret);
	if (r == -ENOENT && n == 3) {
		*ret = args[2].v;
		return 0;
	}
	return r;
}

int eval_call_hasattr(struct eval *ev, const struct eval_arg *args, size_t n,
		      const struct value **ret)
{
	int r = eval_call_getattr(ev, args, n, ret);

	return r && r != -ENOENT ? r : eval_new_bool(ev, !r, ret);
}
