// SPDX-License-Identifier: BSD-2-Clause
#include "cli/edit.h"

#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <editline/readline.h>

#include "base/cleanup.h"
#include "cli/complete.h"
#include "cli/shell.h"

#define PROMPT	      "(pybpfdbg) "
#define PROMPT_LIST   "(com) " /* as in pdb */
#define HISTORY_FILE  ".pybpfdbg_history"
#define HISTORY_LINES 1000

/* libedit's callbacks carry no pointer of ours. */
static struct {
	struct shell *sh;
	char *history; /* file name, NULL: none */
	char *line;    /* done */
	bool done, shown;
	bool touched; /* a key was pressed since edit_show(): before that rl_line_buffer is an old
			 line */
	char *typed;  /* kept over edit_hide() */
	char **matches;
	size_t next_match;
} edit;

static void on_line(char *line)
{
	edit.line = line;
	edit.done = true;
	edit.shown = false;
	edit.touched = false;
	free(take_ptr(edit.typed));
	rl_callback_handler_remove();
}

/* ---- completion ---- */

static char *next_match(const char *text, int state)
{
	(void)text;
	if (!state)
		edit.next_match = 0;
	return edit.matches && edit.matches[edit.next_match]
		       ? strdup(edit.matches[edit.next_match++])
		       : NULL;
}

static char **attempt(const char *text, int start, int end)
{
	char **result;

	(void)end;
	rl_attempted_completion_over = 1;
	edit.matches = complete(edit.sh, rl_line_buffer, (size_t)start, text);
	result = edit.matches ? rl_completion_matches(text, next_match) : NULL;
	complete_free(edit.matches);
	edit.matches = NULL;
	/* A name goes on (attribute, line number): no blank after it. */
	rl_completion_append_character = start ? '\0' : ' ';
	return result;
}

static char *break_characters(void)
{
	return (char *)complete_breaks(rl_line_buffer);
}

/* ---- */

void edit_init(struct shell *sh)
{
	const char *home = getenv("HOME");

	edit.sh = sh;
	/* libedit drops what it cannot decode, and `p d["é"]` would ask for another key. */
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
	rl_readline_name = "pybpfdbg";
	rl_catch_signals = 0;
	rl_outstream = sh->out->text;
	rl_initialize();
	using_history();
	stifle_history(HISTORY_LINES);
	rl_attempted_completion_function = attempt;
	rl_completion_word_break_hook = break_characters;
	if (home && *home && asprintf(&edit.history, "%s/" HISTORY_FILE, home) < 0)
		edit.history = NULL;
	if (edit.history)
		read_history(edit.history);
}

void edit_deinit(void)
{
	edit_drop();
	if (edit.history) {
		mode_t old = umask(077);

		write_history(edit.history);
		umask(old);
	}
	free(take_ptr(edit.history));
	edit.sh = NULL;
}

void edit_show(void)
{
	if (edit.shown)
		return;
	rl_callback_handler_install(shell_is_collecting(edit.sh) ? PROMPT_LIST : PROMPT, on_line);
	edit.shown = true;
	edit.touched = false;
	if (edit.typed && *edit.typed) {
		rl_insert_text(edit.typed);
		rl_forced_update_display();
	}
}

static void hide(bool keep)
{
	if (!keep || edit.touched)
		free(take_ptr(edit.typed));
	if (!edit.shown)
		return;
	if (keep && edit.touched && rl_line_buffer)
		edit.typed = strdup(rl_line_buffer);
	rl_callback_handler_remove();
	edit.shown = false;
	if (keep)
		fputs("\r\033[K", edit.sh->out->text);
	else
		fputs("\n", edit.sh->out->text);
	fflush(edit.sh->out->text);
}

void edit_hide(void)
{
	hide(true);
}

void edit_drop(void)
{
	hide(false);
}

bool edit_read(char **ret_line)
{
	const char *s;

	edit.touched = true;
	rl_callback_read_char();
	if (!edit.done)
		return false;
	edit.done = false;
	*ret_line = take_ptr(edit.line);
	for (s = *ret_line; s && isspace((unsigned char)*s);)
		s++;
	if (s && *s)
		add_history(*ret_line);
	return true;
}
