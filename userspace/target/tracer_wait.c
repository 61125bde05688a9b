// SPDX-License-Identifier: BSD-2-Clause
/* What happens to the threads that we trace is waited for, without blocking. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/ptrace.h"
#include "target/target.h"
#include "target/tracer.h"
#include "target/tracer_priv.h"

static _Thread_local struct tracer *first;

void tracer_list(struct tracer *ts)
{
	if (ts->listed)
		return;
	ts->listed = true;
	ts->next = first;
	first = ts;
}

void tracer_unlist(struct tracer *ts)
{
	struct tracer **at = &first;

	while (*at && *at != ts)
		at = &(*at)->next;
	if (*at)
		*at = ts->next;
	vec_deinit(&ts->waited);
}

bool tracer_is_alone(const struct tracer *ts)
{
	return !first || (first == ts && !ts->next);
}

bool tracer_has_waited(const struct tracer *ts)
{
	return ts->waited.n > 0;
}

static bool has_process(const struct tracer *ts, pid_t pid)
{
	const struct tracee *tr;

	for (tr = ts->all; tr; tr = tr->hh.next)
		if (tr->pid == pid)
			return true;
	return false;
}

struct tracer *tracer_owner(struct tracer *ts, pid_t tid)
{
	struct tracer *other;
	struct status st;

	if (tracer_is_alone(ts) || tracer_find(ts, tid))
		return ts;
	for (other = first; other; other = other->next)
		if (tracer_find(other, tid))
			return other;
	/* It is new, or has ended before its first stop. */
	st = tracer_status(tid);
	for (other = first; other; other = other->next)
		if (st.pid && (has_process(other, st.pid) || has_process(other, st.parent)))
			return other;
	for (other = first; other; other = other->next)
		if (other->unmet > 0)
			return other;
	return ts;
}

static pid_t wait_any(int flags, int *ret_status)
{
	pid_t tid;

	do {
		tid = waitpid(-1, ret_status, WAIT_FLAGS | flags);
	} while (tid < 0 && errno == EINTR);
	return tid;
}

static bool take_waited(struct tracer *ts, struct waited *ret)
{
	if (!ts->waited.n)
		return false;
	*ret = ts->waited.data[0];
	ts->waited.n--;
	memmove(&ts->waited.data[0], &ts->waited.data[1], ts->waited.n * sizeof(*ret));
	return true;
}

pid_t tracer_wait(struct tracer *ts, int flags, int *ret_status)
{
	struct waited w = { 0 };
	struct tracer *owner;

	while (!take_waited(ts, &w)) {
		w.tid = wait_any(flags, &w.status);
		if (w.tid <= 0)
			return w.tid;
		owner = tracer_owner(ts, w.tid);
		if (owner == ts || vec_push(&owner->waited, w))
			break;
		/* who waits for that one is woken as by the event itself */
		syscall(SYS_tgkill, getpid(), gettid(), SIGCHLD);
	}
	*ret_status = w.status;
	return w.tid;
}

/*
 * Any event there is, without blocking. Waiting for any task makes the kernel look at all that we
 * trace, so that to stop n threads would take n * n looks: ask for one that must answer soon before
 * that.
 */
static pid_t poll_any(struct tracer *ts, int *ret_status)
{
	struct tracee *tr = ts->hint;
	pid_t tid = 0;

	while (tr && !tr->wanted)
		tr = tr->hh.next;
	/* Whoever is not there yet is found the other way. */
	ts->hint = tr ? tr->hh.next : NULL;
	if (tr && !ts->waited.n)
		tid = waitpid(tr->tid, ret_status, __WALL | __WNOTHREAD | WNOHANG);
	return tid > 0 ? tid : tracer_wait(ts, WNOHANG, ret_status);
}

/* One that was reaped before. */
static void tell_gone(struct tracer *ts, struct tracee_event *ret)
{
	struct tracee *tr = ts->all;

	while (tr && !tr->gone)
		tr = tr->hh.next;
	if (!tr)
		return;
	*ret = (struct tracee_event){ .kind = TRACEE_GONE, .tid = tr->tid };
	tracer_drop(ts, tr);
}

/*
 * Nobody is left that we could wait for, and the process lives: a thread that we do not trace has
 * run execve, and has taken the leader's place in silence (release_task(leader) in de_thread()).
 * Where there may be several processes the caller has the kernel tell of each execve.
 */
static void on_silence(struct tracer *ts, struct tracee_event *ret)
{
	if (ts->children || !ts->all || !target_alive(ts->t))
		return;
	tracer_drop_all(ts, 0);
	ts->unmet = 0;
	*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = target_pid(ts->t) };
}

static void tell_exec(struct tracer *ts, struct tracee_event *ret)
{
	*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = ts->execed };
	(void)tracer_after_exec(ts, ts->execed);
	ts->execed = 0;
}

int tracer_next(struct tracer *ts, struct tracee_event *ret)
{
	struct tracee_event ev = { .kind = TRACEE_NONE };
	int status;
	pid_t tid;

	if (ts->ngone)
		tell_gone(ts, &ev);
	else if (ts->execed)
		tell_exec(ts, &ev);
	while (ev.kind == TRACEE_NONE) {
		tid = poll_any(ts, &status);
		if (tid < 0 && errno == ECHILD)
			on_silence(ts, &ev);
		if (tid <= 0)
			break;
		if (WIFSTOPPED(status))
			tracer_on_stop(ts, tid, status, &ev);
		else
			tracer_on_end(ts, tid, status, &ev);
	}
	*ret = ev;
	return 0;
}
