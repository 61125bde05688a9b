// SPDX-License-Identifier: BSD-2-Clause
/* where up down list longlist threads thread info */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/mixed.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "cli/tasks.h"
#include "engine/expr.h"
#include "engine/mixed.h"
#include "engine/session.h"
#include "engine/source.h"
#include "probes/value.h"
#include "target/native.h"
#include "target/target.h"

#define LIST_LINES	   11
#define FUNCTION_LINES_MAX 5000
#define CODE_DEPTH_MAX	   16
#define NATIVE		   "--native"

/* ---- where ---- */

static json_t *js_stack(struct shell *sh, const struct look *lk, size_t max)
{
	json_t *frames = json_array();

	for (size_t i = 0; frames && i < lk->nframes && i < max; i++) {
		const char *file, *function;

		shell_frame_names(sh, &lk->frames[i], &file, &function);
		json_array_append_new(frames, js_frame(file, lk->frames[i].line, function));
	}
	return json_pack("{ss so so}", "event", "stack", "thread", js_thread(lk->tid, lk->name),
			 "frames", frames);
}

/* As pdb prints a frame: "> file(line)function()" and its source below. */
static void show_frame(struct shell *sh, const struct interp_frame *f, bool current)
{
	const char *file, *function;

	shell_frame_names(sh, f, &file, &function);
	out_add(sh->out, current ? OUT_BOLD : OUT_PLAIN, "%c %s(%d)", current ? '>' : ' ', file,
		f->line);
	out_add(sh->out, OUT_CYAN, "%s()", function);
	out_end(sh->out);
	shell_show_source(sh, file, f->line);
}

/* Show them, or add them to the stack. */
static int show_mixed(struct shell *sh, const struct look *lk, struct native *n,
		      const struct native_stack *st, size_t max)
{
	struct mixed_frame *frames;
	size_t count;
	json_t *j;
	int r;

	r = session_mixed(sh->s, n, st, lk->frames, lk->nframes, &frames, &count);
	if (r)
		return r;
	if (count > max) {
		if (!sh->out->json)
			out_line(sh->out, "(%zu outer frames left out)", count - max);
		count = max;
	}
	for (size_t i = count; !sh->out->json && i-- > 0;) {
		if (frames[i].python)
			show_frame(sh, &lk->frames[frames[i].frame], frames[i].frame == lk->frame);
		else
			show_native(sh->out, "  ", &frames[i]);
	}
	if (sh->out->json) {
		j = js_stack(sh, lk, lk->nframes);
		if (j)
			json_object_set_new(j, "native", js_mixed(frames, count));
		out_json(sh->out, j);
	}
	free(frames);
	return 0;
}

static int where_native(struct shell *sh, size_t max, struct err *err)
{
	struct native_stack st = { 0 };
	struct native *n;
	struct look lk;
	int r;

	/* What takes long comes first: a target that runs stands still afterwards. */
	r = native_new(session_target(sh->s), err, &n);
	if (r < 0)
		return r;
	r = look_begin(sh, false, err, &lk);
	if (r < 0) {
		native_free(n);
		return r;
	}
	r = session_native_stack(sh->s, n, lk.tid, &st);
	if (!r)
		r = show_mixed(sh, &lk, n, &st, max);
	look_end(sh, &lk);
	native_stack_deinit(&st);
	native_free(n);
	if (r == -EBUSY)
		return err_set(
			err, r,
			"thread %d is not held, only the one that stopped is: `continue`, then "
			"`interrupt` holds all",
			lk.tid);
	return r < 0 ? err_set(err, r, "thread %d: its native stack cannot be read: %s", lk.tid,
			       strerror(-r))
		     : 0;
}

