/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's machine for expressions (bpf/expr.bpf.h) as host code, over any memory. */
#ifndef TESTS_SUPPORT_LIB_KEXPR_H
#define TESTS_SUPPORT_LIB_KEXPR_H

#include <stdint.h>

struct abi_obj;
struct abi_prog;
struct abi_value;
struct mem;

struct kexpr_host {
	struct mem *mem;
	const struct abi_obj *obj;
	uint64_t reads;   /* counted */
	uint64_t fail_at; /* this read faults; 0: none */
};

/* As expr_truth() and expr_run() of bpf/expr.bpf.h. */
int kexpr_host_truth(struct kexpr_host *h, const struct abi_prog *p, uint64_t frame);
int kexpr_host_run(struct kexpr_host *h, const struct abi_prog *p, uint64_t frame, struct abi_value *ret);
void kexpr_host_forget(void); /* what was learnt of classes */

#endif
