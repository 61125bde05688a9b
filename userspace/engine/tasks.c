// SPDX-License-Identifier: BSD-2-Clause
/* Tasks of event loops, and which thread runs which. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/session_priv.h"
#include "probes/probe.h"

#define FRAMES_MAX 10000

void places_free(struct session_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(places[i].file);
		free(places[i].function);
	}
	free(places);
}

void session_tasks_free(struct session_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct session_task *t = &tasks[i];

		places_free(t->places, t->nplaces);
		free(t->name);
		free(t->coro);
		free(t->awaits);
		free(t->by);
	}
	free(tasks);
}

int places_name(struct session *s, const struct interp_frame *frames, size_t n, bool reversed,
		struct session_place **ret, size_t *ret_n)
{
	struct session_place *places = calloc(n + 1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct interp_frame *f = &frames[reversed ? n - 1 - i : i];
		const char *file, *function;

		if (session_code_names(s, f->code, &file, &function))
			file = function = "?";
		places[i] = (struct session_place){ strdup(file), strdup(function), f->line };
		if (!places[i].file || !places[i].function) {
			places_free(places, i + 1);
			return -ENOMEM;
		}
	}
	*ret = places;
	*ret_n = n;
	return 0;
}

/* A thread's frames, innermost first, and how many up to the one that begins at `frame`; 0: it is
 * not there. */
static size_t depth_of(const struct interp_frame *frames, size_t n, uint64_t frame)
{
	for (size_t i = 0; i < n; i++)
		if (frames[i].frame == frame)
			return i + 1;
	return 0;
}

/* The thread whose stack has the task's outermost frame, and what lies above it. */
static int name_running(struct session *s, uint64_t frame, struct session_task *t)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n;
	int r = session_threads(s, &threads, &n);

	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ struct interp_frame *frames = NULL;
		size_t nframes, depth;

		if (session_frames(s, threads[i].tid, FRAMES_MAX, &frames, &nframes))
			continue;
		depth = depth_of(frames, nframes, frame);
		if (!depth)
			continue;
		t->tid = threads[i].tid;
		return places_name(s, frames, depth, true, &t->places, &t->nplaces);
	}
	return r;
}

static int by_address(const void *key, const void *elem)
{
	uint64_t x = *(const uint64_t *)key, y = ((const struct session_task *)elem)->task;

	return x < y ? -1 : x > y;
}

/* it: takes its texts over. */
static int take_task(struct session *s, struct interp_task *it, struct session_task *all, size_t n,
		     struct session_task *t)
{
	int r = 0;

	t->loop = it->loop;
	t->state = it->state;
	t->name = take_ptr(it->name);
	t->coro = take_ptr(it->coro);
	t->awaits = take_ptr(it->awaits);
	if (it->state == TASK_RUNNING && it->nframes)
		r = name_running(s, it->frames[0].frame, t);
	if (!r && !t->places)
		r = places_name(s, it->frames, it->nframes, false, &t->places, &t->nplaces);
	t->by = calloc(it->nby + 1, sizeof(*t->by));
	if (!t->by)
		return -ENOMEM;
	for (size_t i = 0; i < it->nby; i++) {
		struct session_task *by = bsearch(&it->by[i], all, n, sizeof(*all), by_address);

		if (by)
			t->by[t->nby++] = (size_t)(by - all);
	}
	return r;
}

int session_tasks(struct session *s, struct session_task **ret, size_t *ret_n)
{
	struct interp_task *its = NULL;
	struct session_task *tasks;
	size_t n = 0, i;
	int r;

	r = s->in->ops->tasks(s->in, false, &its, &n);
	if (r)
		return r;
	tasks = calloc(n + 1, sizeof(*tasks));
	if (!tasks)
		r = -ENOMEM;
	for (i = 0; !r && i < n; i++)
		tasks[i].task = its[i].task;
	for (i = 0; !r && i < n; i++)
		r = take_task(s, &its[i], tasks, n, &tasks[i]);
	interp_tasks_free(its, n);
	if (r) {
		if (tasks)
			session_tasks_free(tasks, n);
		return r;
	}
	*ret = tasks;
	*ret_n = n;
	return 0;
}

int session_task_of(struct session *s, pid_t tid, uint64_t *ret, char **ret_name)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	size_t n = 0, ntasks = 0, best = SIZE_MAX, depth, found = 0;
	struct interp_task *its = NULL;
	int r;

	r = s->in->ops->tasks(s->in, true, &its, &ntasks);
	if (!r && ntasks)
		r = session_frames(s, tid, FRAMES_MAX, &frames, &n);
	/* of several that are on the stack the innermost */
	for (size_t i = 0; !r && i < ntasks; i++) {
		depth = its[i].nframes ? depth_of(frames, n, its[i].frames[0].frame) : 0;
		if (!depth || depth >= best)
			continue;
		best = depth;
		found = i;
	}
	if (!r && best == SIZE_MAX)
		r = -ENOENT;
	if (!r) {
		*ret = its[found].task;
		*ret_name = take_ptr(its[found].name);
	}
	interp_tasks_free(its, ntasks);
	return r;
}
