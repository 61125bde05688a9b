/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Instead of read.bpf.h, for programs that run with interrupts off: through the page tables where user space found out how
 * (trace/pages.h), with the kernel's helper otherwise.
 */
#ifndef PYBPFDBG_READ_BPF_H
#define PYBPFDBG_READ_BPF_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

const volatile struct abi_pages pages = { 0 }; /* base 0: not to be used */

#include "bpf/pages.bpf.h"

/* By the kernel's helper. In its own name where no call may be nested any more: eight is the limit (MAX_CALL_FRAMES of
 * linux/bpf_verifier.h). */
static __always_inline int read_user_by_helper(void *dst, __u32 size, __u64 addr)
{
	if (addr < 4096)
		return -EADDRNOTAVAIL;
	return bpf_probe_read_user(dst, size, (const void *)addr) ? -EFAULT : 0;
}

static __always_inline int read_user(void *dst, __u32 size, __u64 addr)
{
	__u64 at, word;

	if (pages.base && (addr & 4095) + size <= 4096) {
		at = page_at(addr);
		if (at && __builtin_constant_p(size) && size == 8) {
			word = page_word(at);
			*(__u64 *)dst = word;
			if (word)
				return 0;
		} else if (at && !bpf_probe_read_kernel(dst, size, (const void *)at)) {
			return 0;
		}
	}
	return read_user_by_helper(dst, size, addr); /* a word of 0, too: it may not have been one */
}

#define read_loop(n, fn, ctx) bpf_loop(n, fn, ctx, 0)

#endif
