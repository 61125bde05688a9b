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
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/index.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/trace.h"

/* A thread in an uninterruptible sleep does not stop; the picture is taken without it after this
 * long. */
#define STOP_ALL_NS 1000000000u
/* Loss counters are looked at no more often than this. */
#define STATS_NS 200000000u
/* A thread that was told to stop and has not done so after this long will not. */
#define LATE_NS 500000000u

static int events_push(struct session *s, struct session_event ev)
{
	return vec_push(&s->events, ev);
}

static void stops_add_hit(void *priv, const struct abi_hit *hit)
{
	struct session *s = priv;

	/* a lost record (no memory) is found out when its thread stops without one */
	(void)vec_push(&s->hits, (struct pending_hit){ .hit = *hit });
}

static bool take_hit(struct session *s, pid_t tid, struct abi_hit *ret)
{
	size_t i;

	for (i = 0; i < s->hits.n; i++) {
		if ((pid_t)s->hits.data[i].hit.tid != tid)
			continue;
		*ret = s->hits.data[i].hit;
		memmove(&s->hits.data[i], &s->hits.data[i + 1],
			(s->hits.n - i - 1) * sizeof(*s->hits.data));
		s->hits.n--;
		return true;
	}
	return false;
}

bool stops_is_ours(void *priv, pid_t tid)
{
	struct session *s = priv;
	size_t i;

	/* the record was written before the signal was sent */
	if (s->trace)
		(void)trace_consume(s->trace, stops_add_hit, s);
	for (i = 0; i < s->hits.n; i++)
		if ((pid_t)s->hits.data[i].hit.tid == tid)
			return true;
	return false;
}

void stops_forget_thread(struct session *s, pid_t tid)
{
	struct abi_hit gone;
	size_t i;

	while (take_hit(s, tid, &gone))
		;
	for (i = 0; i < s->waiting.n;) {
		if ((pid_t)s->waiting.data[i].tid == tid)
			s->waiting.data[i] = s->waiting.data[--s->waiting.n];
		else
			i++;
	}
}

void stops_resume(struct session *s, pid_t tid)
{
	if (s->tracees)
		(void)tracees_resume(
			s->tracees,
			tid); /* -ESRCH: it ended meanwhile, which is reported as an event */
}

static bool is_waiting(const struct session *s, pid_t tid)
{
	size_t i;

	for (i = 0; i < s->waiting.n; i++)
		if ((pid_t)s->waiting.data[i].tid == tid)
			return true;
	return false;
}

static void arm_max_pause(struct session *s, unsigned ms)
{
	struct itimerspec it = { .it_value = { .tv_sec = ms / 1000,
					       .tv_nsec = (long)(ms % 1000) * 1000000 } };

	timerfd_settime(s->timer_fd, 0, &it, NULL);
}

static void stops_end(struct session *s, struct session_event ev)
{
	size_t i;

	if (s->over)
		return;
	s->over = true;
	s->stopped = false;
	s->all_stopped = false;
	arm_max_pause(s, 0);
	mem_cache_off(target_mem(s->target));
	for (i = 0; i < s->events.n; i++) {
		/* a stop that nobody has seen yet and that is no more */
		free(s->events.data[i].file);
		free(s->events.data[i].function);
	}
	s->events.n = 0;
	s->hits.n = s->waiting.n = 0;
	/* After an exec the addresses mean nothing any more. */
	trace_free(s->trace);
	s->trace = NULL;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, target_pidfd(s->target), NULL);
	if (s->tracees) {
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, tracees_fd(s->tracees), NULL);
		tracees_free(s->tracees);
		s->tracees = NULL;
	}
	events_push(s, ev);
}

/* One ptrace event. */
static int stops_tracee(struct session *s, const struct tracee_event *te)
{
	struct abi_hit hit;
	int r = 0;

	switch (te->kind) {
	case TRACEE_SIGNAL:
		/* the record was written before the signal was sent */
		if (s->trace)
			(void)trace_consume(s->trace, stops_add_hit, s);
		if (take_hit(s, te->tid, &hit))
			r = vec_push(&s->waiting, hit);
		else
			stops_resume(s, te->tid); /* its record was lost; the loss counters tell */
		break;
	case TRACEE_STOPPED:
		if (!s->all_stopped)
			stops_resume(s, te->tid); /* it was in state D when a picture was taken */
		break;
	case TRACEE_GONE:
		stops_forget_thread(s, te->tid);
		if (s->stopped && (pid_t)s->stop.tid == te->tid)
			s->stopped = false;
		break;
	case TRACEE_EXEC:
		stops_end(s, (struct session_event){ .kind = SESSION_EXEC, .tid = te->tid });
		break;
	case TRACEE_EXITED:
		stops_end(s,
			  (struct session_event){ .kind = SESSION_EXITED, .status = te->status });
		break;
	case TRACEE_NONE:
		break;
	}
	return r;
}

/* Take every ptrace event there is. */
static int stops_tracees(struct session *s)
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

