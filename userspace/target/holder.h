/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread of ours that holds threads of the target which wait for that in the kernel after a hit. It stays the tracer of those, so
 * calls for them are handed to it. Not for anybody outside target/.
 */
#ifndef PYBPFDBG_TARGET_HOLDER_H
#define PYBPFDBG_TARGET_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

struct holder; /* opaque */
struct tracees_hits;
struct tracer;

/*
 * Start it with a tracer that it owns from then on (freed on failure, too). 0, or -ENOMEM, -EAGAIN, -EMFILE. hits is copied.
 */
int holder_start(const struct tracees_hits *hits, struct tracer *tracer, struct holder **ret);
/* Have it let go of its threads and end, without waiting for that: no other call but holder_free() may follow. */
void holder_quit(struct holder *h);
/* After holder_quit(). Its threads may wait for those of others to be let go of (execve waits until all are reaped). */
void holder_free(struct holder *h);

/* Has it a thread at all? False for sure when it never had one. */
bool holder_is_busy(const struct holder *h);
/* With its tracer unchanged meanwhile: what only looks at a table. */
bool holder_look(struct holder *h, bool (*fn)(const struct tracer *tracer, pid_t tid), pid_t tid);
/* Call fn in that thread and wait for its end. */
void holder_call(struct holder *h, void (*fn)(struct tracer *tracer, void *arg), void *arg);

#endif
