// SPDX-License-Identifier: BSD-2-Clause
/*
 * New threads. While all goes well they are left alone, and one is held at its first hit. Where
 * that cannot be, or has failed once, they are seized at birth, which costs each of them two short
 * stops.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "engine/session_priv.h"
#include "target/ptrace.h"
#include "trace/hold.h"
#include "trace/trace.h"

static void hits_take(void *priv, void (*fn)(void *arg, pid_t tid, pid_t pid), void *arg)
{
	hold_take(priv, fn, arg);
}

static int hold_begin(struct session *s)
{
	struct tracees_hits hits = { .take = hits_take };
	struct hold *h;
	int r = trace_hold(s->trace, &h);

	if (r)
		return r;
	hits.priv = h;
	hits.fd = hold_fd(h);
	return tracees_hold(s->tracees, &hits);
}

int session_need_stops(struct session *s, struct err *err)
{
	int r = session_need_tracees(s, err);

	if (r || s->births != BIRTHS_UNSEEN)
		return r;
	/* They may have been seized by a pause, before there was a trace and a signal. */
	tracees_set_signal(s->tracees, s->stop_signal);
	if (!s->hold_failed && !hold_begin(s)) {
		s->births = BIRTHS_HELD;
		return 0;
	}
	s->hold_failed = true;
	if (!s->standing && !s->still && !s->waiting.n && !s->launched) {
		session_drop_tracees(
			s); /* and seize anew: then it is true of every thread at once */
		return session_need_tracees(s, err);
	}
	s->births = BIRTHS_SEIZED;
	tracees_follow(s->tracees, true);
	return 0;
}

int session_need_births(struct session *s, struct err *err)
{
	int r;

	if (!s->tracees) {
		s->seize_births = true;
		r = session_need_tracees(s, err);
		s->seize_births = !r;
		return r;
	}
	r = session_need_stops(s, err);
	if (r || s->births == BIRTHS_SEIZED)
		return r;
	s->births = BIRTHS_SEIZED;
	tracees_follow(s->tracees, true);
	return 0;
}

void births_check(struct session *s)
{
	if (!s->hold_failed || s->births != BIRTHS_HELD)
		return;
	s->births = BIRTHS_SEIZED;
	tracees_follow(s->tracees, true);
}
