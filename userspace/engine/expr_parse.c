// SPDX-License-Identifier: BSD-2-Clause
/* Recursive descent over Python's expression grammar; the levels are named as in its reference,
 * section 6. */
#include "engine/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/expr_ast.h"
#include "engine/expr_text.h"
#include "probes/value.h"

struct parser {
	struct expr_lexer lx;
	struct expr *e;
	struct err *err;
	unsigned depth;
};

static int parse_test(struct parser *p, uint32_t *ret);
static int parse_unary(struct parser *p, uint32_t *ret);

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

static int next(struct parser *p)
{
	return expr_lex_next(&p->lx);
}

static bool is(const struct parser *p, const char *op)
{
	return expr_tok_is(&p->lx, op);
}

static int fail(struct parser *p, const char *what)
{
	return expr_syntax(p->err, p->lx.text, p->lx.tok.start, "%s", what);
}

static int refuse(struct parser *p, const char *what, size_t pos)
{
	return err_set(p->err, -EOPNOTSUPP, "%s (column %u)", what, expr_column(p->lx.text, pos));
}

/* What is wrong with the token that stands where an operand or the end should be. */
static int unexpected(struct parser *p)
{
	const struct expr_token *t = &p->lx.tok;

	if (t->kind == TOK_END)
		return fail(p, "unexpected end of the expression");
	if (is(p, ":="))
		return refuse(p, "':=' is refused: it would write to the target", t->start);
	if (is(p, "="))
		return fail(p, "an assignment is no expression (and would write to the target)");
	if (is(p, "for") || is(p, "async"))
		return refuse(p, "comprehensions are not supported", t->start);
	if (is(p, "await"))
		return refuse(p, "'await' is refused: it runs the target's code", t->start);
	if (is(p, "yield"))
		return refuse(p, "'yield' is refused: it runs the target's code", t->start);
	if (is(p, "lambda"))
		return refuse(p, "'lambda' is not supported", t->start);
	return fail(p, "invalid syntax");
}

static int expect(struct parser *p, const char *op)
{
	if (is(p, op))
		return next(p);
	if (p->lx.tok.kind == TOK_END)
		return expr_syntax(p->err, p->lx.text, p->lx.tok.start, "'%s' is missing", op);
	return unexpected(p);
}

/* Add a node whose kids are kids[0..n) (EXPR_NO_KID is a kid that was left out). */
static int add(struct parser *p, enum expr_kind kind, enum expr_op op, size_t pos,
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
	r = add(p, NODE_CONST, OP_NONE, pos, NULL, 0, ret);
	if (r)
		value_free(v);
	else
		p->e->nodes.data[*ret].value = v;
	return r;
}

/* One level deeper; every parse_*() that can call itself goes through here. */
static int enter(struct parser *p)
{
	if (++p->depth > EXPR_DEPTH_MAX + 1)
		return fail(p, "too many nested brackets or operators");
	return 0;
}

static bool is_keyword(const struct parser *p)
{
	static const char *const words[] = {
		"and",	  "as",	  "assert", "async",  "await",	"break",   "class",    "continue",
		"def",	  "del",  "elif",   "else",   "except", "finally", "for",      "from",
		"global", "if",	  "import", "in",     "is",	"lambda",  "nonlocal", "not",
		"or",	  "pass", "raise",  "return", "try",	"while",   "with",     "yield"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is(p, words[i]))
			return true;
	return false;
}

/* ---- displays ---- */

struct kid_vec {
	uint32_t *data;
	size_t n, cap;
};

static void kid_vec_deinit(struct kid_vec *v)
{
	vec_deinit(v);
}

#define _cleanup_kids_ _cleanup_(kid_vec_deinit)

static int check_plain(struct parser *p)
{
	if (is(p, "*") || is(p, "**"))
		return refuse(p, "unpacking with * is not supported", p->lx.tok.start);
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
	if (!r && (is(p, "for") || is(p, "async") || is(p, ":=")))
		return unexpected(p);
	return r ? r : vec_push(kids, kid);
}

/* Elements up to `close`, which is eaten; *ret_comma: was there one? */
static int parse_elements(struct parser *p, const char *close, struct kid_vec *kids,
			  bool *ret_comma)
{
	int r;

	*ret_comma = false;
	while (!is(p, close)) {
		r = parse_element(p, kids);
		if (r)
			return r;
		if (!is(p, ","))
			break;
		*ret_comma = true;
		r = next(p);
		if (r)
			return r;
	}
	return expect(p, close);
}

