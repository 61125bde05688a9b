/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Values of expressions: what an object is, read once; the state of an evaluation. Part of expr.bpf.h, which says what it needs. */
#ifndef PYBPFDBG_EXPR_VAL_BPF_H
#define PYBPFDBG_EXPR_VAL_BPF_H

#include <linux/errno.h>
#include <linux/types.h>

#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "bpf/py_walk.bpf.h"

/*
 * A function that is verified by itself, for any arguments: so the verifier's work is the sum of the parts, not their product. Pointers may
 * be NULL as far as it knows.
 */
#ifdef __bpf__
#define EXPR_FN __attribute__((noinline))
#define EXPR_ROLLED _Pragma("clang loop unroll(disable)") /* a loop that is not written out: it takes less stack */
#else
#define EXPR_FN static __attribute__((noinline, unused))
#define EXPR_ROLLED
#endif

enum expr_kind_of { EV_NONE = 0, EV_OBJ, EV_INT, EV_BOOL, EV_FLOAT, EV_CONST };
struct expr_val {
	u32 kind;
	u32 c; /* CONST: its index */
	u64 bits;
};

#define OPND_EXACT 1 /* of the class itself, not of one derived from it */
#define OPND_BIG 2   /* an int beyond 64 bits; num is its sign */
#define OPND_CONST 4 /* a text in the program's pool */
#define OPND_OWN 8   /* compares by code that is not known here */
#define OPND_HEAP 16 /* of a class made by a class statement */

/* A value, looked at. */
struct expr_opnd {
	u64 addr;  /* of the object; 0: computed or constant */
	u64 type;
	u32 cls;   /* enum abi_cls, by its layout */
	u32 flags; /* OPND_* */
	s64 num;   /* INT, BOOL; FLOAT: the bits */
	u64 len;   /* what len() gives, for the classes that have one */
	u64 data;  /* STR, BYTES: where the characters are; LIST, TUPLE: the items */
	u32 width; /* STR, BYTES: bytes of a character */
	u32 text;  /* CONST: place in the pool */
	u64 hint;  /* CONST: an object that is this text */
	u64 hash;  /* CONST, STR (-1: not computed yet) */
	u32 have, pad;
	u64 head[8]; /* the object's first `have` bytes, zeros after them */
};

struct expr_text {
	u64 words[ABI_EXPR_TEXT / 8];
};

#define EXPR_CLASS 360 /* bytes of a class that are read */
#define EXPR_CHUNK 192 /* bytes of a dict's keys that are read at once: those of up to five entries are all there */
#define EXPR_AROUND 128

/* Globals or built-ins, whose version is read once an evaluation: see expr_names.bpf.h. */
struct expr_named {
	u64 dict, tag;      /* dict 0: not read yet; tag 0: it has no version */
	u64 keys, keys_tag; /* keys 0: they have no version; keys_tag 0: not read yet */
};

/* The value that a dict has for a name, as far as known. */
struct expr_memo {
	u64 addr;              /* 0: none */
	u64 tagged, tag, name; /* where that is kept */
	s64 num;
	u32 has_num, pad; /* it is the int num */
};

struct expr_state {
	u32 busy;
	u32 pc, sp;
	u32 phase, then; /* enum expr_phase, enum expr_then */
	s32 error;
	u64 frame;
	struct expr_val stack[ABI_EXPR_STACK];
	struct expr_opnd a, b, e;
	/* a lookup in a dict of what is in a: see expr_dict.bpf.h */
	u64 dict, keys, values, entries, hash, perturb, slot, mask, nentries;
	u64 found, ifound; /* the value, and the number of its entry */
	u64 word;          /* what is being read: not on the stack, of which there is little */
	u64 tagged, tag;   /* a name: whose version that is (expr_names.bpf.h) */
	u32 noting;        /* what comes of the lookup is to be kept */
	u32 known;         /* of PHASE_KNOWN: was it there? */
	u32 pad3;
	u32 index_width, entry_size, unicode;
	u32 negate;        /* of `in` */
	/* an attribute: see expr_attr.bpf.h */
	u64 asked; /* the T of isinstance(x, T) */
	u64 self, cls, mro, nmro, imro, arg, basicsize, dictoffset, tflags;
	u32 what, version, of_class, cached, ninstance, pad2;
	/* the items of a list */
	u64 items, nitems, iitem;
	/* a variable by its name, of any code: see expr_vars.bpf.h */
	u64 tstate, code;
	u32 slot0, part, cells, unbound, optimized, exc_name;
	u64 class_block[EXPR_CLASS / 8];
	struct expr_text ta, tb; /* of a and b, the part that is looked at */
	s32 order;
	u32 pad;
	u64 chunk[EXPR_CHUNK / 8]; /* the first bytes of a dict's keys; the bases of a class */
	u64 around[EXPR_AROUND / 8]; /* bytes around or of st->self */
	u32 nchunk, naround;
	struct expr_named named[2]; /* globals, built-ins */
	struct expr_memo memo;
};

