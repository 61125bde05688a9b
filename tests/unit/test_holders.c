// SPDX-License-Identifier: BSD-2-Clause
/* What we wait for while threads are seized, held and left comes, or we do not wait. */
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "lib_spawn.h"
#include "target/ptrace.h"
#include "target/target.h"

#define WAIT_MS	    10000
#define RESCUE_MS   5000 /* then somebody waits for ever */
#define MANY	    1000 /* threads */
#define LEAVE_TIMES 300

struct fixture {
	struct spawned s;
	struct target *t;
	struct tracees *ts;
};

static bool start(struct fixture *f, void (*fn)(struct spawn_shared *))
{
	struct err e = { 0 };
	int r;

	*f = (struct fixture){ 0 };
	r = spawn(&f->s, fn);
	CU_ASSERT_EQUAL(r, 0);
	if (r)
		return false;
	r = target_open(f->s.pid, &e, &f->t);
	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		printf("%s\n", e.text);
		spawn_end(&f->s);
	}
	return !r;
}

static bool start_seized(struct fixture *f, void (*fn)(struct spawn_shared *))
{
	struct err e = { 0 };

	if (!start(f, fn))
		return false;
	CU_ASSERT_EQUAL(tracees_seize_now(f->t, &e, &f->ts), 0);
	if (f->ts)
		return true;
	printf("%s\n", e.text);
	target_free(f->t);
	spawn_end(&f->s);
	return false;
}

static void end(struct fixture *f)
{
	tracees_free(f->ts);
	target_free(f->t);
	spawn_end(&f->s);
}

/* ---- whoever waits too long is rescued, and has failed ---- */

struct rescue {
	pthread_t thread;
	pid_t pid;
	int done;
	volatile bool needed;
};

static void *rescue_main(void *arg)
{
	struct rescue *r = arg;
	struct pollfd p = { .fd = r->done, .events = POLLIN };

	if (poll(&p, 1, RESCUE_MS))
		return NULL;
	r->needed = true;
	kill(r->pid, SIGKILL);
	return NULL;
}

static void rescue_begin(struct rescue *r, pid_t pid)
{
	sigset_t all, before;

	*r = (struct rescue){ .pid = pid, .done = eventfd(0, EFD_CLOEXEC) };
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&r->thread, NULL, rescue_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Was it needed? */
static bool rescue_end(struct rescue *r)
{
	eventfd_write(r->done, 1);
	pthread_join(r->thread, NULL);
	close(r->done);
	return r->needed;
}

/* ---- targets ---- */

static void *spin(void *arg)
{
	volatile uint64_t *n = arg;

	for (;;)
		++*n;
	return NULL;
}

static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *execs_main(void *arg)
{
	struct spawn_shared *sh = arg;

	sh->n[2] = (uint64_t)gettid();
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	return NULL;
}

static void *tells_main(void *arg)
{
	((struct spawn_shared *)arg)->n[3] = (uint64_t)gettid();
	return sleeps(NULL);
}

/* n[3]: a thread. When n[5] says so another begins, n[2], and runs execve. */
static void execs_late(struct spawn_shared *sh)
{
	pthread_t th;

	pthread_create(&th, NULL, tells_main, sh);
	while (!sh->n[3])
		sched_yield();
	spawn_ready(sh);
	while (!sh->n[5])
		sched_yield();
	pthread_create(&th, NULL, execs_main, sh);
	sleeps(NULL);
}

static bool is_traced(void)
{
	char text[1024], *at;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "TracerPid:\t");
	return at && at[strlen("TracerPid:\t")] != '0';
}

static void *exec_when_traced(void *arg)
{
	while (!is_traced())
		;
	return execs_main(arg);
}

/* Many threads, the last of which runs execve as soon as the first is traced. */
static void execs_many(struct spawn_shared *sh)
{
	pthread_attr_t attr;
	pthread_t th;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < MANY; i++)
		if (pthread_create(&th, &attr, sleeps, NULL))
			_exit(9);
	pthread_create(&th, &attr, exec_when_traced, sh);
	spawn_ready(sh);
	sleeps(NULL);
}