int cmd_where(struct shell *sh, const char *args, struct err *err)
{
	int64_t count = INT32_MAX;
	bool native = false;
	struct look lk;
	size_t shown;
	int r = 0;

	if (!strncmp(args, NATIVE, strlen(NATIVE)) && strchr(" ", args[strlen(NATIVE)])) {
		native = true;
		args += strlen(NATIVE);
		args += strspn(args, " ");
	}
	if (*args)
		r = parse_number(args, "the number of frames", 1, INT32_MAX, err, &count);
	if (!r && native)
		return where_native(sh, (size_t)count, err);
	if (!r)
		r = look_begin(sh, false, err, &lk);
	if (r < 0)
		return r;
	shown = lk.nframes < (size_t)count ? lk.nframes : (size_t)count;
	if (sh->out->json) {
		json_t *j = js_stack(sh, &lk, shown);

		tasks_js_chain(sh, lk.tid, j);
		out_json(sh->out, j);
	} else {
		tasks_show_chain(sh, lk.tid);
		if (shown < lk.nframes)
			out_line(sh->out, "(%zu outer frames left out)", lk.nframes - shown);
		for (size_t i = shown; i-- > 0;)
			show_frame(sh, &lk.frames[i], i == lk.frame);
	}
	look_end(sh, &lk);
	return 0;
}

static int move(struct shell *sh, const char *args, int sign, struct err *err)
{
	const char *what = sign > 0 ? "up" : "down";
	int64_t count = 1;
	struct look lk;
	int r;

	r = shell_need_stop(sh, what, err);
	if (!r && *args)
		r = parse_number(args, "the number of frames", 1, INT32_MAX, err, &count);
	if (!r)
		r = look_begin(sh, false, err, &lk);
	if (r < 0)
		return r;
	if (sign > 0 && lk.frame + 1 == lk.nframes)
		r = err_set(err, -ERANGE, "this is the outermost frame");
	else if (sign < 0 && !lk.frame)
		r = err_set(err, -ERANGE, "this is the innermost frame");
	if (!r) {
		size_t room = sign > 0 ? lk.nframes - 1 - lk.frame : lk.frame;
		size_t by = (uint64_t)count < room ? (size_t)count : room;

		sh->frame = sign > 0 ? lk.frame + by : lk.frame - by;
		sh->list_next = 0;
		show_frame(sh, &lk.frames[sh->frame], true);
	}
	look_end(sh, &lk);
	return r;
}

int cmd_up(struct shell *sh, const char *args, struct err *err)
{
	return move(sh, args, 1, err);
}

int cmd_down(struct shell *sh, const char *args, struct err *err)
{
	return move(sh, args, -1, err);
}

/* ---- source ---- */

static bool has_breakpoint(struct shell *sh, const char *file, int32_t line)
{
	const struct bp *const *bps;
	size_t n = session_bps(sh->s, &bps);

	for (size_t i = 0; i < n; i++)
		if (bps[i]->line == line && bps[i]->enabled && !strcmp(bps[i]->file, file))
			return true;
	return false;
}

static int show_lines(struct shell *sh, const char *file, int32_t first, int32_t last,
		      int32_t current, struct err *err)
{
	struct source *src = shell_source(sh, file);
	const char *text;
	int32_t total;

	if (!src)
		return err_set(err, -ENOENT,
			       "%s: its source cannot be read in the target's file system", file);
	total = (int32_t)source_lines(src);
	if (first > total)
		return err_set(err, -ERANGE, "%s ends at line %d", file, total);
	for (int32_t i = first; i <= last && i <= total; i++) {
		if (source_line(src, i, &text))
			break;
		out_add(sh->out, i == current ? OUT_BOLD : OUT_PLAIN, "%4d%s", i, *text ? " " : "");
		out_add(sh->out, OUT_RED, "%s",
			has_breakpoint(sh, file, i) ? "B"
			: *text || i == current	    ? " "
						    : "");
		if (i == current || *text)
			out_add(sh->out, i == current ? OUT_BOLD : OUT_PLAIN, "%s %s",
				i == current ? "->" : "  ", text);
		out_end(sh->out);
	}
	return last > total ? total : last;
}

struct here {
	char *file;
	int32_t line;
	uint64_t code;
};

static int here_get(struct shell *sh, struct err *err, struct here *ret)
{
	const char *file, *function;
	struct look lk;
	int r = look_begin(sh, false, err, &lk);

	if (r < 0)
		return r;
	shell_frame_names(sh, &lk.frames[lk.frame], &file, &function);
	ret->file = strdup(file);
	ret->line = lk.frames[lk.frame].line;
	ret->code = lk.frames[lk.frame].code;
	look_end(sh, &lk);
	return ret->file ? 0 : -ENOMEM;
}

