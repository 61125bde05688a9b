/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the instructions of expressions do to the stack: names, items, comparisons, classes, arithmetic. Part of expr.bpf.h. */
#ifndef PYBPFDBG_EXPR_OPS_BPF_H
#define PYBPFDBG_EXPR_OPS_BPF_H

#include "bpf/expr_attr.bpf.h"

#define EXPR_SCAN_MAX 128 /* items of a list that are compared */

static __always_inline int expr_frame_known(u64 frame, u32 off, u64 *ret);

/* A word of the frame; 0 or -EFAULT. */
static __always_inline int read_frame(const struct expr_state *st, u32 off, u64 *ret)
{
	if (expr_frame_known(st->frame, off, ret))
		return 0;
	return read_user(ret, 8, st->frame + off) ? -EFAULT : 0;
}

static __always_inline struct expr_val *top(struct expr_state *st)
{
	return &st->stack[(st->sp - 1) & (ABI_EXPR_STACK - 1)];
}

static __always_inline struct expr_val *second(struct expr_state *st)
{
	return &st->stack[(st->sp - 2) & (ABI_EXPR_STACK - 1)];
}

static __always_inline int push(struct expr_state *st, u32 kind, u64 bits)
{
	struct expr_val *v;

	if (st->sp >= ABI_EXPR_STACK)
		return -E2BIG;
	v = &st->stack[st->sp & (ABI_EXPR_STACK - 1)];
	v->kind = kind;
	v->c = 0;
	v->bits = bits;
	st->sp++;
	return 0;
}

static __always_inline int expr_push_const(struct expr_state *st, const struct abi_prog *p, u32 i)
{
	const struct abi_const *c = &p->consts[i & (ABI_EXPR_CONSTS - 1)];
	u32 kind = EV_CONST;
	int r;

	if (c->kind == ABI_CONST_OBJECT)
		kind = EV_OBJ;
	else if (c->kind == ABI_CONST_INT)
		kind = EV_INT;
	else if (c->kind == ABI_CONST_BOOL)
		kind = EV_BOOL;
	else if (c->kind == ABI_CONST_FLOAT)
		kind = EV_FLOAT;
	r = push(st, kind, c->bits);
	if (!r)
		st->stack[(st->sp - 1) & (ABI_EXPR_STACK - 1)].c = i;
	return r;
}

static __always_inline void set_top(struct expr_state *st, u32 kind, u64 bits)
{
	struct expr_val *v = top(st);

	v->kind = kind;
	v->bits = bits;
}

/* The result of a question with two operands, or with n. */
static __always_inline int answer(struct expr_state *st, u32 n, int r)
{
	if (r < 0)
		return r;
	st->sp -= n - 1;
	set_top(st, EV_BOOL, r != 0);
	return 0;
}

/* ---- names ---- */

/* The object in a slot of the frame, 0: none. (3.14+: low bits are tags; both set: no object) */
static __always_inline int read_slot(struct expr_state *st, u32 slot, u64 *ret)
{
	u64 ref;

	if (read_frame(st, obj.frame_slots + 8 * slot, &st->word))
		return -EFAULT;
	ref = st->word;
	if (obj.tag_mask)
		ref = (ref & 3) == 3 ? 0 : ref & ~(u64)obj.tag_mask;
	*ret = ref;
	return 0;
}

/* The object in the cell *ref, 0: none; bare: what is no cell is the object itself. 0 or -EFAULT */
EXPR_FN int expr_read_cell(struct expr_state *st, u32 bare, u64 *ref)
{
	u64 type, content;

	if (!st || !ref)
		return -EINVAL;
	/* What is no cell may be smaller than one, at the end of what is mapped. */
	if (obj.ob_type <= 16 && obj.cell_ref <= 16 && !read_user(st->around, 24, *ref)) {
		type = py_load_u64((const u8 *)st->around + (obj.ob_type & 31));
		content = py_load_u64((const u8 *)st->around + (obj.cell_ref & 31));
	} else {
		if (read_user(&st->word, 8, *ref + obj.ob_type))
			return -EFAULT;
		type = st->word;
		if (type == obj.types[ABI_CLS_CELL] && read_user(&st->word, 8, *ref + obj.cell_ref))
			return -EFAULT;
		content = st->word;
	}
	if (type == obj.types[ABI_CLS_CELL])
		*ref = content;
	else if (!bare)
		*ref = 0;
	return 0;
}

