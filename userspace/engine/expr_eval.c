// SPDX-License-Identifier: BSD-2-Clause
/* Walks the syntax tree: operators, displays, calls; and hands the result out. */
#include "engine/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/expr_eval.h"
#include "engine/expr_text.h"
#include "probes/probe.h"

static const struct expr_node *node_at(const struct eval *ev, uint32_t index)
{
	return &ev->e->nodes.data[index];
}

static uint32_t kid(const struct eval *ev, const struct expr_node *n, unsigned i)
{
	return ev->e->kids.data[n->first + i];
}

/* ---- operators ---- */

static const char *const binary_methods[][2] = {
	[OP_ADD] = { "__add__", "__radd__" },
	[OP_SUB] = { "__sub__", "__rsub__" },
	[OP_MUL] = { "__mul__", "__rmul__" },
	[OP_DIV] = { "__truediv__", "__rtruediv__" },
	[OP_FLOORDIV] = { "__floordiv__", "__rfloordiv__" },
	[OP_MOD] = { "__mod__", "__rmod__" },
	[OP_POW] = { "__pow__", "__rpow__" },
	[OP_LSHIFT] = { "__lshift__", "__rlshift__" },
	[OP_RSHIFT] = { "__rshift__", "__rrshift__" },
	[OP_AND] = { "__and__", "__rand__" },
	[OP_OR] = { "__or__", "__ror__" },
	[OP_XOR] = { "__xor__", "__rxor__" },
	[OP_MATMUL] = { "__matmul__", "__rmatmul__" },
};

static bool is_sequence(const struct value *v)
{
	return v->kind == VALUE_STR || eval_is_bytes(v) || v->kind == VALUE_LIST ||
	       v->kind == VALUE_TUPLE;
}

static int merge_dicts(struct eval *ev, const struct value *a, const struct value *b,
		       const struct value **ret)
{
	_cleanup_free_ const struct value **pairs = NULL;
	int r;

	r = eval_full(ev, a, &a);
	if (!r)
		r = eval_full(ev, b, &b);
	if (r)
		return r;
	pairs = calloc(a->nitems + b->nitems + 1, sizeof(*pairs));
	if (!pairs)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < a->nitems; i++)
		pairs[i] = a->items[i];
	for (size_t i = 0; i < b->nitems; i++)
		pairs[a->nitems + i] = b->items[i];
	return eval_make_dict(ev, pairs, a->nitems + b->nitems, ret);
}

int eval_binary(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
		const struct value **ret)
{
	bool a_seq = is_sequence(a), b_seq = is_sequence(b);
	int r;

	if (op == OP_MATMUL)
		return err_set(ev->err, -EOPNOTSUPP, "'@' is refused: it runs the target's code");
	r = eval_plain(ev, a, binary_methods[op][0]);
	if (!r)
		r = eval_plain(ev, b, binary_methods[op][1]);
	if (r)
		return r;
	if (eval_is_number(a) && eval_is_number(b))
		return eval_arith(ev, op, a, b, ret);
	if (op == OP_MOD && (a->kind == VALUE_STR || eval_is_bytes(a)))
		return err_set(ev->err, -EOPNOTSUPP,
			       "formatting with %% is not supported (it runs the target's code)");
	if ((a->kind == VALUE_DEQUE || b->kind == VALUE_DEQUE) && (op == OP_ADD || op == OP_MUL))
		return err_set(ev->err, -EOPNOTSUPP, "arithmetic on a deque is not supported");
	if (op == OP_ADD && a_seq)
		return eval_concat(ev, a, b, ret);
	if (op == OP_MUL && (a_seq || b_seq)) {
		const struct value *seq = a_seq ? a : b, *times = a_seq ? b : a;

		if (eval_is_int(times))
			return eval_repeat(ev, seq, times, ret);
		r = eval_plain(ev, times, "__index__");
		return r ? r
			 : eval_type_error(ev, "can't multiply sequence by non-int of type '%s'",
					   times->type);
	}
	if ((op == OP_SUB || op == OP_AND || op == OP_OR || op == OP_XOR) && eval_is_set(a) &&
	    eval_is_set(b))
		return eval_set_op(ev, op, a, b, ret);
	if (op == OP_OR && ev->minor >= 9 && a->kind == VALUE_DICT && b->kind == VALUE_DICT)
		return merge_dicts(ev, a, b, ret);
	if (op == OP_OR && ev->minor >= 10 && (a->kind == VALUE_TYPE || b->kind == VALUE_TYPE))
		return err_set(ev->err, -EOPNOTSUPP, "unions of types are not supported");
	return eval_type_error(ev, "unsupported operand type(s) for %s: '%s' and '%s'",
			       eval_op_text(op), a->type, b->type);
}

