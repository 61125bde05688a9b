// SPDX-License-Identifier: BSD-2-Clause
#include "target/holder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "target/ptrace.h"
#include "target/seize.h"
#include "target/tracer.h"

#define GRAB_WAIT_NS 5000000u
#define PATIENCE     5 /* times SEIZE_MAX_MS: then it has no CPU */

static const struct sched_param real_time = { .sched_priority = 1 }, usual;

struct holder {
	struct tracees_hits hits;
	size_t i;
	struct tracer *tracer;
	pthread_t thread;
	pthread_spinlock_t *grabbing;
	pthread_mutex_t
		table; /* what the thread does to the tracer on its own, against holder_look() */
	bool busy, seizing;
	int request, done; /* eventfds */
	void (*fn)(struct tracer *tracer, void *arg);
	void *arg;
};

/*
 * One at a time: a thread that moves is told to several, and the second must not go to sleep before
 * the first is done. But not for ever: the first sleeps where the target is in execve
 * (cred_guard_mutex in ptrace_attach()), which may wait for this CPU.
 */
static bool grab_begin(struct holder *h)
{
	uint64_t end = clock_ns() + GRAB_WAIT_NS;
	int r;

	do {
		r = pthread_spin_trylock(h->grabbing);
	} while (r && clock_ns() < end);
	return !r;
}

/* 0, or -errno: it is not held. */
static int grab(struct holder *h, pid_t tid)
{
	__atomic_store_n(&h->seizing, true, __ATOMIC_SEQ_CST);
	(void)tracer_seize(h->tracer, tid);
	__atomic_store_n(&h->seizing, false, __ATOMIC_SEQ_CST);
	/* In any case: it may have been seized just before the signal, or at birth. */
	return tracer_ask(tid);
}

static void on_hit(void *priv, pid_t tid)
{
	struct holder *h = priv;
	bool locked;
	int r;

	/* Before the thread can stop: who is told of that must ask us. */
	__atomic_store_n(&h->busy, true, __ATOMIC_SEQ_CST);
	locked = grab_begin(h);
	r = grab(h, tid);
	if (locked)
		pthread_spin_unlock(h->grabbing);
	if (r)
		return;
	pthread_mutex_lock(&h->table);
	tracer_adopt(h->tracer, tid);
	pthread_mutex_unlock(&h->table);
}

static void serve(struct holder *h)
{
	eventfd_t n;

	(void)eventfd_read(h->request, &n);
	h->fn(h->tracer, h->arg);
	if (tracer_is_empty(h->tracer))
		__atomic_store_n(&h->busy, false, __ATOMIC_SEQ_CST);
	(void)eventfd_write(h->done, 1);
}

static void *holder_main(void *arg)
{
	struct holder *h = arg;
	struct pollfd p[] = { { .fd = h->hits.fd(h->hits.priv, h->i), .events = POLLIN },
			      { .fd = h->request, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents & POLLIN)
			h->hits.take(h->hits.priv, h->i, on_hit, h);
		else if (p[0].revents)
			p[0].fd = -1; /* never spin at this priority */
		if (!p[1].revents)
			continue;
		if (!h->fn)
			break;
		serve(h);
	}
	(void)eventfd_write(h->done, 1);
	tracer_free(h->tracer);
	return NULL;
}

/* Its CPU alone, for CPU_FREE(); NULL: out of memory. */
static cpu_set_t *its_cpu(const struct holder *h, size_t *ret_size)
{
	int cpu = h->hits.cpu(h->hits.priv, h->i);
	cpu_set_t *cpus = CPU_ALLOC(cpu + 1);

	*ret_size = CPU_ALLOC_SIZE(cpu + 1);
	if (cpus) {
		CPU_ZERO_S(*ret_size, cpus);
		CPU_SET_S(cpu, *ret_size, cpus);
	}
	return cpus;
}

