// SPDX-License-Identifier: BSD-2-Clause
/* The list of breakpoints: made, bound, changed. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "engine/data.h"
#include "engine/expr.h"
#include "engine/index.h"
#include "engine/location.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/probe.h"

/* An index older than this is made anew before something is bound: modules may have been imported
 * since. */
#define INDEX_FRESH_NS 500000000u

static int scan_progress(void *priv, uint64_t done, uint64_t total)
{
	struct session *s = priv;

	return s->opt.progress ? s->opt.progress(s->opt.priv, "reading code objects", done, total)
			       : 0;
}

int bps_scan(struct session *s, struct err *err)
{
	int r = code_index_scan(s->index, scan_progress, s);

	if (r == -ECANCELED)
		return err_set(err, r, "%s: interrupted before all code objects were read",
			       s->label);
	if (r)
		return err_set(err, r, "%s: cannot read its code objects: %s", s->label,
			       strerror(-r));
	/* What the index was before lies between what stays: malloc() would keep its pages. */
	malloc_trim(0);
	return 0;
}

int bps_index(struct session *s, bool fresh, struct err *err)
{
	uint64_t at = code_index_time(s->index);

	if (at && (!fresh || (s->stopped ? at >= s->stopped_ns : clock_ns() - at < INDEX_FRESH_NS)))
		return 0;
	return bps_scan(s, err);
}

bool bp_is_same_code(struct session *s, const struct bind_place *bp)
{
	struct interp_code c;
	bool same;

	if (s->in->ops->code(s->in, bp->code, &c))
		return false;
	same = c.checksum == bp->checksum;
	interp_code_deinit(&c);
	return same;
}

struct bp_priv *bp_find(struct session *s, int id)
{
	size_t i;

	for (i = 0; i < s->bps.n; i++)
		if (s->bps.data[i]->pub.id == id)
			return s->bps.data[i];
	return NULL;
}

static struct bp_priv *bp_find_err(struct session *s, int id, struct err *err)
{
	struct bp_priv *b = bp_find(s, id);

	if (!b)
		err_set(err, -ENOENT, "there is no breakpoint %d", id);
	return b;
}

void bp_free(struct session *s, struct bp_priv *b)
{
	if (!b)
		return;
	rules_deinit(s, b);
	interp_classes_free(b->classes, b->nclasses);
	free(b->pub.exception);
	data_free(b->data);
	free(b->pub.storage);
	free(b->pub.ended);
	free(b->pub.location);
	free(b->pub.file);
	free(b->pub.function);
	free(b->pub.condition);
	free(b->pub.places);
	free(b->pub.why);
	free((char *)b->pub.why_user);
	free((char *)b->pub.last_error);
	free(b->place_ids);
	binding_deinit(&b->where);
	expr_free(b->cond);
	free(b);
}

void bps_deinit(struct session *s)
{
	size_t i;

	for (i = 0; i < s->bps.n; i++)
		bp_free(s, s->bps.data[i]);
	for (i = 0; i < s->places.n; i++) {
		vec_deinit(&s->places.data[i]->told);
		free(s->places.data[i]);
	}
	vec_deinit(&s->bps);
	vec_deinit(&s->pubs);
	vec_deinit(&s->places);
	data_points_deinit(s);
}

static void bp_remove(struct session *s, struct bp_priv *b)
{
	size_t i;

	bp_disarm(s, b);
	for (i = 0; s->bps.data[i] != b; i++)
		;
	memmove(&s->bps.data[i], &s->bps.data[i + 1], (s->bps.n - i - 1) * sizeof(*s->bps.data));
	s->bps.n--;
	bp_free(s, b);
	(void)pending_sync(s, NULL); /* less than before: at worst more is stopped than need be */
	session_relax(s);
}

/* Event places, distinct watched addresses. */
int bp_describe(struct bp_priv *b)
{
	size_t i, j;

	free(b->pub.places);
	free(b->pub.file);
	free(b->pub.function);
	b->pub.nplaces = 0;
	b->pub.slots = 0;
	b->pub.places = calloc(b->where.n ? b->where.n : 1, sizeof(*b->pub.places));
	b->pub.file = strdup(b->where.file);
	b->pub.function = strdup(b->where.function ? b->where.function : "?");
	if (!b->pub.places || !b->pub.file || !b->pub.function)
		return -ENOMEM;
	b->pub.line = b->where.line;
	for (i = 0; i < b->where.n; i++) {
		const struct bind_place *p = &b->where.places[i];
		uint64_t addr = p->bytecode + p->place->offset + 1;

		for (j = 0; j < i; j++)
			if (b->where.places[j].bytecode + b->where.places[j].place->offset + 1 ==
			    addr)
				break;
		b->pub.slots += j == i && !p->entry;
		if (p->place->event)
			b->pub.places[b->pub.nplaces++] = (struct bp_line){
				.code = p->code,
				.line = p->place->line,
				.offset = p->place->offset,
				.address = p->entry ? p->bytecode : addr,
			};
	}
	return 0;
}

