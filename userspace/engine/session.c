// SPDX-License-Identifier: BSD-2-Clause
/* A session's life: what it opens, in which order it lets go. */
#include "engine/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "engine/data.h"
#include "engine/index.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "engine/stops.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/trace.h"

#define CAPTURE_RING (4u << 20) /* bytes of records that wait */

static int session_poll_add(struct session *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* One descriptor for all that the session waits for. */
static int session_wire(struct session *s)
{
	int r;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return -errno;
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer_fd < 0)
		return -errno;
	s->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->tick_fd < 0)
		return -errno;
	s->step.idle_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->step.idle_fd < 0)
		return -errno;
	s->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->ready_fd < 0)
		return -errno;
	r = session_poll_add(s, s->timer_fd);
	if (!r)
		r = session_poll_add(s, s->tick_fd);
	if (!r)
		r = session_poll_add(s, s->step.idle_fd);
	if (!r)
		r = session_poll_add(s, s->ready_fd);
	if (!r)
		r = session_poll_add(s, target_pidfd(s->target));
	return r;
}

int session_open(pid_t pid, const struct session_options *opt, bool still, struct err *err,
		 struct session **ret)
{
	struct session *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "pid %d: out of memory", pid);
	s->opt = *opt;
	s->epoll_fd = s->timer_fd = s->ready_fd = s->tick_fd = s->step.idle_fd = -1;
	s->next_bp = 1;
	s->next_place = 1;
	r = process_state_open(pid, still, err, &s->state);
	if (r)
		goto fail;
	s->now = process_new(s, pid, 0);
	if (!s->now) {
		r = err_set(err, -ENOMEM, "pid %d: out of memory", pid);
		goto fail;
	}
	s->now->opened = true;
	s->names = s->index;
	r = session_wire(s);
	if (r) {
		err_set(err, r, "pid %d: cannot make an event loop: %s", pid, strerror(-r));
		goto fail;
	}
	*ret = s;
	return 0;
fail:
	session_free(s);
	return r;
}

int session_attach(pid_t pid, const struct session_options *opt, struct err *err,
		   struct session **ret)
{
	return session_open(pid, opt, false, err, ret);
}

int session_adopt_running(struct session *s, struct tracees *ts, struct err *err)
{
	int r = session_poll_add(s, tracees_fd(ts));

	if (r)
		return err_set(err, r, "%s: cannot wait for stops: %s", s->label, strerror(-r));
	tracees_set_target(ts, s->target);
	tracees_hold_exec(ts, false);
	tracees_set_filter(ts, stops_is_ours, s);
	s->tracees = ts;
	return 0;
}

int session_adopt(struct session *s, struct tracees *ts, struct err *err)
{
	int r = session_adopt_running(s, ts, err);

	if (r)
		return r;
	tracees_take_keys(ts, true);
	/* It could have been any thread that runs execve; from now on we are told. */
	tracees_follow(ts, false);
	s->launched = true;
	return 0;
}

bool session_is_launched(const struct session *s)
{
	return s->launched;
}

void session_free(struct session *s)
{
	size_t i;

	if (!s)
		return;
	/* First nothing new can hit, then whoever stands is let go; records tell which stop signals
	 * are ours. */
	step_forget(s);
	bps_disarm(s);
	session_latency_end(s);
	mem_cache_off(s->target ? target_mem(s->target) : &(struct mem){ 0 });
	if (s->tracees)
		tracees_free(s->tracees);
	trace_free(s->trace);
	s->trace = NULL;
	s->tracees = NULL;
	bps_deinit(s);
	calls_deinit(s);
	latency_deinit(s);
	step_deinit(s);
	if (!s->now)
		process_state_deinit(&s->state);
	processes_deinit(s);
	for (i = 0; i < s->events.n; i++) {
		free(s->events.data[i].file);
		free(s->events.data[i].function);
		free(s->events.data[i].exception);
	}
	free(s->shown_file);
	free(s->shown_function);
	free(s->shown_exception);
	vec_deinit(&s->events);
	vec_deinit(&s->hits);
	vec_deinit(&s->waiting);
	cleanup_close(&s->timer_fd);
	cleanup_close(&s->tick_fd);
	cleanup_close(&s->ready_fd);
	cleanup_close(&s->epoll_fd);
	free(s);
}

