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
#include "engine/catch.h"
#include "engine/data.h"
#include "engine/index.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/trace.h"

/* A thread that was told to stop and has not done so after this long will not. */
#define LATE_NS 500000000u
/* So long a step goes on while threads of other processes stand at their hits. */
#define STEP_ALONE_NS 1000000000u
/* Of taking records: those of a full ring buffer, were they all as small as they can be. */
#define ROUNDS_MAX 128

static int events_push(struct session *s, struct session_event ev)
{
	return vec_push(&s->events, ev);
}

/* Put a hit of that process in front, if one waits. */
static bool own_first(struct session *s, pid_t pid)
{
	for (size_t i = 0; i < s->waiting.n; i++) {
		struct abi_hit hit = s->waiting.data[i];

		if (processes_many(s) && (pid_t)hit.tgid != pid)
			continue;
		memmove(&s->waiting.data[1], &s->waiting.data[0], i * sizeof(hit));
		s->waiting.data[0] = hit;
		return true;
	}
	return false;
}

/*
 * Is there a hit that can be shown now? It is in front then. A step is not ended by what other
 * processes hit, unless it takes long: it may wait for one of them.
 */
static bool may_show(struct session *s)
{
	if (s->standing || s->still || !s->waiting.n)
		return false;
	return !s->step.on || own_first(s, s->step.process) ||
	       clock_ns() > s->step.since_ns + STEP_ALONE_NS;
}

void stops_announce(struct session *s)
{
	eventfd_t n;

	if (s->events.n || may_show(s))
		(void)eventfd_write(s->ready_fd, 1);
	else
		(void)eventfd_read(s->ready_fd, &n);
}

/* Of one thread: by one instruction, once? */
static bool is_same_moment(const struct abi_hit *a, const struct abi_hit *b)
{
	return a->h.kind == ABI_REC_DATA && b->h.kind == ABI_REC_DATA && a->ip == b->ip &&
	       a->addr != b->addr;
}

static bool is_free(const struct abi_hit *hit)
{
	return hit->free;
}

static void stops_add_hit(void *priv, const struct abi_hit *hit)
{
	struct pending_hit new = { .hit = *hit, .since_ns = clock_ns() };
	struct session *s = priv;
	size_t i;

	/*
	 * A thread with two has not stopped at the first: it blocks the signal. But one instruction
	 * may write several words that are watched, and a step and what catches an exception may
	 * meet.
	 */
	for (i = 0; i < s->hits.n; i++) {
		struct abi_hit *old = &s->hits.data[i].hit;

		if (old->tid != hit->tid || is_same_moment(old, hit))
			continue;
		if (hit->h.kind == ABI_REC_STEP)
			return;
		if (old->h.kind == ABI_REC_STEP) {
			*old = *hit;
			return;
		}
		s->late += !s->hits.data[i].late;
		s->hold_failed |= is_free(&s->hits.data[i].hit);
		s->hits.data[i] = new;
		return;
	}
	/* a lost record (no memory) is found out when its thread stops without one */
	(void)vec_push(&s->hits, new);
}

/* Whose capture is that? One of a breakpoint that is gone meanwhile is nobody's. */
static void stops_captured(void *priv, const struct abi_captured *rec, size_t size)
{
	struct session *s = priv;

	for (size_t i = 0; s->opt.captured && i < s->bps.n; i++) {
		const struct bp_priv *b = s->bps.data[i];

		for (size_t j = 0; j < b->rules.n; j++)
			if (b->rules.data[j].rule == rec->hit.rules[0])
				s->opt.captured(s->opt.priv, b->pub.id, rec, size);
	}
}

static int stops_consume(struct session *s)
{
	const struct trace_sink sink = { stops_add_hit, stops_captured, s };

	return trace_consume(s->trace, &sink);
}

