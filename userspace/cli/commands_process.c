// SPDX-License-Identifier: BSD-2-Clause
/* processes, process, set follow-fork: a session that has several processes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"
#include "engine/source.h"
#include "target/target.h"

static const char *const modes[] = {
	[FOLLOW_PARENT] = "parent", [FOLLOW_CHILD] = "child", [FOLLOW_BOTH] = "both"
};

void shell_sync_process(struct shell *sh)
{
	int number;

	sh->s = images_now(sh->im);
	number = session_number(sh->s);
	sh->out->process = session_has_processes(sh->s) ? target_pid(session_target(sh->s)) : 0;
	if (number == sh->process)
		return;
	/* What is known of the target that was looked at before. */
	sh->process = number;
	sh->pid = target_pid(session_target(sh->s));
	sh->tid = 0;
	sh->stopped = session_is_stopped(sh->s);
	if (sh->stopped)
		sh->tid = session_stop_tid(sh->s);
	source_cache_free(sh->sources);
	sh->sources = NULL;
	shell_forget(sh);
}

void shell_add_process(struct shell *sh)
{
	if (session_has_processes(sh->s))
		out_add(sh->out, OUT_BOLD, "process %d (PID %d), ", sh->process, sh->pid);
}

/* ---- what happens to them ---- */

static json_t *js_event(const char *event, const struct session_event *ev)
{
	return json_pack("{ss si si}", "event", event, "process", (int)ev->process, "number",
			 ev->number);
}

