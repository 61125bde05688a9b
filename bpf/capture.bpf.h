/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a LOG or SNAP rule sends. */
#ifndef PYBPFDBG_CAPTURE_BPF_H
#define PYBPFDBG_CAPTURE_BPF_H

#include "bpf/abi.h"
#include "bpf/py_walk.bpf.h"

/* Send a capture of rule number n at this hit, accounted in *st. */
static __always_inline void capture_send(const struct abi_hit *hit, u32 n, const struct abi_rule *r,
					 struct abi_rule_state *st, const struct py_frame *f)
{
	(void)hit;
	(void)n;
	(void)r;
	(void)f;
	__sync_fetch_and_add(&st->lost, 1); /* user space makes no such rule yet */
}

#endif
