// SPDX-License-Identifier: BSD-2-Clause
/* What happens in the target, shown: stops, its end, breakpoints that are bound. */
#include "cli/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/greenlets.h"
#include "cli/js.h"
#include "cli/tasks.h"
#include "engine/session.h"

/* A stop, with copies of what the session lends: looking at the thread asks it for more. */
struct shown {
	struct session_event ev;
	char *file, *function, *exception;
	char thread[64];	 /* name, "" when unknown */
	uint64_t task, greenlet; /* 0: none */
	char *task_name, *greenlet_type;
};

static void shown_deinit(struct shown *st)
{
	free(st->file);
	free(st->function);
	free(st->exception);
	free(st->task_name);
	free(st->greenlet_type);
}

static void shown_init(struct shell *sh, const struct session_event *ev, struct shown *st)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;

	*st = (struct shown){ .ev = *ev,
			      .file = ev->file ? strdup(ev->file) : NULL,
			      .function = ev->function ? strdup(ev->function) : NULL,
			      .exception = ev->exception ? strdup(ev->exception) : NULL };
	shell_note_step(sh, ev);
	if (session_task_of(sh->s, st->ev.tid, &st->task, &st->task_name))
		st->task = 0;
	if (session_greenlet_of(sh->s, st->ev.tid, &st->greenlet, &st->greenlet_type))
		st->greenlet = 0;
	if (session_threads(sh->s, &threads, &n) < 0)
		n = 0;
	shell_thread_name(sh, threads, n, st->ev.tid, st->thread);
}

static void stop_json(struct shell *sh, const struct shown *st)
{
	static const char *const reasons[] = {
		[STOP_BREAKPOINT] = "breakpoint", [STOP_PAUSE] = "pause", [STOP_ENTRY] = "entry",
		[STOP_EXCEPTION] = "exception",	  [STOP_DATA] = "data",	  [STOP_STEP] = "step"
	};
	int id = st->ev.bp;
	json_t *place = js_frame(st->file, st->ev.line, st->function);
	json_t *j = json_pack("{ss ss so so}", "event", "stopped", "reason", reasons[st->ev.reason],
			      "breakpoint", id ? json_integer(id) : json_null(), "thread",
			      js_thread(st->ev.tid, st->thread));

	if (j && place)
		json_object_update(j, place);
	json_decref(place);
	if (j && st->exception)
		json_object_set_new(j, "exception", js_text(st->exception));
	if (j && st->task)
		json_object_set_new(j, "task", tasks_js_name(st->task, st->task_name));
	if (j && st->greenlet)
		json_object_set_new(j, "greenlet",
				    greenlets_js_name(st->greenlet, st->greenlet_type));
	if (st->ev.reason == STOP_DATA)
		js_watch(j, session_bp(sh->s, id), sh->s, st->ev.ended);
	if (j && st->ev.reason == STOP_STEP) {
		place = shell_step_json(sh);
		json_object_update(j, place);
		json_decref(place);
	}
	out_json(sh->out, j);
}

/* "breakpoint 1, thread 4711 "MainThread", task 1 "main": " */
static void add_reason(struct shell *sh, const struct shown *st)
{
	enum stop_reason reason = st->ev.reason;

	shell_add_process(sh);
	if (reason == STOP_PAUSE)
		out_add(sh->out, OUT_BOLD, "stopped");
	else if (reason == STOP_ENTRY)
		out_add(sh->out, OUT_BOLD, "at its first line");
	else
		out_add(sh->out, OUT_RED, "%s %d",
			reason == STOP_DATA ? "watchpoint" : "breakpoint", st->ev.bp);
	if (reason == STOP_EXCEPTION)
		out_add(sh->out, OUT_BOLD, ", exception %s", st->exception ? st->exception : "?");
	out_add(sh->out, OUT_PLAIN, ", thread %d \"%s\"", st->ev.tid, st->thread);
	if (st->task) {
		out_add(sh->out, OUT_PLAIN, ", ");
		tasks_add_name(sh->out, st->task, st->task_name);
	}
	if (st->greenlet) {
		out_add(sh->out, OUT_PLAIN, ", ");
		greenlets_add_name(sh->out, st->greenlet, st->greenlet_type);
	}
	out_add(sh->out, OUT_PLAIN, ": ");
}

static void stop_text(struct shell *sh, const struct shown *st)
{
	if (st->ev.reason == STOP_STEP) {
		shell_show_step(sh, st->function, st->file, st->ev.line, st->exception);
		shell_show_source(sh, st->file, st->ev.line);
		return;
	}
	add_reason(sh, st);
	if (st->function || st->file)
		shell_add_place(sh, st->function, st->file, st->ev.line);
	else
		out_add(sh->out, OUT_PLAIN, "no Python code there now");
	out_end(sh->out);
	shell_show_source(sh, st->file, st->ev.line);
	if (st->ev.reason == STOP_DATA)
		shell_show_write(sh, session_bp(sh->s, st->ev.bp), st->ev.ended);
}

static void show_stop(struct shell *sh, const struct session_event *ev)
{
	_cleanup_(shown_deinit) struct shown st;

	shown_init(sh, ev, &st);
	if (sh->out->json)
		stop_json(sh, &st);
	else
		stop_text(sh, &st);
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

static void show_lost(struct shell *sh, const struct session_event *ev)
{
	json_t *j = sh->out->json
			    ? json_pack("{ss sI}", "event", "lost", "records", (json_int_t)ev->lost)
			    : NULL;

	if (j && sh->out->process)
		json_object_set_new(j, "process", json_integer(ev->process));
	if (j)
		out_json(sh->out, j);
	out_note(sh->out, "%llu %s lost: not recorded, or the thread could not be stopped there",
		 (unsigned long long)ev->lost, ev->lost == 1 ? "hit was" : "hits were");
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
		show_lost(sh, ev);
		break;
	}
}
