// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who stops, when, and for how long. Only the thread that hit is stopped: it holds the GIL, so the
 * other threads stop by themselves where they next need it, without a system call of theirs being
 * interrupted. A pause and a still picture stop all threads, because nobody is known to hold the
 * GIL then.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "engine/stops.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/execs.h"
#include "trace/trace.h"

int stops_event(struct session *s, struct session_event ev)
{
	return vec_push(&s->events, ev);
}

void stops_announce(struct session *s)
{
	eventfd_t n;

	if (s->events.n || shown_may(s))
		(void)eventfd_write(s->ready_fd, 1);
	else
		(void)eventfd_read(s->ready_fd, &n);
}

static void forget_thread(struct session *s, pid_t tid)
{
	struct pending_hit gone;
	size_t i;

	(void)hits_take(s, tid, &gone);
	if (s->step.on && s->step.tid == tid) {
		step_end(s);
		(void)stops_event(s,
				  (struct session_event){ .kind = SESSION_STEP_OVER, .tid = tid });
	}
	for (i = 0; i < s->waiting.n;) {
		if ((pid_t)s->waiting.data[i].tid == tid)
			s->waiting.data[i] = s->waiting.data[--s->waiting.n];
		else
			i++;
	}
}

void stops_resume_one(struct session *s, pid_t tid)
{
	if (s->tracees)
		(void)tracees_resume(
			s->tracees,
			tid); /* -ESRCH: it ended meanwhile, which is reported as an event */
}

/* A thread that has no reason to stand: while all stand, it goes on with the others. */
static void let_go(struct session *s, pid_t tid)
{
	if (!s->all_stopped)
		stops_resume_one(s, tid);
}

void stops_limit(struct session *s, unsigned ms)
{
	struct itimerspec it = { .it_value = { .tv_sec = ms / 1000,
					       .tv_nsec = (long)(ms % 1000) * 1000000 } };

	timerfd_settime(s->timer_fd, 0, &it, NULL);
}

void stops_end(struct session *s, struct session_event ev)
{
	size_t i;

	if (s->over)
		return;
	s->over = true;
	step_end(s);
	s->standing = NULL;
	s->stopped = false;
	s->all_stopped = false;
	stops_limit(s, 0);
	timerfd_settime(s->tick_fd, 0, &(struct itimerspec){ 0 }, NULL);
	mem_cache_off(target_mem(s->target));
	for (i = 0; i < s->events.n; i++) {
		/* a stop that nobody has seen yet and that is no more */
		free(s->events.data[i].file);
		free(s->events.data[i].function);
		free(s->events.data[i].exception);
	}
	s->events.n = 0;
	s->waiting.n = s->passed.n = 0;
	/* After an exec the addresses mean nothing any more; what was counted stays. */
	bps_refresh(s);
	for (i = 0; i < s->hits.n; i++) /* nobody will see how these end */
		s->late += hit_is_free(&s->hits.data[i].hit) && !s->hits.data[i].late;
	(void)hits_tell_losses(s);
	latency_keep(s);
	calls_keep(s);
	/* Then the kernel follows the process no more, but perhaps others; nobody stops there. */
	if (!s->opt.children)
		bps_disarm(s);
	session_drop_tracees(s); /* it waits for what the trace owns */
	if (!s->opt.children) {
		trace_free(s->trace);
		s->trace = NULL;
	}
	s->hits.n = 0;
	s->modules_on = false;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, target_pidfd(s->target), NULL);
	stops_event(s, ev);
}

void stops_fallen(struct session *s)
{
	size_t n = 0;

	s->standing = NULL;
	stops_limit(s, 0);
	for (size_t i = 0; i < s->events.n; i++) { /* a stop that nobody has seen yet */
		struct session_event *ev = &s->events.data[i];

		if (ev->kind != SESSION_STOPPED) {
			s->events.data[n++] = *ev;
			continue;
		}
		free(ev->file);
		free(ev->function);
		free(ev->exception);
	}
	s->events.n = n;
}

/* At a uprobe the signal is taken when the instruction under it is done: 15 bytes at most. */
static bool stands_at(const struct abi_hit *hit, uint64_t ip)
{
	return hit->place == ABI_PLACE_RAISE || hit->h.kind == ABI_REC_MODULE ? ip - hit->ip <= 15
									      : ip == hit->ip;
}

