/* SPDX-License-Identifier: BSD-2-Clause */
/* The variables of a frame as a list of names and values. */
#ifndef PYBPFDBG_ENGINE_VARS_H
#define PYBPFDBG_ENGINE_VARS_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct interp;
struct interp_frame;
struct value;
struct value_limits;

struct var {
	char *name;
	struct value *value;
};

struct vars {
	struct var *data;
	size_t n, cap;
	bool truncated; /* there are more */
};

enum vars_scope { VARS_ARGS, VARS_LOCALS, VARS_GLOBALS };

/*
 * Read them while the frame stands still. Names that are not bound are left out, as locals() does.
 * The locals of a module or class body are those of its mapping. 0, -ENOMEM, or another negative
 * errno with a line.
 */
int vars_read(struct interp *in, const struct interp_frame *f, enum vars_scope scope,
	      const struct value_limits *lim, struct err *err, struct vars *ret);
void vars_deinit(struct vars *v);

#endif
