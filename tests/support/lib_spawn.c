// SPDX-License-Identifier: BSD-2-Clause
#include "lib_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool spawn_wait(const volatile uint64_t *what, uint64_t value, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	const struct timespec nap = { .tv_nsec = 200000 };

	while (*what < value) {
		if (now_ms() > end)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

void spawn_ready(struct spawn_shared *sh)
{
	sh->ready = 1;
}

/* The parent: tells everything that it is told. */
static void parent_main(void (*fn)(struct spawn_shared *), struct spawn_shared *sh, int out)
{
	pid_t me = getpid(), pid = fork();
	int status;

	if (pid == 0) {
		close(out);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != me)
			_exit(127);
		fn(sh);
		_exit(0);
	}
	if (write(out, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	while (waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid) {
		if (write(out, &status, sizeof(status)) != sizeof(status))
			break;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
	}
	_exit(0);
}

int spawn(struct spawned *s, void (*fn)(struct spawn_shared *sh))
{
	pid_t me = getpid();
	sigset_t none;
	int fds[2];

	*s = (struct spawned){ .pid = -1, .parent = -1, .statuses = -1 };
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED || pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	s->parent = fork();
	if (s->parent == 0) {
		close(fds[0]);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != me)
			_exit(127);
		parent_main(fn, s->shared, fds[1]);
	}
	close(fds[1]);
	s->statuses = fds[0];
	if (s->parent < 0 || read(fds[0], &s->pid, sizeof(s->pid)) != sizeof(s->pid) ||
	    s->pid <= 0 || !spawn_wait(&s->shared->ready, 1, 20000)) {
		spawn_end(s);
		return -ECHILD;
	}
	return 0;
}

int spawn_status(struct spawned *s, int timeout_ms, int *ret_status)
{
	struct pollfd p = { .fd = s->statuses, .events = POLLIN };

	if (poll(&p, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	return read(s->statuses, ret_status, sizeof(*ret_status)) == sizeof(*ret_status) ? 0
											 : -EPIPE;
}

void spawn_end(struct spawned *s)
{
	if (s->pid > 0)
		kill(s->pid, SIGKILL);
	if (s->parent > 0) {
		kill(s->parent, SIGKILL);
		while (waitpid(s->parent, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (s->statuses >= 0)
		close(s->statuses);
	if (s->shared && s->shared != MAP_FAILED)
		munmap(s->shared, sizeof(*s->shared));
	*s = (struct spawned){ .pid = -1, .parent = -1, .statuses = -1 };
}
