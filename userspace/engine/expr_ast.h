/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the expression modules only: tokens and the syntax tree. */
#ifndef PYBPFDBG_ENGINE_EXPR_AST_H
#define PYBPFDBG_ENGINE_EXPR_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct err;
struct value;

#define EXPR_TEXT_MAX   (64 * 1024)
#define EXPR_DEPTH_MAX  200  /* brackets, unary and right-associative operators inside each other */
#define EXPR_HEIGHT_MAX 1000 /* of the tree: also a + b + c + ... grows it */

enum expr_op {
	OP_NONE,
	/* binary, in the order of the operator table of expr_num.c */
	OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_POW, OP_LSHIFT, OP_RSHIFT, OP_AND, OP_OR, OP_XOR,
	OP_MATMUL,
	/* unary */
	OP_POS, OP_NEG, OP_INVERT, OP_NOT,
	/* comparison */
	OP_LT, OP_LE, OP_EQ, OP_NE, OP_GT, OP_GE, OP_IN, OP_NOT_IN, OP_IS, OP_IS_NOT,
};

enum expr_tok {
	TOK_END, TOK_NAME, TOK_NUMBER, TOK_STRING,
	TOK_OP, /* .text holds it, longest match */
};

struct expr_token {
	enum expr_tok kind;
	size_t start, end;   /* bytes in the text */
	struct value *value; /* of NUMBER and STRING; belongs to the lexer until taken */
};

struct expr_lexer {
	const char *text;
	size_t len, pos;
	unsigned nesting; /* open brackets: inside them a newline is a space */
	struct expr_token tok; /* the current one */
	struct err *err;
};

/* text must be valid UTF-8 of at most EXPR_TEXT_MAX bytes. The first token is read by expr_lex_next(). */
void expr_lex_init(struct expr_lexer *lx, const char *text, size_t len, struct err *err);
void expr_lex_deinit(struct expr_lexer *lx);
int expr_lex_next(struct expr_lexer *lx);
bool expr_tok_is(const struct expr_lexer *lx, const char *op); /* that operator or that keyword */
/* Column of a byte of the text, in characters, from 1. */
unsigned expr_column(const char *text, size_t pos);
/* "SyntaxError: WHAT (column N)" */
int expr_syntax(struct err *err, const char *text, size_t pos, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

enum expr_kind {
	NODE_CONST,   /* .value */
	NODE_NAME,    /* .name */
	NODE_TUPLE, NODE_LIST, NODE_SET,
	NODE_DICT,    /* kids: key, value, key, value ... */
	NODE_UNARY,   /* .op, one kid */
	NODE_BINARY,  /* .op, two kids */
	NODE_COMPARE, /* kids: operand, op, operand, op, operand ... */
	NODE_AND, NODE_OR,
	NODE_IF,      /* condition, then, else */
	NODE_ATTR,    /* kid.name */
	NODE_ITEM,    /* kid[kid] */
	NODE_SLICE,   /* three kids, EXPR_NO_KID where left out */
	NODE_CALL,    /* .name(kids), kids may be NODE_KEYWORD */
	NODE_METHOD,  /* kid.name(the other kids): expr_is_method() */
	NODE_KEYWORD, /* .name=kid */
};

#define EXPR_NO_KID UINT32_MAX

struct expr_node {
	enum expr_kind kind;
	enum expr_op op;
	uint32_t pos;    /* byte in the text */
	uint32_t height;
	uint32_t first, n; /* kids: expr.kids[first .. first + n) */
	char *name;
	struct value *value;
};

struct expr {
	char *text;
	VEC(struct expr_node) nodes;
	VEC(uint32_t) kids;
	uint32_t root;
};

/* May a call of `name` be evaluated here (expr_call.c)? */
bool expr_is_builtin(const char *name);
/* May a method of that name (expr_method.c)? */
bool expr_is_method(const char *name);

#endif