static __always_inline u64 head_at(const struct expr_opnd *o, u32 off)
{
	return off <= sizeof(o->head) - 8 ? py_load_u64((const u8 *)o->head + off) : 0;
}

static __always_inline u32 head_u32(const struct expr_opnd *o, u32 off)
{
	return off <= sizeof(o->head) - 4 ? *(const u32 *)((const u8 *)o->head + off) : 0;
}

/* A field of the class that expr_class() read. */
static __always_inline u64 class_at(const struct expr_state *st, u32 off)
{
	u32 at = off - obj.type_first;

	return at <= EXPR_CLASS - 8 ? py_load_u64((const u8 *)st->class_block + at) : 0;
}

static __always_inline int expr_class(struct expr_state *st, u64 type)
{
	if (type & 7)
		return -EFAULT;
	return read_user(st->class_block, EXPR_CLASS, type + obj.type_first) ? -EFAULT : 0;
}

/* An int's value (Include/cpython/longintrepr.h: digits of 30 bits). */
static __always_inline int look_int(struct expr_opnd *o)
{
	u64 raw = head_at(o, obj.long_size), n, mag, high;
	int neg;

	if (obj.long_tagged) {
		n = raw >> 3;
		neg = (raw & 3) == 2;
	} else {
		neg = (s64)raw < 0;
		n = neg ? -raw : raw;
	}
	o->num = 0;
	if (n == 0)
		return 0;
	if (n > 3) {
		o->flags |= OPND_BIG;
		o->num = neg ? -1 : 1;
		return 0;
	}
	if (obj.long_digits + 4 * n > o->have)
		return -EFAULT;
	mag = head_u32(o, obj.long_digits);
	if (n > 1)
		mag |= (u64)head_u32(o, obj.long_digits + 4) << 30;
	high = n > 2 ? head_u32(o, obj.long_digits + 8) : 0;
	mag |= high << 60;
	if (high > 8 || (high == 8 && (!neg || mag != 1ull << 63))) {
		o->flags |= OPND_BIG;
		o->num = neg ? -1 : 1;
		return 0;
	}
	o->num = (s64)(neg ? -mag : mag);
	return 0;
}

/* Include/cpython/unicodeobject.h: state is interned:2 kind:3 compact:1 ascii:1. */
static __always_inline int look_str(struct expr_opnd *o)
{
	u32 state = head_u32(o, obj.str_state), kind = state >> 2 & 7;

	if (obj.str_state + 4 > o->have)
		return -EFAULT;
	o->len = head_at(o, obj.str_length);
	o->hash = head_at(o, obj.str_hash);
	o->width = kind;
	if (kind != 1 && kind != 2 && kind != 4)
		return -EOPNOTSUPP; /* not made ready yet (up to 3.11) */
	if (o->len >> 48)
		return -EFAULT;
	if (state & 1u << 5)
		o->data = o->addr + (state & 1u << 6 ? obj.str_ascii : obj.str_compact);
	else if (read_user(&o->data, sizeof(o->data), o->addr + obj.str_data))
		return -EFAULT;
	return 0;
}

