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
	u64 tflags, basicsize, dictoffset; /* of a class; tflags of a dict: with has_index the int that the value is */
};

static __always_inline struct expr_cache *expr_cache_at(u32 i);
static __always_inline u32 expr_process(void);

#define barrier_here() __asm__ volatile("" ::: "memory")

#define NAMED_BYTES 48 /* of a dict: all up to ma_values */

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

/*
 * What is known of the name st->hash in what has the version `tag`: NAME_*, and st->found; 0: nothing. As long as a dict keeps an int,
 * it is that int.
 */
static __always_inline u32 name_cache_get(struct expr_state *st, u64 tagged, u64 tag)
{
	struct expr_cache *c = cache_place(tagged, st->hash);
	u32 process = expr_process(), what;

	if (!c || c->type != tagged || c->name != st->hash || c->index != tag || c->process != process)
		return 0;
	what = c->what;
	st->found = c->arg;
	st->memo.has_num = c->has_index;
	st->memo.num = (s64)c->tflags;
	barrier_here();
	if (c->type != tagged || c->name != st->hash || c->index != tag || c->process != process) {
		st->memo.addr = 0;
		return 0;
	}
	st->memo.addr = what == NAME_PRESENT ? st->found : 0;
	st->memo.tagged = tagged;
	st->memo.tag = tag;
	st->memo.name = st->hash;
	return what;
}

/* By what is `name` of what has this version known. int_is: and that object is this int; NULL: it is not said. */
static __always_inline void name_cache_fill(u64 tagged, u64 tag, u64 name, u32 what, u64 arg, const s64 *int_is)
{
	struct expr_cache *c = cache_place(tagged, name);

	if (!c)
		return;
	c->type = 0;
	barrier_here();
	c->name = name;
	c->index = tag;
	c->process = expr_process();
	c->version = 0;
	c->what = what;
	c->arg = arg;
	c->has_index = int_is != NULL;
	c->tflags = int_is ? (u64)*int_is : 0;
	barrier_here();
	c->type = tagged;
}

static __always_inline void name_cache_put(const struct expr_state *st, u32 what, u64 arg)
{
	name_cache_fill(st->tagged, st->tag, st->hash, what, arg, NULL);
}

/* What the value is that st->memo is about. 0 */
EXPR_FN int expr_memo_note(struct expr_state *st, s64 num)
{
	if (st)
		name_cache_fill(st->memo.tagged, st->memo.tag, st->memo.name, NAME_PRESENT, st->memo.addr, &num);
	return 0;
}

static __always_inline u64 around_at(const struct expr_state *st, u32 off)
{
	return off <= sizeof(st->around) - 8 ? py_load_u64((const u8 *)st->around + off) : 0;
}

/*
 * The version of a dict of names, as that of all dicts that keep their values themselves (up to 3.13, Objects/dictobject.c: each change of
 * any dict takes another DICT_NEXT_VERSION()), and where its keys are, which have one of their own from 3.13 on.
 */
EXPR_FN int expr_named_version(struct expr_state *st, struct expr_named *n, u64 dict)
{
	if (!st || !n)
		return -EINVAL;
	n->dict = dict;
	n->tag = n->keys = n->keys_tag = 0;
	if (dict & 7 || dict < 4096 || read_user(st->around, NAMED_BYTES, dict) || around_at(st, obj.ob_type) != obj.types[ABI_CLS_DICT])
		return 0; /* the lookup itself finds out what is wrong */
	if (obj.keys_version != ABI_NONE) {
		if (around_at(st, obj.dict_values))
			return 0;
		n->keys = around_at(st, obj.dict_keys);
	}
	if (obj.dict_version != ABI_NONE)
		n->tag = around_at(st, obj.dict_version);
	return 0;
}

/*
 * As name_known(), by the version of the keys: dk_version is 0 after a change of the set of keys, until LOAD_GLOBAL asks for another one. A
 * dict whose values change all the time keeps it.
 */
EXPR_FN int expr_named_keys(struct expr_state *st, struct expr_named *n)
{
	u32 what;

	if (!st || !n || !n->keys || n->keys & 7 || obj.keys_version > 32)
		return 0;
	if (!n->keys_tag) {
		if (!read_user(st->around, 40, n->keys))
			n->keys_tag = (u32)around_at(st, obj.keys_version);
		if (!n->keys_tag) {
			n->keys = 0;
			return 0;
		}
	}
	what = name_cache_get(st, n->keys, n->keys_tag);
	st->memo.addr = 0; /* the keys say where a value is, not which */
	if (what != NAME_ABSENT && what != NAME_PRESENT)
		return 0;
	if (what == NAME_PRESENT && (read_user(&st->found, 8, st->found) || !st->found))
		return -EFAULT;
	if (n->tag) {
		st->tagged = n->dict;
		st->tag = n->tag;
		name_cache_put(st, what, st->found);
	}
	return what == NAME_PRESENT ? 2 : 1;
}

/* The name st->a in a dict, from what is known. 0: it must be looked up; 1: it is not there; 2: st->found; -EFAULT */
static __always_inline int name_known(struct expr_state *st, struct expr_named *n, u64 dict)
{
	u32 what;

	if (n->dict != dict)
		expr_named_version(st, n, dict);
	if (n->tag) {
		what = name_cache_get(st, n->dict, n->tag);
		if (what == NAME_ABSENT)
			return 1;
		if (what == NAME_PRESENT)
			return 2;
	}
	return obj.keys_version != ABI_NONE ? expr_named_keys(st, n) : 0;
}

#endif
