// SPDX-License-Identifier: BSD-2-Clause
/* Arguments of requests, and paths between client and target. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/js_text.h"
#include "base/strbuf.h"
#include "dap/dap.h"

const char *arg_text(const json_t *args, const char *key)
{
	const char *text = json_string_value(json_object_get(args, key));

	/* jansson refuses NUL bytes inside strings by itself */
	return text;
}

int64_t arg_int(const json_t *args, const char *key, int64_t missing)
{
	const json_t *v = json_object_get(args, key);
	double d;

	if (json_is_integer(v))
		return json_integer_value(v);
	/* JSON has one kind of number: 3.0 is 3 */
	d = json_is_real(v) ? json_real_value(v) : 0.5;
	return d >= -9e15 && d <= 9e15 && d == (double)(int64_t)d ? (int64_t)d : missing;
}

bool arg_bool(const json_t *args, const char *key, bool missing)
{
	const json_t *v = json_object_get(args, key);

	return json_is_boolean(v) ? json_is_true(v) : missing;
}

const json_t *arg_object(const json_t *args, const char *key)
{
	const json_t *v = json_object_get(args, key);

	return json_is_object(v) ? v : NULL;
}

/* path with the directory `from` at its beginning replaced by `to`; NULL: it does not begin so. */
static char *replace_root(const char *path, const char *from, const char *to)
{
	struct strbuf sb = STRBUF_INIT;
	size_t n = strlen(from), m = strlen(to);

	while (n > 1 && from[n - 1] == '/')
		n--;
	while (m > 1 && to[m - 1] == '/')
		m--;
	if (strncmp(path, from, n) || (path[n] && path[n] != '/' && from[n - 1] != '/'))
		return NULL;
	strbuf_add(&sb, to, m);
	path += n;
	if (*path && *path != '/' && (!m || to[m - 1] != '/'))
		strbuf_addc(&sb, '/');
	if (*path == '/' && m && to[m - 1] == '/')
		path++;
	strbuf_adds(&sb, path);
	return strbuf_take(&sb);
}

char *path_to_target(const struct dap *d, const char *path)
{
	for (size_t i = 0; i < d->maps.n; i++) {
		char *mapped = replace_root(path, d->maps.data[i].local, d->maps.data[i].remote);

		if (mapped)
			return mapped;
	}
	return strdup(path);
}

char *path_to_client(const struct dap *d, const char *path)
{
	for (size_t i = 0; i < d->maps.n; i++) {
		char *mapped = replace_root(path, d->maps.data[i].remote, d->maps.data[i].local);

		if (mapped)
			return mapped;
	}
	return strdup(path);
}

json_t *source_json(const struct dap *d, const char *file)
{
	_cleanup_free_ char *path = path_to_client(d, file);
	const char *base = path ? strrchr(path, '/') : NULL;
	json_t *source;

	if (!path)
		return NULL;
	source = json_pack("{so so}", "name", js_text(base ? base + 1 : path), "path",
			   js_text(path));
	/* frozen modules and generated code have no file */
	if (source && *file == '<')
		json_object_set_new(source, "presentationHint", json_string("deemphasize"));
	return source;
}