/* The leader ends when n[5] says so; another thread goes on. */
static void leader_ends(struct spawn_shared *sh)
{
	pthread_t th;

	spawn_ready(sh);
	while (!sh->n[4])
		;
	pthread_create(&th, NULL, spin, (void *)&sh->n[1]);
	while (!sh->n[5])
		;
	syscall(SYS_exit, 0);
}

static bool pump_until_exec(struct fixture *f, const struct rescue *rescue)
{
	struct pollfd p = { .fd = tracees_fd(f->ts), .events = POLLIN };
	struct tracee_event ev = { 0 };

	while (!tracees_next(f->ts, &ev) && ev.kind != TRACEE_EXEC && !rescue->needed)
		if (ev.kind == TRACEE_NONE)
			poll(&p, 1, WAIT_MS / 200);
	return ev.kind == TRACEE_EXEC;
}

/* ---- tests ---- */

/* execve waits until we have reaped the others, and whoever is seized then waits for execve. */
static void test_a_thread_in_execve_is_interrupted(void)
{
	struct rescue rescue;
	struct fixture f;

	if (!start_seized(&f, execs_late))
		return;
	rescue_begin(&rescue, f.s.pid);
	f.s.shared->n[5] = 1;
	while (!rescue.needed && target_state(f.t, (pid_t)f.s.shared->n[3]) != 'Z')
		sched_yield();
	/* Whether it is seized or not: we are back. */
	(void)tracees_interrupt(f.ts, (pid_t)f.s.shared->n[2]);
	tracees_free(f.ts);
	f.ts = NULL;
	CU_ASSERT_FALSE(rescue_end(&rescue));
	CU_ASSERT(target_alive(f.t));
	/* execve goes on only now: while the leader is replaced /proc knows of no tracer at all. */
	for (int i = 0; i < WAIT_MS && target_tracer(f.t, f.s.pid); i++)
		usleep(1000);
	CU_ASSERT_EQUAL(target_tracer(f.t, f.s.pid), 0);
	end(&f);
}

static void test_execve_while_all_are_seized(void)
{
	struct rescue rescue;
	struct err e = { 0 };
	struct fixture f;
	int r;

	if (!start(&f, execs_many))
		return;
	rescue_begin(&rescue, f.s.pid);
	r = tracees_seize(f.t, &e, &f.ts);
	CU_ASSERT_EQUAL(r, 0);
	if (!r)
		CU_ASSERT(pump_until_exec(&f, &rescue));
	CU_ASSERT_FALSE(rescue_end(&rescue));
	end(&f);
}

static void test_the_leader_ends_while_it_is_left(void)
{
	struct rescue rescue;
	struct fixture f;
	int i;

	for (i = 0; i < LEAVE_TIMES; i++) {
		if (!start_seized(&f, leader_ends))
			return;
		f.s.shared->n[4] = 1; /* a thread that nobody traces */
		if (!spawn_wait(&f.s.shared->n[1], 1, WAIT_MS))
			break;
		rescue_begin(&rescue, f.s.pid);
		f.s.shared->n[5] = 1;
		for (volatile int spun = 0; spun < i * 100; spun++)
			;
		tracees_free(f.ts);
		f.ts = NULL;
		if (rescue_end(&rescue))
			break;
		end(&f);
	}
	CU_ASSERT_EQUAL(i, LEAVE_TIMES);
	if (i < LEAVE_TIMES) {
		printf("round %d\n", i);
		end(&f);
	}
}

static const struct cu_test tests[] = {
	CU_T(test_a_thread_in_execve_is_interrupted),
	CU_T(test_execve_while_all_are_seized),
	CU_T(test_the_leader_ends_while_it_is_left),
};

int main(int argc, char **argv)
{
	return CU_MAIN("holders", tests, argc, argv);
}