struct target *session_target(struct session *s)
{
	return s->target;
}

struct interp *session_interp(struct session *s)
{
	return s->in;
}

int session_over(const struct session *s, struct err *err)
{
	if (!s->over)
		return 0;
	return err_set(err, -ESRCH, "%s: the target has ended or runs another program now",
		       s->label);
}

static void read_facts(struct interp *in, struct session_facts *ret)
{
	struct session_facts f = { .read = true };

	in->ops->kernel(in, &f.py);
	f.objects = !in->ops->kernel_objects(in, &f.obj);
	*ret = f;
}

void session_keep_execs(struct session *s, struct execs *execs)
{
	s->execs = execs;
	if (s->tracees)
		tracees_hold_exec(s->tracees, execs);
}

int session_need_trace(struct session *s, struct err *err)
{
	static const struct itimerspec tick = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
	struct interp_recipe recipes[64];
	struct abi_layout layout;
	struct trace_options opt;
	size_t n = 0;
	int r;

	if (s->trace)
		return 0;
	s->stop_signal = tracees_choose_signal(s->target);
	read_facts(s->in, &s->facts);
	s->in->ops->layout(s->in, &layout);
	opt = (struct trace_options){
		.pid = target_pid(s->target),
		.scope = s->opt.scope,
		.timed = s->opt.timed,
		.children = s->opt.children,
		.may_follow = s->opt.may_follow,
		.stop_signal = s->stop_signal,
		.hold = true,
		.py = &s->facts.py,
		.layout = s->opt.captured ? &layout : NULL,
		.ring_bytes = s->opt.captured ? CAPTURE_RING : 0,
		/* Without them every condition is judged in user space: kexpr_compile() says so. */
		.obj = s->facts.objects ? &s->facts.obj : NULL,
	};
	r = trace_open(&opt, err, &s->trace);
	if (r) {
		s->trace = NULL;
		return r;
	}
	if (s->opt.captured)
		n = s->in->ops->recipes(s->in, recipes, sizeof(recipes) / sizeof(recipes[0]));
	for (size_t i = 0; !r && i < n; i++)
		r = trace_recipe_set(s->trace, recipes[i].type, recipes[i].recipe);
	if (!r)
		r = session_poll_add(s, trace_fd(s->trace));
	if (!r && timerfd_settime(s->tick_fd, 0, &tick, NULL))
		r = -errno;
	if (r) {
		trace_free(s->trace);
		s->trace = NULL;
		return err_set(err, r, "%s: cannot wait for records: %s", s->label, strerror(-r));
	}
	return 0;
}

int session_sites(struct session *s, unsigned kinds, struct err *err, struct trace_site **ret,
		  size_t *ret_n)
{
	_cleanup_free_ struct interp_site *found = NULL;
	struct trace_site *sites;
	size_t n = 0;
	int r = s->in->ops->sites(s->in, kinds, err, &found, &n);

	if (r)
		return r;
	sites = calloc(n + 1, sizeof(*sites));
	if (!sites)
		return err_set(err, -ENOMEM, "%s: out of memory", s->label);
	for (size_t i = 0; i < n; i++)
		sites[i] = (struct trace_site){ found[i].addr, found[i].site };
	*ret = sites;
	*ret_n = n;
	return 0;
}

int session_program_on(struct session *s, enum trace_program which, struct err *err)
{
	_cleanup_free_ struct trace_site *sites = NULL;
	size_t n;
	int r;

	r = session_need_trace(s, err);
	if (!r)
		r = session_sites(s, trace_program_kinds(which), err, &sites, &n);
	return r ? r : trace_program_on(s->trace, which, sites, n, err);
}

