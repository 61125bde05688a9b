// SPDX-License-Identifier: BSD-2-Clause
/* Breakpoints while they are enabled: their rules and places in the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/data.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "trace/trace.h"

uint32_t bp_rule_at(const struct bp_priv *b, size_t i)
{
	const struct bind_place *bp = &b->where.places[i];

	return bp->place->event ? rules_of(b, bp->code) : 0;
}

static bool bp_stops(const struct bp_priv *b)
{
	return b->pub.action == BP_STOP;
}

/* What several processes have loaded, each by itself, may lie at one address. */
static bool is_shared(const struct bp_priv *b, size_t i)
{
	for (size_t k = 0; k < b->where.n; k++)
		if (k != i && b->place_ids[k] == b->place_ids[i] &&
		    bp_rule_at(b, k) == bp_rule_at(b, i))
			return true;
	return false;
}

void bp_release_place(struct session *s, struct bp_priv *b, size_t i)
{
	uint32_t rule = bp_rule_at(b, i);

	if (b->place_ids[i])
		place_release(s, b->place_ids[i], is_shared(b, i) ? 0 : rule, rule && bp_stops(b));
	b->place_ids[i] = 0;
}

void bp_disarm(struct session *s, struct bp_priv *b)
{
	catch_disarm(s, b);
	if (b->data && b->rules.n) {
		rules_refresh(s, b);
		data_disarm(s, b);
		rules_drop(s, b);
		return;
	}
	if (!b->place_ids)
		return;
	rules_refresh(s, b);
	for (size_t i = 0; s->trace && i < b->where.n; i++)
		bp_release_place(s, b, i);
	rules_drop(s, b);
	free(b->place_ids);
	b->place_ids = NULL;
}

/* Does the binding's line have a place whose filter needs the previous one? Then all of the line
 * keep state. */
static bool binding_keeps_state(const struct binding *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->places[i].place->ndrop || !w->places[i].place->event)
			return true;
	return false;
}

static int bp_arm_data(struct session *s, struct bp_priv *b, struct err *err)
{
	struct process *was = b->process ? process_visit(s, b->process) : NULL;
	int r = session_still_begin(s, err);
	unsigned needed, used, nfree;

	if (r)
		goto back;
	r = data_locate(s, b->data, err);
	needed = data_slots(b->data);
	data_remember(s, b->data);
	if (!r)
		r = rules_make(s, b, err);
	if (!r)
		r = data_arm(s, b, err);
	session_still_end(s, NULL);
	if (!r)
		goto back;
	bp_disarm(s, b);
	session_relax(s);
	if (r == -ENOSPC && !session_slots(s, NULL, &used, &nfree) && nfree < needed)
		(void)slots_explain(s, needed, "a watchpoint there", "`disable` one", err);
back:
	process_back(s, was);
	return r;
}

static bool bp_is_uprobe(const struct bp_priv *b)
{
	for (size_t i = 0; i < b->where.n; i++)
		if (b->where.places[i].entry)
			return true;
	return b->pub.exception;
}

int bp_take_places(struct session *s, struct bp_priv *b, size_t first, struct err *err)
{
	bool keep = binding_keeps_state(&b->where);
	int r = 0;

	for (size_t i = first; !r && i < b->where.n; i++) {
		uint32_t rule = bp_rule_at(b, i);

		r = place_take(s, &b->where.places[i], keep, rule, rule && bp_stops(b), err,
			       &b->place_ids[i]);
	}
	return r;
}

int bp_arm(struct session *s, struct bp_priv *b, struct err *err)
{
	unsigned used, nfree;
	int r;

	r = session_over(s, err);
	if (!r)
		r = session_need_trace(s, err);
	if (!r && (bp_stops(b) || b->data))
		r = bp_is_uprobe(b) ? session_need_births(s, err) : session_need_stops(s, err);
	if (r)
		return r;
	if (b->pub.exception) {
		r = catch_arm(s, b, err);
		if (r)
			session_relax(s);
		return r;
	}
	if (b->data)
		return bp_arm_data(s, b, err);
	b->place_ids = calloc(b->where.n, sizeof(*b->place_ids));
	r = b->place_ids ? rules_make(s, b, err) : err_set(err, -ENOMEM, "out of memory");
	if (!r)
		r = bp_take_places(s, b, 0, err);
	if (!r)
		return 0;
	bp_disarm(s, b);
	session_relax(s);
	if (r == -ENOSPC && !session_slots(s, NULL, &used, &nfree) && nfree < b->pub.slots)
		(void)slots_explain(s, b->pub.slots, "the line",
				    "`disable` one, " BP_UPROBE_INSTEAD, err);
	return r;
}

void bps_disarm(struct session *s)
{
	size_t i;

	for (i = 0; s->trace && i < s->places.n; i++)
		trace_unwatch(s->trace, s->places.data[i]->addr);
	if (s->trace) {
		trace_program_off(s->trace, TRACE_PROGRAM_CATCH);
		trace_program_off(s->trace, TRACE_PROGRAM_ENTER);
		trace_program_off(s->trace, TRACE_PROGRAM_EVAL_CODE);
	}
	for (i = 0; s->trace && i < s->bps.n; i++)
		if (s->bps.data[i]->data)
			data_disarm(s, s->bps.data[i]);
}
