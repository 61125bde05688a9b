/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Comparisons and arithmetic of expressions, as the built-in classes do them. Part of expr.bpf.h. */
#ifndef PYBPFDBG_EXPR_CMP_BPF_H
#define PYBPFDBG_EXPR_CMP_BPF_H

#include "bpf/expr_val.bpf.h"

#define CMP_UNORDERED 2
#define FLOAT_SIGN (1ull << 63)
#define FLOAT_INF (0x7ffull << 52)

static __always_inline int is_nan(u64 bits)
{
	return (bits & ~FLOAT_SIGN) > FLOAT_INF;
}

static __always_inline int sign_of(s64 a, s64 b)
{
	return (a > b) - (a < b);
}

/* There is no floating point in the kernel: doubles are ordered as sign and magnitude. */
static __always_inline int cmp_floats(u64 a, u64 b)
{
	s64 x = (s64)(a & ~FLOAT_SIGN), y = (s64)(b & ~FLOAT_SIGN);

	if (is_nan(a) || is_nan(b))
		return CMP_UNORDERED;
	return sign_of(a & FLOAT_SIGN ? -x : x, b & FLOAT_SIGN ? -y : y);
}

/* An int with a double, exactly; big: i is the sign of an int beyond 64 bits. */
static __always_inline int cmp_int_float(s64 i, int big, u64 f)
{
	u64 mag = f & ~FLOAT_SIGN, m, whole, rest;
	int neg = f >> 63, e = (int)(mag >> 52) - 1075;
	s64 t;

	if (is_nan(f))
		return CMP_UNORDERED;
	if (mag == FLOAT_INF)
		return neg ? 1 : -1;
	m = (mag & ((1ull << 52) - 1)) | (mag >> 52 ? 1ull << 52 : 0);
	if (e >= 11) { /* 2^63 and beyond */
		if (big)
			return (i < 0) != neg ? (i < 0 ? -1 : 1) : -EOPNOTSUPP;
		if (neg && e == 11 && m == 1ull << 52)
			return i > (s64)(1ull << 63);
		return neg ? 1 : -1;
	}
	if (big)
		return i < 0 ? -1 : 1;
	if (e >= 0) {
		whole = m << e;
		rest = 0;
	} else if (e > -53) {
		whole = m >> -e;
		rest = m & ((1ull << -e) - 1);
	} else {
		whole = 0;
		rest = m;
	}
	t = (s64)(neg ? -whole : whole);
	if (i != t || !rest)
		return sign_of(i, t);
	return neg ? 1 : -1;
}

/* -1, 0, 1, CMP_UNORDERED; -EOPNOTSUPP */
static __always_inline int cmp_numbers(const struct expr_opnd *a, const struct expr_opnd *b)
{
	int r;

	if (a->cls == ABI_CLS_FLOAT && b->cls == ABI_CLS_FLOAT)
		return cmp_floats((u64)a->num, (u64)b->num);
	if (b->cls == ABI_CLS_FLOAT)
		return cmp_int_float(a->num, a->flags & OPND_BIG, (u64)b->num);
	if (a->cls == ABI_CLS_FLOAT) {
		r = cmp_int_float(b->num, b->flags & OPND_BIG, (u64)a->num);
		return r == CMP_UNORDERED || r == -EOPNOTSUPP ? r : -r;
	}
	if (a->flags & b->flags & OPND_BIG)
		return a->addr == b->addr ? 0 : a->num != b->num ? (int)a->num : -EOPNOTSUPP;
	if (a->flags & OPND_BIG)
		return (int)a->num;
	if (b->flags & OPND_BIG)
		return -(int)b->num;
	return sign_of(a->num, b->num);
}

static __always_inline int holds(u32 op, int c)
{
	switch (op) {
	case ABI_CMP_LT:
		return c == -1;
	case ABI_CMP_LE:
		return c == -1 || c == 0;
	case ABI_CMP_EQ:
		return c == 0;
	case ABI_CMP_NE:
		return c != 0;
	case ABI_CMP_GT:
		return c == 1;
	default:
		return c == 1 || c == 0;
	}
}

