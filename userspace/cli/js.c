// SPDX-License-Identifier: BSD-2-Clause
#include "cli/js.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/js_text.h"
#include "base/strbuf.h"
#include "engine/session.h"
#include "engine/vars.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "target/where.h"

#define REPR_MAX (1 << 20)

json_t *js_thread(pid_t tid, const char *name)
{
	return json_pack("{si so}", "tid", (int)tid, "name", js_text(name ? name : ""));
}

json_t *js_frame(const char *file, int32_t line, const char *function)
{
	return json_pack("{so so so}", "file", js_text(file), "line",
			 line > 0 ? json_integer(line) : json_null(), "function",
			 js_text(function));
}

static bool has_children(const struct value *v)
{
	switch (v->kind) {
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
	case VALUE_DICT:
	case VALUE_INSTANCE:
	case VALUE_EXCEPTION:
		return true;
	default:
		return v->nitems > 0;
	}
}

static int add_child(json_t *children, const char *name, const struct value *v, unsigned depth)
{
	return json_array_append_new(children, js_value(name, v, depth));
}

static json_t *children_of(const struct value *v, unsigned depth)
{
	json_t *children = json_array();
	int r = children ? 0 : -1;

	for (size_t i = 0; !r && i < v->nitems; i++) {
		const struct value *item = v->items[i];
		char index[24];

		if (v->kind == VALUE_DICT) {
			_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;

			if (i + 1 == v->nitems)
				break;
			value_repr_max(item, &key, 4096);
			r = key.failed
				    ? -1
				    : add_child(children, strbuf_str(&key), v->items[++i], depth);
		} else {
			snprintf(index, sizeof(index), "%zu", i);
			r = add_child(children, item->name ? item->name : index, item, depth);
		}
	}
	if (r) {
		json_decref(children);
		return NULL;
	}
	return children;
}

json_t *js_value(const char *name, const struct value *v, unsigned depth)
{
	_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT;
	json_t *j;

	value_repr_max(v, &repr, REPR_MAX);
	if (repr.failed)
		return NULL;
	j = json_pack("{so so so}", "name", js_text(name), "type", js_text(v->type), "repr",
		      js_text(strbuf_str(&repr)));
	if (!j)
		return NULL;
	if (v->truncated && json_object_set_new(j, "truncated", json_true()))
		goto fail;
	if (v->length >= 0 && (v->truncated || has_children(v)) &&
	    json_object_set_new(j, "length", json_integer(v->length)))
		goto fail;
	if (!has_children(v))
		return j;
	if (depth && !v->cycle && json_object_set_new(j, "children", children_of(v, depth - 1)))
		goto fail;
	return j;
fail:
	json_decref(j);
	return NULL;
}

json_t *js_vars(const struct vars *vars, unsigned depth)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < vars->n; i++)
		json_array_append_new(list,
				      js_value(vars->data[i].name, vars->data[i].value, depth));
	return list;
}

static json_t *js_pending(const struct bp *bp)
{
	return json_pack("{ss si so so so so ss so}", "event", "pending", "id", bp->id, "location",
			 js_text(bp->location), "file", js_text(bp->file), "line",
			 bp->line_asked ? json_integer(bp->line_asked) : json_null(), "function",
			 js_text(bp->function), "engine",
			 bp->engine == BP_UPROBE ? "uprobe"
			 : bp->data		 ? "data"
						 : "watch",
			 "reason", js_text(bp->why));
}

json_t *js_bound(const struct bp *bp)
{
	json_t *addresses, *bound;

	if (bp->pending)
		return js_pending(bp);
	addresses = json_array();
	for (size_t i = 0; addresses && i < bp->nplaces; i++) {
		char text[24];

		snprintf(text, sizeof(text), "0x%" PRIx64, bp->places[i].address);
		json_array_append_new(addresses, json_string(text));
	}
	bound = json_pack("{ss si so so so so so ss}", "event", "bound", "id", bp->id, "location",
			  js_text(bp->location), "file", js_text(bp->file), "line",
			  bp->exception || bp->data ? json_null() : json_integer(bp->line),
			  "function", js_text(bp->function), "addresses", addresses, "engine",
			  bp->engine == BP_UPROBE ? "uprobe"
			  : bp->data		  ? "data"
						  : "watch");
	if (bound && bp->exception)
		json_object_set_new(bound, "exception", js_text(bp->exception));
	if (bound && bp->exception && bp->when != CATCH_RAISED)
		json_object_set_new(
			bound, "when",
			json_string(bp->when == CATCH_UNCAUGHT ? "uncaught" : "user-unhandled"));
	if (bound && bp->data)
		json_object_set_new(bound, "storage", js_text(bp->storage));
	if (bound && bp->ended)
		json_object_set_new(bound, "ended", js_text(bp->ended));
	if (bound && bp->condition) {
		json_object_set_new(bound, "condition", js_text(bp->condition));
		json_object_set_new(bound, "evaluated",
				    json_string(bp->in_kernel ? "kernel" : "user"));
		if (bp->why_user)
			json_object_set_new(bound, "why_user", js_text(bp->why_user));
	}
	return bound;
}

json_t *js_breakpoint(const struct bp *bp)
{
	json_t *j = js_bound(bp);

	if (!j)
		return NULL;
	json_object_set_new(j, "enabled", json_boolean(bp->enabled && !bp->ended));
	json_object_set_new(j, "hits", json_integer((json_int_t)bp->hits));
	if (bp->condition) {
		json_object_set_new(j, "errors", json_integer((json_int_t)bp->errors));
		json_object_set_new(j, "undecided", json_integer((json_int_t)bp->undecided));
	}
	if (bp->condition && bp->errors)
		json_object_set_new(j, "last_error", js_text(bp->last_error ? bp->last_error : ""));
	return j;
}

static json_t *value_or_null(const struct value *v)
{
	return v ? js_value(NULL, v, 2) : json_null();
}

void js_watch(json_t *j, const struct bp *bp, struct session *s, const char *ended)
{
	const struct value *old, *new;

	if (!j || !bp)
		return;
	session_watch_values(s, bp->id, &old, &new);
	json_object_set_new(j, "expression", js_text(bp->location));
	json_object_set_new(j, "old", value_or_null(old));
	if (!ended)
		json_object_set_new(j, "new", value_or_null(new));
	else
		json_object_set_new(j, "ended", js_text(ended));
}

json_t *js_status(int status)
{
	if (status < 0)
		return json_null();
	if (WIFSIGNALED(status))
		return json_integer(-WTERMSIG(status));
	return json_integer(WEXITSTATUS(status));
}

json_t *js_attached(struct session *s, size_t threads)
{
	struct target *t = session_target(s);
	struct interp *in = session_interp(s);
	pid_t inner = where_inner(t);
	json_t *j = json_pack("{ss si so so sI}", "event", "attached", "pid", (int)target_pid(t),
			      "python", js_text(in->ops->info(in)->version), "executable",
			      js_text(target_exe(t)), "threads", (json_int_t)threads);

	if (j && inner)
		json_object_set_new(j, "inner_pid", json_integer(inner));
	return j;
}
