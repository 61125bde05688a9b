// SPDX-License-Identifier: BSD-2-Clause
/*
 * From 3.12 on tp_dict of the types built into the interpreter is NULL: each interpreter has its
 * own, in an array of its state, and so have the static types of extension modules from 3.13 on.
 * The index, one more than it is, is what tp_subclasses holds (Objects/typeobject.c). Fields that
 * deep in PyInterpreterState move a little between builds (debug ones have more of them): the entry
 * that names the type is looked for near the place where it should be.
 */
#include "probes/cpython/cpython.h"

#define INDEX_MAX 1024 /* static types of an interpreter: some 200 */
#define SLACK	  1024 /* bytes to either side */

static uint64_t word(struct cpython *py, uint64_t addr)
{
	uint64_t v;

	return mem_u64(py->mem, addr, &v) < 0 ? 0 : v;
}

static bool is_dict(struct cpython *py, uint64_t addr)
{
	return addr && !(addr & 7) && word(py, addr + py->off->ob_type) == py->types.dict;
}

uint64_t cpython_static_dict(struct cpython *py, uint64_t type, uint64_t index)
{
	const struct py_offsets *off = py->off;
	bool old = off->static_type_dict == OFF_NONE; /* 3.12 */
	uint64_t size = old ? off->static_type_size12 : off->static_type_size;
	uint64_t dict_at = old ? off->static_type_dict12 : off->static_type_dict;
	const uint32_t arrays[] = { off->interp_static_types, off->interp_static_ext_types };
	uint64_t words[2 * SLACK / 8 + 8], is, at;

	if (index == 0 || index > INDEX_MAX || off->interp_static_types == OFF_NONE)
		return 0;
	is = word(py, py->runtime + off->runtime_interp_main);
	for (size_t i = 0; is && i < 2 && arrays[i] != OFF_NONE; i++) {
		at = is + arrays[i] + (index - 1) * size;
		/* The right place first; an entry begins with the type's address. */
		if (word(py, at) == type && is_dict(py, word(py, at + dict_at)))
			return word(py, at + dict_at);
		at -= SLACK;
		if (mem_read(py->mem, at, words, sizeof(words)) < 0)
			continue;
		for (size_t w = 0; w < 2 * SLACK / 8; w++)
			if (words[w] == type && is_dict(py, words[w + dict_at / 8]))
				return words[w + dict_at / 8];
	}
	return 0;
}
