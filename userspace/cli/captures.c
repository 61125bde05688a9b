// SPDX-License-Identifier: BSD-2-Clause
#include "cli/captures.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/lifetime.h"
#include "cli/program.h"
#include "engine/capture.h"
#include "engine/family.h"
#include "probes/probe.h"
#include "target/target.h"

#define TELL_MS	   1000 /* what was dropped is told this often at most */
#define THREADS_MS 1000 /* thread names are read this often at most */

/* ---- threads ---- */

static const char *find_name(const struct captures_threads *t, pid_t tid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->all[i].tid == tid && t->all[i].name[0])
			return t->all[i].name;
	return NULL;
}

/* Add those of cs->s, unless they are in there. */
static void read_names(struct captures *cs)
{
	struct captures_threads *t = &cs->threads;
	_cleanup_free_ struct interp_thread *more = NULL;
	struct interp_thread *all;
	size_t n = 0;

	for (size_t i = 0; i < t->read.n; i++)
		if (t->read.data[i] == cs->s)
			return;
	if (vec_push(&t->read, cs->s) || session_threads(cs->s, &more, &n) || !n)
		return;
	all = realloc(t->all, (t->n + n) * sizeof(*all));
	if (!all)
		return;
	memcpy(all + t->n, more, n * sizeof(*all));
	t->all = all;
	t->n += n;
}

const char *captures_thread(struct captures *cs, pid_t tid)
{
	struct captures_threads *t = &cs->threads;
	const char *name = find_name(t, tid);
	uint64_t now = clock_ms();

	if (name)
		return name;
	if (!t->read_ms || now - t->read_ms >= THREADS_MS) {
		t->n = t->read.n = 0;
		t->read_ms = now;
	}
	read_names(cs);
	name = find_name(t, tid);
	if (name)
		return name;
	t->comm[0] = '\0';
	if (target_comm(session_target(cs->s), tid, t->comm))
		t->comm[0] = '\0';
	return t->comm;
}

/* ---- time ---- */

static uint64_t clock_of(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void captures_clock(struct captures *cs)
{
	cs->mono_to_wall_ns = clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC);
}

void captures_time(const struct captures *cs, uint64_t time_ns, bool json, char ret[static 40])
{
	uint64_t ns = time_ns + cs->mono_to_wall_ns;
	time_t t = (time_t)(ns / 1000000000u);
	char day[24], text[16];
	struct tm tm;

	if (json)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT", &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	snprintf(ret, 40, "%s%s.%06u%s", json ? day : "", text, (unsigned)(ns / 1000u % 1000000u),
		 json ? "Z" : "");
}

/* ---- records ---- */

static void captured(void *priv, int bp, const struct abi_captured *rec, size_t size)
{
	struct captures *cs = priv;
	struct capture c;
	int r;

	if (bp != cs->bp || cs->failed)
		return;
	r = capture_open(rec, size, &c);
	if (r == 0) {
		r = cs->show(cs, &c, cs->err);
		capture_deinit(&c);
	} else {
		r = err_set(cs->err, r, "pid %d: a record cannot be read: %s", cs->pid,
			    strerror(-r));
	}
	cs->shown++;
	cs->cut += rec->truncated != 0;
	cs->failed = r;
}

static void written(void *priv, int bp, const struct abi_hit *hit)
{
	struct captures *cs = priv;

	if (bp != cs->bp || cs->failed)
		return;
	cs->failed = cs->show_write(cs, hit, cs->err);
	cs->shown++;
}

static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct captures *cs = priv;
	struct pollfd sig = { .fd = cs->sigfd, .events = POLLIN };

	out_progress(cs->out, what, done, total);
	return poll(&sig, 1, 0) > 0;
}

/* ---- what was dropped ---- */

/* The limits that there are: one that is 0 is none. */
static void tell_limited(struct captures *cs, uint64_t n)
{
	char records[48] = "", bytes[48] = "";

	if (cs->max_rate)
		snprintf(records, sizeof(records), "%" PRIu64 " records (--max-rate)",
			 cs->max_rate);
	if (cs->max_bytes)
		snprintf(bytes, sizeof(bytes), "%" PRIu64 " bytes (--max-bytes)", cs->max_bytes);
	out_note(cs->out, "%" PRIu64 " hits were not recorded: the limit is %s%s%s a second", n,
		 records, records[0] && bytes[0] ? " and " : "", bytes);
}

static void tell(struct captures *cs, const char *event, uint64_t n)
{
	if (cs->out->json)
		out_json(cs->out, json_pack("{ss sI}", "event", event, "records", (json_int_t)n));
	else if (strcmp(event, "lost") == 0)
		out_note(cs->out, "%" PRIu64 " hits were lost: there was no room for their records",
			 n);
	else
		tell_limited(cs, n);
}

/* Those that tell() speaks of are counted as hits, these are not: nobody knows whether they were
 * some. */