static __always_inline int look_by_layout(struct expr_opnd *o)
{
	switch (o->cls) {
	case ABI_CLS_INT:
		return look_int(o);
	case ABI_CLS_BOOL:
		o->num = o->addr == obj.true_;
		return 0;
	case ABI_CLS_FLOAT:
		o->num = (s64)head_at(o, obj.float_value);
		return obj.float_value + 8 > o->have ? -EFAULT : 0;
	case ABI_CLS_STR:
		return look_str(o);
	case ABI_CLS_BYTES:
		o->width = 1;
		o->data = o->addr + obj.bytes_data;
		o->len = head_at(o, obj.ob_size);
		break;
	case ABI_CLS_TUPLE:
		o->data = o->addr + obj.tuple_items;
		o->len = head_at(o, obj.ob_size);
		break;
	case ABI_CLS_LIST:
		o->data = head_at(o, obj.list_items);
		o->len = head_at(o, obj.ob_size);
		break;
	case ABI_CLS_DICT:
		o->len = head_at(o, obj.dict_used);
		break;
	case ABI_CLS_SET:
	case ABI_CLS_FROZENSET:
		o->len = head_at(o, obj.set_used);
		break;
	default:
		return 0;
	}
	return o->len >> 48 ? -EFAULT : 0;
}

/* tp_flags of the built-in bases (Include/object.h, the same in all versions); HEAPTYPE. */
static __always_inline u32 cls_by_flags(u64 flags)
{
	if (flags & 1u << 24)
		return ABI_CLS_INT;
	if (flags & 1u << 25)
		return ABI_CLS_LIST;
	if (flags & 1u << 26)
		return ABI_CLS_TUPLE;
	if (flags & 1u << 27)
		return ABI_CLS_BYTES;
	if (flags & 1u << 28)
		return ABI_CLS_STR;
	if (flags & 1u << 29)
		return ABI_CLS_DICT;
	if (flags & 1u << 31)
		return ABI_CLS_TYPE;
	return ABI_CLS_OTHER;
}

/* A class that is none of the built-in ones: what it is derived from, and whether it compares as that does. */
static __always_inline int look_derived(struct expr_state *st, struct expr_opnd *o)
{
	u64 rich, flags;

	if (expr_class(st, o->type))
		return -EFAULT;
	flags = class_at(st, obj.type_flags);
	rich = class_at(st, obj.type_richcompare);
	o->cls = cls_by_flags(flags);
	if (o->cls == ABI_CLS_OTHER && rich == obj.richcompare[ABI_CLS_FLOAT])
		o->cls = ABI_CLS_FLOAT;
	if (o->cls == ABI_CLS_OTHER && rich == obj.richcompare[ABI_CLS_SET])
		o->cls = ABI_CLS_SET;
	if (flags & 1u << 9)
		o->flags |= OPND_HEAP;
	if (rich && rich != obj.richcompare[ABI_CLS_OBJECT] &&
	    (o->cls == ABI_CLS_OTHER || rich != obj.richcompare[o->cls & 15]))
		o->flags |= OPND_OWN;
	/* What an int or a str becomes with object's own comparison is not what it is. */
	if (rich == obj.richcompare[ABI_CLS_OBJECT] && o->cls != ABI_CLS_OTHER && o->cls != ABI_CLS_TYPE)
		o->flags |= OPND_OWN;
	return look_by_layout(o);
}

EXPR_FN int expr_memo_note(struct expr_state *st, s64 num);

/* The object at st->memo.addr, an int of which is known what it is. */
static __always_inline int look_memo(const struct expr_state *st, struct expr_opnd *o)
{
	o->type = obj.types[ABI_CLS_INT];
	o->cls = ABI_CLS_INT;
	o->flags = OPND_EXACT;
	o->num = st->memo.num;
	return 0;
}

/* An object of exactly that class. */
static __always_inline int look_exact(struct expr_state *st, struct expr_opnd *o)
{
	int r;

	o->flags = OPND_EXACT;
	r = look_by_layout(o);
	if (!r && o->cls == ABI_CLS_INT && o->addr == st->memo.addr && !(o->flags & OPND_BIG))
		expr_memo_note(st, o->num);
	return r;
}

