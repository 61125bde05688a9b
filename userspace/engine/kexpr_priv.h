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

/* The number of a constant (None, bool, int, float, str, bytes), added when it is not there yet. -EOPNOTSUPP */
int kexpr_const(struct kexpr *k, const struct value *v, uint32_t *ret);
/* A name, or another text in UTF-8; the same. */
int kexpr_text(struct kexpr *k, const char *text, uint32_t *ret);
/* An object of the target. */
int kexpr_object(struct kexpr *k, uint64_t address, uint32_t *ret);

#endif
