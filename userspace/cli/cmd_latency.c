// SPDX-License-Identifier: BSD-2-Clause
/* latency: how long the calls of a function take. The kernel times; nothing is stopped or traced.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/js.h"
#include "cli/program.h"
#include "engine/family.h"
#include "engine/session.h"

#define BAR_WIDTH 40
#define ROWS_MAX  64 /* powers of two */

struct run {
	struct follow follow;
	const char *name;
	enum latency_engine engine;
	struct latency_function f;
	bool children;
};

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
	out_json(c->follow.out, j);
}

static void print_process_json(struct run *c, const struct latency_process *p)
{
	out_json(c->follow.out,
		 json_pack("{ss so si sI sI sI sI}", "event", "latency", "function",
			   js_text(c->f.function), "process", (int)p->pid, "count",
			   (json_int_t)p->count, "min_ns", (json_int_t)p->min_ns, "mean_ns",
			   (json_int_t)(p->count ? p->total_ns / p->count : 0), "max_ns",
			   (json_int_t)p->max_ns));
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
		out_add(c->follow.out, OUT_PLAIN, "  below %8s %12" PRIu64 "  ",
			i == 63 ? "2^64 ns" : duration(2ull << i, buf), rows[i]);
		out_add(c->follow.out, OUT_CYAN, "%s", bar);
		out_end(c->follow.out);
	}
}

static void print_text(struct run *c, const struct latency *l)
{
	char a[24], b[24], d[24];

	out_add(c->follow.out, OUT_BOLD, "%s", c->f.function);
	out_add(c->follow.out, OUT_PLAIN, " (%s:%d): %" PRIu64 " call%s", c->f.file, c->f.line,
		l->count, l->count == 1 ? "" : "s");
	if (l->raised)
		out_add(c->follow.out, OUT_PLAIN, ", %" PRIu64 " of them ended by an exception",
			l->raised);
	out_end(c->follow.out);
	if (l->count) {
		out_line(c->follow.out, "min %s, mean %s, max %s", duration(l->min_ns, a),
			 duration(l->mean_ns, b), duration(l->max_ns, d));
		out_line(c->follow.out,
			 "p50 %s, p90 %s, p99 %s (estimated from the buckets, within 7 %%)",
			 duration(latency_percentile(l, 0.5), a),
			 duration(latency_percentile(l, 0.9), b),
			 duration(latency_percentile(l, 0.99), d));
		print_rows(c, l);
	}
	if (l->running)
		out_note(c->follow.out, "%" PRIu64 " call%s had not ended", l->running,
			 l->running == 1 ? "" : "s");
	if (l->inflight)
		out_note(c->follow.out, "%" PRIu64 " call%s had begun before and %s not counted",
			 l->inflight, l->inflight == 1 ? "" : "s", l->inflight == 1 ? "is" : "are");
	if (l->full)
		out_note(c->follow.out,
			 "%" PRIu64 " calls were not counted: more than %d ran at a time", l->full,
			 TRACE_TIMED_RUNNING);
	if (l->unseen)
		out_note(c->follow.out, "%" PRIu64 " calls ended unseen and are not counted",
			 l->unseen);
}

static void print_process_text(struct run *c, const struct latency_process *p)
{
	char pid[16], a[24], b[24], d[24];

	snprintf(pid, sizeof(pid), "%d", p->pid);
	out_line(c->follow.out, "%12" PRIu64 "    [%s]  min %s, mean %s, max %s", p->count,
		 p->pid ? pid : "ended", duration(p->min_ns, a),
		 duration(p->count ? p->total_ns / p->count : 0, b), duration(p->max_ns, d));
}

/* ---- running ---- */

/* process: which began meanwhile; else 0. */
static void tell_bound(struct run *c, const struct latency_function *f, pid_t process)
{
	json_t *j = json_pack("{ss si so so si so s[] ss}", "event", "bound", "id", 1, "location",
			      js_text(c->name), "file", js_text(f->file), "line", (int)f->line,
			      "function", js_text(f->function), "addresses", "engine",
			      engine_name(f->engine));

	if (j && process)
		json_object_set_new(j, "process", json_integer(process));
	out_json(c->follow.out, j);
}

static void tell_armed(struct run *c)
{
	const struct latency_function *f = &c->f;
	struct session *s;

	/* A script may let its load loose. */
	if (c->follow.out->json && !c->children)
		tell_bound(c, f, 0);
	for (size_t i = 0; c->follow.out->json && c->children &&
			   (s = family_session(c->follow.family, i)) != NULL;
	     i++)
		tell_bound(c, session_latency_function(s), 0);
	if (c->follow.out->json)
		return;
	if (f->engine == LATENCY_WATCH)
		out_note(c->follow.out, "timing %s (%s:%d) with %u watch slots", f->function,
			 f->file, f->line, f->slots);
	else
		out_note(c->follow.out,
			 "timing %s (%s:%d) with uprobes: a trap or two for every call of any "
			 "function",
			 f->function, f->file, f->line);
	if (f->generator)
		out_note(c->follow.out, "it can be suspended: that time is included");
}

