// SPDX-License-Identifier: BSD-2-Clause
/*
 * From 3.11 on the frame still holds the position before when the watchpoint fires (the handler
 * stores the new one after the fetch). So the tracer's own rule can be put to it: drop the hit when
 * that position is one from which there is no event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/places.h"

/* What the frame may say on arrival, and whether there is an event then. */
struct seen {
	int32_t lo, hi; /* bytes, inclusive */
	bool event;
	bool alias; /* stands for an edge that starts elsewhere: weaker */
};

struct frame_solver {
	const struct flow *f;
	const struct flow_input *in;
	uint8_t *candidate;
	VEC(struct seen) seen;
};

/*
 * 3.11 and 3.12 come back from a Python function with the caller's position on the last cache of
 * the call. That has the call's line in 3.11; in 3.12 it has none, so the tracer believes that the
 * line changed (Python/instrumentation.c, NO_LINE of initialize_lines()): `x = c or f()` gives two
 * events.
 */
static int see(struct frame_solver *s, uint32_t i, uint32_t to, bool event, bool alias)
{
	const struct instr *in = &s->f->ins[i];
	int32_t start = (int32_t)in->start, end = (int32_t)in->end - 1;
	int r = 0;

	if (in->flags & OPF_INLINES && s->candidate[to]) {
		r = vec_push(&s->seen, (struct seen){ (int32_t)in->at + 2, end, true, alias });
		end = (int32_t)in->at + 1;
	}
	return r ? r : vec_push(&s->seen, (struct seen){ start, end, event, alias });
}

/*
 * Neighbours may run as one, and then the frame stays on the first (3.11 and 3.12:
 * LOAD_FAST__LOAD_FAST and its like, COMPARE_OP_*_JUMP, PRECALL with CALL; all:
 * BINARY_OP_INPLACE_ADD_UNICODE, CALL_LIST_APPEND). So what lies before the edge's start stands for
 * it too. It leads nowhere else, so nothing is lost if they never run together.
 */
static int see_before(struct frame_solver *s, uint32_t from, uint32_t to, bool event)
{
	const struct flow *f = s->f;
	uint32_t i = from, depth;
	int r = 0;

	for (depth = 0; !r && depth < 2; depth++) {
		if (i == 0 || f->in_first[i + 1] - f->in_first[i] != 1 ||
		    f->in[f->in_first[i]].from != i - 1 || f->in[f->in_first[i]].raised)
			break;
		if (f->ins[i - 1].kind != OPK_PLAIN)
			break;
		i--;
		r = see(s, i, to, event, true);
	}
	return r;
}

/*
 * When a generator that SEND_GEN or FOR_ITER_GEN runs ends, 3.12 moves the caller's position ahead
 * by the jump, so that it lies on the unit before the target (Python/bytecodes.c, return_offset).
 */
static int see_return(struct frame_solver *s, const struct flow_edge *e, bool event)
{
	const struct flow *f = s->f;
	uint32_t i = e->to;

	if (f->minor != 12 || i == 0 ||
	    (f->ins[e->from].kind != OPK_SEND && f->ins[e->from].kind != OPK_FOR_ITER))
		return 0;
	return see(s, i - 1, e->to, event, true);
}

/* RERAISE puts the frame back to where the exception came from, so any instruction that raises may
 * be seen. */
static int see_raisers(struct frame_solver *s, uint32_t to)
{
	struct flow_edge e = { .to = to, .raised = true };
	int r = 0;

	for (e.from = 0; !r && e.from < s->f->n; e.from++)
		if (s->f->ins[e.from].flags & OPF_RAISES && s->f->handler[e.from] >= 0)
			r = see(s, e.from, to, rule_event(s->f, s->in, s->candidate, &e), true);
	return r;
}

/* A generator of 3.13+ that is resumed, by throw() too, stands on the RESUME behind its
 * YIELD_VALUE. */
static uint32_t seen_from(const struct flow *f, const struct flow_edge *e)
{
	if (f->minor >= 13 && e->raised && f->ins[e->from].kind == OPK_YIELD && e->from + 1 < f->n)
		return e->from + 1;
	return e->from;
}

static int see_all(struct frame_solver *s, uint32_t x)
{
	const struct flow *f = s->f;
	bool reraised = false;
	uint32_t e;
	int r = 0;

	s->seen.n = 0;
	for (e = f->in_first[x]; !r && e < f->in_first[x + 1]; e++) {
		bool event = rule_event(f, s->in, s->candidate, &f->in[e]);

		r = see(s, seen_from(f, &f->in[e]), x, event, false);
		if (!r && !f->in[e].raised)
			r = see_before(s, f->in[e].from, x, event);
		if (!r && f->in[e].to == (uint32_t)f->ins[f->in[e].from].target)
			r = see_return(s, &f->in[e], event);
		reraised |= f->in[e].raised && f->ins[f->in[e].from].flags & OPF_RERAISES;
	}
	if (!r && reraised)
		r = see_raisers(s, x);
	return r;
}

static int by_position(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->alias - y->alias; /* the stronger first */
}

/* Intervals around the positions without an event, none of those with one inside. */
static void fill_drops(struct frame_solver *s, struct interp_place *p)
{
	const struct seen *prev = NULL;
	bool open = false;
	size_t i;

	qsort(s->seen.data, s->seen.n, sizeof(*s->seen.data), by_position);
	for (i = 0; i < s->seen.n; i++) {
		const struct seen *now = &s->seen.data[i];

		if (prev && prev->lo == now->lo) {
			/* two edges from one instruction that differ: one of them is an exception
			 */
			if (prev->event != now->event && !now->alias)
				p->inexact = true;
			continue;
		}
		prev = now;
		if (now->event) {
			open = false;
		} else if (open) {
			p->drop[p->ndrop - 1].hi = now->hi;
		} else if (p->ndrop == INTERP_DROP_MAX) {
			p->inexact = true;
		} else {
			p->drop[p->ndrop].lo = now->lo;
			p->drop[p->ndrop++].hi = now->hi;
			open = true;
		}
	}
}

int places_by_frame(const struct flow *f, const struct flow_input *in, struct places_vec *out)
{
	struct frame_solver s = { .f = f, .in = in };
	uint32_t i;
	size_t k;
	int r = 0;

	if (in->minor >= 12) {
		s.candidate = rule_candidates(f, in);
		if (!s.candidate)
			return -ENOMEM;
	}
	for (i = 0; !r && i < f->n; i++) {
		struct interp_place p = { .offset = f->ins[i].start, .line = f->line[i] };

		if (!f->reached[i] || !f->line[i] || (s.candidate && !s.candidate[i]))
			continue;
		r = see_all(&s, i);
		for (k = 0; !r && k < s.seen.n; k++)
			p.event |= s.seen.data[k].event;
		if (r || !p.event)
			continue;
		fill_drops(&s, &p);
		r = vec_push(out, p);
	}
	free(s.candidate);
	vec_deinit(&s.seen);
	return r;
}
