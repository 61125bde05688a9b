// SPDX-License-Identifier: BSD-2-Clause
/*
 * Processes that run another program: from their execve, where they wait in the kernel, to a
 * session of their own, or to being left alone. Nothing here waits: each is taken a step further
 * when something happens to it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/images_priv.h"
#include "engine/processes.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/execs.h"
#include "trace/halt.h"

/* So long it is waited for that a process which was ours is let go of, and for its execve. */
#define TAKE_OVER_NS 900000000u
#define LOOK_NS	     5000000 /* how often it is looked whether it is */

/* ---- they come ---- */

static struct image *find(struct images *im, pid_t pid)
{
	for (size_t i = 0; i < im->images.n; i++)
		if (im->images.data[i]->pid == pid)
			return im->images.data[i];
	return NULL;
}

/* Once anybody waits for something that nobody tells, the timer does. */
static void look_again(struct images *im)
{
	struct itimerspec it = { .it_value.tv_nsec = LOOK_NS };

	timerfd_settime(im->timer_fd, 0, &it, NULL);
}

static struct image *get(struct images *im, pid_t pid)
{
	struct image *img = find(im, pid);

	if (img)
		return img;
	img = calloc(1, sizeof(*img));
	if (!img || vec_push(&im->images, img)) {
		free(img);
		return NULL;
	}
	img->pid = pid;
	img->since_ns = clock_ns();
	look_again(im);
	return img;
}

static void release(struct images *im, struct image *img)
{
	if (img->kept)
		execs_release(im->execs, img->key);
	img->kept = false;
}

static void on_kept(void *priv, pid_t pid, uint32_t key)
{
	struct images *im = priv;
	struct image *img = get(im, pid);

	if (!img || img->seized) { /* it executes the next one already, and we trace it */
		execs_release(im->execs, key);
		return;
	}
	img->key = key;
	img->kept = true;
	img->since_ns = clock_ns();
}

bool images_execed(struct images *im, struct session_event *ev)
{
	struct image *img = im->execs ? get(im, ev->process) : NULL;

	if (im->refused)
		ev->image = im->refused == -EOPNOTSUPP ? "to follow it takes Linux 6.18 or later"
						       : strerrordesc_np(-im->refused);
	if (!img)
		return false;
	img->told = true;
	img->number = ev->number;
	img->last = ev->kind == SESSION_EXEC;
	return true;
}

void images_keep_execs(struct images *im)
{
	struct session *s = im->all.data[0];

	if (im->follow == FOLLOW_PARENT) {
		if (im->execs)
			(void)images_poll(im, EPOLL_CTL_DEL, execs_fd(im->execs));
		images_start_deinit(im);
		im->refused = 0;
		return;
	}
	if (im->execs || !s->procs)
		return;
	im->refused = execs_new(s->procs, &im->execs);
	if (im->refused)
		return;
	(void)images_poll(im, EPOLL_CTL_ADD, execs_fd(im->execs));
	for (size_t i = 0; i < im->all.n; i++)
		session_keep_execs(im->all.data[i], im->execs);
}

/* ---- they go ---- */

static void drop(struct images *im, struct image *img)
{
	size_t i;

	release(im, img);
	if (img->st.ts)
		(void)images_poll(im, EPOLL_CTL_DEL, tracees_fd(img->st.ts));
	starting_deinit(&img->st);
	for (i = 0; im->images.data[i] != img; i++)
		;
	im->images.data[i] = im->images.data[--im->images.n];
	free(img);
}

static void tell(struct images *im, const struct image *img, struct session_event ev)
{
	ev.process = img->pid;
	ev.number = img->number;
	(void)vec_push(&im->events, ev);
}

/* It is none of ours any more; why: NULL where there is nothing to say but that. */
static void leave(struct images *im, struct image *img, const char *why)
{
	struct session_event ev = { .kind = SESSION_PROCESS_EXEC };
	size_t at = im->nwhy++ % (sizeof(im->why) / sizeof(im->why[0]));

	free(im->why[at]);
	im->why[at] = why ? strdup(why) : NULL;
	ev.image = im->why[at];
	if (img->last && im->images.n == 1 && !images_any_session(im))
		ev.kind = SESSION_EXEC;
	if (img->number)
		tell(im, img, ev);
	drop(im, img);
}

static void ended(struct images *im, struct image *img, int status)
{
	struct session_event ev = { .kind = SESSION_PROCESS_ENDED, .status = status };

	if (im->images.n == 1 && !images_any_session(im)) /* the last of all */
		ev.kind = SESSION_EXITED;
	if (img->number)
		tell(im, img, ev);
	drop(im, img);
}

void images_start_deinit(struct images *im)
{
	while (im->images.n)
		drop(im, im->images.data[0]);
	for (size_t i = 0; i < im->all.n; i++)
		session_keep_execs(im->all.data[i], NULL);
	execs_free(im->execs);
	im->execs = NULL;
}

/* ---- a session of its own ---- */

static int take_over(struct images *im, struct image *img, struct session *s, struct err *err)
{
	int r = session_adopt_running(s, img->st.ts, err);

	if (r)
		return r;
	(void)images_poll(im, EPOLL_CTL_DEL, tracees_fd(img->st.ts));
	img->st.ts = NULL;
	r = session_follow_forks(s, im->follow, err);
	if (!r)
		r = images_add(im, s) ? err_set(err, -ENOMEM, "out of memory") : 0;
	if (!r)
		images_give_bps(im, s);
	return r;
}

