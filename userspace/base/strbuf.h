/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing byte string, always NUL-terminated. Out of memory is sticky: check sb.failed once. */
#ifndef PYBPFDBG_BASE_STRBUF_H
#define PYBPFDBG_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *data; /* NULL until the first write; use strbuf_str() to read */
	size_t len; /* bytes, without the NUL */
	size_t cap;
	bool failed;
};

#define STRBUF_INIT { 0 }

void strbuf_deinit(struct strbuf *sb);
void strbuf_reset(struct strbuf *sb); /* empty it, keep the memory */
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append code point cp (0..0x10ffff, surrogates allowed) as UTF-8 (WTF-8 for surrogates). */
void strbuf_add_utf8(struct strbuf *sb, unsigned cp);
/* The text, "" when empty. */
const char *strbuf_str(const struct strbuf *sb);
/* Hand the malloc'ed text over (NULL when out of memory) and leave sb empty. */
char *strbuf_take(struct strbuf *sb);

#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_deinit)))

#endif
