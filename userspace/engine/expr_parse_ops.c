// SPDX-License-Identifier: BSD-2-Clause
/* The operators of Python's expression grammar, recursive descent; the levels are named as in its
 * reference, section 6. */
#include "engine/expr_parse.h"

#include <errno.h>

static int parse_unary(struct parser *p, uint32_t *ret);

static int parse_power(struct parser *p, uint32_t *ret)
{
	size_t pos;
	uint32_t right;
	int r;

	r = parse_primary(p, ret);
	if (r || !parser_at(p, "**"))
		return r;
	pos = p->lx.tok.start;
	r = parser_enter(p);
	if (!r)
		r = parser_next(p);
	if (!r)
		r = parse_unary(p, &right);
	p->depth--;
	return r ? r : parser_add(p, NODE_BINARY, OP_POW, pos, (uint32_t[]){ *ret, right }, 2, ret);
}

static int parse_unary(struct parser *p, uint32_t *ret)
{
	size_t pos = p->lx.tok.start;
	enum expr_op op = parser_at(p, "-")   ? OP_NEG
			  : parser_at(p, "+") ? OP_POS
			  : parser_at(p, "~") ? OP_INVERT
					      : OP_NONE;
	int r;

	if (!op)
		return parse_power(p, ret);
	r = parser_enter(p);
	if (!r)
		r = parser_next(p);
	if (!r)
		r = parse_unary(p, ret);
	if (!r)
		r = parser_add(p, NODE_UNARY, op, pos, ret, 1, ret);
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
		if (binary_ops[i].level == level && parser_at(p, binary_ops[i].text))
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
		r = parser_next(p);
		if (!r)
			r = parse_binary(p, level + 1, &right);
		if (!r)
			r = parser_add(p, NODE_BINARY, op, pos, (uint32_t[]){ *ret, right }, 2,
				       ret);
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
		if (parser_at(p, ops[i].text))
			*ret = ops[i].op;
	if (!*ret)
		return 0;
	r = parser_next(p);
	if (!r && *ret == OP_NOT_IN)
		return parser_at(p, "in") ? parser_next(p) : parser_unexpected(p);
	if (!r && *ret == OP_IS && parser_at(p, "not")) {
		*ret = OP_IS_NOT;
		r = parser_next(p);
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
	return parser_add(p, NODE_COMPARE, OP_NONE, pos, kids.data, kids.n, ret);
}

static int parse_not(struct parser *p, uint32_t *ret)
{
	size_t pos = p->lx.tok.start;
	int r;

	if (!parser_at(p, "not"))
		return parse_comparison(p, ret);
	r = parser_enter(p);
	if (!r)
		r = parser_next(p);
	if (!r)
		r = parse_not(p, ret);
	if (!r)
		r = parser_add(p, NODE_UNARY, OP_NOT, pos, ret, 1, ret);
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
		if (!parser_at(p, is_or ? "or" : "and"))
			break;
		r = parser_next(p);
		if (r)
			return r;
	}
	*ret = kids.data[0];
	if (kids.n == 1)
		return 0;
	return parser_add(p, is_or ? NODE_OR : NODE_AND, OP_NONE, pos, kids.data, kids.n, ret);
}

int parse_test(struct parser *p, uint32_t *ret)
{
	uint32_t kids[3];
	size_t pos;
	int r;

	r = parser_enter(p);
	if (!r)
		r = parse_junction(p, true, &kids[1]);
	if (!r && parser_at(p, "if")) {
		pos = p->lx.tok.start;
		r = parser_next(p);
		if (!r)
			r = parse_junction(p, true, &kids[0]);
		if (!r)
			r = parser_expect(p, "else");
		if (!r)
			r = parse_test(p, &kids[2]);
		if (!r)
			r = parser_add(p, NODE_IF, OP_NONE, pos, kids, 3, ret);
	} else if (!r) {
		*ret = kids[1];
	}
	p->depth--;
	return r;
}
