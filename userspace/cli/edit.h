/* SPDX-License-Identifier: BSD-2-Clause */
/* The prompt on a terminal: line editing, history, completion (libedit). There is one terminal, so
 * one of these. */
#ifndef PYBPFDBG_CLI_EDIT_H
#define PYBPFDBG_CLI_EDIT_H

#include <stdbool.h>

struct shell;

void edit_init(struct shell *sh);
/* Writes the history back. */
void edit_deinit(void);
/* Show the prompt with what was typed before edit_hide(). */
void edit_show(void);
/* Take the prompt away, so that something else can be written. */
void edit_hide(void);
/* Take it away and forget what was typed. */
void edit_drop(void);
/* Standard input is readable. True when a line is done: *ret_line is malloc'ed, NULL at the end of
 * input. */
bool edit_read(char **ret_line);

#endif
