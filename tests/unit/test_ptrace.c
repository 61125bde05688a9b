// SPDX-License-Identifier: BSD-2-Clause
/* Seizing, stopping and leaving real processes. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "target/ptrace.h"
#include "target/target.h"

#define WAIT_MS 10000

struct fixture {
	struct spawned s;
	struct target *t;
	struct tracees *ts;
};

static bool start_seizing(struct fixture *f, void (*fn)(struct spawn_shared *),
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

static bool start(struct fixture *f, void (*fn)(struct spawn_shared *))
{
	return start_seizing(f, fn, tracees_seize);
}

static void leave(struct fixture *f)
{
	tracees_free(f->ts);
	f->ts = NULL;
}

static void end(struct fixture *f)
{
	tracees_free(f->ts);
	target_free(f->t);
	spawn_end(&f->s);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The next event within ms; TRACEE_NONE. */
static struct tracee_event next(struct fixture *f, int ms)
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

/* Pump until *what >= value. */
static bool pump_until(struct fixture *f, const volatile uint64_t *what, uint64_t value)
{
	int64_t limit = now_ms() + WAIT_MS;

	while (*what < value && now_ms() < limit)
		next(f, 1);
	return *what >= value;
}

static char state(struct fixture *f)
{
	return target_state(f->t, f->s.pid);
}

static bool wait_state(struct fixture *f, char want)
{
	int64_t limit = now_ms() + WAIT_MS;

	while (state(f) != want && now_ms() < limit)
		sched_yield();
	return state(f) == want;
}

/* ---- targets ---- */

static void *spin(void *arg)
{
	volatile uint64_t *n = arg;

	for (;;)
		++*n;
	return NULL;
}

static void three_threads(struct spawn_shared *sh)
{
	pthread_t a, b;

	pthread_create(&a, NULL, spin, (void *)&sh->n[1]);
	pthread_create(&b, NULL, spin, (void *)&sh->n[2]);
	spawn_ready(sh);
	spin((void *)&sh->n[0]);
}

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
	spin((void *)&sh->n[0]);
}

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

static void *late_thread(void *arg)
{
	struct spawn_shared *sh = arg;

	sh->n[2] = gettid();
	return spin((void *)&sh->n[1]);
}

/* When n[5] says so, a thread: n[2] is its number. */
static void late(struct spawn_shared *sh)
{
	pthread_t th;

	spawn_ready(sh);
	while (!sh->n[5])
		sched_yield();
	pthread_create(&th, NULL, late_thread, sh);
	spin((void *)&sh->n[0]);
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
	spin((void *)&sh->n[0]);
}

/* ---- tests ---- */

