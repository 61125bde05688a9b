// SPDX-License-Identifier: BSD-2-Clause
/*
 * eval_tool PID|- : expressions on standard input, one a line, as JSON strings; results on standard
 * output, one a line: {"repr": ...} or {"error": class, "code": -errno, "message": ...}. They are
 * evaluated in the innermost Python frame of the main thread of PID, which must sit still (in
 * time.sleep, say); "-": constants only.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/expr.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

DEFINE_CLEANUP(struct expr *, expr_free)
DEFINE_CLEANUP(struct value *, value_free)
DEFINE_CLEANUP(struct target *, target_free)
DEFINE_CLEANUP(struct interp *, probes_close)

static const struct value_limits limits = {
	.depth = 50, .items = 100000, .bytes = 1 << 24, .total = 1000000
};

/* "TypeError: ..." is a TypeError; what does not begin so is refused by ourselves. */
static void answer(int code, const char *message, const char *repr, size_t repr_len)
{
	json_t *o;
	char cls[64] = "";

	if (!code) {
		o = json_object();
		json_object_set_new(o, "repr", json_stringn_nocheck(repr, repr_len));
	} else {
		sscanf(message, "%63[A-Za-z]:", cls);
		if (!strstr(cls, "Error") || message[strlen(cls)] != ':')
			cls[0] = '\0';
		o = json_pack("{s:s, s:i, s:s}", "error", cls, "code", code, "message", message);
	}
	json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static void evaluate(const char *text, const struct expr_scope *scope)
{
	_cleanup_(cleanup_expr_free) struct expr *e = NULL;
	_cleanup_(cleanup_value_free) struct value *v = NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct err err = { 0 };
	int r;

	r = expr_parse(text, &err, &e);
	if (!r)
		r = expr_eval(e, scope, &limits, &err, &v);
	if (!r)
		value_repr(v, &sb);
	answer(r, err.text, strbuf_str(&sb), sb.len);
}

static int attach(pid_t pid, struct target **ret_t, struct expr_scope *ret)
{
	struct probe_env env = { .pid = pid };
	struct interp_thread *threads = NULL;
	struct interp_frame *frames = NULL;
	struct err err = { 0 };
	size_t n;
	int r;

	r = target_open(pid, &err, ret_t);
	if (r)
		goto fail;
	env.cwd = target_cwd(*ret_t);
	r = probes_open(target_mem(*ret_t), target_sym(*ret_t), &env, &err, &ret->in);
	if (r)
		goto fail;
	r = ret->in->ops->threads(ret->in, &threads, &n);
	if (r || !n)
		goto fail;
	/* The main thread is the one whose kernel id is the process's; where that is not known, it
	 * is the only one. */
	for (size_t i = 0; i < n; i++)
		if (threads[i].tid == pid || n == 1) {
			r = ret->in->ops->frames(ret->in, threads[i].tstate, 1, &frames, &n);
			if (!r && n)
				ret->frame = frames[0].frame;
			break;
		}
	free(threads);
	free(frames);
	if (ret->frame)
		return 0;
fail:
	fprintf(stderr, "eval_tool: %s (%d)\n", err.text[0] ? err.text : "no frame", r);
	return -1;
}

int main(int argc, char **argv)
{
	_cleanup_(cleanup_target_free) struct target *t = NULL;
	_cleanup_(cleanup_probes_close) struct interp *in = NULL;
	_cleanup_free_ char *line = NULL;
	struct expr_scope scope = { 0 };
	size_t cap = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: eval_tool PID|-\n");
		return 2;
	}
	if (strcmp(argv[1], "-") && attach(atoi(argv[1]), &t, &scope))
		return 1;
	in = scope.in;
	while (getline(&line, &cap, stdin) > 0) {
		json_t *j = json_loads(line, JSON_DECODE_ANY, NULL);

		if (!json_is_string(j)) {
			fprintf(stderr, "eval_tool: not a JSON string: %s\n", line);
			return 2;
		}
		evaluate(json_string_value(j), &scope);
		json_decref(j);
	}
	return 0;
}
