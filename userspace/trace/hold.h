/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread has just hit on which CPU and is traced by nobody (bpf/hold.bpf.h). Each CPU that is online has a
 * descriptor; whoever waits for it must be a real-time thread bound to that CPU.
 */
#ifndef PYBPFDBG_TRACE_HOLD_H
#define PYBPFDBG_TRACE_HOLD_H

#include <stddef.h>
#include <sys/types.h>

struct hold; /* opaque */
struct pidns;

/*
 * The descriptors of these maps. 0; -EOPNOTSUPP: threads of ns (the target's) have
 * other numbers for us than the kernel can tell; or -errno.
 */
int hold_new(int kicks, int marks, int marked, const struct pidns *ns, struct hold **ret);
/* Nobody may be in a call any more. NULL is fine. */
void hold_free(struct hold *h);

/* How many CPUs; below they are numbered from 0. */
size_t hold_cpus(const struct hold *h);
int hold_cpu(const struct hold *h, size_t i); /* the kernel's number */
int hold_fd(const struct hold *h, size_t i);  /* readable when hold_take() has something; owned by h */
/*
 * Hand each thread that waits to fn, in our pid namespace. When fn returns it counts as held. May be called for different i at the
 * same time, also with the same thread.
 */
void hold_take(struct hold *h, size_t i, void (*fn)(void *priv, pid_t tid), void *priv);
/* What waits is forgotten: it is from before somebody took it. Nobody may be in hold_take(). */
void hold_forget(struct hold *h);

#endif