static void test_interrupt_and_resume(void)
{
	struct fixture f;
	pid_t *tids;
	size_t n, i;
	uint64_t seen[3];

	if (!start(&f, three_threads))
		return;
	CU_ASSERT_EQUAL(target_tids(f.t, &tids, &n), 0);
	CU_ASSERT_EQUAL(n, 3);
	/* Seized, not stopped. */
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], f.s.shared->n[i] + 1000, WAIT_MS));
	for (i = 0; i < n; i++) {
		struct tracee_event ev;

		CU_ASSERT_EQUAL(target_tracer(f.t, tids[i]), gettid());
		CU_ASSERT_FALSE(tracees_is_stopped(f.ts, tids[i]));
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[i]), 0);
		ev = next(&f, WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
		CU_ASSERT_EQUAL(ev.tid, tids[i]);
		CU_ASSERT(tracees_is_stopped(f.ts, tids[i]));
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[i]), -EALREADY);
	}
	for (i = 0; i < 3; i++)
		seen[i] = f.s.shared->n[i];
	CU_ASSERT_EQUAL(next(&f, 50).kind, TRACEE_NONE);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(f.s.shared->n[i], seen[i]);
	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(tracees_resume(f.ts, tids[i]), 0);
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], seen[i] + 1000, WAIT_MS));
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, 1), -ESRCH);
	CU_ASSERT_EQUAL(tracees_resume(f.ts, 1), -ESRCH);
	/* Taken back: stops and goes on by itself. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[1]), 0);
	CU_ASSERT_EQUAL(tracees_resume(f.ts, tids[1]), 0);
	CU_ASSERT_EQUAL(next(&f, 50).kind, TRACEE_NONE);
	/* Left while one is held. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tids[2]), 0);
	CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_STOPPED);
	leave(&f);
	for (i = 0; i < 3; i++)
		CU_ASSERT(spawn_wait(&f.s.shared->n[i], f.s.shared->n[i] + 1000, WAIT_MS));
	for (i = 0; i < n; i++)
		CU_ASSERT_EQUAL(target_tracer(f.t, tids[i]), 0);
	free(tids);
	end(&f);
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
	struct fixture f;
	int i;

	if (!start(&f, urgent))
		return;
	for (i = 0; i < 100; i++) {
		struct tracee_event ev;

		f.s.shared->n[5]++;
		ev = next(&f, WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_SIGNAL);
		CU_ASSERT_EQUAL(ev.tid, f.s.pid);
		CU_ASSERT(tracees_is_stopped(f.ts, f.s.pid));
		CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
	}
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 1000, WAIT_MS));
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	end(&f);
}

static bool say(void *priv, pid_t tid)
{
	(void)tid;
	return *(bool *)priv;
}

static void test_other_signals_pass(void)
{
	struct fixture f;
	bool ours = false;
	int i;

	if (!start(&f, urgent))
		return;
	/* By a process, to the process and to the thread; another signal. */
	for (i = 1; i <= 20; i++) {
		kill(f.s.pid, SIGURG);
		CU_ASSERT(pump_until(&f, &f.s.shared->n[10], 2 * i - 1));
		syscall(SYS_tgkill, f.s.pid, f.s.pid, SIGURG);
		CU_ASSERT(pump_until(&f, &f.s.shared->n[10], 2 * i));
		kill(f.s.pid, SIGUSR1);
		CU_ASSERT(pump_until(&f, &f.s.shared->n[11], i));
	}
	CU_ASSERT_EQUAL(f.s.shared->n[10], 40);
	CU_ASSERT_EQUAL(f.s.shared->n[11], 20);
	/* By the kernel, but not for us. */
	tracees_set_filter(f.ts, say, &ours);
	f.s.shared->n[5]++;
	CU_ASSERT(pump_until(&f, &f.s.shared->n[10], 41));
	/* A process's that ours was merged with: we stop, and it gets its own. */
	ours = true;
	syscall(SYS_tgkill, f.s.pid, f.s.pid, SIGURG);
	CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_SIGNAL);
	tracees_resume(f.ts, f.s.pid);
	CU_ASSERT(pump_until(&f, &f.s.shared->n[10], 42));
	end(&f);
}

static void test_pending_signal_is_swallowed(void)
{
	struct fixture f;
	int i;

	if (!start(&f, urgent))
		return;
	leave(&f);
	for (i = 0; i < 100; i++) {
		struct err e;

		if (tracees_seize(f.t, &e, &f.ts)) {
			CU_FAIL("seize");
			break;
		}
		/* In half of the rounds the thread is held while the signal comes. */
		if (i % 2) {
			CU_ASSERT_EQUAL(tracees_interrupt(f.ts, f.s.pid), 0);
			CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_STOPPED);
		}
		f.s.shared->n[5]++;
		CU_ASSERT(spawn_wait(&f.s.shared->n[6], f.s.shared->n[5], WAIT_MS));
		if (i % 4 == 3) /* with others before it */
			kill(f.s.pid, SIGUSR1);
		leave(&f);
		/* Two that are pending at once would be one. */
		CU_ASSERT(spawn_wait(&f.s.shared->n[11], (i + 1) / 4, WAIT_MS));
	}
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 1000, WAIT_MS));
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	CU_ASSERT_EQUAL(f.s.shared->n[11], 25);
	/* It was a real risk: untraced, the handler runs. */
	f.s.shared->n[5]++;
	CU_ASSERT(spawn_wait(&f.s.shared->n[10], 1, WAIT_MS));
	end(&f);
}