static int eval_unary(struct eval *ev, enum expr_op op, const struct value *v,
		      const struct value **ret)
{
	int r;

	if (op == OP_NOT) {
		r = eval_bool(ev, v);
		return r < 0 ? r : eval_new_bool(ev, !r, ret);
	}
	r = eval_plain(ev, v, op == OP_POS ? "__pos__" : op == OP_NEG ? "__neg__" : "__invert__");
	if (r)
		return r;
	if (eval_is_number(v))
		return eval_num_unary(ev, op, v, ret);
	return eval_type_error(ev, "bad operand type for unary %s: '%s'", eval_op_text(op),
			       v->type);
}

static int compare(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b)
{
	int r;

	switch (op) {
	case OP_IS:
		return eval_is(ev, a, b);
	case OP_IS_NOT:
		r = eval_is(ev, a, b);
		return r < 0 ? r : !r;
	case OP_IN:
		return eval_contains(ev, b, a);
	case OP_NOT_IN:
		r = eval_contains(ev, b, a);
		return r < 0 ? r : !r;
	case OP_EQ:
		return eval_equal(ev, a, b);
	case OP_NE:
		/* object.__ne__ turns __eq__ round; a class may have its own. */
		r = eval_plain(ev, a, "__ne__");
		if (!r)
			r = eval_plain(ev, b, "__ne__");
		if (!r)
			r = eval_equal(ev, a, b);
		else
			return r;
		return r < 0 ? r : !r;
	default:
		return eval_order(ev, op, a, b);
	}
}

/* a < b < c: each operand once, up to the first comparison that is false. */
static int eval_compare(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	const struct value *left, *right;
	int r;

	r = eval_node(ev, kid(ev, n, 0), &left);
	if (r)
		return r;
	for (uint32_t i = 1; i + 1 < n->n; i += 2) {
		r = eval_node(ev, kid(ev, n, i + 1), &right);
		if (r)
			return r;
		r = compare(ev, kid(ev, n, i), left, right);
		if (r < 0)
			return r;
		if (!r)
			return eval_new_bool(ev, false, ret);
		left = right;
	}
	return eval_new_bool(ev, true, ret);
}

/* The operand that decides is the result. */
static int eval_junction(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	int r;

	for (uint32_t i = 0;; i++) {
		r = eval_node(ev, kid(ev, n, i), ret);
		if (r || i + 1 == n->n)
			return r;
		r = eval_bool(ev, *ret);
		if (r < 0)
			return r;
		if (r == (n->kind == NODE_OR))
			return 0;
	}
}

static int eval_slice_node(struct eval *ev, const struct expr_node *n,
			   const struct value *bounds[3])
{
	int r;

	for (unsigned i = 0; i < 3; i++) {
		if (kid(ev, n, i) == EXPR_NO_KID)
			r = eval_keep(ev, value_new_none(), &bounds[i]);
		else
			r = eval_node(ev, kid(ev, n, i), &bounds[i]);
		if (r)
			return r;
	}
	return 0;
}

static int eval_item_node(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	const struct expr_node *index = node_at(ev, kid(ev, n, 1));
	const struct value *v, *key, *bounds[3];
	int r;

	r = eval_node(ev, kid(ev, n, 0), &v);
	if (r)
		return r;
	if (index->kind == NODE_SLICE) {
		r = eval_slice_node(ev, index, bounds);
		return r ? r : eval_slice(ev, v, bounds, ret);
	}
	r = eval_node(ev, kid(ev, n, 1), &key);
	return r ? r : eval_item(ev, v, key, ret);
}

static int eval_display(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	_cleanup_free_ const struct value **items = calloc(n->n + 1, sizeof(*items));
	int r = 0;

	if (!items)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < n->n && !r; i++)
		r = eval_node(ev, kid(ev, n, i), &items[i]);
	if (r)
		return r;
	switch (n->kind) {
	case NODE_SET:
		return eval_make_set(ev, VALUE_SET, items, n->n, ret);
	case NODE_DICT:
		return eval_make_dict(ev, items, n->n, ret);
	default:
		return eval_new_items(ev, n->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE, items,
				      n->n, ret);
	}
}

