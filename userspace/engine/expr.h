/* SPDX-License-Identifier: BSD-2-Clause */
/* Python expressions, parsed once, evaluated over the target's memory without running any of its code. */
#ifndef PYBPFDBG_ENGINE_EXPR_H
#define PYBPFDBG_ENGINE_EXPR_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct expr; /* opaque: a syntax tree */
struct interp;
struct value;
struct value_limits;

/*
 * Parse Python expression syntax: names, literals (int of any base, float, complex, str with prefixes r b u, bytes,
 * None True False ...), tuple/list/dict/set displays, attribute, item, slice, unary + - ~ not, ** * @(refused) / // % + -
 * << >> & ^ |, comparisons (chained), in, not in, is, is not, and, or, if-else, parentheses, and calls of len type
 * isinstance id abs bool int float str repr ord chr min max sum sorted hex (built-in values only). A call of anything
 * else, lambda, comprehension, f-string, await, yield, := are refused by name with the reason.
 * -EINVAL: *err has what and where (column, from 1). Nesting and length are limited (text of 64 KiB, depth 200).
 */
int expr_parse(const char *text, struct err *err, struct expr **ret);
void expr_free(struct expr *e);
const char *expr_text(const struct expr *e);

/* Where names come from. */
struct expr_scope {
	struct interp *in;
	uint64_t frame; /* locals, cells, globals, built-ins of this frame */
};

/*
 * Evaluate. -ENOENT a name, attribute, key or index that is not there; -EOPNOTSUPP refused (a property, a call);
 * -EFAULT memory; -EINVAL a type error; -ERANGE too large; -EDOM division by zero. *err has Python's wording where there is one
 * ("NameError: name 'x' is not defined").
 */
int expr_eval(const struct expr *e, const struct expr_scope *scope, const struct value_limits *lim, struct err *err,
	      struct value **ret);

#endif
