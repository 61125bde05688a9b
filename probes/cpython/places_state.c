// SPDX-License-Identifier: BSD-2-Clause
/*
 * Up to 3.10 a frame's position is stored before the code unit is fetched: when the watchpoint
 * fires it already is the place itself. Where a line event depends on where control came from, we
 * look at the last watched place of the line that was hit in this frame instead. Which places can
 * be the last one on which edge is a data-flow problem over the code; where the answer is not
 * clear, helper places are watched too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/places.h"

#define WATCHED_MAX 62
#define BIT_NONE    (1ull << 63) /* nothing of this line was hit in this frame yet */
/* steps for one code object; beyond that places are marked inexact */
#define WORK_MAX (1ull << 31)

struct watched {
	uint32_t ins[WATCHED_MAX];
	size_t n;
};

struct solver {
	const struct flow *f;
	const struct flow_input *in;
	uint8_t *yes, *no; /* of each instruction: is it reached with an event, without one */
	int8_t *slot;	   /* of each instruction: its bit, -1: not watched */
	uint64_t *mask;	   /* of each instruction: which may be the last when it is reached */
	uint32_t *todo;
	uint8_t *queued;
	uint64_t work;
};

static uint64_t after(const struct solver *s, uint32_t i)
{
	return s->slot[i] >= 0 ? 1ull << s->slot[i] : s->mask[i];
}

static void watch(struct solver *s, struct watched *w, uint32_t i)
{
	if (s->slot[i] >= 0 || w->n >= WATCHED_MAX)
		return;
	s->slot[i] = (int8_t)w->n;
	w->ins[w->n++] = i;
}

static void unwatch_all(struct solver *s, struct watched *w)
{
	while (w->n)
		s->slot[w->ins[--w->n]] = -1;
}

/* One pass: what may be the last watched place on arrival at each instruction, `entry` at the
 * first. */
static void flow_from(struct solver *s, uint64_t entry)
{
	const struct flow *f = s->f;
	uint32_t n = 0, i, e;

	memset(s->mask, 0, f->n * sizeof(*s->mask));
	memset(s->queued, 0, f->n);
	s->mask[0] = entry;
	s->todo[n++] = 0;
	s->queued[0] = 1;
	while (n) {
		i = s->todo[--n];
		s->queued[i] = 0;
		for (e = f->out_first[i]; e < f->out_first[i + 1]; e++) {
			uint32_t to = f->out[e].to;
			uint64_t old = s->mask[to], m = old | after(s, i);

			s->work++;
			if (m == old)
				continue;
			s->mask[to] = m;
			/* behind a watched place nothing depends on what came before it */
			if (s->queued[to] || (old && s->slot[to] >= 0))
				continue;
			s->queued[to] = 1;
			s->todo[n++] = to;
		}
	}
}

/* Can a frame end here? A generator can be thrown away where it yields; END_FINALLY may go on with
 * a return. */
static bool may_end(const struct flow *f, uint32_t i)
{
	const struct instr *in = &f->ins[i];

	if (in->flags & OPF_RAISES && f->handler[i] < 0)
		return true;
	return in->kind == OPK_YIELD || in->kind == OPK_END_FINALLY ||
	       (in->kind == OPK_EXIT && !(in->flags & OPF_RAISES));
}

/*
 * A frame's memory is used again (up to 3.9 nearly always by the same code object), and what we
 * remember of it then is where a frame of that code object ended: so what holds at the ends holds
 * at the entry.
 */
static void flow_last(struct solver *s)
{
	const struct flow *f = s->f;
	uint64_t entry = BIT_NONE, ends = 0;
	uint32_t i;

	do {
		entry |= ends;
		flow_from(s, entry);
		for (i = 0; i < f->n; i++) {
			if (f->reached[i] && may_end(f, i))
				ends |= after(s, i);
		}
	} while (ends & ~entry);
}

