// SPDX-License-Identifier: BSD-2-Clause
/* Seizing, stopping and leaving real processes; their signals and job control. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "lib_traced.h"
#include "target/ptrace.h"
#include "target/target.h"

/* ---- targets ---- */

static struct spawn_shared *handler_shared;

static void count_signal(int sig)
{
	if (sig == SIGURG)
		handler_shared->n[10]++;
	else
		handler_shared->n[11]++;
}

/* A connection to itself; whatever comes at n[5] is answered by urgent data: SIGURG, sent by the
 * kernel. */
static void *sender(void *arg)
{
	struct spawn_shared *sh = arg;
	uint64_t done = 0;
	char c;

	for (;;) {
		while (sh->n[5] == done)
			sched_yield();
		done++;
		/* The byte is there to be read after the signal was sent. */
		if (send((int)sh->n[7], "!", 1, MSG_OOB) == 1 && recv((int)sh->n[4], &c, 1, 0) == 1)
			sh->n[6] = done;
	}
	return NULL;
}

static void urgent(struct spawn_shared *sh)
{
	struct f_owner_ex own = { F_OWNER_TID, gettid() };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s, on = 1;
	sigset_t set;
	pthread_t th;

	if (bind(l, (void *)&a, sizeof(a)) || listen(l, 1) || getsockname(l, (void *)&a, &len) ||
	    connect(c, (void *)&a, sizeof(a)))
		_exit(1);
	s = accept(l, NULL, NULL);
	setsockopt(s, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	setsockopt(c, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
	if (fcntl(s, F_SETOWN_EX, &own))
		_exit(2);
	sh->n[7] = c;
	sh->n[4] = s;
	handler_shared = sh;
	signal(SIGURG, count_signal);
	signal(SIGUSR1, count_signal);
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&th, NULL, sender, sh);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	sh->n[8] = gettid();
	spawn_ready(sh);
	traced_spin((void *)&sh->n[0]);
}

/* ---- tests ---- */

static void test_interrupt_and_resume(void)
{
	struct traced f;
	pid_t *tids;
	size_t n, i;
	uint64_t seen[3];

	if (!traced_start(&f, traced_three_threads))
		return;
	CU_ASSERT_EQUAL(target_tids(f.t, &tids, &n), 0);
	CU_ASSERT_EQUAL(n, 3);
	/* Seized, not stopped. */
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], f.s.shared->n[i] + 1000, TRACED_WAIT_MS));
	for (i = 0; i < n; i++) {
		struct tracee_event ev;

		CU_ASSERT_EQUAL(target_tracer(f.t, tids[i]), gettid());
		CU_ASSERT_FALSE(tracees_is_stopped(f.ts, tids[i]));
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[i]), 0);
		ev = traced_next(&f, TRACED_WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
		CU_ASSERT_EQUAL(ev.tid, tids[i]);
		CU_ASSERT(tracees_is_stopped(f.ts, tids[i]));
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[i]), -EALREADY);
	}
	for (i = 0; i < 3; i++)
		seen[i] = f.s.shared->n[i];
	CU_ASSERT_EQUAL(traced_next(&f, 50).kind, TRACEE_NONE);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(f.s.shared->n[i], seen[i]);
	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(tracees_resume(f.ts, tids[i]), 0);
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], seen[i] + 1000, TRACED_WAIT_MS));
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, 1), -ESRCH);
	CU_ASSERT_EQUAL(tracees_resume(f.ts, 1), -ESRCH);
	/* Taken back: stops and goes on by itself. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[1]), 0);
	CU_ASSERT_EQUAL(tracees_resume(f.ts, tids[1]), 0);
	CU_ASSERT_EQUAL(traced_next(&f, 50).kind, TRACEE_NONE);
	/* Left while one is held. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[2]), 0);
	CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_STOPPED);
	traced_leave(&f);
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], f.s.shared->n[i] + 1000, TRACED_WAIT_MS));
	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(target_tracer(f.t, tids[i]), 0);
	free(tids);
	traced_end(&f);
}

/* What on_signal() rests on: from the stop with our signal to the one without, nothing is executed.
 */
