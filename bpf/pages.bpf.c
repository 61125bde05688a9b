// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Is what pages.bpf.h does right on this machine? User space asks about its own memory. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

volatile struct abi_pages pages = { 0 };

#include "bpf/pages.bpf.h"

__u64 addr;		  /* what is read */
__u8 data[ABI_PAGES_TRY]; /* what is there */

/* Where the kernel's map of all memory begins: into pages.base. 0, or -errno: this kernel does not
 * tell. (arch/x86/kernel/head64.c) */
SEC("syscall")
int pages_base(void *ctx)
{
	static const char name[] = "page_offset_base";
	__u64 at = 0, base = 0;
	long r;

	(void)ctx;
	r = bpf_kallsyms_lookup_name(name, sizeof(name), 0, &at);
	if (!r)
		r = bpf_probe_read_kernel(&base, sizeof(base), (const void *)at);
	if (!r)
		pages.base = base;
	return (int)r;
}

/* Read `data` at addr of the process that runs this. 0, -EFAULT: nothing is read there through the
 * page tables. */
SEC("syscall")
int pages_read(void *ctx)
{
	__u64 at;

	(void)ctx;
	if ((addr & 4095) + sizeof(data) > 4096)
		return -EFAULT;
	at = page_at(addr);
	return at ? (int)bpf_probe_read_kernel(data, sizeof(data), (const void *)at) : -EFAULT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
