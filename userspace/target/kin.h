/* SPDX-License-Identifier: BSD-2-Clause */
/* A process and all that descends from it, as /proc has it. */
#ifndef PYBPFDBG_TARGET_KIN_H
#define PYBPFDBG_TARGET_KIN_H

#include <stddef.h>
#include <sys/types.h>

struct kin {
	pid_t pid, parent;
};

/*
 * pid, then its children, theirs and so on, all in our pid namespace; malloc'ed. What is forked meanwhile may be missing, and what has
 * lost its parent (the parent ended) is no descendant any more. 0, -ESRCH (there is no such process), -ENOMEM or -errno.
 */
int kin_of(pid_t pid, struct kin **ret, size_t *ret_n);

#endif
