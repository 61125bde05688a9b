/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things lie in CPython's structures, one table for each minor version; see offsets.def. */
#ifndef PYBPFDBG_CPYTHON_OFFSETS_H
#define PYBPFDBG_CPYTHON_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#define OFF_NONE 0xffffffffu /* this version has no such member */

#define CPYTHON_MINOR_MIN 6
#define CPYTHON_MINOR_MAX 15

struct py_offsets {
	unsigned minor; /* 6..15 */
#define OFF(name, st, path) uint32_t name;
#define OBJ(name, st, path) uint32_t name;
#define SIZ(name, st) uint32_t name;
#define OSZ(name, st) uint32_t name;
#define DBG(field, path) uint32_t dbg_##field;
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
};

/* The table of 3.minor, NULL when there is none. */
const struct py_offsets *py_offsets_of(unsigned minor);
/* *dst = *src for a build with Py_TRACE_REFS: all members of objects lie `shift` bytes further on. */
void py_offsets_shift(const struct py_offsets *src, uint32_t shift, struct py_offsets *dst);

#endif
