// SPDX-License-Identifier: BSD-2-Clause
/* Syntax trees into programs for the kernel, node by node. */
#include "engine/kexpr.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "engine/kexpr_priv.h"
#include "probes/probe.h"
#include "probes/value.h"

#define HEIGHT_MAX 100

static int compile(struct kexpr *k, uint32_t index);

static const struct expr_node *node_at(const struct kexpr *k, uint32_t index)
{
	return &k->e->nodes.data[index];
}

static uint32_t kid(const struct kexpr *k, const struct expr_node *n, uint32_t i)
{
	return k->e->kids.data[n->first + i];
}

/* ---- comparisons ---- */

static const struct {
	enum expr_op op;
	enum abi_expr_cmp cmp, mirrored;
} comparisons[] = {
	{ OP_LT, ABI_CMP_LT, ABI_CMP_GT }, { OP_LE, ABI_CMP_LE, ABI_CMP_GE },
	{ OP_EQ, ABI_CMP_EQ, ABI_CMP_EQ }, { OP_NE, ABI_CMP_NE, ABI_CMP_NE },
	{ OP_GT, ABI_CMP_GT, ABI_CMP_LT }, { OP_GE, ABI_CMP_GE, ABI_CMP_LE },
	{ OP_IS, ABI_CMP_IS, ABI_CMP_IS }, { OP_IS_NOT, ABI_CMP_IS_NOT, ABI_CMP_IS_NOT },
	{ OP_IN, ABI_CMP_IN, ABI_CMP_IN }, { OP_NOT_IN, ABI_CMP_NOT_IN, ABI_CMP_NOT_IN },
};

static size_t comparison(enum expr_op op)
{
	size_t i = 0;

	while (comparisons[i].op != op)
		i++;
	return i;
}

/* A constant, or minus a number: its number. 1: it is none; 0; -errno. */
static int constant(struct kexpr *k, uint32_t index, uint32_t *ret)
{
	const struct expr_node *n = node_at(k, index), *of;
	struct value *v;
	int r;

	if (n->kind == NODE_CONST)
		return kexpr_const(k, n->value, ret);
	if (n->kind != NODE_UNARY || n->op != OP_NEG)
		return 1;
	of = node_at(k, kid(k, n, 0));
	if (of->kind != NODE_CONST ||
	    (of->value->kind != VALUE_INT && of->value->kind != VALUE_FLOAT))
		return 1;
	if (of->value->kind == VALUE_FLOAT) {
		v = value_new_float(-of->value->re);
	} else {
		v = value_new_int(of->value->z);
		if (v)
			mpz_neg(v->z, v->z);
	}
	r = v ? kexpr_const(k, v, ret) : -ENOMEM;
	value_free(v);
	return r;
}

/* x in (1, 2), x in {1, 2}: one comparison after the other. x is on the stack. */
static int emit_in_display(struct kexpr *k, const struct expr_node *n, bool negate)
{
	uint32_t jumps[ABI_EXPR_INSNS], c;
	int r;

	for (uint32_t i = 0; i < n->n; i++) {
		r = constant(k, kid(k, n, i), &c);
		if (r == 1)
			return kexpr_refuse(k, "`in` a display that is not all constants");
		if (!r)
			r = kexpr_emit_to(k, ABI_OP_IN_CONST, n->kind == NODE_SET, c, &jumps[i]);
		if (r)
			return r;
	}
	r = kexpr_emit(k, ABI_OP_SET_FALSE, 0, 0);
	kexpr_land(k, jumps, n->n);
	return r || !negate ? r : kexpr_emit(k, ABI_OP_NOT, 0, 0);
}

