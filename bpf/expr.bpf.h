/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Python expressions in the kernel: a machine that runs the programs of expr_abi.h, one small step at a time, each bounded. Pure: whoever
 * includes this gives it
 *   read_user(), read_loop()   memory and bounded loops (read.bpf.h; a fake memory in the tests)
 *   obj                        the facts, a struct abi_obj
 *   expr_prog()                the program by its number, NULL when there is none
 *   expr_get(), expr_put()     room for an evaluation, NULL when all is in use
 *   expr_write()               the write that is judged (abi.h), NULL when there is none
 *   expr_frame_known()         a word of the frame at that offset, if it has been read before: 1, else 0
 *   expr_cache_at(), EXPR_CACHE_SIZE, expr_process()   what was learnt of classes
 * (expr_maps.bpf.h does in the kernel). The target's memory may hold anything; a step that cannot be taken ends the evaluation.
 *
 * Semantics are Python's: an answer is right, or there is none. Errors: -ENOENT (NameError, AttributeError, KeyError, IndexError), -EINVAL
 * (TypeError), -EFAULT (memory), -EBUSY (no room), -E2BIG (too many steps), -EOPNOTSUPP: only user space can tell, as code of the
 * target would run, or something is larger than what is looked at here.
 */
#ifndef PYBPFDBG_EXPR_BPF_H
#define PYBPFDBG_EXPR_BPF_H

#include "bpf/expr_ops.bpf.h"
#include "bpf/expr_vars.bpf.h"

#define EXPR_STEPS 1024

static __always_inline struct abi_prog *expr_prog(u32 i);
static __always_inline struct expr_state *expr_get(void);
static __always_inline void expr_put(struct expr_state *st);
static __always_inline const struct abi_write *expr_write(void);

/* bool() of the value on top: 1, 0, -errno */
EXPR_FN int expr_top_true(struct expr_state *st, const struct abi_prog *p)
{
	int r;

	if (!st || !p)
		return -EINVAL;
	if (top(st)->kind == EV_BOOL)
		return top(st)->bits != 0;
	r = expr_opnd_of(st, p, &st->a, top(st));
	return r ? r : expr_true(st);
}

static __always_inline int run_junction(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r = expr_top_true(st, p);

	if (r < 0)
		return r;
	if (in->op == ABI_OP_UNLESS) {
		st->sp--;
		if (!r)
			st->pc = in->c;
		return 0;
	}
	if (r == (in->op == ABI_OP_OR))
		st->pc = in->c;
	else
		st->sp--;
	return 0;
}

/* x, y -> y, or False */
static __always_inline int run_chain(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r;

	/* `in` takes steps: it is not compiled into a chain. */
	r = expr_run_cmp(st, p, in->a);
	if (r)
		return r;
	if (top(st)->bits)
		*top(st) = st->stack[st->sp & (ABI_EXPR_STACK - 1)]; /* y: nothing was pushed since */
	else
		st->pc = in->c;
	return 0;
}

static __always_inline int run_attr(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r;

	if (top(st)->kind != EV_OBJ)
		return -EOPNOTSUPP;
	st->exc_name = in->a;
	r = name_key(st, p, in->b);
	if (!r)
		r = expr_attr(st, top(st)->bits);
	return r > 0 ? attr_ready(st) : r;
}

static __always_inline int run_given(struct expr_state *st, const struct abi_insn *in)
{
	const struct abi_write *w = expr_write();
	u64 addr;

	if (!w)
		return -EINVAL;
	addr = in->a ? w->new : w->old;
	if (addr == ABI_WRITE_UNKNOWN)
		return -EOPNOTSUPP;
	return addr ? push(st, EV_OBJ, addr) : -ENOENT;
}