static void expect_status(struct fixture *f, bool (*is)(int), const char *what)
{
	int64_t limit = now_ms() + WAIT_MS;
	int status = 0, r;

	do {
		if (f->ts)
			next(f, 1);
		r = spawn_status(&f->s, 1, &status);
	} while (r == -ETIMEDOUT && now_ms() < limit);
	CU_ASSERT_EQUAL(r, 0);
	if (r || !is(status)) {
		printf("expected %s, got %d, status %x\n", what, r, status);
		CU_FAIL("status");
	}
}

static bool is_stopped(int s)
{
	return WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP;
}

static bool is_continued(int s)
{
	return WIFCONTINUED(s);
}

static bool is_killed(int s)
{
	return WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL;
}

static bool is_exit7(int s)
{
	return WIFEXITED(s) && WEXITSTATUS(s) == 7;
}

static void test_job_control(void)
{
	struct fixture f;
	struct err e;
	uint64_t n;
	int i;

	if (!start(&f, three_threads))
		return;
	for (i = 0; i < 5; i++) {
		kill(f.s.pid, SIGSTOP);
		expect_status(&f, is_stopped, "stopped");
		CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
		n = f.s.shared->n[1];
		CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(n, f.s.shared->n[1]);
		/* We look while it is stopped: it stays so. */
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, f.s.pid), 0);
		CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_STOPPED);
		if (i == 3) {
			/* fg while we hold it */
			kill(f.s.pid, SIGCONT);
			expect_status(&f, is_continued, "continued");
			CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
			n = f.s.shared->n[0];
			CU_ASSERT(pump_until(&f, &f.s.shared->n[0], n + 1000));
			continue;
		}
		CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), 0);
		n = f.s.shared->n[0];
		CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
		if (i == 1) {
			leave(&f);
			CU_ASSERT(wait_state(&f, 'T'));
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
			CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
		}
		if (i == 2) {
			leave(&f);
			CU_ASSERT(wait_state(&f, 'T'));
			CU_ASSERT_EQUAL(n, f.s.shared->n[0]);
			kill(f.s.pid, SIGCONT);
			expect_status(&f, is_continued, "continued");
			CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 1000, WAIT_MS));
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
			continue;
		}
		kill(f.s.pid, SIGCONT);
		expect_status(&f, is_continued, "continued");
		CU_ASSERT(pump_until(&f, &f.s.shared->n[0], n + 1000));
		CU_ASSERT(pump_until(&f, &f.s.shared->n[2], f.s.shared->n[2] + 1000));
	}
	end(&f);
}