/* The first n bytes of a text into buf, or as many as are looked at; what follows them there means nothing. */
EXPR_FN int expr_load_text(const struct abi_prog *p, const struct expr_opnd *o, u64 n, struct expr_text *buf)
{
	u32 at;

	if (!p || !o || !buf)
		return -EINVAL;
	at = o->text & (ABI_EXPR_POOL - 1) & ~7u;
	if (o->flags & OPND_CONST) {
		EXPR_ROLLED
		for (u32 i = 0; i < ABI_EXPR_TEXT / 8; i++)
			buf->words[i] = *(const u64 *)(p->pool + ((at + i * 8) & (ABI_EXPR_POOL - 8)));
		return 0;
	}
	/* A short text lies within what was read of the object. */
	if (o->data - o->addr <= sizeof(o->head) && o->data - o->addr + n <= o->have && !(o->data & 7)) {
		at = (u32)(o->data - o->addr) / 8;
		for (u32 i = 0; i < 3; i++)
			buf->words[i] = o->head[(at + i) & 7];
		if (n <= 24)
			return 0;
	}
	if (n >= ABI_EXPR_TEXT)
		return read_user_by_helper(buf, ABI_EXPR_TEXT, o->data) ? -EFAULT : 0;
	if (!n)
		return 0;
	return read_user_by_helper(buf, n & (ABI_EXPR_TEXT - 1), o->data) ? -EFAULT : 0;
}

static __always_inline u32 char_at(const struct expr_text *buf, u32 i, u32 width)
{
	const u8 *c = (const u8 *)buf->words;

	if (width == 1)
		return c[i & (ABI_EXPR_TEXT - 1)];
	if (width == 2)
		return *(const __u16 *)(c + ((i * 2) & (ABI_EXPR_TEXT - 2)));
	return *(const u32 *)(c + ((i * 4) & (ABI_EXPR_TEXT - 4)));
}

/* Are the first n bytes of both the same? (the texts have the same width) 1, 0, -errno */
static __always_inline int same_bytes(struct expr_state *st, const struct abi_prog *p, u64 n)
{
	if (expr_load_text(p, &st->a, n, &st->ta) || expr_load_text(p, &st->b, n, &st->tb))
		return -EFAULT;
	for (u32 i = 0; i < ABI_EXPR_TEXT / 8; i++) {
		u64 diff = st->ta.words[i] ^ st->tb.words[i];

		if (i * 8 + 8 > n)
			return !(n > i * 8 && diff << (64 - 8 * (n - i * 8)));
		if (diff)
			return 0;
	}
	return n > ABI_EXPR_TEXT ? -EOPNOTSUPP : 1;
}

/* Texts in st->a and st->b: equal? */
static __always_inline int expr_same_text(struct expr_state *st, const struct abi_prog *p)
{
	if (!st || !p)
		return -EINVAL;
	if (st->a.addr && st->a.addr == st->b.addr)
		return 1;
	/* A str is kept in the narrowest form that holds it. */
	if (st->a.len != st->b.len || st->a.width != st->b.width)
		return 0;
	return same_bytes(st, p, st->a.len * st->a.width);
}

/* One pair of characters; ctx: struct expr_state **. 1 ends. */
static long order_step(u32 i, void *ctx)
{
	struct expr_state *st = *(struct expr_state **)ctx;
	u32 x, y;

	if (i >= st->a.len || i >= st->b.len)
		return 1;
	st->order = -EOPNOTSUPP;
	if ((i + 1) * st->a.width > ABI_EXPR_TEXT || (i + 1) * st->b.width > ABI_EXPR_TEXT)
		return 1;
	x = char_at(&st->ta, i, st->a.width);
	y = char_at(&st->tb, i, st->b.width);
	st->order = x == y ? 0 : x < y ? -1 : 1;
	return st->order != 0;
}

/* st->a with st->b by code points: -1, 0 (one begins with the other), 1; -EOPNOTSUPP when what is looked at ends first. */
EXPR_FN int expr_order_text(struct expr_state *st, const struct abi_prog *p)
{
	if (!st || !p)
		return -EINVAL;
	if (expr_load_text(p, &st->a, st->a.len * st->a.width, &st->ta) ||
	    expr_load_text(p, &st->b, st->b.len * st->b.width, &st->tb))
		return -EFAULT;
	st->order = 0;
	read_loop(ABI_EXPR_TEXT + 1, order_step, &st);
	return st->order;
}

/* Does st->a begin with st->b? */
static __always_inline int starts_with(struct expr_state *st, const struct abi_prog *p)
{
	int r;

	if (st->a.len < st->b.len)
		return 0;
	/* In a wider str every character of the prefix may still be a narrow one. */
	r = expr_order_text(st, p);
	return r < -1 ? r : r == 0;
}

static __always_inline int is_text(const struct expr_opnd *o)
{
	return o->cls == ABI_CLS_STR || o->cls == ABI_CLS_BYTES;
}

static __always_inline int is_set(const struct expr_opnd *o)
{
	return o->cls == ABI_CLS_SET || o->cls == ABI_CLS_FROZENSET;
}

