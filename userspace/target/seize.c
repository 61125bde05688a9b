// SPDX-License-Identifier: BSD-2-Clause
#include "target/seize.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* The kernel starts an interrupted PTRACE_SEIZE again, so the signal's handler does not return. */
static _Thread_local sigjmp_buf *volatile way_out;

static void on_way_out(int sig)
{
	sigjmp_buf *to = way_out;

	(void)sig;
	way_out = NULL;
	if (to)
		siglongjmp(*to, 1);
}

void seize_prepare(void)
{
	struct sigaction sa = { .sa_handler = on_way_out, .sa_flags = SA_NODEFER | SA_RESTART };

	sigaction(SEIZE_SIGNAL, &sa, NULL);
}

int seize_thread(pid_t tid, long options)
{
	volatile int r = -EINTR;
	sigjmp_buf out;

	if (!sigsetjmp(out, 0)) {
		way_out = &out;
		r = ptrace(PTRACE_SEIZE, tid, NULL, (void *)(intptr_t)options) ? -errno : 0;
	}
	way_out = NULL;
	return r;
}

void seize_limit_begin(struct seize_limit *l)
{
	/* Again and again: one that comes just before the call does nothing. */
	static const struct itimerspec it = { { .tv_nsec = SEIZE_MAX_MS * 1000000 },
					      { .tv_nsec = SEIZE_MAX_MS * 1000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SEIZE_SIGNAL };
	sigset_t set;

	seize_prepare();
	sigemptyset(&set);
	sigaddset(&set, SEIZE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, &l->before);
	ev.sigev_notify_thread_id = gettid();
	l->on = !timer_create(CLOCK_MONOTONIC, &ev, &l->timer);
	if (l->on)
		timer_settime(l->timer, 0, &it, NULL);
}

void seize_limit_end(struct seize_limit *l)
{
	if (l->on)
		timer_delete(l->timer);
	pthread_sigmask(SIG_SETMASK, &l->before, NULL);
}
