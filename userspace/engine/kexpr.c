// SPDX-License-Identifier: BSD-2-Clause
/* Syntax trees into programs for the kernel. */
#include "engine/kexpr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/kexpr_priv.h"
#include "probes/probe.h"
#include "probes/value.h"

#define HEIGHT_MAX 100

static int compile(struct kexpr *k, uint32_t index);

int kexpr_refuse(struct kexpr *k, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(k->why, -EOPNOTSUPP, "%s", text);
}

static const struct expr_node *node_at(const struct kexpr *k, uint32_t index)
{
	return &k->e->nodes.data[index];
}

static uint32_t kid(const struct kexpr *k, const struct expr_node *n, uint32_t i)
{
	return k->e->kids.data[n->first + i];
}

/* ---- instructions ---- */

/* What an instruction does to the height of the stack. */
static int effect(enum abi_expr_op op, unsigned a)
{
	switch (op) {
	case ABI_OP_CONST:
	case ABI_OP_GLOBAL:
	case ABI_OP_EXC:
	case ABI_OP_GIVEN:
		return 1;
	case ABI_OP_LOCAL:
	case ABI_OP_CELL:
		return !(a & 1); /* where it goes on, nothing was pushed */
	case ABI_OP_ITEM:
	case ABI_OP_ADD:
	case ABI_OP_SUB:
	case ABI_OP_MUL:
	case ABI_OP_CMP:
	case ABI_OP_CHAIN:
	case ABI_OP_AND:
	case ABI_OP_OR:
	case ABI_OP_UNLESS:
		return -1;
	case ABI_OP_REQUIRE:
		return -1;
	case ABI_OP_ISINSTANCE:
		return -(int)a;
	default:
		return 0;
	}
}

static int emit_to(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b, uint32_t *ret_at)
{
	uint32_t at = k->p->ninsns;

	if (at == ABI_EXPR_INSNS)
		return kexpr_refuse(k, "the expression is too long (%d steps)", ABI_EXPR_INSNS);
	if (b > UINT16_MAX)
		return kexpr_refuse(k, "a function with more than %d variables", UINT16_MAX);
	k->p->insns[at] = (struct abi_insn){ .op = (uint8_t)op, .a = (uint8_t)a, .b = (uint16_t)b };
	k->p->ninsns++;
	k->depth = (unsigned)((int)k->depth + effect(op, a));
	if (k->depth > ABI_EXPR_STACK)
		return kexpr_refuse(k, "the expression is nested too deeply");
	if (ret_at)
		*ret_at = at;
	return 0;
}

static int emit(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b)
{
	return emit_to(k, op, a, b, NULL);
}

/* Let the jumps from `from` on that lead nowhere yet lead to the next instruction. */
static void land(struct kexpr *k, const uint32_t *jumps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		k->p->insns[jumps[i]].c = k->p->ninsns;
}

/* ---- names ---- */

/* The global or built-in, after what was looked at in slots; `local`: it must have been there. */
static int emit_global(struct kexpr *k, const char *name)
{
	uint32_t c;
	int r = kexpr_text(k, name, &c);

	return r ? r : emit(k, ABI_OP_GLOBAL, 0, c);
}

/* The same name in a frame of any code, or the exception that is raised there (see
 * expr_scope.tstate), or what is written. */
static int emit_any_name(struct kexpr *k, const char *name)
{
	bool may_be_exc = !k->write && !strcmp(name, "exc");
	unsigned depth = k->depth;
	uint32_t jumps[4], c;
	int r;

	if (k->write && (!strcmp(name, "old") || !strcmp(name, "new")))
		return emit(k, ABI_OP_GIVEN, name[0] == 'n', 0);
	if (!k->write && !strcmp(name, "__exception__"))
		return emit(k, ABI_OP_EXC, 0, 0);
	r = kexpr_text(k, name, &c);
	if (!r)
		r = emit_to(k, ABI_OP_VAR, 0, c, &jumps[0]);
	if (!r)
		r = emit_to(k, ABI_OP_NAME, 1, c, &jumps[1]);
	if (!r)
		r = emit_to(k, ABI_OP_VAR, ABI_VAR_CELL | (may_be_exc ? ABI_VAR_SOFT : 0), c,
			    &jumps[2]);
	if (!r)
		r = emit_to(k, ABI_OP_GLOBAL, may_be_exc, c, &jumps[3]);
	if (!r && may_be_exc)
		r = emit(k, ABI_OP_EXC, 0, 0);
	if (r)
		return r;
	land(k, jumps, may_be_exc ? 4 : 3);
	k->depth = depth + 1;
	return 0;
}

/*
 * As find_name() of expr_eval.c: the slots by that name, of which one at most is bound, then the
 * frame's dict of locals, then the cells, then globals and built-ins. In a function the first three
 * hide the last.
 */
