/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the expression modules only: the state of one evaluation. Values are immutable and live until it ends; they
 * are read shallow (no children) and looked at again through their address when more of them is needed.
 */
#ifndef PYBPFDBG_ENGINE_EXPR_EVAL_H
#define PYBPFDBG_ENGINE_EXPR_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "engine/expr_ast.h"
#include "probes/value.h"

struct expr_scope;
struct interp;
struct interp_var;

#define EVAL_INT_BITS   1000000           /* of a result */
#define EVAL_ITEMS_MAX  1000000           /* of one container that is read or made */
#define EVAL_BYTES_MAX  (16 * 1024 * 1024) /* of one string that is read or made */
#define EVAL_BUDGET     4000000           /* values read or made in one evaluation */
#define EVAL_STEPS      50000000          /* comparisons in one evaluation */
#define EVAL_NESTING    200               /* of containers that are compared */

struct eval {
	const struct expr *e;
	struct interp *in; /* NULL: constants only */
	uint64_t frame, tstate;
	const struct expr_scope *names; /* its names are all there are; NULL: those of the frame */
	unsigned minor;
	struct err *err;
	struct interp_var *vars;
	size_t nvars;
	bool frame_read;
	uint64_t globals, builtins, locals;
	const struct expr_given *given;
	size_t ngiven;
	VEC(struct value *) pool;
	uint64_t budget, steps;
	unsigned nesting;
};

/* ---- expr_obj.c: values and their types ---- */

/* Take v over until the evaluation ends; NULL gives -ENOMEM. */
int eval_keep(struct eval *ev, struct value *v, const struct value **ret);
/* Spend n of the budget. -ERANGE. */
int eval_spend(struct eval *ev, uint64_t n);
int eval_steps(struct eval *ev, uint64_t n);
/* Read the object at addr without its children. -EFAULT. */
int eval_read(struct eval *ev, uint64_t addr, const struct value **ret);
/* Of a record: is v in it? 0 or -EFAULT. */
int eval_captured(struct eval *ev, const struct value *v);
/* The limits of what eval_full() reads. */
extern const struct value_limits eval_whole;
/* All of v's own items or bytes (the children themselves shallow). -ERANGE, -EFAULT. */
int eval_full(struct eval *ev, const struct value *v, const struct value **ret);
bool eval_is_number(const struct value *v);   /* bool, int, float, complex */
bool eval_is_int(const struct value *v);      /* bool, int */
bool eval_is_set(const struct value *v);
bool eval_is_bytes(const struct value *v);    /* bytes, bytearray */
bool eval_is_builtin(const struct value *v);  /* a kind whose operations are computed here */
/*
 * Does type(v) define the method by code of its own, so that what it does is not known here? A subclass that
 * inherits the built-in type's counts as no. 0 or 1, or -errno.
 */
int eval_special(struct eval *ev, const struct value *v, const char *name);
/* The same, and when it does: -EOPNOTSUPP with the reason. 0: it does not. */
int eval_plain(struct eval *ev, const struct value *v, const char *name);
/* Address of a built-in by name, 0 when not known. */
uint64_t eval_builtin_addr(struct eval *ev, const char *name);
int eval_type_of(struct eval *ev, const struct value *v, const struct value **ret);
int eval_bool(struct eval *ev, const struct value *v); /* 0, 1 or -errno */
int64_t eval_len(struct eval *ev, const struct value *v); /* or -errno; TypeError when it has none */
size_t eval_count(const struct value *v); /* nodes of a tree */
/* Make values, kept. */
int eval_new_bool(struct eval *ev, bool b, const struct value **ret);
int eval_new_long(struct eval *ev, int64_t i, const struct value **ret);
int eval_new_float(struct eval *ev, double d, const struct value **ret);
int eval_new_str(struct eval *ev, const char *s, size_t n, const struct value **ret);
/* A list, tuple, set ... of copies of items. */
int eval_new_items(struct eval *ev, enum value_kind kind, const struct value *const *items, size_t n,
		   const struct value **ret);
