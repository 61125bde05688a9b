// SPDX-License-Identifier: BSD-2-Clause
/* variables, evaluate, completions, readMemory */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "dap/base64.h"
#include "dap/dap.h"
#include "engine/expr.h"
#include "engine/session.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

#define LINE_MAX_BYTES	500	  /* of a value in a list of variables */
#define FULL_MAX_BYTES	(1 << 20) /* evaluate for the clipboard */
#define ITEMS_MAX	100000	  /* of one container that is opened */
#define MEMORY_MAX	(1 << 20) /* bytes of one readMemory */
#define COMPLETIONS_MAX 500

static const struct value_limits limits_line = {
	.depth = 3, .items = 60, .bytes = 600, .total = 300
};
static const struct value_limits limits_scope = {
	.depth = 3, .items = 60, .bytes = 600, .total = 20000
};
static const struct value_limits limits_full = {
	.depth = 30, .items = 100000, .bytes = 1 << 20, .total = 1000000
};

DEFINE_CLEANUP(struct value *, value_free)

char *value_text(const struct value *v, bool hex, size_t max)
{
	struct strbuf sb = STRBUF_INIT;

	if (hex && v->kind == VALUE_INT && !v->text && mpz_sizeinbase(v->z, 16) < max) {
		char *digits = mpz_get_str(NULL, 16, v->z);

		strbuf_addf(&sb, "%s0x%s", *digits == '-' ? "-" : "", digits + (*digits == '-'));
		free(digits);
	} else {
		value_repr_max(v, &sb, max);
	}
	return strbuf_take(&sb);
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
		return v->length != 0;
	case VALUE_INSTANCE:
	case VALUE_EXCEPTION:
		return true;
	default:
		return v->nitems > 0;
	}
}

static bool is_indexed(const struct value *v)
{
	return v->kind == VALUE_LIST || v->kind == VALUE_TUPLE || v->kind == VALUE_DEQUE ||
	       v->kind == VALUE_SET || v->kind == VALUE_FROZENSET;
}

/* A value in words; what is computed here has no address and must live as long as the handles. */
static void add_reference(struct dap *d, json_t *j, const struct value *v, const char *eval_name)
{
	struct value_handle h = { .kind = v->address ? HANDLE_ADDRESS : HANDLE_VALUE,
				  .address = v->address,
				  .value = v,
				  .frame = d->looking,
				  .eval_name = (char *)eval_name };

	if (!has_children(v)) {
		json_object_set_new(j, "variablesReference", json_integer(0));
		return;
	}
	json_object_set_new(j, "variablesReference", json_integer(handles_value(&d->handles, &h)));
	if (is_indexed(v) && v->length >= 0)
		json_object_set_new(j, "indexedVariables", json_integer(v->length));
	else if (v->kind == VALUE_DICT && v->length >= 0)
		json_object_set_new(j, "namedVariables", json_integer(v->length));
}

json_t *variable_json(struct dap *d, const char *name, const struct value *v, const char *eval_name,
		      bool hex)
{
	_cleanup_free_ char *text = value_text(v, hex, LINE_MAX_BYTES);
	json_t *j =
		text ? json_pack("{so so}", "name", js_text(name), "value", js_text(text)) : NULL;

	if (!j)
		return NULL;
	if (d->var_type)
		json_object_set_new(j, "type", js_text(v->type));
	if (eval_name)
		json_object_set_new(j, "evaluateName", js_text(eval_name));
	if (v->address)
		json_object_set_new(j, "memoryReference", json_sprintf("0x%" PRIx64, v->address));
	add_reference(d, j, v, eval_name);
	return j;
}

/* ---- variables ---- */

/* Which children are asked for. */
struct page {
	size_t start, count; /* count 0: all */
	bool hex;
};

static bool in_page(const struct page *p, size_t i)
{
	return i >= p->start && (!p->count || i < p->start + p->count);
}

static int add_variable(struct dap *d, json_t *list, const char *name, const struct value *v,
			const char *eval_name, const struct page *p)
{
	_cleanup_(cleanup_value_free) struct value *deeper = NULL;
	struct interp *in = session_interp(d->s);

	/* a container inside was read without what it holds: its line shows some of that */
	if (v->address && has_children(v) && in->ops->value(in, v->address, &limits_line, &deeper))
		return -ENOMEM;
	return json_array_append_new(list,
				     variable_json(d, name, deeper ? deeper : v, eval_name, p->hex))
		       ? -ENOMEM
		       : 0;
}