static int start_thread(struct holder *h)
{
	sigset_t all, before;
	pthread_attr_t attr;
	cpu_set_t *cpus;
	size_t size;
	int r;

	cpus = its_cpu(h, &size);
	if (!cpus)
		return -ENOMEM;
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_RR);
	pthread_attr_setschedparam(&attr, &real_time);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	r = pthread_attr_setaffinity_np(&attr, size, cpus);
	/* Signals are for the main thread. */
	sigfillset(&all);
	sigdelset(&all, SEIZE_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!r)
		r = pthread_create(&h->thread, &attr, holder_main, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	CPU_FREE(cpus);
	return -r;
}

static void holder_deinit(struct holder *h)
{
	pthread_mutex_destroy(&h->table);
	cleanup_close(&h->request);
	cleanup_close(&h->done);
	free(h);
}

int holder_start(const struct tracees_hits *hits, size_t i, pthread_spinlock_t *grabbing,
		 struct tracer *tracer, struct holder **ret)
{
	struct holder *h = calloc(1, sizeof(*h));
	int r = -ENOMEM;

	if (!h)
		goto fail;
	*h = (struct holder){ .hits = *hits, .i = i, .grabbing = grabbing, .tracer = tracer };
	pthread_mutex_init(&h->table, NULL);
	h->request = eventfd(0, EFD_CLOEXEC);
	h->done = eventfd(0, EFD_CLOEXEC);
	seize_prepare();
	r = h->request < 0 || h->done < 0 ? -errno : start_thread(h);
	if (r)
		goto fail;
	*ret = h;
	return 0;
fail:
	tracer_free(tracer);
	if (h)
		holder_deinit(h);
	return r;
}

/*
 * What has more right to its CPU may keep it for ever. So it becomes a thread like others, on any
 * CPU that we may use; whoever hits on its CPU meanwhile is lost, and told.
 */
static void loosen(struct holder *h)
{
	cpu_set_t cpus;

	(void)pthread_setschedparam(h->thread, SCHED_OTHER, &usual);
	if (!pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus))
		(void)pthread_setaffinity_np(h->thread, sizeof(cpus), &cpus);
}

static void tighten(struct holder *h)
{
	size_t size;
	cpu_set_t *cpus = its_cpu(h, &size);

	if (!cpus)
		return;
	(void)pthread_setaffinity_np(h->thread, size, cpus);
	(void)pthread_setschedparam(h->thread, SCHED_RR, &real_time);
	CPU_FREE(cpus);
}

/* What was asked for is taken up, sooner than whatever it may sleep in ends, or wait for. */
static void ask(struct holder *h)
{
	struct pollfd p = { .fd = h->done, .events = POLLIN };
	unsigned waited = 0;
	eventfd_t n;

	(void)eventfd_write(h->request, 1);
	while (poll(&p, 1, SEIZE_MAX_MS) <= 0) {
		if (__atomic_load_n(&h->seizing, __ATOMIC_SEQ_CST))
			pthread_kill(h->thread, SEIZE_SIGNAL);
		if (++waited == PATIENCE)
			loosen(h);
	}
	(void)eventfd_read(h->done, &n);
	if (waited >= PATIENCE && h->fn)
		tighten(h);
}

void holder_quit(struct holder *h)
{
	h->fn = NULL;
	/* Nobody waits for it while it lets go: see holder_free(). */
	loosen(h);
	ask(h);
}

void holder_free(struct holder *h)
{
	pthread_join(h->thread, NULL);
	holder_deinit(h);
}

bool holder_is_busy(const struct holder *h)
{
	return __atomic_load_n(&h->busy, __ATOMIC_SEQ_CST);
}

bool holder_look(struct holder *h, bool (*fn)(const struct tracer *tracer, pid_t tid), pid_t tid)
{
	bool r;

	pthread_mutex_lock(&h->table);
	r = fn(h->tracer, tid);
	pthread_mutex_unlock(&h->table);
	return r;
}

void holder_call(struct holder *h, void (*fn)(struct tracer *tracer, void *arg), void *arg)
{
	h->fn = fn;
	h->arg = arg;
	ask(h);
}
