// SPDX-License-Identifier: BSD-2-Clause
/* initialize, attach, launch, configurationDone, terminate, disconnect, cancel */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "dap/access.h"
#include "dap/dap.h"
#include "dap/launch.h"
#include "dap/logs.h"
#include "engine/session.h"
#include "engine/source.h"
#include "probes/probe.h"
#include "target/target.h"

static int req_initialize(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	static const char *const can[] = {
		"supportsConfigurationDoneRequest",
		"supportsFunctionBreakpoints",
		"supportsConditionalBreakpoints",
		"supportsHitConditionalBreakpoints",
		"supportsEvaluateForHovers",
		"supportsCompletionsRequest",
		"supportsModulesRequest",
		"supportsValueFormattingOptions",
		"supportTerminateDebuggee",
		"supportsDelayedStackTraceLoading",
		"supportsLoadedSourcesRequest",
		"supportsBreakpointLocationsRequest",
		"supportsLogPoints",
		"supportsDataBreakpoints",
		"supportsExceptionFilterOptions",
		"supportsExceptionOptions",
		"supportsExceptionInfoRequest",
		"supportsClipboardContext",
		"supportsCancelRequest",
	};

	(void)err;
	d->lines_at_1 = arg_bool(args, "linesStartAt1", true);
	d->columns_at_1 = arg_bool(args, "columnsStartAt1", true);
	d->progress = arg_bool(args, "supportsProgressReporting", false);
	d->var_type = arg_bool(args, "supportsVariableType", false);
	*ret_body = json_object();
	for (size_t i = 0; *ret_body && i < sizeof(can) / sizeof(can[0]); i++)
		json_object_set_new(*ret_body, can[i], json_true());
	if (*ret_body)
		json_object_set_new(*ret_body, "exceptionBreakpointFilters",
				    dap_exception_filters());
	return *ret_body ? 0 : -ENOMEM;
}

/* "pathMappings": [{"localRoot": ..., "remoteRoot": ...}], in place of those of an attempt before
 * this one. */
static int take_maps(struct dap *d, const json_t *args, struct err *err)
{
	const json_t *maps = json_object_get(args, "pathMappings"), *m;
	size_t i;

	if (maps && !json_is_array(maps) && !json_is_null(maps))
		return err_set(err, -EINVAL, "pathMappings is no list");
	dap_maps_clear(d);
	json_array_foreach(maps, i, m)
	{
		const char *local = arg_text(m, "localRoot"), *remote = arg_text(m, "remoteRoot");
		struct path_map map;

		if (!local || !*local || !remote || !*remote)
			return err_set(err, -EINVAL,
				       "pathMappings: each has a localRoot and a remoteRoot");
		map = (struct path_map){ strdup(local), strdup(remote) };
		if (!map.local || !map.remote || vec_push(&d->maps, map)) {
			free(map.local);
			free(map.remote);
			return -ENOMEM;
		}
	}
	return 0;
}

static int take_options(struct dap *d, const json_t *args, struct err *err,
			struct session_options *ret)
{
	const json_t *pause = json_object_get(args, "maxPause");
	double seconds = json_is_number(pause) ? json_number_value(pause) : 0;

	if ((pause && !json_is_null(pause) && !json_is_number(pause)) || !(seconds >= 0) ||
	    seconds > 4e6)
		return err_set(err, -EINVAL, "maxPause is a number of seconds");
	d->just_my_code = arg_bool(args, "justMyCode", true);
	ret->max_pause_ms = seconds > 0 && seconds < 0.001 ? 1 : (unsigned)(seconds * 1000);
	return 0;
}

static int64_t process_id(const json_t *args)
{
	const char *text = arg_text(args, "processId");
	char *end;
	long long n;

	/* a process picker gives a string */
	if (!text)
		return arg_int(args, "processId", 0);
	n = strtoll(text, &end, 10);
	return *text && !*end ? n : 0;
}

/* In time that does not depend on how much of it is right. */
static int check_token(const struct dap *d, const json_t *args, struct err *err)
{
	const char *want = d->peer.token, *got = arg_text(args, "token");
	unsigned char wrong = 0;

	if (!want)
		return 0;
	if (got && strlen(got) == strlen(want)) {
		for (size_t i = 0; want[i]; i++)
			wrong |= (unsigned char)(want[i] ^ got[i]);
		if (!wrong)
			return 0;
	}
	return err_set(err, -EPERM,
		       "attach needs \"token\": the one that the server printed when it started");
}