static void test_thread_storm(void)
{
	struct fixture f;
	struct err e;
	uint64_t n;
	int i;

	if (!start(&f, storm))
		return;
	/* Seize and leave in the middle of it, with and without events handled. */
	for (i = 0; i < 50; i++) {
		n = f.s.shared->n[0];
		if (i % 3)
			CU_ASSERT(pump_until(&f, &f.s.shared->n[0], n + i % 10));
		leave(&f);
		CU_ASSERT(spawn_wait(&f.s.shared->n[0], f.s.shared->n[0] + 2, WAIT_MS));
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
			next(&f, 1);
		for (k = 0; k < m; k++)
			tracees_resume(f.ts, tids[k]);
		free(tids);
	}
	n = f.s.shared->n[0];
	CU_ASSERT(pump_until(&f, &f.s.shared->n[0], n + 50));
	leave(&f);
	n = f.s.shared->n[0];
	CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 50, WAIT_MS));
	/* Every thread ran once. */
	kill(f.s.pid, SIGSTOP);
	CU_ASSERT(wait_state(&f, 'T'));
	for (i = 1; i <= 4; i++)
		CU_ASSERT(f.s.shared->n[i] >= f.s.shared->n[0] &&
			  f.s.shared->n[i] <= f.s.shared->n[0] + 1);
	end(&f);
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
	struct fixture f;
	struct tracee_event ev;
	struct err e;
	int round;

	/* Seized before and after the leader's end; and left in between. */
	for (round = 0; round < 3; round++) {
		if (!start(&f, obey))
			return;
		if (round == 1)
			leave(&f);
		f.s.shared->n[5] = 1;
		CU_ASSERT(wait_state(&f, 'Z'));
		CU_ASSERT(target_alive(f.t));
		if (round == 1)
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
		if (round == 2) {
			leave(&f);
			CU_ASSERT(spawn_wait(&f.s.shared->n[1], f.s.shared->n[1] + 1000, WAIT_MS));
			CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), 0);
		}
		CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
		f.s.shared->n[5] = 2;
		ev = next(&f, WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_GONE);
		ev = next(&f, WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
		CU_ASSERT_EQUAL(ev.tid, f.s.pid);
		/* Who comes after the leader's end is no tracer of it. */
		CU_ASSERT(round == 1 ? ev.status == -1 : is_exit7(ev.status));
		CU_ASSERT_EQUAL(next(&f, 20).kind, TRACEE_NONE);
		expect_status(&f, is_exit7, "exit 7");
		CU_ASSERT_FALSE(target_alive(f.t));
		end(&f);
	}
}

static void test_exit_and_kill(void)
{
	struct fixture f;
	struct tracee_event ev;
	int gone = 0;

	if (!start(&f, obey))
		return;
	f.s.shared->n[5] = 2;
	while ((ev = next(&f, WAIT_MS)).kind == TRACEE_GONE)
		gone++;
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
	CU_ASSERT(is_exit7(ev.status));
	expect_status(&f, is_exit7, "exit 7");
	end(&f);

	/* Killed while it is stopped. */
	if (!start(&f, three_threads))
		return;
	tracees_interrupt(f.ts, f.s.pid);
	CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_STOPPED);
	kill(f.s.pid, SIGKILL);
	for (gone = 0; (ev = next(&f, WAIT_MS)).kind == TRACEE_GONE;)
		gone++;
	CU_ASSERT_EQUAL(gone, 2);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXITED);
	CU_ASSERT(is_killed(ev.status));
	CU_ASSERT_EQUAL(tracees_resume(f.ts, f.s.pid), -ESRCH);
	expect_status(&f, is_killed, "killed");
	end(&f);

	/* And left without having been told. */
	if (!start(&f, three_threads))
		return;
	tracees_interrupt(f.ts, f.s.pid);
	CU_ASSERT_EQUAL(next(&f, WAIT_MS).kind, TRACEE_STOPPED);
	kill(f.s.pid, SIGKILL);
	leave(&f);
	expect_status(&f, is_killed, "killed");
	end(&f);
}

static void test_exec(void)
{
	struct fixture f;
	struct tracee_event ev;
	char comm[16] = "";

	if (!start(&f, obey))
		return;
	f.s.shared->n[5] = 3;
	while ((ev = next(&f, WAIT_MS)).kind == TRACEE_GONE)
		;
	CU_ASSERT_EQUAL(ev.kind, TRACEE_EXEC);
	CU_ASSERT_EQUAL(ev.tid, f.s.pid);
	CU_ASSERT_EQUAL(target_comm(f.t, f.s.pid, comm), 0);
	CU_ASSERT_STRING_EQUAL(comm, "sh");
	CU_ASSERT(target_alive(f.t));
	leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	CU_ASSERT(wait_state(&f, 'R'));
	end(&f);
}

