// SPDX-License-Identifier: BSD-2-Clause
/* One client: requests in, responses and events out, until it leaves. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/js_text.h"
#include "dap/dap.h"
#include "dap/launch.h"
#include "dap/wire.h"
#include "engine/session.h"
#include "engine/source.h"

#define GOODBYE_MS     2000 /* for a client to read the last messages */
#define PROGRESS_MS    1000 /* work that takes longer is told */
#define EVENTS_AT_ONCE 1000

static void send_message(struct dap *d, const char *type, json_t *msg)
{
	if (msg) {
		json_object_set_new(msg, "seq", json_integer(++d->seq));
		json_object_set_new(msg, "type", json_string(type));
	}
	if (wire_send(d->wire, msg))
		d->done = true;
}

void dap_event(struct dap *d, const char *event, json_t *body)
{
	json_t *msg = json_pack("{ss}", "event", event);

	if (msg && body)
		json_object_set_new(msg, "body", body);
	else
		json_decref(body);
	send_message(d, "event", msg);
}

static void respond(struct dap *d, int64_t seq, const char *command, int r, const struct err *err,
		    json_t *body)
{
	json_t *msg = json_pack("{sI so sb}", "request_seq", (json_int_t)seq, "command",
				js_text(command), "success", r >= 0);

	if (msg && r < 0) {
		const char *text = err->text[0] ? err->text : strerror(-r);

		json_decref(body);
		body = json_pack("{s{si ss s{so} sb}}", "error", "id", -r, "format", "{text}",
				 "variables", "text", js_text(text), "showUser", 1);
		json_object_set_new(msg, "message",
				    r == -ECANCELED ? json_string("cancelled") : js_text(text));
	}
	if (msg && body)
		json_object_set_new(msg, "body", body);
	else
		json_decref(body);
	send_message(d, "response", msg);
}

static const struct dap_request *find_request(const char *command)
{
	const struct {
		const struct dap_request *table;
		size_t n;
	} families[] = { { dap_life, dap_nlife },	{ dap_breaks, dap_nbreaks },
			 { dap_excepts, dap_nexcepts }, { dap_datas, dap_ndatas },
			 { dap_run, dap_nrun },		{ dap_look, dap_nlook },
			 { dap_values, dap_nvalues } };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; j < families[i].n; j++)
			if (!strcmp(families[i].table[j].command, command))
				return &families[i].table[j];
	return NULL;
}

static int run_request(struct dap *d, const char *command, const json_t *args, json_t **ret_body,
		       struct err *err)
{
	const struct dap_request *req = find_request(command);

	if (!req)
		return err_set(err, -EOPNOTSUPP, "the request '%.60s' is not supported", command);
	if (req->need >= NEED_SESSION && !d->s)
		return err_set(err, -EINVAL, "%s: nothing is attached to: send `attach` first",
			       command);
	if (req->need == NEED_STOP && !session_is_stopped(d->s))
		return err_set(err, -EINVAL, "%s: the target is running: `pause` it first",
			       command);
	return req->run(d, args, ret_body, err);
}

static void on_request(struct dap *d, const json_t *msg)
{
	const char *command = arg_text(msg, "command");
	json_t *body = NULL, *empty = NULL;
	const json_t *args = arg_object(msg, "arguments");
	struct err err = { 0 };
	int r;

	/* What is no request of a client (a response to a request that we never send) is let be. */
	if (!command || strcmp(arg_text(msg, "type") ? arg_text(msg, "type") : "", "request"))
		return;
	if (!args)
		args = empty = json_object();
	d->working = arg_int(msg, "seq", 0);
	d->began_ms = clock_ms();
	d->canceled = false;
	r = args ? run_request(d, command, args, &body, &err) : -ENOMEM;
	if (d->progress_shown)
		dap_event(d, "progressEnd",
			  json_pack("{so}", "progressId", json_sprintf("%" PRId64, d->working)));
	d->progress_shown = false;
	respond(d, d->working, command, r, &err, body);
	/* the client may begin to set breakpoints when it is told that there is somebody to set
	 * them in */
	if (!r && (!strcmp(command, "attach") || !strcmp(command, "launch")))
		dap_event(d, "initialized", NULL);
	json_decref(empty);
}

