/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One terminal for the debugger and the program that it has started: whoever runs has it. The program is a process
 * group of its own, as under a shell, so that it can read, and a Ctrl-C goes to one of the two.
 */
#ifndef PYBPFDBG_CLI_TERMINAL_H
#define PYBPFDBG_CLI_TERMINAL_H

#include <sys/types.h>

struct terminal; /* opaque */

/* With process group pgrp. NULL when standard input is no terminal, or is not ours now. */
struct terminal *terminal_share(pid_t pgrp);
void terminal_free(struct terminal *t); /* NULL is fine */
/* The program goes on: it finds the terminal's settings as it left them. */
void terminal_give(struct terminal *t);
/* It stands, or is gone: back to us, with the settings that it had before terminal_share(). */
void terminal_take(struct terminal *t);

#endif
