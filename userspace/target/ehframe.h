/* SPDX-License-Identifier: BSD-2-Clause */
/* Which functions there are, by the frame descriptions (FDEs) that every x86-64 file carries for
 * unwinding. */
#ifndef PYBPFDBG_TARGET_EHFRAME_H
#define PYBPFDBG_TARGET_EHFRAME_H

#include <stddef.h>
#include <stdint.h>

struct sym_range;

struct ehframe {
	struct sym_range *ranges; /* ascending by start */
	size_t n;
};

/*
 * Read a whole .eh_frame section of len bytes that is loaded at address addr. What cannot be
 * decoded ends or skips; the only failure is -ENOMEM. *ret must be zero before.
 */
int ehframe_parse(const uint8_t *data, size_t len, uint64_t addr, struct ehframe *ret);
/* The range that holds addr; -ENOENT. */
int ehframe_find(const struct ehframe *e, uint64_t addr, struct sym_range *ret);
void ehframe_deinit(struct ehframe *e);

#endif