static void cleanup_here(struct here *h)
{
	free(h->file);
}

int cmd_list(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_here) struct here here = { 0 };
	int32_t first, last;
	int r;

	r = parse_list(args, err, &first, &last);
	if (!r)
		r = here_get(sh, err, &here);
	if (r < 0)
		return r;
	if (!first && sh->list_next && sh->list_file && !strcmp(sh->list_file, here.file)) {
		first = sh->list_next;
		last = first + LIST_LINES - 1;
	} else if (first <= 0) {
		first = here.line > LIST_LINES / 2 ? here.line - LIST_LINES / 2 : 1;
		last = first + LIST_LINES - 1;
	}
	r = show_lines(sh, here.file, first, last, here.line, err);
	if (r < 0)
		return r;
	free(sh->list_file);
	sh->list_file = take_ptr(here.file);
	sh->list_next = r + 1;
	return 0;
}

/* The last line that has code in code or in a function inside it. */
static int32_t last_line(struct interp *in, uint64_t code, int depth)
{
	_cleanup_free_ uint64_t *children = NULL;
	struct interp_code c = { 0 };
	int32_t last = 0;
	size_t n = 0;

	if (in->ops->code(in, code, &c))
		return 0;
	for (uint32_t off = 0; off < c.size && off < 1u << 20; off += 2) {
		int line = in->ops->line_of(in, code, (int32_t)off);

		if (line > last)
			last = line;
	}
	interp_code_deinit(&c);
	if (depth >= CODE_DEPTH_MAX || in->ops->code_children(in, code, &children, &n))
		return last;
	for (size_t i = 0; i < n && i < 10000; i++) {
		int32_t line = last_line(in, children[i], depth + 1);

		if (line > last)
			last = line;
	}
	return last;
}

int cmd_longlist(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_here) struct here here = { 0 };
	struct interp *in = session_interp(sh->s);
	struct interp_code c = { 0 };
	int32_t first, last;
	int r;

	(void)args;
	r = here_get(sh, err, &here);
	if (r < 0)
		return r;
	r = in->ops->code(in, here.code, &c);
	if (r < 0)
		return err_set(err, r, "the function's code object cannot be read: %s",
			       strerror(-r));
	first = c.first_line > 0 ? c.first_line : 1;
	interp_code_deinit(&c);
	last = last_line(in, here.code, 0);
	if (last < here.line)
		last = here.line;
	if (last - first > FUNCTION_LINES_MAX)
		last = first + FUNCTION_LINES_MAX;
	r = show_lines(sh, here.file, first, last, here.line, err);
	return r < 0 ? r : 0;
}

static int eval_text(const char *text, const struct expr_scope *scope,
		     const struct value_limits *lim, struct err *err, struct value **ret)
{
	struct expr *e = NULL;
	int r = expr_parse(text, err, &e);

	if (!r)
		r = expr_eval(e, scope, lim, err, ret);
	expr_free(e);
	return r;
}

/* An attribute of what args names, as a value; the first that is there of several ways to its code.
 */
static int source_attr(struct shell *sh, const char *args, const char *attr, struct err *err,
		       struct value **ret)
{
	static const char *const ways[] = { "(%s).__code__.%s", "(%s).__func__.__code__.%s",
					    "(%s).fget.__code__.%s", "(%s).%s" };
	const size_t nways = sizeof(ways) / sizeof(ways[0]);
	const char *dot = strrchr(args, '.');
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 4096, .total = 1 };
	struct value *whole = NULL;
	struct expr_scope scope;
	struct look lk;
	int r = look_begin(sh, false, err, &lk);

	if (r < 0)
		return r;
	scope = (struct expr_scope){ .in = session_interp(sh->s),
				     .frame = lk.frames[lk.frame].frame };
	r = -ENOENT;
	for (size_t i = 0; r && i < nways; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		strbuf_addf(&text, ways[i], args, attr);
		r = eval_text(strbuf_str(&text), &scope, &lim, err, ret);
	}
	/* A method of an instance is made, a property computed when it is asked for: the class has
	 * the function. */
	for (size_t i = 0; r && dot && i < nways; i++) {
		_cleanup_strbuf_ struct strbuf in_class = STRBUF_INIT, text = STRBUF_INIT;

		strbuf_addf(&in_class, "type(%.*s)%s", (int)(dot - args), args, dot);
		strbuf_addf(&text, ways[i], strbuf_str(&in_class), attr);
		r = eval_text(strbuf_str(&text), &scope, &lim, err, ret);
	}
	/* Is it there at all? */
	if (r && !eval_text(args, &scope, &lim, err, &whole))
		(void)err_set(err, r,
			      "%s: only functions and methods know their source; of a class, name "
			      "a method",
			      args);
	value_free(whole);
	look_end(sh, &lk);
	return r;
}

