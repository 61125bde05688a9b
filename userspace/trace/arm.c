// SPDX-License-Identifier: BSD-2-Clause
#include "trace/arm.h"

#include <dirent.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "trace/cpus.h"

/* How often we look whether new threads appeared while we were arming. */
#define ROUNDS_MAX 50

struct arm_event {
	int where; /* CPU or thread id */
	int fd;
};

struct arm {
	struct arm_watch watch;
	pid_t pid; /* -1: CPU-wide */
	int prog_fd;
	VEC(struct arm_event) events;
};

bool arm_raise_file_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= lim.rlim_max)
		return false;
	lim.rlim_cur = lim.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &lim) == 0;
}

int arm_open_event(const struct arm_watch *w, pid_t pid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = w->write ? HW_BREAKPOINT_W : HW_BREAKPOINT_RW,
		.bp_addr = w->addr,
		.bp_len = w->len,   /* HW_BREAKPOINT_LEN_n is n */
		.sample_period = 1, /* without it the event counts, but runs no program */
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.inherit = pid != -1 && !w->one_thread,
		.inherit_thread = pid != -1 && !w->one_thread, /* not by forked children */
	};
	int fd;

	for (;;) {
		fd = (int)syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != EMFILE || !arm_raise_file_limit())
			return -errno;
	}
}

/*
 * Somebody else who counts the free registers takes them all for some microseconds, or for as long
 * as it waits for a CPU in the middle of it: longer each time.
 */
#define TAKEN_TRIES 6

static void taken_pause(int nth)
{
	const struct timespec ts = { .tv_nsec = 1000000L << nth };

	nanosleep(&ts, NULL);
}

/* As arm_open_event(), for what stays. */
static int take_register(const struct arm_watch *w, pid_t pid, int cpu)
{
	int r = arm_open_event(w, pid, cpu);

	for (int i = 0; r == -ENOSPC && i < TAKEN_TRIES; i++) {
		taken_pause(i);
		r = arm_open_event(w, pid, cpu);
	}
	return r;
}

static int count_free(pid_t pid, int cpu, unsigned max, unsigned *ret)
{
	static char byte;
	const struct arm_watch w = { .addr = (uintptr_t)&byte, .len = 1 };
	int fds[4], r = 0;
	unsigned n = 0;

	while (n < max && n < 4) {
		r = arm_open_event(&w, pid, cpu);
		if (r < 0)
			break;
		fds[n++] = r;
	}
	*ret = n;
	while (n)
		close(fds[--n]);
	return r < 0 && r != -ENOSPC ? r : 0;
}

static int slots_free_on(pid_t pid, int cpu, unsigned max, unsigned *ret)
{
	unsigned n;
	int r = count_free(pid, cpu, max, ret);

	for (int i = 0; !r && *ret < max && i < TAKEN_TRIES; i++) {
		taken_pause(i);
		r = count_free(pid, cpu, max, &n);
		if (!r && n > *ret)
			*ret = n;
	}
	return r;
}

int arm_slots_free(pid_t pid, unsigned max, unsigned *ret)
{
	_cleanup_free_ int *cpus = NULL;
	unsigned least = max, n;
	size_t ncpus;
	int r;

	if (pid != -1)
		return slots_free_on(pid, -1, max, ret);
	r = cpus_online(&cpus, &ncpus);
	for (size_t i = 0; !r && i < ncpus; i++) {
		r = slots_free_on(-1, cpus[i], least, &n);
		if (r == -ENODEV) /* it went this very moment */
			r = 0;
		else if (!r && n < least)
			least = n;
	}
	if (!r)
		*ret = least;
	return r;
}

static int add_event(struct arm *a, int where)
{
	bool cpu_wide = a->pid == -1;
	_cleanup_close_ int fd =
		take_register(&a->watch, cpu_wide ? -1 : where, cpu_wide ? where : -1);
	int r;

	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, a->prog_fd))
		return -errno;
	r = vec_push(&a->events, (struct arm_event){ .where = where, .fd = fd });
	if (r)
		return r;
	fd = -1;
	return 0;
}