/* The last places on the edges into x, with and without an event. */
static void sides(const struct solver *s, uint32_t x, bool raised, uint64_t *ret_yes,
		  uint64_t *ret_no)
{
	const struct flow *f = s->f;
	uint32_t e;

	*ret_yes = *ret_no = 0;
	if (x == 0) {
		if (rule_entry_event(f))
			*ret_yes = s->mask[0];
		else
			*ret_no = s->mask[0];
	}
	for (e = f->in_first[x]; e < f->in_first[x + 1]; e++) {
		if ((f->in[e].raised && !raised) || rule_ignored(f, &f->in[e]))
			continue;
		if (rule_event(f, s->in, NULL, &f->in[e]))
			*ret_yes |= after(s, f->in[e].from);
		else
			*ret_no |= after(s, f->in[e].from);
	}
}

static bool conflict(const struct solver *s, uint32_t x, bool raised)
{
	uint64_t yes, no;

	sides(s, x, raised, &yes, &no);
	return yes & no;
}

/* Watch where the edges into x come from: those without an event, those with one, or both. */
static void help(struct solver *s, struct watched *w, uint32_t x, bool no, bool yes)
{
	const struct flow *f = s->f;
	uint32_t e;

	for (e = f->in_first[x]; e < f->in_first[x + 1]; e++) {
		bool event = rule_event(f, s->in, NULL, &f->in[e]);

		if ((!f->in[e].raised || f->ins[f->in[e].from].kind == OPK_EXIT) &&
		    (event ? yes : no))
			watch(s, w, f->in[e].from);
	}
}

static bool solved(const struct solver *s, const uint32_t *x, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s->no[x[i]] && conflict(s, x[i], true))
			return false;
	return true;
}

/* Watch x[0..n), and helpers for those that are not clear without. Leaves the masks that belong to
 * *w. */
static void watch_line(struct solver *s, const uint32_t *x, size_t n, bool no, bool yes,
		       struct watched *w)
{
	uint32_t hard[WATCHED_MAX];
	size_t n_hard = 0, i;

	unwatch_all(s, w);
	for (i = 0; i < n; i++)
		watch(s, w, x[i]);
	flow_last(s);
	if (!no && !yes)
		return;
	for (i = 0; i < n; i++)
		if (s->no[x[i]] && conflict(s, x[i], true))
			hard[n_hard++] = x[i];
	for (i = 0; i < n_hard; i++)
		help(s, w, hard[i], no, yes);
	flow_last(s);
}

/*
 * Choose what to watch for the line whose event places are x[0..n), n <= WATCHED_MAX: the fewest
 * helpers that make it exact, none when nothing does. Leaves the choice in *w.
 */
static bool choose(struct solver *s, const uint32_t *x, size_t n, struct watched *w)
{
	size_t with_no;

	watch_line(s, x, n, false, false, w);
	if (solved(s, x, n))
		return true;
	watch_line(s, x, n, true, false, w);
	with_no = solved(s, x, n) ? w->n : SIZE_MAX;
	watch_line(s, x, n, false, true, w);
	if (solved(s, x, n) && w->n < with_no)
		return true;
	watch_line(s, x, n, true, with_no == SIZE_MAX, w);
	if (solved(s, x, n))
		return true;
	watch_line(s, x, n, false, false, w);
	return false;
}

static void add_drops(const struct solver *s, const struct watched *w, uint64_t no,
		      struct interp_place *p)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		int32_t off = (int32_t)s->f->ins[w->ins[i]].start;

		if (!(no >> i & 1))
			continue;
		if (p->ndrop == INTERP_DROP_MAX) {
			p->inexact = true;
			return;
		}
		p->drop[p->ndrop].lo = p->drop[p->ndrop].hi = off;
		p->ndrop++;
	}
	if (no & BIT_NONE && p->ndrop < INTERP_DROP_MAX) {
		p->drop[p->ndrop].lo = p->drop[p->ndrop].hi = -1;
		p->ndrop++;
	}
}