static int emit_name(struct kexpr *k, const char *name)
{
	uint32_t jumps[ABI_EXPR_INSNS], c;
	size_t n = 0, last = 0;
	unsigned depth = k->depth;
	int r = 0;

	if (!k->code)
		return emit_any_name(k, name);
	for (size_t i = 0; i < k->nslots; i++)
		if (!strcmp(k->slots[i].name, name))
			last = i + 1;
	for (int cells = 0; cells < 2 && !r; cells++) {
		if (cells && !k->optimized) {
			r = kexpr_text(k, name, &c);
			if (!r)
				r = emit_to(k, ABI_OP_NAME, 0, c, &jumps[n++]);
		}
		for (size_t i = 0; i < k->nslots && !r; i++) {
			const struct interp_slot *s = &k->slots[i];

			if ((s->kind != VAR_LOCAL) != cells || strcmp(s->name, name))
				continue;
			if (n == ABI_EXPR_INSNS)
				return kexpr_refuse(k, "the name %s is too many variables", name);
			r = emit_to(k, cells ? ABI_OP_CELL : ABI_OP_LOCAL,
				    1u | (s->maybe_bare ? 2u : 0), s->slot, &jumps[n++]);
		}
	}
	if (r)
		return r;
	if (last && k->optimized) /* the last one must be bound */
		k->p->insns[jumps[--n]].a &= (uint8_t)~1u;
	else
		r = emit_global(k, name);
	land(k, jumps, n);
	k->depth = depth + 1;
	return r;
}

/* A built-in function is meant by its name: the program's own is not. (At a write there is only the
 * first.) */
static int emit_require(struct kexpr *k, const char *name)
{
	uint64_t addr;
	uint32_t c;
	int r = k->in->ops->dict_get(k->in, k->builtins, name, &addr);

	if (r)
		return kexpr_refuse(k, "the call %s(...): it is not among the built-in functions",
				    name);
	r = kexpr_object(k, addr, &c);
	if (!r)
		r = emit_name(k, name);
	return r ? r : emit(k, ABI_OP_REQUIRE, 0, c);
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
			r = emit_to(k, ABI_OP_IN_CONST, n->kind == NODE_SET, c, &jumps[i]);
		if (r)
			return r;
	}
	r = emit(k, ABI_OP_SET_FALSE, 0, 0);
	land(k, jumps, n->n);
	return r || !negate ? r : emit(k, ABI_OP_NOT, 0, 0);
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
				r = emit(k, ABI_OP_CMP_CONST, comparisons[i].cmp, c);
			return r;
		}
		r = constant(k, left, &c);
		if (r <= 0) {
			r = r ? r : compile(k, right);
			if (!r)
				r = emit(k, ABI_OP_CMP_CONST, comparisons[i].mirrored, c);
			return r;
		}
	}
	r = compile(k, left);
	if (!r)
		r = compile(k, right);
	return r ? r : emit(k, ABI_OP_CMP, comparisons[i].cmp, 0);
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
			r = emit(k, ABI_OP_CMP, comparisons[i].cmp, 0);
		else if (njumps < ABI_EXPR_INSNS)
			r = emit_to(k, ABI_OP_CHAIN, comparisons[i].cmp, 0, &jumps[njumps++]);
	}
	if (!r)
		land(k, jumps, njumps);
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
			r = emit_to(k, op, 0, 0, &jumps[i]);
	}
	if (!r)
		land(k, jumps, n->n - 1);
	return r;
}

static int compile_if(struct kexpr *k, const struct expr_node *n)
{
	uint32_t unless, over;
	int r = compile(k, kid(k, n, 0));

	if (!r)
		r = emit_to(k, ABI_OP_UNLESS, 0, 0, &unless);
	if (!r)
		r = compile(k, kid(k, n, 1));
	if (!r)
		r = emit_to(k, ABI_OP_JUMP, 0, 0, &over);
	if (r)
		return r;
	land(k, &unless, 1);
	k->depth--;
	r = compile(k, kid(k, n, 2));
	land(k, &over, 1);
	return r;
}

static int compile_unary(struct kexpr *k, const struct expr_node *n, uint32_t index)
{
	uint32_t c;
	int r = constant(k, index, &c);

	if (r <= 0)
		return r ? r : emit(k, ABI_OP_CONST, 0, c);
	if (n->op == OP_INVERT)
		return kexpr_refuse(k, "the operator ~");
	r = compile(k, kid(k, n, 0));
	return r ? r
		 : emit(k,
			n->op == OP_NOT	  ? ABI_OP_NOT
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
		 : emit(k,
			n->op == OP_ADD	  ? ABI_OP_ADD
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
	return r ? r : emit(k, ABI_OP_ATTR, exc_name(n->name), c);
}

static int compile_item(struct kexpr *k, const struct expr_node *n)
{
	int r;

	if (node_at(k, kid(k, n, 1))->kind == NODE_SLICE)
		return kexpr_refuse(k, "a slice");
	r = compile(k, kid(k, n, 0));
	if (!r)
		r = compile(k, kid(k, n, 1));
	return r ? r : emit(k, ABI_OP_ITEM, 0, 0);
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
	return r ? r : emit(k, ABI_OP_ISINSTANCE, many, c);
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
	r = emit_require(k, n->name);
	if (r)
		return r;
	if (is_instance)
		return compile_isinstance(k, n);
	r = compile(k, kid(k, n, 0));
	if (!r && is_bool)
		r = emit(k, ABI_OP_NOT, 0, 0);
	return r ? r : emit(k, is_bool ? ABI_OP_NOT : is_len ? ABI_OP_LEN : ABI_OP_TYPE, 0, 0);
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
	return r ? r : emit(k, ABI_OP_STARTSWITH, 0, c);
}

/* ---- the whole ---- */

static int compile_node(struct kexpr *k, const struct expr_node *n, uint32_t index)
{
	uint32_t c;
	int r;

	switch (n->kind) {
	case NODE_CONST:
		r = kexpr_const(k, n->value, &c);
		return r ? r : emit(k, ABI_OP_CONST, 0, c);
	case NODE_NAME:
		return emit_name(k, n->name);
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
		r = emit(&k, ABI_OP_END, 0, 0);
	interp_slots_free(k.slots, k.nslots);
	return r;
}
