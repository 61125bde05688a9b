/* SPDX-License-Identifier: BSD-2-Clause */
/* A value over several lines, as pprint does: what fits on a line stays on it. */
#ifndef PYBPFDBG_CLI_PRETTY_H
#define PYBPFDBG_CLI_PRETTY_H

#include <stddef.h>

struct strbuf;
struct value;

/* Append v to out, lines parted by \n, none after the last; width in bytes. Attributes of instances
 * are listed below them. */
void pretty_value(const struct value *v, size_t width, struct strbuf *out);

#endif