static int compare_one(struct kexpr *k, uint32_t left, enum expr_op op, uint32_t right)
{
	const struct expr_node *rn = node_at(k, right);
	size_t i = comparison(op);
	uint32_t c;
	int r = 1;

	if ((op == OP_IN || op == OP_NOT_IN) &&
	    (rn->kind == NODE_TUPLE || rn->kind == NODE_LIST || rn->kind == NODE_SET)) {
		r = compile(k, left);
		return r ? r : emit_in_display(k, rn, op == OP_NOT_IN);
	}
	if (comparisons[i].cmp <= ABI_CMP_GE) {
		r = constant(k, right, &c);
		if (r <= 0) {
			r = r ? r : compile(k, left);
			if (!r)
				r = kexpr_emit(k, ABI_OP_CMP_CONST, comparisons[i].cmp, c);
			return r;
		}
		r = constant(k, left, &c);
		if (r <= 0) {
			r = r ? r : compile(k, right);
			if (!r)
				r = kexpr_emit(k, ABI_OP_CMP_CONST, comparisons[i].mirrored, c);
			return r;
		}
	}
	r = compile(k, left);
	if (!r)
		r = compile(k, right);
	return r ? r : kexpr_emit(k, ABI_OP_CMP, comparisons[i].cmp, 0);
}

static int compile_compare(struct kexpr *k, const struct expr_node *n)
{
	uint32_t jumps[ABI_EXPR_INSNS];
	size_t njumps = 0, i;
	int r;

	if (n->n == 3)
		return compare_one(k, kid(k, n, 0), (enum expr_op)kid(k, n, 1), kid(k, n, 2));
	r = compile(k, kid(k, n, 0));
	for (uint32_t at = 1; at + 1 < n->n && !r; at += 2) {
		i = comparison((enum expr_op)kid(k, n, at));
		if (comparisons[i].cmp >= ABI_CMP_IN)
			return kexpr_refuse(k, "`in` within a chain of comparisons");
		r = compile(k, kid(k, n, at + 1));
		if (r)
			break;
		if (at + 2 == n->n)
			r = kexpr_emit(k, ABI_OP_CMP, comparisons[i].cmp, 0);
		else if (njumps < ABI_EXPR_INSNS)
			r = kexpr_emit_to(k, ABI_OP_CHAIN, comparisons[i].cmp, 0, &jumps[njumps++]);
	}
	if (!r)
		kexpr_land(k, jumps, njumps);
	return r;
}

/* ---- the other operators ---- */

static int compile_junction(struct kexpr *k, const struct expr_node *n)
{
	enum abi_expr_op op = n->kind == NODE_AND ? ABI_OP_AND : ABI_OP_OR;
	uint32_t jumps[ABI_EXPR_INSNS];
	int r = 0;

	for (uint32_t i = 0; i < n->n && !r; i++) {
		if (i == ABI_EXPR_INSNS)
			return kexpr_refuse(k, "the expression is too long");
		r = compile(k, kid(k, n, i));
		if (!r && i + 1 < n->n)
			r = kexpr_emit_to(k, op, 0, 0, &jumps[i]);
	}
	if (!r)
		kexpr_land(k, jumps, n->n - 1);
	return r;
}

static int compile_if(struct kexpr *k, const struct expr_node *n)
{
	uint32_t unless, over;
	int r = compile(k, kid(k, n, 0));

	if (!r)
		r = kexpr_emit_to(k, ABI_OP_UNLESS, 0, 0, &unless);
	if (!r)
		r = compile(k, kid(k, n, 1));
	if (!r)
		r = kexpr_emit_to(k, ABI_OP_JUMP, 0, 0, &over);
	if (r)
		return r;
	kexpr_land(k, &unless, 1);
	k->depth--;
	r = compile(k, kid(k, n, 2));
	kexpr_land(k, &over, 1);
	return r;
}

static int compile_unary(struct kexpr *k, const struct expr_node *n, uint32_t index)
{
	uint32_t c;
	int r = constant(k, index, &c);

	if (r <= 0)
		return r ? r : kexpr_emit(k, ABI_OP_CONST, 0, c);
	if (n->op == OP_INVERT)
		return kexpr_refuse(k, "the operator ~");
	r = compile(k, kid(k, n, 0));
	return r ? r
		 : kexpr_emit(k,
			      n->op == OP_NOT	? ABI_OP_NOT
			      : n->op == OP_NEG ? ABI_OP_NEG
						: ABI_OP_POS,
			      0, 0);
}

