// SPDX-License-Identifier: BSD-2-Clause
/* display undisplay commands: what is done at each stop */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/expr.h"
#include "engine/images.h"
#include "engine/session.h"
#include "probes/value.h"

#define TEXT_MAX 400	/* bytes of a displayed value */
#define RUNS_MAX 100000 /* lists in a row that each let the target run on */

struct display {
	char *expression, *last; /* last: as it was shown; NULL: not yet */
};
struct list {
	int bp;
	VEC(char *) lines;
	bool silent;
};
struct shell_stops {
	VEC(struct display) displays;
	VEC(struct list) lists;
	int collecting; /* breakpoint whose list is typed; 0: none */
	bool ended;	/* by a command that goes on: an `end` may still follow */
	int pending;	/* breakpoint whose list is to be run; 0: none */
	bool running;
};

static const struct value_limits limits = {
	.depth = 6, .items = 200, .bytes = 4096, .total = 5000
};

static struct shell_stops *stops_of(struct shell *sh)
{
	if (!sh->stops)
		sh->stops = calloc(1, sizeof(*sh->stops));
	return sh->stops;
}

static void list_clear(struct list *l)
{
	for (size_t i = 0; i < l->lines.n; i++)
		free(l->lines.data[i]);
	l->lines.n = 0;
	l->silent = false;
}

void shell_stops_free(struct shell_stops *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < st->displays.n; i++) {
		free(st->displays.data[i].expression);
		free(st->displays.data[i].last);
	}
	for (size_t i = 0; i < st->lists.n; i++) {
		list_clear(&st->lists.data[i]);
		vec_deinit(&st->lists.data[i].lines);
	}
	vec_deinit(&st->displays);
	vec_deinit(&st->lists);
	free(st);
}

/* ---- display ---- */

static int value_in_frame(struct shell *sh, const char *text, struct err *err, struct value **ret)
{
	struct expr_scope scope;
	struct expr *e = NULL;
	struct look lk;
	int r = expr_parse(text, err, &e);

	if (r < 0)
		return r;
	r = look_begin(sh, false, err, &lk);
	if (!r) {
		scope = (struct expr_scope){ .in = session_interp(sh->s),
					     .frame = lk.frames[lk.frame].frame,
					     .tstate = session_raised(sh->s, sh->tid) };
		r = expr_eval(e, &scope, &limits, err, ret);
		look_end(sh, &lk);
	}
	expr_free(e);
	return r;
}

/* Show d if it is not what it was; `always`: even then. A name that is not there is no news. */
static void display_show(struct shell *sh, struct display *d, bool always)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct value *v = NULL;
	struct err err = { 0 };

	if (value_in_frame(sh, d->expression, &err, &v)) {
		if (always)
			out_line(sh->out, "display %s: ** %s **", d->expression, err.text);
		return;
	}
	value_repr_max(v, &text, TEXT_MAX);
	if (always || !d->last || strcmp(d->last, strbuf_str(&text)) != 0) {
		if (sh->out->json)
			out_json(sh->out, json_pack("{ss so s[o]}", "event", "values", "expression",
						    js_text(d->expression), "values",
						    js_value(d->expression, v, 2)));
		else if (d->last && !always)
			out_line(sh->out, "display %s: %s  [old: %s]", d->expression,
				 strbuf_str(&text), d->last);
		else
			out_line(sh->out, "display %s: %s", d->expression, strbuf_str(&text));
	}
	free(d->last);
	d->last = strdup(strbuf_str(&text));
	value_free(v);
}

int cmd_display(struct shell *sh, const char *args, struct err *err)
{
	struct shell_stops *st = stops_of(sh);
	struct display d = { 0 };
	struct expr *e = NULL;
	int r;

	if (!st)
		return -ENOMEM;
	if (!*args) {
		for (size_t i = 0; i < st->displays.n; i++)
			display_show(sh, &st->displays.data[i], true);
		if (!st->displays.n)
			out_line(sh->out, "nothing is displayed");
		return 0;
	}
	r = expr_parse(args, err, &e);
	if (r < 0)
		return r;
	expr_free(e);
	d.expression = strdup(args);
	r = d.expression ? vec_push(&st->displays, d) : -ENOMEM;
	if (r) {
		free(d.expression);
		return r;
	}
	if (sh->stopped)
		display_show(sh, &st->displays.data[st->displays.n - 1], true);
	return 0;
}

