// SPDX-License-Identifier: BSD-2-Clause
/* What a name stands for, in a frame or among the names that were given. */
#include "engine/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/expr_eval.h"
#include "probes/probe.h"

int eval_read_frame(struct eval *ev)
{
	int r;

	if (ev->frame_read || !ev->in || ev->names || !ev->frame)
		return 0;
	r = ev->in->ops->frame_vars(ev->in, ev->frame, &ev->vars, &ev->nvars);
	if (!r)
		r = ev->in->ops->frame_dicts(ev->in, ev->frame, &ev->globals, &ev->builtins,
					     &ev->locals);
	if (r)
		return err_set(ev->err, r, "the frame's variables cannot be read");
	ev->frame_read = true;
	return 0;
}

/* 1 and the address, 0 not there, -errno. */
static int in_dict(struct eval *ev, uint64_t dict, const char *name, const char *which,
		   uint64_t *ret)
{
	int r;

	if (!dict)
		return 0;
	r = ev->in->ops->dict_get(ev->in, dict, name, ret);
	if (r == -ENOENT)
		return 0;
	if (r == -EINVAL)
		return err_set(
			ev->err, -EOPNOTSUPP,
			"the frame's %s are no dict: looking a name up would run the target's code",
			which);
	return r ? err_set(ev->err, r, "the frame's %s cannot be read", which) : 1;
}

static const struct interp_var *find_var(const struct eval *ev, const char *name, bool local)
{
	const struct interp_var *unbound = NULL;

	for (size_t i = 0; i < ev->nvars; i++) {
		if ((ev->vars[i].kind == VAR_LOCAL) != local || strcmp(ev->vars[i].name, name))
			continue;
		if (ev->vars[i].value)
			return &ev->vars[i];
		unbound = &ev->vars[i];
	}
	return unbound;
}

static int unbound_error(struct eval *ev, const struct interp_var *var)
{
	bool is_free = var->kind == VAR_FREE;

	if (is_free)
		return err_set(ev->err, -ENOENT,
			       ev->minor >= 11
				       ? "NameError: cannot access free variable '%s' where it is "
					 "not associated with a value in enclosing scope"
				       : "NameError: free variable '%s' referenced before "
					 "assignment in enclosing scope",
			       var->name);
	return err_set(
		ev->err, -ENOENT,
		ev->minor >= 11
			? "UnboundLocalError: cannot access local variable '%s' where it is not "
			  "associated with a value"
			: "UnboundLocalError: local variable '%s' referenced before assignment",
		var->name);
}

/* The same among the names that were given. */
static int find_given(struct eval *ev, const char *name, uint64_t *ret, bool *ret_builtin)
{
	*ret_builtin = false;
	for (size_t i = 0; i < ev->names->nnames; i++) {
		if (strcmp(ev->names->names[i].name, name) != 0)
			continue;
		*ret = ev->names->names[i].address;
		if (*ret)
			return 0;
		return err_set(ev->err, -ENOENT, "NameError: name '%s' is not defined", name);
	}
	*ret = eval_builtin_addr(ev, name);
	*ret_builtin = true;
	if (*ret)
		return 0;
	return err_set(ev->err, -ENOENT, "NameError: name '%s' is not defined", name);
}

int eval_find_name(struct eval *ev, const char *name, uint64_t *ret, bool *ret_builtin)
{
	const struct interp_var *local, *cell;
	int r;

	if (ev->names)
		return find_given(ev, name, ret, ret_builtin);
	*ret_builtin = false;
	r = eval_read_frame(ev);
	if (r)
		return r;
	local = find_var(ev, name, true);
	cell = find_var(ev, name, false);
	if (local && local->value) {
		*ret = local->value;
		return 0;
	}
	/* A class or module body looks into its mapping before the cells (LOAD_CLASSDEREF). */
	r = in_dict(ev, ev->locals, name, "locals", ret);
	if (r)
		return r < 0 ? r : 0;
	if (cell && cell->value) {
		*ret = cell->value;
		return 0;
	}
	/*
	 * In a function an unbound local hides a global. Not so in a module or class body, whose
	 * fast locals (3.12+) are the variables of comprehensions that were inlined.
	 */
	if ((local || cell) && !ev->locals)
		return unbound_error(ev, local ? local : cell);
	r = in_dict(ev, ev->globals, name, "globals", ret);
	if (!r) {
		r = in_dict(ev, ev->builtins, name, "builtins", ret);
		*ret_builtin = r > 0;
	}
	if (r)
		return r < 0 ? r : 0;
	return err_set(ev->err, -ENOENT, "NameError: name '%s' is not defined", name);
}

/* The exception that is raised where the thread stands. */
static int eval_raised(struct eval *ev, const struct value **ret)
{
	struct value *v = NULL;
	uint64_t addr = 0;
	int r = ev->in->ops->raised(ev->in, ev->tstate, &eval_whole, &addr, &v);

	if (r)
		return err_set(ev->err, r, "the exception cannot be read");
	if (!addr)
		return eval_keep(ev, v, ret);
	value_free(v);
	return eval_read(ev, addr, ret);
}

int eval_name(struct eval *ev, const char *name, const struct value **ret)
{
	bool builtin;
	uint64_t addr;
	int r;

	for (size_t i = 0; i < ev->ngiven; i++) {
		if (strcmp(ev->given[i].name, name) != 0)
			continue;
		*ret = ev->given[i].v;
		return *ret ? 0
			    : err_set(ev->err, -ENOENT,
				      "NameError: '%s' is nothing: it was not bound", name);
	}
	if (!ev->in) {
		static const char *const types[] = { "bool",  "int",	"float",     "complex",
						     "str",   "bytes",	"bytearray", "list",
						     "tuple", "dict",	"set",	     "frozenset",
						     "range", "object", "type" };
		struct value *t;

		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			if (strcmp(types[i], name))
				continue;
			t = value_new(VALUE_TYPE, "type");
			if (t && !((t->text = strdup(name)) && (t->module = strdup("builtins")))) {
				value_free(t);
				t = NULL;
			}
			return eval_keep(ev, t, ret);
		}
		return err_set(ev->err, -ENOENT, "NameError: name '%s' is not defined", name);
	}
	if (ev->tstate && !strcmp(name, "__exception__"))
		return eval_raised(ev, ret);
	r = eval_find_name(ev, name, &addr, &builtin);
	if (r == -ENOENT && ev->tstate && !strcmp(name, "exc"))
		return eval_raised(ev, ret);
	return r ? r : eval_read(ev, addr, ret);
}
