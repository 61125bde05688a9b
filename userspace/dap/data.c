// SPDX-License-Identifier: BSD-2-Clause
/* dataBreakpointInfo, setDataBreakpoints */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "dap/dap.h"
#include "dap/hitcond.h"
#include "engine/session.h"

#define DATA_MAX 100 /* in one request */

static void data_deinit(struct dap *d, struct dap_data *b)
{
	if (b->bp && d->s)
		(void)session_bp_clear(d->s, b->bp, NULL);
	free(b->id_text);
	free(b->condition);
	free(b->hit);
}

void dap_data_deinit(struct dap *d)
{
	for (size_t i = 0; i < d->data.n; i++)
		data_deinit(d, &d->data.data[i]);
	vec_deinit(&d->data);
}

/* What is asked about: an expression, and the frame whose names are in it. */
static int find_expression(struct dap *d, const json_t *args, struct err *err, char **ret,
			   struct interp_frame *ret_frame)
{
	const char *name = arg_text(args, "name");
	int64_t reference = arg_int(args, "variablesReference", 0);
	const struct frame_handle *h;

	if (!name || !*name)
		return err_set(err, -EINVAL, "dataBreakpointInfo needs a name");
	if (reference)
		return child_expression_of(d, reference, name, err, ret, ret_frame);
	h = handles_find_frame(&d->handles, arg_int(args, "frameId", 0), err);
	if (!h)
		return -ENOENT;
	*ret_frame = h->frame;
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

/* Can it be watched? Tried: it is the engine that knows. */
static int req_info(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	_cleanup_free_ char *expression = NULL;
	struct interp_frame frame = { 0 };
	struct bp_spec spec = { .disabled = true };
	struct err why = { 0 };
	int id, r = find_expression(d, args, err, &expression, &frame);

	if (r)
		return r;
	spec.location = expression;
	r = session_watch(d->s, &spec, frame.frame, &why, &id);
	if (r) {
		*ret_body = json_pack("{sn so}", "dataId", "description",
				      js_text(why.text[0] ? why.text : strerror(-r)));
		return *ret_body ? 0 : -ENOMEM;
	}
	(void)session_bp_clear(d->s, id, NULL);
	*ret_body =
		json_pack("{so so s[s] sb}", "dataId",
			  json_sprintf("%" PRIx64 " %s", frame.frame, expression), "description",
			  js_text(expression), "accessTypes", "write", "canPersist", 0);
	return *ret_body ? 0 : -ENOMEM;
}

static const char *text_or_null(const json_t *j, const char *key)
{
	const char *text = arg_text(j, key);

	return text && *text ? text : NULL;
}

static char *copy_or_null(const json_t *j, const char *key)
{
	const char *text = text_or_null(j, key);

	return text ? strdup(text) : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static struct dap_data *find_data(struct dap *d, const json_t *j)
{
	for (size_t i = 0; i < d->data.n; i++) {
		struct dap_data *b = &d->data.data[i];

		if (!b->keep && same_text(b->id_text, text_or_null(j, "dataId")) &&
		    same_text(b->condition, text_or_null(j, "condition")) &&
		    same_text(b->hit, text_or_null(j, "hitCondition")))
			return b;
	}
	return NULL;
}

static int set_data(struct dap *d, const json_t *j, struct err *err)
{
	const char *id_text = text_or_null(j, "dataId"), *hit = text_or_null(j, "hitCondition");
	struct bp_spec spec = { .condition = text_or_null(j, "condition") };
	char *expression = NULL;
	uint64_t frame = id_text ? strtoull(id_text, &expression, 16) : 0;
	int id, r;

	if (!expression || *expression != ' ' || !frame)
		return err_set(err, -EINVAL, "that is no dataId of dataBreakpointInfo");
	if (!session_is_stopped(d->s))
		return err_set(err, -EINVAL,
			       "a data breakpoint is set while the target is stopped");
	r = hit ? hitcond_parse(hit, err, &spec) : 0;
	if (r)
		return r;
	spec.location = expression + 1;
	r = session_watch(d->s, &spec, frame, err, &id);
	return r ? r : id;
}

static json_t *add_data(struct dap *d, const json_t *j)
{
	struct err err = { 0 };
	int id = set_data(d, j, &err);
	struct dap_data b = { .id = d->next_bp, .bp = id, .keep = true };

	if (id < 0)
		return json_pack("{sb so}", "verified", 0, "message",
				 js_text(err.text[0] ? err.text : strerror(-id)));
	b.id_text = copy_or_null(j, "dataId");
	b.condition = copy_or_null(j, "condition");
	b.hit = copy_or_null(j, "hitCondition");
	if (!b.id_text || vec_push(&d->data, b)) {
		data_deinit(d, &b);
		return NULL;
	}
	return json_pack("{si sb}", "id", d->next_bp++, "verified", 1);
}

/* What is no longer wished for goes first: it may hold the slots that the new ones need. */
static void drop_others(struct dap *d, const json_t *wishes)
{
	const json_t *j;
	size_t i, n = 0;

	json_array_foreach(wishes, i, j)
	{
		struct dap_data *b = find_data(d, j);

		if (b)
			b->keep = true;
	}
	for (i = 0; i < d->data.n; i++) {
		if (d->data.data[i].keep)
			d->data.data[n++] = d->data.data[i];
		else
			data_deinit(d, &d->data.data[i]);
	}
	d->data.n = n;
	for (i = 0; i < n; i++)
		d->data.data[i].keep = false;
}

static int req_set(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *wishes = json_object_get(args, "breakpoints"), *j;
	json_t *answers = json_array();
	size_t i;

	if (json_array_size(wishes) > DATA_MAX) {
		json_decref(answers);
		return err_set(err, -EINVAL, "more than %d data breakpoints", DATA_MAX);
	}
	for (i = 0; i < d->data.n; i++)
		d->data.data[i].keep = false;
	drop_others(d, wishes);
	json_array_foreach(wishes, i, j)
	{
		struct dap_data *b = find_data(d, j);

		if (b)
			b->keep = true;
		json_array_append_new(answers, b ? json_pack("{si sb}", "id", b->id, "verified", 1)
						 : add_data(d, j));
	}
	*ret_body = json_pack("{so}", "breakpoints", answers);
	return *ret_body ? 0 : -ENOMEM;
}

const struct dap_request dap_datas[] = {
	{ "dataBreakpointInfo", req_info, NEED_STOP },
	{ "setDataBreakpoints", req_set, NEED_SESSION },
};
const size_t dap_ndatas = sizeof(dap_datas) / sizeof(dap_datas[0]);
