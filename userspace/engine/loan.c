// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a step borrows. It needs a watch slot; when all are taken, a breakpoint where a function
 * begins lends its own and is seen by a uprobe meanwhile. Both changes are made while no Python
 * code can run, so what must be known is only which frames are between the two: behind the uprobe,
 * before the line. docs/STEPPING.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "engine/stops.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/pidns.h"
#include "trace/trace.h"

#define FRAMES_MAX 10000

/* A frame that stands between what begins it and the place. */
struct between {
	uint64_t frame;
	bool runs; /* its thread holds the GIL */
};
struct betweens {
	VEC(struct between) v;
};

static void cleanup_betweens(struct betweens *b)
{
	vec_deinit(&b->v);
}

/* Bytes behind a site in which the frame may not show yet that it has passed it: up to 3.10 it is
 * not the thread's yet. */
static uint64_t shadow_of(const struct session *s)
{
	return s->in->ops->info(s->in)->minor <= 10 ? 1024 : 64;
}

/* Was that thread, which was stopped anywhere, about to begin a frame? */
static bool is_beginning(struct session *s, pid_t tid)
{
	_cleanup_free_ struct interp_site *sites = NULL;
	struct err err;
	uint64_t ip;
	size_t n;

	if (tracees_ip(s->tracees, tid, &ip) ||
	    s->in->ops->sites(s->in, trace_program_kinds(TRACE_PROGRAM_ENTER), &err, &sites, &n))
		return true;
	for (size_t i = 0; i < n; i++)
		if (ip - sites[i].addr < shadow_of(s))
			return true;
	return false;
}

/*
 * Does its innermost frame show what it has passed, or does that not matter? From 3.11 on the frame
 * is the thread's before it begins; where it stands behind its beginning, it is looked at as any
 * other.
 */
static bool is_shown(struct session *s, const struct interp_thread *t)
{
	_cleanup_free_ struct interp_frame *top = NULL;
	int32_t from;
	size_t n;

	if (s->in->ops->info(s->in)->minor <= 10 ||
	    s->in->ops->frames(s->in, t->tstate, 1, &top, &n) || !n)
		return false;
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *p = s->places.data[i];

		if (p->code == top->code &&
		    (s->in->ops->begins(s->in, p->code, (uint32_t)p->abi.offset, &from) != 1 ||
		     top->offset < from))
			return false;
	}
	return true;
}

/* All threads stand, and that one, which holds the GIL, where it is known what it has passed. */
static bool is_clear(struct session *s)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n;

	if (session_threads(s, &threads, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (threads[i].holds_gil && (!threads[i].tid || (is_beginning(s, threads[i].tid) &&
								 !is_shown(s, &threads[i]))))
			return false;
	return true;
}

/* Nobody but the thread of the stop can run Python code before it goes on. */
static bool is_quiet(struct session *s)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	bool holds = false;
	size_t n;

	if (s->all_stopped)
		return is_clear(s);
	if (!s->stopped || session_threads(s, &threads, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		/* an interpreter with a GIL of its own (3.12+) */
		if (threads[i].gil != threads[0].gil)
			return false;
		if (threads[i].holds_gil && threads[i].tid != (int)s->stop.tid)
			return false;
		holds |= threads[i].holds_gil;
	}
	return holds;
}

/* Frames of the place's code that stand in from .. to. */
static int find_between(struct session *s, const struct place *p, int32_t from, int32_t to,
			struct betweens *ret)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n, nframes;
	int r = session_threads(s, &threads, &n);

	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ struct interp_frame *frames = NULL;

		r = s->in->ops->frames(s->in, threads[i].tstate, FRAMES_MAX, &frames, &nframes);
		for (size_t k = 0; !r && k < nframes; k++)
			if (frames[k].code == p->code && frames[k].offset >= from &&
			    frames[k].offset <= to)
				r = vec_push(&ret->v, (struct between){ frames[k].frame,
									threads[i].holds_gil });
	}
	return r;
}

static struct abi_told told_key(struct session *s, const struct place *p, uint64_t frame)
{
	pid_t pid = target_pid(s->target);

	return (struct abi_told){ .frame = frame,
				  .code = p->code,
				  .tgid = (uint32_t)pidns_inner(pid, pid) };
}

/* ---- lend ---- */