/*
 * Our signal has stopped a thread. Where it blocked the signal it met it later, somewhere else:
 * that is no stop but a hit that was lost.
 */
static int on_our_signal(struct session *s, pid_t tid)
{
	struct pending_hit p;
	uint64_t ip;
	int r;

	if (!hits_await(s, tid) || !hits_take(s, tid, &p)) {
		let_go(s, tid); /* its record was lost; the loss counters tell */
		return 0;
	}
	if (p.hit.ip && !tracees_ip(s->tracees, tid, &ip) && !stands_at(&p.hit, ip)) {
		s->late += !p.late;
		s->hold_failed |= hit_is_free(&p.hit);
		let_go(s, tid);
		return 0;
	}
	if (!process_of_hit(s, &p.hit)) {
		let_go(s, tid); /* it is left alone meanwhile */
		return 0;
	}
	if (p.hit.h.kind == ABI_REC_MODULE) {
		struct process *was = process_visit(s, (pid_t)p.hit.tgid);

		r = was ? pending_module(s, &p.hit) : 0;
		let_go(s, tid);
		process_back(s, was);
		return r;
	}
	do
		r = vec_push(&s->waiting, p.hit);
	while (!r && hits_take(s, tid, &p));
	return r;
}

/* It was free when it hit, and a pause came before whoever should hold it: no signal follows. */
static bool stands_free(struct session *s, pid_t tid)
{
	size_t i;

	if (!stops_is_ours(s, tid))
		return false;
	for (i = 0; i < s->hits.n; i++)
		if ((pid_t)s->hits.data[i].hit.tid == tid && hit_is_free(&s->hits.data[i].hit))
			return true;
	return false;
}

/* One ptrace event. */
static int stops_tracee(struct session *s, const struct tracee_event *te)
{
	int r = 0;

	switch (te->kind) {
	case TRACEE_SIGNAL:
		r = on_our_signal(s, te->tid);
		break;
	case TRACEE_STOPPED:
		/* asked for, or it was in state D when a picture was taken */
		if (stands_free(s, te->tid))
			r = on_our_signal(s, te->tid);
		else
			let_go(s, te->tid);
		break;
	case TRACEE_GONE:
		forget_thread(s, te->tid);
		/*
		 * A stopped thread ends only with its process, or where another thread runs
		 * execve: the event of that follows and ends the stop.
		 */
		if (s->stopped && (pid_t)s->stop.tid == te->tid)
			look_forget(s);
		break;
	case TRACEE_EXEC:
		if (s->execs)
			(void)execs_keep(s->execs, te->tid);
		process_end(s, te->tid,
			    (struct session_event){ .kind = SESSION_EXEC, .tid = te->tid });
		if (s->execs && s->tracees)
			tracees_leave(s->tracees, te->tid);
		break;
	case TRACEE_EXITED:
		process_end(s, te->tid,
			    (struct session_event){ .kind = SESSION_EXITED, .status = te->status });
		break;
	case TRACEE_KEY:
		r = stops_event(s, (struct session_event){ .kind = SESSION_KEY, .tid = te->tid });
		break;
	case TRACEE_NONE:
		break;
	}
	return r;
}

int stops_tracees(struct session *s)
{
	struct tracee_event te;
	int r;

	while (s->tracees) {
		r = tracees_next(s->tracees, &te);
		if (r)
			return r;
		if (te.kind == TRACEE_NONE)
			break;
		r = stops_tracee(s, &te);
		if (r)
			return r;
	}
	return 0;
}