static void test_children_are_left_alone(void)
{
	struct fixture f;
	struct err e = { 0 };
	struct target *t;
	int how;

	for (how = 4; how <= 6; how++) {
		pid_t pid;

		if (!start(&f, obey))
			return;
		f.s.shared->n[5] = how;
		CU_ASSERT(pump_until(&f, &f.s.shared->n[6], 1));
		pid = f.s.shared->n[6];
		if (how != 5)
			CU_ASSERT(pump_until(&f, &f.s.shared->n[9], 1000));
		CU_ASSERT_EQUAL(target_open(pid, &e, &t), 0);
		if (!e.code) {
			CU_ASSERT_EQUAL(target_tracer(t, pid), 0);
			target_free(t);
		}
		CU_ASSERT(pump_until(&f, &f.s.shared->n[0], f.s.shared->n[0] + 1000));
		kill(pid, SIGKILL);
		end(&f);
	}
}

/* A debugger that holds the target in every way there is, and is killed. */
static void test_debugger_is_killed(void)
{
	struct fixture f;
	struct err e;
	unsigned i;

	if (!start(&f, urgent))
		return;
	leave(&f);
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
				next(&f, WAIT_MS);
			*done = 1;
			if (i % 4 == 3) {
				for (;;) {
					tracees_interrupt(f.ts, f.s.pid);
					next(&f, WAIT_MS);
					tracees_resume(f.ts, f.s.pid);
				}
			}
			for (;;)
				pause();
		}
		CU_ASSERT(spawn_wait(done, 1, WAIT_MS));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		n = f.s.shared->n[0];
		CU_ASSERT(spawn_wait(&f.s.shared->n[0], n + 1000, WAIT_MS));
		CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	}
	/* It had been stopped with ours: the signal went with us. */
	CU_ASSERT_EQUAL(f.s.shared->n[10], 0);
	end(&f);
}

/* A child of the debugger that is nobody's target stays for who waits for it. */
static void test_own_children_stay(void)
{
	struct fixture f;
	int status = 0;
	pid_t pid;

	if (!start(&f, three_threads))
		return;
	pid = fork();
	if (!pid)
		_exit(5);
	CU_ASSERT_EQUAL(next(&f, 50).kind, TRACEE_NONE);
	leave(&f);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 5);
	end(&f);
}

static void test_refusals(void)
{
	struct fixture f;
	struct err e = { 0 };
	struct target *t;
	int status = 0;
	pid_t pid;

	if (!start(&f, three_threads))
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
	leave(&f);
	kill(f.s.pid, SIGKILL);
	expect_status(&f, is_killed, "killed");
	CU_ASSERT_EQUAL(tracees_seize(f.t, &e, &f.ts), -ESRCH);
	f.ts = NULL;
	end(&f);
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
static bool wait_late(struct fixture *f)
{
	f->s.shared->n[5] = 1;
	return spawn_wait(&f->s.shared->n[1], 1000, WAIT_MS);
}

static void test_held_at_a_hit(void)
{
	struct teller teller = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	const struct tracees_hits hits = { teller.fd, teller_take, &teller };
	struct tracee_event ev;
	struct fixture f;
	uint64_t ip = 0, seen;

	if (!start_seizing(&f, late, tracees_seize_now))
		return;
	CU_ASSERT_EQUAL(tracees_hold(f.ts, &hits), 0);
	CU_ASSERT(wait_late(&f));
	teller.tid = (pid_t)f.s.shared->n[2];
	teller.pid = f.s.pid;
	CU_ASSERT_EQUAL(target_tracer(f.t, teller.tid), 0);
	for (int round = 0; round < 2; round++) {
		eventfd_write(teller.fd, 1);
		ev = next(&f, WAIT_MS);
		CU_ASSERT_EQUAL(ev.kind, TRACEE_SIGNAL);
		CU_ASSERT_EQUAL(ev.tid, teller.tid);
		CU_ASSERT(tracees_is_stopped(f.ts, teller.tid));
		CU_ASSERT_EQUAL(tracees_ip(f.ts, teller.tid, &ip), 0);
		CU_ASSERT_NOT_EQUAL(ip, 0);
		CU_ASSERT_EQUAL(tracees_interrupt(f.ts, teller.tid), -EALREADY);
		seen = f.s.shared->n[1];
		CU_ASSERT_EQUAL(next(&f, 50).kind, TRACEE_NONE);
		CU_ASSERT_EQUAL(f.s.shared->n[1], seen);
		CU_ASSERT_EQUAL(tracees_resume(f.ts, teller.tid), 0);
		CU_ASSERT(spawn_wait(&f.s.shared->n[1], seen + 1000, WAIT_MS));
	}
	/* From now on it is a tracee like others, but of another thread of ours. */
	CU_ASSERT(target_tracer(f.t, teller.tid) > 0);
	CU_ASSERT_NOT_EQUAL(target_tracer(f.t, teller.tid), gettid());
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, teller.tid), 0);
	ev = next(&f, WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
	CU_ASSERT_EQUAL(ev.tid, teller.tid);
	leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, teller.tid), 0);
	CU_ASSERT(spawn_wait(&f.s.shared->n[1], f.s.shared->n[1] + 1000, WAIT_MS));
	end(&f);
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
	struct fixture f;

	if (!start_seizing(&f, execs, tracees_seize_now))
		return;
	CU_ASSERT_EQUAL(tracees_hold(f.ts, &hits), 0);
	f.s.shared->n[5] = 1;
	while (target_state(f.t, (pid_t)f.s.shared->n[2]) != 'Z')
		sched_yield();
	teller.tid = teller.pid = f.s.pid;
	eventfd_write(teller.fd, 1);
	while (!in_ptrace())
		sched_yield();
	leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	end(&f);
	close(teller.fd);
}

