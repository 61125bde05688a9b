// SPDX-License-Identifier: BSD-2-Clause
/* Threads are let go of, each at a stop that holds no signal of ours. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "target/ptrace.h"
#include "target/tracer.h"
#include "target/tracer_priv.h"

#define LEADER_NAP_NS 200000
#define UNMET_NAPS    500  /* for a thread that was made just now */
#define PEEK_MAX      1024 /* pending signals looked at */

/* Does a stop signal of ours wait in this stopped thread, and would it be delivered if it went on?
 */
static bool has_pending(const struct tracer *ts, pid_t tid)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 16 };
	siginfo_t si[16];
	uint64_t blocked = 0;
	long n, i;

	if (ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof(blocked), &blocked) ||
	    (blocked >> (ts->stop_signal - 1) & 1))
		return false;
	for (; args.off < PEEK_MAX; args.off += n) {
		n = ptrace(PTRACE_PEEKSIGINFO, tid, &args, si);
		if (n <= 0)
			return false;
		for (i = 0; i < n; i++)
			if (si[i].si_signo == ts->stop_signal && si[i].si_code == SI_KERNEL)
				return true;
	}
	return false;
}

static void detach(struct tracer *ts, struct tracee *tr, int sig)
{
	/* ESRCH here: killed. It is ours until it is waited for. */
	if (!ptrace(PTRACE_DETACH, tr->tid, NULL, (void *)(intptr_t)sig))
		tracer_drop(ts, tr);
}

/*
 * tr is in some ptrace stop: let go of it with sig, or first have it meet the signal that is
 * pending. Stopped by job control it would not meet it before SIGCONT, which is not ours to wait
 * for.
 */
static void leave(struct tracer *ts, struct tracee *tr, int sig)
{
	tr->held = false;
	if (tr->group || !has_pending(ts, tr->tid))
		detach(ts, tr, sig);
	else
		tracer_cont(tr->tid, sig);
}

void tracer_leave_stop(struct tracer *ts, pid_t tid, int status)
{
	struct tracee *tr = tracer_find(ts, tid);
	int sig = WSTOPSIG(status), event = status >> 16;
	bool kernel = false;

	if (event == PTRACE_EVENT_EXEC)
		tr = tracer_after_exec(ts, tid);
	else if (!tr)
		tr = tracer_meet(ts, tid);
	if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
	    event == PTRACE_EVENT_VFORK)
		ts->unmet++;
	if (!tr)
		return;
	tr->group = event == PTRACE_EVENT_STOP && tracer_is_stopping(sig);
	if (!event && sig == ts->stop_signal && tracer_is_ours(ts, tid, &kernel))
		leave(ts, tr, kernel ? 0 : sig);
	else
		leave(ts, tr, event ? 0 : sig);
}

/* unmet is less than 0 after the end of a leader that could not be let go of earlier, see
 * wait_leaving(). */
static bool only_leaders(const struct tracer *ts)
{
	struct tracee *tr, *tmp;

	if (ts->unmet > 0 || !ts->all)
		return false;
	HASH_ITER (hh, ts->all, tr, tmp)
		if (!tracer_is_leader(ts, tr->tid))
			return false;
	return true;
}

/* Nobody is left of whom anything could come. */
static bool all_gone(const struct tracer *ts)
{
	struct tracee *tr, *tmp;
	struct status st;

	HASH_ITER (hh, ts->all, tr, tmp) {
		st = tracer_status(tr->tid);
		if (st.state != 'Z' && st.tracer == gettid())
			return false;
	}
	return true;
}

/*
 * A leader may end before threads that we do not trace. Its status comes when the process ends;
 * until then nothing comes, and nothing that can be waited for tells of its end.
 */
static pid_t wait_leaving(struct tracer *ts, int *ret_status)
{
	static const struct timespec nap = { .tv_nsec = LEADER_NAP_NS };
	int unmet = UNMET_NAPS;
	pid_t tid;

	/* Where this thread traces for others, too, a wait for any of ours could be for one of
	 * theirs. */
	if (!only_leaders(ts) && tracer_is_alone(ts))
		return tracer_wait(ts, 0, ret_status);
	while (!(tid = tracer_wait(ts, WNOHANG, ret_status)) &&
	       (!all_gone(ts) || (ts->unmet > 0 && unmet-- > 0)))
		nanosleep(&nap, NULL);
	return tid;
}

void tracer_leave(struct tracer *ts, pid_t pid)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp) {
		if (tr->pid != pid)
			continue;
		tr->leaving = true;
		if (tr->held)
			leave(ts, tr, 0);
		else
			ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	}
}

void tracer_leave_all(struct tracer *ts)
{
	struct tracee *tr, *tmp;
	struct tracee_event ev;
	int status;
	pid_t tid;

	HASH_ITER (hh, ts->all, tr, tmp) {
		if (tr->gone)
			tracer_drop(ts, tr);
		else if (tr->held)
			leave(ts, tr, 0);
		else /* of one that has ended there is a status to wait for */
			ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	}
	while (ts->all || ts->unmet > 0) {
		tid = wait_leaving(ts, &status);
		if (tid <= 0)
			break;
		if (WIFSTOPPED(status))
			tracer_leave_stop(ts, tid, status);
		else
			tracer_on_end(ts, tid, status, &ev);
	}
}
