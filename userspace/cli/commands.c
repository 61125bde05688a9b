// SPDX-License-Identifier: BSD-2-Clause
/* The table of commands. How to add one: docs/HOWTO_ADD_COMMAND.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/parse.h"
#include "cli/shell.h"

/* In the order in which `help` lists them. */
const struct command commands[] = {
	{ "break", "b",
	  "[[--engine uprobe] LOCATION [thread TID] [ignore|every|first N] [if CONDITION]]",
	  "stop before a line or function; alone: list breakpoints", cmd_break, COMPLETE_LOCATION,
	  false },
	{ "tbreak", "", "LOCATION [if CONDITION]", "the same, once", cmd_tbreak, COMPLETE_LOCATION,
	  false },
	{ "catch", "", "[--uncaught|--user-unhandled] EXCEPTION [if CONDITION]",
	  "stop where an exception of that class is raised, or where nobody handles it; `exc` is "
	  "it",
	  cmd_catch, COMPLETE_NONE, false },
	{ "watch", "", "EXPRESSION [if CONDITION]",
	  "stop when a variable, attribute or item is written (`old` and `new` in CONDITION)",
	  cmd_watch, COMPLETE_EXPRESSION, false },
	{ "clear", "cl delete", "[NUMBER...|FILE:LINE]", "remove breakpoints; alone: all",
	  cmd_clear, COMPLETE_LOCATION, false },
	{ "disable", "", "NUMBER...", "keep breakpoints, give up their watch slots", cmd_disable,
	  COMPLETE_NONE, false },
	{ "enable", "", "NUMBER...", "arm disabled breakpoints again", cmd_enable, COMPLETE_NONE,
	  false },
	{ "ignore", "", "NUMBER [COUNT]", "let the next COUNT hits pass", cmd_ignore, COMPLETE_NONE,
	  false },
	{ "condition", "", "NUMBER [EXPRESSION]", "stop only if true; alone: always", cmd_condition,
	  COMPLETE_NONE, false },
	{ "continue", "c cont", "", "let the target run until it stops", cmd_continue,
	  COMPLETE_NONE, false },
	{ "step", "s", "", "run to the next line, into functions that are called", cmd_step,
	  COMPLETE_NONE, true },
	{ "next", "n", "", "run to the next line of this function (`up` selects another)", cmd_next,
	  COMPLETE_NONE, true },
	{ "return", "r", "", "run until this function returns, and show what", cmd_return,
	  COMPLETE_NONE, true },
	{ "until", "unt", "[LINE]", "run to a later line of this function, or to LINE or later",
	  cmd_until, COMPLETE_NONE, true },
	{ "interrupt", "pause", "", "stop the target where it is (Ctrl-C does the same)",
	  cmd_interrupt, COMPLETE_NONE, false },
	{ "where", "w bt", "[--native] [COUNT]",
	  "the stack of the thread, innermost frame last; with C frames", cmd_where, COMPLETE_NONE,
	  true },
	{ "up", "u", "[COUNT]", "to the caller", cmd_up, COMPLETE_NONE, true },
	{ "down", "d", "[COUNT]", "to the callee", cmd_down, COMPLETE_NONE, true },
	{ "list", "l", "[.|FIRST[, LAST]]", "source around the line, then further down", cmd_list,
	  COMPLETE_NONE, true },
	{ "longlist", "ll", "", "source of the whole function", cmd_longlist, COMPLETE_NONE, true },
	{ "args", "a", "", "arguments of the function", cmd_args, COMPLETE_NONE, true },
	{ "locals", "", "", "local variables", cmd_locals, COMPLETE_NONE, true },
	{ "globals", "", "", "global variables of the module", cmd_globals, COMPLETE_NONE, true },
	{ "p", "print", "EXPRESSION",
	  "value of a Python expression, without running the target's code", cmd_p,
	  COMPLETE_EXPRESSION, true },
	{ "pp", "", "EXPRESSION", "the same, more of it and over several lines", cmd_pp,
	  COMPLETE_EXPRESSION, true },
	{ "whatis", "", "EXPRESSION", "its type", cmd_whatis, COMPLETE_EXPRESSION, true },
	{ "display", "", "[EXPRESSION]", "show its value at each stop when it has changed",
	  cmd_display, COMPLETE_EXPRESSION, false },
	{ "undisplay", "", "[EXPRESSION]", "do so no more; alone: for all", cmd_undisplay,
	  COMPLETE_NONE, false },
	{ "commands", "", "[NUMBER]",
	  "what to do at a breakpoint, up to `end`; `silent`: do not show the stop", cmd_commands,
	  COMPLETE_NONE, false },
	{ "source", "", "EXPRESSION", "source of a function", cmd_source, COMPLETE_EXPRESSION,
	  true },
	{ "retval", "rv", "", "what was returned last", cmd_retval, COMPLETE_NONE, true },
	{ "set", "", "just-my-code on|off, follow-fork parent|child|both",
	  "may steps enter the standard library and packages? which processes after a fork?",
	  cmd_set, COMPLETE_NONE, false },
	{ "processes", "", "", "every process of the session, and which one is looked at",
	  cmd_processes, COMPLETE_NONE, true },
	{ "process", "", "[NUMBER|PID]", "look at that process; alone: say which one is",
	  cmd_process, COMPLETE_NONE, false },
	{ "threads", "", "", "every Python thread and where it is", cmd_threads, COMPLETE_NONE,
	  true },
	{ "thread", "", "[NUMBER|TID|NAME]", "select a thread; alone: say which one is", cmd_thread,
	  COMPLETE_NONE, false },
	{ "tasks", "", "",
	  "every task of asyncio's event loops, where it is and what it awaits, as a tree",
	  cmd_tasks, COMPLETE_NONE, true },
	{ "greenlets", "", "", "every greenlet that has not ended, and where it is", cmd_greenlets,
	  COMPLETE_NONE, true },
	{ "info", "i", "breakpoints|watchpoints|slots|target|threads", "what is known", cmd_info,
	  COMPLETE_INFO, false },
	{ "detach", "", "", "let go of the target, it runs on", cmd_detach, COMPLETE_NONE, false },
	{ "quit", "q exit", "", "the same; a program that `run` has started is killed", cmd_quit,
	  COMPLETE_NONE, false },
	{ "help", "h ?", "[COMMAND]", "this list, or one command", cmd_help, COMPLETE_COMMAND,
	  false },
};
const size_t ncommands = sizeof(commands) / sizeof(commands[0]);

