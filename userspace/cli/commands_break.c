// SPDX-License-Identifier: BSD-2-Clause
/* break tbreak catch clear disable enable ignore condition */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"
#include "trace/trace.h"

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *when_text(const struct bp *bp)
{
	return bp->when == CATCH_RAISED	    ? "is raised"
	       : bp->when == CATCH_UNCAUGHT ? "leaves its thread unhandled"
					    : "leaves the user's code unhandled";
}

static void show_caught(struct shell *sh, const struct bp *bp)
{
	if (sh->out->json) {
		out_json(sh->out, js_bound(bp));
		return;
	}
	out_add(sh->out, OUT_BOLD, "%sbreakpoint %d", bp->temporary ? "temporary " : "", bp->id);
	out_add(sh->out, OUT_PLAIN, " where %s %s, no watch slot", bp->exception, when_text(bp));
	out_end(sh->out);
	if (bp->condition)
		shell_show_judge(sh, bp);
}

static void show_pending(struct shell *sh, const struct bp *bp)
{
	if (bp->why)
		out_note(sh->out, "%s", bp->why);
	if (sh->out->json) {
		out_json(sh->out, js_bound(bp));
		return;
	}
	out_add(sh->out, OUT_BOLD, "%sbreakpoint %d", bp->temporary ? "temporary " : "", bp->id);
	out_add(sh->out, OUT_PLAIN, " at %s: pending until it is loaded", bp->location);
	out_end(sh->out);
}

/* before: how many watch slots were used without it; NULL: nobody knows, others were bound at the
 * same moment. */
static void show_slots(struct shell *sh, const struct bp *bp, const unsigned *before)
{
	unsigned used = 0, free_slots = 0;

	if (bp->engine == BP_UPROBE) {
		out_add(sh->out, OUT_PLAIN, ", no watch slot but a trap at every Python call");
		return;
	}
	session_slots(sh->s, NULL, &used, &free_slots);
	if (!before && bp->slots)
		out_add(sh->out, OUT_PLAIN, ", %u watch slot%s of %d", bp->slots, plural(bp->slots),
			TRACE_SLOTS);
	else if (before && used == *before + 1)
		out_add(sh->out, OUT_PLAIN, ", watch slot %u of %d", used, TRACE_SLOTS);
	else if (before && used > *before)
		out_add(sh->out, OUT_PLAIN, ", watch slots %u-%u of %d", *before + 1, used,
			TRACE_SLOTS);
	else
		out_add(sh->out, OUT_PLAIN, ", no further watch slot");
}

/* before: see show_slots(). */
static void show_bound(struct shell *sh, const struct bp *bp, const unsigned *before)
{
	if (bp->pending) {
		show_pending(sh, bp);
		return;
	}
	if (bp->why)
		out_note(sh->out, "breakpoint %d: %s", bp->id, bp->why);
	if (bp->line_asked && bp->line_asked != bp->line)
		out_note(sh->out, "line %d of %s has no code: the next line that has some is %d",
			 bp->line_asked, bp->file, bp->line);
	if (sh->out->json) {
		out_json(sh->out, js_bound(bp));
		return;
	}
	out_add(sh->out, OUT_BOLD, "%sbreakpoint %d", bp->temporary ? "temporary " : "", bp->id);
	out_add(sh->out, OUT_PLAIN, " at %s:%d (%s), %zu location%s", bp->file, bp->line,
		bp->function, bp->nplaces, plural(bp->nplaces));
	show_slots(sh, bp, before);
	out_end(sh->out);
	if (bp->condition)
		shell_show_judge(sh, bp);
}

static void set_hits(struct bp_spec *spec, const struct parse_hits *hits)
{
	spec->ignore = (uint64_t)hits->ignore;
	spec->every = (uint64_t)hits->every;
	spec->limit = (uint64_t)hits->first;
	spec->tid = (pid_t)hits->thread;
}

static int break_at(struct shell *sh, const char *args, bool temporary, struct err *err)
{
	_cleanup_free_ char *location = NULL, *condition = NULL;
	struct bp_spec spec = { .temporary = temporary, .pending = true };
	unsigned used = 0, free_slots;
	struct parse_hits hits = { 0 };
	bool uprobe = sh->uprobe;
	int r, id;

	args = parse_engine(args, err, &uprobe);
	if (!args)
		return -EINVAL;
	r = parse_break(args, err, &location, &condition);
	if (!r)
		r = parse_hits(location, err, &hits);
	if (r < 0)
		return r;
	spec.engine = uprobe ? BP_UPROBE : BP_WATCH;
	session_slots(sh->s, NULL, &used, &free_slots);
	spec.location = location;
	spec.default_file = shell_current_file(sh);
	spec.condition = condition;
	set_hits(&spec, &hits);
	r = images_break(sh->im, &spec, err, &id);
	if (r < 0)
		return r;
	show_bound(sh, session_bp(sh->s, id), &used);
	return 0;
}

