// SPDX-License-Identifier: BSD-2-Clause
/*
 * Breakpoints in several processes. What was loaded before a fork is at the same addresses in all;
 * what each has loaded by itself may be anywhere, so a breakpoint has the places of all of them. A
 * trap at one that is another process's is told by its code object, and in doubt by what lies there
 * (bp_is_same_code()).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/data.h"
#include "engine/index.h"
#include "engine/location.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "trace/trace.h"
#include "target/ptrace.h"

int binding_keep_names(struct session *s, struct binding *w)
{
	w->file = code_index_intern(s->names, w->file);
	w->function = code_index_intern(s->names, w->function);
	return w->file && w->function ? 0 : -ENOMEM;
}

/* Arm those of b's places that come after the first `had`. */
static int arm_more(struct session *s, struct bp_priv *b, size_t had, struct err *err)
{
	uint32_t *ids = realloc(b->place_ids, b->where.n * sizeof(*ids));

	if (!ids)
		return err_set(err, -ENOMEM, "out of memory");
	memset(ids + had, 0, (b->where.n - had) * sizeof(*ids));
	b->place_ids = ids;
	return bp_take_places(s, b, had, err);
}

/* Without the place number i. */
static void forget_place(struct session *s, struct bp_priv *b, size_t i)
{
	struct binding *w = &b->where;

	if (b->place_ids) {
		bp_release_place(s, b, i);
		memmove(&b->place_ids[i], &b->place_ids[i + 1],
			(w->n - i - 1) * sizeof(*b->place_ids));
	}
	free(w->places[i].place);
	memmove(&w->places[i], &w->places[i + 1], (w->n - i - 1) * sizeof(*w->places));
	w->n--;
}

int bp_extend(struct session *s, struct bp_priv *b, const struct binding *w, struct err *err,
	      bool *ret_changed)
{
	size_t had = b->where.n;
	int r = 0;

	*ret_changed = false;
	for (size_t i = 0; !r && i < w->n; i++)
		if (!binding_has_place(&b->where, &w->places[i]))
			r = binding_copy_place(&b->where, &w->places[i]);
	if (r)
		err_set(err, r, "out of memory");
	else if (b->where.n == had)
		return 0;
	if (!r && b->place_ids) {
		r = rules_more(s, b, err);
		if (!r)
			r = arm_more(s, b, had, err);
	}
	while (r && b->where.n > had)
		forget_place(s, b, b->where.n - 1);
	if (r)
		rules_trim(s, b);
	if (bp_describe(b) && !r)
		r = err_set(err, -ENOMEM, "out of memory");
	*ret_changed = !r;
	return r;
}

/* ---- a breakpoint that is set ---- */

/* Is all of it where the process that is looked at has it, too? */
static bool is_here(struct session *s, const struct bp_priv *b)
{
	for (size_t i = 0; i < b->where.n; i++)
		if (!bp_is_same_code(s, &b->where.places[i]))
			return false;
	return b->where.n > 0;
}

static int bind_here(struct session *s, struct bp_priv *b, const struct bp_spec *spec,
		     struct err *err)
{
	struct binding w = { 0 };
	struct err why = { 0 };
	bool changed;
	int r = bp_locate(s, spec, &why, &w);

	if (r == -ECANCELED || r == -ENOMEM)
		err_set(err, r, "%s", why.text);
	else if (r)
		r = 0; /* it is not loaded there, and is waited for */
	else if (b->pub.pending)
		r = pending_rebind(s, b, &w, err);
	else
		r = bp_extend(s, b, &w, err, &changed);
	binding_deinit(&w);
	return r;
}

int bps_bind_others(struct session *s, struct bp_priv *b, const struct bp_spec *spec,
		    struct err *err)
{
	const struct process *now = s->now;
	int r = 0;

	for (size_t i = 0; !r && i < s->processes.n; i++) {
		const struct process *p = s->processes.data[i];
		struct process *was = p == now || p->other ? NULL : process_visit(s, p->pid);
		char text[160];

		if (!was)
			continue;
		if (!is_here(s, b))
			r = bind_here(s, b, spec, err);
		process_back(s, was);
		if (r != -ENOSPC || b->pub.pending)
			continue;
		snprintf(text, sizeof(text),
			 "not watched in process %d (%d): no watch slot is free", p->number,
			 p->pid);
		free(b->pub.why);
		b->pub.why = strdup(text);
		r = 0;
	}
	return r;
}

/* ---- processes come and go ---- */

int bps_follow(struct session *s, struct err *err)
{
	int r = 0;

	if (loans_any(s))
		return err_set(
			err, -EBUSY,
			"%s: a breakpoint lends its slot to a step: try again when that has ended",
			s->label);
	trace_program_off(s->trace, TRACE_PROGRAM_EVAL_CODE);
	for (size_t i = 0; !r && i < s->bps.n; i++) {
		struct bp_priv *b = s->bps.data[i];
		bool uprobe = b->pub.exception || (b->where.n && b->where.places[0].entry);

		r = rules_identify(s, b, err);
		if (r)
			break;
		if (!uprobe || !b->pub.enabled || b->pub.pending)
			continue;
		bp_disarm(s, b);
		r = bp_arm(s, b, err);
	}
	if (!r)
		r = pending_sync(s, err);
	if (!r && s->tracees && s->births == BIRTHS_SEIZED)
		tracees_follow(s->tracees, true);
	return r;
}

static void data_ended(struct session *s, struct bp_priv *b)
{
	bp_disarm(s, b);
	free(b->pub.ended);
	b->pub.ended = strdup("its process has ended");
	b->pub.enabled = false;
}

void bps_process_ended(struct session *s, pid_t pid)
{
	for (size_t i = 0; i < s->bps.n; i++) {
		struct bp_priv *b = s->bps.data[i];
		size_t had = b->where.n;

		if (b->data && b->process == pid && !b->pub.ended)
			data_ended(s, b);
		for (size_t k = had; k-- > 0;)
			if (!process_has_code(s, &b->where.places[k]))
				forget_place(s, b, k);
		if (b->where.n == had)
			continue;
		rules_trim(s, b);
		if (b->where.n)
			(void)bp_describe(b);
		else
			pending_become(s, b);
	}
	(void)pending_sync(s, NULL);
	session_relax(s);
}
