// SPDX-License-Identifier: BSD-2-Clause
/* calls: how often which function is called. The kernel counts; nothing is stopped or traced. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/bind.h"
#include "engine/index.h"
#include "engine/session.h"
#include "probes/probe.h"

struct calls {
	struct session *s;
	struct out *out;
	pid_t pid;
	char *where;	  /* file tail or module; NULL: any */
	const char *glob; /* of functions; NULL: any */
	unsigned for_ms;  /* 0: none */
	int sigfd;
	bool ended; /* the target */
	uint64_t lost;
};

/* session_options.progress: Ctrl-C ends the work. */
static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct calls *c = priv;
	struct pollfd sig = { .fd = c->sigfd, .events = POLLIN };

	out_progress(c->out, what, done, total);
	return poll(&sig, 1, 0) > 0;
}

/* "FILE:GLOB", "MODULE:GLOB", "GLOB", or a file alone, which has a slash or ends in .py. */
static int parse_pattern(const char *text, struct calls *c)
{
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);

	if (!colon && !strchr(text, '/') && (len < 3 || strcmp(text + len - 3, ".py") != 0)) {
		c->glob = text;
		return 0;
	}
	c->where = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	c->glob = colon && colon[1] ? colon + 1 : NULL;
	return c->where ? 0 : -ENOMEM;
}

