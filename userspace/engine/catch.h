/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions on their way, in words. */
#ifndef PYBPFDBG_ENGINE_CATCH_H
#define PYBPFDBG_ENGINE_CATCH_H

#include <stdint.h>

struct interp;

/* The exception that the thread state is about to propagate, as its repr (500 bytes at most), malloc'ed; NULL: not known. */
char *catch_text(struct interp *in, uint64_t tstate);

#endif
