/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions for the kernel (bpf/expr.bpf.h): a part of what engine/expr.h evaluates, with the same meaning. */
#ifndef PYBPFDBG_ENGINE_KEXPR_H
#define PYBPFDBG_ENGINE_KEXPR_H

#include <stdint.h>

struct abi_prog;
struct err;
struct expr;
struct interp;

/*
 * Compile e for frames of one code object; code 0: for frames of any, where an exception is raised; KEXPR_AT_WRITE:
 * for frames of any, with the names `old` and `new` of the write. -EOPNOTSUPP: a part of it is not
 * for the kernel, and *why names it and the reason in a few words ("the call sorted(...): the kernel knows len, type, isinstance and
 * bool"); -ENOMEM, or memory of the target that cannot be read.
 */
#define KEXPR_AT_WRITE ((uint64_t)1)
int kexpr_compile(const struct expr *e, struct interp *in, uint64_t code, struct err *why, struct abi_prog *ret);

#endif
