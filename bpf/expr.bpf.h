/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Python expressions in the kernel. */
#ifndef PYBPFDBG_EXPR_BPF_H
#define PYBPFDBG_EXPR_BPF_H

#include <linux/errno.h>

#include "bpf/py_walk.bpf.h"

/* Is the expression prog true in this frame? 1, 0 or -errno; -EOPNOTSUPP: only user space can tell. */
static __always_inline int expr_truth(u32 prog, const struct py_frame *f)
{
	(void)prog;
	(void)f;
	return -EOPNOTSUPP; /* user space compiles none yet */
}

#endif