static bool take_hit(struct session *s, pid_t tid, struct pending_hit *ret)
{
	size_t i;

	for (i = 0; i < s->hits.n; i++) {
		if ((pid_t)s->hits.data[i].hit.tid != tid)
			continue;
		*ret = s->hits.data[i];
		memmove(&s->hits.data[i], &s->hits.data[i + 1],
			(s->hits.n - i - 1) * sizeof(*s->hits.data));
		s->hits.n--;
		return true;
	}
	return false;
}

static bool has_hit(const struct session *s, pid_t tid)
{
	for (size_t i = 0; i < s->hits.n; i++)
		if ((pid_t)s->hits.data[i].hit.tid == tid)
			return true;
	return false;
}

/*
 * Was tid told to stop? The record was written before the signal was sent, but behind as many
 * captures as the ring buffer holds, more than are taken at a time. One that was lost is not waited
 * for longer than that.
 */
static bool await_hit(struct session *s, pid_t tid)
{
	unsigned rounds = 0;

	while (s->trace && !has_hit(s, tid) && rounds++ < ROUNDS_MAX && stops_consume(s) > 0)
		;
	return has_hit(s, tid);
}

bool stops_is_ours(void *priv, pid_t tid)
{
	return await_hit(priv, tid);
}

static void forget_thread(struct session *s, pid_t tid)
{
	struct pending_hit gone;
	size_t i;

	(void)take_hit(s, tid, &gone);
	if (s->step.on && s->step.tid == tid) {
		step_end(s);
		(void)events_push(s,
				  (struct session_event){ .kind = SESSION_STEP_OVER, .tid = tid });
	}
	for (i = 0; i < s->waiting.n;) {
		if ((pid_t)s->waiting.data[i].tid == tid)
			s->waiting.data[i] = s->waiting.data[--s->waiting.n];
		else
			i++;
	}
}

static void stops_resume(struct session *s, pid_t tid)
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
		stops_resume(s, tid);
}

static void arm_max_pause(struct session *s, unsigned ms)
{
	struct itimerspec it = { .it_value = { .tv_sec = ms / 1000,
					       .tv_nsec = (long)(ms % 1000) * 1000000 } };

	timerfd_settime(s->timer_fd, 0, &it, NULL);
}

/* Losses since the last look. */
static int tell_losses(struct session *s)
{
	uint64_t stats[ABI_STAT_MAX] = { 0 }, lost, now = clock_ns();
	size_t i;

	if (!s->trace || trace_stats(s->trace, stats))
		return 0;
	/*
	 * A thread that blocks the stop signal goes on. Its record stays: the signal is still ours
	 * when the thread unblocks it. While all are stopped it waits for a good reason.
	 */
	for (i = 0; i < s->hits.n && !s->all_stopped; i++) {
		if (s->hits.data[i].late || now < s->hits.data[i].since_ns + LATE_NS)
			continue;
		s->hits.data[i].late = true;
		s->hold_failed |= is_free(&s->hits.data[i].hit);
		s->late++;
	}
	s->hold_failed |= stats[ABI_STAT_SIGNAL_FAILED] > 0;
	lost = s->late + stats[ABI_STAT_LOST] + stats[ABI_STAT_NO_THREAD] + stats[ABI_STAT_FAULT] +
	       stats[ABI_STAT_SIGNAL_FAILED];
	if (lost <= s->lost_seen)
		return 0;
	now = lost - s->lost_seen;
	s->lost_seen = lost;
	return events_push(s, (struct session_event){ .kind = SESSION_LOST, .lost = now });
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
	arm_max_pause(s, 0);
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
		s->late += is_free(&s->hits.data[i].hit) && !s->hits.data[i].late;
	(void)tell_losses(s);
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
	events_push(s, ev);
}