static __always_inline int run_slot(struct expr_state *st, const struct abi_insn *in)
{
	u64 ref = 0;

	if (read_slot(st, in->b, &ref))
		return -EFAULT;
	if (in->op == ABI_OP_CELL && ref && expr_read_cell(st, in->a & 2, &ref))
		return -EFAULT;
	if (ref && in->a & 1)
		st->pc = in->c;
	if (!ref)
		return in->a & 1 ? 0 : -ENOENT;
	return push(st, EV_OBJ, ref);
}

static __always_inline int run_name(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	if (in->a && st->optimized)
		return 0;
	if (read_frame(st, obj.frame_locals, &st->word) || name_key(st, p, in->b))
		return -EFAULT;
	if (st->word)
		dict_begin(st, st->word, THEN_NAME);
	return 0;
}

/* A global was found, or not; it may be one that need not be there. */
static __always_inline int run_global(struct expr_state *st, const struct abi_prog *p, u32 there)
{
	const struct abi_insn *in = &p->insns[(st->pc - 1) & (ABI_EXPR_INSNS - 1)];

	if (!there)
		return in->a ? 0 : -ENOENT;
	if (in->a)
		st->pc = in->c;
	return push(st, EV_OBJ, st->found);
}

/* The global or built-in that the instruction means. 0 or -errno; there may be more steps. */
EXPR_FN int expr_global(struct expr_state *st, const struct abi_prog *p)
{
	int r;

	if (!st || !p)
		return -EINVAL;
	if (read_frame(st, obj.frame_globals, &st->word) || !st->word || name_key(st, p, p->insns[(st->pc - 1) & (ABI_EXPR_INSNS - 1)].b))
		return -EFAULT;
	r = name_known(st, &st->named[0], st->word);
	if (!r)
		dict_begin(st, st->word, THEN_GLOBAL);
	if (r != 1)
		return r > 0 ? run_global(st, p, 1) : r;
	if (read_frame(st, obj.frame_builtins, &st->word))
		return -EFAULT;
	r = name_known(st, &st->named[1], st->word);
	if (!r)
		dict_begin(st, st->word, THEN_BUILTIN);
	return r > 0 ? run_global(st, p, (u32)r - 1) : r;
}

/* ---- items ---- */

/* An index as list and tuple take it. */
static __always_inline int index_of(const struct expr_opnd *key, u64 len, u64 *ret)
{
	s64 i = key->num;

	if (key->cls != ABI_CLS_INT && key->cls != ABI_CLS_BOOL)
		return key->cls == ABI_CLS_OTHER || !(key->flags & OPND_EXACT) ? -EOPNOTSUPP : -EINVAL;
	if (key->flags & OPND_BIG)
		return -ENOENT;
	if (i < 0)
		i += (s64)len;
	if (i < 0 || i >= (s64)len)
		return -ENOENT;
	*ret = (u64)i;
	return 0;
}

/* Is st->b's x[] that of the built-in class? */
static __always_inline int own_subscript(struct expr_state *st)
{
	u64 mapping, fn = 0;

	if (st->b.flags & OPND_EXACT)
		return 0;
	if (expr_class(st, st->b.type))
		return -EFAULT;
	mapping = class_at(st, obj.type_as_mapping);
	if (mapping && read_user(&fn, 8, mapping + obj.mapping_subscript))
		return -EFAULT;
	return fn && fn == obj.subscript[st->b.cls & 15] ? 0 : -EOPNOTSUPP;
}

