// SPDX-License-Identifier: BSD-2-Clause
/* info breakpoints, info slots: of all programs of the session */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"
#include "target/target.h"
#include "trace/trace.h"

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void shell_show_judge(struct shell *sh, const struct bp *bp)
{
	if (bp->in_kernel)
		out_line(sh->out, "        stops only if %s (evaluated in the kernel)",
			 bp->condition);
	else if (bp->why_user)
		out_line(sh->out,
			 "        stops only if %s (each hit is evaluated in user space: %s)",
			 bp->condition, bp->why_user);
	else
		out_line(sh->out, "        stops only if %s", bp->condition);
}

/* What it has counted in all programs together. */
static struct images_counts sum_of(const struct images_counts *counts, size_t n)
{
	struct images_counts all = { .last_error = "" };

	for (size_t i = 0; i < n; i++) {
		all.hits += counts[i].hits;
		all.undecided += counts[i].undecided;
		all.errors += counts[i].errors;
		if (counts[i].errors && counts[i].last_error)
			all.last_error = counts[i].last_error;
	}
	return all;
}

static void info_json(struct shell *sh, const struct bp *bp, const struct images_counts *counts,
		      size_t n)
{
	const struct images_counts all = sum_of(counts, n);
	struct bp sum = *bp;
	json_t *j, *programs = n > 1 ? json_array() : NULL;

	sum.hits = all.hits;
	sum.undecided = all.undecided;
	sum.errors = all.errors;
	sum.last_error = all.last_error;
	j = js_breakpoint(&sum);
	for (size_t i = 0; programs && i < n; i++)
		json_array_append_new(
			programs,
			json_pack("{so sI}", "process",
				  counts[i].number ? json_integer(counts[i].pid) : json_null(),
				  "hits", (json_int_t)counts[i].hits));
	if (j && programs)
		json_object_set_new(j, "programs", programs);
	out_json(sh->out, j);
}

static void show_hits(struct shell *sh, const struct images_counts *all,
		      const struct images_counts *counts, size_t n)
{
	const char *before = ": ";

	out_add(sh->out, OUT_PLAIN, "        hit %" PRIu64 " time%s", all->hits, plural(all->hits));
	for (size_t i = 0; n > 1 && i < n; i++) {
		if (!counts[i].hits)
			continue;
		out_add(sh->out, OUT_PLAIN, "%s%" PRIu64 " in ", before, counts[i].hits);
		if (counts[i].number)
			out_add(sh->out, OUT_PLAIN, "process %d (PID %d)", counts[i].number,
				counts[i].pid);
		else
			out_add(sh->out, OUT_PLAIN, "programs that have ended");
		before = ", ";
	}
	out_end(sh->out);
}

int info_one(struct shell *sh, const struct bp *bp)
{
	_cleanup_free_ struct images_counts *counts = NULL;
	struct images_counts all;
	size_t n = 0;

	if (images_bp_counts(sh->im, bp->id, &counts, &n))
		return -ENOMEM;
	all = sum_of(counts, n);
	if (sh->out->json)
		info_json(sh, bp, counts, n);
	out_add(sh->out, OUT_PLAIN, "%-3d %-4s %-3s  ", bp->id, bp->temporary ? "once" : "keep",
		bp->enabled && !bp->ended ? "yes" : "no");
	if (bp->exception)
		out_add(sh->out, OUT_PLAIN, "%sexception %s",
			bp->when == CATCH_UNCAUGHT ? "uncaught "
			: bp->when == CATCH_USER   ? "user-unhandled "
						   : "",
			bp->exception);
	else if (bp->data)
		shell_show_watch(sh, bp);
	else if (bp->pending)
		out_add(sh->out, OUT_PLAIN, "%s, pending until it is loaded", bp->location);
	else
		out_add(sh->out, OUT_PLAIN, "%s:%d (%s), %zu location%s", bp->file, bp->line,
			bp->function, bp->nplaces, plural(bp->nplaces));
	if (bp->slots)
		out_add(sh->out, OUT_PLAIN, ", %u watch slot%s%s", bp->slots, plural(bp->slots),
			bp->enabled ? "" : " when enabled");
	else if (bp->engine == BP_UPROBE)
		out_add(sh->out, OUT_PLAIN, ", uprobe");
	out_end(sh->out);
	if (bp->ended)
		out_line(sh->out, "        it has ended: %s", bp->ended);
	if (bp->why)
		out_line(sh->out, "        %s", bp->why);
	if (bp->gone)
		out_line(sh->out, "        its code is gone, other code lies there now: clear it "
				  "and set it anew");
	if (bp->condition)
		shell_show_judge(sh, bp);
	if (bp->tid)
		out_line(sh->out, "        only in thread %d", bp->tid);
	if (bp->every > 1)
		out_line(sh->out, "        stops at one hit in %" PRIu64, bp->every);
	if (bp->limit)
		out_line(sh->out, "        stops at the first %" PRIu64 " hit%s only", bp->limit,
			 plural(bp->limit));
	if (bp->ignore)
		out_line(sh->out, "        lets the next %" PRIu64 " hit%s pass", bp->ignore,
			 plural(bp->ignore));
	if (all.hits)
		show_hits(sh, &all, counts, n);
	if (bp->in_kernel && all.undecided)
		out_line(sh->out,
			 "        left to user space %" PRIu64 " time%s: the kernel could not tell",
			 all.undecided, plural(all.undecided));
	if (all.errors)
		out_line(sh->out, "        condition failed %" PRIu64 " time%s, the last: %s",
			 all.errors, plural(all.errors), all.last_error);
	return 0;
}

