/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread has just hit, is traced by nobody and waits in the kernel to be seized (bpf/hold.bpf.h).
 */
#ifndef PYBPFDBG_TRACE_HOLD_H
#define PYBPFDBG_TRACE_HOLD_H

#include <stddef.h>
#include <sys/types.h>

struct bpf_object;
struct hold; /* opaque */
struct pidns;

/*
 * Load what holds them; maps: the object of the watch engine, whose maps it shares. 0; -EOPNOTSUPP: threads of ns (the target's)
 * have other numbers for us than the kernel can tell, or this kernel has no bpf_task_work_schedule_signal() (6.18); or -errno.
 */
int hold_new(const struct bpf_object *maps, const struct pidns *ns, struct hold **ret);
/* Nobody may be in a call any more. NULL is fine. */
void hold_free(struct hold *h);

int hold_fd(const struct hold *h); /* readable when hold_take() has something; owned by h */
/* Hand each thread that waits to fn, and its process, in our pid namespace. When fn returns its wait is over, held or not. */
void hold_take(struct hold *h, void (*fn)(void *priv, pid_t tid, pid_t pid), void *priv);
/* What waits goes on: it is from before somebody took it. Nobody may be in hold_take(). */
void hold_forget(struct hold *h);

#endif