/* The thread of that frame stands where the watch has seen it, or it was seen when it began. */
static bool is_told(struct session *s, const struct place *p, uint64_t frame)
{
	struct abi_told key = told_key(s, p, frame);

	if (s->stop.h.kind == ABI_REC_HIT && s->stop.frame == frame && s->stop.place == p->id)
		return true;
	return trace_told_is(s->trace, &key, p->id);
}

static bool is_pending(const struct session *s, const struct place *p)
{
	for (size_t i = 0; i < s->hits.n; i++)
		if (s->hits.data[i].hit.place == p->id)
			return true;
	for (size_t i = 0; i < s->waiting.n; i++)
		if (s->waiting.data[i].place == p->id)
			return true;
	return false;
}

/* Would a uprobe see each hit of the place that is still to come, and no other? */
static bool may_lend(struct session *s, const struct place *p)
{
	_cleanup_(cleanup_betweens) struct betweens b = { 0 };
	int32_t from;

	if (p->abi.action != ABI_ACT_COUNT || !p->abi.ruled || p->abi.ndrop || p->abi.keep_state ||
	    p->abi.note_group || is_pending(s, p))
		return false;
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->addr == ABI_ADDR_ENTRY && s->places.data[i]->code == p->code)
			return false;
	if (s->in->ops->begins(s->in, p->code, (uint32_t)p->abi.offset, &from) != 1 ||
	    find_between(s, p, from, p->abi.offset - 1, &b))
		return false;
	for (size_t i = 0; i < b.v.n; i++)
		if (!is_told(s, p, b.v.data[i].frame))
			return false;
	return true;
}

/* All that share a slot. */
static bool may_lend_all(struct session *s, uint64_t addr)
{
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->addr == addr && !may_lend(s, s->places.data[i]))
			return false;
	return true;
}

/* Nobody waits for these any more: they are past the watch when it comes back, or are told anew. */
static void forget_told(struct session *s, struct place *p)
{
	for (size_t i = 0; i < p->told.n; i++) {
		struct abi_told key = told_key(s, p, p->told.data[i]);

		(void)trace_told_set(s->trace, &key, 0);
	}
	p->told.n = 0;
}

static int lend(struct session *s, struct place *p)
{
	struct abi_place abi = p->abi;
	int r;

	abi.loan = ABI_LOAN_LENT;
	r = trace_place_set(s->trace, ABI_ADDR_ENTRY, p->code, &abi);
	if (r)
		return r;
	p->abi = abi;
	p->lent = p->addr;
	p->addr = ABI_ADDR_ENTRY;
	forget_told(s, p);
	return 0;
}

/* What was not lent after all. */
static void unlend(struct session *s, uint64_t addr)
{
	for (size_t i = 0; i < s->places.n; i++) {
		struct place *p = s->places.data[i];

		if (p->lent != addr)
			continue;
		trace_place_del(s->trace, ABI_ADDR_ENTRY, p->code);
		p->abi.loan = 0;
		p->addr = addr;
		p->lent = 0;
	}
}

static int lend_all(struct session *s, uint64_t addr)
{
	for (size_t i = 0; i < s->places.n; i++) {
		if (s->places.data[i]->addr != addr || !lend(s, s->places.data[i]))
			continue;
		unlend(s, addr);
		return -ENOSPC;
	}
	trace_unwatch(s->trace, addr);
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->lent == addr)
			trace_place_del(s->trace, addr, s->places.data[i]->code);
	return 0;
}

int loans_take(struct session *s)
{
	uint64_t addr = 0;
	struct err err;

	if (processes_many(s) || s->opt.children || !is_quiet(s))
		return -ENOSPC;
	for (size_t i = 0; i < s->places.n && !addr; i++) {
		const struct place *p = s->places.data[i];

		if (p->addr != ABI_ADDR_ENTRY && may_lend_all(s, p->addr))
			addr = p->addr;
	}
	/* The uprobe is there before the watch is gone. */
	if (!addr || session_need_births(s, &err) ||
	    session_program_on(s, TRACE_PROGRAM_ENTER, &err))
		return -ENOSPC;
	return lend_all(s, addr);
}

const char *loans_refusal(struct session *s)
{
	if (s->all_stopped && !processes_many(s) && !s->opt.children && !is_quiet(s))
		return "none of these can be lent now, since the pause came where a function "
		       "begins: "
		       "`continue` and stop once more, or `disable` one";
	return "none of these can be lent (only a breakpoint at the first line of a function can, "
	       "while nobody is on the way to it): `disable` one";
}

