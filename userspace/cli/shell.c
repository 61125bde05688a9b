// SPDX-License-Identifier: BSD-2-Clause
/* The state of the commands: its beginning and end, threads and frames that are looked at, waiting.
 */
#include "cli/shell.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/terminal.h"
#include "engine/images.h"
#include "engine/session.h"
#include "engine/source.h"
#include "probes/value.h"
#include "target/target.h"

#define FRAMES_MAX 10000

void shell_forget(struct shell *sh)
{
	free(sh->frames);
	sh->frames = NULL;
	sh->nframes = sh->frame = 0;
	free(sh->list_file);
	sh->list_file = NULL;
}

void shell_init(struct shell *sh)
{
	sh->launched = session_is_launched(sh->s);
	shell_sync_process(sh);
	if (sh->launched)
		sh->terminal = terminal_share(sh->pid); /* without memory or terminal: not shared */
}

void shell_deinit(struct shell *sh)
{
	terminal_free(sh->terminal);
	sh->terminal = NULL;
	shell_forget(sh);
	free(sh->last_args);
	sh->last_args = NULL;
	value_free(sh->retval);
	sh->retval = NULL;
	shell_stops_free(sh->stops);
	sh->stops = NULL;
	source_cache_free(sh->sources);
	sh->sources = NULL;
}

static size_t count_processes(struct shell *sh)
{
	_cleanup_free_ struct session_process *list = NULL;
	size_t n = 0, ours = 0;

	(void)images_processes(sh->im, &list, &n);
	for (size_t i = 0; i < n; i++)
		ours += list[i].doing != PROCESS_OTHER;
	return ours;
}

void shell_detach(struct shell *sh)
{
	size_t n;

	if (!sh->s)
		return;
	n = count_processes(sh);
	images_free(sh->im);
	sh->im = NULL;
	sh->s = NULL;
	shell_forget(sh);
	if (sh->status == CLI_ENDED)
		return;
	sh->over = true;
	if (sh->out->json)
		out_json(sh->out, json_pack("{ss}", "event", "detached"));
	else if (n > 1)
		out_line(sh->out, "detached from %zu processes: they run on", n);
	else
		out_line(sh->out, "detached from %d: it runs on", sh->pid);
}

/* What we started ends with us. */
static void shell_kill(struct shell *sh)
{
	struct session_event ev = { 0 };
	struct err err = { 0 };
	struct session *s = images_first(sh->im);
	int r = session_kill(s, &err);

	while (!r && ev.kind != SESSION_EXITED)
		r = session_next_event(s, -1, &ev);
	if (r < 0)
		out_error(sh->out, err.text[0] ? err.text : strerror(-r));
	else if (sh->out->json)
		out_json(sh->out,
			 json_pack("{ss so}", "event", "exited", "status", js_status(ev.status)));
	else
		out_line(sh->out, "killed %d", sh->pid);
	images_free(sh->im);
	sh->im = NULL;
	sh->s = NULL;
	shell_forget(sh);
	sh->over = true;
}

void shell_end(struct shell *sh)
{
	if (sh->s && sh->launched && sh->status != CLI_ENDED && !images_first_is_over(sh->im))
		shell_kill(sh);
	else
		shell_detach(sh);
}

int shell_need_stop(struct shell *sh, const char *what, struct err *err)
{
	if (sh->stopped)
		return 0;
	if (images_is_standing(sh->im))
		return err_set(err, -EBUSY,
			       "%s: process %d is running, it is another one that stopped: "
			       "`processes` lists them",
			       what, sh->process);
	return err_set(err, -EBUSY, "%s: the target is running; %s stops it", what,
		       sh->prompt ? "Ctrl-C or `interrupt`"
				  : "`interrupt`, or a breakpoint and `continue`,");
}

/* ---- threads and frames ---- */

void shell_thread_name(struct shell *sh, const struct interp_thread *threads, size_t n, pid_t tid,
		       char buf[static 64])
{
	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (threads[i].tid != tid || !threads[i].name[0])
			continue;
		memcpy(buf, threads[i].name, 64);
		buf[63] = '\0';
		return;
	}
	if (target_comm(session_target(sh->s), tid, buf))
		buf[0] = '\0';
}

