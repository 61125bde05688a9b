/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Looking a key up in a dict as Objects/dictobject.c does, one probe a step. The key is what was looked at last in st->a; st->b is
 * used. Part of expr.bpf.h.
 */
#ifndef PYBPFDBG_EXPR_DICT_BPF_H
#define PYBPFDBG_EXPR_DICT_BPF_H

#include "bpf/expr_names.bpf.h"

enum expr_phase {
	PHASE_RUN = 0, /* the next instruction */
	PHASE_OPEN,    /* begin the lookup in st->dict */
	PHASE_KEYS,    /* the same in st->keys, with the values in st->values */
	PHASE_PROBE,
	PHASE_KNOWN,   /* it need not be looked up: st->known */
	PHASE_MRO,     /* the next class of st->mro */
	PHASE_SCAN,    /* the next item of st->items */
	PHASE_VARS,    /* the next name of st->items */
};

/* What the lookup was for. */
enum expr_then {
	THEN_NAME, THEN_GLOBAL, THEN_BUILTIN, THEN_ITEM, THEN_IN, THEN_MODULE, THEN_CLASS, THEN_INSTANCE,
};

#define HASH_MODULUS ((1ull << 61) - 1) /* Include/cpython/pyhash.h */

static __always_inline u64 hash_int(s64 i)
{
	u64 m = i < 0 ? -(u64)i : (u64)i, h = m % HASH_MODULUS;

	if (i < 0)
		h = -h;
	return h == (u64)-1 ? (u64)-2 : h;
}

