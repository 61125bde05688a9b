/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware watchpoints: perf events of type breakpoint with a BPF program behind them. */
#ifndef PYBPFDBG_TRACE_ARM_H
#define PYBPFDBG_TRACE_ARM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arm; /* one watched address, armed on every CPU, in every thread or in one; opaque */

/* What is watched. */
struct arm_watch {
	uint64_t addr; /* of the user half; a multiple of len */
	unsigned len;  /* bytes: 1, 2, 4 or 8 */
	bool write;    /* writes alone; else reads and writes: x86 has no reads alone */
	bool one_thread; /* the thread alone, not those that it starts */
};

/*
 * Open one event, disabled: on CPU cpu (pid -1), or in thread pid (cpu -1). It holds its debug register from now on. A
 * descriptor, or -ENOSPC when no register is free, or -errno of perf_event_open(2).
 */
int arm_open_event(const struct arm_watch *w, pid_t pid, int cpu);

/*
 * As many descriptors as may be: an event for each CPU and slot is more than 1024 on a large machine, and so are
 * the kernel sides of seven sessions. False: there are as many already.
 */
bool arm_raise_file_limit(void);

/*
 * How many more watchpoints can be had now, up to max (at most 4), on every CPU (pid -1) or in process pid's main
 * thread: by taking them and giving them back. 0 or -errno.
 */
int arm_slots_free(pid_t pid, unsigned max, unsigned *ret);

/*
 * Arm w on every CPU (pid -1), in every thread of process pid and those to come, or (one_thread) in thread pid. prog_fd: the
 * program. All or nothing: -ENOSPC no register is free on some CPU or thread, -EAGAIN (threads come and go too fast
 * to catch them all), -EINVAL (len, or addr is not a multiple of it), or -errno.
 */
int arm_new(const struct arm_watch *w, pid_t pid, int prog_fd, struct arm **ret);
void arm_free(struct arm *a); /* NULL is fine */

uint64_t arm_addr(const struct arm *a);
/* CPU-wide only: that CPU came (0, or -errno: it is not covered) or went. Saying it twice does no harm. */
int arm_cpu_online(struct arm *a, int cpu);
void arm_cpu_offline(struct arm *a, int cpu);
/* CPU-wide only: cover the CPUs that are online now, all of them anew. For when events were lost. */
int arm_cpus_again(struct arm *a);

#endif
