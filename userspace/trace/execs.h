/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that run another program from now on are held before its first instruction (bpf/execs.bpf.c), for as long as it takes to
 * seize them, a second at most. Linux 6.18 and later.
 */
#ifndef PYBPFDBG_TRACE_EXECS_H
#define PYBPFDBG_TRACE_EXECS_H

#include <stdint.h>
#include <sys/types.h>

struct execs; /* opaque */
struct procs;

/* Of all processes that p looks after. -EOPNOTSUPP: not with this kernel; -errno. p must live until execs_free(). */
int execs_new(struct procs *p, struct execs **ret);
void execs_free(struct execs *e); /* all go on; NULL is fine */
int execs_fd(const struct execs *e); /* readable when execs_next() has something; owned by e */
/* Hand over those that are held: our number, and the key for execs_release(). */
void execs_next(struct execs *e, void (*fn)(void *priv, pid_t pid, uint32_t key), void *priv);
/*
 * A process that stands in the stop of its execve, traced by us: it waits as the others do when it is let go of. 0 or -errno.
 */
int execs_keep(struct execs *e, pid_t pid);
void execs_release(struct execs *e, uint32_t key); /* it goes on, or into the stop that was asked for */

#endif
