// SPDX-License-Identifier: BSD-2-Clause
/* threads, stackTrace, scopes, source, loadedSources, modules */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "base/strbuf.h"
#include "dap/access.h"
#include "dap/dap.h"
#include "engine/session.h"
#include "engine/source.h"
#include "probes/probe.h"
#include "probes/value.h"

#define FRAMES_MAX  10000 /* of one stack */
#define MODULES_MAX 20000

/* ---- threads ---- */

static int req_threads(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	json_t *list = json_array();
	size_t n = 0;
	int r = session_threads(d->s, &threads, &n);

	(void)args;
	if (r || !list) {
		json_decref(list);
		return err_set(err, r ? r : -ENOMEM, "pid %d: its threads cannot be read: %s",
			       d->pid, strerror(r ? -r : ENOMEM));
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = threads[i].name;

		if (!threads[i].tid)
			continue;
		json_array_append_new(list,
				      json_pack("{si so}", "id", threads[i].tid, "name",
						*name ? js_text(name)
						      : json_sprintf("thread %d", threads[i].tid)));
	}
	*ret_body = json_pack("{so}", "threads", list);
	return *ret_body ? 0 : -ENOMEM;
}

/* ---- stacks ---- */

static json_t *frame_json(struct dap *d, pid_t tid, const struct interp_frame *f)
{
	int64_t id = handles_frame(&d->handles, tid, f);
	const char *file = NULL, *function = NULL;
	bool known = !session_code_names(d->s, f->code, &file, &function);
	json_t *j = json_pack("{sI so si si}", "id", (json_int_t)id, "name",
			      js_text(known ? function : "?"), "line",
			      f->line > 0 ? f->line - (d->lines_at_1 ? 0 : 1) : 0, "column",
			      d->columns_at_1 ? 1 : 0);

	if (j && known)
		json_object_set_new(j, "source", source_json(d, file));
	if (j && (!known || *file == '<'))
		json_object_set_new(j, "presentationHint", json_string("subtle"));
	return j;
}

static int req_stack(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	pid_t tid = (pid_t)arg_int(args, "threadId", 0);
	int64_t start = arg_int(args, "startFrame", 0), levels = arg_int(args, "levels", 0);
	_cleanup_free_ struct interp_frame *frames = NULL;
	json_t *list = json_array();
	size_t n = 0;
	int r = session_frames(d->s, tid, FRAMES_MAX, &frames, &n);

	if (r) {
		json_decref(list);
		return err_set(err, r,
			       r == -ESRCH ? "thread %d is no Python thread"
					   : "thread %d: its stack cannot be read",
			       tid);
	}
	if (start < 0)
		start = 0;
	if (levels <= 0 || levels > FRAMES_MAX)
		levels = FRAMES_MAX;
	for (size_t i = (size_t)start; list && i < n && i < (size_t)(start + levels); i++)
		json_array_append_new(list, frame_json(d, tid, &frames[i]));
	*ret_body = json_pack("{so sI}", "stackFrames", list, "totalFrames", (json_int_t)n);
	return *ret_body ? 0 : -ENOMEM;
}

static json_t *scope_json(struct dap *d, const struct interp_frame *f, enum vars_scope which)
{
	const struct value_handle h = { .kind = HANDLE_SCOPE, .frame = *f, .scope = which };
	bool locals = which == VARS_LOCALS;
	json_t *j =
		json_pack("{ss sI sb}", "name", locals ? "Locals" : "Globals", "variablesReference",
			  (json_int_t)handles_value(&d->handles, &h), "expensive", !locals);

	if (j && locals)
		json_object_set_new(j, "presentationHint", json_string("locals"));
	return j;
}

static int req_scopes(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const struct frame_handle *h =
		handles_find_frame(&d->handles, arg_int(args, "frameId", 0), err);

	if (!h)
		return -ENOENT;
	*ret_body = json_pack("{s[oo]}", "scopes", scope_json(d, &h->frame, VARS_LOCALS),
			      scope_json(d, &h->frame, VARS_GLOBALS));
	return *ret_body ? 0 : -ENOMEM;
}

/* ---- sources ---- */

static int read_source(struct dap *d, const char *file, struct strbuf *sb)
{
	struct source *src;
	struct access_kept kept = { 0 };
	const char *line;
	int r = access_drop(&d->peer, &kept);

	if (r)
		return r;
	r = source_get(d->sources, file, &src);
	access_restore(&d->peer, &kept);
	for (size_t i = 1; !r && i <= source_lines(src); i++) {
		r = source_line(src, (int32_t)i, &line);
		strbuf_addf(sb, "%s\n", r ? "" : line);
	}
	return r ? r : sb->failed ? -ENOMEM : 0;
}

