// SPDX-License-Identifier: BSD-2-Clause
/* Threads become ours. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "target/seize.h"
#include "target/target.h"
#include "target/tracer.h"
#include "target/tracer_priv.h"

#define SEIZE_ROUNDS 1000

int tracer_check(const struct tracer *ts, pid_t tid, pid_t pid)
{
	if (!pid && ts->children)
		return 0;
	return syscall(SYS_tgkill, pid ? pid : target_pid(ts->t), tid, 0) ? -errno : 0;
}

/* Interrupted just after the execve that was waited for: it is the leader that is traced then. */
static bool became_leader(const struct tracer *ts, pid_t tid, pid_t pid)
{
	return pid && syscall(SYS_tgkill, pid, tid, 0) && errno == ESRCH && !tracer_find(ts, pid) &&
	       tracer_status(pid).tracer == gettid();
}

int tracer_seize_one(const struct tracer *ts, pid_t tid, pid_t pid)
{
	int r = seize_thread(tid, tracer_options(ts));

	if (r == -EINTR && (tracer_status(tid).tracer == gettid() || became_leader(ts, tid, pid)))
		return 0;
	return r;
}

static bool reaped(struct tracer *ts, pid_t tid)
{
	struct tracee *tr = tracer_find(ts, tid);
	int status;

	if (tr && tr->gone)
		return false;
	if (waitpid(tid, &status, __WALL | __WNOTHREAD | WNOHANG) <= 0)
		return false;
	if (!tr) {
		ts->unmet--;
		return true;
	}
	tr->held = false;
	tr->gone = true;
	ts->ngone++;
	return true;
}

static bool has_ended(pid_t tid)
{
	siginfo_t si = { 0 };

	return !waitid(P_PID, (id_t)tid, &si, WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) &&
	       si.si_pid;
}

/*
 * execve waits for threads that have ended: they are told later. What else there is, and the ends
 * of leaders, stay for tracer_next().
 */
static void reap(struct tracer *ts)
{
	struct tracee *tr, *tmp;
	siginfo_t si;

	do
		si.si_pid = 0;
	while (!waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | WAIT_FLAGS) && si.si_pid &&
	       !tracer_is_leader(ts, si.si_pid) && tracer_owner(ts, si.si_pid) == ts &&
	       reaped(ts, si.si_pid));
	/* Where one that stays is found first, those behind it are asked for by name. */
	HASH_ITER (hh, ts->all, tr, tmp)
		if (si.si_pid && !tr->gone && !tracer_is_leader(ts, tr->tid) && has_ended(tr->tid))
			(void)reaped(ts, tr->tid);
}

bool tracer_renamed(struct tracer *ts, pid_t pid, pid_t tid)
{
	if (!syscall(SYS_tgkill, pid, tid, 0) || errno != ESRCH)
		return false;
	ts->execed = pid;
	return true;
}

static int seize_failed(struct target *t, pid_t tid, int error, struct err *err)
{
	char state = target_state(t, tid), comm[16] = "?";
	pid_t tracer;

	/* A thread that is ending is refused with EPERM too (ptrace_attach() in kernel/ptrace.c).
	 */
	if (error == ESRCH || !state || state == 'Z')
		return 0;
	tracer = target_tracer(t, tid);
	/* Ours already: it was made by a thread that we had seized, or another tracer of ours was
	 * first. */
	if (tracer > 0 && !syscall(SYS_tgkill, getpid(), tracer, 0))
		return 0;
	if (tracer > 0)
		return err_set(err, -EBUSY, "pid %d: already traced by process %d; end that first",
			       (int)target_pid(t), (int)tracer);
	target_comm(t, tid, comm);
	if (error == EPERM || error == EACCES)
		return err_set(err, -EPERM,
			       "pid %d: not allowed to trace thread %d (%s); run as root (sudo)%s",
			       (int)target_pid(t), (int)tid, comm,
			       geteuid() ? "" : " with CAP_SYS_PTRACE");
	return err_set(err, -error, "pid %d: thread %d (%s) cannot be traced: %s",
		       (int)target_pid(t), (int)tid, comm, strerror(error));
}

/* One pass over the threads that are there; *ret_new: how many were not known before. */
static int seize_pass(struct tracer *ts, struct target *t, struct err *err, size_t *ret_new)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n, i;
	int r;

	*ret_new = 0;
	r = target_list_tids(t, err, &tids, &n);
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		if (tracer_find(ts, tids[i]))
			continue;
		r = tracer_seize_one(ts, tids[i], target_pid(t));
		if (r == -EINTR)
			return r;
		if (r) {
			r = seize_failed(t, tids[i], -r, err);
			if (r)
				return r;
			continue;
		}
		if (tracer_renamed(ts, target_pid(t), tids[i]))
			return 0;
		if (!tracer_add(ts, tids[i], target_pid(t)))
			return err_set(err, -ENOMEM, "out of memory");
		++*ret_new;
	}
	return 0;
}

int tracer_seize_process(struct tracer *ts, struct target *t, struct err *err)
{
	struct seize_limit limit;
	size_t fresh = 1;
	int round, r = 0;

	seize_limit_begin(&limit);
	/* With births every thread that comes is made by one of ours from a pass without a new one
	 * on. */
	for (round = 0; !r && fresh && round < SEIZE_ROUNDS; round++) {
		r = seize_pass(ts, t, err, &fresh);
		if (!ts->births)
			fresh = 0;
	}
	seize_limit_end(&limit);
	if (r == -EINTR)
		reap(ts);
	if (r)
		return r;
	if (fresh)
		return err_set(err, -EAGAIN,
			       "pid %d: starts threads faster than they can be seized",
			       (int)target_pid(t));
	if (!ts->all && !ts->execed)
		return err_set(err, -ESRCH, "pid %d: the process has ended", (int)target_pid(t));
	return 0;
}

int tracer_seize_all(struct tracer *ts, struct err *err)
{
	return tracer_seize_process(ts, ts->t, err);
}

int tracer_seize(struct tracer *ts, pid_t tid, pid_t pid)
{
	int r = tracer_check(ts, tid,
			     pid); /* it may have been killed since, its number be another's */

	if (!r)
		r = tracer_seize_one(
			ts, tid, pid); /* refused where it is ours already: made by one of ours */
	return r || !tracer_renamed(ts, pid, tid) ? r : -ESRCH;
}