/* Look at the object at addr. 0, -EFAULT, -EOPNOTSUPP. */
EXPR_FN int expr_look(struct expr_state *st, struct expr_opnd *o, u64 addr)
{
	u64 t, left;

	if (!st || !o)
		return -EINVAL;
	if (addr & 7 || addr < 4096)
		return -EFAULT;
	o->addr = addr;
	o->flags = 0;
	o->hash = (u64)-1;
	if (addr == st->memo.addr && st->memo.has_num)
		return look_memo(st, o);
	o->have = sizeof(o->head);
	if (read_user(o->head, sizeof(o->head), addr)) {
		/* At the end of what is mapped: no object is larger than what is there of it. */
		left = 4096 - (addr & 4095);
		if (left >= sizeof(o->head))
			return -EFAULT;
		for (int i = 0; i < 8; i++)
			o->head[i] = 0;
		o->have = (u32)left;
		if (read_user(o->head, left & 63, addr))
			return -EFAULT;
	}
	t = head_at(o, obj.ob_type);
	o->type = t;
	if (t == obj.types[ABI_CLS_INT])
		o->cls = ABI_CLS_INT;
	else if (t == obj.types[ABI_CLS_STR])
		o->cls = ABI_CLS_STR;
	else if (t == obj.types[ABI_CLS_NONE])
		o->cls = ABI_CLS_NONE;
	else if (t == obj.types[ABI_CLS_BOOL])
		o->cls = ABI_CLS_BOOL;
	else if (t == obj.types[ABI_CLS_FLOAT])
		o->cls = ABI_CLS_FLOAT;
	else if (t == obj.types[ABI_CLS_DICT])
		o->cls = ABI_CLS_DICT;
	else if (t == obj.types[ABI_CLS_LIST])
		o->cls = ABI_CLS_LIST;
	else if (t == obj.types[ABI_CLS_TUPLE])
		o->cls = ABI_CLS_TUPLE;
	else if (t == obj.types[ABI_CLS_BYTES])
		o->cls = ABI_CLS_BYTES;
	else if (t == obj.types[ABI_CLS_SET])
		o->cls = ABI_CLS_SET;
	else if (t == obj.types[ABI_CLS_FROZENSET])
		o->cls = ABI_CLS_FROZENSET;
	else
		return look_derived(st, o);
	return look_exact(st, o);
}

/* The same for a value of the stack or a constant of the program. */
static __always_inline int expr_const_opnd(const struct abi_prog *p, u32 i, struct expr_opnd *o)
{
	const struct abi_const *c = &p->consts[i & (ABI_EXPR_CONSTS - 1)];

	o->addr = 0;
	o->type = 0;
	o->flags = OPND_EXACT;
	o->num = (s64)c->bits;
	o->hash = c->hash;
	switch (c->kind) {
	case ABI_CONST_OBJECT: /* None is the only one that is compared */
		o->cls = ABI_CLS_NONE;
		o->addr = c->bits;
		return 0;
	case ABI_CONST_INT:
		o->cls = ABI_CLS_INT;
		return 0;
	case ABI_CONST_BOOL:
		o->cls = ABI_CLS_BOOL;
		return 0;
	case ABI_CONST_FLOAT:
		o->cls = ABI_CLS_FLOAT;
		return 0;
	case ABI_CONST_STR:
	case ABI_CONST_BYTES:
		o->cls = c->kind == ABI_CONST_STR ? ABI_CLS_STR : ABI_CLS_BYTES;
		o->flags |= OPND_CONST;
		o->len = c->len;
		o->width = c->width;
		o->text = c->text;
		o->hint = c->hint;
		return 0;
	default:
		return -EINVAL;
	}
}

static __always_inline int expr_opnd_of(struct expr_state *st, const struct abi_prog *p, struct expr_opnd *o, const struct expr_val *v)
{
	switch (v->kind) {
	case EV_OBJ:
		return expr_look(st, o, v->bits);
	case EV_CONST:
		return expr_const_opnd(p, v->c, o);
	case EV_INT:
		o->cls = ABI_CLS_INT;
		break;
	case EV_BOOL:
		o->cls = ABI_CLS_BOOL;
		break;
	case EV_FLOAT:
		o->cls = ABI_CLS_FLOAT;
		break;
	default:
		return -EINVAL;
	}
	o->addr = 0;
	o->type = 0;
	o->flags = OPND_EXACT;
	o->num = (s64)v->bits;
	o->hash = (u64)-1;
	return 0;
}

static __always_inline int is_number(const struct expr_opnd *o)
{
	return o->cls == ABI_CLS_INT || o->cls == ABI_CLS_BOOL || o->cls == ABI_CLS_FLOAT;
}

#endif
