// SPDX-License-Identifier: BSD-2-Clause
/* Recursive descent over Python's expression grammar, from the whole down to its atoms: what binds
 * tightest. The operators are in expr_parse_ops.c. */
#include "engine/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/expr_ast.h"
#include "engine/expr_parse.h"
#include "engine/expr_text.h"
#include "probes/value.h"

DEFINE_CLEANUP(struct expr *, expr_free)

void expr_free(struct expr *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->nodes.n; i++) {
		free(e->nodes.data[i].name);
		value_free(e->nodes.data[i].value);
	}
	vec_deinit(&e->nodes);
	vec_deinit(&e->kids);
	free(e->text);
	free(e);
}

const char *expr_text(const struct expr *e)
{
	return e->text;
}

int parser_next(struct parser *p)
{
	return expr_lex_next(&p->lx);
}

bool parser_at(const struct parser *p, const char *op)
{
	return expr_tok_is(&p->lx, op);
}

int parser_fail(struct parser *p, const char *what)
{
	return expr_syntax(p->err, p->lx.text, p->lx.tok.start, "%s", what);
}

int parser_refuse(struct parser *p, const char *what, size_t pos)
{
	return err_set(p->err, -EOPNOTSUPP, "%s (column %u)", what, expr_column(p->lx.text, pos));
}

/* What is wrong with the token that stands where an operand or the end should be. */
int parser_unexpected(struct parser *p)
{
	const struct expr_token *t = &p->lx.tok;

	if (t->kind == TOK_END)
		return parser_fail(p, "unexpected end of the expression");
	if (parser_at(p, ":="))
		return parser_refuse(p, "':=' is refused: it would write to the target", t->start);
	if (parser_at(p, "="))
		return parser_fail(
			p, "an assignment is no expression (and would write to the target)");
	if (parser_at(p, "for") || parser_at(p, "async"))
		return parser_refuse(p, "comprehensions are not supported", t->start);
	if (parser_at(p, "await"))
		return parser_refuse(p, "'await' is refused: it runs the target's code", t->start);
	if (parser_at(p, "yield"))
		return parser_refuse(p, "'yield' is refused: it runs the target's code", t->start);
	if (parser_at(p, "lambda"))
		return parser_refuse(p, "'lambda' is not supported", t->start);
	return parser_fail(p, "invalid syntax");
}

int parser_expect(struct parser *p, const char *op)
{
	if (parser_at(p, op))
		return parser_next(p);
	if (p->lx.tok.kind == TOK_END)
		return expr_syntax(p->err, p->lx.text, p->lx.tok.start, "'%s' is missing", op);
	return parser_unexpected(p);
}

/* Add a node whose kids are kids[0..n) (EXPR_NO_KID is a kid that was left out). */
int parser_add(struct parser *p, enum expr_kind kind, enum expr_op op, size_t pos,
	       const uint32_t *kids, size_t n, uint32_t *ret)
{
	struct expr_node node = {
		.kind = kind, .op = op, .pos = pos, .first = p->e->kids.n, .n = n
	};
	bool ops = kind == NODE_COMPARE;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (kids[i] != EXPR_NO_KID && !(ops && i % 2) &&
		    p->e->nodes.data[kids[i]].height > node.height)
			node.height = p->e->nodes.data[kids[i]].height;
		r = vec_push(&p->e->kids, kids[i]);
		if (r)
			return r;
	}
	if (++node.height > EXPR_HEIGHT_MAX)
		return expr_syntax(p->err, p->lx.text, pos, "the expression is too complex");
	r = vec_push(&p->e->nodes, node);
	if (!r)
		*ret = p->e->nodes.n - 1;
	return r;
}

static int set_name(struct parser *p, uint32_t node, const struct expr_token *t)
{
	p->e->nodes.data[node].name = strndup(p->lx.text + t->start, t->end - t->start);
	return p->e->nodes.data[node].name ? 0 : -ENOMEM;
}

static int add_const(struct parser *p, struct value *v, size_t pos, uint32_t *ret)
{
	int r;

	if (!v)
		return -ENOMEM;
	r = parser_add(p, NODE_CONST, OP_NONE, pos, NULL, 0, ret);
	if (r)
		value_free(v);
	else
		p->e->nodes.data[*ret].value = v;
	return r;
}

