// SPDX-License-Identifier: BSD-2-Clause
/* Threads, frames and names, as the front ends ask for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/index.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/target.h"
#include "trace/pidns.h"

/* Thread ids that the interpreter noted in its own pid namespace become ours. */
static int translate_tids(struct session *s, struct interp_thread *threads, size_t n)
{
	_cleanup_free_ pid_t *tids = NULL, *inner = NULL;
	size_t ntids, i, j;
	struct pidns ns;
	int r;

	/* What cannot be told apart is taken for the same namespace, as by far the most are. */
	if (pidns_of(target_pid(s->target), &ns) || ns.same)
		return 0;
	r = target_tids(s->target, &tids, &ntids);
	if (r)
		return r;
	inner = calloc(ntids, sizeof(*inner));
	if (!inner)
		return -ENOMEM;
	for (j = 0; j < ntids; j++)
		inner[j] = pidns_inner(ns.ours, tids[j]);
	for (i = 0; i < n; i++) {
		int there = threads[i].tid;

		threads[i].tid = 0;
		for (j = 0; j < ntids && there && !threads[i].tid; j++)
			if (inner[j] == there)
				threads[i].tid = tids[j];
	}
	return 0;
}

/* The threads, kept while the target cannot change them. Borrowed. */
static int look_threads(struct session *s, const struct interp_thread **ret, size_t *ret_n)
{
	struct interp_thread *threads;
	size_t n;
	int r;

	if (!s->threads || !(s->stopped || s->still)) {
		r = s->in->ops->threads(s->in, &threads, &n);
		if (r)
			return r;
		r = translate_tids(s, threads, n);
		if (r) {
			free(threads);
			return r;
		}
		free(s->threads);
		s->threads = threads;
		s->nthreads = n;
	}
	*ret = s->threads;
	*ret_n = s->nthreads;
	return 0;
}

void look_forget(struct session *s)
{
	mem_cache_off(target_mem(s->target));
	code_index_forget_names(s->index);
	free(s->threads);
	s->threads = NULL;
	s->nthreads = 0;
}

void look_fresh(struct session *s)
{
	look_forget(s);
	mem_cache_on(target_mem(s->target));
}

int session_threads(struct session *s, struct interp_thread **ret, size_t *ret_n)
{
	const struct interp_thread *threads;
	struct interp_thread *copy;
	size_t n;
	int r;

	r = look_threads(s, &threads, &n);
	if (r)
		return r;
	copy = calloc(n ? n : 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, threads, n * sizeof(*copy));
	*ret = copy;
	*ret_n = n;
	return 0;
}

/* A thread that stands at a hit: its frame has not noted the instruction yet (3.11+), the hit knows
 * it. The frame that was just left may still stand above it (bpf/py_walk.bpf.h, py_frame_in_reg():
 * a generator of 3.13 that yields into a for loop). */
static void correct_top(struct session *s, const struct abi_hit *hit, struct interp_frame *frames,
			size_t *n)
{
	const struct place *p = hit->h.kind == ABI_REC_HIT ? place_by_id(s, hit->place) : NULL;
	bool entered = hit->h.kind == ABI_REC_STEP ? hit->rules[0] == ABI_STEP_CALL
						   : p && hit->addr == ABI_ADDR_ENTRY;

	/* Up to 3.10 the thread state knows a frame only some instructions after the eval loop is
	 * entered with it; there is room for one more. */
	if (entered && (!*n || frames[0].frame != hit->frame)) {
		memmove(frames + 1, frames, *n * sizeof(*frames));
		frames[0] = (struct interp_frame){ .frame = hit->frame, .code = hit->code };
		++*n;
	}
	if (*n > 1 && hit->frame && frames[0].frame != hit->frame && frames[1].frame == hit->frame)
		memmove(frames, frames + 1, --*n * sizeof(*frames));
	if (!*n || !hit->frame || frames[0].frame != hit->frame || frames[0].code != hit->code ||
	    hit->h.kind == ABI_REC_DATA)
		return;
	frames[0].offset = hit->offset;
	if (p)
		frames[0].line = (int32_t)p->abi.group;
	else if (s->stopped && hit == &s->stop && s->stop_line)
		frames[0].line = s->stop_line;
	else
		frames[0].line = s->in->ops->line_of(s->in, hit->code, hit->offset);
}

