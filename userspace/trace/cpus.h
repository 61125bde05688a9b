/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPUs there are, and which come and go. */
#ifndef PYBPFDBG_TRACE_CPUS_H
#define PYBPFDBG_TRACE_CPUS_H

#include <stdbool.h>
#include <stddef.h>

#define CPUS_MAX 8192 /* the kernel's own limit on x86 */

/* A list as the kernel writes it ("0-3,5\n") into a malloc'ed ascending array. 0, -EINVAL, -ENOMEM. */
int cpus_parse(const char *text, int **ret, size_t *ret_n);
/* The CPUs online now, malloc'ed. 0 or -errno. */
int cpus_online(int **ret, size_t *ret_n);

struct cpu_event {
	int cpu;
	bool online; /* came, else went */
};

/* One kernel message (kobject uevent) of len bytes: 1 it is about a CPU that came or went, 0 it is not. */
int cpus_parse_uevent(const char *msg, size_t len, struct cpu_event *ret);
/* A non-blocking socket that is readable when the kernel says something, or -errno. */
int cpus_listen(void);
/* The next event: 1, 0 none is waiting, -ENOBUFS some were lost, or -errno. */
int cpus_next(int fd, struct cpu_event *ret);

#endif
