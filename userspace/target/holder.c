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
#include "target/ptrace.h"
#include "target/seize.h"
#include "target/tracer.h"

struct holder {
	struct tracees_hits hits;
	struct tracer *tracer;
	pthread_t thread;
	pthread_mutex_t
		table; /* what the thread does to the tracer on its own, against holder_look() */
	bool busy, seizing;
	int request, done; /* eventfds */
	void (*fn)(struct tracer *tracer, void *arg);
	void *arg;
};

/* 0, or -errno: it is not held. */
static int grab(struct holder *h, pid_t tid, pid_t pid)
{
	__atomic_store_n(&h->seizing, true, __ATOMIC_SEQ_CST);
	(void)tracer_seize(h->tracer, tid, pid);
	__atomic_store_n(&h->seizing, false, __ATOMIC_SEQ_CST);
	/* In any case: it may have been seized just before the signal, or at birth. */
	return tracer_ask(tid);
}

static void on_hit(void *priv, pid_t tid, pid_t pid)
{
	struct holder *h = priv;
	int r;

	/* Before the thread can stop: who is told of that must ask us. */
	__atomic_store_n(&h->busy, true, __ATOMIC_SEQ_CST);
	r = grab(h, tid, pid);
	if (r)
		return;
	pthread_mutex_lock(&h->table);
	tracer_adopt(h->tracer, tid, pid);
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
	struct pollfd p[] = { { .fd = h->hits.fd, .events = POLLIN },
			      { .fd = h->request, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents & POLLIN)
			h->hits.take(h->hits.priv, on_hit, h);
		else if (p[0].revents)
			p[0].fd = -1; /* never spin */
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

static int start_thread(struct holder *h)
{
	static const struct sched_param rr = { .sched_priority = 1 };
	sigset_t all, before;
	int r;

	/* Signals are for the main thread. */
	sigfillset(&all);
	sigdelset(&all, SEIZE_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->thread, NULL, holder_main, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* The target's thread waits actively: the sooner the better. Not allowed, it takes longer.
	 */
	if (!r)
		(void)pthread_setschedparam(h->thread, SCHED_RR, &rr);
	return -r;
}

static void holder_deinit(struct holder *h)
{
	pthread_mutex_destroy(&h->table);
	cleanup_close(&h->request);
	cleanup_close(&h->done);
	free(h);
}

int holder_start(const struct tracees_hits *hits, struct tracer *tracer, struct holder **ret)
{
	struct holder *h = calloc(1, sizeof(*h));
	int r = -ENOMEM;

	if (!h)
		goto fail;
	*h = (struct holder){ .hits = *hits, .tracer = tracer };
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

/* What was asked for is taken up, sooner than whatever it may sleep in ends. */
static void ask(struct holder *h)
{
	struct pollfd p = { .fd = h->done, .events = POLLIN };
	eventfd_t n;

	(void)eventfd_write(h->request, 1);
	while (poll(&p, 1, SEIZE_MAX_MS) <= 0)
		if (__atomic_load_n(&h->seizing, __ATOMIC_SEQ_CST))
			pthread_kill(h->thread, SEIZE_SIGNAL);
	(void)eventfd_read(h->done, &n);
}

void holder_quit(struct holder *h)
{
	h->fn = NULL;
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