int session_need_tracees(struct session *s, struct err *err)
{
	bool births = s->hold_failed || s->seize_births;
	int r;

	if (s->tracees)
		return 0;
	r = processes_many(s) ? tracees_seize_children(s->target, births, err, &s->tracees)
	    : births	      ? tracees_seize(s->target, err, &s->tracees)
			      : tracees_seize_now(s->target, err, &s->tracees);
	if (r) {
		s->tracees = NULL;
		return r;
	}
	tracees_set_filter(s->tracees, stops_is_ours, s);
	tracees_hold_exec(s->tracees, s->execs);
	if (s->stop_signal)
		tracees_set_signal(s->tracees, s->stop_signal);
	s->births = births ? BIRTHS_SEIZED : BIRTHS_UNSEEN;
	r = session_poll_add(s, tracees_fd(s->tracees));
	if (r) {
		tracees_free(s->tracees);
		s->tracees = NULL;
		return err_set(err, r, "%s: cannot wait for stops: %s", s->label, strerror(-r));
	}
	processes_seize(s);
	return 0;
}

void session_drop_tracees(struct session *s)
{
	if (!s->tracees)
		return;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, tracees_fd(s->tracees), NULL);
	tracees_free(s->tracees);
	s->tracees = NULL;
	s->seize_births = false;
}

void session_relax(struct session *s)
{
	size_t i;

	if (!s->tracees || s->launched || s->modules_on || s->standing || s->still ||
	    s->waiting.n || s->step.on)
		return;
	for (i = 0; i < s->places.n; i++)
		if (s->places.data[i]->stops)
			return;
	if (catch_stops(s) || data_needs_tracees(s))
		return;
	session_drop_tracees(s);
	/* Who hit until now stops no more, and need not: what it hit is gone. */
	if (s->trace)
		(void)hits_consume(s);
	s->hits.n = 0;
}

static bool same_facts(const struct session_facts *x, const struct session_facts *y)
{
	return !memcmp(&x->py, &y->py, sizeof(x->py)) && x->objects == y->objects &&
	       (!x->objects || !memcmp(&x->obj, &y->obj, sizeof(x->obj)));
}

bool session_is_twin(struct session *a, struct session *b)
{
	if (!a->facts.read)
		read_facts(a->in, &a->facts);
	if (!b->facts.read)
		read_facts(b->in, &b->facts);
	return same_facts(&a->facts, &b->facts);
}

bool session_is_like(struct session *s, struct interp *in)
{
	struct session_facts f;

	if (!s->facts.read)
		read_facts(s->in, &s->facts);
	read_facts(in, &f);
	return same_facts(&s->facts, &f);
}

int session_follow(struct session *s, pid_t pid, struct err *err)
{
	int r = session_need_trace(s, err);

	if (r)
		return r;
	r = trace_follow(s->trace, pid);
	return r ? err_set(err, r, "pid %d: cannot be followed: %s", pid, strerror(-r)) : 0;
}

int session_process_hits(struct session *s, int id, int (*fn)(void *priv, pid_t pid, uint64_t hits),
			 void *priv)
{
	const struct bp_priv *b = bp_find(s, id);

	if (!b || !b->state || !s->trace)
		return 0;
	return trace_process_hits(s->trace, b->state, fn, priv);
}

int session_slots(struct session *s, struct err *err, unsigned *ret_used, unsigned *ret_free)
{
	int r;

	r = session_need_trace(s, err);
	if (r)
		return r;
	r = trace_slots(s->trace, ret_used, ret_free);
	if (r)
		err_set(err, r, "%s: cannot ask for free watch slots: %s", s->label, strerror(-r));
	return r;
}

int session_fd(struct session *s)
{
	return s->epoll_fd;
}

bool session_is_stopped(const struct session *s)
{
	return s->stopped;
}

bool session_is_standing(const struct session *s)
{
	return s->standing;
}

pid_t session_stop_tid(const struct session *s)
{
	return s->stopped ? (pid_t)s->stop.tid : 0;
}

uint64_t session_stop_time(const struct session *s)
{
	return s->stopped ? s->stop.time_ns : 0;
}