static void tell_process(struct dap *d, const char *how)
{
	const struct interp_info *info = session_interp(d->s)->ops->info(session_interp(d->s));

	dap_event(d, "process",
		  json_pack("{so si sb ss si}", "name", js_text(target_exe(session_target(d->s))),
			    "systemProcessId", (int)d->pid, "isLocalProcess", 1, "startMethod", how,
			    "pointerSize", 64));
	dap_event(d, "output",
		  json_pack("{ss so}", "category", "console", "output",
			    json_sprintf("%s %d: %s %s\n",
					 session_is_launched(d->s) ? "started" : "attached to",
					 d->pid, info->kind, info->version)));
}

static int req_attach(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	struct session_options opt = { .captured = log_captured,
				       .progress = dap_progress,
				       .priv = d };
	int64_t pid = process_id(args);
	int r;

	(void)ret_body;
	if (d->s)
		return err_set(err, -EINVAL, "pid %d is attached to already", d->pid);
	if (pid <= 0 || pid > INT32_MAX)
		return err_set(err, -EINVAL, "attach needs processId, the number of a process");
	r = check_token(d, args, err);
	if (!r)
		r = take_options(d, args, err, &opt);
	if (!r)
		r = take_maps(d, args, err);
	if (!r)
		r = access_check(&d->peer, (pid_t)pid, err);
	if (!r)
		r = session_attach((pid_t)pid, &opt, err, &d->s);
	if (r)
		return r;
	/* the number may have been given to another process since it was checked */
	r = access_check(&d->peer, (pid_t)pid, err);
	if (!r && !target_alive(session_target(d->s)))
		r = err_set(err, -ESRCH, "pid %d has ended", (int)pid);
	if (!r)
		r = source_cache_new(session_target(d->s), &d->sources);
	access_log(&d->peer, (pid_t)pid, r);
	if (r) {
		session_free(d->s);
		d->s = NULL;
		return r;
	}
	d->pid = (pid_t)pid;
	tell_process(d, "attach");
	return 0;
}

static int req_launch(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	struct session_options opt = { .captured = log_captured,
				       .progress = dap_progress,
				       .priv = d };
	int r;

	(void)ret_body;
	if (d->s)
		return err_set(err, -EINVAL, "pid %d is attached to already", d->pid);
	r = check_token(d, args, err);
	if (!r)
		r = take_options(d, args, err, &opt);
	if (!r)
		r = take_maps(d, args, err);
	if (!r)
		r = launch_program(d, args, &opt, err);
	if (r)
		return r;
	r = source_cache_new(session_target(d->s), &d->sources);
	if (r) {
		launch_undo(d);
		return r;
	}
	d->pid = target_pid(session_target(d->s));
	d->stop_on_entry = arg_bool(args, "stopOnEntry", false);
	tell_process(d, "launch");
	/* what was attached to is not ours to end: there `terminate` is not offered */
	dap_event(d, "capabilities",
		  json_pack("{s{sb}}", "capabilities", "supportsTerminateRequest", 1));
	return 0;
}

static int req_done(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)args, (void)ret_body, (void)err;
	d->configured = true;
	if (d->s && d->at_entry)
		dap_enter(d);
	return 0;
}

static int req_cancel(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)d, (void)args, (void)ret_body, (void)err;
	return 0; /* what it was for has seen it, or is done */
}

/* It may handle the signal, and stop at breakpoints on its way out; `disconnect` ends it for good.
 */
static int req_terminate(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)args, (void)ret_body;
	if (!session_is_launched(d->s))
		return err_set(err, -EPERM,
			       "pid %d was not started here: `disconnect` lets it run on", d->pid);
	handles_clear(&d->handles);
	return session_terminate(d->s, err);
}

/* What was attached to runs on, whatever happens; what was launched ends unless it shall not. */
static int req_disconnect(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	bool launched = d->s && session_is_launched(d->s);

	(void)ret_body, (void)err;
	if (launched && arg_bool(args, "terminateDebuggee", true))
		(void)session_kill(d->s, NULL);
	else if (d->s && !launched && arg_bool(args, "terminateDebuggee", false))
		dap_event(d, "output",
			  json_pack("{ss so}", "category", "important", "output",
				    json_sprintf("pid %d was not started here: it runs on\n",
						 d->pid)));
	session_free(d->s);
	d->s = NULL;
	handles_clear(&d->handles);
	d->done = true;
	return 0;
}

const struct dap_request dap_life[] = {
	{ "initialize", req_initialize, NEED_NOTHING },
	{ "attach", req_attach, NEED_NOTHING },
	{ "launch", req_launch, NEED_NOTHING },
	{ "configurationDone", req_done, NEED_NOTHING },
	{ "terminate", req_terminate, NEED_SESSION },
	{ "disconnect", req_disconnect, NEED_NOTHING },
	{ "cancel", req_cancel, NEED_NOTHING },
};
const size_t dap_nlife = sizeof(dap_life) / sizeof(dap_life[0]);
