// SPDX-License-Identifier: BSD-2-Clause
/* The sessions of one command line: their events in turn, one stop at a time. */
#include "engine/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/images_priv.h"
#include "engine/processes.h"
#include "engine/stops.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "trace/execs.h"

int images_poll(struct images *im, int op, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(im->epoll_fd, op, fd, &ev) ? -errno : 0;
}

int images_add(struct images *im, struct session *s)
{
	int r = images_poll(im, EPOLL_CTL_ADD, session_fd(s));

	if (!r)
		session_keep_execs(s, im->execs);
	if (!r && vec_push(&im->all, s)) {
		(void)images_poll(im, EPOLL_CTL_DEL, session_fd(s));
		r = -ENOMEM;
	}
	if (!r)
		s->fellows = &im->all;
	return r;
}

int images_new(struct session *first, const struct session_options *opt, struct err *err,
	       struct images **ret)
{
	struct images *im = calloc(1, sizeof(*im));
	int r = -ENOMEM;

	if (!im)
		return err_set(err, r, "out of memory");
	im->opt = im->early = *opt;
	im->opt.numbers = &im->last_number;
	im->last_number = first->last_number;
	im->now = first;
	im->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	im->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = im->epoll_fd < 0 || im->timer_fd < 0 ? -errno : images_add(im, first);
	if (!r)
		r = images_poll(im, EPOLL_CTL_ADD, im->timer_fd);
	if (r) {
		im->all.n = 0;
		images_free(im);
		return err_set(err, r, "cannot make an event loop: %s", strerror(-r));
	}
	first->opt.numbers = &im->last_number;
	*ret = im;
	return 0;
}

void images_free(struct images *im)
{
	if (!im)
		return;
	/* Nobody is kept any more before sessions end: the first has what execs looks at. */
	images_start_deinit(im);
	while (im->all.n)
		session_free(im->all.data[--im->all.n]);
	for (size_t i = 0; i < sizeof(im->why) / sizeof(im->why[0]); i++)
		free(im->why[i]);
	vec_deinit(&im->all);
	images_counts_deinit(im);
	vec_deinit(&im->images);
	vec_deinit(&im->events);
	cleanup_close(&im->epoll_fd);
	cleanup_close(&im->timer_fd);
	free(im);
}

int images_fd(const struct images *im)
{
	return im->epoll_fd;
}

struct session *images_now(const struct images *im)
{
	return im->now;
}

struct session *images_standing(struct images *im)
{
	for (size_t i = 0; i < im->all.n; i++) {
		if (!im->all.data[i]->standing)
			continue;
		im->now = im->all.data[i];
		return im->now;
	}
	return NULL;
}

bool images_is_standing(const struct images *im)
{
	for (size_t i = 0; i < im->all.n; i++)
		if (im->all.data[i]->standing)
			return true;
	return false;
}

struct session *images_other(const struct images *im, size_t *i)
{
	while (*i < im->all.n) {
		struct session *s = im->all.data[(*i)++];

		if (s != im->now && !s->over)
			return s;
	}
	return NULL;
}

struct session *images_first(const struct images *im)
{
	return im->all.data[0];
}

bool images_first_is_over(const struct images *im)
{
	return im->all.data[0]->over;
}

bool images_any_session(const struct images *im)
{
	for (size_t i = 0; i < im->all.n; i++)
		if (!im->all.data[i]->over)
			return true;
	return false;
}

bool images_is_alive(const struct images *im)
{
	return images_any_session(im) || im->images.n > 0;
}

/* ---- events ---- */

/* While one is stopped, or steps, what others hit waits to be shown. */
static bool is_quiet(const struct images *im, const struct session *s)
{
	for (size_t i = 0; i < im->all.n; i++) {
		const struct session *other = im->all.data[i];

		if (other != s && (other->standing || shown_steps_alone(other)))
			return true;
	}
	return false;
}

/* The session has ended: that of a process among others, if there are others. */
static void on_over(struct images *im, struct session *s, struct session_event *ev)
{
	if (!images_is_alive(im))
		return;
	ev->kind = SESSION_PROCESS_ENDED;
	if (im->now != s)
		return;
	for (size_t i = im->all.n; i-- > 0;)
		if (!im->all.data[i]->over)
			im->now = im->all.data[i];
}

/* Nothing more comes of those that are over; the first one has what others need. */
static void sweep(struct images *im)
{
	for (size_t i = im->all.n; i-- > 1;) {
		struct session *s = im->all.data[i];

		if (!s->over || s->events.n || s == im->now)
			continue;
		im->all.n--;
		memmove(&im->all.data[i], &im->all.data[i + 1],
			(im->all.n - i) * sizeof(im->all.data[0]));
		images_keep_counts(im, s);
		session_free(s);
	}
}

/* False: it is not for the caller. */
static bool on_event(struct images *im, struct session *s, struct session_event *ev)
{
	switch (ev->kind) {
	case SESSION_NONE:
		return false;
	case SESSION_PROCESS_EXEC:
	case SESSION_EXEC:
		return !images_execed(im, ev);
	case SESSION_EXITED:
		on_over(im, s, ev);
		return true;
	case SESSION_STOPPED:
		im->now = s;
		if (ev->bp && !bp_find(s, ev->bp))
			images_bp_gone(im, s, ev->bp); /* it was for once */
		return true;
	default:
		return true;
	}
}

