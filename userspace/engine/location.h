/* SPDX-License-Identifier: BSD-2-Clause */
/* LOCATION as people write it: FILE:LINE, MODULE:QUALNAME, QUALNAME, or a bare LINE. */
#ifndef PYBPFDBG_ENGINE_LOCATION_H
#define PYBPFDBG_ENGINE_LOCATION_H

#include <stdint.h>

struct err;

enum location_kind {
	LOCATION_FILE_LINE, /* .file, .line */
	LOCATION_LINE,      /* .line alone: the current file */
	LOCATION_FUNCTION,  /* .qualname, and .module unless NULL */
};

struct location {
	enum location_kind kind;
	char *file;     /* as written: any tail of a path */
	int32_t line;   /* from 1 */
	char *module;   /* dotted, or NULL */
	char *qualname; /* dotted; may hold "<locals>" and "<lambda>" */
};

/*
 * Parse. "a.py:12" and "dir/a:12" are lines (after the last colon there are digits only), "pkg.mod:Class.method" and
 * "Class.method" are functions. -EINVAL with a line in *err that quotes the text: empty, line 0 or beyond 2^31-1, bad name.
 */
int location_parse(const char *text, struct err *err, struct location *ret);
void location_deinit(struct location *loc);

#endif
