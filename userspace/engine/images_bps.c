// SPDX-License-Identifier: BSD-2-Clause
/*
 * Breakpoints in several sessions: one number, one wish. Each session binds it by what was asked
 * for; what lies at other addresses takes watch slots of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/images_priv.h"
#include "engine/session_priv.h"

/* The next number that is free in all of them becomes that of s. */
static void number_next(struct images *im, struct session *s)
{
	for (size_t i = 0; i < im->all.n; i++)
		if (im->all.data[i]->next_bp > s->next_bp)
			s->next_bp = im->all.data[i]->next_bp;
}

/* Say of a breakpoint of s that it is not in the process of another session. */
static void note_failed(struct session *s, int id, const struct session *where,
			const struct err *why)
{
	struct bp_priv *b = bp_find(s, id);
	char text[640];

	if (!b)
		return;
	snprintf(text, sizeof(text), "not in process %d (%d): %.500s", where->now->number,
		 (int)where->now->pid, why->text);
	free(b->pub.why);
	b->pub.why = strdup(text);
}

/* As in `from`, under the same number. */
static int give(struct session *from, struct session *to, const struct bp_spec *spec, int id)
{
	struct bp_spec s = *spec;
	struct err why = { 0 };
	int r;

	s.pending = !s.exception;
	to->next_bp = id;
	r = session_break(to, &s, &why, &id);
	if (r)
		note_failed(from, id, to, &why);
	return r;
}

int images_break(struct images *im, const struct bp_spec *spec, struct err *err, int *ret_id)
{
	struct session *s = im->now;
	int r;

	number_next(im, s);
	r = session_break(s, spec, err, ret_id);
	for (size_t i = 0; !r && !spec->tid && i < im->all.n; i++)
		if (im->all.data[i] != s && !im->all.data[i]->over)
			(void)give(s, im->all.data[i], spec, *ret_id);
	return r;
}

int images_watch(struct images *im, const struct bp_spec *spec, uint64_t frame, struct err *err,
		 int *ret_id)
{
	number_next(im, im->now);
	return session_watch(im->now, spec, frame, err, ret_id);
}

/* What was asked for when it was set. */
static struct bp_spec spec_of(const struct bp_priv *b)
{
	const struct bp *bp = &b->pub;
	bool number = bp->location[strspn(bp->location, "0123456789")] == '\0';
	struct bp_spec spec = {
		.exception = bp->exception,
		.when = bp->when,
		.location = bp->location,
		.action = bp->action,
		.engine = bp->exception ? BP_WATCH : bp->engine,
		.temporary = bp->temporary,
		.disabled = !bp->enabled,
		.condition = bp->condition,
		.every = bp->every,
		.limit = bp->limit,
		.ignore = bp->ignore,
	};

	if (number && bp->file)
		spec.default_file = bp->file;
	return spec;
}

void images_give_bps(struct images *im, struct session *to)
{
	for (size_t i = 0; i < im->all.n; i++) {
		struct session *from = im->all.data[i];

		for (size_t k = 0; from != to && k < from->bps.n; k++) {
			struct bp_priv *b = from->bps.data[k];
			struct bp_spec spec;

			if (!b->pub.id || b->data || b->pub.tid || bp_find(to, b->pub.id))
				continue;
			spec = spec_of(b);
			(void)give(from, to, &spec, b->pub.id);
		}
	}
	number_next(im, to);
}

void images_bp_gone(struct images *im, struct session *from, int id)
{
	for (size_t i = 0; i < im->all.n; i++)
		if (im->all.data[i] != from)
			(void)session_bp_clear(im->all.data[i], id, NULL);
}

int images_bp_clear(struct images *im, int id, struct err *err)
{
	int r = session_bp_clear(im->now, id, err);

	images_bp_gone(im, im->now, id);
	return r;
}

int images_bp_enable(struct images *im, int id, bool enable, struct err *err)
{
	int r = session_bp_enable(im->now, id, enable, err);

	for (size_t i = 0; !r && i < im->all.n; i++) {
		struct session *s = im->all.data[i];
		struct err why = { 0 };

		if (s != im->now && !s->over && bp_find(s, id) &&
		    session_bp_enable(s, id, enable, &why))
			note_failed(im->now, id, s, &why);
	}
	return r;
}

int images_bp_condition(struct images *im, int id, const char *condition, struct err *err)
{
	int r = session_bp_condition(im->now, id, condition, err);

	for (size_t i = 0; !r && i < im->all.n; i++)
		if (im->all.data[i] != im->now)
			(void)session_bp_condition(im->all.data[i], id, condition, NULL);
	return r;
}

int images_bp_ignore(struct images *im, int id, uint64_t count, struct err *err)
{
	int r = session_bp_ignore(im->now, id, count, err);

	for (size_t i = 0; !r && i < im->all.n; i++)
		if (im->all.data[i] != im->now)
			(void)session_bp_ignore(im->all.data[i], id, count, NULL);
	return r;
}