static int compile_binary(struct kexpr *k, const struct expr_node *n)
{
	static const char *const names[] = {
		[OP_DIV] = "/",	    [OP_FLOORDIV] = "//", [OP_MOD] = "%", [OP_POW] = "**",
		[OP_LSHIFT] = "<<", [OP_RSHIFT] = ">>",	  [OP_AND] = "&", [OP_OR] = "|",
		[OP_XOR] = "^",	    [OP_MATMUL] = "@",
	};
	int r;

	if (n->op != OP_ADD && n->op != OP_SUB && n->op != OP_MUL)
		return kexpr_refuse(k, "the operator %s", names[n->op]);
	r = compile(k, kid(k, n, 0));
	if (!r)
		r = compile(k, kid(k, n, 1));
	return r ? r
		 : kexpr_emit(k,
			      n->op == OP_ADD	? ABI_OP_ADD
			      : n->op == OP_SUB ? ABI_OP_SUB
						: ABI_OP_MUL,
			      0, 0);
}

/* What BaseException has by that name, in all versions. */
static enum abi_exc_name exc_name(const char *name)
{
	if (!strcmp(name, "args"))
		return ABI_EXC_NAME_ARGS;
	return strcmp(name, "with_traceback") && strcmp(name, "add_note") ? ABI_EXC_NAME_NONE
									  : ABI_EXC_NAME_METHOD;
}

static int compile_attr(struct kexpr *k, const struct expr_node *n)
{
	size_t len = strlen(n->name);
	uint32_t c;
	int r;

	/* Those of object and type are computed; all others are looked up. */
	if (!strcmp(n->name, "mro") ||
	    (len > 4 && !strncmp(n->name, "__", 2) && !strcmp(n->name + len - 2, "__")))
		return kexpr_refuse(k, "the attribute %s", n->name);
	r = compile(k, kid(k, n, 0));
	if (!r)
		r = kexpr_text(k, n->name, &c);
	return r ? r : kexpr_emit(k, ABI_OP_ATTR, exc_name(n->name), c);
}

static int compile_item(struct kexpr *k, const struct expr_node *n)
{
	int r;

	if (node_at(k, kid(k, n, 1))->kind == NODE_SLICE)
		return kexpr_refuse(k, "a slice");
	r = compile(k, kid(k, n, 0));
	if (!r)
		r = compile(k, kid(k, n, 1));
	return r ? r : kexpr_emit(k, ABI_OP_ITEM, 0, 0);
}

/* ---- calls ---- */

/* isinstance(x, T), isinstance(x, (T, U)) */
static int compile_isinstance(struct kexpr *k, const struct expr_node *n)
{
	const struct expr_node *t = node_at(k, kid(k, n, 1));
	uint32_t many = t->kind == NODE_TUPLE ? t->n : 1, c;
	int r;

	if (!many || many > ABI_EXPR_MANY)
		return kexpr_refuse(k, "isinstance() of %s than %d classes", many ? "more" : "less",
				    many ? ABI_EXPR_MANY : 1);
	r = compile(k, kid(k, n, 0));
	for (uint32_t i = 0; i < many && !r; i++)
		r = compile(k, t->kind == NODE_TUPLE ? kid(k, t, i) : kid(k, n, 1));
	if (!r)
		r = kexpr_text(k, "__class__", &c);
	return r ? r : kexpr_emit(k, ABI_OP_ISINSTANCE, many, c);
}

static int compile_call(struct kexpr *k, const struct expr_node *n)
{
	bool is_instance = !strcmp(n->name, "isinstance"), is_bool = !strcmp(n->name, "bool");
	bool is_len = !strcmp(n->name, "len");
	int r;

	if (!is_instance && !is_bool && !is_len && strcmp(n->name, "type"))
		return kexpr_refuse(
			k, "the call %s(...): the kernel knows len, type, isinstance and bool",
			n->name);
	if (n->n != (is_instance ? 2 : 1))
		return kexpr_refuse(k, "the call %s(...) with %u arguments", n->name, n->n);
	for (uint32_t i = 0; i < n->n; i++)
		if (node_at(k, kid(k, n, i))->kind == NODE_KEYWORD)
			return kexpr_refuse(k, "the call %s(...) with a keyword", n->name);
	r = kexpr_emit_require(k, n->name);
	if (r)
		return r;
	if (is_instance)
		return compile_isinstance(k, n);
	r = compile(k, kid(k, n, 0));
	if (!r && is_bool)
		r = kexpr_emit(k, ABI_OP_NOT, 0, 0);
	return r ? r
		 : kexpr_emit(k,
			      is_bool  ? ABI_OP_NOT
			      : is_len ? ABI_OP_LEN
				       : ABI_OP_TYPE,
			      0, 0);
}

