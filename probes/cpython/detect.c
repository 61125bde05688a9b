// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cpython/cpython.h"

#include <errno.h>
#include <stdlib.h>

void cpython_free(struct interp *in)
{
	struct cpython *py = cpython_of(in);

	free(py->cwd);
	free(py->code_cache);
	free(py->value_cache);
	free(py);
}

int cpython_open(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		 struct interp **ret)
{
	(void)mem, (void)sym, (void)env, (void)err, (void)ret;
	return -ENOENT;
}
