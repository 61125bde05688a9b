/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where an address of the running process lies in the kernel's own map of all memory, found in the page tables as the processor finds it:
 * four or five loads, where a call of bpf_probe_read_user() takes some 100 ns after a trap. For programs of hardware breakpoints: they
 * run with interrupts off (arch/x86/kernel/traps.c, exc_debug_user(): notify_debug() comes before local_irq_enable()) and under RCU, so
 * that no page table is freed under them. That is the rule of the kernel's own lockless walk (mm/gup.c, "Fast GUP"). What is not a plain
 * present page of user memory in RAM is left to bpf_probe_read_user(). A load that faults reads 0: no table.
 *
 * Whoever includes this gives it `pages`, a struct abi_pages.
 */
#ifndef PYBPFDBG_PAGES_BPF_H
#define PYBPFDBG_PAGES_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/abi.h"
#include "bpf/task.bpf.h"

/* arch/x86/include/asm/pgtable_types.h */
#define PAGE_ENTRY_PRESENT 0x001u
#define PAGE_ENTRY_USER    0x004u
#define PAGE_ENTRY_LEAF	   0x080u /* of 2 MiB or 1 GiB; of 4 KiB it means something else */
#define PAGE_ENTRY_SPECIAL 0x200u /* no page of RAM: a device's memory, the page of zeros */
#define PAGE_ENTRY_ADDR	   0x000ffffffffff000ull

/* A pointer that may be read through, and reads 0 where nothing is mapped. (kernel/bpf/helpers.c, 6.2 and later) */
extern void *bpf_rdonly_cast(void *obj, __u32 btf_id) __ksym __weak;

/* The word at an address of the kernel; 0, too, where nothing is mapped. */
static __always_inline __u64 page_word(__u64 at)
{
	/* The verifier wants a type: this one begins with a plain word, r15. */
	return *(const volatile __u64 *)bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct pt_regs));
}

/*
 * The kernel's address of what the running process has at addr, good to the end of its 4 KiB; 0: not known, ask the kernel's helper.
 * A global function, which is verified once.
 */
__attribute__((noinline)) __u64 page_at(__u64 addr)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 table, entry, size;
	__u32 shift = pages.levels == 5 ? 48 : 39;

	/* A kernel that cannot do it sees that nothing of it is reached. */
	if (!pages.base || addr >> (shift + 8)) /* the kernel's half */
		return 0;
	table = (__u64)task->mm->pgd;
	for (;;) {
		entry = page_word(table + 8 * ((addr >> shift) & 511));
		if (!(entry & PAGE_ENTRY_PRESENT))
			return 0;
		if (shift == 12 || entry & PAGE_ENTRY_LEAF)
			break;
		if ((entry & PAGE_ENTRY_ADDR) >= pages.end)
			return 0;
		table = pages.base + (entry & PAGE_ENTRY_ADDR);
		shift -= 9;
	}
	if (!(entry & PAGE_ENTRY_USER) || entry & PAGE_ENTRY_SPECIAL)
		return 0;
	size = 1ull << shift;
	entry &= PAGE_ENTRY_ADDR & -size;
	return entry < pages.end ? pages.base + entry + (addr & (size - 1)) : 0;
}

#endif