/* It stands before the first line of its program. */
static void begin(struct images *im, struct image *img)
{
	struct session_options opt = im->opt;
	struct session *s = NULL;
	struct err err = { 0 };
	int r;

	opt.number = img->number;
	r = session_open(img->pid, &opt, true, &err, &s);
	halt_off(img->st.halt);
	if (!r)
		r = take_over(im, img, s, &err);
	if (r) {
		session_free(s);
		leave(im, img, err.text);
		return;
	}
	if (im->now->over)
		im->now = s;
	img->number = s->now->number;
	tell(im, img,
	     (struct session_event){ .kind = SESSION_PROCESS_IMAGE,
				     .image = s->in->ops->info(s->in)->version });
	if (s->tracees)
		(void)tracees_resume(s->tracees, img->pid);
	session_relax(s);
	drop(im, img);
}

int images_join(struct images *im, pid_t pid, int number, struct err *err)
{
	struct session_options opt = im->opt;
	struct session *s = NULL;
	int r;

	for (size_t i = 1; i < im->all.n; i++) {
		const struct process *p = process_find(im->all.data[i], pid);

		if (p && !p->other)
			return 0; /* it came with who forked it */
	}
	opt.number = number;
	r = session_attach(pid, &opt, err, &s);
	if (!r)
		r = session_children(s, err);
	if (!r)
		r = images_add(im, s) ? err_set(err, -ENOMEM, "out of memory") : 0;
	if (r) {
		session_free(s);
		return r;
	}
	images_give_bps(im, s);
	return 0;
}

/* ---- a step further ---- */

/*
 * Its session need not have learnt of the execve yet, and leaves to the tracer what is traced
 * (processes.c), which is another one by now.
 */
static void end_elsewhere(struct images *im, pid_t pid)
{
	for (size_t i = 0; i < im->all.n; i++) {
		struct session *s = im->all.data[i];

		if (s->over)
			continue;
		(void)processes_pump(s); /* it need not know of the fork either */
		process_end(s, pid, (struct session_event){ .kind = SESSION_EXEC, .tid = pid });
	}
}

/* Will images_execed() be called for it? Its number is known then. */
static bool is_to_be_told(const struct images *im, const struct image *img)
{
	for (size_t i = 0; i < im->all.n; i++) {
		const struct session *s = im->all.data[i];

		for (size_t k = 0; k < s->events.n; k++) {
			const struct session_event *ev = &s->events.data[k];

			if ((ev->kind == SESSION_EXEC || ev->kind == SESSION_PROCESS_EXEC) &&
			    (ev->process ? ev->process : s->now->pid) == img->pid)
				return true;
		}
	}
	return false;
}

/* False: not yet, another tracer of ours has it. */
static bool seize(struct images *im, struct image *img)
{
	struct starting *st = &img->st;
	struct err err = { 0 };
	int r;

	st->opt = &im->early;
	st->pid = img->pid;
	r = st->target ? 0 : starting_open(st, &err);
	if (!r)
		r = tracees_seize_now(st->target, &err, &st->ts);
	if (r == -ESRCH && st->target && target_alive(st->target) &&
	    clock_ns() < img->since_ns + TAKE_OVER_NS)
		return false;
	if (!r && !st->halt)
		r = halt_new(SIGURG, &err, &st->halt);
	if (r) {
		leave(im, img, err.text);
		return true;
	}
	(void)images_poll(im, EPOLL_CTL_ADD, tracees_fd(st->ts));
	tracees_hold_exec(st->ts, true);
	img->seized = true;
	if (!img->told)
		end_elsewhere(im, img->pid);
	(void)tracees_interrupt(st->ts, img->pid);
	release(im, img);
	return true;
}

/* 0; 1: it is gone from the list; negative errno with a line. */
static int on_tracee(struct images *im, struct image *img, const struct tracee_event *ev,
		     struct err *err)
{
	struct starting *st = &img->st;
	int r = 0;

	switch (ev->kind) {
	case TRACEE_STOPPED:
	case TRACEE_EXEC:
		r = starting_exec(st, err);
		break;
	case TRACEE_SIGNAL:
		r = starting_stop(st, ev->tid, err);
		break;
	case TRACEE_EXITED:
		ended(im, img, ev->status);
		return 1;
	default:
		return 0;
	}
	if (r)
		return r;
	if (st->there) {
		begin(im, img);
		return 1;
	}
	if (st->foreign) {
		leave(im, img, NULL);
		return 1;
	}
	(void)tracees_resume(st->ts, ev->tid);
	return 0;
}

static void go_on(struct images *im, struct image *img)
{
	struct tracee_event ev;
	struct err err = { 0 };
	int r = 0;

	while (!r) {
		r = tracees_next(img->st.ts, &ev);
		if (!r && ev.kind == TRACEE_NONE)
			return;
		if (!r)
			r = on_tracee(im, img, &ev, &err);
	}
	if (r < 0)
		leave(im, img, err.text[0] ? err.text : strerror(-r));
}

/* It has waited for long enough to be kept, and not only because we were busy meanwhile. */
static bool is_late(struct images *im, const struct image *img)
{
	if (clock_ns() <= img->since_ns + TAKE_OVER_NS)
		return false;
	if (im->execs)
		execs_next(im->execs, on_kept, im);
	return !img->kept;
}

void images_start(struct images *im)
{
	bool again = false;

	if (im->execs)
		execs_next(im->execs, on_kept, im);
	for (size_t i = im->images.n; i-- > 0;) {
		struct image *img;

		if (i >= im->images.n)
			continue;
		img = im->images.data[i];
		if (img->seized && !is_to_be_told(im, img))
			go_on(im, img);
		else if (img->seized)
			continue; /* when the event has been handed out */
		else if (img->kept)
			again |= !seize(im, img);
		else if (is_late(im, img))
			leave(im, img, NULL); /* it was not kept: there was no room */
		else
			again = true;
	}
	if (again)
		look_again(im);
}