/* The arguments of a call, from kid number `first` on; malloc'ed. */
static int eval_args(struct eval *ev, const struct expr_node *n, uint32_t first,
		     struct eval_arg **ret)
{
	_cleanup_free_ struct eval_arg *args = calloc(n->n + 1, sizeof(*args));
	int r;

	if (!args)
		return err_set(ev->err, -ENOMEM, "out of memory");
	for (uint32_t i = first; i < n->n; i++) {
		const struct expr_node *arg = node_at(ev, kid(ev, n, i));

		args[i - first].keyword = arg->kind == NODE_KEYWORD ? arg->name : NULL;
		r = eval_node(ev, arg->kind == NODE_KEYWORD ? kid(ev, arg, 0) : kid(ev, n, i),
			      &args[i - first].v);
		if (r)
			return r;
	}
	*ret = take_ptr(args);
	return 0;
}

static int eval_method_node(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	_cleanup_free_ struct eval_arg *args = NULL;
	const struct value *self;
	int r = eval_node(ev, kid(ev, n, 0), &self);

	/* The method is looked up before its arguments are computed. */
	if (!r)
		r = eval_has_method(ev, self, n->name);
	if (!r)
		r = eval_args(ev, n, 1, &args);
	return r ? r : eval_method(ev, self, n->name, args, n->n - 1, ret);
}

static int eval_call_node(struct eval *ev, const struct expr_node *n, const struct value **ret)
{
	_cleanup_free_ struct eval_arg *args = NULL;
	bool builtin;
	uint64_t addr;
	int r;

	if (ev->in) {
		r = eval_find_name(ev, n->name, &addr, &builtin);
		/* A name of the program that hides the built-in: fine when it is the same object.
		 */
		if (!r && !builtin && addr != eval_builtin_addr(ev, n->name))
			r = err_set(ev->err, -EOPNOTSUPP,
				    "%s() is refused: it is the program's own here, and calls run "
				    "the target's code",
				    n->name);
		if (r)
			return r;
	}
	r = eval_args(ev, n, 0, &args);
	return r ? r : eval_call(ev, n->name, args, n->n, ret);
}

/* The recursion is as deep as the tree is high: EXPR_HEIGHT_MAX. */
int eval_node(struct eval *ev, uint32_t index, const struct value **ret)
{
	const struct expr_node *n = node_at(ev, index);
	const struct value *a, *b;
	int r;

	switch (n->kind) {
	case NODE_CONST:
		*ret = n->value;
		return 0;
	case NODE_NAME:
		return eval_name(ev, n->name, ret);
	case NODE_TUPLE:
	case NODE_LIST:
	case NODE_SET:
	case NODE_DICT:
		return eval_display(ev, n, ret);
	case NODE_UNARY:
		r = eval_node(ev, kid(ev, n, 0), &a);
		return r ? r : eval_unary(ev, n->op, a, ret);
	case NODE_BINARY:
		r = eval_node(ev, kid(ev, n, 0), &a);
		if (!r)
			r = eval_node(ev, kid(ev, n, 1), &b);
		return r ? r : eval_binary(ev, n->op, a, b, ret);
	case NODE_COMPARE:
		return eval_compare(ev, n, ret);
	case NODE_AND:
	case NODE_OR:
		return eval_junction(ev, n, ret);
	case NODE_IF:
		r = eval_node(ev, kid(ev, n, 0), &a);
		if (!r)
			r = eval_bool(ev, a);
		return r < 0 ? r : eval_node(ev, kid(ev, n, r ? 1 : 2), ret);
	case NODE_ATTR:
		r = eval_node(ev, kid(ev, n, 0), &a);
		return r ? r : eval_attr(ev, a, n->name, ret);
	case NODE_ITEM:
		return eval_item_node(ev, n, ret);
	case NODE_CALL:
		return eval_call_node(ev, n, ret);
	case NODE_METHOD:
		return eval_method_node(ev, n, ret);
	case NODE_SLICE: { /* inside an index tuple: x[1:2, 3] */
		const struct value *bounds[3];

		r = eval_slice_node(ev, n, bounds);
		return r ? r : eval_new_items(ev, VALUE_SLICE, bounds, 3, ret);
	}
	case NODE_KEYWORD:
		break;
	}
	return err_set(ev->err, -EINVAL, "SyntaxError: invalid syntax");
}

