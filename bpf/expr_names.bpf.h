/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What was learnt before, and holds as long as the target's own version numbers say so: here what a name is among globals and built-ins.
 * Part of expr.bpf.h, which says what it needs.
 */
#ifndef PYBPFDBG_EXPR_NAMES_BPF_H
#define PYBPFDBG_EXPR_NAMES_BPF_H

#include "bpf/expr_cmp.bpf.h"

/* What was found once; it holds as long as the class, the dict or its keys have this version. Per CPU. */
struct expr_cache {
	u64 type, name, arg; /* type: a class, a dict, or its keys */
	u32 version, process;
	u32 what, has_index;
	u64 index; /* of a class: of the name among the keys that the instances share; of a dict: its version */
	u64 tflags, basicsize, dictoffset; /* of a class */
};

static __always_inline struct expr_cache *expr_cache_at(u32 i);
static __always_inline u32 expr_process(void);

#define barrier_here() __asm__ volatile("" ::: "memory")

#define NAME_ABSENT 16u  /* apart from what is said of classes: enum abi_descr */
#define NAME_PRESENT 17u /* arg: of a dict the value, of its keys where the value is */

/* Where that is kept, or is to be: one of two, so that what is asked for in turn does not drive each other out. */
static __always_inline struct expr_cache *cache_place(u64 type, u64 name)
{
	u64 h = (type >> 4) ^ name;
	struct expr_cache *c;

	h ^= h >> 32;
	h ^= h >> 8;
	c = expr_cache_at((u32)h & (EXPR_CACHE_SIZE - 1));
	if (!c || !c->type || (c->type == type && c->name == name))
		return c;
	return expr_cache_at(((u32)h ^ 1) & (EXPR_CACHE_SIZE - 1));
}

/* What is known of the name with that hash in what has the version `tag`: NAME_*, and *ret_arg; 0: nothing. */
static __always_inline u32 name_cache_get(u64 tagged, u64 tag, u64 hash, u64 *ret_arg)
{
	struct expr_cache *c = cache_place(tagged, hash);
	u32 process = expr_process(), what;

	if (!c || c->type != tagged || c->name != hash || c->index != tag || c->process != process)
		return 0;
	what = c->what;
	*ret_arg = c->arg;
	barrier_here();
	return c->type == tagged && c->name == hash && c->index == tag && c->process == process ? what : 0;
}

static __always_inline void name_cache_put(const struct expr_state *st, u32 what, u64 arg)
{
	struct expr_cache *c = cache_place(st->tagged, st->hash);

	if (!c)
		return;
	c->type = 0;
	barrier_here();
	c->name = st->hash;
	c->index = st->tag;
	c->process = expr_process();
	c->version = 0;
	c->what = what;
	c->arg = arg;
	barrier_here();
	c->type = st->tagged;
}

static __always_inline u64 around_at(const struct expr_state *st, u32 off)
{
	return off <= sizeof(st->around) - 8 ? py_load_u64((const u8 *)st->around + off) : 0;
}

/*
 * The version of a dict of names, as that of all dicts (up to 3.12, Objects/dictobject.c: each change of any dict takes another
 * DICT_NEXT_VERSION()), or of its keys (3.13+: dk_version is 0 after a change of the set of keys, until LOAD_GLOBAL asks for another one).
 */
EXPR_FN int expr_named_version(struct expr_state *st, struct expr_named *n, u64 dict)
{
	u64 keys;

	if (!st || !n)
		return -EINVAL;
	n->dict = dict;
	n->tag = 0;
	if (dict & 7 || dict < 4096 || read_user(st->around, 64, dict) || around_at(st, obj.ob_type) != obj.types[ABI_CLS_DICT])
		return 0; /* the lookup itself finds out what is wrong */
	if (obj.dict_version != ABI_NONE) {
		n->tagged = dict;
		n->tag = around_at(st, obj.dict_version);
		return 0;
	}
	keys = around_at(st, obj.dict_keys);
	if (around_at(st, obj.dict_values) || keys & 7 || obj.keys_version > 32)
		return 0;
	if (read_user(st->around, 40, keys))
		return 0;
	n->tagged = keys;
	n->tag = (u32)around_at(st, obj.keys_version);
	return 0;
}

/* The name st->a in a dict, from what is known. 0: it must be looked up; 1: it is not there; 2: st->found; -EFAULT */
static __always_inline int name_known(struct expr_state *st, struct expr_named *n, u64 dict)
{
	u64 arg = 0;
	u32 what;

	if (n->dict != dict)
		expr_named_version(st, n, dict);
	if (!n->tag)
		return 0;
	what = name_cache_get(n->tagged, n->tag, st->hash, &arg);
	if (what == NAME_ABSENT)
		return 1;
	if (what != NAME_PRESENT)
		return 0;
	st->found = arg;
	if (obj.dict_version != ABI_NONE)
		return 2;
	if (read_user(&st->found, 8, arg))
		return -EFAULT;
	return st->found ? 2 : -EFAULT;
}

#endif