static void test_kernel_moves_without_an_instruction(void)
{
	struct spawned s;
	int i, r;

	r = spawn(&s, urgent);
	CU_ASSERT_EQUAL(r, 0);
	if (r)
		return;
	CU_ASSERT_EQUAL(ptrace(PTRACE_SEIZE, s.pid, NULL, NULL), 0);
	for (i = 0; i < 300; i++) {
		struct user_regs_struct before, after;
		uint64_t count;
		siginfo_t si;
		int status;

		s.shared->n[5]++;
		CU_ASSERT_EQUAL(waitpid(s.pid, &status, __WALL), s.pid);
		CU_ASSERT_EQUAL(status >> 8, SIGURG);
		CU_ASSERT_EQUAL(ptrace(PTRACE_GETSIGINFO, s.pid, NULL, &si), 0);
		CU_ASSERT_EQUAL(si.si_code, SI_KERNEL);
		ptrace(PTRACE_GETREGS, s.pid, NULL, &before);
		count = s.shared->n[0];
		CU_ASSERT_EQUAL(ptrace(PTRACE_INTERRUPT, s.pid, NULL, NULL), 0);
		CU_ASSERT_EQUAL(ptrace(PTRACE_CONT, s.pid, NULL, NULL), 0);
		CU_ASSERT_EQUAL(waitpid(s.pid, &status, __WALL), s.pid);
		CU_ASSERT_EQUAL(status >> 16, PTRACE_EVENT_STOP);
		ptrace(PTRACE_GETREGS, s.pid, NULL, &after);
		CU_ASSERT_EQUAL(memcmp(&before, &after, sizeof(before)), 0);
		CU_ASSERT_EQUAL(count, s.shared->n[0]);
		ptrace(PTRACE_CONT, s.pid, NULL, NULL);
	}
	CU_ASSERT_EQUAL(s.shared->n[10], 0);
	spawn_end(&s);
}

static void test_our_signal_stops(void)
{
	struct traced f;
	int i;

	if (!traced_start(&f, urgent))
		return;
	for (i = 0; i < 100; i++) {
		struct tracee_event ev;

		f.s.shared->n[5]++;
		ev = traced_next(&f, TRACED_WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_SIGNAL);
		CU_ASSERT_EQUAL(ev.tid, f.s.pid);
		CU_ASSERT(tracees_is_stopped(f.ts, f.s.pid));
		CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
	}
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 1000, TRACED_WAIT_MS));
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	traced_end(&f);
}

static bool say(void *priv, pid_t tid)
{
	(void)tid;
	return *(bool *)priv;
}

static void test_other_signals_pass(void)
{
	struct traced f;
	bool ours = false;
	int i;

	if (!traced_start(&f, urgent))
		return;
	/* By a process, to the process and to the thread; another signal. */
	for (i = 1; i <= 20; i++) {
		kill(f.s.pid, SIGURG);
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[10], 2 * i - 1));
		syscall(SYS_tgkill, f.s.pid, f.s.pid, SIGURG);
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[10], 2 * i));
		kill(f.s.pid, SIGUSR1);
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[11], i));
	}
	CU_ASSERT_EQUAL(f.s.shared->n[10], 40);
	CU_ASSERT_EQUAL(f.s.shared->n[11], 20);
	/* By the kernel, but not for us. */
	tracees_set_filter(f.ts, say, &ours);
	f.s.shared->n[5]++;
	CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[10], 41));
	/* A process's that ours was merged with: we stop, and it gets its own. */
	ours = true;
	syscall(SYS_tgkill, f.s.pid, f.s.pid, SIGURG);
	CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_SIGNAL);
	tracees_resume(f.ts, f.s.pid);
	CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[10], 42));
	traced_end(&f);
}

static void test_pending_signal_is_swallowed(void)
{
	struct traced f;
	int i;

	if (!traced_start(&f, urgent))
		return;
	traced_leave(&f);
	for (i = 0; i < 100; i++) {
		struct err e;

		if (tracees_seize(f.t, &e, &f.ts)) {
			CU_FAIL("seize");
			break;
		}
		/* In half of the rounds the thread is held while the signal comes. */
		if (i % 2) {
			CU_ASSERT_EQUAL(tracees_interrupt(f.ts, f.s.pid), 0);
			CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_STOPPED);
		}
		f.s.shared->n[5]++;
		CU_ASSERT(spawn_wait(&f.s.shared->n[6], f.s.shared->n[5], TRACED_WAIT_MS));
		if (i % 4 == 3) /* with others before it */
			kill(f.s.pid, SIGUSR1);
		traced_leave(&f);
		/* Two that are pending at once would be one. */
		CU_ASSERT(spawn_wait(&f.s.shared->n[11], (i + 1) / 4, TRACED_WAIT_MS));
	}
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 1000, TRACED_WAIT_MS));
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	CU_ASSERT_EQUAL(f.s.shared->n[11], 25);
	/* It was a real risk: untraced, the handler runs. */
	f.s.shared->n[5]++;
	CU_ASSERT(spawn_wait(&f.s.shared->n[10], 1, TRACED_WAIT_MS));
	traced_end(&f);
}

static bool status_is_stopped(int s)
{
	return WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP;
}

static bool status_is_continued(int s)
{
	return WIFCONTINUED(s);
}