void stops_fallen(struct session *s)
{
	size_t n = 0;

	s->standing = NULL;
	arm_max_pause(s, 0);
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

	if (!await_hit(s, tid) || !take_hit(s, tid, &p)) {
		let_go(s, tid); /* its record was lost; the loss counters tell */
		return 0;
	}
	if (p.hit.ip && !tracees_ip(s->tracees, tid, &ip) && !stands_at(&p.hit, ip)) {
		s->late += !p.late;
		s->hold_failed |= is_free(&p.hit);
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
	while (!r && take_hit(s, tid, &p));
	return r;
}

/* It was free when it hit, and a pause came before whoever should hold it: no signal follows. */
static bool stands_free(struct session *s, pid_t tid)
{
	size_t i;

	if (!stops_is_ours(s, tid))
		return false;
	for (i = 0; i < s->hits.n; i++)
		if ((pid_t)s->hits.data[i].hit.tid == tid && is_free(&s->hits.data[i].hit))
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
		process_end(s, te->tid,
			    (struct session_event){ .kind = SESSION_EXEC, .tid = te->tid });
		break;
	case TRACEE_EXITED:
		process_end(s, te->tid,
			    (struct session_event){ .kind = SESSION_EXITED, .status = te->status });
		break;
	case TRACEE_KEY:
		r = events_push(s, (struct session_event){ .kind = SESSION_KEY, .tid = te->tid });
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

/* Up to 3.10 a position is stored before its unit is read: a step that stops there meets the
 * breakpoint of that line when it goes on. */
static bool is_left(struct session *s, const struct abi_hit *hit)
{
	const struct abi_hit *l = &s->left;

	return l->frame && l->tid == hit->tid && l->frame == hit->frame && l->code == hit->code &&
	       l->offset == hit->offset && bps_first_since_left(s, hit);
}

/* What becomes of the thread that has waited longest. If it stops, its process is looked at. */
struct verdict {
	bool stops;
	struct bp_priv *bp; /* NULL: a step */
};

static struct verdict judge_first(struct session *s)
{
	const struct abi_hit *hit = &s->waiting.data[0];
	struct process *was = process_visit(s, (pid_t)hit->tgid);
	struct verdict v = { 0 };

	if (!was)
		return v; /* it has ended, or can be read no more */
	/* What the caller has read while it ran is no more. */
	mem_cache_off(target_mem(s->target));
	mem_cache_on(target_mem(s->target));
	if (hit->h.kind == ABI_REC_STEP) {
		v.stops = step_judge(s, hit);
	} else if (is_left(s, hit)) {
		bps_unhit(s, hit);
	} else {
		v.bp = bps_judge(s, hit);
		v.stops = v.bp != NULL;
	}
	if (hit->tid == s->left.tid)
		s->left.frame = 0;
	mem_cache_off(target_mem(s->target));
	if (!v.stops)
		process_back(s, was);
	return v;
}

static struct abi_hit take_first(struct session *s)
{
	struct abi_hit hit = s->waiting.data[0];

	s->waiting.n--;
	memmove(&s->waiting.data[0], &s->waiting.data[1], s->waiting.n * sizeof(*s->waiting.data));
	return hit;
}

/* Does the thread stand at another hit, which was not judged yet? */
static bool still_waits(const struct session *s, pid_t tid)
{
	for (size_t i = 0; i < s->waiting.n; i++)
		if ((pid_t)s->waiting.data[i].tid == tid)
			return true;
	return false;
}

/* The target stops for whoever looks at it; bp: the breakpoint's number or 0. */
static int stop_at(struct session *s, const struct abi_hit *hit, enum stop_reason reason, int bp,
		   struct session_event *ev)
{
	step_end(s);
	s->left.frame = 0;
	free(take_ptr(s->unwound));
	s->nunwound = 0;
	s->stopped = true;
	s->standing = s->now;
	s->stopped_ns = clock_ns();
	s->stop_reason = ev->reason = reason;
	s->at = ev->at;
	s->stop_line = ev->line;
	s->stop = *hit;
	ev->kind = SESSION_STOPPED;
	data_check(s);
	ev->bp = bp;
	ev->tid = (pid_t)hit->tid;
	if (s->opt.max_pause_ms)
		arm_max_pause(s, s->opt.max_pause_ms);
	return events_push(s, *ev);
}

/* Who wrote: the innermost Python frame, where it stands, is it that C code runs for it. */
static void event_writer(struct session *s, struct session_event *ev, const struct abi_hit *hit)
{
	struct interp_frame *frames = NULL;
	size_t n = 0;

	if (hit->tstate && !s->in->ops->frames(s->in, hit->tstate, 1, &frames, &n) && n)
		event_place(s, ev, frames[0].code, frames[0].line);
	free(frames);
}

static int stop_at_breakpoint(struct session *s, struct bp_priv *b)
{
	struct abi_hit hit = take_first(s);
	const struct place *p = place_by_id(s, hit.place);
	struct session_event ev = { 0 };
	enum stop_reason reason = b->pub.id ? STOP_BREAKPOINT : STOP_ENTRY;
	struct interp_frame *unwound = NULL;
	size_t nunwound = 0;
	int r, line = p ? (int32_t)p->abi.group : 0;

	look_fresh(s);
	if (b->pub.exception) {
		ev.exception = catch_text(s->in, hit.tstate);
		ev.at = STEP_AT_EXCEPTION;
		line = s->in->ops->line_of(s->in, hit.code, hit.offset);
		reason = STOP_EXCEPTION;
		if (b->pub.when != CATCH_RAISED)
			(void)s->in->ops->left_frames(s->in, hit.tstate, &unwound, &nunwound);
	}
	if (b->data) {
		reason = STOP_DATA;
		ev.ended = b->data->ending ? b->pub.ended : NULL;
		event_writer(s, &ev, &hit);
	} else if (nunwound) {
		event_place(s, &ev, unwound[0].code, unwound[0].line);
	} else {
		event_place(s, &ev, hit.code, line > 0 ? line : 0);
	}
	r = stop_at(s, &hit, reason, b->pub.id, &ev);
	s->unwound = unwound;
	s->nunwound = nunwound;
	if (nunwound)
		s->stop_line = line; /* of the frame that runs */
	if (b->pub.temporary)
		(void)session_bp_clear(s, b->pub.id, NULL);
	return r;
}

int stops_at_entry(struct session *s, const struct abi_hit *hit, uint64_t code, int32_t line)
{
	struct session_event ev = { 0 };

	look_fresh(s);
	event_place(s, &ev, code, line);
	return stop_at(s, hit, STOP_ENTRY, 0, &ev);
}

int stops_at_step(struct session *s, const struct abi_hit *hit)
{
	struct session_event ev = { .at = step_at(hit) };

	look_fresh(s);
	event_place(s, &ev, hit->code, step_line(s, hit));
	ev.value = step_value(s, hit);
	if (ev.at == STEP_AT_EXCEPTION)
		ev.exception = catch_text(s->in, hit->tstate);
	return stop_at(s, hit, STOP_STEP, 0, &ev);
}

static int stop_first(struct session *s, struct bp_priv *bp)
{
	struct abi_hit hit;

	if (bp)
		return stop_at_breakpoint(s, bp);
	hit = take_first(s);
	return stops_at_step(s, &hit);
}

/* The next thread that stands at a hit: shown, if it stops there, else it goes on. */
static int stops_show(struct session *s)
{
	bool resumed = false;
	struct verdict v;
	pid_t tid;

	while (may_show(s)) {
		v = judge_first(s);
		if (v.stops)
			return stop_first(s, v.bp);
		tid = (pid_t)take_first(s).tid;
		if (!still_waits(s, tid))
			stops_resume(s, tid);
		resumed = true;
	}
	if (resumed && !s->waiting.n)
		session_relax(s);
	return 0;
}

/* Nothing wakes us for a loss: the tick does. */
static int stops_losses(struct session *s)
{
	uint64_t ticks;

	if (read(s->tick_fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return 0;
	return tell_losses(s);
}

static int stops_timer(struct session *s)
{
	uint64_t ticks;

	if (read(s->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks) || !s->standing)
		return 0;
	if (session_continue(s, NULL))
		return 0;
	return events_push(s, (struct session_event){ .kind = SESSION_RESUMED_BY_LIMIT });
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

	if (s->over && !s->opt.children)
		return 0;
	if (!s->over) {
		r = processes_pump(s);
		if (r)
			return r;
	}
	if (s->trace) {
		r = stops_consume(s);
		if (r < 0)
			return r;
	}
	if (s->over)
		return s->trace ? tell_losses(s) : 0;
	r = stops_tracees(s);
	if (!r && !s->over && s->tracees && tracees_settled(s->tracees))
		processes_seize(s);
	if (!r && !s->over && s->trace && !processes_many(s) && trace_execed(s->trace))
		stops_end(s, (struct session_event){ .kind = SESSION_EXEC,
						     .tid = target_pid(s->target) });
	if (!r && !s->over)
		r = stops_show(s);
	if (!r && !s->over)
		r = stops_timer(s);
	if (!r && !s->over)
		r = stops_losses(s);
	if (!r && !s->over)
		births_check(s);
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
	arm_max_pause(s, 0);
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
	else if (!still_waits(s, (pid_t)s->stop.tid))
		stops_resume(s, (pid_t)s->stop.tid);
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

/* Whoever holds the GIL is shown, else the main thread. */
static pid_t pause_thread(struct session *s)
{
	struct interp_thread *threads = NULL;
	pid_t tid = target_pid(s->target);
	size_t i, n = 0;

	if (!session_threads(s, &threads, &n))
		for (i = 0; i < n; i++)
			if (threads[i].holds_gil && threads[i].tid)
				tid = threads[i].tid;
	free(threads);
	return tid;
}

/* All threads are stopped, and none for a breakpoint. */
static int stop_by_pause(struct session *s)
{
	struct abi_hit stop = { 0 };
	struct session_event ev = { 0 };
	struct interp_frame *frames = NULL;
	size_t n = 0;

	look_fresh(s);
	s->at = STEP_AT_LINE;
	s->stopped = true; /* what is read now is kept */
	s->stop = stop;
	stop.tid = (uint32_t)pause_thread(s);
	if (!session_frames(s, (pid_t)stop.tid, 1, &frames, &n) && n)
		event_place(s, &ev, frames[0].code, frames[0].line);
	free(frames);
	return stop_at(s, &stop, STOP_PAUSE, 0, &ev);
}

int session_pause(struct session *s, struct err *err)
{
	struct verdict v;
	int r;

	r = session_over(s, err);
	if (r)
		return r;
	if (s->stopped)
		return 0;
	if (s->standing)
		return err_set(err, -EBUSY,
			       "process %d is stopped: `continue` lets it run, and then another "
			       "can be stopped",
			       s->standing->number);
	r = session_need_tracees(s, err);
	if (r)
		return r;
	r = stops_all(s);
	if (r) {
		stops_resume_all(s);
		session_relax(s);
		stops_announce(s);
		return err_set(err, r, "%s: cannot stop its threads: %s", s->label, strerror(-r));
	}
	/*
	 * Somebody hit a breakpoint meanwhile: that is the stop, if it stops. Judged as they stand:
	 * would they go on first, the next would wait already where a hot line's condition is
	 * false.
	 */
	while (!s->stopped && !r && own_first(s, s->now->pid)) {
		v = judge_first(s);
		if (v.stops) {
			stops_resume_all(s);
			r = stop_first(s, v.bp);
		} else {
			r = vec_push(&s->passed, take_first(s));
		}
	}
	if (!s->stopped && !r)
		r = stop_by_pause(s);
	stops_announce(s);
	return r ? err_set(err, r, "out of memory") : 0;
}
