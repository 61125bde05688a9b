/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a process and its descendants, told by the kernel as it happens (bpf/procs.bpf.c). */
#ifndef PYBPFDBG_TRACE_PROCS_H
#define PYBPFDBG_TRACE_PROCS_H

#include <stdint.h>
#include <sys/types.h>

struct abi_process;
struct err;
struct procs; /* opaque */

/* Nobody is looked after yet. Failures have their line in *err, as those of trace_open(). */
int procs_open(struct err *err, struct procs **ret);
void procs_free(struct procs *p); /* NULL is fine */
/* Look after a process (our number) and all that it forks from now on. To add one again is fine. 0 or -errno. */
int procs_add(struct procs *p, pid_t pid);
int procs_kin(const struct procs *p); /* the map of those that are looked after, for trace/execs.c; owned by p */
int procs_fd(const struct procs *p); /* readable when procs_next() has something; owned by p */
/* Hand over every record that waits. 0 or -errno. */
int procs_next(struct procs *p, void (*fn)(void *priv, const struct abi_process *rec), void *priv);
uint64_t procs_lost(struct procs *p); /* records that found no room, since the beginning */

#endif
