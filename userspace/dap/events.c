// SPDX-License-Identifier: BSD-2-Clause
/* What happened in the target, as events. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/js_text.h"
#include "dap/dap.h"
#include "dap/launch.h"
#include "engine/session.h"

void dap_terminated(struct dap *d)
{
	if (d->terminated)
		return;
	d->terminated = true;
	dap_event(d, "terminated", NULL);
}

static const char *reason_text(enum stop_reason reason)
{
	switch (reason) {
	case STOP_BREAKPOINT:
		return "breakpoint";
	case STOP_DATA:
		return "data breakpoint";
	case STOP_PAUSE:
		return "pause";
	case STOP_ENTRY:
		return "entry";
	case STOP_EXCEPTION:
		return "exception";
	case STOP_STEP:
		return "step";
	}
	return "pause";
}

static void on_stopped(struct dap *d, const struct session_event *ev)
{
	json_t *body = json_pack("{ss si sb}", "reason", reason_text(ev->reason), "threadId",
				 (int)ev->tid, "allThreadsStopped", 1);
	int id = ev->bp ? dap_bp_id(d, ev->bp) : 0;

	handles_clear(&d->handles);
	free(d->exception);
	d->exception = ev->exception ? strdup(ev->exception) : NULL;
	d->break_mode = dap_break_mode(ev->bp ? session_bp(d->s, ev->bp) : NULL);
	if (body && d->exception)
		json_object_set_new(body, "text", js_text(d->exception));
	if (body && id)
		json_object_set_new(body, "hitBreakpointIds", json_pack("[i]", id));
	if (body && ev->exception)
		json_object_set_new(body, "text", js_text(ev->exception));
	if (body && ev->ended)
		json_object_set_new(body, "text",
				    json_sprintf("the data breakpoint ends: %s", ev->ended));
	dap_event(d, "stopped", body);
}

static void output(struct dap *d, const char *category, json_t *text)
{
	dap_event(d, "output", json_pack("{ss so}", "category", category, "output", text));
}

/* The target is no more, or is another program now. */
static void on_end(struct dap *d, int status, bool known)
{
	if (d->output >= 0)
		launch_output(d); /* its last words */
	if (known)
		dap_event(d, "exited",
			  json_pack("{si}", "exitCode",
				    WIFSIGNALED(status) ? 128 + WTERMSIG(status)
							: WEXITSTATUS(status)));
	handles_clear(&d->handles);
	dap_terminated(d);
}

void dap_enter(struct dap *d)
{
	const struct session_event ev = { .kind = SESSION_STOPPED,
					  .reason = STOP_ENTRY,
					  .tid = session_stop_tid(d->s) };

	d->at_entry = false;
	if (d->stop_on_entry)
		on_stopped(d, &ev);
	else
		(void)session_continue(d->s, NULL);
}

void dap_on_event(struct dap *d, const struct session_event *ev)
{
	switch (ev->kind) {
	case SESSION_STOPPED:
		d->at_entry = ev->reason == STOP_ENTRY;
		if (!d->at_entry)
			on_stopped(d, ev);
		else if (d->configured)
			dap_enter(d);
		break;
	case SESSION_EXITED:
		on_end(d, ev->status < 0 ? 0 : ev->status, ev->status >= 0);
		break;
	case SESSION_EXEC:
		output(d, "important",
		       json_sprintf("pid %d runs another program now: the session ends\n", d->pid));
		on_end(d, 0, false);
		break;
	case SESSION_RESUMED_BY_LIMIT:
		handles_clear(&d->handles);
		output(d, "important", json_string("the target was resumed: maxPause ran out\n"));
		dap_event(d, "continued",
			  json_pack("{si sb}", "threadId", (int)d->pid, "allThreadsContinued", 1));
		break;
	case SESSION_LOST:
		output(d, "important",
		       json_sprintf("%" PRIu64 " %s lost\n", ev->lost,
				    ev->lost == 1 ? "hit was" : "hits were"));
		break;
	case SESSION_STEP_OVER:
		output(d, "important",
		       json_sprintf("thread %d has ended, and the step with it\n", (int)ev->tid));
		break;
	case SESSION_BOUND:
	case SESSION_UNBOUND:
		dap_bp_changed(d, ev->bp);
		break;
	case SESSION_PROCESS:
	case SESSION_PROCESS_ENDED:
	case SESSION_PROCESS_EXEC:
	case SESSION_PROCESS_IMAGE:
	case SESSION_PROCESS_LEFT: /* forks are not followed */
	case SESSION_KEY:	   /* nobody types into a program that we started */
	case SESSION_NONE:
		break;
	}
}