/* One instruction. 0, 1 (the end), -errno */
static __always_inline int expr_insn(struct expr_state *st, const struct abi_prog *p)
{
	const struct abi_insn *in;
	u32 pc;

	pc = st->pc;
	if (pc >= ABI_EXPR_INSNS)
		return -EINVAL;
	asm volatile("" : "+r"(pc)); /* the mask must stay: verifiers up to 6.1 lose what a comparison said of a copy */
	in = &p->insns[pc & (ABI_EXPR_INSNS - 1)];
	st->pc = pc + 1;
	switch (in->op) {
	case ABI_OP_END:
		return 1;
	case ABI_OP_LOCAL:
	case ABI_OP_CELL:
		return run_slot(st, in);
	case ABI_OP_CMP_CONST:
		return run_cmp_const(st, p, in);
	case ABI_OP_CONST:
		return expr_push_const(st, p, in->b);
	case ABI_OP_NAME:
		return run_name(st, p, in);
	case ABI_OP_GLOBAL:
		return expr_global(st, p);
	case ABI_OP_VAR:
		return expr_var(st, p, in->a, in->b);
	case ABI_OP_EXC:
		return expr_exc(st);
	case ABI_OP_ATTR:
		return run_attr(st, p, in);
	case ABI_OP_ITEM:
		return expr_item(st, p);
	case ABI_OP_LEN:
	case ABI_OP_TYPE:
	case ABI_OP_NOT:
	case ABI_OP_NEG:
	case ABI_OP_POS:
		return expr_unary(st, p, in->op);
	case ABI_OP_ADD:
	case ABI_OP_SUB:
	case ABI_OP_MUL:
		return expr_arith(st, p, in->op);
	case ABI_OP_CMP:
		return expr_run_cmp(st, p, in->a);
	case ABI_OP_CHAIN:
		return run_chain(st, p, in);
	case ABI_OP_IN_CONST:
		return run_in_const(st, p, in);
	case ABI_OP_ISINSTANCE:
		return expr_isinstance(st, p, in->a, in->b);
	case ABI_OP_STARTSWITH:
		return run_starts(st, p, in);
	case ABI_OP_JUMP:
		st->pc = in->c;
		return 0;
	case ABI_OP_AND:
	case ABI_OP_OR:
	case ABI_OP_UNLESS:
		return run_junction(st, p, in);
	case ABI_OP_SET_FALSE:
		set_top(st, EV_BOOL, 0);
		return 0;
	case ABI_OP_REQUIRE:
		if (top(st)->kind != EV_OBJ || top(st)->bits != p->consts[in->b & (ABI_EXPR_CONSTS - 1)].bits)
			return -EOPNOTSUPP;
		st->sp--;
		return 0;
	case ABI_OP_GIVEN:
		return run_given(st, in);
	default:
		return -EINVAL;
	}
}

/* The lookup in a dict has ended. */
EXPR_FN int expr_dict_done(struct expr_state *st, const struct abi_prog *p, u32 there)
{
	u64 dict = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	st->phase = PHASE_RUN;
	dict_note(st, there);
	switch (st->then) {
	case THEN_NAME:
		if (!there)
			return 0;
		st->pc = p->insns[(st->pc - 1) & (ABI_EXPR_INSNS - 1)].c;
		return push(st, EV_OBJ, st->found);
	case THEN_GLOBAL:
		if (there)
			return run_global(st, p, there);
		if (read_frame(st, obj.frame_builtins, &dict))
			return -EFAULT;
		dict_begin(st, dict, THEN_BUILTIN);
		return 0;
	case THEN_BUILTIN:
		return run_global(st, p, there);
	case THEN_ITEM:
		if (!there) { /* a __missing__, if it was derived */
			r = expr_look(st, &st->b, st->dict);
			return r ? r : st->b.flags & OPND_EXACT ? -ENOENT : -EOPNOTSUPP;
		}
		st->sp--;
		set_top(st, EV_OBJ, st->found);
		return 0;
	case THEN_IN:
		return answer(st, 2, there != st->negate);
	case THEN_MODULE:
		if (!there)
			return -EOPNOTSUPP; /* it may have a __getattr__ */
		set_top(st, EV_OBJ, st->found);
		return 0;
	case THEN_CLASS:
		if (!there) {
			st->phase = PHASE_MRO;
			return 0;
		}
		r = expr_attr_found(st);
		break;
	case THEN_INSTANCE:
		if (there && st->cached)
			expr_cache_put(st, st->ifound);
		r = there ? 1 : attr_of_class(st);
		break;
	default:
		return -EINVAL;
	}
	return r > 0 ? attr_ready(st) : r;
}