int cmd_undisplay(struct shell *sh, const char *args, struct err *err)
{
	struct shell_stops *st = stops_of(sh);
	size_t n;

	if (!st)
		return -ENOMEM;
	n = st->displays.n;
	for (size_t i = 0; i < st->displays.n;) {
		struct display *d = &st->displays.data[i];

		if (*args && strcmp(d->expression, args) != 0) {
			i++;
			continue;
		}
		free(d->expression);
		free(d->last);
		memmove(d, d + 1, (st->displays.n - i - 1) * sizeof(*d));
		st->displays.n--;
	}
	if (*args && n == st->displays.n)
		return err_set(err, -ENOENT, "'%s' is not displayed", args);
	return 0;
}

/* ---- commands ---- */

static struct list *list_of(struct shell_stops *st, int bp)
{
	for (size_t i = 0; st && i < st->lists.n; i++)
		if (st->lists.data[i].bp == bp)
			return &st->lists.data[i];
	return NULL;
}

int cmd_commands(struct shell *sh, const char *args, struct err *err)
{
	struct shell_stops *st = stops_of(sh);
	const struct bp *const *bps;
	size_t n = images_bps(sh->im, &bps);
	int64_t id = n ? bps[n - 1]->id : 0;
	struct list *l;
	int r = 0;

	if (!st)
		return -ENOMEM;
	if (*args)
		r = parse_number(args, "the number of a breakpoint", 1, INT32_MAX, err, &id);
	if (r < 0)
		return r;
	if (!images_bp(sh->im, (int)id))
		return err_set(err, -ENOENT,
			       "there is no breakpoint %d: `info breakpoints` lists them", (int)id);
	l = list_of(st, (int)id);
	if (!l && vec_push(&st->lists, (struct list){ .bp = (int)id }))
		return -ENOMEM;
	list_clear(list_of(st, (int)id));
	st->collecting = (int)id;
	if (sh->prompt)
		out_line(sh->out,
			 "commands for breakpoint %d, one a line; `end`, or one that goes on, ends "
			 "them",
			 (int)id);
	return 0;
}

bool shell_is_collecting(const struct shell *sh)
{
	return sh->stops && sh->stops->collecting;
}

bool shell_collects(struct shell *sh, const char *line)
{
	struct shell_stops *st = sh->stops;
	struct list *l = st && st->collecting ? list_of(st, st->collecting) : NULL;
	size_t len;
	char *copy;

	line += strspn(line, " \t");
	len = strcspn(line, "\r\n");
	if (!l) {
		bool end = st && st->ended && len == 3 && !strncmp(line, "end", 3);

		if (st)
			st->ended = false;
		return end;
	}
	if (len == 3 && !strncmp(line, "end", 3)) {
		st->collecting = 0;
	} else if (len == 6 && !strncmp(line, "silent", 6)) {
		l->silent = true;
	} else if (len) {
		copy = strndup(line, len);
		if (!copy || vec_push(&l->lines, copy))
			free(copy);
		/* As in pdb: nothing behind it would run. */
		if (shell_goes_on(line)) {
			st->collecting = 0;
			st->ended = true;
		}
	}
	return true;
}

bool shell_is_silent(struct shell *sh, int bp)
{
	const struct list *l = bp ? list_of(sh->stops, bp) : NULL;

	return l && l->silent && !sh->out->json;
}

void shell_at_stop(struct shell *sh, int bp)
{
	struct shell_stops *st = sh->stops;

	if (!st)
		return;
	for (size_t i = 0; i < st->displays.n; i++)
		display_show(sh, &st->displays.data[i], false);
	st->pending = bp && list_of(st, bp) ? bp : 0;
}

/* A list ends with the command that lets the target run on: at its stop another one may begin. */
void shell_run_lists(struct shell *sh)
{
	struct shell_stops *st = sh->stops;

	if (!st || st->running)
		return;
	st->running = true;
	for (int runs = 0; st->pending && sh->stopped && !sh->over && runs < RUNS_MAX; runs++) {
		int bp = st->pending;
		struct list *l;

		st->pending = 0;
		for (size_t i = 0; (l = list_of(st, bp)) && i < l->lines.n; i++) {
			uint64_t stop = sh->stop_count;

			if (shell_line(sh, l->lines.data[i]) < 0 || sh->over || !sh->stopped ||
			    stop != sh->stop_count)
				break;
		}
	}
	st->running = false;
}