/* Nothing wakes us for a loss: the tick does. */
static int stops_losses(struct session *s)
{
	uint64_t ticks;

	if (read(s->tick_fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return 0;
	return hits_tell_losses(s);
}

static int stops_timer(struct session *s)
{
	uint64_t ticks;

	if (read(s->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks) || !s->standing)
		return 0;
	if (session_continue(s, NULL))
		return 0;
	return stops_event(s, (struct session_event){ .kind = SESSION_RESUMED_BY_LIMIT });
}

static int stops_exited(struct session *s, const struct process *p)
{
	struct target *t = p == s->now ? s->target : p->state.target;
	struct pollfd pfd = { .events = POLLIN };
	pid_t pid = p->pid;
	int r;

	if (!p->opened || p->ended)
		return 0;
	pfd.fd = target_pidfd(t);
	if (poll(&pfd, 1, 0) != 1)
		return 0;
	r = stops_tracees(s);
	if (!s->over && process_find(s, pid) == p)
		process_end(s, pid,
			    (struct session_event){ .kind = SESSION_EXITED,
						    .status = target_exit_status(t) });
	return r;
}

int stops_pump(struct session *s)
{
	int r;

	step_idle(s);
	if (s->over && !s->opt.children)
		return 0;
	if (!s->over) {
		r = processes_pump(s);
		if (r)
			return r;
	}
	if (s->trace) {
		r = hits_consume(s);
		if (r < 0)
			return r;
	}
	if (s->over)
		return s->trace ? hits_tell_losses(s) : 0;
	r = stops_tracees(s);
	if (!r && !s->over && s->tracees && tracees_settled(s->tracees))
		processes_seize(s);
	if (!r && !s->over && s->trace && !processes_many(s) && trace_execed(s->trace))
		stops_end(s, (struct session_event){ .kind = SESSION_EXEC,
						     .tid = target_pid(s->target) });
	if (!r && !s->over)
		r = shown_next(s);
	if (!r && !s->over)
		r = stops_timer(s);
	if (!r && !s->over)
		r = stops_losses(s);
	if (!r && !s->over)
		births_check(s);
	if (!r && !s->over)
		loans_check(s);
	/* The pidfd is readable when the whole process has ended; a tracer is told through its
	 * threads, too. */
	for (size_t i = s->processes.n; !r && !s->over && i-- > 0;)
		if (i < s->processes.n)
			r = stops_exited(s, s->processes.data[i]);
	return r;
}

int session_next_event(struct session *s, int timeout_ms, struct session_event *ret)
{
	uint64_t end = timeout_ms > 0 ? clock_ns() + (uint64_t)timeout_ms * 1000000u : 0, now;
	static const struct session_event none = { .kind = SESSION_NONE };
	struct epoll_event ev;
	int r, wait;

	for (;;) {
		r = stops_pump(s);
		if (r)
			return r;
		if (s->events.n) {
			/* what the caller borrowed last time is freed with the session's own copy
			 */
			free(s->shown_file);
			free(s->shown_function);
			free(s->shown_exception);
			*ret = s->events.data[0];
			if (!ret->process) {
				ret->process = s->now->pid;
				ret->number = s->now->number;
			}
			s->shown_file = ret->file;
			s->shown_function = ret->function;
			s->shown_exception = ret->exception;
			memmove(&s->events.data[0], &s->events.data[1],
				(s->events.n - 1) * sizeof(*s->events.data));
			s->events.n--;
			stops_announce(s);
			return 0;
		}
		stops_announce(s);
		wait = timeout_ms;
		if (timeout_ms > 0) {
			now = clock_ns();
			wait = now < end ? (int)((end - now + 999999) / 1000000) : 0;
		}
		if (!wait || s->over) {
			*ret = none;
			return 0;
		}
		r = epoll_wait(s->epoll_fd, &ev, 1, wait);
		if (r < 0) {
			/* a signal to the debugger (Ctrl-C): the caller's business */
			*ret = none;
			return errno == EINTR ? 0 : -errno;
		}
	}
}

int stops_go(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (r)
		return r;
	if (!s->stopped)
		return err_set(err, -EINVAL, "%s: the target is running", s->label);
	s->standing = NULL;
	stops_limit(s, 0);
	s->left.frame = 0;
	if (s->stop_reason == STOP_STEP && s->at == STEP_AT_LINE &&
	    s->step.py.prev_kind == ABI_PREV_STATE && !s->stop.rules[2]) {
		s->left = s->stop;
		bps_leave(s);
	}
	s->stopped = false;
	look_forget(s);
	if (s->all_stopped)
		stops_resume_all(s);
	else if (!shown_waits(s, (pid_t)s->stop.tid))
		stops_resume_one(s, (pid_t)s->stop.tid);
	session_relax(s);
	stops_announce(s);
	return 0;
}

int session_continue(struct session *s, struct err *err)
{
	int r = s->standing ? process_enter(s, s->standing, err) : 0;

	step_forget(s);
	return r ? r : stops_go(s, err);
}
