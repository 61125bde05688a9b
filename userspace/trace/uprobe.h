/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BPF program on one instruction in the text of one process. A uprobe belongs to a file, but it is put into no other
 * process's memory than this one's: the perf event is bound to a task, and the kernel writes the trap only where that task's
 * memory is (kernel/trace/trace_uprobe.c, uprobe_perf_filter). The program runs for every thread of the process, those
 * to come too; a forked child throws the trap out of its copy when it meets it. When the descriptor is closed, by
 * the death of the debugger too, the kernel puts the instruction back.
 */
#ifndef PYBPFDBG_TRACE_UPROBE_H
#define PYBPFDBG_TRACE_UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uprobe_closing; /* opaque */

/* A file that the kernel can open, and an offset in it in bytes. */
struct uprobe_place {
	char path[4200];
	uint64_t offset;
};

/*
 * Where address addr of process pid comes from. 0; -ENOENT: not of a file, or not executable; -ESTALE: the file cannot
 * be reached (deleted, and we may not use /proc/PID/map_files); or -errno of /proc/PID/maps.
 */
int uprobe_place(pid_t pid, uint64_t addr, struct uprobe_place *ret);

/*
 * Run program prog_fd (of type kprobe) with this cookie whenever process pid executes the instruction at `at`; pid 0: whenever any process
 * does, those to come too: the trap is then in the memory of all that run the file, and the program must ask who it is. A
 * descriptor, closing it ends it; or -errno: -EPERM, -ESRCH, -ENOENT or -ENODEV (a kernel without uprobes), -EINVAL (the
 * kernel cannot probe that instruction).
 */
int uprobe_attach(pid_t pid, const struct uprobe_place *at, int prog_fd, uint64_t cookie);
/*
 * Close n such descriptors. Not by close(2), which leaves the trap in the text when we are killed in the middle of it. Each takes
 * the kernel about 0.1 s: it waits for all CPUs, one uprobe of the machine after the other (perf_uprobe_destroy() under event_mutex).
 */
void uprobes_detach(const int *fds, size_t n);
/*
 * The same, but somebody else waits. The descriptors are no longer the caller's; NULL: it is done already. By the thread that began it:
 * uprobes_detach_end() until it says true, which frees it; wait: it does not come back before.
 */
struct uprobe_closing *uprobes_detach_begin(const int *fds, size_t n);
bool uprobes_detach_end(struct uprobe_closing *c, bool wait);

#endif
