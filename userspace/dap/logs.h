/* SPDX-License-Identifier: BSD-2-Clause */
/* "logMessage": breakpoints that say something and stop nobody. */
#ifndef PYBPFDBG_DAP_LOGS_H
#define PYBPFDBG_DAP_LOGS_H

#include <stddef.h>

struct abi_captured;
struct bp_spec;
struct dap;
struct dap_log; /* opaque */
struct err;

/*
 * Make the spec one that logs text ({expressions} in braces, as in an f-string). *ret must live as long as the
 * breakpoint. Negative errno with a line.
 */
int log_prepare(struct dap *d, const char *text, struct bp_spec *spec, struct err *err, struct dap_log **ret);
void log_free(struct dap_log *l); /* NULL is fine */

/* session_options.captured: an `output` event. */
void log_captured(void *priv, int bp, const struct abi_captured *rec, size_t size);

#endif