void break_bound(struct shell *sh, int id)
{
	const struct bp *bp = session_bp(sh->s, id);

	if (bp)
		show_bound(sh, bp, NULL);
}

void break_unbound(struct shell *sh, int id)
{
	const struct bp *bp = session_bp(sh->s, id);

	if (!bp)
		return;
	out_note(sh->out, "breakpoint %d %s: %s", bp->id,
		 bp->pending ? "stays pending" : "is not bound to what was loaded",
		 bp->why ? bp->why : "out of memory");
	if (sh->out->json)
		out_json(sh->out, js_bound(bp));
}

int cmd_break(struct shell *sh, const char *args, struct err *err)
{
	return *args ? break_at(sh, args, false, err) : info_breakpoints(sh, err);
}

int cmd_tbreak(struct shell *sh, const char *args, struct err *err)
{
	return *args ? break_at(sh, args, true, err) : info_breakpoints(sh, err);
}

/* --uncaught or --user-unhandled in front: the rest, or NULL with a line. */
static const char *parse_when(const char *args, struct err *err, enum catch_when *ret)
{
	static const struct {
		const char *option;
		enum catch_when when;
	} options[] = { { "--uncaught", CATCH_UNCAUGHT }, { "--user-unhandled", CATCH_USER } };

	*ret = CATCH_RAISED;
	if (strncmp(args, "--", 2) != 0)
		return args;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		size_t len = strlen(options[i].option);

		if (strncmp(args, options[i].option, len) != 0 || (args[len] && args[len] != ' '))
			continue;
		*ret = options[i].when;
		return args + len + strspn(args + len, " ");
	}
	err_set(err, -EINVAL, "catch: '%.*s' is not known: --uncaught or --user-unhandled",
		(int)strcspn(args, " "), args);
	return NULL;
}

int cmd_catch(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_free_ char *name = NULL, *condition = NULL;
	struct parse_hits hits = { 0 };
	struct bp_spec spec = { 0 };
	int r, id;

	if (!*args)
		return info_breakpoints(sh, err);
	args = parse_when(args, err, &spec.when);
	if (!args)
		return -EINVAL;
	if (spec.when != CATCH_RAISED && !*args)
		args = "Exception";
	r = parse_break(args, err, &name, &condition);
	if (!r)
		r = parse_hits(name, err, &hits);
	if (r < 0)
		return r;
	spec.exception = name;
	spec.condition = condition;
	set_hits(&spec, &hits);
	r = images_break(sh->im, &spec, err, &id);
	if (r < 0)
		return r;
	show_caught(sh, session_bp(sh->s, id));
	return 0;
}

/* ---- changes ---- */

static const struct bp *need_bp(struct shell *sh, int64_t id, struct err *err)
{
	const struct bp *bp = id > 0 && id <= INT32_MAX ? images_bp(sh->im, (int)id) : NULL;

	if (!bp)
		err_set(err, -ENOENT,
			"there is no breakpoint %" PRId64 ": `info breakpoints` lists them", id);
	return bp;
}

/* The breakpoints whose numbers args lists, all of which exist. -EINVAL when the list is empty. */
struct ids {
	VEC(int) v;
};

static void cleanup_ids(struct ids *ids)
{
	vec_deinit(&ids->v);
}

static int parse_ids(struct shell *sh, const char *what, const char *args, struct err *err,
		     struct ids *ret)
{
	int64_t id;
	int r;

	while ((r = parse_next_number(&args, err, &id)) > 0) {
		if (!need_bp(sh, id, err))
			return -ENOENT;
		r = vec_push(&ret->v, (int)id);
		if (r < 0)
			return r;
	}
	if (!r && !ret->v.n)
		return err_set(err, -EINVAL,
			       "%s needs the number of a breakpoint: `info breakpoints` lists them",
			       what);
	return r;
}

static int enable(struct shell *sh, const char *args, bool on, struct err *err)
{
	_cleanup_(cleanup_ids) struct ids ids = { 0 };
	int r = parse_ids(sh, on ? "enable" : "disable", args, err, &ids);

	for (size_t i = 0; !r && i < ids.v.n; i++) {
		r = images_bp_enable(sh->im, ids.v.data[i], on, err);
		if (!r)
			out_line(sh->out, "breakpoint %d %s", ids.v.data[i],
				 on ? "enabled" : "disabled");
	}
	return r;
}

