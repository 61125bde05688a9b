/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that comes from a target (names, paths, strings, source) made fit for a terminal. */
#ifndef PYBPFDBG_BASE_ESCAPE_H
#define PYBPFDBG_BASE_ESCAPE_H

#include <stddef.h>

struct strbuf;

enum escape_flags {
	ESCAPE_ALL = 0,
	ESCAPE_KEEP_NEWLINE = 1, /* '\n' stays */
	ESCAPE_KEEP_TAB = 2,     /* '\t' stays */
};

/*
 * Append len bytes of text. What could steer the terminal or mislead the reader is written as it would be in a
 * Python literal: control characters, ESC and DEL as \x.., C1 as \x.., marks that turn the writing direction
 * round, line separators, invisible format characters and surrogates as \u.... (\U........ above the BMP), and each byte that is
 * no valid UTF-8 as \x.. ; '\n', '\r' and '\t' as \n, \r and \t. All else, backslashes included, stays.
 */
void escape_text(struct strbuf *out, const char *text, size_t len, unsigned flags);

/* The same of a NUL-terminated text, malloc'ed; NULL: out of memory. */
char *escape_dup(const char *text, unsigned flags);

#endif
