// SPDX-License-Identifier: BSD-2-Clause
/* Greenlets, and which thread runs which. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/session_priv.h"
#include "probes/probe.h"

#define FRAMES_MAX 10000

void session_greenlets_free(struct session_greenlet *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		places_free(g[i].places, g[i].nplaces);
		free(g[i].type);
		free(g[i].run);
	}
	free(g);
}

/* What the thread of a running greenlet does now. */
static int name_running(struct session *s, uint64_t tstate, struct session_greenlet *g)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ struct interp_frame *frames = NULL;
	size_t n, nframes;
	int r = session_threads(s, &threads, &n);

	for (size_t i = 0; !r && i < n; i++)
		if (threads[i].tstate == tstate)
			g->tid = threads[i].tid;
	if (r || !g->tid || session_frames(s, g->tid, FRAMES_MAX, &frames, &nframes))
		return r;
	return places_name(s, frames, nframes, false, &g->places, &g->nplaces);
}

int session_greenlets(struct session *s, struct err *err, struct session_greenlet **ret,
		      size_t *ret_n)
{
	struct interp_greenlet *found = NULL;
	struct session_greenlet *gs;
	size_t n = 0, i;
	int r = s->in->ops->greenlets(s->in, err, &found, &n);

	if (r)
		return r;
	gs = calloc(n + 1, sizeof(*gs));
	if (!gs)
		r = -ENOMEM;
	for (i = 0; !r && i < n; i++) {
		gs[i].greenlet = found[i].greenlet;
		gs[i].state = found[i].state;
		gs[i].main = found[i].main;
		gs[i].type = take_ptr(found[i].type);
		gs[i].run = take_ptr(found[i].run);
		if (found[i].tstate)
			r = name_running(s, found[i].tstate, &gs[i]);
		else
			r = places_name(s, found[i].frames, found[i].nframes, false, &gs[i].places,
					&gs[i].nplaces);
	}
	interp_greenlets_free(found, n);
	if (r) {
		if (gs)
			session_greenlets_free(gs, n);
		return r;
	}
	*ret = gs;
	*ret_n = n;
	return 0;
}

int session_greenlet_of(struct session *s, pid_t tid, uint64_t *ret, char **ret_type)
{
	uint64_t tstate;
	int r = session_tstate(s, tid, &tstate);

	return r ? r : s->in->ops->greenlet_of(s->in, tstate, ret, ret_type);
}