/* The last line of the block that begins at first: up to where something is indented less. */
static int32_t block_end(struct source *src, int32_t first)
{
	int32_t total = (int32_t)source_lines(src), last = first;
	size_t indent = 0;
	const char *text;
	bool body = false;

	for (int32_t i = first; i <= total && !source_line(src, i, &text); i++) {
		size_t in = strspn(text, " \t");

		if (!text[in] || text[in] == '#')
			continue;
		if (i == first)
			indent = in;
		else if (in <= indent && body)
			break;
		body |= in > indent;
		last = i;
	}
	return last;
}

int cmd_source(struct shell *sh, const char *args, struct err *err)
{
	struct value *file = NULL, *line = NULL;
	struct source *src;
	int64_t first = 0;
	int r;

	if (!*args)
		return err_set(err, -EINVAL, "source needs an expression: `source FUNCTION`");
	r = source_attr(sh, args, "co_filename", err, &file);
	if (!r)
		r = source_attr(sh, args, "co_firstlineno", err, &line);
	if (r) {
		value_free(file);
		return r;
	}
	if (line->kind == VALUE_INT) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		value_repr(line, &text);
		r = parse_number(strbuf_str(&text), "the line", 1, INT32_MAX, err, &first);
	}
	src = first && file->bytes ? shell_source(sh, file->bytes) : NULL;
	if (!r && !src)
		r = err_set(err, -ENOENT, "its source cannot be read in the target's file system");
	if (!r)
		r = show_lines(sh, file->bytes, (int32_t)first, block_end(src, (int32_t)first), 0,
			       err);
	value_free(file);
	value_free(line);
	return r < 0 ? r : 0;
}

/* ---- threads ---- */

struct threads {
	struct interp_thread *data;
	size_t n;
	bool still;
};

static int threads_begin(struct shell *sh, struct err *err, struct threads *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = shell_still_begin(sh, err, &ret->still);
	if (r < 0)
		return r;
	r = session_threads(sh->s, &ret->data, &ret->n);
	if (r < 0) {
		shell_still_end(sh, &ret->still, NULL);
		return err_set(err, r, "pid %d: its threads cannot be read: %s", sh->pid,
			       strerror(-r));
	}
	shell_sort_threads(ret->data, ret->n);
	return 0;
}

static void threads_end(struct shell *sh, struct threads *t)
{
	bool still = t->still;
	uint64_t us = 0;

	shell_still_end(sh, &t->still, &us);
	if (still)
		out_note(sh->out, "(the target is running: it stood still for %.1f ms)",
			 (double)us / 1000);
	free(take_ptr(t->data));
}

static void show_thread(struct shell *sh, const struct threads *t, size_t i)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	const struct interp_thread *th = &t->data[i];
	const char *file, *function;
	struct look lk = { .tid = th->tid };
	char doing[64];
	json_t *j;

	session_thread_doing(sh->s, th, doing);
	shell_thread_name(sh, t->data, t->n, th->tid, lk.name);
	if (session_frames(sh->s, th->tid, sh->out->json ? 10000 : 1, &frames, &lk.nframes) < 0)
		lk.nframes = 0;
	lk.frames = frames;
	if (sh->out->json) {
		j = js_stack(sh, &lk, lk.nframes);
		if (j)
			json_object_set_new(j, "state", json_string(doing));
		out_json(sh->out, j);
		return;
	}
	out_add(sh->out, OUT_BOLD, "%c %-3zu", sh->tid && th->tid == sh->tid ? '*' : ' ', i + 1);
	out_add(sh->out, OUT_PLAIN, " thread %d \"%s\"%s, %s: ", th->tid, lk.name,
		th->holds_gil ? " (holds the GIL)" : "", *doing ? doing : "?");
	if (lk.nframes) {
		shell_frame_names(sh, &frames[0], &file, &function);
		shell_add_place(sh, function, file, frames[0].line);
	} else {
		out_add(sh->out, OUT_PLAIN, "no Python code there now");
	}
	out_end(sh->out);
}