static int list_scope(struct dap *d, const struct value_handle *h, const struct page *p,
		      json_t *list, struct err *err)
{
	_cleanup_(vars_deinit) struct vars vars = { 0 };
	struct interp_frame frame = h->frame;
	int r = vars_read(session_interp(d->s), &frame, h->scope, &limits_scope, err, &vars);

	for (size_t i = 0; !r && i < vars.n; i++)
		if (in_page(p, i))
			r = json_array_append_new(list, variable_json(d, vars.data[i].name,
								      vars.data[i].value,
								      vars.data[i].name, p->hex))
				    ? -ENOMEM
				    : 0;
	return r;
}

/* An expression for a child: PARENT[3], PARENT['key'], PARENT.name; NULL: there is none. */
static char *child_expression(const char *parent, const struct value *v, const char *name,
			      size_t index)
{
	char *text = NULL;
	int r = -1;

	if (!parent)
		return NULL;
	if (v->kind == VALUE_LIST || v->kind == VALUE_TUPLE || v->kind == VALUE_DEQUE)
		r = asprintf(&text, "%s[%zu]", parent, index);
	else if (v->kind == VALUE_DICT)
		r = asprintf(&text, "%s[%s]", parent, name);
	else if (v->kind == VALUE_INSTANCE || v->kind == VALUE_EXCEPTION)
		r = asprintf(&text, "%s.%s", parent, name);
	return r < 0 ? NULL : text;
}

static int list_dict(struct dap *d, const struct value *v, const char *parent, const struct page *p,
		     json_t *list)
{
	int r = 0;

	for (size_t i = 0; !r && i + 1 < v->nitems; i += 2) {
		_cleanup_free_ char *key = NULL, *expression = NULL;
		enum value_kind k = v->items[i]->kind;

		if (!in_page(p, i / 2))
			continue;
		key = value_text(v->items[i], false, LINE_MAX_BYTES);
		if (!key)
			return -ENOMEM;
		if (k == VALUE_STR || k == VALUE_INT || k == VALUE_BOOL || k == VALUE_BYTES)
			expression = child_expression(parent, v, key, 0);
		r = add_variable(d, list, key, v->items[i + 1], expression, p);
	}
	return r;
}

static int list_children(struct dap *d, const struct value *v, const char *parent,
			 const struct page *p, json_t *list)
{
	int r = 0;

	if (v->kind == VALUE_DICT)
		return list_dict(d, v, parent, p, list);
	for (size_t i = 0; !r && i < v->nitems; i++) {
		const char *name = v->items[i]->name;
		_cleanup_free_ char *expression = NULL;
		char index[24];

		if (!in_page(p, i))
			continue;
		snprintf(index, sizeof(index), "%zu", i);
		expression = child_expression(parent, v, name ? name : "args", i);
		r = add_variable(d, list,
				 name			      ? name
				 : v->kind == VALUE_EXCEPTION ? "args"
							      : index,
				 v->items[i], expression, p);
	}
	return r;
}

static int list_address(struct dap *d, const struct value_handle *h, const struct page *p,
			json_t *list)
{
	_cleanup_(cleanup_value_free) struct value *v = NULL;
	_cleanup_free_ char *parent = h->eval_name ? strdup(h->eval_name) : NULL;
	struct interp *in = session_interp(d->s);
	struct value_limits lim = { .depth = 1, .bytes = 600 };
	size_t end = p->count ? p->start + p->count : ITEMS_MAX;
	int r;

	lim.items = end < ITEMS_MAX ? (unsigned)end : ITEMS_MAX;
	lim.total = 2 * lim.items + 1;
	r = in->ops->value(in, h->address, &lim, &v);
	return r ? r : list_children(d, v, parent, p, list);
}

