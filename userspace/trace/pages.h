/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether BPF programs of hardware breakpoints may read the target through its page tables (bpf/pages.bpf.h), tried on our own memory.
 */
#ifndef PYBPFDBG_TRACE_PAGES_H
#define PYBPFDBG_TRACE_PAGES_H

#include "bpf/abi.h"

/*
 * What those programs must know, in *ret; it is found once. 0, or why they go by bpf_probe_read_user(), *ret then all zeros:
 * -ECANCELED (PYBPFDBG_PAGE_TABLES=no in our environment), -EACCES (/proc/iomem is hidden from us), -ENOENT (the kernel does not tell
 * where its map of memory begins), -EOPNOTSUPP (a kernel before 6.2, or one that is locked down), -EBADMSG (what was read was not what
 * is there: encrypted memory, a paravirtual guest of Xen), or what loading a BPF program failed with.
 */
int pages_find(struct abi_pages *ret);

#endif