/* Did the client cancel what is worked on, or leave? Looked for among what waits. */
static bool is_canceled(struct dap *d)
{
	struct err err = { 0 };
	const json_t *msg;

	if (wire_read(d->wire, &err))
		return true;
	for (size_t i = 0; (msg = wire_waiting(d->wire, i)); i++) {
		const char *command = arg_text(msg, "command"), *progress;
		const json_t *args = arg_object(msg, "arguments");

		if (!command || (strcmp(command, "cancel") && strcmp(command, "disconnect")))
			continue;
		if (!strcmp(command, "disconnect"))
			return true;
		progress = args ? arg_text(args, "progressId") : NULL;
		if ((args && arg_int(args, "requestId", -1) == d->working) ||
		    (progress && strtoll(progress, NULL, 10) == d->working))
			return true;
	}
	return false;
}

int dap_progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct dap *d = priv;
	unsigned percent = total ? (unsigned)(done * 100 / total) : 0;
	bool shown = d->progress_shown;

	if (!d->canceled)
		d->canceled = is_canceled(d);
	if (!d->progress || (!shown && clock_ms() < d->began_ms + PROGRESS_MS) ||
	    (shown && percent == d->percent))
		return d->canceled;
	d->progress_shown = true;
	d->percent = percent;
	dap_event(d, shown ? "progressUpdate" : "progressStart",
		  shown ? json_pack("{so si}", "progressId", json_sprintf("%" PRId64, d->working),
				    "percentage", (int)percent)
			: json_pack("{so ss sI sb si}", "progressId",
				    json_sprintf("%" PRId64, d->working), "title", what,
				    "requestId", (json_int_t)d->working, "cancellable", 1,
				    "percentage", (int)percent));
	return d->canceled;
}

static void take_events(struct dap *d)
{
	/* A hot line must not keep the client waiting. */
	for (int i = 0; d->s && i < EVENTS_AT_ONCE; i++) {
		struct session_event ev = { 0 };
		int r = session_next_event(d->s, 0, &ev);

		if (r < 0) {
			dap_event(d, "output",
				  json_pack("{ss so}", "category", "important", "output",
					    json_sprintf("pid %d: its events cannot be read: %s\n",
							 d->pid, strerror(-r))));
			dap_terminated(d);
			return;
		}
		if (ev.kind == SESSION_NONE)
			return;
		dap_on_event(d, &ev);
	}
}

static int wait_for_something(struct dap *d, int in, int out, int sigfd)
{
	struct pollfd fds[5] = {
		{ .fd = in, .events = POLLIN },
		{ .fd = wire_has_output(d->wire) ? out : -1, .events = POLLOUT },
		{ .fd = d->s ? session_fd(d->s) : -1, .events = POLLIN },
		{ .fd = sigfd, .events = POLLIN },
		{ .fd = d->output, .events = POLLIN },
	};
	struct err err = { 0 };
	int r = 0;

	if (poll(fds, 5, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[3].revents)
		return -EINTR;
	if (fds[4].revents)
		launch_output(d);
	if (fds[1].revents)
		r = wire_flush(d->wire);
	if (!r && fds[0].revents)
		r = wire_read(d->wire, &err);
	if (r == -EPROTO)
		dap_event(d, "output",
			  json_pack("{ss so}", "category", "important", "output",
				    json_sprintf("pybpfdbg: the session ends: the client sent %s\n",
						 err.text)));
	return r;
}

void dap_maps_clear(struct dap *d)
{
	for (size_t i = 0; i < d->maps.n; i++) {
		free(d->maps.data[i].local);
		free(d->maps.data[i].remote);
	}
	d->maps.n = 0;
}

static void dap_deinit(struct dap *d)
{
	session_free(d->s);
	source_cache_free(d->sources);
	handles_deinit(&d->handles);
	cleanup_close(&d->output);
	free(d->exception);
	dap_bps_deinit(d);
	dap_data_deinit(d);
	dap_maps_clear(d);
	vec_deinit(&d->maps);
	wire_free(d->wire);
}

static int signals_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int dap_serve(int in, int out, const struct dap_peer *peer)
{
	struct dap d = { .lines_at_1 = true, .columns_at_1 = true, .next_bp = 1, .output = -1 };
	_cleanup_close_ int sigfd = signals_fd();
	int r = sigfd < 0 ? sigfd : wire_new(in, out, &d.wire);

	d.peer = *peer;
	handles_init(&d.handles);
	while (!r && !d.done) {
		json_t *msg = wire_next(d.wire);

		if (msg)
			on_request(&d, msg);
		json_decref(msg);
		take_events(&d);
		if (!msg && !d.done)
			r = wait_for_something(&d, in, out, sigfd);
	}
	session_free(d.s);
	d.s = NULL;
	if (d.wire) {
		dap_terminated(&d);
		wire_drain(d.wire, GOODBYE_MS);
	}
	dap_deinit(&d);
	return r == -ECONNRESET || r == -EINTR ? 0 : r;
}