/* Command names that Python people will try, told apart from typing errors. */
static const struct {
	const char *name, *why;
} not_here[] = {
	{ "jump", "it would change where the target goes on, and nothing of it is changed" },
	{ "j", "it would change where the target goes on, and nothing of it is changed" },
	{ "debug", "it would run code in the target: `p` reads without running any" },
	{ "interact", "it would run code in the target: `p` reads without running any" },
	{ "exceptions", "`catch` stops where an exception is raised" },
	{ "restart", "the target is not ours to start again: `pybpfdbg run` starts a program" },
	{ "run", "the target is not ours to start again: `pybpfdbg run` starts a program" },
	{ "alias", "it is not in this version" },
	{ "unalias", "it is not in this version" },
};

static struct parse_name names[sizeof(commands) / sizeof(commands[0])];

static const struct parse_name *command_names(void)
{
	for (size_t i = 0; i < ncommands; i++)
		names[i] = (struct parse_name){ commands[i].name, commands[i].alias };
	return names;
}

static int find_command(const char *line, struct err *err, size_t *ret_index, const char **ret_args)
{
	size_t len;

	line += strspn(line, " \t");
	len = strcspn(line, " \t\r\n");
	if (*line == '!')
		return err_set(err, -EOPNOTSUPP,
			       "'!' would run a statement in the target: `p` reads without running "
			       "any of its code");
	for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
		if (strlen(not_here[i].name) == len && !memcmp(not_here[i].name, line, len))
			return err_set(err, -EOPNOTSUPP, "'%s': %s", not_here[i].name,
				       not_here[i].why);
	return parse_command(line, command_names(), ncommands, err, ret_index, ret_args);
}

bool shell_goes_on(const char *line)
{
	static int (*const them[])(struct shell *, const char *,
				   struct err *) = { cmd_continue, cmd_next,   cmd_step, cmd_return,
						     cmd_until,	   cmd_detach, cmd_quit };
	struct err err = { 0 };
	const char *args;
	size_t index;

	if (find_command(line, &err, &index, &args) < 0)
		return false;
	for (size_t i = 0; i < sizeof(them) / sizeof(them[0]); i++)
		if (commands[index].run == them[i])
			return true;
	return false;
}

int shell_line(struct shell *sh, const char *line)
{
	struct err err = { 0 };
	const struct command *cmd;
	const char *args = "";
	size_t i;
	int r;

	if (shell_collects(sh, line))
		return 0;
	r = find_command(line, &err, &i, &args);
	if (r == -ENODATA) {
		if (!sh->prompt || !sh->last || strchr(line, '#'))
			return 0;
		cmd = sh->last;
		args = cmd->run == cmd_list ? "" : sh->last_args ? sh->last_args : "";
	} else if (r < 0) {
		out_error(sh->out, err.text);
		return r;
	} else {
		cmd = &commands[i];
		free(sh->last_args);
		sh->last_args = cmd->repeat ? strdup(args) : NULL;
		sh->last = cmd->repeat ? cmd : NULL;
	}
	r = cmd->run(sh, args, &err);
	if (r >= 0 && sh->s) {
		r = out_check(sh->out, &err);
		if (r < 0)
			sh->over = true, sh->status = CLI_FAILED;
	}
	if (r < 0) {
		if (!err.text[0])
			err_set(&err, r, "%s: %s", cmd->name, strerror(-r));
		out_error(sh->out, err.text);
	}
	if (sh->s)
		shell_run_lists(sh);
	return r;
}

static void help_one(struct shell *sh, const struct command *cmd)
{
	out_add(sh->out, OUT_BOLD, "%s", cmd->name);
	out_add(sh->out, OUT_PLAIN, "%s%s", *cmd->args ? " " : "", cmd->args);
	if (*cmd->alias)
		out_add(sh->out, OUT_DIM, "  (also: %s)", cmd->alias);
	out_end(sh->out);
	out_line(sh->out, "    %s", cmd->help);
}

int cmd_help(struct shell *sh, const char *args, struct err *err)
{
	const char *rest;
	size_t i;
	int r;

	if (*args) {
		r = find_command(args, err, &i, &rest);
		if (r < 0)
			return r;
		help_one(sh, &commands[i]);
		return 0;
	}
	for (i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];

		out_add(sh->out, OUT_BOLD, "%-10s", c->name);
		out_add(sh->out, OUT_PLAIN, " %-34s %s", c->args, c->help);
		out_end(sh->out);
	}
	out_line(sh->out,
		 "LOCATION is FILE:LINE, LINE (of the current file), FUNCTION or MODULE:FUNCTION. "
		 "Unambiguous beginnings of names do.");
	return 0;
}
