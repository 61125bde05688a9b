// SPDX-License-Identifier: BSD-2-Clause
/* The table of interpreters; and what all of them share. */
#include "probes/probe.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sym.h"
#include "probes/cpython/cpython.h"

static const struct interp_ops *const probes[] = {
	&cpython_ops,
};

int probes_open(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		struct interp **ret)
{
	const struct sym_module *mods;
	const char *exe = "";
	size_t i, n;
	int r;

	for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		r = probes[i]->open(mem, sym, env, err, ret);
		if (r != -ENOENT)
			return r;
	}
	if (!sym_modules(sym, &mods, &n) && n)
		exe = mods[0].path;
	return err_set(err, -ENOENT, "pid %d: %s%sis not a Python process", env->pid, exe,
		       *exe ? " " : "");
}

void probes_close(struct interp *in)
{
	if (in)
		in->ops->free(in);
}

void interp_code_deinit(struct interp_code *c)
{
	free(c->file);
	free(c->name);
	free(c->qualname);
	*c = (struct interp_code){ 0 };
}

void interp_vars_free(struct interp_var *vars, size_t n)
{
	size_t i;

	if (!vars)
		return;
	for (i = 0; i < n; i++)
		free(vars[i].name);
	free(vars);
}

void interp_slots_free(struct interp_slot *slots, size_t n)
{
	for (size_t i = 0; slots && i < n; i++)
		free(slots[i].name);
	free(slots);
}