static void show_ended(struct shell *sh, const struct session_event *ev)
{
	int status = ev->status;
	json_t *j;

	if (sh->out->json) {
		j = js_event("exited", ev);
		if (j)
			json_object_set_new(j, "status", js_status(status));
		out_json(sh->out, j);
	} else if (status < 0)
		out_line(sh->out, "process %d (PID %d) ended", ev->number, ev->process);
	else if (WIFSIGNALED(status))
		out_line(sh->out, "process %d (PID %d) was ended by signal %d (%s)", ev->number,
			 ev->process, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		out_line(sh->out, "process %d (PID %d) ended with exit status %d", ev->number,
			 ev->process, WEXITSTATUS(status));
}

static void show_exec(struct shell *sh, const struct session_event *ev)
{
	bool follows = ev->kind == SESSION_PROCESS_IMAGE;
	json_t *j;

	if (sh->out->json) {
		j = js_event("exec", ev);
		if (j)
			json_object_set_new(j, "python", js_text(follows ? ev->image : NULL));
		if (j)
			json_object_set_new(j, "why", js_text(follows ? NULL : ev->image));
		out_json(sh->out, j);
	} else if (follows)
		out_line(sh->out, "process %d (PID %d) runs another program: Python %s", ev->number,
			 ev->process, ev->image);
	else
		out_line(sh->out,
			 "process %d (PID %d) runs another program: it is left alone%s%s%s",
			 ev->number, ev->process, ev->image ? " (" : "", ev->image ? ev->image : "",
			 ev->image ? ")" : "");
}

void shell_process_event(struct shell *sh, const struct session_event *ev)
{
	bool json = sh->out->json;
	json_t *j;

	switch (ev->kind) {
	case SESSION_PROCESS:
		j = json ? js_event("forked", ev) : NULL;
		if (j)
			json_object_set_new(j, "parent", json_integer(ev->parent));
		if (json)
			out_json(sh->out, j);
		else
			out_line(sh->out, "process %d (PID %d) was forked by PID %d", ev->number,
				 ev->process, ev->parent);
		break;
	case SESSION_PROCESS_ENDED:
		show_ended(sh, ev);
		break;
	case SESSION_PROCESS_EXEC:
	case SESSION_PROCESS_IMAGE:
		show_exec(sh, ev);
		break;
	case SESSION_PROCESS_LEFT:
		if (json)
			out_json(sh->out, js_event("left", ev));
		else
			out_line(sh->out,
				 "process %d (PID %d) is left alone: the session is with its "
				 "child, process %d (PID %d)",
				 ev->number, ev->process, sh->process, sh->pid);
		break;
	default:
		break;
	}
}

/* ---- the list ---- */

static const char *const doings[] = { [PROCESS_RUNS] = "running",
				      [PROCESS_STOPPED] = "stopped",
				      [PROCESS_WAITS] = "waiting",
				      [PROCESS_OTHER] = "other" };

static void show_json(struct shell *sh, const struct session_process *p)
{
	json_t *j = json_pack("{ss si si so so ss sb so}", "event", "process", "number", p->number,
			      "process", (int)p->pid, "parent",
			      p->parent ? json_integer(p->parent) : json_null(), "python",
			      js_text(p->python), "state", doings[p->doing], "current", p->current,
			      "why", js_text(p->why));

	if (j && p->inner)
		json_object_set_new(j, "inner_pid", json_integer(p->inner));
	out_json(sh->out, j);
}

static void show_process(struct shell *sh, const struct session_process *p)
{
	char pid[32];

	if (p->inner)
		snprintf(pid, sizeof(pid), "%d [%d]", p->pid, p->inner);
	else
		snprintf(pid, sizeof(pid), "%d", p->pid);
	out_add(sh->out, p->current ? OUT_BOLD : OUT_PLAIN, "%c %-3d PID %-8s",
		p->current ? '*' : ' ', p->number, pid);
	if (p->doing == PROCESS_OTHER)
		out_add(sh->out, OUT_PLAIN, " not followed: %s", p->why);
	else
		out_add(sh->out, OUT_PLAIN, " Python %s, %s", p->python,
			p->doing == PROCESS_STOPPED ? "stopped"
			: p->doing == PROCESS_WAITS
				? "stands at a breakpoint, which is shown after `continue`"
				: "running");
	if (p->tid)
		out_add(sh->out, OUT_PLAIN, ": thread %d", p->tid);
	out_end(sh->out);
}

int cmd_processes(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_free_ struct session_process *list = NULL;
	size_t n = 0;
	int r = images_processes(sh->im, &list, &n);

	if (*args)
		return err_set(err, -EINVAL,
			       "processes takes no argument: `process N` moves to one");
	for (size_t i = 0; !r && i < n; i++) {
		if (sh->out->json)
			show_json(sh, &list[i]);
		else
			show_process(sh, &list[i]);
	}
	return r;
}

/* By its number in `processes`, else by its process id. */
static int find_process(struct shell *sh, int64_t n, int *ret)
{
	_cleanup_free_ struct session_process *list = NULL;
	size_t count = 0;
	int r = images_processes(sh->im, &list, &count);

	*ret = (int)n;
	for (size_t i = 0; !r && i < count; i++)
		if (list[i].number == n)
			return 0;
	for (size_t i = 0; !r && i < count; i++)
		if (list[i].pid == n)
			*ret = list[i].number;
	return r;
}

int cmd_process(struct shell *sh, const char *args, struct err *err)
{
	int64_t n;
	int number, r = 0;

	if (*args) {
		r = parse_number(args, "the number of a process", 1, INT32_MAX, err, &n);
		if (!r)
			r = find_process(sh, n, &number);
		if (!r)
			r = images_process(sh->im, number, err);
		if (r)
			return r;
		shell_sync_process(sh);
	}
	if (sh->out->json)
		return cmd_processes(sh, "", err);
	out_line(sh->out, "process %d (PID %d), %s", sh->process, sh->pid,
		 sh->stopped ? "stopped" : "running");
	return 0;
}

/* ---- set follow-fork ---- */

void shell_show_follow_fork(struct shell *sh)
{
	out_line(sh->out, "follow-fork %s", modes[session_follows(sh->s)]);
}

int shell_set_follow_fork(struct shell *sh, const char *value, struct err *err)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int r;

		if (strcmp(modes[i], value) != 0)
			continue;
		r = images_follow(sh->im, (enum follow_fork)i, err);
		shell_sync_process(sh);
		return r;
	}
	return err_set(err, -EINVAL, "follow-fork is parent, child or both, not '%s'", value);
}