int cmd_threads(struct shell *sh, const char *args, struct err *err)
{
	struct threads t;
	int r;

	(void)args;
	r = threads_begin(sh, err, &t);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t.n; i++)
		show_thread(sh, &t, i);
	threads_end(sh, &t);
	return 0;
}

/* A thread by kernel id, by its place in `threads`, or by name. */
static pid_t find_thread(struct shell *sh, const struct threads *t, const char *text)
{
	size_t len = strlen(text);
	int64_t n;

	if (!parse_number(text, "", 1, INT32_MAX, NULL, &n)) {
		for (size_t i = 0; i < t->n; i++)
			if (t->data[i].tid == n)
				return (pid_t)n;
		return (size_t)n <= t->n ? t->data[n - 1].tid : 0;
	}
	if (len >= 2 && *text == '"' && text[len - 1] == '"')
		text++, len -= 2;
	for (size_t i = 0; i < t->n; i++) {
		char name[64];

		shell_thread_name(sh, t->data, t->n, t->data[i].tid, name);
		if (strlen(name) == len && !memcmp(name, text, len))
			return t->data[i].tid;
	}
	return 0;
}

int cmd_thread(struct shell *sh, const char *args, struct err *err)
{
	struct look lk;
	struct threads t;
	pid_t tid;
	int r;

	if (*args) {
		r = threads_begin(sh, err, &t);
		if (r < 0)
			return r;
		tid = find_thread(sh, &t, args);
		shell_still_end(sh, &t.still, NULL);
		free(t.data);
		if (!tid)
			return err_set(err, -ENOENT,
				       "there is no thread '%s': `threads` lists them", args);
		if (tid != sh->tid)
			shell_forget(sh);
		sh->tid = tid;
	}
	r = look_begin(sh, true, err, &lk);
	if (r < 0)
		return r;
	if (sh->out->json) {
		out_json(sh->out, js_stack(sh, &lk, lk.nframes));
	} else {
		out_line(sh->out, "thread %d \"%s\"%s", lk.tid, lk.name,
			 lk.nframes ? "" : ": no Python code there now");
		if (lk.nframes)
			show_frame(sh, &lk.frames[lk.frame], true);
	}
	look_end(sh, &lk);
	return 0;
}

/* ---- info ---- */

static int info_target(struct shell *sh, struct err *err)
{
	struct interp *in = session_interp(sh->s);
	const struct interp_info *info = in->ops->info(in);
	struct target *t = session_target(sh->s);

	(void)err;
	out_line(sh->out, "pid %d, %s %s%s", sh->pid, info->kind, info->version,
		 info->debug ? ", debug build" : "");
	out_line(sh->out, "executable %s", target_exe(t));
	out_line(sh->out, "directory  %s", target_cwd(t));
	out_line(sh->out, "%s",
		 sh->stopped ? "stopped: `continue` lets it run" : "running: Ctrl-C stops it");
	return 0;
}

static int info_threads(struct shell *sh, struct err *err)
{
	return cmd_threads(sh, "", err);
}

int cmd_info(struct shell *sh, const char *args, struct err *err)
{
	static const struct {
		const char *name;
		int (*run)(struct shell *sh, struct err *err);
	} parts[] = {
		{ "breakpoints", info_breakpoints }, { "slots", info_slots },
		{ "target", info_target },	     { "threads", info_threads },
		{ "watchpoints", info_watchpoints },
	};
	size_t len = strlen(args), found = 0, matches = 0;

	for (size_t i = 0; len && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strncmp(parts[i].name, args, len))
			continue;
		found = i;
		matches++;
	}
	if (matches != 1)
		return err_set(
			err, -EINVAL,
			"info%s%s: what is shown is breakpoints, watchpoints, slots, target or "
			"threads",
			*args ? " " : "", args);
	return parts[found].run(sh, err);
}