/* Fill in where a stop is, in words. */
static void event_place(struct session *s, struct session_event *ev, uint64_t code, int32_t line)
{
	const char *file, *function;

	ev->line = line;
	if (code && !code_index_names(s->index, code, &file, &function)) {
		ev->file = strdup(file);
		ev->function = strdup(function);
	}
}

/* The next thread that stands at a hit: shown, if a breakpoint says so, else it goes on. */
static int stops_show(struct session *s)
{
	struct session_event ev = { .kind = SESSION_STOPPED, .reason = STOP_BREAKPOINT };
	struct bp_priv *b;
	struct abi_hit hit;
	struct err err;
	struct place *p;

	while (!s->stopped && !s->still && s->waiting.n) {
		hit = s->waiting.data[0];
		memmove(&s->waiting.data[0], &s->waiting.data[1],
			(s->waiting.n - 1) * sizeof(*s->waiting.data));
		s->waiting.n--;
		mem_cache_on(target_mem(s->target));
		b = bps_judge(s, &hit);
		if (!b) {
			mem_cache_off(target_mem(s->target));
			stops_resume(s, (pid_t)hit.tid);
			continue;
		}
		look_fresh(s);
		p = place_by_id(s, hit.place);
		s->stopped = true;
		s->stop_reason = STOP_BREAKPOINT;
		s->stop = hit;
		ev.bp = b->pub.id;
		ev.tid = (pid_t)hit.tid;
		event_place(s, &ev, hit.code, p ? (int32_t)p->abi.group : 0);
		if (b->pub.temporary)
			(void)session_bp_clear(s, b->pub.id, &err);
		if (s->opt.max_pause_ms)
			arm_max_pause(s, s->opt.max_pause_ms);
		return events_push(s, ev);
	}
	return 0;
}

/* Losses since the last look. */
static int stops_losses(struct session *s)
{
	uint64_t stats[ABI_STAT_MAX] = { 0 }, lost, now = clock_ns();
	size_t i;

	if (!s->trace || now - s->stats_ns < STATS_NS)
		return 0;
	s->stats_ns = now;
	if (trace_stats(s->trace, stats))
		return 0;
	/*
	 * A thread that blocks the stop signal goes on. Its record stays: the signal is still ours
	 * when the thread unblocks it.
	 */
	for (i = 0; i < s->hits.n; i++) {
		if (s->hits.data[i].late || now < s->hits.data[i].hit.time_ns + LATE_NS)
			continue;
		s->hits.data[i].late = true;
		s->late++;
	}
	lost = s->late + stats[ABI_STAT_LOST] + stats[ABI_STAT_NO_THREAD] + stats[ABI_STAT_FAULT] +
	       stats[ABI_STAT_SIGNAL_FAILED];
	if (lost <= s->lost_seen)
		return 0;
	now = lost - s->lost_seen;
	s->lost_seen = lost;
	return events_push(s, (struct session_event){ .kind = SESSION_LOST, .lost = now });
}

static int stops_timer(struct session *s)
{
	struct err err;
	uint64_t ticks;

	if (read(s->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks) || !s->stopped)
		return 0;
	if (session_continue(s, &err))
		return 0;
	return events_push(s, (struct session_event){ .kind = SESSION_RESUMED_BY_LIMIT });
}

int stops_pump(struct session *s)
{
	struct pollfd pfd = { .fd = target_pidfd(s->target), .events = POLLIN };
	int r;

	if (s->over)
		return 0;
	if (s->trace) {
		r = trace_consume(s->trace, stops_add_hit, s);
		if (r < 0)
			return r;
	}
	r = stops_tracees(s);
	if (!r && !s->over)
		r = stops_show(s);
	if (!r && !s->over)
		r = stops_timer(s);
	if (!r && !s->over)
		r = stops_losses(s);
	/* The pidfd is readable when the whole process has ended; a tracer is told through its
	 * threads, too. */
	if (!r && !s->over && poll(&pfd, 1, 0) == 1) {
		r = stops_tracees(s);
		stops_end(s, (struct session_event){ .kind = SESSION_EXITED,
						     .status = target_exit_status(s->target) });
	}
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
			*ret = s->events.data[0];
			s->shown_file = ret->file;
			s->shown_function = ret->function;
			memmove(&s->events.data[0], &s->events.data[1],
				(s->events.n - 1) * sizeof(*s->events.data));
			s->events.n--;
			return 0;
		}
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

/* ---- all threads ---- */

static void states_note(struct session *s, pid_t tid)
{
	struct thread_state ts = { .tid = tid, .state = target_state(s->target, tid) };
	size_t i;

	for (i = 0; i < s->states.n; i++)
		if (s->states.data[i].tid == tid)
			return;
	(void)vec_push(&s->states, ts); /* without memory the state is shown as unknown */
}

char session_thread_state(struct session *s, pid_t tid)
{
	size_t i;

	if (s->tracees && tracees_is_job_stopped(s->tracees, tid))
		return 'T';
	if (s->all_stopped || s->still)
		for (i = 0; i < s->states.n; i++)
			if (s->states.data[i].tid == tid)
				return s->states.data[i].state;
	return target_state(s->target, tid);
}

