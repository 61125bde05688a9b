// SPDX-License-Identifier: BSD-2-Clause
/* setBreakpoints, setFunctionBreakpoints, breakpointLocations */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "dap/dap.h"
#include "dap/hitcond.h"
#include "dap/logs.h"
#include "engine/session.h"

#define BREAKPOINTS_MAX 1000 /* in one request */

static void bp_deinit(struct dap *d, struct dap_bp *b)
{
	if (b->bp && d->s)
		(void)session_bp_clear(d->s, b->bp, NULL);
	free(b->name);
	free(b->condition);
	free(b->hit);
	free(b->log);
	free(b->message);
	log_free(b->logs);
}

void dap_bps_deinit(struct dap *d)
{
	vec_deinit(&d->exceptions);
	for (size_t i = 0; i < d->bps.n; i++) {
		for (size_t j = 0; j < d->bps.data[i].v.n; j++)
			bp_deinit(d, &d->bps.data[i].v.data[j]);
		vec_deinit(&d->bps.data[i].v);
		free(d->bps.data[i].path);
	}
	vec_deinit(&d->bps);
}

int dap_bp_id(const struct dap *d, int bp)
{
	for (size_t i = 0; i < d->bps.n; i++)
		for (size_t j = 0; j < d->bps.data[i].v.n; j++)
			if (d->bps.data[i].v.data[j].bp == bp)
				return d->bps.data[i].v.data[j].id;
	for (size_t i = 0; i < d->data.n; i++)
		if (d->data.data[i].bp == bp)
			return d->data.data[i].id;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* What the client asks for: as the array element says it. Borrowed from it. */
struct wish {
	int64_t line;
	const char *name, *condition, *hit, *log;
};

static const char *text_or_null(const json_t *j, const char *key)
{
	const char *text = arg_text(j, key);

	return text && *text ? text : NULL;
}

static struct wish wish_of(const struct dap *d, const json_t *j)
{
	return (struct wish){
		.line = arg_int(j, "line", -1) + (d->lines_at_1 ? 0 : 1),
		.name = text_or_null(j, "name"),
		.condition = text_or_null(j, "condition"),
		.hit = text_or_null(j, "hitCondition"),
		.log = text_or_null(j, "logMessage"),
	};
}

static struct dap_bp *find_wish(struct dap_bps *all, const struct wish *w)
{
	for (size_t i = 0; i < all->v.n; i++) {
		struct dap_bp *b = &all->v.data[i];

		if (b->bp && !b->keep &&
		    (b->name ? same_text(b->name, w->name) : b->line == w->line) &&
		    same_text(b->condition, w->condition) && same_text(b->hit, w->hit) &&
		    same_text(b->log, w->log))
			return b;
	}
	return NULL;
}

/* Those of one source, made when it is asked for first. NULL: out of memory. */
static struct dap_bps *bps_of(struct dap *d, const char *path)
{
	struct dap_bps new = { .path = path ? strdup(path) : NULL };

	for (size_t i = 0; i < d->bps.n; i++) {
		if (!same_text(d->bps.data[i].path, path))
			continue;
		free(new.path);
		return &d->bps.data[i];
	}
	if ((path && !new.path) || vec_push(&d->bps, new)) {
		free(new.path);
		return NULL;
	}
	return &d->bps.data[d->bps.n - 1];
}

static int set_in_session(struct dap *d, const char *path, const struct wish *w, struct err *err,
			  struct dap_log **ret_log)
{
	_cleanup_free_ char *file = path ? path_to_target(d, path) : NULL, *location = NULL;
	struct bp_spec spec = { .condition = w->condition, .pending = true };
	int id, r;

	r = w->hit ? hitcond_parse(w->hit, err, &spec) : 0;
	if (!r && w->log)
		r = log_prepare(d, w->log, &spec, err, ret_log);
	if (r)
		return r;
	if (!path)
		location = strdup(w->name);
	else if (!file || asprintf(&location, "%s:%" PRId64, file, w->line) < 0)
		location = NULL;
	if (!location)
		return -ENOMEM;
	spec.location = location;
	r = session_break(d->s, &spec, err, &id);
	return r ? r : id;
}

/* A new one; where it cannot be set it is kept with the reason. 0 or -ENOMEM. */
static int add_wish(struct dap *d, struct dap_bps *all, const struct wish *w)
{
	struct dap_bp b = {
		.id = d->next_bp++,
		.line = w->line,
		.name = w->name ? strdup(w->name) : NULL,
		.condition = w->condition ? strdup(w->condition) : NULL,
		.hit = w->hit ? strdup(w->hit) : NULL,
		.log = w->log ? strdup(w->log) : NULL,
		.keep = true,
	};
	struct err err = { 0 };
	int r;

	if ((all->path && w->line < 1) || (!all->path && !w->name))
		r = err_set(&err, -EINVAL, all->path ? "lines begin at 1" : "the name is missing");
	else
		r = set_in_session(d, all->path, w, &err, &b.logs);
	b.bp = r > 0 ? r : 0;
	if (r < 0)
		b.message = strdup(err.text[0] ? err.text : strerror(-r));
	r = vec_push(&all->v, b);
	if (r)
		bp_deinit(d, &b);
	return r;
}

static json_t *bp_json(const struct dap *d, const struct dap_bp *b)
{
	const struct bp *bp = b->bp && d->s ? session_bp(d->s, b->bp) : NULL;
	bool bound = bp && !bp->pending;
	json_t *j = json_pack("{si sb}", "id", b->id, "verified", bound);

	if (!j)
		return NULL;
	if (bound) {
		json_object_set_new(j, "line", json_integer(bp->line - (d->lines_at_1 ? 0 : 1)));
		json_object_set_new(j, "source", source_json(d, bp->file));
	}
	if (b->message)
		json_object_set_new(j, "message", js_text(b->message));
	else if (bp && bp->pending)
		json_object_set_new(j, "message",
				    json_string("it is bound when that code is loaded"));
	else if (bp && bp->condition && !bp->in_kernel && bp->why_user)
		json_object_set_new(j, "message",
				    json_sprintf("each hit stops for a moment to evaluate the "
						 "condition: %s",
						 bp->why_user));
	return j;
}

void dap_bp_changed(struct dap *d, int bp)
{
	for (size_t i = 0; i < d->bps.n; i++)
		for (size_t j = 0; j < d->bps.data[i].v.n; j++)
			if (d->bps.data[i].v.data[j].bp == bp)
				dap_event(d, "breakpoint",
					  json_pack("{ss so}", "reason", "changed", "breakpoint",
						    bp_json(d, &d->bps.data[i].v.data[j])));
}

/* What is no longer wished for goes first: it may hold the slots that the new ones need. */
static void mark_kept(struct dap *d, struct dap_bps *all, const json_t *wishes)
{
	const json_t *j;
	size_t i, n = 0;

	for (i = 0; i < all->v.n; i++)
		all->v.data[i].keep = false;
	json_array_foreach(wishes, i, j)
	{
		struct wish w = wish_of(d, j);
		struct dap_bp *b = find_wish(all, &w);

		if (b)
			b->keep = true;
	}
	for (i = 0; i < all->v.n; i++) {
		if (all->v.data[i].keep)
			all->v.data[n++] = all->v.data[i];
		else
			bp_deinit(d, &all->v.data[i]);
	}
	all->v.n = n;
	for (i = 0; i < n; i++)
		all->v.data[i].keep = false;
}

/* One answer for each wish, in their order. */
static int replace_all(struct dap *d, const char *path, const json_t *wishes, json_t **ret_body,
		       struct err *err)
{
	struct dap_bps *all = bps_of(d, path);
	json_t *answers = json_array(), *j;
	size_t i;
	int r = all && answers ? 0 : -ENOMEM;

	if (json_array_size(wishes) > BREAKPOINTS_MAX)
		r = err_set(err, -EINVAL, "more than %d breakpoints in one request",
			    BREAKPOINTS_MAX);
	if (!r)
		mark_kept(d, all, wishes);
	for (i = 0; !r && i < json_array_size(wishes); i++) {
		struct wish w = wish_of(d, json_array_get(wishes, i));
		struct dap_bp *b = find_wish(all, &w);

		if (b)
			b->keep = true;
		else
			r = add_wish(d, all, &w);
		j = r ? NULL : bp_json(d, b ? b : &all->v.data[all->v.n - 1]);
		if (!r && json_array_append_new(answers, j))
			r = -ENOMEM;
	}
	if (r) {
		json_decref(answers);
		return r;
	}
	*ret_body = json_pack("{so}", "breakpoints", answers);
	return *ret_body ? 0 : -ENOMEM;
}

static int req_set(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *source = arg_object(args, "source");
	const char *path = source ? arg_text(source, "path") : NULL;

	if (!path || !*path)
		return err_set(err, -EINVAL, "setBreakpoints needs the path of its source");
	return replace_all(d, path, json_object_get(args, "breakpoints"), ret_body, err);
}

static int req_set_functions(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	return replace_all(d, NULL, json_object_get(args, "breakpoints"), ret_body, err);
}

static int req_locations(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *source = arg_object(args, "source");
	const char *path = source ? arg_text(source, "path") : NULL;
	_cleanup_free_ char *file = path ? path_to_target(d, path) : NULL;
	_cleanup_free_ int32_t *lines = NULL;
	int64_t off = d->lines_at_1 ? 0 : 1, first = arg_int(args, "line", 0) + off;
	int64_t last = arg_int(args, "endLine", first - off) + off;
	json_t *found = json_array();
	size_t n = 0;
	int r;

	if (!path || first < 1 || last < first)
		r = err_set(err, -EINVAL, "breakpointLocations needs a path and a line");
	else
		r = file ? session_lines(d->s, file, err, &lines, &n) : -ENOMEM;
	/* code that is not loaded has no locations yet */
	if (r < 0 && r != -ENOENT) {
		json_decref(found);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		if (lines[i] >= first && lines[i] <= last)
			json_array_append_new(
				found, json_pack("{sI}", "line", (json_int_t)(lines[i] - off)));
	*ret_body = json_pack("{so}", "breakpoints", found);
	return *ret_body ? 0 : -ENOMEM;
}

const struct dap_request dap_breaks[] = {
	{ "setBreakpoints", req_set, NEED_SESSION },
	{ "setFunctionBreakpoints", req_set_functions, NEED_SESSION },
	{ "breakpointLocations", req_locations, NEED_SESSION },
};
const size_t dap_nbreaks = sizeof(dap_breaks) / sizeof(dap_breaks[0]);
