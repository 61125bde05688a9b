// SPDX-License-Identifier: BSD-2-Clause
/*
 * From 3.12 on tp_dict of the types built into the interpreter is NULL: each interpreter has its own, in the array
 * types.builtins of its state (Include/internal/pycore_typeobject.h). An entry begins with the type's address and two
 * or three flags; the dict follows. It is found by what it is, so no offset of the array is needed.
 */
#include "probes/cpython/cpython.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

#define STATE_MAX (4u << 20)

/* A copy of the main interpreter's state: the entries do not change once they are set. */
struct static_types {
	size_t n;
	uint64_t words[];
};

static uint64_t main_interpreter(struct cpython *py)
{
	uint64_t is = 0, next;

	if (mem_u64(py->mem, py->interp_head, &is) < 0)
		return 0;
	/* The list is newest first. */
	for (unsigned i = 0; i < CPYTHON_INTERPS_MAX; i++) {
		if (mem_u64(py->mem, is + py->off->interp_next, &next) < 0 || !next)
			break;
		is = next;
	}
	return is;
}

static struct static_types *read_state(struct cpython *py)
{
	size_t size = py->off->interp_size & ~(size_t)7;
	uint64_t is = main_interpreter(py);
	struct static_types *st;

	if (!is || !size || size > STATE_MAX)
		return NULL;
	st = malloc(sizeof(*st) + size);
	if (!st)
		return NULL;
	st->n = size / 8;
	if (mem_read(py->mem, is, st->words, size) < 0) {
		free(st);
		return NULL;
	}
	return st;
}

static bool is_dict(struct cpython *py, uint64_t addr)
{
	uint64_t type;

	return addr && !(addr & 7) && mem_u64(py->mem, addr + py->off->ob_type, &type) == 0 &&
	       type == py->types.dict;
}

uint64_t cpython_static_dict(struct cpython *py, uint64_t type)
{
	const struct static_types *st = py->static_types;

	if (!st)
		st = py->static_types = read_state(py);
	for (size_t i = 0; st && i + 3 < st->n; i++) {
		const uint64_t *w = &st->words[i];

		if (w[0] != type || w[1] & ~0x100000001u)
			continue;
		if (is_dict(py, w[2]))
			return w[2];
		if (!(w[2] & ~1u) && is_dict(py, w[3]))
			return w[3];
	}
	return 0;
}