int cmd_enable(struct shell *sh, const char *args, struct err *err)
{
	return enable(sh, args, true, err);
}

int cmd_disable(struct shell *sh, const char *args, struct err *err)
{
	return enable(sh, args, false, err);
}

/* Does "tail" name the file: all of it, or the last components of its path? */
static bool is_tail(const char *file, const char *tail, size_t len)
{
	size_t flen = strlen(file);

	return len && flen >= len && !memcmp(file + flen - len, tail, len) &&
	       (flen == len || file[flen - len - 1] == '/' || *tail == '/');
}

static bool bp_is_at(const struct bp *bp, const char *location)
{
	const char *colon = strrchr(location, ':');
	int64_t line;

	if (!strcmp(bp->location, location))
		return true;
	if (bp->exception)
		return !strcmp(bp->exception, location);
	if (!colon || parse_number(colon + 1, "", 1, INT32_MAX, NULL, &line))
		return false;
	return (line == bp->line || line == bp->line_asked) && bp->file &&
	       is_tail(bp->file, location, (size_t)(colon - location));
}

static int ids_at(struct shell *sh, const char *location, struct err *err, struct ids *ret)
{
	const struct bp *const *bps;
	size_t n = images_bps(sh->im, &bps);

	for (size_t i = 0; i < n; i++)
		if ((!*location || bp_is_at(bps[i], location)) && vec_push(&ret->v, bps[i]->id))
			return -ENOMEM;
	if (!ret->v.n && *location)
		return err_set(err, -ENOENT,
			       "there is no breakpoint at %s: `info breakpoints` lists them",
			       location);
	return 0;
}

int cmd_clear(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_ids) struct ids ids = { 0 };
	bool numbers = *args && !args[strspn(args, "0123456789, \t")];
	int r = numbers ? parse_ids(sh, "clear", args, err, &ids) : ids_at(sh, args, err, &ids);

	if (!r && !ids.v.n)
		out_line(sh->out, "no breakpoints");
	for (size_t i = 0; !r && i < ids.v.n; i++) {
		r = images_bp_clear(sh->im, ids.v.data[i], err);
		if (!r)
			out_line(sh->out, "breakpoint %d removed", ids.v.data[i]);
	}
	return r;
}

int cmd_ignore(struct shell *sh, const char *args, struct err *err)
{
	int64_t id, count = 0;
	int r = parse_next_number(&args, err, &id);

	if (r > 0)
		r = parse_next_number(&args, err, &count);
	else if (!r)
		return err_set(err, -EINVAL, "ignore needs the number of a breakpoint and a count");
	if (r < 0)
		return r;
	if (!need_bp(sh, id, err))
		return -ENOENT;
	if (count < 0)
		return err_set(err, -EINVAL, "the count is a number from 0");
	r = images_bp_ignore(sh->im, (int)id, (uint64_t)count, err);
	if (r < 0)
		return r;
	if (count)
		out_line(sh->out, "breakpoint %d lets the next %" PRId64 " hit%s pass", (int)id,
			 count, plural((uint64_t)count));
	else
		out_line(sh->out, "breakpoint %d stops at every hit", (int)id);
	return 0;
}

int cmd_condition(struct shell *sh, const char *args, struct err *err)
{
	size_t len = strcspn(args, " \t");
	_cleanup_free_ char *number = strndup(args, len);
	const char *condition = args + len + strspn(args + len, " \t");
	const struct bp *bp;
	int64_t id;
	int r;

	if (!number)
		return -ENOMEM;
	if (!*number)
		return err_set(err, -EINVAL,
			       "condition needs the number of a breakpoint and an expression");
	r = parse_number(number, "the number of a breakpoint", 1, INT32_MAX, err, &id);
	if (r < 0)
		return r;
	if (!need_bp(sh, id, err))
		return -ENOENT;
	r = images_bp_condition(sh->im, (int)id, *condition ? condition : NULL, err);
	if (r < 0)
		return r;
	sh->condition_errors = 0;
	bp = images_bp(sh->im, (int)id);
	if (sh->out->json && !bp->pending)
		out_json(sh->out, js_bound(bp));
	if (*condition) {
		out_line(sh->out, "breakpoint %d:", (int)id);
		shell_show_judge(sh, bp);
	} else
		out_line(sh->out, "breakpoint %d stops at every hit", (int)id);
	return 0;
}
