/* SPDX-License-Identifier: BSD-2-Clause */
/* Native frames among the Python ones: engine/mixed.h on a terminal and as JSON. */
#ifndef PYBPFDBG_CLI_MIXED_H
#define PYBPFDBG_CLI_MIXED_H

#include <stddef.h>

#include <jansson.h>

struct mixed_frame;
struct out;

/* One line for a native frame. */
void show_native(struct out *out, const char *indent, const struct mixed_frame *f);
/* The list `native` of a stack: each {address, function, file} and of an extension {module}, or {frame}, an
 * index into `frames`. New; NULL when out of memory. */
json_t *js_mixed(const struct mixed_frame *frames, size_t n);

#endif