/* Stop every thread that can be stopped; new ones that show up meanwhile too. */
static int stop_all(struct session *s)
{
	uint64_t deadline = clock_ns() + STOP_ALL_NS, now;
	struct pollfd pfd;
	bool all, asked;
	size_t i, n;
	pid_t *tids;
	int r;

	s->all_stopped = true;
	s->states.n = 0;
	for (;;) {
		r = target_tids(s->target, &tids, &n);
		if (r)
			return r;
		all = true;
		asked = false;
		for (i = 0; i < n; i++) {
			size_t known = s->states.n;

			if (tracees_is_stopped(s->tracees, tids[i]))
				continue;
			states_note(s, tids[i]);
			if (s->states.n != known) {
				asked = true;
				(void)tracees_interrupt(s->tracees,
							tids[i]); /* gone: not in the next list */
			}
			all = false;
		}
		free(tids);
		now = clock_ns();
		if (all || now >= deadline)
			return 0;
		/* Wait before, not after, the events are taken: then every stop that is not counted
		 * yet still makes the descriptor readable. */
		pfd = (struct pollfd){ .fd = tracees_fd(s->tracees), .events = POLLIN };
		if (!asked)
			(void)poll(&pfd, 1, (int)((deadline - now) / 1000000) + 1);
		r = stops_tracees(s);
		if (r || s->over)
			return r ? r : -ESRCH;
	}
}

static void resume_all(struct session *s)
{
	size_t i, n;
	pid_t *tids;

	s->all_stopped = false;
	s->states.n = 0;
	if (!s->tracees || target_tids(s->target, &tids, &n))
		return;
	for (i = 0; i < n; i++)
		if (tracees_is_stopped(s->tracees, tids[i]) && !is_waiting(s, tids[i]))
			stops_resume(s, tids[i]);
	free(tids);
}

int session_continue(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (r)
		return r;
	if (!s->stopped)
		return err_set(err, -EINVAL, "%s: the target is running", s->label);
	arm_max_pause(s, 0);
	s->stopped = false;
	look_forget(s);
	if (s->all_stopped)
		resume_all(s);
	else
		stops_resume(s, (pid_t)s->stop.tid);
	session_relax(s);
	return 0;
}

int session_pause(struct session *s, struct err *err)
{
	struct session_event ev = { .kind = SESSION_STOPPED, .reason = STOP_PAUSE };
	struct interp_thread *threads = NULL;
	struct interp_frame *frames = NULL;
	size_t i, n = 0, nframes = 0;
	int r;

	r = session_over(s, err);
	if (r)
		return r;
	if (s->stopped)
		return 0;
	r = session_need_tracees(s, err);
	if (r)
		return r;
	r = stop_all(s);
	if (r) {
		resume_all(s);
		return err_set(err, r, "%s: cannot stop its threads: %s", s->label, strerror(-r));
	}
	if (s->waiting.n) {
		/* somebody hit a breakpoint meanwhile: that is the stop */
		resume_all(s);
		r = stops_show(s);
		if (s->stopped || r)
			return r;
		return session_pause(s, err);
	}
	look_fresh(s);
	s->stopped = true;
	s->stop_reason = STOP_PAUSE;
	s->stop = (struct abi_hit){ .tid = (uint32_t)target_pid(s->target) };
	if (!session_threads(s, &threads, &n))
		for (i = 0; i < n; i++)
			if (threads[i].holds_gil && threads[i].tid)
				s->stop.tid = (uint32_t)threads[i].tid;
	free(threads);
	ev.tid = (pid_t)s->stop.tid;
	if (!session_frames(s, ev.tid, 1, &frames, &nframes) && nframes)
		event_place(s, &ev, frames[0].code, frames[0].line);
	free(frames);
	if (s->opt.max_pause_ms)
		arm_max_pause(s, s->opt.max_pause_ms);
	r = events_push(s, ev);
	return r ? err_set(err, r, "out of memory") : 0;
}

int session_still_begin(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (r)
		return r;
	if (s->still++ || s->stopped)
		return 0;
	r = session_need_tracees(s, err);
	if (r) {
		s->still--;
		return r;
	}
	s->still_since_ns = clock_ns();
	r = stop_all(s);
	if (r) {
		s->still--;
		resume_all(s);
		session_relax(s);
		return err_set(err, r, "%s: cannot stop its threads: %s", s->label, strerror(-r));
	}
	look_fresh(s);
	return 0;
}

void session_still_end(struct session *s, uint64_t *ret_pause_us)
{
	uint64_t pause = 0;

	if (s->still && !--s->still && !s->stopped) {
		mem_cache_off(target_mem(s->target));
		look_forget(s);
		resume_all(s);
		pause = (clock_ns() - s->still_since_ns) / 1000;
		session_relax(s);
	}
	if (ret_pause_us)
		*ret_pause_us = pause;
}
