// SPDX-License-Identifier: BSD-2-Clause
/* list longlist source */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/expr.h"
#include "engine/session.h"
#include "engine/source.h"
#include "probes/value.h"

#define LIST_LINES	   11
#define FUNCTION_LINES_MAX 5000
#define CODE_DEPTH_MAX	   16

static bool has_breakpoint(struct shell *sh, const char *file, int32_t line)
{
	const struct bp *const *bps;
	size_t n = session_bps(sh->s, &bps);

	for (size_t i = 0; i < n; i++)
		if (bps[i]->line == line && bps[i]->enabled && !strcmp(bps[i]->file, file))
			return true;
	return false;
}

static int show_lines(struct shell *sh, const char *file, int32_t first, int32_t last,
		      int32_t current, struct err *err)
{
	struct source *src = shell_source(sh, file);
	const char *text;
	int32_t total;

	if (!src)
		return err_set(err, -ENOENT,
			       "%s: its source cannot be read in the target's file system", file);
	total = (int32_t)source_lines(src);
	if (first > total)
		return err_set(err, -ERANGE, "%s ends at line %d", file, total);
	for (int32_t i = first; i <= last && i <= total; i++) {
		if (source_line(src, i, &text))
			break;
		out_add(sh->out, i == current ? OUT_BOLD : OUT_PLAIN, "%4d%s", i, *text ? " " : "");
		out_add(sh->out, OUT_RED, "%s",
			has_breakpoint(sh, file, i) ? "B"
			: *text || i == current	    ? " "
						    : "");
		if (i == current || *text)
			out_add(sh->out, i == current ? OUT_BOLD : OUT_PLAIN, "%s %s",
				i == current ? "->" : "  ", text);
		out_end(sh->out);
	}
	return last > total ? total : last;
}

struct here {
	char *file;
	int32_t line;
	uint64_t code;
};

static int here_get(struct shell *sh, struct err *err, struct here *ret)
{
	const char *file, *function;
	struct look lk;
	int r = look_begin(sh, false, err, &lk);

	if (r < 0)
		return r;
	shell_frame_names(sh, &lk.frames[lk.frame], &file, &function);
	ret->file = strdup(file);
	ret->line = lk.frames[lk.frame].line;
	ret->code = lk.frames[lk.frame].code;
	look_end(sh, &lk);
	return ret->file ? 0 : -ENOMEM;
}

static void cleanup_here(struct here *h)
{
	free(h->file);
}

int cmd_list(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_here) struct here here = { 0 };
	int32_t first, last;
	int r;

	r = parse_list(args, err, &first, &last);
	if (!r)
		r = here_get(sh, err, &here);
	if (r < 0)
		return r;
	if (!first && sh->list_next && sh->list_file && !strcmp(sh->list_file, here.file)) {
		first = sh->list_next;
		last = first + LIST_LINES - 1;
	} else if (first <= 0) {
		first = here.line > LIST_LINES / 2 ? here.line - LIST_LINES / 2 : 1;
		last = first + LIST_LINES - 1;
	}
	r = show_lines(sh, here.file, first, last, here.line, err);
	if (r < 0)
		return r;
	free(sh->list_file);
	sh->list_file = take_ptr(here.file);
	sh->list_next = r + 1;
	return 0;
}

/* The last line that has code in code or in a function inside it. */
static int32_t last_line(struct interp *in, uint64_t code, int depth)
{
	_cleanup_free_ uint64_t *children = NULL;
	struct interp_code c = { 0 };
	int32_t last = 0;
	size_t n = 0;

	if (in->ops->code(in, code, &c))
		return 0;
	for (uint32_t off = 0; off < c.size && off < 1u << 20; off += 2) {
		int line = in->ops->line_of(in, code, (int32_t)off);

		if (line > last)
			last = line;
	}
	interp_code_deinit(&c);
	if (depth >= CODE_DEPTH_MAX || in->ops->code_children(in, code, &children, &n))
		return last;
	for (size_t i = 0; i < n && i < 10000; i++) {
		int32_t line = last_line(in, children[i], depth + 1);

		if (line > last)
			last = line;
	}
	return last;
}

