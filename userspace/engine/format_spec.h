/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside format.c and format_spec.c only: a format specification, taken apart. */
#ifndef PYBPFDBG_ENGINE_FORMAT_SPEC_H
#define PYBPFDBG_ENGINE_FORMAT_SPEC_H

#include <stdbool.h>

struct err;

struct format_spec {
	char fill[8]; /* one character */
	char align;   /* '<' '>' '=' '^' */
	bool fill_given, align_given;
	bool alternate, no_neg_zero;
	char sign;	       /* '+' '-' ' ' or 0 */
	char separator;	       /* ',' '_' or 0: between groups of the digits */
	char separator2;       /* of those of the fraction (3.14+) */
	long width, precision; /* -1: not given */
	char type[8];	       /* one character or "" */
};

/*
 * Take apart what Python 3.minor would; number: it is for one, not for a str. -EINVAL: Python raises ValueError, *err has its
 * line; -EOPNOTSUPP: a width above FORMAT_WIDTH_MAX.
 */
int format_spec_parse(const char *text, unsigned minor, bool number, struct format_spec *ret, struct err *err);

/* A ValueError with that text; always -EINVAL. */
int format_invalid(struct err *err, const char *what);

#endif
