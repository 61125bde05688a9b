// SPDX-License-Identifier: BSD-2-Clause
/* Threads and processes that begin, end, run another program and fork while they are traced. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "lib_traced.h"
#include "target/ptrace.h"
#include "target/target.h"

static void *nothing(void *arg)
{
	++*(volatile uint64_t *)arg;
	return NULL;
}

static void storm(struct spawn_shared *sh)
{
	spawn_ready(sh);
	for (;;) {
		pthread_t th[4];
		int i;

		for (i = 0; i < 4; i++)
			if (pthread_create(&th[i], NULL, nothing, (void *)&sh->n[1 + i]))
				_exit(9);
		for (i = 0; i < 4; i++)
			pthread_join(th[i], NULL);
		sh->n[0]++;
	}
}

static void test_thread_storm(void)
{
	struct traced f;
	struct err e;
	uint64_t n;
	int i;

	if (!traced_start(&f, storm))
		return;
	/* Seize and leave in the middle of it, with and without events handled. */
	for (i = 0; i < 50; i++) {
		n = f.s.shared->n[0];
		if (i % 3)
			CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[0], n + i % 10));
		traced_leave(&f);
		CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 2, TRACED_WAIT_MS));
		if (tracees_seize(f.t, &e, &f.ts)) {
			printf("%s\n", e.text);
			CU_FAIL("seize");
			break;
		}
	}
	/* Interrupt whoever is there; they vanish under us. */
	for (i = 0; i < 200; i++) {
		pid_t *tids;
		size_t k, m;

		if (target_tids(f.t, &tids, &m))
			break;
		for (k = 0; k < m; k++)
			tracees_interrupt(f.ts, tids[k]);
		for (k = 0; k < m; k++)
			traced_next(&f, 1);
		for (k = 0; k < m; k++)
			tracees_resume(f.ts, tids[k]);
		free(tids);
	}
	n = f.s.shared->n[0];
	CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[0], n + 50));
	traced_leave(&f);
	n = f.s.shared->n[0];
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 50, TRACED_WAIT_MS));
	/* Every thread ran once. */
	kill(f.s.pid, SIGSTOP);
	CU_ASSERT(traced_wait_state(&f, 'T'));
	for (i = 1; i <= 4; i++)
		CU_ASSERT(f.s.shared->n[i] >= f.s.shared->n[0] &&
			  f.s.shared->n[i] <= f.s.shared->n[0] + 1);
	traced_end(&f);
}

/* n[5] asks for something, n[6] says that it was done. */
static void *leader_waits(void *arg)
{
	struct spawn_shared *sh = arg;

	while (sh->n[5] != 2)
		sh->n[1]++;
	_exit(7);
}

static void obey(struct spawn_shared *sh)
{
	pthread_t th;
	pid_t pid;

	pthread_create(&th, NULL, leader_waits, sh);
	spawn_ready(sh);
	for (;;) {
		switch (sh->n[5]) {
		case 1:
			pthread_exit(NULL);
		case 3:
			execl("/bin/sh", "sh", "-c", "read x </dev/zero; exit 7", NULL);
			_exit(1);
		case 4:
		case 5:
		case 6:
			if (sh->n[5] == 4)
				pid = fork();
			else if (sh->n[5] == 5)
				pid = vfork();
			else
				pid = syscall(SYS_clone, 0, 0, 0, 0,
					      0); /* reports with no signal */
			if (!pid) {
				if (sh->n[5] == 5)
					execl("/bin/sh", "sh", "-c", "kill -STOP $$", NULL);
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				for (;;)
					sh->n[9]++;
			}
			sh->n[6] = pid;
			sh->n[5] = 0;
			break;
		default:
			sh->n[0]++;
		}
	}
}

