// SPDX-License-Identifier: BSD-2-Clause
/* The tracers of one target together: the caller's own thread and, if threads are held at their
 * hits, the holder. */
#include "target/ptrace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "target/holder.h"
#include "target/target.h"
#include "target/tracer.h"

#define EXECVE_MAX_NS 5000000000u

struct tracees {
	struct target *t;
	struct tracer *own;
	struct holder *holder; /* NULL until tracees_hold() */
	int fd;
	bool drained;  /* the fd was read since tracees_next() last said TRACEE_NONE */
	bool exited;   /* TRACEE_EXITED was told */
	bool settled;  /* for tracees_settled() */
	bool settling; /* tracees_follow(): not true of every thread yet */
	int stop_signal;
	bool take_keys, children, hold_exec;
	bool (*filter)(void *priv, pid_t tid);
	void *filter_priv;
	pthread_mutex_t filtering; /* tracees_free() has all tracers work at once */
};

int tracees_choose_signal(const struct target *t)
{
	static const int harmless[] = { SIGURG, SIGWINCH };
	int best = 0;
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		if (target_catches(t, harmless[i]))
			continue;
		if (!target_blocks(t, harmless[i]))
			return harmless[i];
		/* perhaps only for now: the C library blocks all signals in a thread that begins */
		if (!best)
			best = harmless[i];
	}
	return best ? best : SIGURG;
}

/* SIGCHLD is blocked while a thread of ours traces for anybody. */
static _Thread_local unsigned blocked;
static _Thread_local sigset_t unblocked;

static int block(const sigset_t *set)
{
	int r = blocked ? 0 : -pthread_sigmask(SIG_BLOCK, set, &unblocked);

	blocked += !r;
	return r;
}

static void unblock(void)
{
	if (!--blocked)
		pthread_sigmask(SIG_SETMASK, &unblocked, NULL);
}

static int open_fd(struct tracees *ts)
{
	struct sigaction sa;
	sigset_t set;

	/* Ignored, or with SA_NOCLDSTOP, it is not sent for stops (do_notify_parent_cldstop()). */
	if (!sigaction(SIGCHLD, NULL, &sa) &&
	    (sa.sa_handler == SIG_IGN || (sa.sa_flags & SA_NOCLDSTOP))) {
		memset(&sa, 0, sizeof(sa));
		sa.sa_handler = SIG_DFL;
		sigaction(SIGCHLD, &sa, NULL);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	ts->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ts->fd < 0)
		return -errno;
	return block(&set);
}

/* execve may take long (a slow disk), but not for ever: it could wait for another tracer. */
static int seize_all(struct tracees *ts, struct err *err)
{
	uint64_t end = clock_ns() + EXECVE_MAX_NS;
	int r;

	do
		r = tracer_seize_all(ts->own, err);
	while (r == -EINTR && clock_ns() < end);
	if (r == -EINTR)
		return err_set(err, -EAGAIN, "pid %d: is about to run another program (execve)",
			       (int)target_pid(ts->t));
	return r;
}

static int seize(struct target *t, bool births, bool children, struct err *err,
		 struct tracees **ret)
{
	struct tracees *ts = calloc(1, sizeof(*ts));
	int r;

	if (!ts)
		return err_set(err, -ENOMEM, "out of memory");
	ts->t = t;
	ts->stop_signal = SIGURG;
	pthread_mutex_init(&ts->filtering, NULL);
	r = open_fd(ts);
	if (r) {
		if (ts->fd >= 0)
			close(ts->fd);
		free(ts);
		return err_set(err, r, "signalfd: %s", strerror(-r));
	}
	ts->own = tracer_new(t, births);
	ts->children = children;
	if (ts->own)
		tracer_set_children(ts->own, children);
	r = ts->own ? seize_all(ts, err) : err_set(err, -ENOMEM, "out of memory");
	if (r) {
		tracees_free(ts);
		return r;
	}
	*ret = ts;
	return 0;
}

int tracees_seize(struct target *t, struct err *err, struct tracees **ret)
{
	return seize(t, true, false, err, ret);
}

int tracees_seize_now(struct target *t, struct err *err, struct tracees **ret)
{
	return seize(t, false, false, err, ret);
}

int tracees_seize_children(struct target *t, bool births, struct err *err, struct tracees **ret)
{
	return seize(t, births, true, err, ret);
}

static bool filter(void *priv, pid_t tid)
{
	struct tracees *ts = priv;
	bool r;

	pthread_mutex_lock(&ts->filtering);
	r = ts->filter(ts->filter_priv, tid);
	pthread_mutex_unlock(&ts->filtering);
	return r;
}

void tracees_set_filter(struct tracees *ts, bool (*fn)(void *priv, pid_t tid), void *priv)
{
	ts->filter = fn;
	ts->filter_priv = priv;
	tracer_set_filter(ts->own, fn ? filter : NULL, ts);
}

