// SPDX-License-Identifier: BSD-2-Clause
#include "engine/vars.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "probes/probe.h"
#include "probes/value.h"

#define CO_OPTIMIZED 0x1 /* Include/code.h: the locals are fast ones, not a mapping */

void vars_deinit(struct vars *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->data[i].name);
		value_free(v->data[i].value);
	}
	vec_deinit(v);
}

/* Takes v over. */
static int add(struct vars *vars, const char *name, struct value *v)
{
	char *copy = strdup(name);
	int r = copy ? vec_push(vars, (struct var){ copy, v }) : -ENOMEM;

	if (r < 0) {
		free(copy);
		value_free(v);
	}
	return r;
}

static int read_fast(struct interp *in, const struct interp_frame *f, bool args,
		     const struct value_limits *lim, struct err *err, struct vars *ret)
{
	struct interp_var *vars = NULL;
	size_t n = 0;
	int r = in->ops->frame_vars(in, f->frame, &vars, &n);

	if (r < 0)
		return err_set(err, r, "the frame's variables cannot be read: %s", strerror(-r));
	for (size_t i = 0; !r && i < n; i++) {
		struct value *v = NULL;

		if (!vars[i].value || (args && !vars[i].arg))
			continue;
		r = in->ops->value(in, vars[i].value, lim, &v);
		if (!r)
			r = add(ret, vars[i].name, v);
	}
	interp_vars_free(vars, n);
	return r;
}

/* The items of a dict, one level of the limits deeper so that each value gets what a local would.
 */
static int read_dict(struct interp *in, uint64_t dict, const struct value_limits *lim,
		     struct err *err, struct vars *ret)
{
	struct value_limits deeper = *lim;
	struct value *v = NULL;
	int r;

	deeper.depth++;
	deeper.items = lim->items > 1000 ? lim->items : 1000;
	deeper.total = lim->total * 4;
	r = in->ops->value(in, dict, &deeper, &v);
	if (r < 0)
		return r;
	if (v->kind != VALUE_DICT) {
		r = err_set(err, -EINVAL, "the mapping of the variables is no dict but %s",
			    v->type);
		value_free(v);
		return r;
	}
	ret->truncated = v->truncated;
	for (size_t i = 0; !r && i + 2 <= v->nitems; i += 2) {
		_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
		struct value *item = v->items[i + 1];

		value_str(v->items[i], &name);
		v->items[i + 1] = NULL; /* the list owns the item now */
		r = add(ret, strbuf_str(&name), item);
	}
	value_free(v);
	return r;
}

int vars_read(struct interp *in, const struct interp_frame *f, enum vars_scope scope,
	      const struct value_limits *lim, struct err *err, struct vars *ret)
{
	uint64_t globals = 0, builtins = 0, locals = 0;
	struct interp_code code = { 0 };
	bool optimized = true;
	int r = 0;

	if (scope != VARS_ARGS)
		r = in->ops->frame_dicts(in, f->frame, &globals, &builtins, &locals);
	if (r < 0)
		return err_set(err, r, "the frame's dictionaries cannot be read: %s", strerror(-r));
	if (scope == VARS_GLOBALS)
		return read_dict(in, globals, lim, err, ret);
	if (locals && !in->ops->code(in, f->code, &code)) {
		optimized = code.flags & CO_OPTIMIZED;
		interp_code_deinit(&code);
	}
	if (!optimized)
		return read_dict(in, locals, lim, err, ret);
	return read_fast(in, f, scope == VARS_ARGS, lim, err, ret);
}