/* ---- the result ---- */

/* The tree that is handed out: what has an address is read again with what is left of the limits.
 */
int eval_finish(struct eval *ev, const struct value *v, struct value_limits *lim,
		struct value **ret)
{
	struct value *out;
	size_t max = lim->items, step = v->kind == VALUE_DICT ? 2 : 1;
	size_t n;
	int r = 0;

	/* A leaf is read already. */
	if (v->address && ev->in && !(eval_is_number(v) && !v->subclass) &&
	    !(v->kind == VALUE_STR && !v->subclass && !v->truncated && v->nbytes <= lim->bytes)) {
		r = ev->in->ops->value(ev->in, v->address, lim, ret);
		if (r)
			return err_set(ev->err, r, "out of memory");
		n = eval_count(*ret);
		lim->total -= n < lim->total ? n : lim->total;
		return 0;
	}
	if (lim->total)
		lim->total--;
	if (!v->nitems || v->kind == VALUE_RANGE || v->kind == VALUE_SLICE) {
		*ret = expr_value_copy(v);
	} else {
		struct value shell = *v;

		shell.nitems = 0;
		shell.items = NULL;
		*ret = expr_value_copy(&shell);
	}
	if (!*ret)
		return err_set(ev->err, -ENOMEM, "out of memory");
	out = *ret;
	if (ev->minor && ev->in)
		out->minor = ev->minor;
	if (v->bytes && v->nbytes > lim->bytes) {
		n = lim->bytes;

		while (v->kind == VALUE_STR && n && (v->bytes[n] & 0xc0) == 0x80)
			n--;
		out->nbytes = n;
		out->bytes[n] = '\0';
		out->truncated = true;
	}
	if (out->nitems)
		return 0;
	if (!lim->depth)
		max = 0;
	for (size_t i = 0; i < v->nitems && i / step < max && !r; i++) {
		struct value_limits less = *lim;
		struct value *child = NULL;

		if (!lim->total)
			break;
		less.depth--;
		r = eval_finish(ev, v->items[i], &less, &child);
		lim->total = less.total;
		if (!r && v->kind == VALUE_EXCEPTION && !child->name && v->items[i]->name)
			child->name = strdup(v->items[i]->name);
		if (!r)
			r = value_add(out, child);
	}
	if (out->nitems < v->nitems)
		out->truncated = true;
	if (r) {
		value_free(out);
		*ret = NULL;
	}
	return r;
}

void eval_init(struct eval *ev, const struct expr *e, const struct expr_scope *scope,
	       struct err *err)
{
	*ev = (struct eval){
		.e = e, .err = err, .minor = 13, .budget = EVAL_BUDGET, .steps = EVAL_STEPS
	};
	if (!scope || !scope->in)
		return;
	ev->in = scope->in;
	ev->frame = scope->frame;
	ev->tstate = scope->tstate;
	ev->globals = scope->globals;
	ev->names = scope->names ? scope : NULL;
	ev->builtins = scope->names ? scope->builtins : 0;
	ev->given = scope->given;
	ev->ngiven = scope->ngiven;
	ev->minor = scope->in->ops->info(scope->in)->minor;
}

void eval_deinit(struct eval *ev)
{
	for (size_t i = 0; i < ev->pool.n; i++)
		value_free(ev->pool.data[i]);
	vec_deinit(&ev->pool);
	interp_vars_free(ev->vars, ev->nvars);
}

int expr_eval(const struct expr *e, const struct expr_scope *scope, const struct value_limits *lim,
	      struct err *err, struct value **ret)
{
	_cleanup_(eval_deinit) struct eval ev;
	struct value_limits left = *lim;
	const struct value *v;
	struct value *out = NULL;
	int r;

	eval_init(&ev, e, scope, err);
	r = eval_read_frame(&ev);
	if (!r)
		r = eval_node(&ev, e->root, &v);
	if (!r)
		r = eval_finish(&ev, v, &left, &out);
	if (r)
		return r;
	*ret = out;
	return 0;
}