/* For the frame that correct_top() may add. On failure the array is freed. */
static int make_room(struct interp_frame **frames, size_t n)
{
	struct interp_frame *more = realloc(*frames, (n + 1) * sizeof(*more));

	if (!more) {
		free(*frames);
		return -ENOMEM;
	}
	*frames = more;
	return 0;
}

int session_tstate(struct session *s, pid_t tid, uint64_t *ret)
{
	const struct interp_thread *threads;
	uint64_t tstate = 0;
	size_t n;
	int r = look_threads(s, &threads, &n);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		/* of several thread states of a thread (sub-interpreters) the one that runs
		 * something */
		if (threads[i].tid == tid && (!tstate || threads[i].frame))
			tstate = threads[i].tstate;
	}
	if (!tstate)
		return -ESRCH;
	*ret = tstate;
	return 0;
}

int look_frames(struct session *s, pid_t tid, size_t max, struct interp_frame **ret, size_t *ret_n)
{
	uint64_t tstate = 0;
	size_t i;
	int r = 0;

	if (s->stopped && (pid_t)s->stop.tid == tid)
		tstate = s->stop.tstate;
	if (!tstate)
		r = session_tstate(s, tid, &tstate);
	if (r)
		return r;
	/* one more, for the one that correct_top() may drop */
	r = s->in->ops->frames(s->in, tstate, max < SIZE_MAX ? max + 1 : max, ret, ret_n);
	if (!r)
		r = make_room(ret, *ret_n);
	if (r)
		return r;
	if (s->stopped && (pid_t)s->stop.tid == tid)
		correct_top(s, &s->stop, *ret, ret_n);
	for (i = 0; i < s->waiting.n; i++)
		if ((pid_t)s->waiting.data[i].tid == tid)
			correct_top(s, &s->waiting.data[i], *ret, ret_n);
	for (i = 0; i < s->passed.n; i++)
		if ((pid_t)s->passed.data[i].tid == tid)
			correct_top(s, &s->passed.data[i], *ret, ret_n);
	if (*ret_n > max)
		*ret_n = max;
	return 0;
}

int session_frames(struct session *s, pid_t tid, size_t max, struct interp_frame **ret,
		   size_t *ret_n)
{
	struct interp_frame *frames, *more;
	size_t n, left = s->stopped && (pid_t)s->stop.tid == tid ? s->nunwound : 0;
	int r = look_frames(s, tid, max, &frames, &n);

	if (r)
		return r;
	if (left) {
		more = realloc(frames, (n + left) * sizeof(*more));
		if (!more) {
			free(frames);
			return -ENOMEM;
		}
		frames = more;
		memmove(frames + left, frames, n * sizeof(*frames));
		memcpy(frames, s->unwound, left * sizeof(*frames));
		n += left;
	}
	*ret = frames;
	*ret_n = n > max ? max : n;
	return 0;
}

int session_code_names(struct session *s, uint64_t code, const char **ret_file,
		       const char **ret_function)
{
	return code_index_names(s->index, code, ret_file, ret_function);
}

int session_files(struct session *s, const char *const **ret, size_t *ret_n)
{
	int r = bps_index(s, false, NULL);

	if (!r)
		*ret_n = code_index_files(s->index, ret);
	return r;
}

int session_lines(struct session *s, const char *file, struct err *err, int32_t **ret,
		  size_t *ret_n)
{
	const struct index_place *ps;
	const char *path;
	int32_t *lines;
	size_t n, used = 0;
	int r = bps_index(s, true, err);

	if (!r)
		r = bind_file(s->index, file, s->label, err, &path);
	if (r)
		return r;
	r = code_index_places(s->index, path, &ps, &n);
	lines = calloc(n + 1, sizeof(*lines));
	if (r || !lines) {
		free(lines);
		return err_set(err, r ? r : -ENOMEM, "%s: cannot read the line tables of %s: %s",
			       s->label, path, strerror(r ? -r : ENOMEM));
	}
	for (size_t i = 0; i < n; i++) /* sorted by line */
		if (ps[i].place->event && (!used || lines[used - 1] != ps[i].place->line))
			lines[used++] = ps[i].place->line;
	*ret = lines;
	*ret_n = used;
	return 0;
}

int session_functions(struct session *s, const char *const **ret, size_t *ret_n)
{
	int r = bps_index(s, false, NULL);

	if (!r)
		*ret_n = code_index_functions(s->index, ret);
	return r;
}
