// SPDX-License-Identifier: BSD-2-Clause
/* What becomes of the threads that stand at a hit: judged, shown, or let go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
#include "engine/stops.h"
#include "probes/probe.h"
#include "target/target.h"

/* So long a step goes on while threads of other processes stand at their hits. */
#define STEP_ALONE_NS 1000000000u

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

bool shown_steps_alone(const struct session *s)
{
	return s->step.on && clock_ns() <= s->step.since_ns + STEP_ALONE_NS;
}

bool shown_may(struct session *s)
{
	if (s->standing || s->still || s->quiet || !s->waiting.n)
		return false;
	return !s->step.on || own_first(s, s->step.process) || !shown_steps_alone(s);
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

	return hit->addr != ABI_ADDR_ENTRY && l->frame && l->tid == hit->tid &&
	       l->frame == hit->frame && l->code == hit->code && l->offset == hit->offset &&
	       bps_first_since_left(s, hit);
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

bool shown_waits(const struct session *s, pid_t tid)
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
	loans_return(s);
	data_check(s);
	ev->bp = bp;
	ev->tid = (pid_t)hit->tid;
	if (s->opt.max_pause_ms)
		stops_limit(s, s->opt.max_pause_ms);
	return stops_event(s, *ev);
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

int shown_next(struct session *s)
{
	bool resumed = false;
	struct verdict v;
	pid_t tid;

	while (shown_may(s)) {
		v = judge_first(s);
		if (v.stops)
			return stop_first(s, v.bp);
		tid = (pid_t)take_first(s).tid;
		if (!shown_waits(s, tid))
			stops_resume_one(s, tid);
		resumed = true;
	}
	if (resumed && !s->waiting.n)
		session_relax(s);
	return 0;
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
