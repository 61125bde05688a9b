// SPDX-License-Identifier: BSD-2-Clause
/* The tracers' rules, version by version. */
#include "probes/cpython/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "probes/cpython/flow.h"

/*
 * 3.6 to 3.9, maybe_call_line_trace() of Python/ceval.c: the start of a line, or what a jump
 * backwards leads to. 3.9 also reports a handler that is not the start of a line, if what raised
 * was not either and lies behind the first line (exception_unwind: instr_prev = INT_MAX), or if the
 * exception was thrown into a generator. What starts a line and raises is `raise` alone; that a
 * name is missing there is too rare to spend a watch on.
 */
static bool event_by_table(const struct flow *f, const struct flow_edge *e)
{
	uint32_t i = e->from;

	if (f->begins[e->to] || f->ins[e->to].start < f->ins[e->from].start)
		return true;
	if (!e->raised || f->minor < 9)
		return false;
	if (f->ins[e->from].kind == OPK_YIELD)
		return true;
	if (f->begins[e->from] && f->ins[e->from].kind == OPK_EXIT)
		return false;
	while (i > 0 && !f->begins[i])
		i--;
	return i > 0;
}

bool rule_ignored(const struct flow *f, const struct flow_edge *e)
{
	return f->minor == 9 && e->raised && f->begins[e->from] && f->ins[e->from].kind != OPK_EXIT;
}

#define ORIGINS_MAX 4096

/*
 * 3.10's RERAISE with an argument puts f_lasti back to what raised first: somewhere in the block
 * whose handler it ends. Is any of that on another line?
 */
static bool raised_elsewhere(const struct flow *f, const struct flow_edge *e)
{
	uint32_t i, steps;
	int32_t handler;

	for (i = e->from, steps = 0; i > 0 && steps < ORIGINS_MAX; i--, steps++) {
		handler = f->handler[i - 1];
		if (handler < 0 || (uint32_t)handler > e->from || (uint32_t)handler < i)
			continue;
		if (f->ins[i - 1].flags & OPF_RAISES && f->line[i - 1] != f->line[e->to])
			return true;
	}
	return false;
}

/* 3.10: the line differs from that of the instruction before, or a jump backwards. */
static bool event_by_line(const struct flow *f, const struct flow_edge *e)
{
	const struct instr *from = &f->ins[e->from];
	int32_t line = f->line[e->to];

	if (line && e->raised && from->flags & OPF_RERAISES && from->arg && raised_elsewhere(f, e))
		return true;
	return line && (line != f->line[e->from] || f->ins[e->to].start < f->ins[e->from].start);
}

/*
 * 3.11: the same, but the prologue has no lines, RESUME is never reported, and a SEND that is
 * reached backwards (the loop of `yield from`) is not either.
 */
static bool event_311(const struct flow *f, const struct flow_input *in, const struct flow_edge *e)
{
	const struct instr *to = &f->ins[e->to], *from = &f->ins[e->from];
	int32_t line = f->line[e->to], last = f->line[e->from];

	if (!line || to->kind == OPK_RESUME || to->at < in->first_traceable)
		return false;
	if (from->at <= in->first_traceable)
		last = 0;
	return line != last || (to->start < from->start && to->kind != OPK_SEND);
}

/*
 * 3.12+: INSTRUMENTED_LINE compares its line with the frame's previous position and keeps quiet
 * when it is the same, unless that is a RESUME (Python/instrumentation.c,
 * _Py_call_instrumentation_line); a jump backwards within a line is reported by the jump
 * (Python/legacy_tracing.c, sys_trace_jump_func).
 */
static bool event_monitored(const struct flow *f, const uint8_t *candidate,
			    const struct flow_edge *e)
{
	const struct instr *from = &f->ins[e->from];

	if (!candidate[e->to] || !f->line[e->to])
		return false;
	if (f->line[e->from] != f->line[e->to] || from->kind == OPK_RESUME)
		return true;
	/* what is thrown into a generator of 3.13+ finds it on the RESUME behind the YIELD_VALUE */
	if (f->minor >= 13 && e->raised && from->kind == OPK_YIELD)
		return true;
	return from->kind == OPK_JUMP_BACK && !e->raised;
}

bool rule_event(const struct flow *f, const struct flow_input *in, const uint8_t *candidate,
		const struct flow_edge *e)
{
	if (f->minor <= 9)
		return event_by_table(f, e);
	if (f->minor == 10)
		return event_by_line(f, e);
	if (f->minor == 11)
		return event_311(f, in, e);
	return event_monitored(f, candidate, e);
}

bool rule_entry_event(const struct flow *f)
{
	if (f->minor <= 9)
		return f->begins[0];
	return f->minor == 10 && f->line[0];
}

static bool never_a_line(const struct instr *i)
{
	return i->kind == OPK_END_FOR || i->kind == OPK_POP_ITER || i->kind == OPK_END_SEND ||
	       i->kind == OPK_END_ASYNC_FOR || i->kind == OPK_RESUME;
}

/* Python/instrumentation.c, initialize_lines(): starts of lines, targets of jumps, handlers. */
uint8_t *rule_candidates(const struct flow *f, const struct flow_input *in)
{
	uint8_t *c = calloc(f->n, 1);
	int32_t current = 0;
	uint32_t i;

	if (!c)
		return NULL;
	for (i = 0; i < f->n; i++) {
		if (f->ins[i].at < in->first_traceable || never_a_line(&f->ins[i]))
			continue;
		c[i] = f->line[i] && f->line[i] != current;
		current = f->line[i];
	}
	for (i = 0; i < f->n; i++) {
		int64_t to = f->ins[i].target;
		int32_t handler = f->handler[i];

		if (f->ins[i].at < in->first_traceable)
			continue;
		if (to >= 0 && (f->ins[i].kind == OPK_FOR_ITER || f->ins[i].kind == OPK_SEND))
			to++;
		if (to >= 0 && to < f->n && f->line[to])
			c[to] = 1;
		if (handler >= 0 && f->line[handler] && f->ins[handler].kind != OPK_END_ASYNC_FOR)
			c[handler] = 1;
	}
	return c;
}

static int by_line(const void *a, const void *b)
{
	const struct interp_place *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

int places_find(const struct flow_input *in, struct interp_place **ret, size_t *ret_n)
{
	struct places_vec out = { 0 };
	struct flow f;
	int r;

	r = flow_init(&f, in);
	if (r)
		return r;
	r = in->minor <= 10 ? places_by_state(&f, in, &out) : places_by_frame(&f, in, &out);
	flow_deinit(&f);
	if (r) {
		vec_deinit(&out);
		return r;
	}
	if (out.n)
		qsort(out.data, out.n, sizeof(*out.data), by_line);
	*ret = out.data;
	*ret_n = out.n;
	return 0;
}
