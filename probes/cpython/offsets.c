// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cpython/offsets.h"

#include "probes/cpython/offsets_gen.h"

const struct py_offsets *py_offsets_of(unsigned minor)
{
	size_t i;

	for (i = 0; i < sizeof(offsets_gen) / sizeof(offsets_gen[0]); i++)
		if (offsets_gen[i].minor == minor)
			return &offsets_gen[i];
	return NULL;
}

void py_offsets_shift(const struct py_offsets *src, uint32_t shift, struct py_offsets *dst)
{
	*dst = *src;
#define OFF(name, st, path)
#define OBJ(name, st, path)        \
	if (dst->name != OFF_NONE) \
		dst->name += shift;
#define SIZ(name, st)
#define OSZ(name, st) OBJ(name, st, "")
#define DBG(field, path)
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
}
