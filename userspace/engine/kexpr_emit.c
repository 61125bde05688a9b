// SPDX-License-Identifier: BSD-2-Clause
/* The instructions of a program for the kernel, and those that look a name up. */
#include "engine/kexpr_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "probes/probe.h"

int kexpr_refuse(struct kexpr *k, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(k->why, -EOPNOTSUPP, "%s", text);
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

int kexpr_emit_to(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b, uint32_t *ret_at)
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

int kexpr_emit(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b)
{
	return kexpr_emit_to(k, op, a, b, NULL);
}

void kexpr_land(struct kexpr *k, const uint32_t *jumps, size_t n)
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

	return r ? r : kexpr_emit(k, ABI_OP_GLOBAL, 0, c);
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
		return kexpr_emit(k, ABI_OP_GIVEN, name[0] == 'n', 0);
	if (!k->write && !strcmp(name, "__exception__"))
		return kexpr_emit(k, ABI_OP_EXC, 0, 0);
	r = kexpr_text(k, name, &c);
	if (!r)
		r = kexpr_emit_to(k, ABI_OP_VAR, 0, c, &jumps[0]);
	if (!r)
		r = kexpr_emit_to(k, ABI_OP_NAME, 1, c, &jumps[1]);
	if (!r)
		r = kexpr_emit_to(k, ABI_OP_VAR, ABI_VAR_CELL | (may_be_exc ? ABI_VAR_SOFT : 0), c,
				  &jumps[2]);
	if (!r)
		r = kexpr_emit_to(k, ABI_OP_GLOBAL, may_be_exc, c, &jumps[3]);
	if (!r && may_be_exc)
		r = kexpr_emit(k, ABI_OP_EXC, 0, 0);
	if (r)
		return r;
	kexpr_land(k, jumps, may_be_exc ? 4 : 3);
	k->depth = depth + 1;
	return 0;
}

/*
 * As find_name() of expr_scope.c: the slots by that name, of which one at most is bound, then the
 * frame's dict of locals, then the cells, then globals and built-ins. In a function the first three
 * hide the last.
 */
int kexpr_emit_name(struct kexpr *k, const char *name)
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
				r = kexpr_emit_to(k, ABI_OP_NAME, 0, c, &jumps[n++]);
		}
		for (size_t i = 0; i < k->nslots && !r; i++) {
			const struct interp_slot *s = &k->slots[i];

			if ((s->kind != VAR_LOCAL) != cells || strcmp(s->name, name))
				continue;
			if (n == ABI_EXPR_INSNS)
				return kexpr_refuse(k, "the name %s is too many variables", name);
			r = kexpr_emit_to(k, cells ? ABI_OP_CELL : ABI_OP_LOCAL,
					  1u | (s->maybe_bare ? 2u : 0), s->slot, &jumps[n++]);
		}
	}
	if (r)
		return r;
	if (last && k->optimized) /* the last one must be bound */
		k->p->insns[jumps[--n]].a &= (uint8_t)~1u;
	else
		r = emit_global(k, name);
	kexpr_land(k, jumps, n);
	k->depth = depth + 1;
	return r;
}

int kexpr_emit_require(struct kexpr *k, const char *name)
{
	uint64_t addr;
	uint32_t c;
	int r = k->in->ops->dict_get(k->in, k->builtins, name, &addr);

	if (r)
		return kexpr_refuse(k, "the call %s(...): it is not among the built-in functions",
				    name);
	r = kexpr_object(k, addr, &c);
	if (!r)
		r = kexpr_emit_name(k, name);
	return r ? r : kexpr_emit(k, ABI_OP_REQUIRE, 0, c);
}
