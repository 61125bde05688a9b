// SPDX-License-Identifier: BSD-2-Clause
/* args locals globals p pp whatis */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/pretty.h"
#include "cli/shell.h"
#include "engine/vars.h"
#include "engine/expr.h"
#include "engine/session.h"
#include "probes/value.h"

#define TEXT_MAX      4000 /* bytes of one value that `p` prints */
#define TEXT_LIST_MAX 400  /* of one variable in a list of them */
#define JSON_DEPTH    2	   /* levels of children */

static const struct value_limits limits_text = {
	.depth = 6, .items = 200, .bytes = 4096, .total = 5000
};
static const struct value_limits limits_json = {
	.depth = 6, .items = 1000, .bytes = 65536, .total = 20000
};
static const struct value_limits limits_more = {
	.depth = 30, .items = 10000, .bytes = 1 << 20, .total = 200000
};

/* ---- variables ---- */

static void show_vars(struct shell *sh, const char *scope, const struct vars *vars)
{
	if (sh->out->json) {
		out_json(sh->out, json_pack("{ss ss so}", "event", "values", "scope", scope,
					    "values", js_vars(vars, JSON_DEPTH)));
		return;
	}
	for (size_t i = 0; i < vars->n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		value_repr_max(vars->data[i].value, &text, TEXT_LIST_MAX);
		out_add(sh->out, OUT_CYAN, "%s", vars->data[i].name);
		out_add(sh->out, OUT_PLAIN, " = %s", strbuf_str(&text));
		out_end(sh->out);
	}
	if (vars->truncated)
		out_line(sh->out, "...");
	if (!vars->n)
		out_line(sh->out, "no %s", !strcmp(scope, "args") ? "arguments" : scope);
}

static int show_scope(struct shell *sh, const char *scope, enum vars_scope which, const char *args,
		      struct err *err)
{
	_cleanup_(vars_deinit) struct vars vars = { 0 };
	struct look lk;
	int r;

	if (*args)
		return err_set(err, -EINVAL, "%s takes no argument: `p NAME` prints one variable",
			       scope);
	r = look_begin(sh, false, err, &lk);
	if (r < 0)
		return r;
	r = vars_read(session_interp(sh->s), &lk.frames[lk.frame], which,
		      sh->out->json ? &limits_json : &limits_text, err, &vars);
	look_end(sh, &lk);
	if (!r)
		show_vars(sh, scope, &vars);
	return r;
}

int cmd_args(struct shell *sh, const char *args, struct err *err)
{
	return show_scope(sh, "args", VARS_ARGS, args, err);
}

int cmd_locals(struct shell *sh, const char *args, struct err *err)
{
	return show_scope(sh, "locals", VARS_LOCALS, args, err);
}

int cmd_globals(struct shell *sh, const char *args, struct err *err)
{
	return show_scope(sh, "globals", VARS_GLOBALS, args, err);
}

/* ---- expressions ---- */

static void cleanup_expr(struct expr **e)
{
	expr_free(*e);
}

static void cleanup_value(struct value **v)
{
	value_free(*v);
}

static int evaluate(struct shell *sh, const char *what, const char *text,
		    const struct value_limits *lim, struct err *err, struct value **ret)
{
	_cleanup_(cleanup_expr) struct expr *e = NULL;
	struct expr_scope scope;
	struct look lk;
	int r;

	if (!*text)
		return err_set(err, -EINVAL, "%s needs an expression: `%s NAME`", what, what);
	r = expr_parse(text, err, &e);
	if (r < 0)
		return r;
	r = look_begin(sh, false, err, &lk);
	if (r < 0)
		return r;
	scope = (struct expr_scope){ .in = session_interp(sh->s),
				     .frame = lk.frames[lk.frame].frame,
				     .tstate = session_raised(sh->s, sh->tid) };
	r = expr_eval(e, &scope, lim, err, ret);
	look_end(sh, &lk);
	return r;
}

static void show_json(struct shell *sh, const char *text, const struct value *v)
{
	out_json(sh->out, json_pack("{ss so s[o]}", "event", "values", "expression", js_text(text),
				    "values", js_value(text, v, JSON_DEPTH)));
}

/* Did a limit leave something out of what is shown, at any depth? Of an instance that is nothing or
 * its fields; the attributes that come with it are not. */
static bool is_cut(const struct value *v)
{
	bool fields = v->form == FORM_FIELDS && v->nfields < v->nitems;
	size_t n = fields ? v->nfields : v->nitems;
	bool cut = v->truncated && !fields;

	if (v->cycle || (v->kind == VALUE_INSTANCE && v->form == FORM_PLAIN))
		return false;
	for (size_t i = 0; !cut && i < n; i++)
		cut = is_cut(v->items[i]);
	return cut;
}

int cmd_p(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_value) struct value *v = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf full = STRBUF_INIT;
	int r = evaluate(sh, "p", args, sh->out->json ? &limits_json : &limits_text, err, &v);

	if (r < 0)
		return r;
	if (sh->out->json) {
		show_json(sh, args, v);
		return 0;
	}
	value_repr(v, &full);
	value_repr_max(v, &text, TEXT_MAX);
	out_line(sh->out, "%s", strbuf_str(&text));
	if (text.len < full.len || is_cut(v))
		out_note(sh->out, "(cut: `pp` prints more)");
	return 0;
}

static size_t terminal_width(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || ws.ws_col < 20)
		return 80;
	return ws.ws_col;
}

int cmd_pp(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_value) struct value *v = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *line, *next;
	int r = evaluate(sh, "pp", args, &limits_more, err, &v);

	if (r < 0)
		return r;
	if (sh->out->json) {
		show_json(sh, args, v);
		return 0;
	}
	pretty_value(v, terminal_width(), &text);
	if (text.failed)
		return -ENOMEM;
	for (line = text.data; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		out_line(sh->out, "%s", line);
	}
	return 0;
}

int cmd_whatis(struct shell *sh, const char *args, struct err *err)
{
	static const struct value_limits shallow = {
		.depth = 1, .items = 10, .bytes = 200, .total = 50
	};
	_cleanup_(cleanup_value) struct value *v = NULL;
	int r = evaluate(sh, "whatis", args, &shallow, err, &v);

	if (r < 0)
		return r;
	if (sh->out->json)
		show_json(sh, args, v);
	else if (v->module && strcmp(v->module, "builtins"))
		out_line(sh->out, "%s.%s", v->module, v->type);
	else
		out_line(sh->out, "%s", v->type);
	return 0;
}
