/* SPDX-License-Identifier: BSD-2-Clause */
/* A process's own pid namespace: that is how a BPF program knows it, in a container too. */
#ifndef PYBPFDBG_TRACE_PIDNS_H
#define PYBPFDBG_TRACE_PIDNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pidns {
	uint64_t dev, ino; /* of /proc/PID/ns/pid */
	pid_t pid;         /* the process's number in there */
	pid_t ours;        /* in our own namespace */
	bool same;         /* there is ours */
};

/* 0, -ESRCH, or -errno. */
int pidns_of(pid_t pid, struct pidns *ret);
/* The number that thread tid of process pid (both ours) has in its own namespace; 0 when it is gone. */
pid_t pidns_inner(pid_t pid, pid_t tid);
/* Thread tid of that process, numbered in there, as we number it; 0 when it is gone. */
pid_t pidns_to_ours(const struct pidns *ns, pid_t tid);

#endif
