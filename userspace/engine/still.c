// SPDX-License-Identifier: BSD-2-Clause
/* All threads at once: for a pause and for a still picture. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "target/ptrace.h"
#include "target/target.h"

/* A thread in an uninterruptible sleep does not stop; the picture is taken without it after this
 * long. */
#define STOP_ALL_NS 1000000000u

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

int stops_all(struct session *s)
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

/* Does the thread stand on? It waits to be shown, or is of a process that is not looked at. */
static bool is_waiting(void *priv, pid_t tid)
{
	const struct session *s = priv;
	size_t i;

	if (processes_many(s) && syscall(SYS_tgkill, s->now->pid, tid, 0))
		return true;

	for (i = 0; i < s->waiting.n; i++)
		if ((pid_t)s->waiting.data[i].tid == tid)
			return true;
	return false;
}

void stops_resume_all(struct session *s)
{
	size_t i;

	s->all_stopped = false;
	s->states.n = 0;
	s->passed.n = 0;
	for (i = 0; i < s->hits.n; i++)
		s->hits.data[i].since_ns = clock_ns();
	if (s->tracees)
		tracees_resume_all(s->tracees, is_waiting, s);
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
	r = stops_all(s);
	if (r) {
		s->still--;
		stops_resume_all(s);
		session_relax(s);
		stops_announce(s);
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
		stops_resume_all(s);
		pause = (clock_ns() - s->still_since_ns) / 1000;
		session_relax(s);
		stops_announce(s);
	}
	if (ret_pause_us)
		*ret_pause_us = pause;
}
