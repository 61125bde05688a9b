/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The one door to the target's memory on the kernel side. */
#ifndef PYBPFDBG_READ_BPF_H
#define PYBPFDBG_READ_BPF_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

/*
 * Read size bytes at addr: 0, -EADDRNOTAVAIL (a NULL pointer: the first page), -EFAULT (not mapped, or not
 * in memory just now: a trap cannot wait for a page). dst is then zeroed or untouched.
 */
static __always_inline int read_user(void *dst, __u32 size, __u64 addr)
{
	if (addr < 4096)
		return -EADDRNOTAVAIL;
	return bpf_probe_read_user(dst, size, (const void *)addr) ? -EFAULT : 0;
}

/* The other name that read_pages.bpf.h has. */
static __always_inline int read_user_by_helper(void *dst, __u32 size, __u64 addr)
{
	return read_user(dst, size, addr);
}

#define read_loop(n, fn, ctx) bpf_loop(n, fn, ctx, 0)

#endif
