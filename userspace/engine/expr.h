/* SPDX-License-Identifier: BSD-2-Clause */
/* Python expressions, parsed once, evaluated over the target's memory without running any of its code. */
#ifndef PYBPFDBG_ENGINE_EXPR_H
#define PYBPFDBG_ENGINE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct expr; /* opaque: a syntax tree */
struct interp;
struct mem;
struct value;
struct value_limits;

/*
 * Parse Python expression syntax: names, literals (int of any base, float, complex, str with prefixes r b u, bytes,
 * None True False ...), tuple/list/dict/set displays, attribute, item, slice, unary + - ~ not, ** * / // % + -
 * << >> & ^ |, comparisons (chained), in, not in, is, is not, and, or, if-else, parentheses, a tuple without them at the
 * top, and calls of the built-ins in expr_call.c's table (len type isinstance sorted ...; on built-in values only).
 * -EINVAL: a SyntaxError; *err has what and where (column, in characters, from 1). -EOPNOTSUPP: valid Python that is
 * refused, with the reason: a call of anything else, lambda, comprehension, f-string, unpacking, await, yield, :=.
 * Nesting and length are limited (text of 64 KiB, depth 200). The tree can be evaluated any number of times.
 */
int expr_parse(const char *text, struct err *err, struct expr **ret);
void expr_free(struct expr *e);
const char *expr_text(const struct expr *e);

/* A name and the object that it stands for; 0: it is not bound. */
struct expr_name {
	const char *name;
	uint64_t address;
};
/* A name of ours, whatever the target calls so; v NULL: it stands for nothing. */
struct expr_given {
	const char *name;
	const struct value *v;
};

/* Where names come from. */
struct expr_scope {
	struct interp *in;
	uint64_t frame; /* locals, cells, globals, built-ins of this frame; 0: none */
	uint64_t globals; /* without a frame: this dict, and no built-ins */
	/*
	 * Of a thread that stands where an exception is raised, else 0: __exception__ is that exception, and so is `exc` where nothing
	 * else has that name. (Before 3.12 C code may leave it to others to make the instance: then it has type and args only.)
	 */
	uint64_t tstate;
	/* Instead of a frame, if names is not NULL: these, and for calls the dict of the built-in names, which is in mem. */
	const struct expr_name *names;
	size_t nnames;
	uint64_t builtins;
	struct mem *mem;
	const struct expr_given *given; /* looked at before all others; borrowed */
	size_t ngiven;
};

/*
 * Hand every name that is evaluated to fn, once for each use, with the levels of objects below it that are looked at (1:
 * its attributes or items). Non-zero from fn ends it and is returned. A call's own name comes with is_call.
 */
int expr_names(const struct expr *e, int (*fn)(void *priv, const char *name, unsigned levels, bool is_call),
	       void *priv);

/* Is it a name with attributes and items of constant keys behind it (`order.items[0].sku`), and not the name alone? */
bool expr_is_path(const struct expr *e);

/*
 * Evaluate; the frame must not move on meanwhile. The order of a set that was computed is not the target's.
 * -ENOENT a name, attribute, key or index that is not there; -EOPNOTSUPP refused (a property, a call);
 * -EFAULT memory; -EINVAL a type error; -ERANGE too large; -EDOM division by zero. *err has Python's wording where there is one
 * ("NameError: name 'x' is not defined").
 */
int expr_eval(const struct expr *e, const struct expr_scope *scope, const struct value_limits *lim, struct err *err,
	      struct value **ret);

/* An expression that names a reference: a name, owner.name, or owner[key]. */
struct expr_target {
	char *name;          /* of a variable or an attribute; NULL: an item */
	uint64_t owner;      /* address of the object; 0: a variable */
	struct value *key;   /* of an item */
};
/* Evaluate all but the last step. As expr_eval(); -EINVAL: it is another expression, or its owner is computed, too. */
int expr_target(const struct expr *e, const struct expr_scope *scope, struct err *err, struct expr_target *ret);
void expr_target_deinit(struct expr_target *t);

#endif
