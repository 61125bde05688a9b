/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PYBPFDBG_DAP_LAUNCH_H
#define PYBPFDBG_DAP_LAUNCH_H

#include <jansson.h>

struct dap;
struct err;
struct session_options;

/*
 * Start what the arguments of `launch` name (program or module, args, cwd, env, python), stopped before its first
 * line: d->s, and d->output to read its standard output from. Negative errno with a line.
 */
int launch_program(struct dap *d, const json_t *args, const struct session_options *opt, struct err *err);
/* The launch has failed behind that: kill what was started, close d->output. */
void launch_undo(struct dap *d);
/* Pass on what it has written. */
void launch_output(struct dap *d);

#endif