void tracees_set_signal(struct tracees *ts, int sig)
{
	ts->stop_signal = sig;
	tracer_set_signal(ts->own, sig);
}

void tracees_set_target(struct tracees *ts, struct target *t)
{
	ts->t = t;
	tracer_set_target(ts->own, t);
}

void tracees_take_keys(struct tracees *ts, bool take)
{
	ts->take_keys = take;
	tracer_take_keys(ts->own, take);
}

int tracees_fd(const struct tracees *ts)
{
	return ts->fd;
}

/* ---- held at a hit ---- */

int tracees_hold(struct tracees *ts, const struct tracees_hits *hits)
{
	struct tracer *tracer = tracer_new(ts->t, false);

	if (!tracer)
		return -ENOMEM;
	tracer_set_children(tracer, ts->children);
	tracer_set_filter(tracer, ts->filter ? filter : NULL, ts);
	tracer_set_signal(tracer, ts->stop_signal);
	tracer_take_keys(tracer, ts->take_keys);
	tracer_hold_exec(tracer, ts->hold_exec);
	return holder_start(hits, tracer, &ts->holder);
}

/* ---- a call goes to whoever traces the thread ---- */

enum op {
	OP_NEXT,
	OP_INTERRUPT,
	OP_RESUME,
	OP_RESUME_ALL,
	OP_IP,
	OP_ARGS,
	OP_REGISTERS,
	OP_FOLLOW,
	OP_FOLLOWS,
	OP_CHILDREN,
	OP_HOLD_EXEC,
	OP_LEAVE
};

struct request {
	enum op op;
	pid_t tid;
	struct tracee_event ev;
	uint64_t ip, args[2], registers[17];
	bool births, children, hold_exec;
	bool (*keep)(void *priv, pid_t tid);
	void *priv;
	int r;
};

static void serve(struct tracer *tracer, void *arg)
{
	struct request *rq = arg;

	switch (rq->op) {
	case OP_NEXT:
		rq->r = tracer_next(tracer, &rq->ev);
		break;
	case OP_INTERRUPT:
		rq->r = tracer_interrupt(tracer, rq->tid);
		break;
	case OP_RESUME:
		rq->r = tracer_resume(tracer, rq->tid);
		break;
	case OP_RESUME_ALL:
		tracer_resume_all(tracer, rq->keep, rq->priv);
		break;
	case OP_IP:
		rq->r = tracer_ip(tracer, rq->tid, &rq->ip);
		break;
	case OP_ARGS:
		rq->r = tracer_args(tracer, rq->tid, rq->args);
		break;
	case OP_REGISTERS:
		rq->r = tracer_registers(tracer, rq->tid, rq->registers);
		break;
	case OP_FOLLOW:
		tracer_follow(tracer, rq->births);
		break;
	case OP_FOLLOWS:
		rq->r = tracer_follows(tracer);
		break;
	case OP_CHILDREN:
		tracer_set_children(tracer, rq->children);
		break;
	case OP_HOLD_EXEC:
		tracer_hold_exec(tracer, rq->hold_exec);
		break;
	case OP_LEAVE:
		tracer_leave(tracer, rq->tid);
		break;
	}
}

/* Who traces tid, if it is not our own thread. */
static struct holder *holder_of(const struct tracees *ts, pid_t tid)
{
	if (!ts->holder || tracer_knows(ts->own, tid) || !holder_is_busy(ts->holder) ||
	    !holder_look(ts->holder, tracer_knows, tid))
		return NULL;
	return ts->holder;
}

static int ask(const struct tracees *ts, struct request *rq)
{
	struct holder *h = holder_of(ts, rq->tid);

	if (h)
		holder_call(h, serve, rq);
	else
		serve(ts->own, rq);
	return rq->r;
}

/* Our own thread first, then the holder if it has threads, while rq->r is 0 (and, for events, none
 * was found). */
static void ask_all(const struct tracees *ts, struct request *rq)
{
	serve(ts->own, rq);
	if (!rq->r && rq->ev.kind == TRACEE_NONE && ts->holder && holder_is_busy(ts->holder))
		holder_call(ts->holder, serve, rq);
}

/*
 * The threads that we trace make no new ones unseen any more? Then all that were made before are
 * seized. What does not work out (another tracer has one) is no reason to fail: a hit there is told
 * as lost.
 */
static void settle(struct tracees *ts)
{
	struct request rq = { .op = OP_FOLLOWS };

	if (!tracer_follows(ts->own))
		return;
	if (ts->holder && holder_is_busy(ts->holder)) {
		holder_call(ts->holder, serve, &rq);
		if (!rq.r)
			return;
	}
	ts->settling = !ts->children && tracer_seize_all(ts->own, NULL) == -EINTR;
	ts->settled = ts->children;
}

void tracees_follow(struct tracees *ts, bool births)
{
	struct request rq = { .op = OP_FOLLOW, .births = births };

	serve(ts->own, &rq);
	if (ts->holder)
		holder_call(ts->holder, serve, &rq);
	ts->settling = births;
}

