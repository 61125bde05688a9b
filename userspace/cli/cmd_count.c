// SPDX-License-Identifier: BSD-2-Clause
/* count: how often lines run. The kernel counts; nothing is stopped or traced. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/session.h"

struct count {
	struct session *s;
	struct out *out;
	pid_t pid;
	char **locations;
	int nlocations;
	VEC(const char *) watches; /* expressions whose writes are counted */
	struct bp_spec hits;	   /* which ones count */
	int *ids;		   /* of the breakpoints: locations, then watches */
	int nids;
	unsigned for_ms, interval_ms; /* 0: none */
	int sigfd;
	bool ended; /* the target */
};

/* session_options.progress: Ctrl-C ends the work. */
static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct count *c = priv;
	struct pollfd sig = { .fd = c->sigfd, .events = POLLIN };

	out_progress(c->out, what, done, total);
	return poll(&sig, 1, 0) > 0;
}

static int bind_all(struct count *c, struct err *err)
{
	c->ids = calloc((size_t)c->nlocations + c->watches.n, sizeof(*c->ids));
	if (!c->ids)
		return -ENOMEM;
	for (int i = 0; i < c->nlocations; i++) {
		const struct bp *bp;
		int r;

		c->hits.location = c->locations[i];
		r = program_break(c->s, &c->hits, c->out, err, &c->ids[i]);

		if (r == -ENOSPC && i)
			return err_set(err, r,
				       "pid %d: no watch slot is left for %.60s: count fewer "
				       "locations at a time, or functions with --engine uprobe",
				       c->pid, c->locations[i]);
		if (r < 0)
			return r;
		bp = session_bp(c->s, c->ids[i]);
		if (!bp->pending && bp->line_asked && bp->line_asked != bp->line)
			out_note(c->out,
				 "line %d of %s has no code: counting line %d, the next that has "
				 "some",
				 bp->line_asked, bp->file, bp->line);
	}
	c->nids = c->nlocations;
	for (size_t i = 0; i < c->watches.n; i++) {
		int r;

		c->hits.location = c->watches.data[i];
		r = session_watch(c->s, &c->hits, 0, err, &c->ids[c->nids]);
		if (r < 0)
			return r;
		c->nids++;
	}
	/* Now everything is armed: a script may let its load loose. */
	for (int i = 0; c->out->json && i < c->nids; i++)
		out_json(c->out, js_bound(session_bp(c->s, c->ids[i])));
	return out_check(c->out, err);
}

/* Hits whose condition nobody could tell are missing from the count. */
static void print_untold(struct count *c, const struct bp *bp)
{
	if (bp->ended)
		out_note(c->out, "%s: watched only until it ended: %s", bp->location, bp->ended);
	if (bp->errors)
		out_note(c->out,
			 "%s: its condition failed %" PRIu64 " times and counts as false: %s",
			 bp->location, bp->errors, bp->last_error);
	if (bp->undecided)
		out_note(c->out,
			 "%s: %" PRIu64 " times the kernel could not tell whether its condition is "
			 "true; not counted",
			 bp->location, bp->undecided);
}

static void print_counts(struct count *c)
{
	for (int i = 0; i < c->nids; i++) {
		const struct bp *bp = session_bp(c->s, c->ids[i]);

		if (c->out->json) {
			out_json(c->out,
				 json_pack("{ss so sI}", "event", "count", "location",
					   js_text(bp->location), "hits", (json_int_t)bp->hits));
			continue;
		}
		out_add(c->out, OUT_BOLD, "%12" PRIu64, bp->hits);
		if (bp->pending)
			out_add(c->out, OUT_PLAIN, "  %s (not loaded)", bp->location);
		else if (bp->data)
			out_add(c->out, OUT_PLAIN, "  writes to %s", bp->location);
		else
			out_add(c->out, OUT_PLAIN, "  %s:%d (%s)", bp->file, bp->line,
				bp->function);
		out_end(c->out);
	}
}

static int take_events(struct count *c, struct err *err)
{
	struct session_event ev;
	int r;

	do {
		memset(&ev, 0, sizeof(ev));
		r = session_next_event(c->s, 0, &ev);
		if (r < 0)
			return err_set(err, r, "pid %d: its events cannot be read: %s", c->pid,
				       strerror(-r));
		if (ev.kind == SESSION_LOST) {
			if (c->out->json)
				out_json(c->out, json_pack("{ss sI}", "event", "lost", "records",
							   (json_int_t)ev.lost));
			else
				out_note(c->out, "%" PRIu64 " hits were lost", ev.lost);
		}
		if (ev.kind == SESSION_BOUND || ev.kind == SESSION_UNBOUND)
			program_bound(c->out, session_bp(c->s, ev.bp));
		c->ended |= ev.kind == SESSION_EXITED || ev.kind == SESSION_EXEC;
	} while (ev.kind != SESSION_NONE && !c->ended);
	return 0;
}

