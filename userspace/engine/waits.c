// SPDX-License-Identifier: BSD-2-Clause
/* Who waits for which lock, and for whom. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/target.h"
#include "trace/pidns.h"

#define NAP_NS	    500000
#define BACK_NS	    200000000 /* for all of them */
#define MUTEX_OWNER 8 /* pthread_mutex_t, glibc, sysdeps/nptl/bits/struct_mutex.h: __owner */

static pid_t tid_of(const struct interp_thread *threads, size_t n, uint64_t thread_id)
{
	for (size_t i = 0; thread_id && i < n; i++)
		if (threads[i].thread_id == thread_id)
			return threads[i].tid;
	return 0;
}

/* The same number in the target's memory means a thread of its own pid namespace. */
static pid_t mutex_owner(struct session *s, uint64_t futex)
{
	struct pidns ns;
	uint32_t tid;

	if (mem_u32(target_mem(s->target), futex + MUTEX_OWNER, &tid))
		return 0;
	return pidns_of(target_pid(s->target), &ns) || ns.same ? (pid_t)tid
							       : pidns_to_ours(&ns, (pid_t)tid);
}

/*
 * A thread that was just let go is on its way back into the system call for a moment. Nothing tells
 * when it is there: it is looked at again until `deadline`.
 */
static bool still_waits(struct session *s, const struct lock_wait *w, uint64_t deadline)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t arg;
	long nr;
	int r;

	while ((r = target_syscall(s->target, w->tid, &nr, &arg)) == -EAGAIN &&
	       clock_ns() < deadline)
		nanosleep(&nap, NULL);
	return !r && nr == SYS_futex && arg == w->futex;
}

int session_lock_waits(struct session *s, const struct interp_thread *threads, size_t nthreads,
		       const bool *mutex, struct lock_wait *waits, size_t n)
{
	_cleanup_free_ struct interp_lock *locks = calloc(n ? n : 1, sizeof(*locks));
	uint64_t deadline;
	int r = 0;

	if (!locks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		locks[i].futex = waits[i].futex;
	if (n)
		r = s->in->ops->locks(s->in, locks, n);
	deadline = clock_ns() + BACK_NS;
	for (size_t i = 0; i < n; i++) {
		struct lock_wait *w = &waits[i];

		w->object = locks[i].object;
		w->recursive = locks[i].recursive;
		w->owner = tid_of(threads, nthreads, locks[i].owner);
		if (!w->object && mutex[i])
			w->owner = mutex_owner(s, w->futex);
		if (!still_waits(s, w, deadline))
			*w = (struct lock_wait){ .tid = w->tid };
	}
	return r;
}

static size_t holder_of(const struct lock_wait *waits, size_t n, size_t i)
{
	size_t k = 0;

	while (k < n && !(waits[i].owner && waits[k].tid == waits[i].owner))
		k++;
	return k;
}

size_t session_deadlock(const struct lock_wait *waits, size_t n, size_t *state, size_t *ret)
{
	while (*state < n) {
		size_t first = (*state)++, at = first, len = 0;

		/* A circle is told by its first member. */
		do {
			ret[len++] = at;
			at = holder_of(waits, n, at);
		} while (at < n && at > first && len < n);
		if (at == first)
			return len;
	}
	return 0;
}