static int req_source(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *source = arg_object(args, "source");
	const char *path = source ? arg_text(source, "path") : NULL;
	_cleanup_free_ char *file = path ? path_to_target(d, path) : NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	if (!path)
		return err_set(err, -EINVAL, "source needs the path of a file");
	r = file ? read_source(d, file, &sb) : -ENOMEM;
	if (r)
		return err_set(err, r,
			       "%s: its source cannot be read in the target's file system: %s",
			       path, strerror(-r));
	*ret_body = json_pack("{so ss}", "content", js_text(strbuf_str(&sb)), "mimeType",
			      "text/x-python");
	return *ret_body ? 0 : -ENOMEM;
}

static int req_loaded(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const char *const *files;
	json_t *list = json_array();
	size_t n = 0;
	int r = session_files(d->s, &files, &n);

	(void)args;
	if (r) {
		json_decref(list);
		return err_set(err, r, "pid %d: its code objects cannot be read: %s", d->pid,
			       strerror(-r));
	}
	for (size_t i = 0; list && i < n; i++)
		if (files[i][0] == '/')
			json_array_append_new(list, source_json(d, files[i]));
	*ret_body = json_pack("{so}", "sources", list);
	return *ret_body ? 0 : -ENOMEM;
}

/* ---- modules ---- */

/* sys.modules as a tree: name, module, name, module ... */
static int read_modules(struct dap *d, struct value **ret)
{
	static const struct value_limits lim = {
		.depth = 1, .items = MODULES_MAX, .bytes = 4096, .total = 2 * MODULES_MAX + 1
	};
	struct interp *in = session_interp(d->s);
	uint64_t dict, modules;
	int r;

	r = in->ops->module_globals(in, "sys", &dict);
	if (!r)
		r = in->ops->dict_get(in, dict, "modules", &modules);
	return r ? r : in->ops->value(in, modules, &lim, ret);
}

/* The file that <module 'x' from 'FILE'> names; malloc'ed, NULL: none. */
static char *module_path(const struct value *v)
{
	const char *from = v->bytes ? strstr(v->bytes, " from '") : NULL;
	const char *end = from ? strrchr(from, '\'') : NULL;

	from = from ? from + strlen(" from '") : NULL;
	return end && end > from ? strndup(from, (size_t)(end - from)) : NULL;
}

static json_t *module_json(const struct dap *d, const struct value *name, const struct value *v)
{
	_cleanup_free_ char *path = module_path(v), *mapped = path ? path_to_client(d, path) : NULL;
	json_t *j = json_pack("{so so}", "id", js_text(name->bytes), "name", js_text(name->bytes));

	if (j && mapped)
		json_object_set_new(j, "path", js_text(mapped));
	return j;
}

static int req_modules(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	int64_t start = arg_int(args, "startModule", 0), count = arg_int(args, "moduleCount", 0);
	json_t *list = json_array();
	struct value *v = NULL;
	int64_t total = 0;
	int r = read_modules(d, &v);

	if (r) {
		json_decref(list);
		return err_set(err, r, "pid %d: sys.modules cannot be read: %s", d->pid,
			       strerror(-r));
	}
	for (size_t i = 0; list && i + 1 < v->nitems; i += 2) {
		if (v->items[i]->kind != VALUE_STR || v->items[i + 1]->kind != VALUE_MODULE)
			continue;
		if (total >= start && (count <= 0 || total < start + count))
			json_array_append_new(list, module_json(d, v->items[i], v->items[i + 1]));
		total++;
	}
	value_free(v);
	*ret_body = json_pack("{so sI}", "modules", list, "totalModules", (json_int_t)total);
	return *ret_body ? 0 : -ENOMEM;
}

const struct dap_request dap_look[] = {
	{ "threads", req_threads, NEED_SESSION },      { "stackTrace", req_stack, NEED_STOP },
	{ "scopes", req_scopes, NEED_STOP },	       { "source", req_source, NEED_SESSION },
	{ "loadedSources", req_loaded, NEED_SESSION }, { "modules", req_modules, NEED_SESSION },
};
const size_t dap_nlook = sizeof(dap_look) / sizeof(dap_look[0]);
