// SPDX-License-Identifier: BSD-2-Clause
/* Who holds the watch slots: breakpoints, and the step that is on. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/data.h"
#include "engine/session_priv.h"
#include "trace/trace.h"

static void add_bp(struct slot_holder *h, int id)
{
	size_t i;

	for (i = 0; i < 4 && h->bps[i]; i++)
		if (h->bps[i] == id)
			return;
	if (i < 4)
		h->bps[i] = id;
	else
		h->more = true;
}

/* The breakpoints that have armed the place. */
static void add_users(struct session *s, const struct place *p, struct slot_holder *h)
{
	for (size_t i = 0; i < s->bps.n; i++) {
		const struct bp_priv *b = s->bps.data[i];

		for (size_t j = 0; b->place_ids && j < b->where.n; j++)
			if (b->place_ids[j] == p->id)
				add_bp(h, b->pub.id);
	}
}

/* The entry of that address, made if there is none; all has room. */
static struct slot_holder *holder_at(struct slot_holder *all, size_t *n, uint64_t addr)
{
	size_t k;

	for (k = 0; k < *n && all[k].address != addr; k++)
		;
	if (k == *n)
		all[(*n)++] = (struct slot_holder){ .address = addr };
	return &all[k];
}

int session_slot_holders(struct session *s, struct slot_holder **ret, size_t *ret_n)
{
	struct slot_holder *all = calloc(s->places.n + 2 * s->bps.n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; s->trace && i < s->places.n; i++) {
		const struct place *p = s->places.data[i];

		if (p->addr != ABI_ADDR_ENTRY)
			add_users(s, p, holder_at(all, &n, p->addr));
	}
	for (size_t i = 0; s->trace && i < s->bps.n; i++) {
		const struct bp_priv *b = s->bps.data[i];

		if (b->data && b->data->slot_point)
			add_bp(holder_at(all, &n, b->data->slot_point), b->pub.id);
		if (b->data && b->data->moves_point)
			add_bp(holder_at(all, &n, b->data->moves_point), b->pub.id);
		if (b->data && b->data->also_point) /* then there is no slot_point */
			add_bp(holder_at(all, &n, b->data->also_point), b->pub.id);
	}
	if (s->step.on && s->step.armed) {
		all[n] = (struct slot_holder){ .address = s->step.armed, .step = true };
		for (size_t i = 0; i < s->places.n; i++)
			if (s->places.data[i]->lent)
				add_users(s, s->places.data[i], &all[n]);
		n++;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

static unsigned slots_of(const struct bp_priv *b)
{
	if (b->data)
		return (b->data->slot_point ? 1u : 0u) + (b->data->moves_point ? 1u : 0u) +
		       (b->data->also_point ? 1u : 0u);
	return b->place_ids ? b->pub.slots : 0;
}

/* "; in process 2 (PID 42)" */
static void add_program(const struct session *s, struct strbuf *out)
{
	size_t more;
	const struct process *first = session_first_living(s, &more);

	strbuf_addf(out, "%sin process %d (PID %d)", out->len ? "; " : "", first->number,
		    first->pid);
	if (more)
		strbuf_addf(out, " and %zu that share its program", more);
}

/* "breakpoint 1 (2 slots), watchpoint 3 (1 slot)" */
static void add_holders(struct session *s, bool other, struct strbuf *out)
{
	size_t shown = 0;

	for (size_t i = 0; i < s->bps.n; i++) {
		const struct bp_priv *b = s->bps.data[i];
		unsigned n = slots_of(b);

		if (n && !shown && other)
			add_program(s, out);
		if (n)
			strbuf_addf(out, "%s%s %d (%u slot%s)",
				    shown++ ? ", "
				    : other ? ": "
					    : "",
				    b->data ? "watchpoint" : "breakpoint", b->pub.id, n,
				    n == 1 ? "" : "s");
	}
}

static bool is_fellow(const struct session *s, size_t i)
{
	return s->fellows->data[i] != s && !s->fellows->data[i]->over;
}

unsigned session_slots_of_others(struct session *s)
{
	unsigned all = 0;

	for (size_t i = 0; s->fellows && i < s->fellows->n; i++) {
		_cleanup_free_ struct slot_holder *holders = NULL;
		size_t n = 0;

		if (is_fellow(s, i) && !session_slot_holders(s->fellows->data[i], &holders, &n))
			all += (unsigned)n;
	}
	return all;
}

int slots_explain(struct session *s, unsigned needed, const char *what, const char *instead,
		  struct err *err)
{
	_cleanup_strbuf_ struct strbuf who = STRBUF_INIT;
	unsigned used = 0, nfree = 0;

	(void)session_slots(s, NULL, &used, &nfree);
	add_holders(s, false, &who);
	for (size_t i = 0; s->fellows && i < s->fellows->n; i++)
		if (is_fellow(s, i))
			add_holders(s->fellows->data[i], true, &who);
	if (used + session_slots_of_others(s) + nfree < TRACE_SLOTS)
		strbuf_addf(&who, "%sanother debugger or the kernel", who.len ? ", and " : "");
	return err_set(err, -ENOSPC, "%s: %s needs %u watch slot%s, and %u of %d are free%s%s; %s",
		       s->label, what, needed, needed == 1 ? "" : "s", nfree, TRACE_SLOTS,
		       who.len ? "; they are held by: " : "", strbuf_str(&who), instead);
}