static void test_job_control(void)
{
	struct traced f;
	struct err e;
	uint64_t n;
	int i;

	if (!traced_start(&f, traced_three_threads))
		return;
	for (i = 0; i < 5; i++) {
		kill(f.s.pid, SIGSTOP);
		traced_expect_status(&f, status_is_stopped, "stopped");
		CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
		n = f.s.shared->n[1];
		CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(n, f.s.shared->n[1]);
		/* We look while it is stopped: it stays so. */
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, f.s.pid), 0);
		CU_ASSERT_EQUAL(traced_next(&f, TRACED_WAIT_MS).kind, TRACEE_STOPPED);
		if (i == 3) {
			/* fg while we hold it */
			kill(f.s.pid, SIGCONT);
			traced_expect_status(&f, status_is_continued, "continued");
			CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
			n = f.s.shared->n[0];
			CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[0], n + 1000));
			continue;
		}
		CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
		n = f.s.shared->n[0];
		CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
		if (i == 1) {
			traced_leave(&f);
			CU_ASSERT(traced_wait_state(&f, 'T'));
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
			CU_ASSERT_EQUAL(traced_next(&f, 20).kind, TRACEE_NONE);
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
		}
		if (i == 2) {
			traced_leave(&f);
			CU_ASSERT(traced_wait_state(&f, 'T'));
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
			kill(f.s.pid, SIGCONT);
			traced_expect_status(&f, status_is_continued, "continued");
			CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 1000, TRACED_WAIT_MS));
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
			continue;
		}
		kill(f.s.pid, SIGCONT);
		traced_expect_status(&f, status_is_continued, "continued");
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[0], n + 1000));
		CU_ASSERT(traced_pump_until(&f, &f.s.shared->n[2], f.s.shared->n[2] + 1000));
	}
	traced_end(&f);
}

/* A debugger that holds the target in every way there is, and is killed. */
static void test_debugger_is_killed(void)
{
	struct traced f;
	struct err e;
	unsigned i;

	if (!traced_start(&f, urgent))
		return;
	traced_leave(&f);
	for (i = 0; i < 100; i++) {
		volatile uint64_t *done = &f.s.shared->n[20];
		uint64_t n;
		pid_t pid;

		*done = 0;
		pid = fork();
		if (!pid) {
			if (tracees_seize(f.t, &e, &f.ts))
				_exit(1);
			if (i % 4 == 1)
				tracees_interrupt(f.ts, f.s.pid);
			if (i % 4 == 2)
				f.s.shared->n[5]++;
			if (i % 4 == 1 || i % 4 == 2)
				traced_next(&f, TRACED_WAIT_MS);
			*done = 1;
			if (i % 4 == 3) {
				for (;;) {
					tracees_interrupt(f.ts, f.s.pid);
					traced_next(&f, TRACED_WAIT_MS);
					tracees_resume(f.ts, f.s.pid);
				}
			}
			for (;;)
				pause();
		}
		CU_ASSERT(spawn_wait(done, 1, TRACED_WAIT_MS));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		n = f.s.shared->n[0];
		CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 1000, TRACED_WAIT_MS));
		CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	}
	/* It had been stopped with ours: the signal went with us. */
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	traced_end(&f);
}

/* A child of the debugger that is nobody's target stays for who waits for it. */
static void test_own_children_stay(void)
{
	struct traced f;
	int status = 0;
	pid_t pid;

	if (!traced_start(&f, traced_three_threads))
		return;
	pid = fork();
	if (!pid)
		_exit(5);
	CU_ASSERT_EQUAL(traced_next(&f, 50).kind, TRACEE_NONE);
	traced_leave(&f);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 5);
	traced_end(&f);
}

static void test_refusals(void)
{
	struct traced f;
	struct err e = { 0 };
	struct target *t;
	int status = 0;
	pid_t pid;

	if (!traced_start(&f, traced_three_threads))
		return;
	pid = fork();
	if (!pid) {
		struct tracees *ts;

		if (target_open(f.s.pid, &e, &t) != -EBUSY || !strstr(e.text, "already traced"))
			_exit(1);
		if (tracees_seize(f.t, &e, &ts) != -EBUSY || !strstr(e.text, "already traced"))
			_exit(2);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	traced_leave(&f);
	kill(f.s.pid, SIGKILL);
	traced_expect_status(&f, status_is_killed, "killed");
	CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), -ESRCH);
	f.ts = NULL;
	traced_end(&f);
}

static const struct cu_test tests[] = {
	CU_T(test_interrupt_and_resume),
	CU_T(test_kernel_moves_without_an_instruction),
	CU_T(test_our_signal_stops),
	CU_T(test_other_signals_pass),
	CU_T(test_pending_signal_is_swallowed),
	CU_T(test_job_control),
	CU_T(test_debugger_is_killed),
	CU_T(test_own_children_stay),
	CU_T(test_refusals),
};

int main(int argc, char **argv)
{
	return CU_MAIN("ptrace", tests, argc, argv);
}
