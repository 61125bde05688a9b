// SPDX-License-Identifier: BSD-2-Clause
/* Writes to watched memory: which are writes to the reference, where it went, when it ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/capture.h"
#include "engine/data.h"
#include "engine/kexpr.h"
#include "engine/session_priv.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/trace.h"

/* ---- does what holds it live? ---- */

bool data_guards_hold(struct session *s, const struct interp_storage *st, unsigned n)
{
	for (unsigned i = 0; i < n && i < st->nguards; i++) {
		const struct interp_guard *g = &st->guards[i];
		uint64_t word;

		if (mem_u64(target_mem(s->target), g->addr, &word) < 0 ||
		    ((word & g->mask) == g->value) == g->differs)
			return false;
	}
	return true;
}

static bool on_stack(struct session *s, const struct interp_thread *t,
		     const struct interp_storage *st)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	size_t n = 0;

	if (s->in->ops->frames(s->in, t->tstate, SIZE_MAX, &frames, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (frames[i].frame == st->frame && frames[i].code == st->code)
			return true;
	return false;
}

bool data_frame_lives(struct session *s, const struct interp_storage *st)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;

	if (!data_guards_hold(s, st, st->nalive) || session_threads(s, &threads, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (on_stack(s, &threads[i], st))
			return true;
	return false;
}

/* ---- values ---- */

static const struct value_limits value_limits = {
	.depth = 3, .items = 100, .bytes = 4096, .total = 2000
};

static struct value *read_value(struct session *s, uint64_t addr)
{
	struct value *v = NULL;

	if (addr && s->in->ops->value(s->in, addr, &value_limits, &v))
		v = NULL;
	return v;
}

static struct value *read_old(struct session *s, uint64_t addr)
{
	struct value *v;

	if (addr != ABI_WRITE_UNKNOWN)
		return read_value(s, addr);
	v = value_new(VALUE_UNREADABLE, "?");
	if (v)
		v->text = strdup("<not known: its memory may be another's>");
	return v;
}

/* What is read again by its address may be another object by then. */
static void forget_addresses(struct value *v)
{
	if (!v)
		return;
	v->address = 0;
	for (size_t i = 0; i < v->nitems; i++)
		forget_addresses(v->items[i]);
}

/*
 * The old value is the one that was read when it was written, unless the kernel let writes pass
 * since: the object is alive until the writer goes on. `before`: serial of the write before.
 */
static void take_values(struct session *s, struct data_watch *w, uint64_t old, uint64_t new,
			uint64_t before, uint64_t serial)
{
	value_free(w->old);
	value_free(w->new);
	w->new = read_value(s, new);
	w->old = before == w->now_serial ? take_ptr(w->now) : read_old(s, old);
	value_free(w->now);
	forget_addresses(w->old);
	w->now = read_value(s, new);
	w->now_serial = w->serial = serial;
	w->last = new;
}

void data_remember(struct session *s, struct data_watch *w)
{
	value_free(w->now);
	w->last = w->nowhere ? 0 : w->st.value;
	w->now_serial = w->serial;
	w->now = read_value(s, w->last);
}

/* One of a record's values; NULL: nothing. */
static struct value *recorded_value(struct session *s, const struct abi_value *from,
				    const struct value_limits *lim)
{
	struct value *v = NULL;

	if (from->kind == ABI_VALUE_OBJECT && s->in->ops->value(s->in, from->bits, lim, &v))
		v = NULL;
	return v;
}

int session_watch_record(struct session *s, int id, const struct capture *c,
			 const struct value_limits *lim)
{
	const struct abi_hit *hit = &c->rec->hit;
	struct bp_priv *b = bp_find(s, id);
	struct data_watch *w = b ? b->data : NULL;

	if (!w || c->rec->nvalues != 2)
		return -EINVAL;
	value_free(w->old);
	value_free(w->new);
	capture_begin(c, target_mem(s->target));
	if (c->values[0].error != -EOPNOTSUPP)
		w->old = recorded_value(s, &c->values[0], lim);
	else if (hit->serial - 1 == w->now_serial)
		w->old = take_ptr(w->now);
	else
		w->old = read_old(s, ABI_WRITE_UNKNOWN);
	if (c->values[0].error == -EOPNOTSUPP)
		forget_addresses(w->old);
	w->new = recorded_value(s, &c->values[1], lim);
	value_free(w->now);
	w->now = recorded_value(s, &c->values[1], lim);
	capture_end(target_mem(s->target));
	w->now_serial = hit->serial;
	return 0;
}

/* ---- the end ---- */

static struct bp_priv *end_watch(struct session *s, struct bp_priv *b, const char *why)
{
	struct data_watch *w = b->data;

	data_disarm(s, b);
	free(b->pub.ended);
	b->pub.ended = strdup(why);
	w->ending = true;
	value_free(w->old);
	value_free(w->new);
	w->new = NULL;
	w->old = take_ptr(w->now);
	return b;
}

static struct bp_priv *holder_gone(struct session *s, struct bp_priv *b)
{
	char text[320];

	snprintf(text, sizeof(text), "%s %s", b->data->holder,
		 b->data->st.kind == STORAGE_LOCAL ? "has returned" : "is gone");
	return end_watch(s, b, text);
}

void data_check(struct session *s)
{
	for (size_t i = 0; i < s->bps.n; i++) {
		struct bp_priv *b = s->bps.data[i];
		const struct interp_storage *st = b->data ? &b->data->st : NULL;

		if (!st || st->kind != STORAGE_LOCAL || !b->data->slot_point ||
		    (b->process && b->process != s->now->pid))
			continue;
		if (st->detached ? !data_guards_hold(s, st, st->nalive)
				 : !data_frame_lives(s, st)) {
			holder_gone(s, b);
			b->data->ending = false;
		}
	}
}

int data_locate(struct session *s, struct data_watch *w, struct err *err)
{
	struct interp_storage st = w->st;
	int r;

	if (!data_guards_hold(s, &st, st.nalive) ||
	    (st.kind == STORAGE_LOCAL && !st.detached && !data_frame_lives(s, &st)))
		return err_set(err, -ESTALE, "%s: %s %s", s->label, w->holder,
			       st.kind == STORAGE_LOCAL ? "has returned" : "is gone");
	r = s->in->ops->storage(s->in, &w->ref, err, &st);
	if (r && r != -EAGAIN)
		return r;
	w->st = st;
	w->nowhere = r == -EAGAIN;
	return 0;
}

/* ---- following ---- */

/* Writes that stopped nobody have gone by: the kernel knows the last. */
static void data_catch_up(struct session *s, struct data_watch *w)
{
	struct abi_data abi;

	if (w->slot_point && !trace_data_get(s->trace, w->slot_point, &abi)) {
		w->last = abi.last;
		w->serial = abi.serial;
	}
}

/* A write that the kernel has not counted. */
static struct bp_priv *late_write(struct session *s, struct bp_priv *b, struct abi_hit hit,
				  uint64_t new)
{
	struct data_watch *w = b->data;

	if (b->pub.tid && b->pub.tid != (pid_t)hit.tid)
		return NULL;
	hit.write.old = w->last;
	hit.write.new = new;
	take_values(s, w, hit.write.old, new, w->serial, w->serial);
	if (!rules_ask(s, b, &hit))
		return NULL;
	if (b->pub.action == BP_LOG && s->opt.written)
		s->opt.written(s->opt.priv, b->pub.id, &hit);
	return b;
}

/* It is elsewhere now, or nowhere. What was written meanwhile is told. */
static struct bp_priv *follow(struct session *s, struct bp_priv *b, const struct abi_hit *hit)
{
	struct data_watch *w = b->data;
	enum interp_gone was = w->st.gone;
	bool was_nowhere = w->nowhere, quiet = w->quiet;
	struct interp_storage st = w->st;
	struct bp_priv *winner = NULL;
	struct err err = { 0 };
	int r;

	if (!data_guards_hold(s, &st, st.nalive))
		return holder_gone(s, b);
	data_catch_up(s, w);
	r = s->in->ops->storage(s->in, &w->ref, &err, &st);
	if (r && r != -EAGAIN)
		return end_watch(s, b, err.text);
	w->st = st;
	w->nowhere = r == -EAGAIN;
	if (w->nowhere) {
		if (st.gone == GONE_ABSENT && w->last && !quiet)
			winner = late_write(s, b, *hit, 0);
	} else {
		w->quiet = false;
		if (was_nowhere &&
		    (was == GONE_ABSENT || (was == GONE_LENT && st.value != w->last)))
			winner = late_write(s, b, *hit, st.value);
	}
	if (data_arm(s, b, &err))
		return end_watch(s, b, err.text);
	return winner;
}

/* By a thread that does not run the frame. The kernel goes on from here. */
static struct bp_priv *foreign_write(struct session *s, struct bp_priv *b,
				     const struct abi_hit *hit)
{
	struct bp_priv *winner;

	data_catch_up(s, b->data);
	winner = late_write(s, b, *hit, hit->write.new);
	data_tell_last(s, b->data);
	return winner;
}

/* The watched memory was written, and it may be no plain write. */
static struct bp_priv *judge_write(struct session *s, struct bp_priv *b, const struct abi_hit *hit,
				   bool hits, bool ask)
{
	switch (hit->why) {
	case ABI_WHY_FRAME:
		return data_frame_lives(s, &b->data->st) ? foreign_write(s, b, hit)
							 : holder_gone(s, b);
	case ABI_WHY_HALF:
		b->data->quiet = true;
		return follow(s, b, hit);
	case ABI_WHY_GUARD:
	case ABI_WHY_DELETED:
		return follow(s, b, hit);
	default:
		break;
	}
	if (!hits)
		return NULL;
	take_values(s, b->data, hit->write.old, hit->write.new, hit->serial - 1, hit->serial);
	return !ask || rules_ask(s, b, hit) ? b : NULL;
}

struct bp_priv *data_judge(struct session *s, const struct abi_hit *hit)
{
	struct bp_priv *winner = NULL, *won;

	for (size_t i = 0; i < s->bps.n; i++) {
		struct bp_priv *b = s->bps.data[i];
		bool hits = false, ask = false;

		if (!b->data)
			continue;
		b->data->ending = false;
		for (size_t j = 0; j < ABI_PLACE_RULES; j++) {
			if (!hit->rules[j] || hit->rules[j] != rules_of(b, KEXPR_AT_WRITE))
				continue;
			hits = true;
			ask = hit->undecided & 1u << j;
		}
		won = NULL;
		if (b->data->slot_point == hit->addr)
			won = judge_write(s, b, hit, hits, ask);
		else if (b->data->moves_point == hit->addr || b->data->also_point == hit->addr)
			won = follow(s, b, hit);
		if (b->pub.action == BP_STOP && !winner)
			winner = won;
	}
	return winner;
}
