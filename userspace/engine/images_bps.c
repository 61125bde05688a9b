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

/* ---- counts ---- */

static struct ended_bp *ended_bp(struct images *im, int id)
{
	for (size_t i = 0; i < im->ended.n; i++)
		if (im->ended.data[i].id == id)
			return &im->ended.data[i];
	return NULL;
}

void images_keep_counts(struct images *im, struct session *s)
{
	const struct bp *const *bps;
	size_t n = session_bps(s, &bps);

	for (size_t i = 0; i < n; i++) {
		const struct bp *bp = bps[i];
		struct ended_bp *e = ended_bp(im, bp->id);

		if (bp->data || (!bp->hits && !bp->errors))
			continue;
		if (!e && !vec_push(&im->ended, (struct ended_bp){ .id = bp->id }))
			e = &im->ended.data[im->ended.n - 1];
		if (!e) /* no memory: the counts are lower */
			return;
		e->counts.hits += bp->hits;
		e->counts.errors += bp->errors;
		e->counts.undecided += bp->undecided;
		if (bp->errors && bp->last_error) {
			free(e->last_error);
			e->last_error = strdup(bp->last_error);
		}
	}
}

static void forget_counts(struct images *im, int id)
{
	struct ended_bp *e = ended_bp(im, id);

	if (!e)
		return;
	free(e->last_error);
	*e = im->ended.data[--im->ended.n];
}

void images_counts_deinit(struct images *im)
{
	while (im->ended.n)
		forget_counts(im, im->ended.data[0].id);
	vec_deinit(&im->ended);
	vec_deinit(&im->pubs);
}

static struct images_counts counts_of(struct session *s, const struct bp *bp)
{
	const struct process *first = session_first_living(s, NULL);

	return (struct images_counts){ .number = first->number,
				       .pid = first->pid,
				       .hits = bp->hits,
				       .errors = bp->errors,
				       .undecided = bp->undecided,
				       .last_error = bp->last_error };
}

int images_bp_counts(struct images *im, int id, struct images_counts **ret, size_t *ret_n)
{
	struct images_counts *all = calloc(im->all.n + 1, sizeof(*all));
	const struct ended_bp *e = ended_bp(im, id);
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < im->all.n; i++) {
		const struct bp *bp = session_bp(im->all.data[i], id);

		if (bp)
			all[n++] = counts_of(im->all.data[i], bp);
	}
	if (e) {
		all[n] = e->counts;
		all[n++].last_error = e->last_error;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

/* ---- all of them ---- */

/* Who has it: the one that is looked at, if that does. */
static struct session *owner(struct images *im, int id)
{
	for (size_t i = 0; !bp_find(im->now, id) && i < im->all.n; i++)
		if (!im->all.data[i]->over && bp_find(im->all.data[i], id))
			return im->all.data[i];
	return im->now;
}

const struct bp *images_bp(struct images *im, int id)
{
	return session_bp(owner(im, id), id);
}

static int by_id(const void *a, const void *b)
{
	const struct bp *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

size_t images_bps(struct images *im, const struct bp *const **ret)
{
	im->pubs.n = 0;
	for (size_t i = 0; i < im->all.n; i++) {
		struct session *s = im->all.data[i];
		const struct bp *const *bps;
		size_t n = s->over && s != im->now ? 0 : session_bps(s, &bps);

		for (size_t k = 0; k < n; k++)
			if (owner(im, bps[k]->id) == s)
				(void)vec_push(&im->pubs, bps[k]);
	}
	if (im->pubs.n)
		qsort(im->pubs.data, im->pubs.n, sizeof(im->pubs.data[0]), by_id);
	*ret = im->pubs.data;
	return im->pubs.n;
}

/* ---- changes, from any of them ---- */

void images_bp_gone(struct images *im, struct session *from, int id)
{
	for (size_t i = 0; i < im->all.n; i++)
		if (im->all.data[i] != from)
			(void)session_bp_clear(im->all.data[i], id, NULL);
	forget_counts(im, id);
}

int images_bp_clear(struct images *im, int id, struct err *err)
{
	struct session *s = owner(im, id);
	int r = session_bp_clear(s, id, err);

	images_bp_gone(im, s, id);
	return r;
}

/* The next session but s that has the breakpoint, from *i on. */
static struct session *other_owner(struct images *im, const struct session *s, int id, size_t *i)
{
	while (*i < im->all.n) {
		struct session *other = im->all.data[(*i)++];

		if (other != s && !other->over && bp_find(other, id))
			return other;
	}
	return NULL;
}

int images_bp_enable(struct images *im, int id, bool enable, struct err *err)
{
	struct session *s = owner(im, id), *other;
	int r = session_bp_enable(s, id, enable, err);
	size_t i = 0;

	while (!r && (other = other_owner(im, s, id, &i))) {
		struct err why = { 0 };

		if (session_bp_enable(other, id, enable, &why))
			note_failed(s, id, other, &why);
	}
	return r;
}

int images_bp_condition(struct images *im, int id, const char *condition, struct err *err)
{
	struct session *s = owner(im, id), *other;
	int r = session_bp_condition(s, id, condition, err);
	size_t i = 0;

	while (!r && (other = other_owner(im, s, id, &i))) {
		struct err why = { 0 };

		if (session_bp_condition(other, id, condition, &why))
			note_failed(s, id, other, &why);
	}
	return r;
}

int images_bp_ignore(struct images *im, int id, uint64_t count, struct err *err)
{
	struct session *s = owner(im, id), *other;
	int r = session_bp_ignore(s, id, count, err);
	size_t i = 0;

	while (!r && (other = other_owner(im, s, id, &i)))
		(void)session_bp_ignore(other, id, count, NULL);
	return r;
}
