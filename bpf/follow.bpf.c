// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What follow.bpf.h says, loaded when the first fork is to be followed; its maps are those of
 * watch.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"
#include "bpf/task.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_ino = 0; /* the target's pid namespace */

#include "bpf/py_walk.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/follow.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	(void)code;
	return 0; /* no frame is looked for here */
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