static int compile_method(struct kexpr *k, const struct expr_node *n)
{
	const struct expr_node *arg = n->n == 2 ? node_at(k, kid(k, n, 1)) : NULL;
	uint32_t c;
	int r;

	if (!arg || arg->kind != NODE_CONST ||
	    (arg->value->kind != VALUE_STR && arg->value->kind != VALUE_BYTES))
		return kexpr_refuse(k, "the call .%s(...) with anything but one constant text",
				    n->name);
	r = compile(k, kid(k, n, 0));
	if (!r)
		r = kexpr_const(k, arg->value, &c);
	return r ? r : kexpr_emit(k, ABI_OP_STARTSWITH, 0, c);
}

/* ---- the whole ---- */

static int compile_node(struct kexpr *k, const struct expr_node *n, uint32_t index)
{
	uint32_t c;
	int r;

	switch (n->kind) {
	case NODE_CONST:
		r = kexpr_const(k, n->value, &c);
		return r ? r : kexpr_emit(k, ABI_OP_CONST, 0, c);
	case NODE_NAME:
		return kexpr_emit_name(k, n->name);
	case NODE_UNARY:
		return compile_unary(k, n, index);
	case NODE_BINARY:
		return compile_binary(k, n);
	case NODE_COMPARE:
		return compile_compare(k, n);
	case NODE_AND:
	case NODE_OR:
		return compile_junction(k, n);
	case NODE_IF:
		return compile_if(k, n);
	case NODE_ATTR:
		return compile_attr(k, n);
	case NODE_ITEM:
		return compile_item(k, n);
	case NODE_CALL:
		return compile_call(k, n);
	case NODE_METHOD:
		return compile_method(k, n);
	case NODE_TUPLE:
	case NODE_LIST:
	case NODE_SET:
	case NODE_DICT:
		return kexpr_refuse(k, "a %s display other than after `in`",
				    n->kind == NODE_TUPLE  ? "tuple"
				    : n->kind == NODE_LIST ? "list"
				    : n->kind == NODE_SET  ? "set"
							   : "dict");
	default:
		return kexpr_refuse(k, "a slice");
	}
}

static int compile(struct kexpr *k, uint32_t index)
{
	int r;

	if (k->height >= HEIGHT_MAX)
		return kexpr_refuse(k, "the expression is nested too deeply");
	k->height++;
	r = compile_node(k, node_at(k, index), index);
	k->height--;
	return r;
}

int kexpr_compile(const struct expr *e, struct interp *in, uint64_t code, struct err *why,
		  struct abi_prog *ret)
{
	struct kexpr k = { .e = e, .in = in, .code = code, .why = why, .p = ret };
	int r;

	k.write = code == KEXPR_AT_WRITE;
	if (k.write)
		k.code = code = 0;

	memset(ret, 0, sizeof(*ret));
	ret->size = sizeof(*ret);
	r = in->ops->kernel_objects(in, &k.obj);
	if (!r)
		r = in->ops->builtins(in, &k.builtins);
	if (r)
		return r == -EOPNOTSUPP
			       ? kexpr_refuse(&k, "anything: this interpreter hides its objects")
			       : r;
	r = code ? in->ops->code_slots(in, code, &k.optimized, &k.slots, &k.nslots) : 0;
	if (r)
		return err_set(why, r, "the code object cannot be read");
	r = compile(&k, e->root);
	if (!r)
		r = kexpr_emit(&k, ABI_OP_END, 0, 0);
	interp_slots_free(k.slots, k.nslots);
	return r;
}
