// SPDX-License-Identifier: BSD-2-Clause
/* Records of the kernel side: which thread was told to stop, and why. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "engine/session_priv.h"
#include "engine/stops.h"
#include "trace/trace.h"

/* A thread that was told to stop and has not done so after this long will not. */
#define LATE_NS 500000000u
/* Of taking records: those of a full ring buffer, were they all as small as they can be. */
#define ROUNDS_MAX 128

/* Of one thread: by one instruction, once? */
static bool is_same_moment(const struct abi_hit *a, const struct abi_hit *b)
{
	return a->h.kind == ABI_REC_DATA && b->h.kind == ABI_REC_DATA && a->ip == b->ip &&
	       a->addr != b->addr;
}

bool hit_is_free(const struct abi_hit *hit)
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
		s->hold_failed |= hit_is_free(&s->hits.data[i].hit);
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

int hits_consume(struct session *s)
{
	const struct trace_sink sink = { stops_add_hit, stops_captured, s };

	return trace_consume(s->trace, &sink);
}

bool hits_take(struct session *s, pid_t tid, struct pending_hit *ret)
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

bool hits_await(struct session *s, pid_t tid)
{
	unsigned rounds = 0;

	while (s->trace && !has_hit(s, tid) && rounds++ < ROUNDS_MAX && hits_consume(s) > 0)
		;
	return has_hit(s, tid);
}

bool stops_is_ours(void *priv, pid_t tid)
{
	return hits_await(priv, tid);
}

int hits_tell_losses(struct session *s)
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
		s->hold_failed |= hit_is_free(&s->hits.data[i].hit);
		s->late++;
	}
	s->hold_failed |= stats[ABI_STAT_SIGNAL_FAILED] > 0;
	lost = s->late + stats[ABI_STAT_LOST] + stats[ABI_STAT_NO_THREAD] + stats[ABI_STAT_FAULT] +
	       stats[ABI_STAT_SIGNAL_FAILED];
	if (lost <= s->lost_seen)
		return 0;
	now = lost - s->lost_seen;
	s->lost_seen = lost;
	return stops_event(s, (struct session_event){ .kind = SESSION_LOST, .lost = now });
}
