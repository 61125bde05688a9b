// SPDX-License-Identifier: BSD-2-Clause
/* Watched places: what the kernel is told of them, and how many breakpoints use each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "trace/trace.h"

struct place *place_by_id(struct session *s, uint32_t id)
{
	size_t i;

	for (i = 0; i < s->places.n; i++)
		if (s->places.data[i]->id == id)
			return s->places.data[i];
	return NULL;
}

static struct place *place_at(struct session *s, uint64_t addr, uint64_t code)
{
	size_t i;

	for (i = 0; i < s->places.n; i++)
		if ((s->places.data[i]->lent ? s->places.data[i]->lent : s->places.data[i]->addr) ==
			    addr &&
		    s->places.data[i]->code == code)
			return s->places.data[i];
	return NULL;
}

/* Begin to look at addr, as its first place is set. 0 or negative errno with a line. */
static int look_at(struct session *s, uint64_t addr, struct err *err)
{
	return addr == ABI_ADDR_ENTRY ? session_program_on(s, TRACE_PROGRAM_ENTER, err)
				      : trace_watch(s->trace, addr, err);
}

static void look_away(struct session *s, uint64_t addr)
{
	if (addr == ABI_ADDR_ENTRY)
		trace_program_off(s->trace, TRACE_PROGRAM_ENTER);
	else
		trace_unwatch(s->trace, addr);
}

static bool address_used(struct session *s, uint64_t addr)
{
	size_t i;

	for (i = 0; i < s->places.n; i++)
		if (s->places.data[i]->addr == addr)
			return true;
	return false;
}

/* Put a rule into the first free slot, or take it out. 0 or -ENOSPC. */
static int place_replace(struct place *p, uint32_t old, uint32_t new)
{
	for (size_t i = 0; i < ABI_PLACE_RULES; i++) {
		if (p->abi.rules[i] != old)
			continue;
		p->abi.rules[i] = new;
		return 0;
	}
	return -ENOSPC;
}

void place_release(struct session *s, uint32_t id, uint32_t rule, bool stops)
{
	struct place *p = place_by_id(s, id);
	size_t i;

	if (!p)
		return;
	if (stops)
		p->stops--;
	if (--p->users) {
		if (rule && !place_replace(p, rule, 0))
			(void)trace_place_set(s->trace, p->addr, p->code, &p->abi);
		return;
	}
	for (i = 0; s->places.data[i] != p; i++)
		;
	s->places.data[i] = s->places.data[--s->places.n];
	if (!address_used(s, p->addr))
		look_away(s, p->addr);
	trace_place_del(s->trace, p->addr, p->code);
	vec_deinit(&p->told);
	free(p);
}

static struct abi_place place_abi(uint32_t id, const struct interp_place *ip, bool keep_state)
{
	struct abi_place abi = {
		.id = id,
		.action = ip->event ? ABI_ACT_COUNT : ABI_ACT_NOTE,
		.ruled = 1,
		.offset = (int32_t)ip->offset,
		.ndrop = ip->ndrop,
		.keep_state = keep_state,
		.group = (uint32_t)ip->line,
	};
	uint32_t i;

	_Static_assert(ABI_DROP_RANGES == INTERP_DROP_MAX, "one limit for both sides");
	for (i = 0; i < ip->ndrop && i < ABI_DROP_RANGES; i++) {
		abi.drop[i].lo = ip->drop[i].lo;
		abi.drop[i].hi = ip->drop[i].hi;
	}
	return abi;
}

/*
 * One more use of a place that is armed already. Where a line begins may also be what helps another
 * line to tell its events (interp_place.event): then the place does both.
 */
static int place_join(struct session *s, struct place *p, const struct interp_place *ip,
		      bool keep_state, uint32_t rule, bool stops)
{
	struct abi_place old = p->abi;
	int r = 0;

	if (p->abi.group != (uint32_t)ip->line && !ip->event) {
		p->abi.note_group = (uint32_t)ip->line;
	} else if (ip->event && p->abi.action == ABI_ACT_NOTE) {
		p->abi = place_abi(p->id, ip, keep_state);
		p->abi.note_group = old.group;
	}
	/* It is there already where several processes have loaded the same there. */
	if (rule && place_replace(p, rule, rule))
		r = place_replace(p, 0, rule);
	if (!r && memcmp(&p->abi, &old, sizeof(old)))
		r = trace_place_set(s->trace, p->addr, p->code, &p->abi);
	if (r) {
		p->abi = old;
		return r;
	}
	p->users++;
	p->stops += stops;
	return 0;
}

static int err_busy(const struct session *s, struct err *err)
{
	return err_set(err, -EBUSY,
		       "%s: a breakpoint there lends its slot to the step: try again when that has "
		       "ended",
		       s->label);
}

int place_take(struct session *s, const struct bind_place *bp, bool keep_state, uint32_t rule,
	       bool stops, struct err *err, uint32_t *ret_id)
{
	uint64_t addr = bp->entry ? ABI_ADDR_ENTRY : bp->bytecode + bp->place->offset + 1;
	struct place *p = place_at(s, addr, bp->code);
	bool first_at_addr;
	int r;

	if (p && p->lent && (keep_state || !bp->place->event))
		return err_busy(s, err);
	if (p) {
		r = place_join(s, p, bp->place, keep_state, rule, stops);
		if (r == -ENOSPC)
			return err_set(err, r, "%s: %d breakpoints are at this line already",
				       s->label, ABI_PLACE_RULES);
		if (r)
			return err_set(err, r, "%s: cannot change a watched place: %s", s->label,
				       strerror(-r));
		*ret_id = p->id;
		return 0;
	}
	for (size_t i = 0; addr == ABI_ADDR_ENTRY && i < s->places.n; i++)
		if (s->places.data[i]->addr == addr && s->places.data[i]->code == bp->code)
			return err_busy(s, err);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->id = s->next_place++;
	p->addr = addr;
	p->code = bp->code;
	p->users = 1;
	p->stops = stops;
	p->abi = place_abi(p->id, bp->place, keep_state);
	p->abi.rules[0] = rule;
	first_at_addr = !address_used(s, addr);
	r = trace_place_set(s->trace, p->addr, p->code, &p->abi);
	if (r) {
		free(p);
		return err_set(err, r, "%s: cannot add a place to the kernel's map: %s", s->label,
			       strerror(-r));
	}
	r = first_at_addr ? look_at(s, addr, err) : 0;
	if (!r)
		r = vec_push(&s->places, p);
	if (r) {
		trace_place_del(s->trace, p->addr, p->code);
		free(p);
		return r;
	}
	*ret_id = p->id;
	return 0;
}