void captures_unseen(struct captures *cs, uint64_t n)
{
	cs->unseen += n;
	if (cs->out->json)
		out_json(cs->out,
			 json_pack("{ss sI}", "event", "unseen", "records", (json_int_t)n));
	else
		out_note(cs->out,
			 "%" PRIu64 " times it could not be told whether it was a hit: memory that "
			 "is needed could not be read, or a stop was missed",
			 n);
}

bool captures_sums(struct captures *cs, struct captures_sums *ret)
{
	struct captures_sums sums = { 0 };
	const struct bp *bp;

	for (size_t i = 0; i == 0 || cs->family; i++) {
		bp = cs->family ? family_bp(cs->family, 0, i) : session_bp(cs->s, cs->bp);
		if (!bp && !i)
			return false;
		if (!bp)
			break;
		sums.location = bp->location;
		sums.line = bp->line;
		sums.hits += bp->hits;
		sums.lost += bp->lost;
		sums.limited += bp->limited;
		sums.errors += bp->errors;
		sums.undecided += bp->undecided;
		if (bp->errors && !sums.last_error)
			sums.last_error = bp->last_error;
	}
	/* Each kernel side knows the limit for itself; what came behind it was none. */
	if (cs->family && cs->hits.limit && cs->shown >= cs->hits.limit)
		sums.hits = cs->shown + sums.lost + sums.limited;
	*ret = sums;
	return true;
}

void captures_tell_dropped(struct captures *cs)
{
	struct captures_sums bp;

	if (!captures_sums(cs, &bp))
		return;
	if (bp.lost > cs->lost_told)
		tell(cs, "lost", bp.lost - cs->lost_told);
	if (bp.limited > cs->limited_told)
		tell(cs, "limit", bp.limited - cs->limited_told);
	cs->lost_told = bp.lost;
	cs->limited_told = bp.limited;
}

static void js_end(struct captures *cs, const struct captures_sums *bp)
{
	out_json(cs->out,
		 json_pack("{ss so sI sI sI sI sI sI sI sI}", "event", "count", "location",
			   js_text(bp->location), "hits", (json_int_t)bp->hits, "shown",
			   (json_int_t)cs->shown, "lost", (json_int_t)bp->lost, "limited",
			   (json_int_t)bp->limited, "errors", (json_int_t)bp->errors, "undecided",
			   (json_int_t)bp->undecided, "unseen", (json_int_t)cs->unseen,
			   "uncomputed", (json_int_t)cs->uncomputed));
}

void captures_tell_end(struct captures *cs)
{
	struct captures_sums bp;

	if (!captures_sums(cs, &bp))
		return;
	captures_tell_dropped(cs);
	if (cs->out->json) {
		js_end(cs, &bp);
		return;
	}
	if (bp.lost || bp.limited)
		out_note(cs->out,
			 "%" PRIu64 " hits: %" PRIu64 " shown, %" PRIu64 " lost, %" PRIu64
			 " over the limit",
			 bp.hits, cs->shown, bp.lost, bp.limited);
	if (cs->cut)
		out_note(cs->out,
			 "%" PRIu64 " of the records are not whole (`...`): the limit is %u bytes "
			 "(--record-bytes)",
			 cs->cut, cs->what.bytes);
	if (!bp.hits)
		out_note(cs->out, "%s was not hit", bp.location);
	if (cs->uncomputed)
		out_note(cs->out, "%" PRIu64 " value%s could not be computed", cs->uncomputed,
			 cs->uncomputed == 1 ? "" : "s");
	if (bp.errors)
		out_note(cs->out, "the condition failed %" PRIu64 " time%s and counts as false: %s",
			 bp.errors, bp.errors == 1 ? "" : "s", bp.last_error);
	if (bp.undecided)
		out_note(cs->out,
			 "%" PRIu64
			 " times the kernel could not tell whether the condition is true; "
			 "not shown",
			 bp.undecided);
}

/* ---- the loop ---- */

static int take_events(struct captures *cs, struct err *err)
{
	struct mem *mem = target_mem(session_target(cs->s));
	struct session_event ev;
	int r;

	captures_clock(cs);
	/*
	 * What is read besides the records (classes, code) is as old as they are or younger, and
	 * does not change: many records share it.
	 */
	mem_cache_on(mem);
	do {
		memset(&ev, 0, sizeof(ev));
		r = session_next_event(cs->s, 0, &ev);
		if (r < 0)
			r = err_set(err, r, "pid %d: its events cannot be read: %s", cs->pid,
				    strerror(-r));
		cs->ended |= ev.kind == SESSION_EXITED || ev.kind == SESSION_EXEC;
		if (ev.kind == SESSION_BOUND || ev.kind == SESSION_UNBOUND)
			program_bound(cs->out, session_bp(cs->s, ev.bp));
		if (ev.kind == SESSION_LOST)
			captures_unseen(cs, ev.lost);
	} while (!r && ev.kind != SESSION_NONE && !cs->ended);
	mem_cache_off(mem);
	if (!r)
		r = cs->failed;
	return r ? r : out_check(cs->out, err);
}