/* Milliseconds until the earlier of two moments, -1 for never. */
static int time_left(uint64_t now, uint64_t end, uint64_t next)
{
	uint64_t until = end && next ? (end < next ? end : next) : end + next;

	if (!until)
		return -1;
	return until <= now ? 0 : until - now > INT32_MAX ? INT32_MAX : (int)(until - now);
}

static int count_until_end(struct count *c, struct err *err)
{
	uint64_t now = clock_ms(), end = c->for_ms ? now + c->for_ms : 0,
		 next = c->interval_ms ? now + c->interval_ms : 0;
	int r;

	while (!c->ended) {
		struct pollfd fds[2] = { { .fd = session_fd(c->s), .events = POLLIN },
					 { .fd = c->sigfd, .events = POLLIN } };

		if (poll(fds, 2, time_left(now, end, next)) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		r = take_events(c, err);
		if (r < 0)
			return r;
		now = clock_ms();
		if (fds[1].revents || (end && now >= end))
			return 0;
		if (next && now >= next && !c->ended) {
			print_counts(c);
			if (!c->out->json)
				out_line(c->out, "%s", "");
			next = now + c->interval_ms;
			r = out_check(c->out, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int count(struct count *c, struct err *err)
{
	int r = bind_all(c, err);

	if (r < 0)
		return r;
	if (!c->for_ms && isatty(STDERR_FILENO))
		out_note(c->out, "counting; Ctrl-C ends it");
	r = count_until_end(c, err);
	if (r < 0)
		return r;
	print_counts(c);
	for (int i = 0; i < c->nids; i++)
		print_untold(c, session_bp(c->s, c->ids[i]));
	if (c->ended)
		out_note(c->out, "pid %d ended", c->pid);
	return 0;
}

static int parse_options(const struct program *p, int argc, char **argv, struct count *c,
			 struct session_options *so, bool *ret_json, enum out_color_mode *ret_color)
{
	enum { OPT_JSON = 256, OPT_FOR, OPT_INTERVAL, OPT_SCOPE, OPT_ENGINE, OPT_COLOR, OPT_WATCH };
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		PROGRAM_HITS,
		{ "watch", required_argument, NULL, OPT_WATCH },
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "engine", required_argument, NULL, OPT_ENGINE },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	bool uprobe;
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		int r = 0;

		switch (o) {
		case OPT_JSON:
			*ret_json = true;
			break;
		case OPT_FOR:
			r = parse_seconds(optarg, "--for", &err, &c->for_ms);
			break;
		case OPT_INTERVAL:
			r = parse_seconds(optarg, "--interval", &err, &c->interval_ms);
			break;
		case OPT_WATCH:
			r = vec_push(&c->watches, optarg);
			break;
		case OPT_SCOPE:
			r = program_scope(optarg, &err, &so->scope);
			break;
		case OPT_ENGINE:
			r = program_engine(optarg, &err, &uprobe);
			c->hits.engine = uprobe ? BP_UPROBE : BP_WATCH;
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
			r = program_hits_option(o, optarg, &err, &c->hits);
			if (!r)
				return program_bad_option(p, argv, o);
			r = r < 0 ? r : 0;
		}
		if (r)
			return program_usage(p, "%s", err.text);
	}
	if (optind == argc)
		return program_usage(p, "a process id is missing");
	if (parse_pid(argv[optind], &err, &c->pid))
		return program_usage(p, "%s", err.text);
	if (optind + 1 == argc && !c->watches.n)
		return program_usage(p, "a location is missing: FILE:LINE or FUNCTION");
	c->locations = argv + optind + 1;
	c->nlocations = argc - optind - 1;
	return 0;
}

int program_count(const struct program *p, int argc, char **argv)
{
	enum out_color_mode color = OUT_COLOR_AUTO;
	struct session_options so = { 0 };
	struct count c = { .hits.action = BP_COUNT };
	struct err err = { 0 };
	bool json = false;
	struct out out;
	int r;

	r = parse_options(p, argc, argv, &c, &so, &json, &color);
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
		r = count(&c, &err);
	if (r < 0)
		out_error(&out, err.text[0] ? err.text : strerror(-r));
	session_free(c.s);
	free(c.ids);
	vec_deinit(&c.watches);
	out_deinit(&out);
	if (c.sigfd >= 0)
		close(c.sigfd);
	return r < 0 ? CLI_FAILED : c.ended ? CLI_ENDED : CLI_DONE;
}
