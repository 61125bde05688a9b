// SPDX-License-Identifier: BSD-2-Clause
/* latency: how long the calls of a function take. The kernel times; nothing is stopped or traced.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/session.h"

#define BAR_WIDTH 40
#define ROWS_MAX  64 /* powers of two */

struct run {
	struct session *s;
	struct out *out;
	pid_t pid;
	const char *name;
	enum latency_engine engine;
	struct latency_function f;
	unsigned for_ms; /* 0: none */
	int sigfd;
	bool ended; /* the target */
	uint64_t lost;
};

/* session_options.progress: Ctrl-C ends the work. */
static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct run *c = priv;
	struct pollfd sig = { .fd = c->sigfd, .events = POLLIN };

	out_progress(c->out, what, done, total);
	return poll(&sig, 1, 0) > 0;
}

static const char *engine_name(enum latency_engine e)
{
	return e == LATENCY_WATCH ? "watch" : "uprobe";
}

/* "1.25 ms" */
static const char *duration(uint64_t ns, char buf[static 24])
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };

	snprintf(buf, 24, "%" PRIu64 " ns", ns);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double v = (double)ns / (double)units[i].ns;

		if (ns < units[i].ns)
			continue;
		snprintf(buf, 24, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, units[i].unit);
		break;
	}
	return buf;
}

/* ---- JSON ---- */

static json_t *json_buckets(const struct latency *l)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < LATENCY_BUCKETS; i++)
		if (l->buckets[i].count)
			json_array_append_new(
				all, json_pack("{sI sI}", "le_ns", (json_int_t)l->buckets[i].le_ns,
					       "count", (json_int_t)l->buckets[i].count));
	return all;
}

static void print_json(struct run *c, const struct latency *l)
{
	json_t *j = json_pack("{ss so so sI sI sI sI so}", "event", "latency", "function",
			      js_text(c->f.function), "file", js_text(c->f.file), "count",
			      (json_int_t)l->count, "min_ns", (json_int_t)l->min_ns, "mean_ns",
			      (json_int_t)l->mean_ns, "max_ns", (json_int_t)l->max_ns, "buckets",
			      json_buckets(l));
	const struct {
		const char *name;
		uint64_t n;
	} more[] = {
		{ "line", (uint64_t)c->f.line },
		{ "p50_ns", latency_percentile(l, 0.5) },
		{ "p90_ns", latency_percentile(l, 0.9) },
		{ "p99_ns", latency_percentile(l, 0.99) },
		{ "returned", l->returned },
		{ "raised", l->raised },
		{ "running", l->running },
		{ "in_flight", l->inflight },
		{ "table_full", l->full },
		{ "end_unseen", l->unseen },
	};

	for (size_t i = 0; j && i < sizeof(more) / sizeof(more[0]); i++)
		json_object_set_new(j, more[i].name, json_integer((json_int_t)more[i].n));
	if (j)
		json_object_set_new(j, "engine", json_string(engine_name(c->f.engine)));
	out_json(c->out, j);
}

/* ---- text ---- */

static unsigned log2_of(uint64_t ns)
{
	unsigned e = 0;

	while (ns >>= 1)
		e++;
	return e;
}

/* One row for each power of two that has calls, and those between. */
static void print_rows(struct run *c, const struct latency *l)
{
	uint64_t rows[ROWS_MAX] = { 0 }, most = 1;
	unsigned first = ROWS_MAX, last = 0;
	char bar[BAR_WIDTH + 1], buf[24];

	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		unsigned row = log2_of(l->buckets[i].le_ns) % ROWS_MAX;

		if (!l->buckets[i].count)
			continue;
		rows[row] += l->buckets[i].count;
		most = rows[row] > most ? rows[row] : most;
		first = row < first ? row : first;
		last = row;
	}
	for (unsigned i = first; i <= last && i < ROWS_MAX; i++) {
		size_t n = (size_t)(rows[i] * BAR_WIDTH / most);

		if (rows[i] && !n)
			n = 1;
		memset(bar, '#', n);
		bar[n] = '\0';
		out_add(c->out, OUT_PLAIN, "  below %8s %12" PRIu64 "  ",
			i == 63 ? "2^64 ns" : duration(2ull << i, buf), rows[i]);
		out_add(c->out, OUT_CYAN, "%s", bar);
		out_end(c->out);
	}
}

