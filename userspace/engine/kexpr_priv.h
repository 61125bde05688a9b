/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside kexpr*.c only: the state of a compilation. */
#ifndef PYBPFDBG_ENGINE_KEXPR_PRIV_H
#define PYBPFDBG_ENGINE_KEXPR_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/expr_abi.h"
#include "engine/expr_ast.h"

struct err;
struct interp;
struct interp_slot;
struct value;

struct kexpr {
	const struct expr *e;
	struct interp *in;
	uint64_t code; /* 0: any */
	bool write;
	struct err *why;
	struct abi_prog *p;
	struct abi_obj obj;
	uint64_t builtins; /* dict */
	struct interp_slot *slots;
	size_t nslots;
	bool optimized;
	uint32_t nconsts, pool; /* used of each */
	unsigned depth, height; /* of the stack now; of the recursion */
};

/* Say why part of the expression is refused; always -EOPNOTSUPP. */
int kexpr_refuse(struct kexpr *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- kexpr_emit.c ---- */

/* Add an instruction; *ret_at (may be NULL): its number. -EOPNOTSUPP: too many of them, or too much on the stack. */
int kexpr_emit_to(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b, uint32_t *ret_at);
int kexpr_emit(struct kexpr *k, enum abi_expr_op op, unsigned a, uint32_t b);
/* Let these n instructions jump to the next one. */
void kexpr_land(struct kexpr *k, const uint32_t *jumps, size_t n);
/* Push what the name stands for at the hit. */
int kexpr_emit_name(struct kexpr *k, const char *name);
/* Give up at the hit unless the name stands for the built-in function: the program's own is not meant. (At a write there is
 * only the built-in.) */
int kexpr_emit_require(struct kexpr *k, const char *name);

/* ---- kexpr_const.c ---- */

/* The number of a constant (None, bool, int, float, str, bytes), added when it is not there yet. -EOPNOTSUPP */
int kexpr_const(struct kexpr *k, const struct value *v, uint32_t *ret);
/* A name, or another text in UTF-8; the same. */
int kexpr_text(struct kexpr *k, const char *text, uint32_t *ret);
/* An object of the target. */
int kexpr_object(struct kexpr *k, uint64_t address, uint32_t *ret);

#endif