struct expr_run {
	struct expr_state *st;
	struct abi_prog *p;
};

/* One step; 1 ends the loop, with the reason in st->error (0: the result is on the stack). */
static long expr_step(u32 i, void *ctx)
{
	struct expr_run *run = ctx;
	struct expr_state *st = run->st;
	struct abi_prog *p = run->p;
	int r;

	(void)i;
	switch (st->phase) {
	case PHASE_RUN:
		r = expr_insn(st, p);
		if (r == 1) {
			st->error = 0;
			return 1;
		}
		break;
	case PHASE_OPEN:
		r = expr_dict_open(st);
		if (r > 0)
			r = expr_dict_done(st, p, r - 1);
		break;
	case PHASE_KEYS:
		r = expr_dict_keys(st);
		if (r > 0)
			r = expr_dict_done(st, p, r - 1);
		break;
	case PHASE_PROBE:
		r = expr_dict_probe(st, p);
		if (r == -EAGAIN)
			return 0;
		if (r >= 0)
			r = expr_dict_done(st, p, r);
		break;
	case PHASE_KNOWN:
		r = expr_dict_done(st, p, st->known);
		break;
	case PHASE_MRO:
		r = expr_attr_mro(st);
		if (r > 0)
			r = attr_ready(st);
		break;
	case PHASE_SCAN:
		r = expr_scan(st, p);
		break;
	case PHASE_VARS:
		r = expr_var_next(st, p);
		break;
	default:
		r = -EINVAL;
	}
	if (r >= 0)
		return 0;
	st->error = r;
	return 1;
}

/* The value on top, as others see it. */
static __always_inline int expr_result(struct expr_state *st, struct abi_value *ret)
{
	const struct expr_val *v = top(st);

	ret->bits = v->bits;
	switch (v->kind) {
	case EV_OBJ:
		ret->kind = ABI_VALUE_OBJECT;
		return 0;
	case EV_INT:
		ret->kind = ABI_VALUE_INT;
		return 0;
	case EV_BOOL:
		ret->kind = ABI_VALUE_BOOL;
		return 0;
	case EV_FLOAT:
		ret->kind = ABI_VALUE_FLOAT;
		return 0;
	default:
		return -EOPNOTSUPP; /* a text of the program is in no memory of the target */
	}
}

/* Both entries: truth or value. */
EXPR_FN int expr_eval_in(u32 prog, const struct py_frame *f, u32 want_value, struct abi_value *ret)
{
	struct abi_prog *p = expr_prog(prog);
	struct expr_state *st;
	struct expr_run run;
	int r;

	if (!f || !ret || !p)
		return -EINVAL;
	st = expr_get();
	if (!st)
		return -EBUSY;
	st->frame = f->frame;
	st->tstate = f->tstate;
	st->pc = st->sp = st->phase = 0;
	st->named[0].dict = st->named[1].dict = 0;
	st->memo.addr = 0;
	st->error = -E2BIG;
	run.st = st;
	run.p = p;
	read_loop(EXPR_STEPS, expr_step, &run);
	r = st->error;
	if (!r && want_value)
		r = expr_result(st, ret);
	else if (!r)
		r = expr_top_true(st, p);
	expr_put(st);
	return r;
}

/* Is the expression true in this frame? 1, 0, -errno (above) */
static __always_inline int expr_truth(u32 prog, const struct py_frame *f)
{
	struct abi_value unused = { 0 };

	return expr_eval_in(prog, f, 0, &unused);
}

/* What it is, into *ret; 0 or -errno, which is also in ret->error. */
static __always_inline int expr_run(u32 prog, const struct py_frame *f, struct abi_value *ret)
{
	int r;

	ret->kind = ABI_VALUE_NONE;
	ret->bits = 0;
	r = expr_eval_in(prog, f, 1, ret);
	ret->error = r;
	if (r)
		ret->kind = ABI_VALUE_NONE;
	return r;
}

#endif
