// SPDX-License-Identifier: BSD-2-Clause
#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/vars.h"
#include "engine/expr.h"
#include "engine/session.h"
#include "probes/value.h"

#define MATCHES_MAX 2000

struct matches {
	VEC(char *) v;
};

static void add(struct matches *m, const char *word, const char *prefix, const char *text)
{
	size_t len = strlen(word);
	char *s = NULL;

	if (strncmp(text, word, len) || m->v.n >= MATCHES_MAX)
		return;
	if (asprintf(&s, "%s%s", prefix, text) < 0)
		return;
	if (vec_push(&m->v, s))
		free(s);
}

static const struct command *command_of(const char *line)
{
	struct parse_name names[64];
	const char *args;
	size_t i;

	for (i = 0; i < ncommands && i < 64; i++)
		names[i] = (struct parse_name){ commands[i].name, commands[i].alias };
	return parse_command(line, names, i, NULL, &i, &args) ? NULL : &commands[i];
}

static void complete_commands(struct matches *m, const char *word)
{
	for (size_t i = 0; i < ncommands; i++)
		add(m, word, "", commands[i].name);
}

static void complete_location(struct shell *sh, struct matches *m, const char *word)
{
	const char *const *list;
	size_t n;

	if (!session_files(sh->s, &list, &n)) {
		for (size_t i = 0; i < n; i++) {
			const char *slash = strrchr(list[i], '/');

			add(m, word, "", list[i]);
			if (slash)
				add(m, word, "", slash + 1);
		}
	}
	if (!session_functions(sh->s, &list, &n))
		for (size_t i = 0; i < n; i++)
			add(m, word, "", list[i]);
}

static void complete_names(struct shell *sh, const struct look *lk, struct matches *m,
			   const char *word)
{
	static const struct value_limits shallow = {
		.depth = 0, .items = 0, .bytes = 64, .total = 2000
	};

	for (int scope = VARS_LOCALS; scope <= VARS_GLOBALS; scope++) {
		struct vars vars = { 0 };

		if (!vars_read(session_interp(sh->s), &lk->frames[lk->frame],
			       (enum vars_scope)scope, &shallow, NULL, &vars))
			for (size_t i = 0; i < vars.n; i++)
				add(m, word, "", vars.data[i].name);
		vars_deinit(&vars);
	}
}

/* a.b.c with the cursor behind c: the attributes of a.b. */
static void complete_attributes(struct shell *sh, const struct look *lk, struct matches *m,
				const char *word, size_t dot)
{
	static const struct value_limits shallow = {
		.depth = 1, .items = 1000, .bytes = 64, .total = 2000
	};
	struct expr_scope scope = { .in = session_interp(sh->s),
				    .frame = lk->frames[lk->frame].frame,
				    .tstate = session_raised(sh->s, sh->tid) };
	_cleanup_free_ char *object = strndup(word, dot), *prefix = strndup(word, dot + 1);
	struct value *v = NULL;
	struct expr *e = NULL;

	if (object && prefix && !expr_parse(object, NULL, &e) &&
	    !expr_eval(e, &scope, &shallow, NULL, &v))
		for (size_t i = 0; i < v->nitems; i++)
			if (v->items[i]->name)
				add(m, word + dot + 1, prefix, v->items[i]->name);
	value_free(v);
	expr_free(e);
}

static void complete_expression(struct shell *sh, struct matches *m, const char *word)
{
	const char *dot = strrchr(word, '.');
	struct look lk;

	if (!sh->stopped || look_begin(sh, false, NULL, &lk))
		return;
	if (dot)
		complete_attributes(sh, &lk, m, word, (size_t)(dot - word));
	else
		complete_names(sh, &lk, m, word);
	look_end(sh, &lk);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **complete(struct shell *sh, const char *line, size_t start, const char *word)
{
	static const char *const info[] = { "breakpoints", "slots", "target", "threads",
					    "watchpoints" };
	const struct command *cmd = command_of(line);
	struct matches m = { 0 };
	size_t n = 0;

	if (!line[strspn(line, " \t")] || start <= strspn(line, " \t"))
		complete_commands(&m, word);
	else if (cmd && cmd->complete == COMPLETE_COMMAND)
		complete_commands(&m, word);
	else if (cmd && cmd->complete == COMPLETE_LOCATION)
		complete_location(sh, &m, word);
	else if (cmd && cmd->complete == COMPLETE_EXPRESSION)
		complete_expression(sh, &m, word);
	else if (cmd && cmd->complete == COMPLETE_INFO)
		for (size_t i = 0; i < 4; i++)
			add(&m, word, "", info[i]);
	if (!m.v.n)
		return NULL;
	qsort(m.v.data, m.v.n, sizeof(char *), compare);
	for (size_t i = 0; i < m.v.n; i++) {
		if (n && !strcmp(m.v.data[n - 1], m.v.data[i]))
			free(m.v.data[i]);
		else
			m.v.data[n++] = m.v.data[i];
	}
	m.v.n = n;
	if (vec_push(&m.v, NULL)) {
		free(m.v.data[--m.v.n]);
		m.v.data[m.v.n] = NULL;
	}
	return m.v.data;
}

void complete_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

const char *complete_breaks(const char *line)
{
	const struct command *cmd = command_of(line);

	if (cmd && cmd->complete == COMPLETE_EXPRESSION)
		return " \t\n,()[]{}+-*/%=<>!&|^~:@";
	return " \t\n";
}