static int parse_paren(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma;
	int r;

	r = next(p);
	if (!r)
		r = parse_elements(p, ")", &kids, &comma);
	if (r)
		return r;
	if (kids.n == 1 && !comma) {
		*ret = kids.data[0];
		return 0;
	}
	return add(p, NODE_TUPLE, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_list(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma;
	int r;

	r = next(p);
	if (!r)
		r = parse_elements(p, "]", &kids, &comma);
	return r ? r : add(p, NODE_LIST, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_brace(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	bool dict = false;
	int r;

	r = next(p);
	if (r)
		return r;
	if (is(p, "}"))
		dict = true;
	while (!is(p, "}")) {
		r = parse_element(p, &kids);
		if (r)
			return r;
		if (kids.n == 1)
			dict = is(p, ":");
		if (dict) {
			r = expect(p, ":");
			if (!r)
				r = parse_element(p, &kids);
			if (r)
				return r;
		}
		if (!is(p, ","))
			break;
		r = next(p);
		if (r)
			return r;
	}
	r = expect(p, "}");
	return r ? r : add(p, dict ? NODE_DICT : NODE_SET, OP_NONE, pos, kids.data, kids.n, ret);
}

/* ---- atoms and trailers ---- */

static int parse_name(struct parser *p, uint32_t *ret)
{
	struct expr_token t = p->lx.tok;
	struct value *v;
	int r;

	if (is(p, "None") || is(p, "True") || is(p, "False")) {
		v = is(p, "None") ? value_new_none() : value_new_bool(is(p, "True"));
		r = add_const(p, v, t.start, ret);
		return r ? r : next(p);
	}
	if (is(p, "__debug__")) {
		r = add_const(p, value_new_bool(true), t.start, ret);
		return r ? r : next(p);
	}
	if (is_keyword(p))
		return unexpected(p);
	r = add(p, NODE_NAME, OP_NONE, t.start, NULL, 0, ret);
	if (!r)
		r = set_name(p, *ret, &t);
	return r ? r : next(p);
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
		return r ? r : next(p);
	case TOK_OP:
		if (is(p, "("))
			return parse_paren(p, ret);
		if (is(p, "["))
			return parse_list(p, ret);
		if (is(p, "{"))
			return parse_brace(p, ret);
		if (is(p, "...")) {
			r = add_const(p, value_new(VALUE_ELLIPSIS, "ellipsis"), t->start, ret);
			return r ? r : next(p);
		}
		return unexpected(p);
	case TOK_END:
		break;
	}
	return unexpected(p);
}

static int parse_attr(struct parser *p, uint32_t *node)
{
	struct expr_token t;
	int r;

	r = next(p);
	if (r)
		return r;
	t = p->lx.tok;
	if (t.kind != TOK_NAME)
		return unexpected(p);
	if (is_keyword(p) || is(p, "None") || is(p, "True") || is(p, "False"))
		return is(p, "await") ? unexpected(p) : fail(p, "invalid syntax");
	r = add(p, NODE_ATTR, OP_NONE, t.start, node, 1, node);
	if (!r)
		r = set_name(p, *node, &t);
	return r ? r : next(p);
}

/* One of the comma-separated parts of an index: a value or a slice. */
static int parse_index_part(struct parser *p, struct kid_vec *parts)
{
	uint32_t kids[3] = { EXPR_NO_KID, EXPR_NO_KID, EXPR_NO_KID }, node;
	size_t pos = p->lx.tok.start;
	int r;

	r = check_plain(p);
	if (!r && !is(p, ":"))
		r = parse_test(p, &kids[0]);
	if (r)
		return r;
	if (!is(p, ":"))
		return is(p, ":=") ? unexpected(p) : vec_push(parts, kids[0]);
	for (int i = 1; i < 3 && is(p, ":"); i++) {
		r = next(p);
		if (!r && !is(p, ":") && !is(p, "]") && !is(p, ","))
			r = parse_test(p, &kids[i]);
		if (r)
			return r;
	}
	r = add(p, NODE_SLICE, OP_NONE, pos, kids, 3, &node);
	return r ? r : vec_push(parts, node);
}

static int parse_item(struct parser *p, uint32_t *node)
{
	_cleanup_kids_ struct kid_vec parts = { 0 };
	size_t pos = p->lx.tok.start;
	bool comma = false;
	uint32_t index;
	int r;

	r = next(p);
	if (r)
		return r;
	do {
		r = parse_index_part(p, &parts);
		if (r)
			return r;
		if (!is(p, ","))
			break;
		comma = true;
		r = next(p);
		if (r)
			return r;
	} while (!is(p, "]"));
	r = expect(p, "]");
	if (r)
		return r;
	index = parts.data[0];
	if (comma)
		r = add(p, NODE_TUPLE, OP_NONE, pos, parts.data, parts.n, &index);
	return r ? r : add(p, NODE_ITEM, OP_NONE, pos, (uint32_t[]){ *node, index }, 2, node);
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
	if (!r && (is(p, "for") || is(p, "async") || is(p, ":=")))
		return unexpected(p);
	if (!r && is(p, "=")) {
		if (p->e->nodes.data[kid].kind != NODE_NAME)
			return unexpected(p);
		r = next(p);
		if (!r)
			r = parse_test(p, &kid);
		if (!r)
			r = add(p, NODE_KEYWORD, OP_NONE, t.start, &kid, 1, &kid);
		if (!r)
			r = set_name(p, kid, &t);
	} else if (!r && kids->n &&
		   p->e->nodes.data[kids->data[kids->n - 1]].kind == NODE_KEYWORD) {
		return fail(p, "positional argument follows keyword argument");
	}
	return r ? r : vec_push(kids, kid);
}

/* A call by the name that the node `callee` has. */
static int add_call(struct parser *p, enum expr_kind kind, uint32_t callee,
		    const struct kid_vec *kids, uint32_t *node)
{
	int r = add(p, kind, OP_NONE, p->e->nodes.data[callee].pos, kids->data, kids->n, node);
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

	r = next(p);
	while (!r && !is(p, ")")) {
		r = parse_arg(p, &kids);
		if (r || !is(p, ","))
			break;
		r = next(p);
	}
	if (!r)
		r = expect(p, ")");
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
	return refuse(p, "a call is refused: calls run the target's code", pos);
}

static int parse_primary(struct parser *p, uint32_t *ret)
{
	int r;

	if (is(p, "await"))
		return unexpected(p);
	r = parse_atom(p, ret);
	while (!r) {
		if (is(p, "."))
			r = parse_attr(p, ret);
		else if (is(p, "["))
			r = parse_item(p, ret);
		else if (is(p, "("))
			r = parse_call(p, ret);
		else
			break;
	}
	return r;
}

/* ---- operators ---- */

static int parse_power(struct parser *p, uint32_t *ret)
{
	size_t pos;
	uint32_t right;
	int r;

	r = parse_primary(p, ret);
	if (r || !is(p, "**"))
		return r;
	pos = p->lx.tok.start;
	r = enter(p);
	if (!r)
		r = next(p);
	if (!r)
		r = parse_unary(p, &right);
	p->depth--;
	return r ? r : add(p, NODE_BINARY, OP_POW, pos, (uint32_t[]){ *ret, right }, 2, ret);
}

static int parse_unary(struct parser *p, uint32_t *ret)
{
	size_t pos = p->lx.tok.start;
	enum expr_op op = is(p, "-")   ? OP_NEG
			  : is(p, "+") ? OP_POS
			  : is(p, "~") ? OP_INVERT
				       : OP_NONE;
	int r;

	if (!op)
		return parse_power(p, ret);
	r = enter(p);
	if (!r)
		r = next(p);
	if (!r)
		r = parse_unary(p, ret);
	if (!r)
		r = add(p, NODE_UNARY, op, pos, ret, 1, ret);
	p->depth--;
	return r;
}

/* Binary operators by how tightly they bind, loosest first; all associate to the left. */
static const struct {
	const char *text;
	enum expr_op op;
	unsigned level;
} binary_ops[] = {
	{ "|", OP_OR, 0 },	  { "^", OP_XOR, 1 },	  { "&", OP_AND, 2 },
	{ "<<", OP_LSHIFT, 3 },	  { ">>", OP_RSHIFT, 3 }, { "+", OP_ADD, 4 },
	{ "-", OP_SUB, 4 },	  { "*", OP_MUL, 5 },	  { "/", OP_DIV, 5 },
	{ "//", OP_FLOORDIV, 5 }, { "%", OP_MOD, 5 },	  { "@", OP_MATMUL, 5 },
};
#define BINARY_LEVELS 6

static enum expr_op binary_op(const struct parser *p, unsigned level)
{
	for (size_t i = 0; i < sizeof(binary_ops) / sizeof(binary_ops[0]); i++)
		if (binary_ops[i].level == level && is(p, binary_ops[i].text))
			return binary_ops[i].op;
	return OP_NONE;
}

static int parse_binary(struct parser *p, unsigned level, uint32_t *ret)
{
	enum expr_op op;
	uint32_t right;
	size_t pos;
	int r;

	if (level == BINARY_LEVELS)
		return parse_unary(p, ret);
	r = parse_binary(p, level + 1, ret);
	while (!r && (op = binary_op(p, level))) {
		pos = p->lx.tok.start;
		r = next(p);
		if (!r)
			r = parse_binary(p, level + 1, &right);
		if (!r)
			r = add(p, NODE_BINARY, op, pos, (uint32_t[]){ *ret, right }, 2, ret);
	}
	return r;
}

/* The comparison operator here, eaten; OP_NONE when there is none. */
static int comparison_op(struct parser *p, enum expr_op *ret)
{
	static const struct {
		const char *text;
		enum expr_op op;
	} ops[] = { { "<", OP_LT },  { "<=", OP_LE }, { "==", OP_EQ },
		    { "!=", OP_NE }, { ">", OP_GT },  { ">=", OP_GE },
		    { "in", OP_IN }, { "is", OP_IS }, { "not", OP_NOT_IN } };
	int r;

	*ret = OP_NONE;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (is(p, ops[i].text))
			*ret = ops[i].op;
	if (!*ret)
		return 0;
	r = next(p);
	if (!r && *ret == OP_NOT_IN)
		return is(p, "in") ? next(p) : unexpected(p);
	if (!r && *ret == OP_IS && is(p, "not")) {
		*ret = OP_IS_NOT;
		r = next(p);
	}
	return r;
}

static int parse_comparison(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	enum expr_op op;
	uint32_t kid;
	int r;

	r = parse_binary(p, 0, ret);
	if (!r)
		r = vec_push(&kids, *ret);
	while (!r) {
		r = comparison_op(p, &op);
		if (r || !op)
			break;
		r = vec_push(&kids, op);
		if (!r)
			r = parse_binary(p, 0, &kid);
		if (!r)
			r = vec_push(&kids, kid);
	}
	if (r || kids.n == 1)
		return r;
	return add(p, NODE_COMPARE, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_not(struct parser *p, uint32_t *ret)
{
	size_t pos = p->lx.tok.start;
	int r;

	if (!is(p, "not"))
		return parse_comparison(p, ret);
	r = enter(p);
	if (!r)
		r = next(p);
	if (!r)
		r = parse_not(p, ret);
	if (!r)
		r = add(p, NODE_UNARY, OP_NOT, pos, ret, 1, ret);
	p->depth--;
	return r;
}

/* `a and b and c` and `a or b or c` are one node each. */
static int parse_junction(struct parser *p, bool is_or, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	size_t pos = p->lx.tok.start;
	uint32_t kid;
	int r;

	for (;;) {
		r = is_or ? parse_junction(p, false, &kid) : parse_not(p, &kid);
		if (!r)
			r = vec_push(&kids, kid);
		if (r)
			return r;
		if (!is(p, is_or ? "or" : "and"))
			break;
		r = next(p);
		if (r)
			return r;
	}
	*ret = kids.data[0];
	if (kids.n == 1)
		return 0;
	return add(p, is_or ? NODE_OR : NODE_AND, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_test(struct parser *p, uint32_t *ret)
{
	uint32_t kids[3];
	size_t pos;
	int r;

	r = enter(p);
	if (!r)
		r = parse_junction(p, true, &kids[1]);
	if (!r && is(p, "if")) {
		pos = p->lx.tok.start;
		r = next(p);
		if (!r)
			r = parse_junction(p, true, &kids[0]);
		if (!r)
			r = expect(p, "else");
		if (!r)
			r = parse_test(p, &kids[2]);
		if (!r)
			r = add(p, NODE_IF, OP_NONE, pos, kids, 3, ret);
	} else if (!r) {
		*ret = kids[1];
	}
	p->depth--;
	return r;
}

static int parse_top(struct parser *p, uint32_t *ret)
{
	_cleanup_kids_ struct kid_vec kids = { 0 };
	bool comma = false;
	int r;

	r = next(p);
	if (!r && p->lx.tok.kind == TOK_END)
		return fail(p, "the expression is empty");
	while (!r) {
		r = parse_element(p, &kids);
		if (r || !is(p, ","))
			break;
		comma = true;
		r = next(p);
		if (!r && p->lx.tok.kind == TOK_END)
			break;
	}
	if (r)
		return r;
	if (p->lx.tok.kind != TOK_END)
		return unexpected(p);
	if (comma)
		return add(p, NODE_TUPLE, OP_NONE, 0, kids.data, kids.n, ret);
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
