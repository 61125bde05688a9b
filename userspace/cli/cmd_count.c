// SPDX-License-Identifier: BSD-2-Clause
/* count: how often lines run. The kernel counts; nothing is stopped or traced. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/count_children.h"
#include "cli/follow.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "engine/session.h"

struct count {
	struct follow f;
	char **locations;
	int nlocations;
	VEC(const char *) watches; /* expressions whose writes are counted */
	struct bp_spec hits;	   /* which ones count */
	int *ids;		   /* of the breakpoints: locations, then watches */
	int nids;
	bool children;
};

/* The session's line speaks of breakpoints that can be cleared; here there are locations. */
static int no_slot(struct count *c, int i, struct err *err)
{
	unsigned used = 0, nfree = 0;

	(void)session_slots(c->f.s, NULL, &used, &nfree);
	return err_set(err, -ENOSPC,
		       "pid %d: no watch slot is left for %.60s: those before it take %u of %d, %u "
		       "%s free; count fewer at a time, " BP_UPROBE_INSTEAD,
		       c->f.pid, c->locations[i], used, TRACE_SLOTS, nfree,
		       nfree == 1 ? "is" : "are");
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
		r = program_break(c->f.s, &c->hits, c->f.out, err, &c->ids[i]);

		if (r == -ENOSPC && i)
			return no_slot(c, i, err);
		if (r < 0)
			return r;
		bp = session_bp(c->f.s, c->ids[i]);
		if (!bp->pending && bp->line_asked && bp->line_asked != bp->line)
			out_note(c->f.out,
				 "line %d of %s has no code: counting line %d, the next that has "
				 "some",
				 bp->line_asked, bp->file, bp->line);
	}
	c->nids = c->nlocations;
	for (size_t i = 0; i < c->watches.n; i++) {
		int r;

		c->hits.location = c->watches.data[i];
		r = session_watch(c->f.s, &c->hits, 0, err, &c->ids[c->nids]);
		if (r < 0)
			return r;
		c->nids++;
	}
	/* Now everything is armed: a script may let its load loose. */
	for (int i = 0; c->f.out->json && i < c->nids; i++)
		out_json(c->f.out, js_bound(session_bp(c->f.s, c->ids[i])));
	return out_check(c->f.out, err);
}

/* Hits whose condition nobody could tell are missing from the count. */
static void print_untold(struct count *c, const struct bp *bp)
{
	if (bp->ended)
		program_watch_ended(c->f.out, bp);
	if (bp->errors)
		out_note(c->f.out,
			 "%s: its condition failed %" PRIu64 " times and counts as false: %s",
			 bp->location, bp->errors, bp->last_error);
	if (bp->undecided)
		out_note(c->f.out,
			 "%s: %" PRIu64 " times the kernel could not tell whether its condition is "
			 "true; not counted",
			 bp->location, bp->undecided);
}

static void print_counts(struct count *c)
{
	for (int i = 0; i < c->nids; i++) {
		const struct bp *bp = session_bp(c->f.s, c->ids[i]);

		if (c->f.out->json) {
			out_json(c->f.out,
				 json_pack("{ss so sI}", "event", "count", "location",
					   js_text(bp->location), "hits", (json_int_t)bp->hits));
			continue;
		}
		out_add(c->f.out, OUT_BOLD, "%12" PRIu64, bp->hits);
		if (bp->pending)
			out_add(c->f.out, OUT_PLAIN, "  %s (not loaded)", bp->location);
		else if (bp->data)
			out_add(c->f.out, OUT_PLAIN, "  writes to %s", bp->location);
		else
			out_add(c->f.out, OUT_PLAIN, "  %s:%d (%s)", bp->file, bp->line,
				bp->function);
		out_end(c->f.out);
	}
}

static void on_event(struct follow *f, const struct session_event *ev)
{
	if (ev->kind == SESSION_LOST)
		follow_tell_lost(f->out, ev->lost,
				 ev->lost == 1 ? "hit was lost" : "hits were lost");
	if (ev->kind == SESSION_BOUND || ev->kind == SESSION_UNBOUND)
		program_bound(f->out, session_bp(f->s, ev->bp));
}

static int on_interval(struct follow *f, struct err *err)
{
	print_counts(f->priv);
	if (!f->out->json)
		out_line(f->out, "%s", "");
	return out_check(f->out, err);
}

static int count(struct follow *f, struct err *err)
{
	struct count *c = f->priv;
	int r = bind_all(c, err);

	if (r < 0)
		return r;
	follow_lifetime(f);
	r = follow_wait(f, err);
	if (r < 0)
		return r;
	print_counts(c);
	for (int i = 0; i < c->nids; i++)
		print_untold(c, session_bp(f->s, c->ids[i]));
	return 0;
}

static int parse_options(const struct program *p, int argc, char **argv, struct count *c,
			 struct session_options *so)
{
	enum { OPT_INTERVAL = 256, OPT_SCOPE, OPT_ENGINE, OPT_WATCH, OPT_CHILDREN };
	static const struct option longopts[] = {
		FOLLOW_OPTIONS,
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		PROGRAM_HITS,
		{ "watch", required_argument, NULL, OPT_WATCH },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "engine", required_argument, NULL, OPT_ENGINE },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	bool uprobe;
	int o, r;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		switch (o) {
		case OPT_INTERVAL:
			r = parse_seconds(optarg, "--interval", &err, &c->f.interval_ms);
			break;
		case OPT_WATCH:
			r = vec_push(&c->watches, optarg);
			break;
		case OPT_CHILDREN:
			c->children = true;
			r = 0;
			break;
		case OPT_SCOPE:
			r = program_scope(optarg, &err, &so->scope);
			break;
		case OPT_ENGINE:
			r = program_engine(optarg, &err, &uprobe);
			c->hits.engine = uprobe ? BP_UPROBE : BP_WATCH;
			break;
		case 'h':
			program_help(p);
			return -1;
		default:
			r = follow_option(&c->f, o, optarg, &err);
			if (!r)
				r = program_hits_option(o, optarg, &err, &c->hits);
			if (!r)
				return program_bad_option(p, argv, o);
		}
		if (r < 0)
			return program_usage(p, "%s", err.text);
	}
	r = follow_pid(&c->f, p, argc, argv);
	if (r)
		return r;
	if (optind + 1 == argc && !c->watches.n)
		return program_usage(p, "a location is missing: FILE:LINE or FUNCTION");
	if (c->children && c->watches.n)
		return program_usage(p, "--children and --watch do not go together");
	if (c->children && program_children(&c->hits, &err))
		return program_usage(p, "%s", err.text);
	c->locations = argv + optind + 1;
	c->nlocations = argc - optind - 1;
	return 0;
}

int program_count(const struct program *p, int argc, char **argv)
{
	struct session_options so = { 0 };
	struct count c = {
		.f = { .event = on_event, .tick = on_interval, .color = OUT_COLOR_AUTO },
		.hits.action = BP_COUNT,
	};
	int r;

	c.f.priv = &c;
	r = parse_options(p, argc, argv, &c, &so);
	if (!r && c.children)
		r = count_children(&c.f, &so, &c.hits, c.locations, c.nlocations);
	else if (!r)
		r = follow_run(&c.f, &so, count);
	else if (r < 0)
		r = CLI_DONE;
	free(c.ids);
	vec_deinit(&c.watches);
	return r;
}
