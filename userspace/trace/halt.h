/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stop whoever comes to an address: for a program that is starting, whose interpreter is not known yet. Every pass costs
 * a trap. Only the process that is meant is changed, and the kernel takes the trap back when the debugger dies.
 */
#ifndef PYBPFDBG_TRACE_HALT_H
#define PYBPFDBG_TRACE_HALT_H

#include <stdint.h>
#include <sys/types.h>

struct err;
struct halt; /* opaque */

/* Load the program, which sends `signal`; nobody is stopped yet. -EPERM, -EOPNOTSUPP with a line in *err. */
int halt_new(int signal, struct err *err, struct halt **ret);
void halt_free(struct halt *h); /* NULL is fine */

/*
 * From now on a thread of process pid that comes to addr (an address of its own that lies in a mapped file) gets the
 * signal, before it has done more than that one instruction. One address at a time: the one before is given up.
 */
int halt_at(struct halt *h, pid_t pid, uint64_t addr, struct err *err);
void halt_off(struct halt *h);

#endif
