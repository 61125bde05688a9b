// SPDX-License-Identifier: BSD-2-Clause
/* where up down threads thread info */
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
#include "engine/mixed.h"
#include "engine/session.h"
#include "target/native.h"
#include "target/target.h"

#define NATIVE "--native"

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