/* st->a op st->b, of operands that were looked at: 1, 0, -EINVAL (TypeError), -EOPNOTSUPP, -EFAULT. op: up to GE */
EXPR_FN int expr_compare(struct expr_state *st, const struct abi_prog *p, u32 op)
{
	const struct expr_opnd *a, *b;
	int r;

	if (!st || !p)
		return -EINVAL;
	a = &st->a;
	b = &st->b;
	if ((a->flags | b->flags) & OPND_OWN)
		return -EOPNOTSUPP;
	if (is_number(a) && is_number(b)) {
		r = cmp_numbers(a, b);
		return r == -EOPNOTSUPP ? r : holds(op, r);
	}
	if (is_text(a) && a->cls == b->cls) {
		if (op == ABI_CMP_EQ || op == ABI_CMP_NE) {
			r = expr_same_text(st, p);
			return r < 0 ? r : r == (op == ABI_CMP_EQ);
		}
		r = expr_order_text(st, p);
		if (r == 0)
			r = sign_of((s64)a->len, (s64)b->len);
		return r < -1 ? r : holds(op, r);
	}
	/* What containers hold is not gone into. */
	if ((a->cls == b->cls && (a->cls == ABI_CLS_LIST || a->cls == ABI_CLS_TUPLE || a->cls == ABI_CLS_DICT)) ||
	    (is_set(a) && is_set(b)))
		return -EOPNOTSUPP;
	/* No class here knows the other: == is identity, and there is no order. */
	if (op != ABI_CMP_EQ && op != ABI_CMP_NE)
		return -EINVAL;
	return (a->addr && a->addr == b->addr) == (op == ABI_CMP_EQ);
}

/* bool(st->a): 1, 0, -errno */
EXPR_FN int expr_true(struct expr_state *st)
{
	u64 number, sequence, mapping, fn = 0;
	const struct expr_opnd *a;

	if (!st)
		return -EINVAL;
	a = &st->a;
	if (!(a->flags & OPND_EXACT)) {
		/* Its own __bool__ or __len__ would be in one of these (Objects/typeobject.c, slotdefs). */
		if (expr_class(st, a->type))
			return -EFAULT;
		number = class_at(st, obj.type_as_number);
		sequence = class_at(st, obj.type_as_sequence);
		mapping = class_at(st, obj.type_as_mapping);
		if (number && read_user(&fn, 8, number + obj.number_bool))
			return -EFAULT;
		if (fn && fn != obj.truth[a->cls & 15])
			return -EOPNOTSUPP;
		if (fn)
			return a->cls == ABI_CLS_FLOAT ? (a->num & ~FLOAT_SIGN) != 0 : a->num != 0;
		if (mapping && read_user(&fn, 8, mapping + obj.mapping_length))
			return -EFAULT;
		if (!fn && sequence && read_user(&fn, 8, sequence + obj.sequence_length))
			return -EFAULT;
		if (!fn)
			return 1;
		return fn == obj.length[a->cls & 15] ? a->len != 0 : -EOPNOTSUPP;
	}
	switch (a->cls) {
	case ABI_CLS_NONE:
		return 0;
	case ABI_CLS_INT:
	case ABI_CLS_BOOL:
		return a->num != 0;
	case ABI_CLS_FLOAT:
		return (a->num & ~FLOAT_SIGN) != 0;
	default:
		return a->len != 0;
	}
}

/* len(st->a) into *ret: 0, -EINVAL (TypeError), -EOPNOTSUPP */
EXPR_FN int expr_len(struct expr_state *st, u64 *ret)
{
	u64 sequence, mapping, fn = 0;
	const struct expr_opnd *a;

	if (!st || !ret)
		return -EINVAL;
	a = &st->a;
	if (is_number(a) && a->flags & OPND_EXACT)
		return -EINVAL;
	if (a->cls == ABI_CLS_NONE)
		return -EINVAL;
	if (!(a->flags & OPND_EXACT)) {
		if (expr_class(st, a->type))
			return -EFAULT;
		sequence = class_at(st, obj.type_as_sequence);
		mapping = class_at(st, obj.type_as_mapping);
		if (sequence && read_user(&fn, 8, sequence + obj.sequence_length))
			return -EFAULT;
		if (!fn && mapping && read_user(&fn, 8, mapping + obj.mapping_length))
			return -EFAULT;
		if (!fn)
			return -EINVAL;
		if (fn != obj.length[a->cls & 15])
			return -EOPNOTSUPP;
	}
	*ret = a->len;
	return 0;
}

#endif
