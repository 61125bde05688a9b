// SPDX-License-Identifier: BSD-2-Clause
#include "cli/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

struct terminal {
	pid_t pgrp;
	struct termios ours, theirs;
	bool given;
};

struct terminal *terminal_share(pid_t pgrp)
{
	struct terminal *t;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->pgrp = pgrp;
	tcgetattr(STDIN_FILENO, &t->ours);
	t->theirs = t->ours;
	/* Whoever changes a terminal from the background is asked to stop (tty_check_change()). */
	signal(SIGTTOU, SIG_IGN);
	return t;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	terminal_take(t);
	free(t);
}

void terminal_give(struct terminal *t)
{
	if (t->given)
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->theirs);
	tcsetpgrp(STDIN_FILENO, t->pgrp);
	/* A thread of it that wanted to read meanwhile has stopped the others. */
	kill(-t->pgrp, SIGCONT);
	t->given = true;
}

void terminal_take(struct terminal *t)
{
	if (!t->given)
		return;
	tcsetpgrp(STDIN_FILENO, getpgrp());
	tcgetattr(STDIN_FILENO, &t->theirs);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->ours);
	t->given = false;
}
