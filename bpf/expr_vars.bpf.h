/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is not known when a program is made: a variable by its name in a frame of any code, and the exception that is raised. Part of
 * expr.bpf.h. The names are strs that the code object lists in the order of its frames' slots, one a step.
 */
#ifndef PYBPFDBG_EXPR_VARS_BPF_H
#define PYBPFDBG_EXPR_VARS_BPF_H

#include "bpf/expr_ops.bpf.h"

#define EXPR_VARS_MAX 512

/* co_flags; co_localspluskinds (Include/internal/pycore_code.h) */
#define CO_OPTIMIZED_FLAG 1u
#define VAR_KIND_CELL 0x40u
#define VAR_KIND_FREE 0x80u

/* Up to 3.10 locals, cells and free variables have a tuple of names each; from 3.11 on there is one for all. */
static __always_inline int var_part(struct expr_state *st, u32 part)
{
	u32 at = part == 0 ? obj.code_vars : part == 1 ? obj.code_cells : obj.code_frees;
	u64 tuple = 0;

	st->part = part;
	if (read_user(&tuple, 8, st->code + at) || read_user(&st->nitems, 8, tuple + obj.ob_size))
		return -EFAULT;
	if (st->nitems > EXPR_VARS_MAX)
		return -EOPNOTSUPP;
	st->items = tuple + obj.tuple_items;
	st->iitem = 0;
	return 0;
}

/* Begin to look for a variable by the name constant `name`; how: ABI_VAR_*. 0 or -errno */
EXPR_FN int expr_var(struct expr_state *st, const struct abi_prog *p, u32 how, u32 name)
{
	u64 code = 0;
	u32 flags = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	st->cells = how & ABI_VAR_CELL;
	if (!st->cells)
		st->unbound = 0;
	if (name_key(st, p, name) || read_frame(st, obj.frame_code, &code))
		return -EFAULT;
	st->code = code & ~(u64)obj.tag_mask;
	if (read_user(&flags, sizeof(flags), st->code + obj.code_flags))
		return -EFAULT;
	st->optimized = flags & CO_OPTIMIZED_FLAG;
	r = var_part(st, 0);
	st->slot0 = 0;
	if (!r && st->cells && obj.code_kinds == ABI_NONE) {
		st->slot0 = (u32)st->nitems;
		r = var_part(st, 1);
	}
	st->phase = PHASE_VARS;
	return r;
}

/* All names were looked at. */
static __always_inline int var_none(struct expr_state *st, const struct abi_prog *p)
{
	const struct abi_insn *in = &p->insns[(st->pc - 1) & (ABI_EXPR_INSNS - 1)];

	if (st->part == 1) {
		st->slot0 += (u32)st->nitems;
		return var_part(st, 2);
	}
	st->phase = PHASE_RUN;
	if (!st->cells || !st->unbound || !st->optimized)
		return 0;
	if (!(in->a & ABI_VAR_SOFT))
		return -ENOENT;
	st->pc++;
	return 0;
}

/* Is the str at `at` the name in st->a? 1, 0, -errno */
static __always_inline int var_is(struct expr_state *st, const struct abi_prog *p, u64 at)
{
	int r = expr_look(st, &st->b, at);

	if (r)
		return r;
	if (st->b.cls != ABI_CLS_STR || (st->b.hash != (u64)-1 && st->b.hash != st->hash))
		return 0;
	return expr_compare(st, p, ABI_CMP_EQ);
}

/* The next name. 0 or -errno */
EXPR_FN int expr_var_next(struct expr_state *st, const struct abi_prog *p)
{
	u64 ref = 0;
	u32 kind = 0;
	int r;

	if (!st || !p)
		return -EINVAL;
	if (st->iitem >= st->nitems)
		return var_none(st, p);
	st->slot = st->slot0 + st->iitem; /* (here one of the frame, not of a table) */
	if (read_user(&st->word, 8, st->items + 8 * st->iitem))
		return -EFAULT;
	st->iitem++;
	r = var_is(st, p, st->word);
	if (r <= 0)
		return r;
	if (obj.code_kinds != ABI_NONE &&
	    (read_user(&st->word, 8, st->code + obj.code_kinds) || read_user(&st->word, 1, st->word + obj.bytes_data + st->slot)))
		return -EFAULT;
	if (obj.code_kinds != ABI_NONE)
		kind = (u8)st->word; /* little endian */
	if (obj.code_kinds != ABI_NONE && !(kind & (VAR_KIND_CELL | VAR_KIND_FREE)) != !st->cells)
		return 0;
	if (read_slot(st, (u32)st->slot & 0xffff, &ref) || (ref && st->cells && expr_read_cell(st, kind & VAR_KIND_CELL, &ref)))
		return -EFAULT;
	if (!ref) {
		st->unbound = 1;
		return 0;
	}
	st->phase = PHASE_RUN;
	st->pc = p->insns[(st->pc - 1) & (ABI_EXPR_INSNS - 1)].c;
	return push(st, EV_OBJ, ref);
}

/* The exception that the thread is about to propagate, once it is an instance (tp_flags: BASE_EXC_SUBCLASS). */
EXPR_FN int expr_exc(struct expr_state *st)
{
	u64 exc = 0, type = 0, flags = 0;

	if (!st || !st->tstate)
		return -EINVAL;
	if (read_user(&exc, 8, st->tstate + obj.tstate_exc))
		return -EFAULT;
	if (!exc)
		return -EOPNOTSUPP;
	if (read_user(&type, 8, exc + obj.ob_type) || read_user(&flags, 8, type + obj.type_flags))
		return -EFAULT;
	return flags & 1u << 30 ? push(st, EV_OBJ, exc) : -EOPNOTSUPP;
}

#endif