static int req_variables(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *format = arg_object(args, "format");
	int64_t start = arg_int(args, "start", 0), count = arg_int(args, "count", 0);
	const char *filter = arg_text(args, "filter");
	struct page p = { .start = start > 0 ? (size_t)start : 0,
			  .count = count > 0 ? (size_t)count : 0,
			  .hex = format && arg_bool(format, "hex", false) };
	const struct value_handle *found =
		handles_find_value(&d->handles, arg_int(args, "variablesReference", 0), err);
	json_t *list = json_array();
	struct value_handle h;
	int r = found ? 0 : -ENOENT;

	if (found) {
		h = *found; /* the numbers of the children move the array */
		d->looking = h.frame;
		/* what is named is not indexed, and the other way round */
		if (filter && h.kind == HANDLE_SCOPE && !strcmp(filter, "indexed"))
			r = 0;
		else if (h.kind == HANDLE_SCOPE)
			r = list_scope(d, &h, &p, list, err);
		else if (h.kind == HANDLE_ADDRESS)
			r = list_address(d, &h, &p, list);
		else
			r = list_children(d, h.value, NULL, &p, list);
	}
	if (r) {
		json_decref(list);
		return r;
	}
	*ret_body = json_pack("{so}", "variables", list);
	return *ret_body ? 0 : -ENOMEM;
}

int child_expression_of(struct dap *d, int64_t reference, const char *name, struct err *err,
			char **ret, struct interp_frame *ret_frame)
{
	static const struct value_limits shallow = { .bytes = 100, .total = 1 };
	const struct value_handle *h = handles_find_value(&d->handles, reference, err);
	_cleanup_(cleanup_value_free) struct value *v = NULL;
	struct interp *in = session_interp(d->s);
	char *end, *text = NULL;
	size_t index;

	if (!h)
		return -ENOENT;
	*ret_frame = h->frame;
	if (h->kind == HANDLE_SCOPE) {
		text = strdup(name);
	} else if (h->kind == HANDLE_ADDRESS && h->eval_name &&
		   !in->ops->value(in, h->address, &shallow, &v)) {
		index = strtoull(name, &end, 10);
		text = child_expression(h->eval_name, v, name, *name && !*end ? index : 0);
	}
	if (!text)
		return err_set(err, -ENOENT, "'%.60s' is in no variable", name);
	*ret = text;
	return 0;
}

/* ---- evaluate ---- */

/* The frame that is meant: the one named, else the innermost of the thread that stopped. */
static int find_frame(struct dap *d, const json_t *args, struct err *err, struct interp_frame *ret)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	const struct frame_handle *h;
	size_t n = 0;
	int r;

	if (json_object_get(args, "frameId")) {
		h = handles_find_frame(&d->handles, arg_int(args, "frameId", 0), err);
		if (h)
			*ret = h->frame;
		return h ? 0 : -ENOENT;
	}
	r = session_frames(d->s, session_stop_tid(d->s), 1, &frames, &n);
	if (r || !n)
		return err_set(err, r ? r : -ENOENT, "there is no frame to evaluate it in");
	*ret = frames[0];
	return 0;
}

static int evaluate(struct dap *d, const json_t *args, const char *text,
		    const struct value_limits *lim, struct err *err, struct value **ret)
{
	struct expr_scope scope = { .in = session_interp(d->s) };
	struct interp_frame frame = { 0 };
	struct expr *e = NULL;
	int r = find_frame(d, args, err, &frame);

	d->looking = frame;
	scope.frame = frame.frame;
	scope.tstate = session_raised(d->s, session_stop_tid(d->s));
	if (!r)
		r = expr_parse(text, err, &e);
	if (!r)
		r = expr_eval(e, &scope, lim, err, ret);
	expr_free(e);
	return r;
}

static int req_evaluate(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const char *text = arg_text(args, "expression"), *context = arg_text(args, "context");
	bool full = context && (!strcmp(context, "clipboard") || !strcmp(context, "repl"));
	const json_t *format = arg_object(args, "format");
	bool hex = format && arg_bool(format, "hex", false);
	_cleanup_free_ char *shown = NULL;
	struct value *v = NULL;
	int r;

	if (!text)
		return err_set(err, -EINVAL, "evaluate needs an expression");
	r = evaluate(d, args, text, full ? &limits_full : &limits_line, err, &v);
	if (r)
		return r;
	shown = value_text(v, hex, full ? FULL_MAX_BYTES : LINE_MAX_BYTES);
	*ret_body = shown ? json_pack("{so}", "result", js_text(shown)) : NULL;
	if (*ret_body) {
		json_object_set_new(*ret_body, "type", js_text(v->type));
		if (v->address)
			json_object_set_new(*ret_body, "memoryReference",
					    json_sprintf("0x%" PRIx64, v->address));
		add_reference(d, *ret_body, v, text);
	}
	return handles_keep(&d->handles, v) || !*ret_body ? -ENOMEM : 0;
}

/* ---- completions ---- */

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_listed(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (!strcmp(arg_text(item, "label"), name)) return true;
	return false;
}