int cmd_longlist(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_(cleanup_here) struct here here = { 0 };
	struct interp *in = session_interp(sh->s);
	struct interp_code c = { 0 };
	int32_t first, last;
	int r;

	(void)args;
	r = here_get(sh, err, &here);
	if (r < 0)
		return r;
	r = in->ops->code(in, here.code, &c);
	if (r < 0)
		return err_set(err, r, "the function's code object cannot be read: %s",
			       strerror(-r));
	first = c.first_line > 0 ? c.first_line : 1;
	interp_code_deinit(&c);
	last = last_line(in, here.code, 0);
	if (last < here.line)
		last = here.line;
	if (last - first > FUNCTION_LINES_MAX)
		last = first + FUNCTION_LINES_MAX;
	r = show_lines(sh, here.file, first, last, here.line, err);
	return r < 0 ? r : 0;
}

static int eval_text(const char *text, const struct expr_scope *scope,
		     const struct value_limits *lim, struct err *err, struct value **ret)
{
	struct expr *e = NULL;
	int r = expr_parse(text, err, &e);

	if (!r)
		r = expr_eval(e, scope, lim, err, ret);
	expr_free(e);
	return r;
}

/* An attribute of what args names, as a value; the first that is there of several ways to its code.
 */
static int source_attr(struct shell *sh, const char *args, const char *attr, struct err *err,
		       struct value **ret)
{
	static const char *const ways[] = { "(%s).__code__.%s", "(%s).__func__.__code__.%s",
					    "(%s).fget.__code__.%s", "(%s).%s" };
	const size_t nways = sizeof(ways) / sizeof(ways[0]);
	const char *dot = strrchr(args, '.');
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 4096, .total = 1 };
	struct value *whole = NULL;
	struct expr_scope scope;
	struct look lk;
	int r = look_begin(sh, false, err, &lk);

	if (r < 0)
		return r;
	scope = (struct expr_scope){ .in = session_interp(sh->s),
				     .frame = lk.frames[lk.frame].frame };
	r = -ENOENT;
	for (size_t i = 0; r && i < nways; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		strbuf_addf(&text, ways[i], args, attr);
		r = eval_text(strbuf_str(&text), &scope, &lim, err, ret);
	}
	/* A method of an instance is made, a property computed when it is asked for: the class has
	 * the function. */
	for (size_t i = 0; r && dot && i < nways; i++) {
		_cleanup_strbuf_ struct strbuf in_class = STRBUF_INIT, text = STRBUF_INIT;

		strbuf_addf(&in_class, "type(%.*s)%s", (int)(dot - args), args, dot);
		strbuf_addf(&text, ways[i], strbuf_str(&in_class), attr);
		r = eval_text(strbuf_str(&text), &scope, &lim, err, ret);
	}
	/* Is it there at all? */
	if (r && !eval_text(args, &scope, &lim, err, &whole))
		(void)err_set(err, r,
			      "%s: only functions and methods know their source; of a class, name "
			      "a method",
			      args);
	value_free(whole);
	look_end(sh, &lk);
	return r;
}

/* The last line of the block that begins at first: up to where something is indented less. */
static int32_t block_end(struct source *src, int32_t first)
{
	int32_t total = (int32_t)source_lines(src), last = first;
	size_t indent = 0;
	const char *text;
	bool body = false;

	for (int32_t i = first; i <= total && !source_line(src, i, &text); i++) {
		size_t in = strspn(text, " \t");

		if (!text[in] || text[in] == '#')
			continue;
		if (i == first)
			indent = in;
		else if (in <= indent && body)
			break;
		body |= in > indent;
		last = i;
	}
	return last;
}

int cmd_source(struct shell *sh, const char *args, struct err *err)
{
	struct value *file = NULL, *line = NULL;
	struct source *src;
	int64_t first = 0;
	int r;

	if (!*args)
		return err_set(err, -EINVAL, "source needs an expression: `source FUNCTION`");
	r = source_attr(sh, args, "co_filename", err, &file);
	if (!r)
		r = source_attr(sh, args, "co_firstlineno", err, &line);
	if (r) {
		value_free(file);
		return r;
	}
	if (line->kind == VALUE_INT) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		value_repr(line, &text);
		r = parse_number(strbuf_str(&text), "the line", 1, INT32_MAX, err, &first);
	}
	src = first && file->bytes ? shell_source(sh, file->bytes) : NULL;
	if (!r && !src)
		r = err_set(err, -ENOENT, "its source cannot be read in the target's file system");
	if (!r)
		r = show_lines(sh, file->bytes, (int32_t)first, block_end(src, (int32_t)first), 0,
			       err);
	value_free(file);
	value_free(line);
	return r < 0 ? r : 0;
}