/* One level deeper; every parse_*() that can call itself goes through here. */
int parser_enter(struct parser *p)
{
	if (++p->depth > EXPR_DEPTH_MAX + 1)
		return parser_fail(p, "too many nested brackets or operators");
	return 0;
}

static bool parser_at_keyword(const struct parser *p)
{
	static const char *const words[] = {
		"and",	  "as",	  "assert", "async",  "await",	"break",   "class",    "continue",
		"def",	  "del",  "elif",   "else",   "except", "finally", "for",      "from",
		"global", "if",	  "import", "in",     "is",	"lambda",  "nonlocal", "not",
		"or",	  "pass", "raise",  "return", "try",	"while",   "with",     "yield"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (parser_at(p, words[i]))
			return true;
	return false;
}

/* ---- displays ---- */

static int check_plain(struct parser *p)
{
	if (parser_at(p, "*") || parser_at(p, "**"))
		return parser_refuse(p, "unpacking with * is not supported", p->lx.tok.start);
	return 0;
}

/* One element: no star, and no comprehension or assignment behind it. */
static int parse_element(struct parser *p, struct kid_vec *kids)
{
	uint32_t kid;
	int r;

	r = check_plain(p);
	if (!r)
		r = parse_test(p, &kid);
	if (!r && (parser_at(p, "for") || parser_at(p, "async") || parser_at(p, ":=")))
		return parser_unexpected(p);
	return r ? r : vec_push(kids, kid);
}

/* Elements up to `close`, which is eaten; *ret_comma: was there one? */
static int parse_elements(struct parser *p, const char *close, struct kid_vec *kids,
			  bool *ret_comma)
{
	int r;

	*ret_comma = false;
	while (!parser_at(p, close)) {
		r = parse_element(p, kids);
		if (r)
			return r;
		if (!parser_at(p, ","))
			break;
		*ret_comma = true;
		r = parser_next(p);
		if (r)
			return r;
	}
	return parser_expect(p, close);
}

static int parse_paren(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma;
	int r;

	r = parser_next(p);
	if (!r)
		r = parse_elements(p, ")", &kids, &comma);
	if (r)
		return r;
	if (kids.n == 1 && !comma) {
		*ret = kids.data[0];
		return 0;
	}
	return parser_add(p, NODE_TUPLE, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_list(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma;
	int r;

	r = parser_next(p);
	if (!r)
		r = parse_elements(p, "]", &kids, &comma);
	return r ? r : parser_add(p, NODE_LIST, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_brace(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool dict = false;
	int r;

	r = parser_next(p);
	if (r)
		return r;
	if (parser_at(p, "}"))
		dict = true;
	while (!parser_at(p, "}")) {
		r = parse_element(p, &kids);
		if (r)
			return r;
		if (kids.n == 1)
			dict = parser_at(p, ":");
		if (dict) {
			r = parser_expect(p, ":");
			if (!r)
				r = parse_element(p, &kids);
			if (r)
				return r;
		}
		if (!parser_at(p, ","))
			break;
		r = parser_next(p);
		if (r)
			return r;
	}
	r = parser_expect(p, "}");
	return r ? r
		 : parser_add(p, dict ? NODE_DICT : NODE_SET, OP_NONE, pos, kids.data, kids.n, ret);
}

/* ---- atoms and trailers ---- */

static int parse_name(struct parser *p, uint32_t *ret)
{
	struct expr_token t = p->lx.tok;
	struct value *v;
	int r;

	if (parser_at(p, "None") || parser_at(p, "True") || parser_at(p, "False")) {
		v = parser_at(p, "None") ? value_new_none() : value_new_bool(parser_at(p, "True"));
		r = add_const(p, v, t.start, ret);
		return r ? r : parser_next(p);
	}
	if (parser_at(p, "__debug__")) {
		r = add_const(p, value_new_bool(true), t.start, ret);
		return r ? r : parser_next(p);
	}
	if (parser_at_keyword(p))
		return parser_unexpected(p);
	r = parser_add(p, NODE_NAME, OP_NONE, t.start, NULL, 0, ret);
	if (!r)
		r = set_name(p, *ret, &t);
	return r ? r : parser_next(p);
}

static int parse_atom(struct parser *p, uint32_t *ret)
{
	struct expr_token *t = &p->lx.tok;
	int r;

	switch (t->kind) {
	case TOK_NAME:
		return parse_name(p, ret);
	case TOK_NUMBER:
	case TOK_STRING:
		r = add_const(p, take_ptr(t->value), t->start, ret);
		return r ? r : parser_next(p);
	case TOK_OP:
		if (parser_at(p, "("))
			return parse_paren(p, ret);
		if (parser_at(p, "["))
			return parse_list(p, ret);
		if (parser_at(p, "{"))
			return parse_brace(p, ret);
		if (parser_at(p, "...")) {
			r = add_const(p, value_new(VALUE_ELLIPSIS, "ellipsis"), t->start, ret);
			return r ? r : parser_next(p);
		}
		return parser_unexpected(p);
	case TOK_END:
		break;
	}
	return parser_unexpected(p);
}

static int parse_attr(struct parser *p, uint32_t *node)
{
	struct expr_token t;
	int r;

	r = parser_next(p);
	if (r)
		return r;
	t = p->lx.tok;
	if (t.kind != TOK_NAME)
		return parser_unexpected(p);
	if (parser_at_keyword(p) || parser_at(p, "None") || parser_at(p, "True") ||
	    parser_at(p, "False"))
		return parser_at(p, "await") ? parser_unexpected(p)
					     : parser_fail(p, "invalid syntax");
	r = parser_add(p, NODE_ATTR, OP_NONE, t.start, node, 1, node);
	if (!r)
		r = set_name(p, *node, &t);
	return r ? r : parser_next(p);
}

/* One of the comma-separated parts of an index: a value or a slice. */
static int parse_index_part(struct parser *p, struct kid_vec *parts)
{
	uint32_t kids[3] = { EXPR_NO_KID, EXPR_NO_KID, EXPR_NO_KID }, node;
	size_t pos = p->lx.tok.start;
	int r;

	r = check_plain(p);
	if (!r && !parser_at(p, ":"))
		r = parse_test(p, &kids[0]);
	if (r)
		return r;
	if (!parser_at(p, ":"))
		return parser_at(p, ":=") ? parser_unexpected(p) : vec_push(parts, kids[0]);
	for (int i = 1; i < 3 && parser_at(p, ":"); i++) {
		r = parser_next(p);
		if (!r && !parser_at(p, ":") && !parser_at(p, "]") && !parser_at(p, ","))
			r = parse_test(p, &kids[i]);
		if (r)
			return r;
	}
	r = parser_add(p, NODE_SLICE, OP_NONE, pos, kids, 3, &node);
	return r ? r : vec_push(parts, node);
}

static int parse_item(struct parser *p, uint32_t *node)
{
	_cleanup_kids_ struct kid_vec parts = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma = false;
	uint32_t index;
	int r;

	r = parser_next(p);
	if (r)
		return r;
	do {
		r = parse_index_part(p, &parts);
		if (r)
			return r;
		if (!parser_at(p, ","))
			break;
		comma = true;
		r = parser_next(p);
		if (r)
			return r;
	} while (!parser_at(p, "]"));
	r = parser_expect(p, "]");
	if (r)
		return r;
	index = parts.data[0];
	if (comma)
		r = parser_add(p, NODE_TUPLE, OP_NONE, pos, parts.data, parts.n, &index);
	return r ? r
		 : parser_add(p, NODE_ITEM, OP_NONE, pos, (uint32_t[]){ *node, index }, 2, node);
}

/* An argument, `name=value` included. */
static int parse_arg(struct parser *p, struct kid_vec *kids)
{
	struct expr_token t = p->lx.tok;
	uint32_t kid;
	int r;

	r = check_plain(p);
	if (!r)
		r = parse_test(p, &kid);
	if (!r && (parser_at(p, "for") || parser_at(p, "async") || parser_at(p, ":=")))
		return parser_unexpected(p);
	if (!r && parser_at(p, "=")) {
		if (p->e->nodes.data[kid].kind != NODE_NAME)
			return parser_unexpected(p);
		r = parser_next(p);
		if (!r)
			r = parse_test(p, &kid);
		if (!r)
			r = parser_add(p, NODE_KEYWORD, OP_NONE, t.start, &kid, 1, &kid);
		if (!r)
			r = set_name(p, kid, &t);
	} else if (!r && kids->n &&
		   p->e->nodes.data[kids->data[kids->n - 1]].kind == NODE_KEYWORD) {
		return parser_fail(p, "positional argument follows keyword argument");
	}
	return r ? r : vec_push(kids, kid);
}

/* A call by the name that the node `callee` has. */
static int add_call(struct parser *p, enum expr_kind kind, uint32_t callee,
		    const struct kid_vec *kids, uint32_t *node)
{
	int r = parser_add(p, kind, OP_NONE, p->e->nodes.data[callee].pos, kids->data, kids->n,
			   node);
	char *name;

	if (r)
		return r;
	name = strdup(p->e->nodes.data[callee].name);
	p->e->nodes.data[*node].name = name;
	return name ? 0 : -ENOMEM;
}

/* The call of *node. The arguments are read first: a syntax error inside them is what counts in
 * Python. */
static int parse_call(struct parser *p, uint32_t *node)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	uint32_t callee = *node;
	struct expr_node *fn;
	size_t pos = p->lx.tok.start;
	int r;

	r = parser_next(p);
	while (!r && !parser_at(p, ")")) {
		r = parse_arg(p, &kids);
		if (r || !parser_at(p, ","))
			break;
		r = parser_next(p);
	}
	if (!r)
		r = parser_expect(p, ")");
	if (r)
		return r;
	fn = &p->e->nodes.data[callee];
	if (fn->kind == NODE_NAME && expr_is_builtin(fn->name))
		return add_call(p, NODE_CALL, callee, &kids, node);
	if (fn->kind == NODE_ATTR && expr_is_method(fn->name)) {
		uint32_t self = p->e->kids.data[fn->first];

		r = vec_push(&kids, self);
		if (r)
			return r;
		memmove(kids.data + 1, kids.data, (kids.n - 1) * sizeof(*kids.data));
		kids.data[0] = self;
		return add_call(p, NODE_METHOD, callee, &kids, node);
	}
	if (fn->kind == NODE_NAME || fn->kind == NODE_ATTR)
		return err_set(p->err, -EOPNOTSUPP,
			       "%s%s() is refused: calls run the target's code (column %u)",
			       fn->kind == NODE_ATTR ? "." : "", fn->name,
			       expr_column(p->lx.text, fn->pos));
	return parser_refuse(p, "a call is refused: calls run the target's code", pos);
}

int parse_primary(struct parser *p, uint32_t *ret)
{
	int r;

	if (parser_at(p, "await"))
		return parser_unexpected(p);
	r = parse_atom(p, ret);
	while (!r) {
		if (parser_at(p, "."))
			r = parse_attr(p, ret);
		else if (parser_at(p, "["))
			r = parse_item(p, ret);
		else if (parser_at(p, "("))
			r = parse_call(p, ret);
		else
			break;
	}
	return r;
}

static int parse_top(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	bool comma = false;
	int r;

	r = parser_next(p);
	if (!r && p->lx.tok.kind == TOK_END)
		return parser_fail(p, "the expression is empty");
	while (!r) {
		r = parse_element(p, &kids);
		if (r || !parser_at(p, ","))
			break;
		comma = true;
		r = parser_next(p);
		if (!r && p->lx.tok.kind == TOK_END)
			break;
	}
	if (r)
		return r;
	if (p->lx.tok.kind != TOK_END)
		return parser_unexpected(p);
	if (comma)
		return parser_add(p, NODE_TUPLE, OP_NONE, 0, kids.data, kids.n, ret);
	*ret = kids.data[0];
	return 0;
}

int expr_parse(const char *text, struct err *err, struct expr **ret)
{
	_cleanup_(cleanup_expr_free) struct expr *e = NULL;
	struct parser p = { .err = err };
	size_t len = strnlen(text, EXPR_TEXT_MAX + 1);
	int r;

	if (len > EXPR_TEXT_MAX)
		return err_set(err, -EINVAL, "the expression is longer than %d bytes",
			       EXPR_TEXT_MAX);
	if (!expr_utf8_ok(text, len))
		return err_set(err, -EINVAL, "SyntaxError: the expression is not valid UTF-8");
	e = calloc(1, sizeof(*e));
	if (!e || !(e->text = strdup(text)))
		return err_set(err, -ENOMEM, "out of memory");
	p.e = e;
	expr_lex_init(&p.lx, e->text, len, err);
	r = parse_top(&p, &e->root);
	expr_lex_deinit(&p.lx);
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	if (r)
		return r;
	*ret = take_ptr(e);
	return 0;
}