/* Has the kernel seen all that was asked for, and have we seen what it sent of it? */
static bool complete(struct captures *cs)
{
	const struct bp *bp = session_bp(cs->s, cs->bp);

	return bp && cs->hits.limit && bp->hits >= cs->hits.limit &&
	       cs->shown + bp->lost + bp->limited >= bp->hits;
}

/* A watch that is over sees nothing more. */
static bool watch_ended(struct captures *cs)
{
	const struct bp *bp = cs->watch ? session_bp(cs->s, cs->bp) : NULL;

	return bp && bp->ended;
}

static int until_end(struct captures *cs, struct err *err, bool *ret_timeout)
{
	uint64_t end = clock_ms() + cs->for_ms, told = clock_ms(), now;
	int r;

	while (!cs->ended && !complete(cs) && !watch_ended(cs)) {
		struct pollfd fds[2] = { { .fd = session_fd(cs->s), .events = POLLIN },
					 { .fd = cs->sigfd, .events = POLLIN } };
		uint64_t left;

		now = clock_ms();
		left = end > now ? end - now : 0;
		if (poll(fds, 2, left > 1000 ? 1000 : (int)left) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		r = take_events(cs, err);
		if (r)
			return r;
		now = clock_ms();
		if (fds[1].revents)
			return 0;
		if (now >= end) {
			*ret_timeout = !complete(cs);
			if (*ret_timeout)
				lifetime_is_over(cs->out, cs->for_ms);
			return 0;
		}
		if (now - told >= TELL_MS) {
			captures_tell_dropped(cs);
			told = now;
		}
	}
	return 0;
}

void captures_lifetime(const struct captures *cs)
{
	if (!cs->for_given)
		lifetime_will_end(cs->out, cs->for_ms);
}

static int begin(struct captures *cs, struct err *err)
{
	const struct bp *bp;
	int r;

	r = session_limits(cs->s, cs->max_rate, cs->max_bytes, err);
	if (!r)
		r = cs->watch ? session_watch(cs->s, &cs->hits, 0, err, &cs->bp)
			      : program_break(cs->s, &cs->hits, cs->out, err, &cs->bp);
	if (r)
		return r;
	bp = session_bp(cs->s, cs->bp);
	if (!bp->pending && bp->line_asked && bp->line_asked != bp->line)
		out_note(cs->out,
			 "line %d of %s has no code: it is line %d, the next that has some",
			 bp->line_asked, bp->file, bp->line);
	if (cs->out->json)
		out_json(cs->out, js_bound(bp));
	captures_lifetime(cs);
	return out_check(cs->out, err);
}

/* Nothing more hits; what was sent until now is shown. */
static int finish(struct captures *cs, struct err *err)
{
	uint64_t before;
	int r;

	session_disarm(cs->s);
	do {
		before = cs->shown;
		r = take_events(cs, err);
	} while (!r && cs->shown > before);
	return r;
}

void captures_begin(struct captures *cs)
{
	cs->sigfd = program_signals();
	captures_clock(cs);
}

void captures_end(struct captures *cs)
{
	free(cs->threads.all);
	vec_deinit(&cs->threads.read);
	if (cs->sigfd >= 0)
		close(cs->sigfd);
}

int captures_run(struct captures *cs, int (*prepare)(struct captures *cs, struct err *err))
{
	struct session_options so = {
		.scope = cs->scope,
		.captured = captured,
		.written = written,
		.progress = progress,
		.priv = cs,
	};
	struct err err = { 0 };
	bool timeout = false;
	int r;

	cs->err = &err;
	cs->hits.capture = &cs->what;
	captures_begin(cs);
	r = cs->sigfd < 0 ? err_set(&err, cs->sigfd, "signalfd: %s", strerror(-cs->sigfd))
			  : session_attach(cs->pid, &so, &err, &cs->s);
	if (!r)
		r = prepare(cs, &err);
	if (!r)
		r = begin(cs, &err);
	if (!r) {
		r = until_end(cs, &err, &timeout);
		if (!r)
			r = finish(cs, &err);
		if (watch_ended(cs))
			program_watch_ended(cs->out, session_bp(cs->s, cs->bp));
		captures_tell_end(cs);
	}
	if (r < 0)
		out_error(cs->out, err.text[0] ? err.text : strerror(-r));
	else if (cs->ended && !complete(cs))
		out_note(cs->out, "pid %d ended", cs->pid);
	if (!r && cs->ended && !complete(cs))
		r = CLI_ENDED;
	else if (!r && timeout && cs->required)
		r = CLI_TIMEOUT;
	session_free(cs->s);
	captures_end(cs);
	return r < 0 ? CLI_FAILED : r;
}