int info_breakpoints(struct shell *sh, struct err *err)
{
	const struct bp *const *bps;
	size_t n = images_bps(sh->im, &bps);
	int r = 0;

	(void)err;
	if (!n) {
		out_line(sh->out, "no breakpoints: `break FILE:LINE` sets one");
		return 0;
	}
	out_add(sh->out, OUT_BOLD, "num stay on   where");
	out_end(sh->out);
	for (size_t i = 0; !r && i < n; i++)
		r = info_one(sh, bps[i]);
	return r;
}

static const char *name_of(struct session *s, int id)
{
	const struct bp *bp = session_bp(s, id);

	return bp && bp->data ? " watchpoint" : " breakpoint";
}

/* other: s is not the one that is looked at. */
static int show_holders(struct shell *sh, struct session *s, bool other)
{
	_cleanup_free_ struct slot_holder *holders = NULL;
	size_t n = 0;
	int r = session_slot_holders(s, &holders, &n);

	for (size_t i = 0; !r && i < n; i++) {
		out_add(sh->out, OUT_PLAIN, "  %#" PRIx64 " ", holders[i].address);
		if (holders[i].step)
			out_add(sh->out, OUT_PLAIN, " the step%s",
				holders[i].bps[0] ? ", lent by" : "");
		for (size_t k = 0; k < 4 && holders[i].bps[k]; k++)
			out_add(sh->out, OUT_PLAIN, "%s%s %d", k ? "," : "",
				name_of(s, holders[i].bps[k]), holders[i].bps[k]);
		out_add(sh->out, OUT_PLAIN, "%s", holders[i].more ? " ..." : "");
		if (other)
			out_add(sh->out, OUT_PLAIN, " in process %d (PID %d)", session_number(s),
				target_pid(session_target(s)));
		out_end(sh->out);
	}
	return r;
}

int info_slots(struct shell *sh, struct err *err)
{
	unsigned used, free_slots, others;
	struct session *s;
	size_t i = 0;
	int r = session_slots(sh->s, err, &used, &free_slots);

	if (r < 0)
		return r;
	others = session_slots_of_others(sh->s);
	out_add(sh->out, OUT_PLAIN, "%u of %d watch slots used here, ", used, TRACE_SLOTS);
	if (others)
		out_add(sh->out, OUT_PLAIN, "%u by other programs of the session, ", others);
	out_add(sh->out, OUT_PLAIN, "%u free", free_slots);
	if (used + others + free_slots < TRACE_SLOTS)
		out_add(sh->out, OUT_PLAIN, "; other debuggers on this machine hold the rest");
	out_end(sh->out);
	r = show_holders(sh, sh->s, false);
	while (!r && (s = images_other(sh->im, &i)))
		r = show_holders(sh, s, true);
	return r;
}