static int find(void *priv, struct session *s, struct err *err)
{
	const struct run *c = ((struct follow *)priv)->priv;

	return session_latency_find(s, c->name, err);
}

static int begin(void *priv, struct session *s, struct err *err)
{
	const struct run *c = ((struct follow *)priv)->priv;

	return session_latency_begin(s, c->engine, err);
}

static void begun(void *priv, pid_t pid, struct session *s)
{
	struct run *c = ((struct follow *)priv)->priv;
	struct latency_function f = *session_latency_function(s);

	/* It may count with another process, whose engine is the one that was chosen first. */
	if (f.engine == LATENCY_AUTO)
		f.engine = c->f.engine;
	if (c->follow.out->json)
		tell_bound(c, &f, pid);
}

static const struct family_work work = { .find = find,
					 .is_same = session_latency_is_same,
					 .begin = begin,
					 .end = session_latency_end,
					 .begun = begun };

static int begin_all(struct follow *follow, struct err *err)
{
	struct run *c = follow->priv;
	struct session *s = follow->s;
	int r = 0;

	if (c->children)
		s = family_session(follow->family, 0);
	else
		r = session_latency_find(s, c->name, err);
	if (!r && !c->children)
		r = session_latency_begin(s, c->engine, err);
	if (!r)
		c->f = *session_latency_function(s);
	return r;
}

static int print(struct run *c, struct err *err)
{
	_cleanup_free_ struct latency_process *each = NULL;
	static struct latency l;
	size_t n = 0;
	int r = c->children ? family_latency(c->follow.family, &l, &each, &n)
			    : session_latency(c->follow.s, &l);

	if (r)
		return err_set(err, r, "pid %d: the durations cannot be read: %s", c->follow.pid,
			       strerror(-r));
	for (size_t i = 0; c->follow.out->json && i < n; i++)
		print_process_json(c, &each[i]);
	if (c->follow.out->json)
		print_json(c, &l);
	else
		print_text(c, &l);
	for (size_t i = 0; !c->follow.out->json && i < n; i++)
		print_process_text(c, &each[i]);
	return 0;
}

static int run(struct follow *follow, struct err *err)
{
	struct run *c = follow->priv;
	int r = begin_all(follow, err);

	if (r < 0)
		return r;
	tell_armed(c);
	r = follow_to_end(follow, session_latency_end, err);
	if (!r)
		r = print(c, err);
	if (r)
		return r;
	follow_tell_lost(follow->out, follow->lost, "begins or ends were lost");
	return out_check(follow->out, err);
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
			 struct session_options *so)
{
	enum { OPT_ENGINE = 256, OPT_SCOPE, OPT_CHILDREN };
	static const struct option longopts[] = {
		FOLLOW_OPTIONS,
		{ "engine", required_argument, NULL, OPT_ENGINE },
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	int o, r;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		switch (o) {
		case OPT_ENGINE:
			r = engine_option(optarg, &err, &c->engine);
			break;
		case OPT_SCOPE:
			r = program_scope(optarg, &err, &so->scope);
			break;
		case OPT_CHILDREN:
			c->children = true;
			r = 0;
			break;
		case 'h':
			program_help(p);
			return -1;
		default:
			r = follow_option(&c->follow, o, optarg, &err);
			if (!r)
				return program_bad_option(p, argv, o);
		}
		if (r < 0)
			return program_usage(p, "%s", err.text);
	}
	r = follow_pid(&c->follow, p, argc, argv);
	if (r)
		return r;
	if (optind + 2 != argc)
		return program_usage(p, "one function is needed: FUNCTION or MODULE:FUNCTION");
	c->name = argv[optind + 1];
	return 0;
}

int program_latency(const struct program *p, int argc, char **argv)
{
	struct session_options so = { .timed = true };
	struct family_options fo = { .nspecs = 1, .work = &work };
	struct run c = { .follow = { .color = OUT_COLOR_AUTO } };
	int r;

	c.follow.priv = &c;
	r = parse_options(p, argc, argv, &c, &so);
	if (r)
		return r < 0 ? CLI_DONE : r;
	if (!c.children)
		return follow_run(&c.follow, &so, run);
	fo.session = so;
	return follow_run_family(&c.follow, &fo, run);
}
