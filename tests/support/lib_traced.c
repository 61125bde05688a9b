// SPDX-License-Identifier: BSD-2-Clause
#include "lib_traced.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "lib_cu.h"
#include "target/target.h"

bool traced_start_seizing(struct traced *f, void (*fn)(struct spawn_shared *),
			  int (*seize)(struct target *t, struct err *err, struct tracees **ret))
{
	struct err e = { 0 };
	int r;

	memset(f, 0, sizeof(*f));
	r = spawn(&f->s, fn);
	CU_ASSERT_EQUAL(r, 0);
	if (r)
		return false;
	r = target_open(f->s.pid, &e, &f->t);
	CU_ASSERT_EQUAL(r, 0);
	if (!r)
		r = seize(f->t, &e, &f->ts);
	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		printf("%s\n", e.text);
		target_free(f->t);
		spawn_end(&f->s);
	}
	return !r;
}

bool traced_start(struct traced *f, void (*fn)(struct spawn_shared *))
{
	return traced_start_seizing(f, fn, tracees_seize);
}

void traced_leave(struct traced *f)
{
	tracees_free(f->ts);
	f->ts = NULL;
}

void traced_end(struct traced *f)
{
	tracees_free(f->ts);
	target_free(f->t);
	spawn_end(&f->s);
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns() / 1000000);
}

struct tracee_event traced_next(struct traced *f, int ms)
{
	struct tracee_event ev = { 0 };
	int64_t limit = now_ms() + ms;

	for (;;) {
		struct pollfd p = { .fd = tracees_fd(f->ts), .events = POLLIN };
		int64_t left;

		if (tracees_next(f->ts, &ev) || ev.kind != TRACEE_NONE)
			return ev;
		left = limit - now_ms();
		if (left <= 0)
			return ev;
		poll(&p, 1, left);
	}
}

bool traced_pump_until(struct traced *f, const volatile uint64_t *what, uint64_t value)
{
	int64_t limit = now_ms() + TRACED_WAIT_MS;

	while (*what < value && now_ms() < limit)
		traced_next(f, 1);
	return *what >= value;
}

char traced_state(struct traced *f)
{
	return target_state(f->t, f->s.pid);
}

bool traced_wait_state(struct traced *f, char want)
{
	int64_t limit = now_ms() + TRACED_WAIT_MS;

	while (traced_state(f) != want && now_ms() < limit)
		sched_yield();
	return traced_state(f) == want;
}

void *traced_spin(void *arg)
{
	volatile uint64_t *n = arg;

	for (;;)
		++*n;
	return NULL;
}

void traced_three_threads(struct spawn_shared *sh)
{
	pthread_t a, b;

	pthread_create(&a, NULL, traced_spin, (void *)&sh->n[1]);
	pthread_create(&b, NULL, traced_spin, (void *)&sh->n[2]);
	spawn_ready(sh);
	traced_spin((void *)&sh->n[0]);
}

void traced_expect_status(struct traced *f, bool (*is)(int), const char *what)
{
	int64_t limit = now_ms() + TRACED_WAIT_MS;
	int status = 0, r;

	do {
		if (f->ts)
			traced_next(f, 1);
		r = spawn_status(&f->s, 1, &status);
	} while (r == -ETIMEDOUT && now_ms() < limit);
	CU_ASSERT_EQUAL(r, 0);
	if (r || !is(status)) {
		printf("expected %s, got %d, status %x\n", what, r, status);
		CU_FAIL("status");
	}
}

bool status_is_killed(int s)
{
	return WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL;
}

bool status_is_exit7(int s)
{
	return WIFEXITED(s) && WEXITSTATUS(s) == 7;
}