EXPR_FN int expr_item(struct expr_state *st, const struct abi_prog *p)
{
	u64 i = 0, item = 0;
	u8 byte = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	r = expr_opnd_of(st, p, &st->a, top(st));
	if (!r)
		r = expr_opnd_of(st, p, &st->b, second(st));
	if (!r)
		r = own_subscript(st);
	if (r)
		return r;
	switch (st->b.cls) {
	case ABI_CLS_DICT:
		r = expr_hash(st);
		if (!r)
			dict_begin_b(st, THEN_ITEM);
		return r;
	case ABI_CLS_LIST:
	case ABI_CLS_TUPLE:
		r = index_of(&st->a, st->b.len, &i);
		if (!r && (read_user(&item, 8, st->b.data + 8 * i) || !item))
			r = -EFAULT;
		st->sp--;
		set_top(st, EV_OBJ, item);
		return r;
	case ABI_CLS_BYTES:
		r = st->b.flags & OPND_CONST ? -EOPNOTSUPP : index_of(&st->a, st->b.len, &i);
		if (!r && read_user(&byte, 1, st->b.data + i))
			r = -EFAULT;
		st->sp--;
		set_top(st, EV_INT, byte);
		return r;
	case ABI_CLS_INT:
	case ABI_CLS_BOOL:
	case ABI_CLS_FLOAT:
	case ABI_CLS_NONE:
	case ABI_CLS_SET:
	case ABI_CLS_FROZENSET:
		return st->b.flags & OPND_EXACT && !(st->a.flags & OPND_BIG) ? -EINVAL : -EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- comparisons ---- */

/* The object that a value is, as far as there is one of it only; 0: not known. */
static __always_inline u64 identity(const struct expr_val *v)
{
	if (v->kind == EV_OBJ)
		return v->bits;
	if (v->kind == EV_BOOL)
		return v->bits ? obj.true_ : obj.false_;
	return 0;
}

static __always_inline int is_same(struct expr_state *st, const struct abi_prog *p)
{
	u64 x = identity(second(st)), y = identity(top(st));
	int r;

	if (x && y)
		return x == y;
	/* Small ints are singletons (-5 .. 256 in all versions). */
	r = expr_opnd_of(st, p, &st->a, second(st));
	if (!r)
		r = expr_opnd_of(st, p, &st->b, top(st));
	if (r)
		return r;
	if (st->a.cls != st->b.cls)
		return 0;
	if (st->a.cls != ABI_CLS_INT || (st->a.flags | st->b.flags) & OPND_BIG || !(st->a.flags & st->b.flags & OPND_EXACT))
		return -EOPNOTSUPP;
	if (st->a.num != st->b.num)
		return 0;
	return st->a.num >= -5 && st->a.num <= 256 ? 1 : -EOPNOTSUPP;
}

/* Begin `x in y`. 0: more steps, or the answer is on the stack */
static __always_inline int run_in(struct expr_state *st, const struct abi_prog *p, u32 negate)
{
	int r = expr_opnd_of(st, p, &st->a, second(st));

	if (!r)
		r = expr_opnd_of(st, p, &st->b, top(st));
	if (r)
		return r;
	st->negate = negate;
	if (!(st->b.flags & OPND_EXACT))
		return -EOPNOTSUPP;
	switch (st->b.cls) {
	case ABI_CLS_DICT:
		r = expr_hash(st);
		if (!r)
			dict_begin_b(st, THEN_IN);
		return r;
	case ABI_CLS_LIST:
	case ABI_CLS_TUPLE:
		st->items = st->b.data;
		st->nitems = st->b.len;
		st->iitem = 0;
		st->phase = PHASE_SCAN;
		return 0;
	case ABI_CLS_INT:
	case ABI_CLS_BOOL:
	case ABI_CLS_FLOAT:
	case ABI_CLS_NONE:
		return -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

/* The next item of the list in which st->a is looked for. */
EXPR_FN int expr_scan(struct expr_state *st, const struct abi_prog *p)
{
	u64 item = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	if (st->iitem >= st->nitems) {
		st->phase = PHASE_RUN;
		return answer(st, 2, st->negate != 0);
	}
	if (st->iitem >= EXPR_SCAN_MAX)
		return -EOPNOTSUPP;
	if (read_user(&item, 8, st->items + 8 * st->iitem++))
		return -EFAULT;
	if (!st->a.addr || item != st->a.addr) {
		r = expr_look(st, &st->b, item);
		if (!r)
			r = expr_compare(st, p, ABI_CMP_EQ);
		if (r <= 0)
			return r;
	}
	st->phase = PHASE_RUN;
	return answer(st, 2, !st->negate);
}

EXPR_FN int expr_run_cmp(struct expr_state *st, const struct abi_prog *p, u32 op)
{
	int r;

	if (!st || !p)
		return -EINVAL;
	if (op == ABI_CMP_IN || op == ABI_CMP_NOT_IN)
		return run_in(st, p, op == ABI_CMP_NOT_IN);
	if (op == ABI_CMP_IS || op == ABI_CMP_IS_NOT) {
		r = is_same(st, p);
		return answer(st, 2, r < 0 ? r : r == (op == ABI_CMP_IS));
	}
	r = expr_opnd_of(st, p, &st->a, second(st));
	if (!r)
		r = expr_opnd_of(st, p, &st->b, top(st));
	if (!r)
		r = expr_compare(st, p, op);
	return answer(st, 2, r);
}

/* x -> x op constant */
static __always_inline int run_cmp_const(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r = expr_opnd_of(st, p, &st->a, top(st));

	if (!r)
		r = expr_const_opnd(p, in->b, &st->b);
	if (!r)
		r = expr_compare(st, p, in->a);
	return answer(st, 1, r);
}

static __always_inline int run_in_const(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r = expr_opnd_of(st, p, &st->a, top(st));

	if (!r)
		r = expr_const_opnd(p, in->b, &st->b);
	/* (a set is looked for as if it were a frozenset) */
	if (!r && in->a && (st->a.cls == ABI_CLS_LIST || st->a.cls == ABI_CLS_DICT))
		r = st->a.flags & OPND_EXACT ? -EINVAL : -EOPNOTSUPP;
	if (!r && in->a && st->a.cls == ABI_CLS_TUPLE)
		r = -EOPNOTSUPP; /* what it holds may not be hashable */
	if (!r)
		r = expr_compare(st, p, ABI_CMP_EQ);
	if (r <= 0)
		return r;
	set_top(st, EV_BOOL, 1);
	st->pc = in->c;
	return 0;
}

/* ---- classes ---- */

static __always_inline int class_of(const struct abi_prog *p, const struct expr_val *v, u64 *ret)
{
	const struct abi_const *c;

	switch (v->kind) {
	case EV_OBJ:
		return read_user(ret, 8, v->bits + obj.ob_type) ? -EFAULT : 0;
	case EV_INT:
		*ret = obj.types[ABI_CLS_INT];
		return 0;
	case EV_BOOL:
		*ret = obj.types[ABI_CLS_BOOL];
		return 0;
	case EV_FLOAT:
		*ret = obj.types[ABI_CLS_FLOAT];
		return 0;
	case EV_CONST:
		c = &p->consts[v->c & (ABI_EXPR_CONSTS - 1)];
		*ret = obj.types[c->kind == ABI_CONST_STR ? ABI_CLS_STR : ABI_CLS_BYTES];
		return 0;
	default:
		return -EINVAL;
	}
}

/* The attribute that was looked for is in st->found; or isinstance() has found that there is nothing more to ask. */
EXPR_FN int expr_isinstance_note(struct expr_state *st, u32 hit);

static __always_inline int attr_ready(struct expr_state *st)
{
	if (st->ninstance) {
		expr_isinstance_note(st, 0);
		return answer(st, st->ninstance, 0);
	}
	set_top(st, EV_OBJ, st->found);
	return 0;
}

/* Is a class among the bases in st->chunk? */
EXPR_FN int expr_is_base(struct expr_state *st, u64 type)
{
	if (!st)
		return 0;
	for (u32 i = 0; i < 16; i++)
		if (st->chunk[i] == type)
			return 1;
	return 0;
}

/* What T is to isinstance(): 1 a class that answers by its bases, 0 of another kind. */
static __always_inline int is_plain_class(struct expr_state *st, const struct expr_val *v)
{
	return v->kind == EV_OBJ && !read_user(&st->word, 8, v->bits + obj.ob_type) && st->word == obj.types[ABI_CLS_TYPE];
}

/* One of the built-in classes that are told apart: its bases do not change (Objects/typeobject.c, type_set_bases). */
#define STATIC_VERSION (~0u) /* of those it need not be read */
static __always_inline int is_static_class(u64 type)
{
	for (u32 i = 1; i < ABI_CLS_MAX; i++)
		if (type == obj.types[i])
			return 1;
	return 0;
}

/*
 * The T of isinstance(x, T), if what it answers depends on x's class only, until that class has another version; 0: not so. A class
 * made by the program can have gone and another one be there, of a metaclass that answers itself: that is looked at each time.
 */
static __always_inline u64 isinstance_key(struct expr_state *st)
{
	const struct expr_val *v = top(st);

	if (v->kind != EV_OBJ)
		return 0;
	return is_static_class(v->bits) || is_plain_class(st, v) ? v->bits : 0;
}

/* isinstance() of an instance of the class was asked before: 1, 0; 2: it was not; the class is read; -EFAULT. single: there is one T. */
EXPR_FN int expr_isinstance_known(struct expr_state *st, u64 type, u32 single)
{
	u64 index;
	int is_static;

	if (!st || type & 7)
		return -EFAULT;
	st->cls = type;
	st->asked = single ? isinstance_key(st) : 0;
	st->hash = st->asked;
	is_static = st->asked && is_static_class(type);
	st->version = STATIC_VERSION;
	if (st->asked && (is_static ? cache_get(st, &index) : cache_holds(st, &index)) &&
	    (st->what == DESCR_DERIVED || st->what == DESCR_OTHER))
		return st->what == DESCR_DERIVED;
	if (expr_class(st, type))
		return -EFAULT;
	class_version(st);
	if (is_static)
		st->version = STATIC_VERSION;
	return 2;
}

/* It was found out. */
EXPR_FN int expr_isinstance_note(struct expr_state *st, u32 hit)
{
	if (!st || !st->asked)
		return 0;
	st->hash = st->asked;
	st->what = hit ? DESCR_DERIVED : DESCR_OTHER;
	expr_cache_put(st, ~0ull);
	st->asked = 0;
	return 0;
}

/*
 * x, T1 .. Tn -> isinstance(x, (T1, .. Tn)). A class that says of its instances what they are (__class__, __instancecheck__) is left
 * to user space; for what is derived it need not be asked.
 */
EXPR_FN int expr_isinstance(struct expr_state *st, const struct abi_prog *p, u32 n, u32 name)
{
	u64 type, count;
	int hit = 0, r;

	if (!st || !p || n == 0 || n > ABI_EXPR_MANY || st->sp <= n)
		return -EINVAL;
	if (class_of(p, &st->stack[(st->sp - n - 1) & (ABI_EXPR_STACK - 1)], &st->word))
		return -EFAULT;
	type = st->word;
	/* (Objects/abstract.c, object_recursive_isinstance: an instance of T itself is one, before T is asked) */
	if (n == 1 && top(st)->kind == EV_OBJ && top(st)->bits == type)
		return answer(st, 2, 1);
	r = expr_isinstance_known(st, type, n == 1);
	if (r != 2)
		return answer(st, 2, r);
	st->mro = class_at(st, obj.type_mro);
	if (!st->mro || read_user(&st->word, 8, st->mro + obj.ob_size))
		return -EFAULT;
	count = st->word;
	if (count > 16)
		return -EOPNOTSUPP;
	for (u32 i = 0; i < 16; i++)
		st->chunk[i] = 0;
	if (count && read_user(st->chunk, (8 * count) & 255, st->mro + obj.tuple_items))
		return -EFAULT;
	EXPR_ROLLED
	for (u32 k = 0; k < ABI_EXPR_MANY && k < n && !hit; k++) {
		const struct expr_val *v = &st->stack[(st->sp - n + k) & (ABI_EXPR_STACK - 1)];

		if (v->kind == EV_OBJ && v->bits == type)
			hit = 1;
		else if (!is_plain_class(st, v))
			return -EOPNOTSUPP;
		else
			hit = expr_is_base(st, v->bits);
	}
	if (hit || !(class_at(st, obj.type_flags) & 1u << 9)) {
		expr_isinstance_note(st, (u32)hit);
		return answer(st, n + 1, hit);
	}
	r = name_key(st, p, name);
	if (!r)
		r = expr_attr_ask(st, type, n + 1);
	return r > 0 ? attr_ready(st) : r;
}

/* ---- arithmetic ---- */

static __always_inline int mul_overflows(s64 x, s64 y)
{
	u64 a = x < 0 ? -(u64)x : (u64)x, b = y < 0 ? -(u64)y : (u64)y;

	return b && a > ((1ull << 63) - 1) / b;
}

static __always_inline int int_arith(u32 op, s64 x, s64 y, s64 *ret)
{
	u64 sum;

	if (op == ABI_OP_MUL) {
		if (mul_overflows(x, y))
			return -EOPNOTSUPP;
		*ret = x * y;
		return 0;
	}
	if (op == ABI_OP_SUB) {
		sum = (u64)x - (u64)y;
		*ret = (s64)sum;
		return (x < 0) != (y < 0) && ((s64)sum < 0) != (x < 0) ? -EOPNOTSUPP : 0;
	}
	sum = (u64)x + (u64)y;
	*ret = (s64)sum;
	return (x < 0) == (y < 0) && ((s64)sum < 0) != (x < 0) ? -EOPNOTSUPP : 0;
}

/* None and numbers: what do they say to + - * ? */
static __always_inline int arith_refused(const struct expr_opnd *a, const struct expr_opnd *b)
{
	if ((a->cls == ABI_CLS_NONE || is_number(a)) && (b->cls == ABI_CLS_NONE || is_number(b)) && a->flags & b->flags & OPND_EXACT)
		return -EINVAL;
	return -EOPNOTSUPP;
}

EXPR_FN int expr_arith(struct expr_state *st, const struct abi_prog *p, u32 op)
{
	const struct expr_opnd *a, *b;
	s64 num = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	a = &st->a;
	b = &st->b;
	r = expr_opnd_of(st, p, &st->a, second(st));
	if (!r)
		r = expr_opnd_of(st, p, &st->b, top(st));
	if (r)
		return r;
	if (!is_number(a) || !is_number(b))
		return arith_refused(a, b);
	if (!(a->flags & b->flags & OPND_EXACT) || (a->flags | b->flags) & OPND_BIG)
		return -EOPNOTSUPP;
	if (a->cls == ABI_CLS_FLOAT || b->cls == ABI_CLS_FLOAT)
		return -EOPNOTSUPP;
	r = int_arith(op, a->num, b->num, &num);
	st->sp--;
	set_top(st, EV_INT, (u64)num);
	return r;
}

EXPR_FN int expr_unary(struct expr_state *st, const struct abi_prog *p, u32 op)
{
	const struct expr_opnd *a;
	u64 len = 0, type = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	a = &st->a;
	if (op == ABI_OP_TYPE) {
		r = class_of(p, top(st), &type);
		set_top(st, EV_OBJ, type);
		return r;
	}
	r = expr_opnd_of(st, p, &st->a, top(st));
	if (r)
		return r;
	if (op == ABI_OP_NOT) {
		r = expr_true(st);
		return answer(st, 1, r < 0 ? r : !r);
	}
	if (op == ABI_OP_LEN) {
		r = expr_len(st, &len);
		set_top(st, EV_INT, len);
		return r;
	}
	if (!is_number(a))
		return a->cls == ABI_CLS_OTHER || !(a->flags & OPND_EXACT) ? -EOPNOTSUPP : -EINVAL;
	if (!(a->flags & OPND_EXACT) || a->flags & OPND_BIG)
		return -EOPNOTSUPP;
	if (a->cls == ABI_CLS_FLOAT) {
		set_top(st, EV_FLOAT, (u64)a->num ^ (op == ABI_OP_NEG ? FLOAT_SIGN : 0));
		return 0;
	}
	if (op == ABI_OP_NEG && a->num == (s64)(1ull << 63))
		return -EOPNOTSUPP;
	set_top(st, EV_INT, (u64)(op == ABI_OP_NEG ? -a->num : a->num));
	return 0;
}

static __always_inline int run_starts(struct expr_state *st, const struct abi_prog *p, const struct abi_insn *in)
{
	int r = expr_opnd_of(st, p, &st->a, top(st));

	if (!r)
		r = expr_const_opnd(p, in->b, &st->b);
	if (r)
		return r;
	/* Of anything else the method is its own, if there is one. */
	if (st->a.cls != st->b.cls || !(st->a.flags & OPND_EXACT))
		return st->a.cls == ABI_CLS_OTHER || is_text(&st->a) || !(st->a.flags & OPND_EXACT) ? -EOPNOTSUPP : -ENOENT;
	return answer(st, 1, starts_with(st, p));
}

#endif