static void print_text(struct run *c, const struct latency *l)
{
	char a[24], b[24], d[24];

	out_add(c->out, OUT_BOLD, "%s", c->f.function);
	out_add(c->out, OUT_PLAIN, " (%s:%d): %" PRIu64 " call%s", c->f.file, c->f.line, l->count,
		l->count == 1 ? "" : "s");
	if (l->raised)
		out_add(c->out, OUT_PLAIN, ", %" PRIu64 " of them ended by an exception",
			l->raised);
	out_end(c->out);
	if (l->count) {
		out_line(c->out, "min %s, mean %s, max %s", duration(l->min_ns, a),
			 duration(l->mean_ns, b), duration(l->max_ns, d));
		out_line(c->out, "p50 %s, p90 %s, p99 %s (estimated from the buckets, within 7 %%)",
			 duration(latency_percentile(l, 0.5), a),
			 duration(latency_percentile(l, 0.9), b),
			 duration(latency_percentile(l, 0.99), d));
		print_rows(c, l);
	}
	if (l->running)
		out_note(c->out, "%" PRIu64 " call%s had not ended", l->running,
			 l->running == 1 ? "" : "s");
	if (l->inflight)
		out_note(c->out, "%" PRIu64 " call%s had begun before and %s not counted",
			 l->inflight, l->inflight == 1 ? "" : "s", l->inflight == 1 ? "is" : "are");
	if (l->full)
		out_note(c->out, "%" PRIu64 " calls were not counted: more than %d ran at a time",
			 l->full, TRACE_TIMED_RUNNING);
	if (l->unseen)
		out_note(c->out, "%" PRIu64 " calls ended unseen and are not counted", l->unseen);
}

/* ---- running ---- */

static int take_events(struct run *c, struct err *err)
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

static int wait_for_end(struct run *c, struct err *err)
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

static void tell_armed(struct run *c)
{
	const struct latency_function *f = &c->f;

	/* A script may let its load loose. */
	if (c->out->json) {
		out_json(c->out, json_pack("{ss si so so si so s[] ss}", "event", "bound", "id", 1,
					   "location", js_text(c->name), "file", js_text(f->file),
					   "line", (int)f->line, "function", js_text(f->function),
					   "addresses", "engine", engine_name(f->engine)));
		return;
	}
	if (f->engine == LATENCY_WATCH)
		out_note(c->out, "timing %s (%s:%d) with %u watch slots", f->function, f->file,
			 f->line, f->slots);
	else
		out_note(c->out,
			 "timing %s (%s:%d) with uprobes: a trap or two for every call of any "
			 "function",
			 f->function, f->file, f->line);
	if (f->generator)
		out_note(c->out, "it can be suspended: that time is included");
	if (!c->for_ms && isatty(STDERR_FILENO))
		out_note(c->out, "Ctrl-C ends it");
}

static int run(struct run *c, struct err *err)
{
	static struct latency l;
	int r = session_latency_begin(c->s, c->name, c->engine, err, &c->f);

	if (r < 0)
		return r;
	tell_armed(c);
	r = out_check(c->out, err);
	if (!r)
		r = wait_for_end(c, err);
	session_latency_end(c->s);
	if (r < 0)
		return r;
	if (!c->ended)
		r = take_events(c, err);
	if (!r) {
		r = session_latency(c->s, &l);
		if (r)
			err_set(err, r, "pid %d: the durations cannot be read: %s", c->pid,
				strerror(-r));
	}
	if (r)
		return r;
	if (c->out->json)
		print_json(c, &l);
	else
		print_text(c, &l);
	if (c->lost && c->out->json)
		out_json(c->out,
			 json_pack("{ss sI}", "event", "lost", "records", (json_int_t)c->lost));
	else if (c->lost)
		out_note(c->out, "%" PRIu64 " begins or ends were lost", c->lost);
	if (c->ended)
		out_note(c->out, "pid %d ended", c->pid);
	return out_check(c->out, err);
}

static int engine_option(const char *text, struct err *err, enum latency_engine *ret)
{
	static const char *const names[] = {
		[LATENCY_AUTO] = "auto", [LATENCY_WATCH] = "watch", [LATENCY_UPROBE] = "uprobe"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], text)) {
			*ret = (enum latency_engine)i;
			return 0;
		}
	return err_set(err, -EINVAL, "--engine is auto, watch or uprobe, not '%.40s'", text);
}

static int parse_options(const struct program *p, int argc, char **argv, struct run *c,
			 struct session_options *so, bool *ret_json, enum out_color_mode *ret_color)
{
	enum { OPT_JSON = 256, OPT_FOR, OPT_ENGINE, OPT_SCOPE, OPT_COLOR };
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "engine", required_argument, NULL, OPT_ENGINE },
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
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
		case OPT_ENGINE:
			r = engine_option(optarg, &err, &c->engine);
			break;
		case OPT_SCOPE:
			r = program_scope(optarg, &err, &so->scope);
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
		if (r)
			return program_usage(p, "%s", err.text);
	}
	if (optind == argc)
		return program_usage(p, "a process id is missing");
	if (parse_pid(argv[optind], &err, &c->pid))
		return program_usage(p, "%s", err.text);
	if (optind + 2 != argc)
		return program_usage(p, "one function is needed: FUNCTION or MODULE:FUNCTION");
	c->name = argv[optind + 1];
	return 0;
}

int program_latency(const struct program *p, int argc, char **argv)
{
	enum out_color_mode color = OUT_COLOR_AUTO;
	struct session_options so = { .timed = true };
	struct run c = { 0 };
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
		r = run(&c, &err);
	if (r < 0)
		out_error(&out, err.text[0] ? err.text : strerror(-r));
	session_free(c.s);
	out_deinit(&out);
	if (c.sigfd >= 0)
		close(c.sigfd);
	return r < 0 ? CLI_FAILED : c.ended ? CLI_ENDED : CLI_DONE;
}