/* Where a location is, as the index has it now or, if it was not there yet, as a new one has it. */
static int bp_bind(struct session *s, const char *location, const char *default_file,
		   struct err *err, int32_t *ret_asked, struct binding *ret)
{
	struct location loc = { 0 };
	bool scanned;
	int r;

	r = location_parse(location, err, &loc);
	if (r)
		return r;
	scanned = code_index_time(s->index) == 0;
	r = bps_index(s, true, err);
	if (!r)
		r = bind_location(s->index, s->in, &loc, location, default_file, s->label, err,
				  ret);
	if ((r == -ENOENT || r == -ENODATA) && !scanned && !s->stopped) {
		/* perhaps imported since the index was made */
		r = bps_scan(s, err);
		if (!r)
			r = bind_location(s->index, s->in, &loc, location, default_file, s->label,
					  err, ret);
	}
	if (!r)
		r = binding_keep_names(s, ret);
	if (ret_asked)
		*ret_asked = loc.kind == LOCATION_FUNCTION ? 0 : loc.line;
	location_deinit(&loc);
	return r;
}

int bp_locate(struct session *s, const struct bp_spec *spec, struct err *err, struct binding *ret)
{
	int r = bp_bind(s, spec->location, spec->default_file, err, NULL, ret);

	return r || spec->engine != BP_UPROBE ? r : bind_entry(s->index, s->label, err, ret);
}

/* What was asked for, but for where. */
int bp_set_spec(struct bp_priv *b, const struct bp_spec *spec)
{
	b->pub.location = strdup(spec->exception ? spec->exception : spec->location);
	b->pub.condition = spec->condition ? strdup(spec->condition) : NULL;
	if (!b->pub.location || (spec->condition && !b->pub.condition))
		return -ENOMEM;
	b->pub.action = spec->action;
	b->pub.temporary = spec->temporary;
	b->pub.enabled = !spec->disabled;
	b->pub.ignore = b->ignore_until = spec->ignore;
	b->pub.every = spec->every;
	b->pub.limit = spec->limit;
	b->pub.when = spec->when;
	b->pub.tid = spec->tid;
	b->capture = spec->capture;
	return 0;
}

/* Not armed, not in the list. */
static int bp_new(struct session *s, const struct bp_spec *spec, struct err *err,
		  struct bp_priv **ret)
{
	struct bp_priv *b = calloc(1, sizeof(*b));
	int r = 0;

	if (!b)
		return err_set(err, -ENOMEM, "out of memory");
	if (spec->condition)
		r = expr_parse(spec->condition, err, &b->cond);
	if (r)
		err_prefix(err, "condition '%s'", spec->condition);
	else if (spec->exception)
		r = catch_bind(s, b, spec->exception, err);
	else
		r = bp_bind(s, spec->location, spec->default_file, err, &b->pub.line_asked,
			    &b->where);
	b->pub.engine = spec->exception ? BP_UPROBE : spec->engine;
	if (!r && !spec->exception && spec->engine == BP_UPROBE)
		r = bind_entry(s->index, s->label, err, &b->where);
	if (r && (r != -ENOENT || !spec->pending)) {
		bp_free(s, b);
		return r;
	}
	b->was_bound = !r;
	b->follow = spec->pending && !spec->exception;
	if (r)
		r = pending_accept(b, spec, err ? err->text : NULL);
	else if (!spec->exception)
		r = bp_describe(b);
	if (!r)
		r = bp_set_spec(b, spec);
	if (r) {
		bp_free(s, b);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*ret = b;
	return 0;
}

int bp_add(struct session *s, struct bp_priv *b, struct err *err, int *ret_id)
{
	int r;

	b->pub.id = s->next_bp;
	r = b->pub.enabled && !b->pub.pending ? bp_arm(s, b, err) : 0;
	if (!r && vec_push(&s->bps, b)) {
		bp_disarm(s, b);
		session_relax(s);
		r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r) {
		bp_free(s, b);
		return r;
	}
	if (b->follow && b->pub.enabled) {
		r = pending_follow(s, b, err);
		if (r) {
			bp_remove(s, b);
			return r;
		}
	}
	s->next_bp++;
	*ret_id = b->pub.id;
	return 0;
}

int bps_entry(struct session *s, struct binding *w, struct err *err)
{
	struct bp_priv *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		binding_deinit(w);
		return err_set(err, -ENOMEM, "out of memory");
	}
	b->where = *w;
	*w = (struct binding){ 0 };
	b->pub.action = BP_STOP;
	b->pub.temporary = b->pub.enabled = true;
	r = bp_describe(b) ? err_set(err, -ENOMEM, "out of memory") : bp_arm(s, b, err);
	if (!r && vec_push(&s->bps, b)) {
		bp_disarm(s, b);
		r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r)
		bp_free(s, b);
	return r;
}

