/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside expr_parse.c and expr_parse_ops.c only: the parser. All functions give 0 or a negative errno, told in p->err. */
#ifndef PYBPFDBG_ENGINE_EXPR_PARSE_H
#define PYBPFDBG_ENGINE_EXPR_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "engine/expr_ast.h"

struct parser {
	struct expr_lexer lx;
	struct expr *e;
	struct err *err;
	unsigned depth;
};

/* The nodes that will be the kids of one. */
struct kid_vec {
	uint32_t *data;
	size_t n, cap;
};

static inline void kid_vec_deinit(struct kid_vec *v)
{
	vec_deinit(v);
}

#define _cleanup_kids_ _cleanup_(kid_vec_deinit)

/* Eat the current token. */
int parser_next(struct parser *p);
/* Is the current token that operator or keyword? */
bool parser_at(const struct parser *p, const char *op);
/* It must be that one; eat it. */
int parser_expect(struct parser *p, const char *op);
/* SyntaxError: what; of the current token */
int parser_fail(struct parser *p, const char *what);
/* -EOPNOTSUPP: what, at byte pos of the text */
int parser_refuse(struct parser *p, const char *what, size_t pos);
/* What is wrong with the token that stands where an operand or the end should be. */
int parser_unexpected(struct parser *p);
/* Add a node whose kids are kids[0..n) (EXPR_NO_KID is a kid that was left out); its number into *ret. */
int parser_add(struct parser *p, enum expr_kind kind, enum expr_op op, size_t pos, const uint32_t *kids, size_t n,
	       uint32_t *ret);
/* One level deeper; every parse_*() that can call itself goes through here. The caller takes p->depth back. */
int parser_enter(struct parser *p);

/* An atom and what follows it: attributes, items, calls. */
int parse_primary(struct parser *p, uint32_t *ret);
/* Everything but a tuple without brackets. */
int parse_test(struct parser *p, uint32_t *ret);

#endif