void tracees_set_children(struct tracees *ts, bool children)
{
	struct request rq = { .op = OP_CHILDREN, .children = children };

	ts->children = children;
	serve(ts->own, &rq);
	if (ts->holder)
		holder_call(ts->holder, serve, &rq);
}

void tracees_hold_exec(struct tracees *ts, bool hold)
{
	struct request rq = { .op = OP_HOLD_EXEC, .hold_exec = hold };

	ts->hold_exec = hold;
	serve(ts->own, &rq);
	if (ts->holder)
		holder_call(ts->holder, serve, &rq);
}

int tracees_seize_process(struct tracees *ts, struct target *t, struct err *err)
{
	return tracer_seize_process(ts->own, t, err);
}

bool tracees_settled(struct tracees *ts)
{
	bool r = ts->settled;

	ts->settled = false;
	return r;
}

void tracees_leave(struct tracees *ts, pid_t pid)
{
	struct request rq = { .op = OP_LEAVE, .tid = pid };

	ask_all(ts, &rq);
}

static void drain(struct tracees *ts)
{
	struct signalfd_siginfo si[2];
	ssize_t n;

	/* SIGCHLD is not queued: there is at most one for the thread and one for the process. */
	do {
		n = read(ts->fd, si, sizeof(si));
	} while (n < 0 && errno == EINTR);
}

bool tracees_has_waited(const struct tracees *ts)
{
	return tracer_has_waited(ts->own);
}

int tracees_next(struct tracees *ts, struct tracee_event *ret)
{
	struct request rq = { .op = OP_NEXT };

	/* Before the wait: what happens after it makes the fd readable again. */
	if (!ts->drained) {
		drain(ts);
		ts->drained = true;
	}
	ask_all(ts, &rq);
	if (rq.r)
		return rq.r;
	if (rq.ev.kind == TRACEE_NONE) {
		ts->drained = false;
		if (ts->settling)
			settle(ts);
		/* The leader had ended before we came, so that nobody tells us how. */
		if (!ts->children && tracer_is_empty(ts->own) && !ts->exited &&
		    !target_alive(ts->t))
			rq.ev = (struct tracee_event){ TRACEE_EXITED, target_pid(ts->t), -1 };
	}
	ts->exited |= rq.ev.kind == TRACEE_EXITED;
	*ret = rq.ev;
	return 0;
}

int tracees_interrupt(struct tracees *ts, pid_t tid)
{
	struct request rq = { .op = OP_INTERRUPT, .tid = tid };

	return ask(ts, &rq);
}

int tracees_resume(struct tracees *ts, pid_t tid)
{
	struct request rq = { .op = OP_RESUME, .tid = tid };

	return ask(ts, &rq);
}

void tracees_resume_all(struct tracees *ts, bool (*keep)(void *priv, pid_t tid), void *priv)
{
	struct request rq = { .op = OP_RESUME_ALL, .keep = keep, .priv = priv };

	ask_all(ts, &rq);
}

int tracees_ip(const struct tracees *ts, pid_t tid, uint64_t *ret)
{
	struct request rq = { .op = OP_IP, .tid = tid };
	int r = ask(ts, &rq);

	if (!r)
		*ret = rq.ip;
	return r;
}

int tracees_args(const struct tracees *ts, pid_t tid, uint64_t ret[static 2])
{
	struct request rq = { .op = OP_ARGS, .tid = tid };
	int r = ask(ts, &rq);

	if (!r)
		memcpy(ret, rq.args, sizeof(rq.args));
	return r;
}

int tracees_registers(const struct tracees *ts, pid_t tid, uint64_t ret[static 17])
{
	struct request rq = { .op = OP_REGISTERS, .tid = tid };
	int r = ask(ts, &rq);

	if (!r)
		memcpy(ret, rq.registers, sizeof(rq.registers));
	return r;
}

static bool look(const struct tracees *ts, bool (*fn)(const struct tracer *, pid_t), pid_t tid)
{
	struct holder *h = holder_of(ts, tid);

	return h ? holder_look(h, fn, tid) : fn(ts->own, tid);
}

bool tracees_is_stopped(const struct tracees *ts, pid_t tid)
{
	return look(ts, tracer_is_stopped, tid);
}

bool tracees_is_job_stopped(const struct tracees *ts, pid_t tid)
{
	return look(ts, tracer_is_job_stopped, tid);
}

void tracees_free(struct tracees *ts)
{
	if (!ts)
		return;
	/* Both at once: a thread in execve goes on when those of every tracer are reaped. */
	if (ts->holder)
		holder_quit(ts->holder);
	tracer_free(ts->own);
	if (ts->holder)
		holder_free(ts->holder);
	drain(ts);
	unblock();
	close(ts->fd);
	pthread_mutex_destroy(&ts->filtering);
	free(ts);
}
