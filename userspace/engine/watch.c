// SPDX-License-Identifier: BSD-2-Clause
/* Data breakpoints as the front ends ask for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/data.h"
#include "engine/expr.h"
#include "engine/session_priv.h"
#include "probes/value.h"

static const char *const storages[] = {
	[STORAGE_LOCAL] = "a local variable",	 [STORAGE_CELL] = "a variable of a closure",
	[STORAGE_SLOT] = "a slot of the object", [STORAGE_VALUE] = "an attribute",
	[STORAGE_ENTRY] = "an entry of a dict",	 [STORAGE_ITEM] = "an item of a list",
};

/* "MODULE:EXPRESSION": a colon that no bracket holds; the module is __main__ where there is none.
 */
static int module_of(struct session *s, const char *text, struct err *err, const char **ret_expr,
		     uint64_t *ret_globals)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
	_cleanup_free_ char *name = text[n] == ':' && n ? strndup(text, n) : strdup("__main__");
	int r;

	if (!name)
		return err_set(err, -ENOMEM, "out of memory");
	*ret_expr = text[n] == ':' && n ? text + n + 1 : text;
	r = s->in->ops->module_globals(s->in, name, ret_globals);
	return r ? err_set(err, -ENOENT, "%s: it has no module '%s'", s->label, name) : 0;
}

static int watch_new(struct session *s, const struct bp_spec *spec, uint64_t frame, struct err *err,
		     struct bp_priv *b)
{
	const char *text = spec->location;
	struct expr *e = NULL;
	uint64_t globals = 0;
	int r = 0;

	if (!frame)
		r = module_of(s, text, err, &text, &globals);
	if (!r && spec->condition) {
		r = expr_parse(spec->condition, err, &b->cond);
		if (r)
			err_prefix(err, "condition '%s'", spec->condition);
	}
	if (!r)
		r = expr_parse(text, err, &e);
	if (!r)
		r = data_new(s, e, frame, globals, err, &b->data);
	expr_free(e);
	if (r)
		return r;
	b->pub.data = true;
	b->process = s->opt.may_follow ? s->now->pid : 0;
	b->pub.slots = (b->data->st.slot != 0) + (b->data->st.moves != 0);
	b->pub.file = strdup("");
	b->pub.function = strdup("");
	b->pub.storage = strdup(b->data->st.slot ? storages[b->data->st.kind] : "nothing yet");
	r = bp_set_spec(b, spec);
	if (r || !b->pub.file || !b->pub.function || !b->pub.storage)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

int session_watch(struct session *s, const struct bp_spec *spec, uint64_t frame, struct err *err,
		  int *ret_id)
{
	struct bp_priv *b;
	int r = session_over(s, err);

	if (!r)
		r = session_still_begin(s, err);
	if (r)
		return r;
	b = calloc(1, sizeof(*b));
	r = b ? watch_new(s, spec, frame, err, b) : err_set(err, -ENOMEM, "out of memory");
	if (r)
		bp_free(s, b);
	else
		r = bp_add(s, b, err, ret_id);
	session_still_end(s, NULL);
	return r;
}

void session_watch_values(struct session *s, int id, const struct value **ret_old,
			  const struct value **ret_new)
{
	const struct bp_priv *b = bp_find(s, id);

	*ret_old = b && b->data ? b->data->old : NULL;
	*ret_new = b && b->data ? b->data->new : NULL;
}