/* x[0..n): the instructions of one line that have an event. */
static int add_line(struct solver *s, const uint32_t *x, size_t n, struct places_vec *out)
{
	const struct flow *f = s->f;
	struct watched w = { .n = 0 };
	bool mixed = false, exact = true;
	size_t i;
	int r = 0;

	for (i = 0; i < n; i++)
		mixed |= s->no[x[i]];
	if (mixed && n <= WATCHED_MAX && s->work < WORK_MAX)
		exact = choose(s, x, n, &w);
	else
		exact = !mixed;
	for (i = 0; !r && i < n; i++) {
		struct interp_place p = { .offset = f->ins[x[i]].start,
					  .line = f->line[x[i]],
					  .event = true };
		uint64_t yes, no;

		if (s->no[x[i]] && w.n) {
			sides(s, x[i], true, &yes, &no);
			if (yes & no) { /* what an exception does here is rarer than all else */
				sides(s, x[i], false, &yes, &no);
				p.inexact = true;
			}
			add_drops(s, &w, no & ~yes, &p);
		} else if (s->no[x[i]]) {
			p.inexact = !exact;
		}
		r = vec_push(out, p);
	}
	for (i = n; !r && i < w.n; i++)
		r = vec_push(out, (struct interp_place){ .offset = f->ins[w.ins[i]].start,
							 .line = f->line[x[0]] });
	unwatch_all(s, &w);
	return r;
}

struct by_line {
	int32_t line;
	uint32_t ins;
};

static int compare(const void *a, const void *b)
{
	const struct by_line *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->ins < y->ins ? -1 : x->ins > y->ins;
}

static int add_lines(struct solver *s, struct by_line *l, size_t n, struct places_vec *out)
{
	_cleanup_free_ uint32_t *x = calloc(n + 1, sizeof(*x));
	size_t i, k;
	int r = 0;

	if (!x)
		return -ENOMEM;
	if (n)
		qsort(l, n, sizeof(*l), compare);
	for (i = 0; !r && i < n; i = k) {
		for (k = i; k < n && l[k].line == l[i].line; k++)
			x[k - i] = l[k].ins;
		r = add_line(s, x, k - i, out);
	}
	return r;
}

/* Which instructions are reached with an event, and which without. */
static void classify(struct solver *s)
{
	const struct flow *f = s->f;
	uint32_t i, e;

	if (rule_entry_event(f))
		s->yes[0] = 1;
	else
		s->no[0] = 1;
	for (i = 0; i < f->n; i++)
		for (e = f->in_first[i]; e < f->in_first[i + 1]; e++)
			if (rule_event(f, s->in, NULL, &f->in[e]))
				s->yes[i] = 1;
			else
				s->no[i] = 1;
}

int places_by_state(const struct flow *f, const struct flow_input *in, struct places_vec *out)
{
	struct solver s = { .f = f, .in = in };
	struct by_line *lines = calloc(f->n, sizeof(*lines));
	size_t n = 0;
	uint32_t i;
	int r = -ENOMEM;

	s.yes = calloc(f->n, 1);
	s.no = calloc(f->n, 1);
	s.slot = malloc(f->n);
	s.mask = calloc(f->n, sizeof(*s.mask));
	s.todo = calloc(f->n, sizeof(*s.todo));
	s.queued = calloc(f->n, 1);
	if (lines && s.yes && s.no && s.slot && s.mask && s.todo && s.queued) {
		memset(s.slot, -1, f->n);
		classify(&s);
		for (i = 0; i < f->n; i++)
			if (s.yes[i] && f->line[i])
				lines[n++] = (struct by_line){ f->line[i], i };
		r = add_lines(&s, lines, n, out);
	}
	free(lines);
	free(s.yes);
	free(s.no);
	free(s.slot);
	free(s.mask);
	free(s.todo);
	free(s.queued);
	return r;
}