/* ---- give back ---- */

/* Did the step take the call that began the frame (bpf/uprobe.bpf.c, step_stops_here())? */
static bool is_call(const struct abi_hit *hit, uint64_t frame)
{
	return hit->h.kind == ABI_REC_STEP && hit->rules[0] == ABI_STEP_CALL && !hit->undecided &&
	       hit->frame == frame;
}

static bool is_untold(const struct session *s, uint64_t frame)
{
	if (s->stopped && is_call(&s->stop, frame))
		return true;
	for (size_t i = 0; i < s->hits.n; i++)
		if (is_call(&s->hits.data[i].hit, frame))
			return true;
	for (size_t i = 0; i < s->waiting.n; i++)
		if (is_call(&s->waiting.data[i], frame))
			return true;
	return false;
}

static int add_told(struct session *s, struct place *p, uint64_t frame)
{
	struct abi_told key = told_key(s, p, frame);
	int r = trace_told_set(s->trace, &key, p->id);

	return r ? r : vec_push(&p->told, frame);
}

static bool is_seen(const struct abi_hit *hit, const struct place *p)
{
	return hit->h.kind == ABI_REC_HIT && hit->addr == ABI_ADDR_ENTRY && hit->place == p->id;
}

/* Those whose thread stands at the uprobe: up to 3.10 the frame is not the thread's yet. */
static int note_standing(struct session *s, struct place *p)
{
	int r = s->stopped && is_seen(&s->stop, p) ? add_told(s, p, s->stop.frame) : 0;

	for (size_t i = 0; !r && i < s->hits.n; i++)
		if (is_seen(&s->hits.data[i].hit, p))
			r = add_told(s, p, s->hits.data[i].hit.frame);
	for (size_t i = 0; !r && i < s->waiting.n; i++)
		if (is_seen(&s->waiting.data[i], p))
			r = add_told(s, p, s->waiting.data[i].frame);
	return r;
}

/* The frames that the watch is to pass by. -EAGAIN: of one it cannot be told whether it was seen.
 */
static int note_told(struct session *s, struct place *p)
{
	_cleanup_(cleanup_betweens) struct betweens b = { 0 };
	bool at_hit = s->stopped && s->stop_reason != STOP_PAUSE;
	int32_t from;
	int r = s->in->ops->begins(s->in, p->code, (uint32_t)p->abi.offset, &from);

	if (r >= 0)
		r = find_between(s, p, from, at_hit ? p->abi.offset - 1 : p->abi.offset, &b);
	for (size_t i = 0; !r && i < b.v.n; i++) {
		uint64_t frame = b.v.data[i].frame;

		if (!is_untold(s, frame))
			r = b.v.data[i].runs && !at_hit ? -EAGAIN : add_told(s, p, frame);
	}
	return r ? r : note_standing(s, p);
}

static int give_back(struct session *s, struct place *p)
{
	struct abi_place abi = p->abi;
	struct err err;
	int r = note_told(s, p);

	abi.loan = p->told.n ? ABI_LOAN_TOLD : 0;
	if (!r)
		r = trace_place_set(s->trace, p->lent, p->code, &abi);
	if (!r) {
		r = trace_watch(s->trace, p->lent, &err);
		if (r)
			trace_place_del(s->trace, p->lent, p->code);
	}
	if (r) {
		forget_told(s, p);
		return r;
	}
	trace_place_del(s->trace, ABI_ADDR_ENTRY, p->code);
	p->abi = abi;
	p->addr = p->lent;
	p->lent = 0;
	return 0;
}

bool loans_any(const struct session *s)
{
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->lent)
			return true;
	return false;
}

void loans_return(struct session *s)
{
	if (!s->trace || !loans_any(s) || !is_quiet(s))
		return;
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->lent)
			(void)give_back(s, s->places.data[i]); /* then the uprobe goes on */
}

void loans_over(struct session *s)
{
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->addr == ABI_ADDR_ENTRY)
			return;
	trace_program_off_later(s->trace, TRACE_PROGRAM_ENTER);
}

void loans_check(struct session *s)
{
	struct err err;

	if (s->step.on || s->stopped || s->standing || s->still || s->waiting.n || !loans_any(s) ||
	    session_still_begin(s, &err))
		return;
	loans_return(s);
	loans_over(s);
	session_still_end(s, NULL);
}