void shell_frame_names(struct shell *sh, const struct interp_frame *f, const char **ret_file,
		       const char **ret_function)
{
	if (session_code_names(sh->s, f->code, ret_file, ret_function))
		*ret_file = *ret_function = "?";
}

static int by_tid(const void *a, const void *b)
{
	const struct interp_thread *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

void shell_sort_threads(struct interp_thread *threads, size_t n)
{
	qsort(threads, n, sizeof(*threads), by_tid);
}

/* The selected thread if it still is there, else the main thread, else the first. */
static pid_t pick_thread(const struct shell *sh, const struct interp_thread *threads, size_t n)
{
	pid_t main_tid = 0;

	for (size_t i = 0; i < n; i++) {
		if (sh->tid && threads[i].tid == sh->tid)
			return sh->tid;
		if (threads[i].tid == sh->pid)
			main_tid = sh->pid;
	}
	return main_tid ? main_tid : n ? threads[0].tid : 0;
}

static int look_frames(struct shell *sh, struct err *err, struct look *lk)
{
	int r;

	if (sh->stopped && sh->frames) {
		lk->frames = sh->frames;
		lk->nframes = sh->nframes;
		lk->frame = sh->frame;
		return 0;
	}
	r = session_frames(sh->s, lk->tid, FRAMES_MAX, &lk->owned, &lk->nframes);
	if (r < 0)
		return err_set(err, r, "thread %d: its frames cannot be read: %s", lk->tid,
			       strerror(-r));
	lk->frames = lk->owned;
	if (sh->stopped) {
		sh->frames = take_ptr(lk->owned);
		sh->nframes = lk->nframes;
		sh->frame = 0;
	}
	return 0;
}

int shell_still_begin(struct shell *sh, struct err *err, bool *still)
{
	int r;

	*still = false;
	if (sh->stopped)
		return 0;
	r = session_still_begin(sh->s, err);
	if (r < 0)
		return r;
	*still = true;
	out_hold(sh->out);
	return 0;
}

void shell_still_end(struct shell *sh, bool *still, uint64_t *ret_pause_us)
{
	if (!*still)
		return;
	*still = false;
	session_still_end(sh->s, ret_pause_us);
	out_release(sh->out);
}

int look_begin(struct shell *sh, bool may_be_empty, struct err *err, struct look *ret)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = shell_still_begin(sh, err, &ret->still);
	if (r < 0)
		return r;
	r = session_threads(sh->s, &threads, &n);
	if (r < 0) {
		err_set(err, r, "pid %d: its threads cannot be read: %s", sh->pid, strerror(-r));
		goto fail;
	}
	ret->tid = pick_thread(sh, threads, n);
	shell_thread_name(sh, threads, n, ret->tid, ret->name);
	r = look_frames(sh, err, ret);
	if (r < 0)
		goto fail;
	if (!ret->nframes && !may_be_empty) {
		r = err_set(err, -ENOENT,
			    "thread %d \"%s\" runs no Python code now: `threads` lists the others",
			    ret->tid, ret->name);
		goto fail;
	}
	return 0;
fail:
	free(take_ptr(ret->owned));
	shell_still_end(sh, &ret->still, NULL);
	return r;
}

void look_end(struct shell *sh, struct look *lk)
{
	bool still = lk->still;
	uint64_t us = 0;

	shell_still_end(sh, &lk->still, &us);
	if (still)
		out_note(sh->out,
			 "(the target is running: looked at thread %d \"%s\", it stood still for "
			 "%.1f ms)",
			 lk->tid, lk->name, (double)us / 1000);
	free(take_ptr(lk->owned));
	lk->frames = NULL;
}

const char *shell_current_file(struct shell *sh)
{
	const char *file = NULL, *function;
	struct look lk;

	if (!sh->stopped || look_begin(sh, false, NULL, &lk))
		return NULL;
	shell_frame_names(sh, &lk.frames[lk.frame], &file, &function);
	look_end(sh, &lk);
	return file;
}

/* ---- shown by several commands ---- */