/* The whole name, or its end after a dot, as a LOCATION takes it. */
static bool matches_glob(const char *glob, const char *function)
{
	const char *at = function;

	while (at) {
		if (!fnmatch(glob, at, 0))
			return true;
		at = strchr(at, '.');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static bool is_wanted(const struct calls *c, const struct session_call *call)
{
	if (!c->where && !c->glob)
		return true;
	if (!call->function)
		return false;
	if (c->where && !path_has_tail(call->file, c->where) &&
	    !file_is_module(call->file, c->where))
		return false;
	return !c->glob || matches_glob(c->glob, call->function);
}

static void print_call(struct calls *c, const struct session_call *call)
{
	if (c->out->json) {
		out_json(c->out,
			 json_pack("{ss so so so sI}", "event", "calls", "function",
				   js_text(call->function), "file", js_text(call->file), "line",
				   call->function ? json_integer(call->line) : json_null(), "hits",
				   (json_int_t)call->hits));
		return;
	}
	out_add(c->out, OUT_BOLD, "%12" PRIu64, call->hits);
	if (call->function)
		out_add(c->out, OUT_PLAIN, "  %s (%s:%d)", call->function, call->file, call->line);
	else
		out_add(c->out, OUT_PLAIN, "  (code that was gone before its name could be read)");
	out_end(c->out);
}

static int print_calls(struct calls *c, struct err *err)
{
	_cleanup_free_ struct session_call *calls = NULL;
	size_t n = 0, shown = 0;
	uint64_t unnamed = 0;
	int r = session_calls(c->s, &calls, &n);

	if (r)
		return err_set(err, r, "pid %d: its calls cannot be read: %s", c->pid,
			       strerror(-r));
	for (size_t i = 0; i < n; i++) {
		unnamed += calls[i].function ? 0 : calls[i].hits;
		if (!is_wanted(c, &calls[i]))
			continue;
		print_call(c, &calls[i]);
		shown++;
	}
	if (!shown)
		out_note(c->out, n ? "nothing that matches was called" : "nothing was called");
	if (unnamed && (c->where || c->glob))
		out_note(c->out,
			 "%" PRIu64
			 " calls were of code that was gone before its name could be read",
			 unnamed);
	return out_check(c->out, err);
}

static int take_events(struct calls *c, struct err *err)
{
	struct session_event ev;
	int r;

	do {
		memset(&ev, 0, sizeof(ev));
		r = session_next_event(c->s, 0, &ev);
		if (r < 0)
			return err_set(err, r, "pid %d: its events cannot be read: %s", c->pid,
				       strerror(-r));
		c->lost += ev.kind == SESSION_LOST ? ev.lost : 0;
		c->ended |= ev.kind == SESSION_EXITED || ev.kind == SESSION_EXEC;
	} while (ev.kind != SESSION_NONE && !c->ended);
	return 0;
}

static void print_lost(struct calls *c)
{
	if (!c->lost)
		return;
	if (c->out->json)
		out_json(c->out,
			 json_pack("{ss sI}", "event", "lost", "records", (json_int_t)c->lost));
	else
		out_note(c->out, "%" PRIu64 " calls were not counted", c->lost);
}

static int wait_for_end(struct calls *c, struct err *err)
{
	uint64_t now = clock_ms(), end = c->for_ms ? now + c->for_ms : 0;

	while (!c->ended) {
		struct pollfd fds[2] = { { .fd = session_fd(c->s), .events = POLLIN },
					 { .fd = c->sigfd, .events = POLLIN } };
		int r;

		if (poll(fds, 2, end ? (int)(end - now) : -1) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		r = take_events(c, err);
		if (r < 0)
			return r;
		now = clock_ms();
		if (fds[1].revents || (end && now >= end))
			break;
	}
	return 0;
}

static size_t count_threads(struct calls *c)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;

	return session_threads(c->s, &threads, &n) ? 0 : n;
}

static int count_calls(struct calls *c, struct err *err)
{
	int r = session_calls_begin(c->s, err);

	if (r < 0)
		return r;
	/* A script may let its load loose. */
	if (c->out->json)
		out_json(c->out, js_attached(c->s, count_threads(c)));
	else if (!c->for_ms && isatty(STDERR_FILENO))
		out_note(c->out, "counting; Ctrl-C ends it");
	r = out_check(c->out, err);
	if (!r)
		r = wait_for_end(c, err);
	session_calls_end(c->s);
	if (r < 0)
		return r;
	if (!c->ended)
		r = take_events(c, err);
	if (!r)
		r = print_calls(c, err);
	print_lost(c);
	if (c->ended)
		out_note(c->out, "pid %d ended", c->pid);
	return r;
}

static int parse_options(const struct program *p, int argc, char **argv, struct calls *c,
			 bool *ret_json, enum out_color_mode *ret_color)
{
	enum { OPT_JSON = 256, OPT_FOR, OPT_COLOR };
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		switch (o) {
		case OPT_JSON:
			*ret_json = true;
			break;
		case OPT_FOR:
			if (parse_seconds(optarg, "--for", &err, &c->for_ms))
				return program_usage(p, "%s", err.text);
			break;
		case OPT_COLOR:
			if (out_color_mode(optarg, ret_color))
				return program_usage(
					p, "--color is auto, always or never, not '%.40s'", optarg);
			break;
		case 'h':
			program_help(p);
			return -1;
		default:
			return program_bad_option(p, argv, o);
		}
	}
	if (optind == argc)
		return program_usage(p, "a process id is missing");
	if (parse_pid(argv[optind], &err, &c->pid))
		return program_usage(p, "%s", err.text);
	if (argc > optind + 2)
		return program_usage(p, "one pattern at most");
	if (optind + 1 < argc && !*argv[optind + 1])
		return program_usage(p, "the pattern is empty");
	return optind + 1 < argc ? parse_pattern(argv[optind + 1], c) : 0;
}

int program_calls(const struct program *p, int argc, char **argv)
{
	enum out_color_mode color = OUT_COLOR_AUTO;
	struct session_options so = { 0 };
	struct calls c = { 0 };
	struct err err = { 0 };
	bool json = false;
	struct out out;
	int r;

	r = parse_options(p, argc, argv, &c, &json, &color);
	if (r)
		return r < 0 ? CLI_DONE : r;
	out_init(&out, json, color);
	c.out = &out;
	so.progress = progress;
	so.priv = &c;
	c.sigfd = program_signals();
	r = c.sigfd < 0 ? err_set(&err, c.sigfd, "signalfd: %s", strerror(-c.sigfd))
			: session_attach(c.pid, &so, &err, &c.s);
	if (!r)
		r = count_calls(&c, &err);
	if (r < 0)
		out_error(&out, err.text[0] ? err.text : strerror(-r));
	session_free(c.s);
	free(c.where);
	out_deinit(&out);
	if (c.sigfd >= 0)
		close(c.sigfd);
	return r < 0 ? CLI_FAILED : c.ended ? CLI_ENDED : CLI_DONE;
}