static void test_births_followed_later(void)
{
	struct fixture f;

	if (!start_seizing(&f, late, tracees_seize_now))
		return;
	tracees_follow(f.ts, true);
	CU_ASSERT(pump_until(&f, &f.s.shared->ready, 1));
	/* Its options change in a stop that the tracees_next() of here makes over. */
	CU_ASSERT_EQUAL(next(&f, 50).kind, TRACEE_NONE);
	f.s.shared->n[5] = 1;
	CU_ASSERT(pump_until(&f, &f.s.shared->n[1], 1000));
	CU_ASSERT_EQUAL(target_tracer(f.t, (pid_t)f.s.shared->n[2]), gettid());
	leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, (pid_t)f.s.shared->n[2]), 0);
	end(&f);
}

static void test_births_left_alone(void)
{
	struct tracee_event ev;
	struct fixture f;
	pid_t tid;

	if (!start_seizing(&f, late, tracees_seize_now))
		return;
	CU_ASSERT(wait_late(&f));
	tid = (pid_t)f.s.shared->n[2];
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), 0);
	/* A pause takes it nevertheless. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, tid), 0);
	ev = next(&f, WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, TRACEE_STOPPED);
	CU_ASSERT_EQUAL(ev.tid, tid);
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), gettid());
	/* Never a thread of another process. */
	CU_ASSERT_EQUAL(tracees_interrupt(f.ts, getpid()), -ESRCH);
	leave(&f);
	CU_ASSERT_EQUAL(target_tracer(f.t, tid), 0);
	end(&f);
}

static const struct cu_test tests[] = {
	CU_T(test_interrupt_and_resume),
	CU_T(test_kernel_moves_without_an_instruction),
	CU_T(test_our_signal_stops),
	CU_T(test_other_signals_pass),
	CU_T(test_pending_signal_is_swallowed),
	CU_T(test_job_control),
	CU_T(test_thread_storm),
	CU_T(test_leader_ends_first),
	CU_T(test_exit_and_kill),
	CU_T(test_exec),
	CU_T(test_children_are_left_alone),
	CU_T(test_debugger_is_killed),
	CU_T(test_own_children_stay),
	CU_T(test_refusals),
	CU_T(test_held_at_a_hit),
	CU_T(test_hold_during_exec),
	CU_T(test_births_followed_later),
	CU_T(test_births_left_alone),
};

int main(int argc, char **argv)
{
	return CU_MAIN("ptrace", tests, argc, argv);
}