void shell_add_place(struct shell *sh, const char *function, const char *file, int32_t line)
{
	out_add(sh->out, OUT_CYAN, "%s()", function ? function : "?");
	if (line > 0)
		out_add(sh->out, OUT_PLAIN, " at %s:%d", file ? file : "?", line);
	else
		out_add(sh->out, OUT_PLAIN, " at %s", file ? file : "?");
}

struct source *shell_source(struct shell *sh, const char *file)
{
	struct source *src = NULL;

	if (!sh->sources && source_cache_new(session_target(sh->s), &sh->sources))
		return NULL;
	return source_get(sh->sources, file, &src) ? NULL : src;
}

void shell_show_source(struct shell *sh, const char *file, int32_t line)
{
	struct source *src = file && line > 0 ? shell_source(sh, file) : NULL;
	const char *text;

	if (!src || source_line(src, line, &text))
		return;
	out_add(sh->out, OUT_BOLD, "-> ");
	out_add(sh->out, OUT_PLAIN, "%d  %s", line, text);
	out_end(sh->out);
}

/* ---- events ---- */

int shell_next_event(struct shell *sh, struct err *err, struct session_event *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = images_next_event(sh->im, ret, &sh->from);
	if (r < 0)
		return err_set(err, r, "pid %d: its events cannot be read: %s", sh->pid,
			       strerror(-r));
	return 0;
}

bool shell_interrupted(struct shell *sh)
{
	struct signalfd_siginfo si;
	bool any = false;

	while (read(sh->sigfd, &si, sizeof(si)) == sizeof(si)) {
		any = true;
		if (si.ssi_signo != SIGINT) {
			sh->over = true;
			sh->status = CLI_FAILED;
		}
	}
	return any;
}

int shell_progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct shell *sh = priv;

	out_progress(sh->out, what, done, total);
	return shell_interrupted(sh);
}

/* A condition that cannot be evaluated never stops: say it when it happens, once a second at most.
 */
static bool tell_condition_errors(struct shell *sh)
{
	const struct bp *const *bps, *last = NULL;
	struct session *s = sh->s;
	uint64_t errors = 0;
	bool any = false;
	size_t other = 0;

	for (; s; s = images_other(sh->im, &other)) {
		size_t n = session_bps(s, &bps);

		for (size_t i = 0; i < n; i++) {
			any |= bps[i]->condition != NULL;
			errors += bps[i]->errors;
			if (bps[i]->errors)
				last = bps[i];
		}
	}
	if (last && errors > sh->condition_errors && !sh->condition_errors)
		out_note(sh->out,
			 "breakpoint %d: its condition could not be evaluated and counts as false: "
			 "%s",
			 last->id, last->last_error);
	if (errors)
		sh->condition_errors = errors;
	return any;
}

static int wait_for_stop(struct shell *sh, struct err *err)
{
	struct session_event ev;
	bool asked = false;
	int r;

	for (;;) {
		struct pollfd fds[2] = { { .fd = images_fd(sh->im), .events = POLLIN },
					 { .fd = sh->sigfd, .events = POLLIN } };

		r = shell_next_event(sh, err, &ev);
		if (r < 0)
			return r;
		shell_on_event(sh, &ev);
		if (sh->over || sh->stopped)
			return 0;
		if (ev.kind != SESSION_NONE && ev.kind != SESSION_KEY)
			continue;
		if (ev.kind == SESSION_NONE &&
		    poll(fds, 2, tell_condition_errors(sh) ? 1000 : -1) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		if (ev.kind != SESSION_KEY && (!fds[1].revents || !shell_interrupted(sh)))
			continue;
		if (!sh->prompt || sh->over)
			return err_set(err, -EINTR, "interrupted");
		out_line(sh->out, "%s", ""); /* away from the ^C that the terminal shows */
		if (asked)
			return err_set(err, -ETIMEDOUT,
				       "pid %d has not stopped yet; it is still asked to", sh->pid);
		asked = true;
		r = images_pause(sh->im, err);
		if (r < 0)
			return r;
	}
}

int shell_wait(struct shell *sh, struct err *err)
{
	bool given = sh->terminal && !sh->stopped;
	int r;

	if (given)
		terminal_give(sh->terminal);
	r = wait_for_stop(sh, err);
	if (given)
		terminal_take(sh->terminal);
	return r;
}