static int enable_all(struct arm *a)
{
	for (size_t i = 0; i < a->events.n; i++)
		if (ioctl(a->events.data[i].fd, PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
	return 0;
}

static void drop_all(struct arm *a)
{
	for (size_t i = 0; i < a->events.n; i++)
		close(a->events.data[i].fd);
	a->events.n = 0;
}

static bool covers(const struct arm *a, int where)
{
	for (size_t i = 0; i < a->events.n; i++)
		if (a->events.data[i].where == where)
			return true;
	return false;
}

static int cover_cpus(struct arm *a)
{
	_cleanup_free_ int *cpus = NULL;
	size_t n;
	int r = cpus_online(&cpus, &n);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = add_event(a, cpus[i]);
		if (r && r != -ENODEV) /* it went this very moment */
			return r;
	}
	return 0;
}

/* Call fn for each thread; stops at the first failure. */
static int each_thread(struct arm *a, int (*fn)(struct arm *a, int tid))
{
	char path[64];
	struct dirent *e;
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", a->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!r && (e = readdir(dir)) != NULL) {
		int tid = atoi(e->d_name);

		if (tid > 0)
			r = fn(a, tid);
	}
	closedir(dir);
	return r;
}

static int add_thread(struct arm *a, int tid)
{
	int r = add_event(a, tid);

	return r == -ESRCH ? 0 : r; /* it ended this very moment */
}

static int is_covered(struct arm *a, int tid)
{
	return covers(a, tid) ? 0 : -EAGAIN;
}

/*
 * A thread that appears meanwhile has inherited the event or not, depending on who started it: to
 * add one could count it twice. So begin anew until no thread appeared.
 */
static int cover_threads(struct arm *a)
{
	int r = -EAGAIN;

	for (int i = 0; i < ROUNDS_MAX && r == -EAGAIN; i++) {
		drop_all(a);
		r = each_thread(a, add_thread);
		if (!r)
			r = each_thread(a, is_covered);
	}
	return r ? r : a->events.n ? 0 : -ESRCH;
}

DEFINE_CLEANUP(struct arm *, arm_free)

int arm_new(const struct arm_watch *w, pid_t pid, int prog_fd, struct arm **ret)
{
	_cleanup_(cleanup_arm_free) struct arm *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->watch = *w;
	a->pid = pid;
	a->prog_fd = prog_fd;
	r = pid == -1 ? cover_cpus(a) : w->one_thread ? add_event(a, pid) : cover_threads(a);
	if (!r)
		r = enable_all(a);
	if (r)
		return r;
	*ret = take_ptr(a);
	return 0;
}

/*
 * In TASK scope the events of threads that ended stay open: the threads that they started hold
 * copies that end with the original (kernel/events/core.c, perf_event_release_kernel).
 */
void arm_free(struct arm *a)
{
	if (!a)
		return;
	drop_all(a);
	vec_deinit(&a->events);
	free(a);
}

uint64_t arm_addr(const struct arm *a)
{
	return a->watch.addr;
}

int arm_cpu_online(struct arm *a, int cpu)
{
	int r;

	if (a->pid != -1 || covers(a, cpu))
		return 0;
	r = add_event(a, cpu);
	if (r)
		return r;
	if (!ioctl(a->events.data[a->events.n - 1].fd, PERF_EVENT_IOC_ENABLE, 0))
		return 0;
	r = -errno;
	arm_cpu_offline(a, cpu);
	return r;
}

void arm_cpu_offline(struct arm *a, int cpu)
{
	for (size_t i = 0; i < a->events.n && a->pid == -1; i++) {
		if (a->events.data[i].where != cpu)
			continue;
		close(a->events.data[i].fd);
		a->events.data[i] = a->events.data[--a->events.n];
		return;
	}
}

int arm_cpus_again(struct arm *a)
{
	int r;

	if (a->pid != -1)
		return 0;
	drop_all(a);
	r = cover_cpus(a);
	return r ? r : enable_all(a);
}
