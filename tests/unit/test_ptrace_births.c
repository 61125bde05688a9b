// SPDX-License-Identifier: BSD-2-Clause
/* Threads that begin untraced, and are taken when they are wanted. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "lib_traced.h"
#include "target/ptrace.h"
#include "target/target.h"

static void *late_thread(void *arg)
{
	struct spawn_shared *sh = arg;

	sh->n[2] = gettid();
	return traced_spin((void *)&sh->n[1]);
}

/* When n[5] says so, a thread: n[2] is its number. */
static void late(struct spawn_shared *sh)
{
	pthread_t th;

	spawn_ready(sh);
	while (!sh->n[5])
		sched_yield();
	pthread_create(&th, NULL, late_thread, sh);
	traced_spin((void *)&sh->n[0]);
}

static void *exec_thread(void *arg)
{
	struct spawn_shared *sh = arg;

	while (!sh->n[5])
		sched_yield();
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	return NULL;
}

/* When n[5] says so, a thread runs execve; n[2] is the number of another. */
static void execs(struct spawn_shared *sh)
{
	pthread_t th;

	pthread_create(&th, NULL, late_thread, sh);
	pthread_create(&th, NULL, exec_thread, sh);
	while (!sh->n[2])
		sched_yield();
	spawn_ready(sh);
	traced_spin((void *)&sh->n[0]);
}

/* Tells of the thread that is named in it, on whichever CPU. */
struct teller {
	int fd;
	pid_t tid, pid;
};

static void teller_take(void *priv, void (*fn)(void *arg, pid_t tid, pid_t pid), void *arg)
{
	struct teller *t = priv;
	eventfd_t n;

	if (!eventfd_read(t->fd, &n))
		fn(arg, t->tid, t->pid);
}

/* The thread that comes late runs, and nobody traces it. */
static bool wait_late(struct traced *f)
{
	f->s.shared->n[5] = 1;
	return spawn_wait(&f->s.shared->n[1], 1000, TRACED_WAIT_MS);
}

static void test_held_at_a_hit(void)
{
	struct teller teller = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	const struct tracees_hits hits = { teller.fd, teller_take, &teller };
	struct tracee_event ev;
	struct traced f;
	uint64_t ip = 0, seen;

	if (!traced_start_seizing(&f, late, tracees_seize_now))
		return;
	CU_ASSERT_EQUAL(tracees_hold(f.ts, &hits), 0);
	CU_ASSERT(wait_late(&f));
	teller.tid = (pid_t)f.s.shared->n[2];
	teller.pid = f.s.pid;
	CU_ASSERT_EQUAL(target_tracer(f.t, teller.tid), 0);
	for (int round = 0; round < 2; round++) {
		eventfd_write(teller.fd, 1);
		ev = traced_next(&f, TRACED_WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_SIGNAL);
		CU_ASSERT_EQUAL(ev.tid, teller.tid);
		CU_ASSERT(tracees_is_stopped(f.ts, teller.tid));
		CU_ASSERT_EQUAL(tracees_ip(f.ts, teller.tid, &ip), 0);
		CU_ASSERT_NOT_EQUAL(ip, 0);
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, teller.tid), -EALREADY);
		seen = f.s.shared->n[1];
		CU_ASSERT_EQUAL(traced_next(&f, 50).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(f.s.shared->n[1], seen);
		CU_ASSERT_EQUAL(tracees_resume(f.ts, teller.tid), 0);
		CU_ASSERT(spawn_wait(&f.s.shared->n[1], seen + 1000, TRACED_WAIT_MS));
	}
	/* From now on it is a tracee like others, but of another thread of ours. */
	CU_ASSERT(target_tracer(f.t, teller.tid) > 0);
	CU_ASSERT_NOT_EQUAL(target_tracer(f.t, teller.tid), gettid());
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, teller.tid), 0);
	ev = traced_next(&f, TRACED_WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
	CU_ASSERT_EQUAL(ev.tid, teller.tid);
	traced_leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, teller.tid), 0);
	CU_ASSERT(spawn_wait(&f.s.shared->n[1], f.s.shared->n[1] + 1000, TRACED_WAIT_MS));
	traced_end(&f);
	close(teller.fd);
}

/* A thread of ours is in ptrace(). */
static bool in_ptrace(void)
{
	char path[64], text[16];
	struct dirent *e;
	DIR *dir = opendir("/proc/self/task");
	bool found = false;
	FILE *f;

	while (dir && !found && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/syscall", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		found = fgets(text, sizeof(text), f) && atoi(text) == SYS_ptrace;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

/*
 * execve waits until we reap the other threads, and whoever holds one waits for execve: we go on
 * nevertheless.
 */
static void test_hold_during_exec(void)
{
	struct teller teller = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	const struct tracees_hits hits = { teller.fd, teller_take, &teller };
	struct traced f;

	if (!traced_start_seizing(&f, execs, tracees_seize_now))
		return;
	CU_ASSERT_EQUAL(tracees_hold(f.ts, &hits), 0);
	f.s.shared->n[5] = 1;
	while (target_state(f.t, (pid_t)f.s.shared->n[2]) != 'Z')
		sched_yield();
	teller.tid = teller.pid = f.s.pid;
	eventfd_write(teller.fd, 1);
	while (!in_ptrace())
		sched_yield();
	traced_leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	traced_end(&f);
	close(teller.fd);
}

static void test_births_followed_later(void)
{
	struct traced f;

	if (!traced_start_seizing(&f, late, tracees_seize_now))
		return;
	tracees_follow(f.ts, true);
	CU_ASSERT(traced_pump_until(&f, &f.s.shared->ready, 1));
	/* Its options change in a stop that the tracees_next() of here makes over. */
	CU_ASSERT_EQUAL(traced_next(&f, 50).kind, TRACEE_NONE);
	f.s.shared->n[5] = 1;
	CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[1], 1000));
	CU_ASSERT_EQUAL(target_tracer(f.t, (pid_t)f.s.shared->n[2]), gettid());
	traced_leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, (pid_t)f.s.shared->n[2]), 0);
	traced_end(&f);
}

static void test_births_left_alone(void)
{
	struct tracee_event ev;
	struct traced f;
	pid_t tid;

	if (!traced_start_seizing(&f, late, tracees_seize_now))
		return;
	CU_ASSERT(wait_late(&f));
	tid = (pid_t)f.s.shared->n[2];
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), 0);
	/* A pause takes it nevertheless. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tid), 0);
	ev = traced_next(&f, TRACED_WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
	CU_ASSERT_EQUAL(ev.tid, tid);
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), gettid());
	/* Never a thread of another process. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, getpid()), -ESRCH);
	traced_leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), 0);
	traced_end(&f);
}

static const struct cu_test tests[] = {
	CU_T(test_held_at_a_hit),
	CU_T(test_hold_during_exec),
	CU_T(test_births_followed_later),
	CU_T(test_births_left_alone),
};

int main(int argc, char **argv)
{
	return CU_MAIN("ptrace_births", tests, argc, argv);
}