int session_break(struct session *s, const struct bp_spec *spec, struct err *err, int *ret_id)
{
	struct bp_priv *b = NULL;
	int r;

	r = session_over(s, err);
	if (!r)
		r = bp_new(s, spec, err, &b);
	if (!r)
		r = bp_add(s, b, err, ret_id);
	if (r || spec->exception || !processes_many(s))
		return r;
	r = bps_bind_others(s, b, spec, err);
	if (r)
		bp_remove(s, b);
	return r;
}

int session_bp_clear(struct session *s, int id, struct err *err)
{
	struct bp_priv *b = bp_find_err(s, id, err);

	if (!b)
		return -ENOENT;
	bp_remove(s, b);
	return 0;
}

int session_bp_enable(struct session *s, int id, bool enable, struct err *err)
{
	struct bp_priv *b = bp_find_err(s, id, err);
	bool waits = b && b->pub.pending;
	int r;

	if (!b)
		return -ENOENT;
	if (enable == b->pub.enabled)
		return 0;
	if (enable && b->pub.ended)
		return err_set(err, -ESTALE, "watchpoint %d has ended: %s", id, b->pub.ended);
	if (enable) {
		r = session_over(s, err);
		if (r)
			return r;
		if (pending_revive(s, b))
			return err_set(err, -ESTALE,
				       "breakpoint %d: the code that it was bound to is gone; "
				       "clear it and set it anew",
				       id);
		b->pub.enabled = true;
		if (b->pub.exception)
			r = catch_bind(s, b, b->pub.exception, err);
		if (!r && !b->pub.pending)
			r = bp_arm(s, b, err);
		if (!r && b->follow)
			r = pending_follow(s, b, err);
		if (r) {
			bp_disarm(s, b);
			b->pub.enabled = false;
			return r;
		}
		if (waits != b->pub.pending)
			return vec_push(&s->events,
					(struct session_event){ .kind = waits ? SESSION_BOUND
									      : SESSION_UNBOUND,
								.bp = id });
	} else {
		bp_disarm(s, b);
		b->pub.enabled = false;
		(void)pending_sync(s, NULL);
		session_relax(s);
	}
	return 0;
}

int session_bp_condition(struct session *s, int id, const char *condition, struct err *err)
{
	struct bp_priv *b = bp_find_err(s, id, err);
	_cleanup_free_ char *text = NULL;
	struct expr *e = NULL;
	int r;

	if (!b)
		return -ENOENT;
	if (condition) {
		r = expr_parse(condition, err, &e);
		if (r) {
			err_prefix(err, "condition '%s'", condition);
			return r;
		}
		text = strdup(condition);
		if (!text) {
			expr_free(e);
			return err_set(err, -ENOMEM, "out of memory");
		}
	}
	expr_free(b->cond);
	free(b->pub.condition);
	b->cond = e;
	b->pub.condition = take_ptr(text);
	return rules_sync(s, b, err);
}

int session_bp_ignore(struct session *s, int id, uint64_t count, struct err *err)
{
	struct bp_priv *b = bp_find_err(s, id, err);
	const struct abi_rule_state *st;

	if (!b)
		return -ENOENT;
	st = rules_state(s, b);
	b->pub.ignore = count;
	b->ignore_until = (st ? __atomic_load_n(&st->accepted, __ATOMIC_RELAXED) : 0) + count;
	return rules_sync(s, b, err);
}

void bps_refresh(struct session *s)
{
	size_t i;

	for (i = 0; i < s->bps.n; i++)
		rules_refresh(s, s->bps.data[i]);
}

const struct bp *session_bp(struct session *s, int id)
{
	struct bp_priv *b = bp_find(s, id);

	if (!b)
		return NULL;
	rules_refresh(s, b);
	return &b->pub;
}

size_t session_bps(struct session *s, const struct bp *const **ret)
{
	size_t i;

	bps_refresh(s);
	s->pubs.n = 0;
	for (i = 0; i < s->bps.n; i++)
		if (s->bps.data[i]->pub.id && vec_push(&s->pubs, &s->bps.data[i]->pub))
			break;
	*ret = s->pubs.data;
	return s->pubs.n;
}
