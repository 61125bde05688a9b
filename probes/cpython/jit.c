// SPDX-License-Identifier: BSD-2-Clause
/*
 * Is the JIT (3.13+) on? Hot code then no longer reads its bytecode: watching it would miss
 * silently.
 */
#include <errno.h>
#include <string.h>

#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

static const char variable[] = "PYTHON_JIT"; /* with its NUL */
/* Debug builds count references in each interpreter (Include/internal/pycore_interp_structs.h): 16
 * bytes more. */
#define DEBUG_GROWTH 16

static int search_variable(void *priv, uint64_t addr, const uint8_t *data, size_t len)
{
	(void)priv, (void)addr;
	return memmem(data, len, variable, sizeof(variable)) ? 1 : 0;
}

static int refuse(struct cpython *py, struct err *err)
{
	return cpython_refuse(err, py->pid, py->info.version,
			      "has its JIT on: start it with PYTHON_JIT=0");
}

/* 3.13: the optimizer object of the interpreter is either one that does nothing or the real one. */
static int optimizer_on(struct cpython *py, uint64_t interp, bool *ret)
{
	uint64_t opt, type, name;
	char text[16];
	int r;

	r = cpython_ptr(py, interp + py->off->interp_optimizer, &opt);
	if (!r && !opt) {
		*ret = false;
		return 0;
	}
	if (!r)
		r = cpython_type_of(py, opt, &type);
	if (!r)
		r = cpython_ptr(py, type + py->off->type_name, &name);
	if (!r)
		r = mem_read(py->mem, name, text, sizeof(text) - 1);
	if (r)
		return r;
	text[sizeof(text) - 1] = '\0';
	*ret = strncmp(text, "noop_optimizer", 14) != 0;
	return 0;
}

int cpython_check_jit(struct cpython *py, const char *python_jit, uint64_t interp_size,
		      struct err *err)
{
	uint32_t shift = 0;
	uint64_t interp;
	uint8_t flag;
	bool on = false;
	int r, i;

	if (py->info.minor < 13)
		return 0;
	/* A build without it does not know its environment variable. */
	r = cpython_scan_section(py, ".rodata", sizeof(variable), search_variable, NULL);
	if (r <= 0)
		return r;
	if (interp_size && interp_size != py->off->interp_size) {
		if (interp_size - py->off->interp_size == DEBUG_GROWTH)
			shift = DEBUG_GROWTH;
		else if (!python_jit || strcmp(python_jit, "0"))
			return cpython_refuse(err, py->pid, py->info.version,
					      "may have its JIT on (this build is not known): "
					      "start it with PYTHON_JIT=0");
		else
			return 0;
	}
	r = cpython_ptr(py, py->interp_head, &interp);
	for (i = 0; !r && interp && i < CPYTHON_INTERPS_MAX; i++) {
		if (py->off->interp_jit != OFF_NONE) {
			r = mem_u8(py->mem, interp + py->off->interp_jit + shift, &flag);
			on = !r && flag;
		} else if (py->off->interp_optimizer != OFF_NONE) {
			r = optimizer_on(py, interp, &on);
		}
		if (on)
			return refuse(py, err);
		if (!r)
			r = cpython_ptr(py, interp + py->off->interp_next, &interp);
	}
	return r;
}
