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
};

static __always_inline struct expr_cache *expr_cache_at(u32 i);
static __always_inline u32 expr_process(void);

#define barrier_here() __asm__ volatile("" ::: "memory")

#define NAME_ABSENT 16u  /* apart from what is said of classes: enum abi_descr */
#define NAME_PRESENT 17u /* arg: of a dict the value, of its keys where the value is */

static __always_inline struct expr_cache *name_cache_of(const struct expr_state *st)
{
	u64 h = (st->tagged >> 4) ^ st->hash ^ st->tag * 31;

	h ^= h >> 32;
	return expr_cache_at((u32)(h ^ h >> 8) & (EXPR_CACHE_SIZE - 1));
}

/* What is known of the name in what has the version st->tag: NAME_*, and *ret_arg; 0: nothing. */
static __always_inline u32 name_cache_get(const struct expr_state *st, u64 *ret_arg)
{
	struct expr_cache *c = name_cache_of(st);
	u32 process = expr_process(), what;

	if (!c || c->type != st->tagged || c->name != st->hash || c->index != st->tag || c->process != process)
		return 0;
	what = c->what;
	*ret_arg = c->arg;
	barrier_here();
	return c->type == st->tagged && c->name == st->hash && c->index == st->tag && c->process == process ? what : 0;
}

static __always_inline void name_cache_put(const struct expr_state *st, u32 what, u64 arg)
{
	struct expr_cache *c = name_cache_of(st);

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

#endif