static bool next_own(struct images *im, struct session_event *ret)
{
	if (!im->events.n)
		return false;
	*ret = im->events.data[0];
	im->events.n--;
	memmove(&im->events.data[0], &im->events.data[1], im->events.n * sizeof(*ret));
	return true;
}

/* Who starts has been told of what sessions trace, after their turn. (One that is over asks no
 * more.) */
static bool is_any_waited(const struct images *im)
{
	for (size_t i = 0; i < im->all.n; i++) {
		const struct session *s = im->all.data[i];

		if (!s->over && s->tracees && tracees_has_waited(s->tracees))
			return true;
	}
	return false;
}

/* Ask each until none has anything. 1: *ret is an event; 0; -errno. */
static int ask_all(struct images *im, struct session_event *ret, struct session **ret_from)
{
	size_t idle = 0;

	while (idle < im->all.n) {
		struct session *s = im->all.data[im->turn % im->all.n];
		int r;

		images_start(im);
		if (next_own(im, ret))
			return 1;
		s->quiet = im->all.n > 1 && is_quiet(im, s);
		r = session_next_event(s, 0, ret);
		if (r)
			return r;
		if (on_event(im, s, ret)) {
			*ret_from = s;
			return 1;
		}
		idle = ret->kind == SESSION_NONE ? idle + 1 : 0;
		im->turn++;
	}
	sweep(im);
	memset(ret, 0, sizeof(*ret));
	images_start(im);
	return next_own(im, ret);
}

int images_next_event(struct images *im, struct session_event *ret, struct session **ret_from)
{
	uint64_t ticks;
	int r;

	*ret_from = NULL;
	memset(ret, 0, sizeof(*ret));
	(void)!read(im->timer_fd, &ticks, sizeof(ticks));
	do {
		r = ask_all(im, ret, ret_from);
	} while (!r && is_any_waited(im));
	return r < 0 ? r : 0;
}

/* ---- processes ---- */

int images_follow(struct images *im, enum follow_fork mode, struct err *err)
{
	int r = session_follow_forks(im->now, mode, err);

	for (size_t i = 0; !r && i < im->all.n; i++)
		if (im->all.data[i] != im->now && !im->all.data[i]->over)
			r = session_follow_forks(im->all.data[i], mode, err);
	if (!r) {
		im->follow = mode;
		images_keep_execs(im);
	}
	return r;
}

int images_children(struct images *im, struct err *err)
{
	_cleanup_free_ struct session_process *list = NULL;
	size_t n = 0;
	int r = session_children(im->now, err);

	if (r)
		return r;
	im->follow = FOLLOW_BOTH;
	images_keep_execs(im);
	r = session_processes(im->now, &list, &n);
	for (size_t i = 0; !r && i < n; i++) {
		struct err why = { 0 };

		if (list[i].doing == PROCESS_OTHER)
			(void)images_join(im, list[i].pid, list[i].number, &why);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	const struct session_process *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* Is it followed by another session, or named by one before? */
static bool is_known(struct images *im, size_t upto, const struct session_process *p,
		     const struct session_process *list, size_t n)
{
	for (size_t i = 0; i < im->all.n; i++) {
		const struct process *other = process_find(im->all.data[i], p->pid);

		if (i != upto && other && !other->other && !im->all.data[i]->over)
			return true;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].pid == p->pid)
			return true;
	return false;
}

int images_processes(struct images *im, struct session_process **ret, size_t *ret_n)
{
	_cleanup_free_ struct session_process *all = NULL;
	size_t n = 0;

	for (size_t i = 0; i < im->all.n; i++) {
		_cleanup_free_ struct session_process *list = NULL;
		struct session *s = im->all.data[i];
		struct session_process *more;
		size_t k, count = 0;
		int r = s->over ? 0 : session_processes(s, &list, &count);

		if (r)
			return r;
		more = realloc(all, (n + count + 1) * sizeof(*all));
		if (!more)
			return -ENOMEM;
		all = more;
		for (k = 0; k < count; k++) {
			if (list[k].doing == PROCESS_OTHER && is_known(im, i, &list[k], all, n))
				continue;
			list[k].current &= s == im->now;
			if (list[k].doing != PROCESS_OTHER)
				list[k].python = s->in->ops->info(s->in)->version;
			all[n++] = list[k];
		}
	}
	if (n)
		qsort(all, n, sizeof(*all), by_number);
	*ret = take_ptr(all);
	*ret_n = n;
	return 0;
}

int images_process(struct images *im, int number, struct err *err)
{
	for (size_t i = 0; i < im->all.n; i++) {
		struct session *s = im->all.data[i];

		for (size_t k = 0; !s->over && k < s->processes.n; k++) {
			const struct process *p = s->processes.data[k];
			int r;

			if (p->number != number || p->ended || p->other)
				continue;
			r = session_process(s, number, err);
			if (!r)
				im->now = s;
			return r;
		}
	}
	return session_process(im->now, number, err);
}

int images_pause(struct images *im, struct err *err)
{
	for (size_t i = 0; i < im->all.n; i++) {
		const struct session *s = im->all.data[i];

		if (s != im->now && s->standing)
			return err_set(err, -EBUSY,
				       "process %d is stopped: `continue` lets it run, and then "
				       "another can be stopped",
				       s->standing->number);
	}
	return session_pause(im->now, err);
}
