// SPDX-License-Identifier: BSD-2-Clause
#include "cli/count_children.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/js.h"
#include "engine/family.h"

struct counting {
	char **locations;
	int n;
};

static void print_json(struct out *out, const char *location, const struct family_hits *each,
		       size_t n, uint64_t all)
{
	for (size_t i = 0; i < n; i++)
		out_json(out,
			 json_pack("{ss so si sI}", "event", "count", "location", js_text(location),
				   "process", each[i].pid, "hits", (json_int_t)each[i].hits));
	out_json(out, json_pack("{ss so sI sI}", "event", "count", "location", js_text(location),
				"hits", (json_int_t)all, "processes", (json_int_t)n));
}

static void print_text(struct out *out, const struct bp *bp, const struct family_hits *each,
		       size_t n, uint64_t all)
{
	out_add(out, OUT_BOLD, "%12" PRIu64, all);
	out_add(out, OUT_PLAIN, "  %s:%d (%s)", bp->file, bp->line, bp->function);
	out_end(out);
	for (size_t i = 0; i < n; i++) {
		if (each[i].pid)
			out_line(out, "%12" PRIu64 "    [%d]", each[i].hits, each[i].pid);
		else
			out_line(out, "%12" PRIu64 "    [ended]", each[i].hits);
	}
}

static int print_counts(struct follow *f, struct err *err)
{
	const struct counting *c = f->priv;

	for (int i = 0; i < c->n; i++) {
		_cleanup_free_ struct family_hits *each = NULL;
		uint64_t all = 0;
		size_t n = 0;
		int r = family_hits(f->family, (size_t)i, &each, &n, &all);

		if (r)
			return err_set(err, r, "out of memory");
		if (f->out->json)
			print_json(f->out, c->locations[i], each, n, all);
		else
			print_text(f->out, family_bp(f->family, (size_t)i, 0), each, n, all);
	}
	return out_check(f->out, err);
}

/* Hits whose condition nobody could tell are missing from the count. */
static void print_untold(struct follow *f)
{
	const struct counting *c = f->priv;

	for (int i = 0; i < c->n; i++) {
		uint64_t errors = 0, undecided = 0;
		const struct bp *bp;

		for (size_t n = 0; (bp = family_bp(f->family, (size_t)i, n)) != NULL; n++) {
			errors += bp->errors;
			undecided += bp->undecided;
		}
		if (errors)
			out_note(f->out,
				 "%s: its condition failed %" PRIu64 " times and counts as false",
				 c->locations[i], errors);
		if (undecided)
			out_note(f->out,
				 "%s: %" PRIu64
				 " times the kernel could not tell whether its condition is "
				 "true; not counted",
				 c->locations[i], undecided);
	}
}

static void on_event(struct follow *f, const struct session_event *ev)
{
	if (ev->kind == SESSION_LOST)
		follow_tell_lost(f->out, ev->lost,
				 ev->lost == 1 ? "hit was lost" : "hits were lost");
}

static int on_interval(struct follow *f, struct err *err)
{
	int r = print_counts(f, err);

	if (!r && !f->out->json)
		out_line(f->out, "%s", "");
	return r;
}

static int count(struct follow *f, struct err *err)
{
	const struct counting *c = f->priv;
	const struct bp *bp;
	int r;

	/* Now everything is armed: a script may let its load loose. */
	for (int i = 0; f->out->json && i < c->n; i++)
		for (size_t n = 0; (bp = family_bp(f->family, (size_t)i, n)) != NULL; n++)
			out_json(f->out, js_bound(bp));
	r = out_check(f->out, err);
	if (r)
		return r;
	follow_lifetime(f);
	r = follow_wait(f, err);
	if (!r)
		r = print_counts(f, err);
	if (!r)
		print_untold(f);
	return r;
}

int count_children(struct follow *f, const struct session_options *so, const struct bp_spec *hits,
		   char **locations, int nlocations)
{
	_cleanup_free_ struct bp_spec *specs = calloc((size_t)nlocations, sizeof(*specs));
	struct counting c = { .locations = locations, .n = nlocations };
	struct family_options opt = { .session = *so,
				      .specs = specs,
				      .nspecs = (size_t)nlocations };

	if (!specs)
		return CLI_FAILED;
	for (int i = 0; i < nlocations; i++) {
		specs[i] = *hits;
		specs[i].location = locations[i];
	}
	f->event = on_event;
	f->tick = on_interval;
	f->priv = &c;
	return follow_run_family(f, &opt, count);
}