/* An int's value as int64_t, cut to its range. v: bool or int. */
int64_t eval_clamp(const struct value *v);
int eval_type_error(struct eval *ev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- expr_num.c ---- */
int eval_arith(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
	       const struct value **ret);
int eval_num_unary(struct eval *ev, enum expr_op op, const struct value *a, const struct value **ret);
int eval_num_equal(const struct value *a, const struct value *b);
/* -1, 0, 1, or 2 when unordered (NaN); neither is complex. */
int eval_num_cmp(const struct value *a, const struct value *b);
int eval_int_to_double(struct eval *ev, const mpz_t z, double *ret);
const char *eval_op_text(enum expr_op op);

/* ---- expr_attr.c ---- */
/* v.name. -ENOENT (AttributeError), -EOPNOTSUPP: its class has code of its own for it; -EFAULT ... with a line */
int eval_attr(struct eval *ev, const struct value *v, const char *name, const struct value **ret);

/* ---- expr_seq.c ---- */
int eval_concat(struct eval *ev, const struct value *a, const struct value *b, const struct value **ret);
int eval_repeat(struct eval *ev, const struct value *seq, const struct value *times, const struct value **ret);
int eval_item(struct eval *ev, const struct value *v, const struct value *key, const struct value **ret);
int eval_contains(struct eval *ev, const struct value *container, const struct value *v); /* 0, 1, -errno */
/* What iterating over v gives, as the items of a list. */
int eval_iterate(struct eval *ev, const struct value *v, const struct value **ret);

/* ---- expr_slice.c ---- */
struct strbuf;
int eval_slice(struct eval *ev, const struct value *v, const struct value *const bounds[3], const struct value **ret);
/* A str, bytes or bytearray of what is in sb. */
int eval_new_text(struct eval *ev, enum value_kind kind, struct strbuf *sb, const struct value **ret);
/* Is it a range as one must be (v: with its items)? 0 or -EFAULT. */
int eval_check_range(struct eval *ev, const struct value *v);
void eval_range_count(const struct value *v, mpz_t n); /* of such a range: len() */

/* ---- expr_cmp.c ---- */
int eval_is(struct eval *ev, const struct value *a, const struct value *b);    /* 0, 1, -errno */
int eval_equal(struct eval *ev, const struct value *a, const struct value *b); /* 0, 1, -errno */
int eval_same_or_equal(struct eval *ev, const struct value *a, const struct value *b);
int eval_order(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b); /* 0, 1, -errno */
/* Sort in place, stable. */
int eval_sort(struct eval *ev, const struct value **items, size_t n, bool reverse);

/* ---- expr_set.c ---- */
enum eval_use { USE_PLAIN, USE_DICT_KEY, USE_SET_ELEMENT };
int eval_hashable(struct eval *ev, const struct value *v, enum eval_use use);
int eval_set_op(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
		const struct value **ret);
int eval_dict_equal(struct eval *ev, const struct value *a, const struct value *b); /* 0, 1, -errno */
int eval_subset(struct eval *ev, const struct value *a, const struct value *b);     /* all of a in b? */
/* A set or frozenset of what is in items[], first come first kept. */
int eval_make_set(struct eval *ev, enum value_kind kind, const struct value *const *items, size_t n,
		  const struct value **ret);
/* Is the order of its elements the target's? 0 or -EOPNOTSUPP: a set that was made here. */
int eval_ordered(struct eval *ev, const struct value *v);
/* pairs: key, value, key, value; a later value replaces an earlier one. */
int eval_make_dict(struct eval *ev, const struct value *const *pairs, size_t n, const struct value **ret);

/* ---- expr_call.c ---- */
/* One built-in's implementation; see expr_call.c, expr_class.c and expr_conv.c. */
struct eval_arg {
	const char *keyword; /* NULL: positional */
	const struct value *v;
};
int eval_call(struct eval *ev, const char *name, const struct eval_arg *args, size_t n, const struct value **ret);

/* ---- expr_method.c: v.name(args), of built-in values ---- */
/* Is that method of v one that is known here? 0; -ENOENT (AttributeError), -EOPNOTSUPP */
int eval_has_method(struct eval *ev, const struct value *v, const char *name);
int eval_method(struct eval *ev, const struct value *v, const char *name, const struct eval_arg *args, size_t n,
		const struct value **ret);

/* ---- expr_class.c: the built-ins that ask a class ---- */
int eval_call_isinstance(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_issubclass(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_getattr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_hasattr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);

/* ---- expr_conv.c: the built-ins that make text of numbers and numbers of text ---- */
int eval_call_int(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_float(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_str(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_repr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_ascii(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_ord(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_chr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_hex(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_oct(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_bin(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);
int eval_call_round(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret);

/* ---- expr_scope.c ---- */
/* Read the frame's variables, once. 0 or -errno. */
int eval_read_frame(struct eval *ev);
/* Address of what a name stands for; *ret_builtin: it was found among the built-ins. -ENOENT: NameError */
int eval_find_name(struct eval *ev, const char *name, uint64_t *ret, bool *ret_builtin);
int eval_name(struct eval *ev, const char *name, const struct value **ret);

/* ---- expr_eval.c ---- */
struct expr_scope;
void eval_init(struct eval *ev, const struct expr *e, const struct expr_scope *scope, struct err *err);
void eval_deinit(struct eval *ev);
int eval_node(struct eval *ev, uint32_t index, const struct value **ret);
/* v as a tree to hand out (not kept): what has an address is read again with what is left of the limits. */
int eval_finish(struct eval *ev, const struct value *v, struct value_limits *lim, struct value **ret);
int eval_binary(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
		const struct value **ret);

#endif
