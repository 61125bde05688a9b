/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that comes from the target, made harmless for a terminal. */
#ifndef PYBPFDBG_BASE_ESCAPE_H
#define PYBPFDBG_BASE_ESCAPE_H

#include <stddef.h>

struct strbuf;

enum escape_flags {
	ESCAPE_KEEP_TAB = 1,	 /* \t passes */
	ESCAPE_KEEP_NEWLINE = 2, /* \n passes */
};

/*
 * Append len bytes of UTF-8 to out. What could steer a terminal or mislead a reader is written as
 * \xNN (control characters, bytes that are no UTF-8) or \uNNNN (C1 controls, line separators,
 * bidirectional overrides, surrogates, non-characters). A backslash stays as it is: this makes text
 * safe, it does not make it unambiguous.
 */
void escape_text(struct strbuf *out, const char *text, size_t len, unsigned flags);

#endif
