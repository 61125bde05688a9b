/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the expression modules only: text in (W)UTF-8, numbers in text. */
#ifndef PYBPFDBG_ENGINE_EXPR_TEXT_H
#define PYBPFDBG_ENGINE_EXPR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/value.h"

/* Is it valid UTF-8 (no surrogates, nothing overlong, at most U+10FFFF)? */
bool expr_utf8_ok(const char *s, size_t n);
/* Byte position of code point `cp`, or n when there are fewer. Never reads past s[n]. */
size_t expr_utf8_at(const char *s, size_t n, size_t cp);
/* The code point at byte *pos (surrogates too; U+FFFD for what is broken); *pos is left after it. */
unsigned expr_utf8_next(const char *s, size_t n, size_t *pos);
/* strtod() as in the C locale, whatever the program's locale is. */
double expr_strtod(const char *s, char **ret_end);
/* kind: VALUE_BYTES or VALUE_BYTEARRAY. NULL: out of memory. */
struct value *expr_new_bytes(enum value_kind kind, const char *data, size_t n);
/* A deep copy (a constant, or what was read). NULL: out of memory. */
struct value *expr_value_copy(const struct value *v);

#endif