static void test_leader_ends_first(void)
{
	struct traced f;
	struct tracee_event ev;
	struct err e;
	int round;

	/* Seized before and after the leader's end; and left in between. */
	for (round = 0; round < 3; round++) {
		if (!traced_start(&f, obey))
			return;
		if (round == 1)
			traced_leave(&f);
		f.s.shared->n[5] = 1;
		CU_ASSERT(traced_wait_state(&f, 'Z'));
		CU_ASSERT(target_alive(f.t));
		if (round == 1)
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
		if (round == 2) {
			traced_leave(&f);
			CU_ASSERT(spawn_wait(&f.s.shared->n[1], f.s.shared->n[1] + 1000,
					     TRACED_WAIT_MS));
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
		}
		CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
		f.s.shared->n[5] = 2;
		ev = traced_next(&f, TRACED_WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_GONE);
		ev = traced_next(&f, TRACED_WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
		CU_ASSERT_EQUAL(ev.tid, f.s.pid);
		/* Who comes after the leader's end is no tracer of it. */
		CU_ASSERT(round == 1 ? ev.status == -1 : status_is_exit7(ev.status));
		CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
		traced_expect_status(&f, status_is_exit7, "exit 7");
		CU_ASSERT_FALSE(target_alive(f.t));
		traced_end(&f);
	}
}

static void test_exit_and_kill(void)
{
	struct traced f;
	struct tracee_event ev;
	int gone = 0;

	if (!traced_start(&f, obey))
		return;
	f.s.shared->n[5] = 2;
	while ((ev = traced_next(&f, TRACED_WAIT_MS)).kind == TRACEE_GONE)
		gone++;
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
	CU_ASSERT(status_is_exit7(ev.status));
	traced_expect_status(&f, status_is_exit7, "exit 7");
	traced_end(&f);

	/* Killed while it is stopped. */
	if (!traced_start(&f, traced_three_threads))
		return;
	tracees_interrupt(f.ts, f.s.pid);
	CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_STOPPED);
	kill(f.s.pid, SIGKILL);
	for (gone = 0; (ev = traced_next(&f, TRACED_WAIT_MS)).kind == TRACEE_GONE;)
		gone++;
	CU_ASSERT_EQUAL(gone, 2);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
	CU_ASSERT(status_is_killed(ev.status));
	CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), -ESRCH);
	traced_expect_status(&f, status_is_killed, "killed");
	traced_end(&f);

	/* And left without having been told. */
	if (!traced_start(&f, traced_three_threads))
		return;
	tracees_interrupt(f.ts, f.s.pid);
	CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_STOPPED);
	kill(f.s.pid, SIGKILL);
	traced_leave(&f);
	traced_expect_status(&f, status_is_killed, "killed");
	traced_end(&f);
}

static void test_exec(void)
{
	struct traced f;
	struct tracee_event ev;
	char comm[16] = "";

	if (!traced_start(&f, obey))
		return;
	f.s.shared->n[5] = 3;
	while ((ev = traced_next(&f, TRACED_WAIT_MS)).kind == TRACEE_GONE)
		;
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXEC);
	CU_ASSERT_EQUAL(ev.tid, f.s.pid);
	CU_ASSERT_EQUAL(target_comm(f.t, f.s.pid, comm), 0);
	CU_ASSERT_STRING_EQUAL(comm, "sh");
	CU_ASSERT(target_alive(f.t));
	traced_leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	CU_ASSERT(traced_wait_state(&f, 'R'));
	traced_end(&f);
}

static void test_children_are_left_alone(void)
{
	struct traced f;
	struct err e = { 0 };
	struct target *t;
	int how;

	for (how = 4; how <= 6; how++) {
		pid_t pid;

		if (!traced_start(&f, obey))
			return;
		f.s.shared->n[5] = how;
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[6], 1));
		pid = f.s.shared->n[6];
		if (how != 5)
			CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[9], 1000));
		CU_ASSERT_EQUAL(target_open(pid, &e, &t), 0);
		if (!e.code) {
			CU_ASSERT_EQUAL(target_tracer(t, pid), 0);
			target_free(t);
		}
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[0], f.s.shared->n[0] + 1000));
		kill(pid, SIGKILL);
		traced_end(&f);
	}
}

static const struct cu_test tests[] = {
	CU_T(test_thread_storm), CU_T(test_leader_ends_first),	     CU_T(test_exit_and_kill),
	CU_T(test_exec),	 CU_T(test_children_are_left_alone),
};

int main(int argc, char **argv)
{
	return CU_MAIN("ptrace_ends", tests, argc, argv);
}