/* hash(st->a) into st->hash: 0, -EINVAL (TypeError: unhashable), -EOPNOTSUPP */
static __always_inline int expr_hash(struct expr_state *st)
{
	const struct expr_opnd *a = &st->a;

	if (!(a->flags & OPND_EXACT))
		return -EOPNOTSUPP;
	switch (a->cls) {
	case ABI_CLS_INT:
	case ABI_CLS_BOOL:
		st->hash = hash_int(a->num);
		return a->flags & OPND_BIG ? -EOPNOTSUPP : 0;
	case ABI_CLS_STR: /* -1: nobody has asked for it yet */
	case ABI_CLS_BYTES:
	case ABI_CLS_FLOAT:
		st->hash = a->hash;
		return a->hash == (u64)-1 ? -EOPNOTSUPP : 0;
	case ABI_CLS_LIST:
	case ABI_CLS_DICT:
	case ABI_CLS_SET:
		return -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

/* Where its keys are, and its values when they lie apart, of the dict in st->b. */
static __always_inline void dict_parts(struct expr_state *st)
{
	st->keys = head_at(&st->b, obj.dict_keys);
	st->values = head_at(&st->b, obj.dict_values);
	if (st->values)
		st->values += obj.values_values;
	st->phase = PHASE_KEYS;
}

static __always_inline void dict_begin(struct expr_state *st, u64 dict, u32 then)
{
	st->dict = dict;
	st->then = then;
	st->noting = 0;
	st->phase = PHASE_OPEN;
}

static __always_inline int dict_is_named(const struct expr_state *st)
{
	return st->then == THEN_GLOBAL || st->then == THEN_BUILTIN;
}

/* A lookup of a name in what has this version. 0: it must be done; 1: the name is not there; 2: st->found; -EFAULT */
static __always_inline int dict_known(struct expr_state *st, u64 tagged, u64 tag, int of_keys)
{
	u32 what;

	st->tagged = tagged;
	st->tag = tag;
	st->noting = 1;
	what = name_cache_get(st, tagged, tag);
	if (what != NAME_ABSENT && what != NAME_PRESENT)
		return 0;
	st->noting = 0;
	if (what == NAME_ABSENT)
		return 1;
	if (of_keys)
		st->memo.addr = 0;
	if (of_keys && (read_user(&st->found, 8, st->found) || !st->found))
		return -EFAULT;
	return 2;
}

/* It has been done. */
static __always_inline void dict_note(struct expr_state *st, u32 there)
{
	u64 at = st->entries + st->ifound * st->entry_size + (st->unicode ? 8 : 16);

	if (!st->noting)
		return;
	st->noting = 0;
	if (!there)
		name_cache_put(st, NAME_ABSENT, 0);
	else
		name_cache_put(st, NAME_PRESENT, st->tagged == st->keys ? at : st->found);
}

/*
 * Is it a name or a str of the program, in a dict that has a version (up to 3.13)? Of two strs the hash is the same only where they are
 * equal, as far as anybody can tell; of other keys that is not so. What 3.13 stores into an instance whose dict has been asked for
 * changes the values that both share, and not the dict's version (measured; Objects/dictobject.c, _PyObject_StoreInstanceAttribute).
 */
static __always_inline int dict_is_tagged(const struct expr_state *st)
{
	if (obj.managed == ABI_MANAGED_INLINE && st->values)
		return 0;
	return obj.dict_version != ABI_NONE && st->a.cls == ABI_CLS_STR && st->a.flags & OPND_CONST;
}

/* Look st->a up in the dict that is in st->b already. */
static __always_inline void dict_begin_b(struct expr_state *st, u32 then)
{
	int r;

	st->dict = st->b.addr;
	st->then = then;
	st->noting = 0;
	dict_parts(st);
	if (!dict_is_tagged(st))
		return;
	r = dict_known(st, st->dict, head_at(&st->b, obj.dict_version), 0);
	if (r > 0) {
		st->known = (u32)r - 1;
		st->phase = PHASE_KNOWN;
	}
}

/* The dict object: where its keys are, and its values when they lie apart. 0, or as dict_known(). */
EXPR_FN int expr_dict_open(struct expr_state *st)
{
	if (!st)
		return -EINVAL;
	if (expr_look(st, &st->b, st->dict))
		return -EFAULT;
	if (st->b.cls != ABI_CLS_DICT)
		return -EOPNOTSUPP;
	/* One derived from dict: an item of it is looked up in the same way, a name runs its __getitem__. */
	if (!(st->b.flags & OPND_EXACT) && st->then != THEN_ITEM)
		return -EOPNOTSUPP;
	dict_parts(st);
	if (!dict_is_tagged(st))
		return 0;
	return dict_known(st, st->dict, head_at(&st->b, obj.dict_version), 0);
}

static __always_inline u32 width_of(u64 size)
{
	return size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;
}

static __always_inline u64 keys_u64(const struct expr_state *st, u32 off)
{
	return off <= sizeof(st->chunk) - 8 ? py_load_u64((const u8 *)st->chunk + off) : 0;
}

static __always_inline u32 keys_u8(const struct expr_state *st, u32 off)
{
	return off < sizeof(st->chunk) ? ((const u8 *)st->chunk)[off] : 0;
}

/* n bytes (at most 24) at keys + off, zeros after them; from what was read with the head, if they are there. 0 or -EFAULT. */
static __always_inline int keys_read(const struct expr_state *st, u64 off, u32 n, u64 *ret)
{
	u32 at = (u32)off;

	if (off + 24 <= st->nchunk && at <= sizeof(st->chunk) - 24) {
		const u8 *p = (const u8 *)st->chunk + at;

		ret[0] = py_load_u64(p);
		ret[1] = py_load_u64(p + 8);
		ret[2] = py_load_u64(p + 16);
		return 0;
	}
	return read_user(ret, n & 31, st->keys + off) ? -EFAULT : 0;
}

/* The keys object: the table of indices and the entries behind it. 0, or as dict_known(). */
EXPR_FN int expr_dict_keys(struct expr_state *st)
{
	u64 size, bytes;
	u32 log2, log2_bytes;

	if (!st)
		return -EINVAL;
	st->nchunk = sizeof(st->chunk);
	if (read_user(st->chunk, sizeof(st->chunk), st->keys)) {
		st->nchunk = 40;
		if (read_user(st->chunk, 40, st->keys))
			return -EFAULT;
	}
	st->nentries = keys_u64(st, obj.keys_nentries);
	if (obj.keys_size != ABI_NONE) {
		size = keys_u64(st, obj.keys_size);
		if (!size || size & (size - 1) || size > 1ull << 40)
			return -EFAULT;
		st->index_width = width_of(size);
		bytes = size * st->index_width;
		st->unicode = 0;
	} else {
		log2 = keys_u8(st, obj.keys_log2_size);
		log2_bytes = keys_u8(st, obj.keys_log2_index_bytes);
		if (log2 > 40 || log2_bytes < log2 || log2_bytes > log2 + 3)
			return -EFAULT;
		size = 1ull << (log2 & 63);
		bytes = 1ull << (log2_bytes & 63);
		st->index_width = 1u << ((log2_bytes - log2) & 3);
		st->unicode = keys_u8(st, obj.keys_kind) != 0;
	}
	st->entry_size = st->unicode ? 16 : 24;
	st->entries = st->keys + obj.keys_indices + bytes;
	st->mask = size - 1;
	st->slot = st->hash & st->mask;
	st->perturb = st->hash;
	st->phase = PHASE_PROBE;
	if (obj.keys_version == ABI_NONE || !dict_is_named(st) || st->values)
		return 0;
	size = keys_u64(st, obj.keys_version) & 0xffffffff;
	return size ? dict_known(st, st->keys, size, 1) : 0;
}

/* Is the object at `key`, of the same hash where that is known, the key? */
static __always_inline int dict_is_key(struct expr_state *st, const struct abi_prog *p, u64 key)
{
	int r;

	if (key && (key == st->a.addr || (st->a.flags & OPND_CONST && key == st->a.hint)))
		return 1;
	/* No str equals a number. */
	if (st->unicode && st->a.cls != ABI_CLS_STR)
		return 0;
	r = expr_look(st, &st->b, key);
	if (r)
		return r;
	if (st->unicode && st->b.hash != st->hash)
		return 0;
	return expr_compare(st, p, ABI_CMP_EQ);
}

static __always_inline s64 index_value(u64 raw, u32 width)
{
	switch (width) {
	case 1:
		return (signed char)raw;
	case 2:
		return (short)raw;
	case 4:
		return (s32)raw;
	default:
		return (s64)raw;
	}
}

/* 1: there, st->found is the value; 0: not there; -EAGAIN: another step; -errno */
EXPR_FN int expr_dict_probe(struct expr_state *st, const struct abi_prog *p)
{
	u64 entry[4] = { 0 };
	s64 i;
	int r;

	if (!st || !p)
		return -EINVAL;
	st->found = 0;
	if (keys_read(st, obj.keys_indices + st->slot * st->index_width, st->index_width & 15, entry))
		return -EFAULT;
	i = index_value(entry[0], st->index_width);
	if (i == -1)
		return 0;
	if (i >= 0) {
		if ((u64)i >= st->nentries)
			return -EFAULT;
		if (keys_read(st, st->entries - st->keys + (u64)i * st->entry_size, st->unicode ? 16 : 24, entry))
			return -EFAULT;
		if (st->unicode) {
			entry[2] = entry[1];
			entry[1] = entry[0];
		}
		r = 0;
		if (entry[1] && (st->unicode || entry[0] == st->hash))
			r = dict_is_key(st, p, entry[1]);
		if (r < 0)
			return r;
		if (r) {
			st->ifound = (u64)i;
			st->found = entry[2];
			if (st->values && read_user(&st->found, 8, st->values + 8 * (u64)i))
				return -EFAULT;
			return st->found != 0;
		}
	}
	st->perturb >>= 5;
	st->slot = (st->slot * 5 + st->perturb + 1) & st->mask;
	return -EAGAIN;
}

#endif
