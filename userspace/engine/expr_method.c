// SPDX-License-Identifier: BSD-2-Clause
/* Methods of built-in values that can be computed without running the target's code. */
#include <errno.h>
#include <string.h>

#include "engine/expr_eval.h"

bool expr_is_method(const char *name)
{
	return !strcmp(name, "startswith");
}

int eval_has_method(struct eval *ev, const struct value *v, const char *name)
{
	const struct value *attr;
	int r;

	if (v->kind == VALUE_STR || eval_is_bytes(v))
		return eval_plain(ev, v, name);
	r = eval_attr(ev, v, name, &attr);
	return r ? r
		 : err_set(ev->err, -EOPNOTSUPP,
			   ".%s() of a '%s' is refused: calls run the target's code", name,
			   v->type);
}

/* Does v begin with prefix? 0, 1, -errno */
static int starts(struct eval *ev, const struct value *v, const struct value *prefix)
{
	bool str = v->kind == VALUE_STR;
	int r;

	if (str ? prefix->kind != VALUE_STR : !eval_is_bytes(prefix))
		return eval_type_error(ev,
				       "startswith first arg must be %s or a tuple of %s, not %s",
				       str ? "str" : "bytes", str ? "str" : "bytes", prefix->type);
	r = eval_full(ev, prefix, &prefix);
	/* In UTF-8, too, a text begins with another when its bytes do. */
	return r ? r
		 : v->nbytes >= prefix->nbytes && !memcmp(v->bytes, prefix->bytes, prefix->nbytes);
}

static int startswith(struct eval *ev, const struct value *v, const struct value *prefix,
		      const struct value **ret)
{
	const struct value *list = prefix;
	int r = eval_full(ev, v, &v);

	if (!r && prefix->kind != VALUE_TUPLE) {
		r = starts(ev, v, prefix);
		return r < 0 ? r : eval_new_bool(ev, r, ret);
	}
	if (!r)
		r = eval_full(ev, prefix, &list);
	for (size_t i = 0; !r && i < list->nitems; i++) {
		const struct value *p = list->items[i];

		if (v->kind == VALUE_STR ? p->kind != VALUE_STR : !eval_is_bytes(p))
			return v->kind == VALUE_STR
				       ? eval_type_error(ev,
							 "tuple for startswith must only contain "
							 "str, not %s",
							 p->type)
				       : eval_type_error(
						 ev, "a bytes-like object is required, not '%s'",
						 p->type);
		r = starts(ev, v, p);
	}
	return r < 0 ? r : eval_new_bool(ev, r, ret);
}

int eval_method(struct eval *ev, const struct value *v, const char *name,
		const struct eval_arg *args, size_t n, const struct value **ret)
{
	if (n != 1 || args[0].keyword)
		return err_set(ev->err, -EOPNOTSUPP, ".%s() is known with one argument only", name);
	return startswith(ev, v, args[0].v, ret);
}