static void add_completion(json_t *list, const char *name, const char *prefix, const char *type)
{
	if (name && !strncmp(name, prefix, strlen(prefix)) &&
	    json_array_size(list) < COMPLETIONS_MAX && !is_listed(list, name))
		json_array_append_new(list,
				      json_pack("{so ss}", "label", js_text(name), "type", type));
}

/* The names in a frame. */
static int complete_names(struct dap *d, const json_t *args, const char *prefix, json_t *list,
			  struct err *err)
{
	static const enum vars_scope scopes[] = { VARS_LOCALS, VARS_GLOBALS };
	static const struct value_limits shallow = { .bytes = 1000, .total = 10000 };
	struct interp_frame f = { 0 };
	int r = find_frame(d, args, err, &f);

	for (size_t i = 0; !r && i < 2; i++) {
		_cleanup_(vars_deinit) struct vars vars = { 0 };

		r = vars_read(session_interp(d->s), &f, scopes[i], &shallow, err, &vars);
		for (size_t j = 0; !r && j < vars.n; j++)
			add_completion(list, vars.data[j].name, prefix, "variable");
	}
	return r;
}

static int req_completions(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	static const struct value_limits attributes = {
		.depth = 1, .items = 1000, .bytes = 100, .total = 1001
	};
	const char *text = arg_text(args, "text");
	int64_t column = arg_int(args, "column", 0) - (d->columns_at_1 ? 1 : 0);
	_cleanup_(cleanup_value_free) struct value *v = NULL;
	_cleanup_free_ char *line = text ? strdup(text) : NULL;
	json_t *list = json_array();
	char *prefix, *begin;
	int r = 0;

	if (!line) {
		json_decref(list);
		return err_set(err, -EINVAL, "completions needs a text");
	}
	if (column >= 0 && (size_t)column < strlen(line))
		line[column] = '\0';
	for (prefix = line + strlen(line); prefix > line && is_name_byte(prefix[-1]); prefix--)
		;
	if (prefix > line && prefix[-1] == '.') {
		prefix[-1] = '\0';
		for (begin = prefix - 1;
		     begin > line && (is_name_byte(begin[-1]) || begin[-1] == '.'); begin--)
			;
		/* what cannot be evaluated has no completions */
		if (!evaluate(d, args, begin, &attributes, err, &v))
			for (size_t i = 0; i < v->nitems; i++)
				add_completion(list, v->items[i]->name, prefix, "property");
	} else {
		r = complete_names(d, args, prefix, list, err);
	}
	if (r) {
		json_decref(list);
		return r;
	}
	*ret_body = json_pack("{so}", "targets", list);
	return *ret_body ? 0 : -ENOMEM;
}

/* ---- memory ---- */

static int req_memory(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const char *ref = arg_text(args, "memoryReference");
	int64_t offset = arg_int(args, "offset", 0), count = arg_int(args, "count", -1);
	_cleanup_free_ unsigned char *data = NULL;
	_cleanup_free_ char *text = NULL;
	struct mem *m = target_mem(session_target(d->s));
	char *end = NULL;
	uint64_t addr = ref ? strtoull(ref, &end, 0) : 0;
	size_t good = 0;

	if (!ref || !*ref || *end || count < 0)
		return err_set(err, -EINVAL, "readMemory needs a memoryReference and a count");
	if (count > MEMORY_MAX)
		count = MEMORY_MAX;
	addr += (uint64_t)offset;
	data = malloc((size_t)count + 1);
	if (!data)
		return -ENOMEM;
	m->ops->read(m->priv, addr, data, (size_t)count, &good);
	text = base64_encode(data, good);
	*ret_body = text ? json_pack("{so ss}", "address", json_sprintf("0x%" PRIx64, addr), "data",
				     text)
			 : NULL;
	if (*ret_body && good < (size_t)count)
		json_object_set_new(*ret_body, "unreadableBytes",
				    json_integer(count - (int64_t)good));
	return *ret_body ? 0 : -ENOMEM;
}

const struct dap_request dap_values[] = {
	{ "variables", req_variables, NEED_STOP },
	{ "evaluate", req_evaluate, NEED_STOP },
	{ "completions", req_completions, NEED_STOP },
	{ "readMemory", req_memory, NEED_SESSION },
};
const size_t dap_nvalues = sizeof(dap_values) / sizeof(dap_values[0]);
