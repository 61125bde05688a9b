/* SPDX-License-Identifier: BSD-2-Clause */
/* Greenlets as `greenlets`, a stop and `dump --greenlets` show them. */
#ifndef PYBPFDBG_CLI_GREENLETS_H
#define PYBPFDBG_CLI_GREENLETS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <sys/types.h>

struct out;
struct session_greenlet;

/* All of them with their stacks, innermost frame first; with --json one `greenlet` event each, with `process` unless it is 0. */
void greenlets_show(struct out *out, const struct session_greenlet *g, size_t n, pid_t process);
/* "greenlet 0x... (TYPE)" added to the line. */
void greenlets_add_name(struct out *out, uint64_t greenlet, const char *type);
/* {id, type}; NULL: out of memory. */
json_t *greenlets_js_name(uint64_t greenlet, const char *type);

#endif
