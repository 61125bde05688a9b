// SPDX-License-Identifier: BSD-2-Clause
#include "cli/shell.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/greenlets.h"
#include "cli/js.h"
#include "cli/tasks.h"
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

static void show_stop(struct shell *sh, const struct session_event *ev)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ char *file = ev->file ? strdup(ev->file) : NULL;
	_cleanup_free_ char *function = ev->function ? strdup(ev->function) : NULL;
	_cleanup_free_ char *exception = ev->exception ? strdup(ev->exception) : NULL;
	static const char *const reasons[] = {
		[STOP_BREAKPOINT] = "breakpoint", [STOP_PAUSE] = "pause", [STOP_ENTRY] = "entry",
		[STOP_EXCEPTION] = "exception",	  [STOP_DATA] = "data",	  [STOP_STEP] = "step"
	};
	int32_t line = ev->line;
	pid_t tid = ev->tid;
	enum stop_reason reason = ev->reason;
	int id = ev->bp;
	const char *ended = ev->ended;
	bool data = reason == STOP_DATA;
	_cleanup_free_ char *task_name = NULL;
	_cleanup_free_ char *greenlet_type = NULL;
	uint64_t task = 0, greenlet = 0;
	size_t n = 0;
	char name[64];

	shell_note_step(sh, ev);
	if (session_task_of(sh->s, tid, &task, &task_name))
		task = 0;
	if (session_greenlet_of(sh->s, tid, &greenlet, &greenlet_type))
		greenlet = 0;

	if (session_threads(sh->s, &threads, &n) < 0)
		n = 0;
	shell_thread_name(sh, threads, n, tid, name);
	if (sh->out->json) {
		json_t *place = js_frame(file, line, function);

		json_t *j =
			json_pack("{ss ss so so}", "event", "stopped", "reason", reasons[reason],
				  "breakpoint", id ? json_integer(id) : json_null(), "thread",
				  js_thread(tid, name));
		if (j && place)
			json_object_update(j, place);
		if (j && exception)
			json_object_set_new(j, "exception", js_text(exception));
		if (j && task)
			json_object_set_new(j, "task", tasks_js_name(task, task_name));
		if (j && greenlet)
			json_object_set_new(j, "greenlet",
					    greenlets_js_name(greenlet, greenlet_type));
		json_decref(place);
		if (data)
			js_watch(j, session_bp(sh->s, id), sh->s, ended);
		if (j && reason == STOP_STEP) {
			place = shell_step_json(sh);
			json_object_update(j, place);
			json_decref(place);
		}
		out_json(sh->out, j);
		return;
	}
	if (reason == STOP_STEP) {
		shell_show_step(sh, function, file, line, exception);
		shell_show_source(sh, file, line);
		return;
	}
	shell_add_process(sh);
	if (reason == STOP_PAUSE)
		out_add(sh->out, OUT_BOLD, "stopped");
	else if (reason == STOP_ENTRY)
		out_add(sh->out, OUT_BOLD, "at its first line");
	else
		out_add(sh->out, OUT_RED, "%s %d", data ? "watchpoint" : "breakpoint", id);
	if (reason == STOP_EXCEPTION)
		out_add(sh->out, OUT_BOLD, ", exception %s", exception ? exception : "?");
	out_add(sh->out, OUT_PLAIN, ", thread %d \"%s\"", tid, name);
	if (task) {
		out_add(sh->out, OUT_PLAIN, ", ");
		tasks_add_name(sh->out, task, task_name);
	}
	if (greenlet) {
		out_add(sh->out, OUT_PLAIN, ", ");
		greenlets_add_name(sh->out, greenlet, greenlet_type);
	}
	out_add(sh->out, OUT_PLAIN, ": ");
	if (function || file)
		shell_add_place(sh, function, file, line);
	else
		out_add(sh->out, OUT_PLAIN, "no Python code there now");
	out_end(sh->out);
	shell_show_source(sh, file, line);
	if (data)
		shell_show_write(sh, session_bp(sh->s, id), ended);
}

static void target_over(struct shell *sh, const char *text)
{
	sh->stopped = false;
	sh->over = true;
	sh->status = CLI_ENDED;
	shell_forget(sh);
	if (!sh->out->json)
		out_line(sh->out, "%s", text);
}

static void show_exit(struct shell *sh, int status)
{
	char text[128];

	if (status < 0)
		snprintf(text, sizeof(text), "pid %d ended", sh->pid);
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "pid %d was ended by signal %d (%s)", sh->pid,
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "pid %d ended with exit status %d", sh->pid,
			 WEXITSTATUS(status));
	target_over(sh, text);
	if (sh->out->json)
		out_json(sh->out,
			 json_pack("{ss so}", "event", "exited", "status", js_status(status)));
}

/* Of whichever session, while another one may be looked at. */
static void show_binding(struct shell *sh, const struct session_event *ev)
{
	struct session *now = sh->s;
	pid_t process = sh->out->process;

	if (sh->from && sh->from != now) {
		sh->s = sh->from;
		sh->out->process = ev->process;
	}
	if (ev->kind == SESSION_BOUND)
		break_bound(sh, ev->bp);
	else
		break_unbound(sh, ev->bp);
	sh->s = now;
	sh->out->process = process;
}

void shell_on_event(struct shell *sh, const struct session_event *ev)
{
	char text[128];
	int id;

	switch (ev->kind) {
	case SESSION_NONE:
	case SESSION_KEY:
		break;
	case SESSION_BOUND:
	case SESSION_UNBOUND:
		show_binding(sh, ev);
		break;
	case SESSION_PROCESS:
	case SESSION_PROCESS_ENDED:
	case SESSION_PROCESS_EXEC:
	case SESSION_PROCESS_IMAGE:
	case SESSION_PROCESS_LEFT:
		shell_sync_process(sh);
		shell_process_event(sh, ev);
		break;
	case SESSION_STOPPED:
		shell_sync_process(sh);
		shell_forget(sh);
		sh->stopped = true;
		sh->tid = ev->tid;
		sh->stop_count++;
		id = ev->bp;
		if (shell_is_silent(sh, id))
			shell_note_step(sh, ev);
		else
			show_stop(sh, ev);
		shell_at_stop(sh, id);
		shell_tell_ended(sh, ev->reason == STOP_DATA ? ev->bp : 0);
		break;
	case SESSION_EXITED:
		show_exit(sh, ev->status);
		break;
	case SESSION_EXEC:
		snprintf(text, sizeof(text),
			 "pid %d replaced its program (exec): the session is over", sh->pid);
		target_over(sh, text);
		if (sh->out->json)
			out_error(sh->out, text);
		break;
	case SESSION_RESUMED_BY_LIMIT:
		sh->stopped = false;
		shell_forget(sh);
		if (sh->out->json)
			out_json(sh->out, json_pack("{ss}", "event", "resumed"));
		out_note(
			sh->out,
			"the target stood still for as long as --max-pause allows: it was resumed");
		break;
	case SESSION_STEP_OVER:
		out_note(sh->out, "thread %d has ended, and the step with it: the target runs",
			 ev->tid);
		break;
	case SESSION_LOST:
		if (sh->out->json)
			out_json(sh->out, json_pack("{ss sI}", "event", "lost", "records",
						    (json_int_t)ev->lost));
		out_note(sh->out,
			 "%llu %s lost: not recorded, or the thread could not be stopped there",
			 (unsigned long long)ev->lost, ev->lost == 1 ? "hit was" : "hits were");
		break;
	}
}

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
