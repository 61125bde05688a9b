// SPDX-License-Identifier: BSD-2-Clause
/* Several targets traced by one thread, whose waitpid() is told of all: each event comes to the
 * tracer whose target it is of. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "target/ptrace.h"
#include "target/target.h"

#define N	 3
#define WAIT_MS	 10000
#define ROUNDS	 30
#define TIMES	 200 /* threads or processes of each target */
#define CHILDREN 16  /* whose numbers are kept, from n[CHILD] on */
#define CHILD	 8

struct fixture {
	struct spawned s;
	struct target *t;
	struct tracees *ts;
};

static int seize_children(struct target *t, struct err *err, struct tracees **ret)
{
	return tracees_seize_children(t, true, err, ret);
}

static void end(struct fixture *all)
{
	for (size_t i = 0; i < N; i++) {
		tracees_free(all[i].ts);
		target_free(all[i].t);
		spawn_end(&all[i].s);
	}
}

static bool start(struct fixture *all, void (*fn)(struct spawn_shared *),
		  int (*seize)(struct target *t, struct err *err, struct tracees **ret))
{
	struct err e = { 0 };
	int r = 0;

	memset(all, 0, N * sizeof(*all));
	for (size_t i = 0; i < N; i++)
		all[i].s.statuses = -1;
	for (size_t i = 0; !r && i < N; i++) {
		r = spawn(&all[i].s, fn);
		if (!r)
			r = target_open(all[i].s.pid, &e, &all[i].t);
		if (!r)
			r = seize(all[i].t, &e, &all[i].ts);
	}
	CU_ASSERT_EQUAL(r, 0);
	if (!r)
		return true;
	printf("%s\n", e.text);
	end(all);
	return false;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct tracee_event next(struct fixture *f)
{
	struct tracee_event ev = { 0 };

	CU_ASSERT_EQUAL(tracees_next(f->ts, &ev), 0);
	return ev;
}

static bool wait_state(struct fixture *f, char want)
{
	int64_t limit = now_ms() + WAIT_MS;

	while (target_state(f->t, f->s.pid) != want && now_ms() < limit)
		sched_yield();
	return target_state(f->t, f->s.pid) == want;
}

/* Is there something to take, as whoever waits for any of them would see? */
static bool is_readable(struct fixture *f)
{
	struct pollfd p = { .fd = tracees_fd(f->ts), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static bool is_child(const struct fixture *f, pid_t pid)
{
	for (size_t i = 0; i < CHILDREN; i++)
		if ((pid_t)f->s.shared->n[CHILD + i] == pid)
			return true;
	return false;
}

/* One look at each, as the debugger does; what is told is of the target that it is told of. */
static void look(struct fixture *all, bool children)
{
	for (size_t i = 0; i < N; i++) {
		struct tracee_event ev = { .kind = TRACEE_GONE };

		while (all[i].ts && ev.kind != TRACEE_NONE) {
			ev = next(&all[i]);
			if (ev.kind == TRACEE_EXITED)
				CU_ASSERT(children && is_child(&all[i], ev.tid));
			if (ev.kind != TRACEE_EXITED && ev.kind != TRACEE_GONE)
				CU_ASSERT_EQUAL(ev.kind, TRACEE_NONE);
		}
	}
}

/* Until n[0] of each is so much higher; any descriptor tells of all. */
static bool pump(struct fixture *all, bool children)
{
	int64_t limit = now_ms() + WAIT_MS;
	uint64_t goal[N];
	bool all_there;

	for (size_t i = 0; i < N; i++)
		goal[i] = all[i].s.shared->n[0] + TIMES;
	do {
		struct pollfd p = { .fd = -1, .events = POLLIN };

		for (size_t i = 0; i < N; i++)
			if (all[i].ts)
				p.fd = tracees_fd(all[i].ts);
		poll(&p, 1, 1);
		look(all, children);
		all_there = true;
		for (size_t i = 0; i < N; i++)
			all_there &= all[i].s.shared->n[0] >= goal[i];
	} while (!all_there && now_ms() < limit);
	return all_there;
}

/* ---- targets ---- */

static void spin_main(struct spawn_shared *sh)
{
	spawn_ready(sh);
	for (;;)
		sh->n[0]++;
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads_main(struct spawn_shared *sh)
{
	pthread_t t;

	spawn_ready(sh);
	for (; !pthread_create(&t, NULL, nothing, NULL); sh->n[0]++)
		pthread_join(t, NULL);
}

static void forks_main(struct spawn_shared *sh)
{
	pid_t pid;

	spawn_ready(sh);
	for (;; sh->n[0]++) {
		pid = fork();
		if (!pid) {
			sh->n[CHILD + sh->n[0] % CHILDREN] = (uint64_t)getpid();
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

/* ---- */

static void test_stops(void)
{
	struct fixture all[N];

	if (!start(all, spin_main, tracees_seize))
		return;
	for (size_t round = 0; round < ROUNDS; round++) {
		struct tracee_event ev;

		for (size_t i = 0; i < N; i++)
			CU_ASSERT_EQUAL(tracees_interrupt(all[i].ts, all[i].s.pid), 0);
		for (size_t i = 0; i < N; i++)
			CU_ASSERT(wait_state(&all[i], 't'));
		/* The first takes what there is of all; the others find theirs at once. */
		for (size_t k = 0; k < N; k++) {
			struct fixture *f = &all[(round + k) % N];

			/* By the kernel, then by who took it; who asks one asks all. */
			CU_ASSERT(k > 1 || is_readable(f));
			CU_ASSERT_EQUAL(tracees_has_waited(f->ts), k > 0);
			ev = next(f);
			CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
			CU_ASSERT_EQUAL(ev.tid, f->s.pid);
			CU_ASSERT_EQUAL(next(f).kind, TRACEE_NONE);
		}
		for (size_t i = 0; i < N; i++)
			CU_ASSERT_EQUAL(tracees_resume(all[i].ts, all[i].s.pid), 0);
	}
	end(all);
}

static void test_births(void)
{
	struct fixture all[N];

	if (!start(all, threads_main, tracees_seize))
		return;
	CU_ASSERT(pump(all, false));
	/* One is left while threads of it begin, and while others take what is told of it. */
	tracees_free(all[1].ts);
	all[1].ts = NULL;
	CU_ASSERT(pump(all, false));
	CU_ASSERT_EQUAL(target_tracer(all[1].t, all[1].s.pid), 0);
	CU_ASSERT_EQUAL(target_tracer(all[2].t, all[2].s.pid), gettid());
	end(all);
}

static void test_forks(void)
{
	struct fixture all[N];

	if (!start(all, forks_main, seize_children))
		return;
	CU_ASSERT(pump(all, true));
	end(all);
}

static void test_end_and_leave(void)
{
	struct fixture all[N];
	struct tracee_event ev;

	if (!start(all, spin_main, tracees_seize))
		return;
	kill(all[1].s.pid, SIGKILL);
	CU_ASSERT_EQUAL(tracees_interrupt(all[2].ts, all[2].s.pid), 0);
	CU_ASSERT(wait_state(&all[1], 'Z'));
	CU_ASSERT(wait_state(&all[2], 't'));
	CU_ASSERT_EQUAL(next(&all[0]).kind, TRACEE_NONE);
	ev = next(&all[1]);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
	CU_ASSERT(WIFSIGNALED(ev.status) && WTERMSIG(ev.status) == SIGKILL);
	/* Its stop was taken by another, and not by itself yet. */
	tracees_free(all[2].ts);
	all[2].ts = NULL;
	CU_ASSERT_EQUAL(target_tracer(all[2].t, all[2].s.pid), 0);
	CU_ASSERT(spawn_wait(&all[2].s.shared->n[0], all[2].s.shared->n[0] + 1000, WAIT_MS));
	end(all);
}

static const struct cu_test tests[] = {
	CU_T(test_stops),
	CU_T(test_births),
	CU_T(test_forks),
	CU_T(test_end_and_leave),
};

int main(int argc, char **argv)
{
	return CU_MAIN("tracers", tests, argc, argv);
}
