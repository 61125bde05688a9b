// SPDX-License-Identifier: BSD-2-Clause
/*
 * The processes of a session: those that were forked by one another, so that what is watched is at
 * the same addresses in all of them. One is looked at: its state lies in the session, that of each
 * other one in its struct process. Most are never looked at, and are opened when they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "bpf/abi.h"
#include "engine/index.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "probes/probe.h"
#include "target/kin.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/pidns.h"
#include "trace/procs.h"
#include "trace/trace.h"

/* ---- one of them ---- */

int process_state_open(pid_t pid, bool still, struct err *err, struct process_state *ret)
{
	struct process_state st = { 0 };
	_cleanup_free_ char *jit = NULL;
	struct probe_env env;
	int r;

	snprintf(st.label, sizeof(st.label), "pid %d", pid);
	r = target_open(pid, err, &st.target);
	if (r)
		return r;
	if (target_environ(st.target, "PYTHON_JIT", &jit))
		jit = NULL; /* not set, or not to be read: the probe looks at the interpreter itself
			     */
	env = (struct probe_env){
		.pid = pid, .cwd = target_cwd(st.target), .python_jit = jit, .still = still
	};
	r = probes_open(target_mem(st.target), target_sym(st.target), &env, err, &st.in);
	if (!r) {
		r = code_index_new(st.in, &st.index);
		if (r)
			err_set(err, r, "pid %d: out of memory", pid);
	}
	if (r)
		process_state_deinit(&st);
	else
		*ret = st;
	return r;
}

void process_state_deinit(struct process_state *st)
{
	free(st->unwound);
	free(st->threads);
	code_index_free(st->index);
	if (st->in)
		probes_close(st->in);
	target_free(st->target);
	vec_deinit(&st->states);
	vec_deinit(&st->passed);
	memset(st, 0, sizeof(*st));
}

struct process *process_new(struct session *s, pid_t pid, pid_t parent)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p || vec_push(&s->processes, p)) {
		free(p);
		return NULL;
	}
	if (s->processes.n == 1 && s->opt.number)
		p->number = s->opt.number;
	else
		p->number = s->opt.numbers ? ++*s->opt.numbers : s->last_number + 1;
	s->last_number = p->number;
	p->pid = pid;
	p->parent = parent;
	return p;
}

static void process_free(struct process *p)
{
	process_state_deinit(&p->state);
	free(p->other);
	free(p);
}

void processes_deinit(struct session *s)
{
	/* The state of the one that is looked at is the session's. */
	if (s->now)
		s->now->state = s->state;
	for (size_t i = 0; i < s->processes.n; i++)
		process_free(s->processes.data[i]);
	vec_deinit(&s->processes);
	memset(&s->state, 0, sizeof(s->state));
	s->now = NULL;
	procs_free(s->procs);
	s->procs = NULL;
}

struct process *process_find(const struct session *s, pid_t pid)
{
	for (size_t i = 0; i < s->processes.n; i++)
		if (s->processes.data[i]->pid == pid && !s->processes.data[i]->ended)
			return s->processes.data[i];
	return NULL;
}

static bool is_ours(const struct process *p)
{
	return !p->ended && !p->other;
}

const struct process *session_first_living(const struct session *s, size_t *ret_more)
{
	const struct process *first = s->now;
	size_t n = 0;

	for (size_t i = s->processes.n; i-- > 0;) {
		if (!is_ours(s->processes.data[i]))
			continue;
		first = s->processes.data[i];
		n++;
	}
	if (ret_more)
		*ret_more = n ? n - 1 : 0;
	return first;
}

static size_t count_ours(const struct session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->processes.n; i++)
		n += is_ours(s->processes.data[i]);
	return n;
}

bool processes_many(const struct session *s)
{
	return s->follow_fork != FOLLOW_PARENT || count_ours(s) > 1;
}

static int poll_process(struct session *s, int op, const struct process_state *st)
{
	int fd = target_pidfd(st->target);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(s->epoll_fd, op, fd, &ev) ? -errno : 0;
}

static int process_open(struct session *s, struct process *p, struct err *err)
{
	struct process_state st = { 0 };
	int r = process_state_open(p->pid, true, err, &st);

	if (r)
		return r;
	if (!session_is_like(s, st.in))
		r = err_set(err, -EXDEV,
			    "pid %d: another interpreter, or the same one at other addresses",
			    p->pid);
	if (!r)
		r = poll_process(s, EPOLL_CTL_ADD, &st);
	if (r) {
		process_state_deinit(&st);
		return r;
	}
	p->state = st;
	p->opened = true;
	return 0;
}

int process_enter(struct session *s, struct process *p, struct err *err)
{
	int r = p == s->now || p->opened ? 0 : process_open(s, p, err);

	if (r || p == s->now)
		return r;
	s->now->state = s->state;
	s->state = p->state;
	s->now = p;
	if (s->trace)
		trace_process(s->trace, p->pid);
	return 0;
}

struct process *process_visit(struct session *s, pid_t pid)
{
	struct process *was = s->now, *p = process_find(s, pid);

	return !p || p->other || process_enter(s, p, NULL) ? NULL : was;
}

void process_back(struct session *s, struct process *was)
{
	if (was)
		(void)process_enter(s, was, NULL); /* it is open */
}

uint32_t process_inner(const struct session *s)
{
	return s->opt.may_follow ? (uint32_t)pidns_inner(s->now->pid, s->now->pid) : 0;
}

bool process_has_code(struct session *s, const struct bind_place *at)
{
	for (size_t i = 0; i < s->processes.n; i++) {
		struct process *p = s->processes.data[i], *was;
		bool same;

		if (!is_ours(p))
			continue;
		was = process_visit(s, p->pid);
		same = was && bp_is_same_code(s, at);
		process_back(s, was);
		if (same)
			return true;
	}
	return false;
}

/* ---- they come and go ---- */

static int tell(struct session *s, struct session_event ev, const struct process *p)
{
	ev.process = p->pid;
	ev.number = p->number;
	return vec_push(&s->events, ev);
}

/* Nothing of that process waits any more. */
static void forget_hits(struct session *s, pid_t pid)
{
	for (size_t i = 0; i < s->hits.n;) {
		if ((pid_t)s->hits.data[i].hit.tgid == pid)
			s->hits.data[i] = s->hits.data[--s->hits.n];
		else
			i++;
	}
	for (size_t i = 0; i < s->waiting.n;) {
		if ((pid_t)s->waiting.data[i].tgid == pid)
			s->waiting.data[i] = s->waiting.data[--s->waiting.n];
		else
			i++;
	}
}

/* Look at another one than p: the one that is stopped, or the first. */
static int move_away(struct session *s, const struct process *p)
{
	if (s->standing && s->standing != p)
		return process_enter(s, s->standing, NULL);
	for (size_t i = 0; i < s->processes.n; i++) {
		struct process *to = s->processes.data[i];

		if (to != p && is_ours(to) && !process_enter(s, to, NULL))
			return 0;
	}
	return -ESRCH;
}

static void drop(struct session *s, struct process *p)
{
	size_t i;

	if (p->opened)
		(void)poll_process(s, EPOLL_CTL_DEL, &p->state);
	(void)trace_unfollow(s->trace, p->pid);
	p->ended = true;
	if (p == s->processes.data[0])
		return; /* its index has the names of what is bound; the tracers know it */
	for (i = 0; s->processes.data[i] != p; i++)
		;
	s->processes.n--;
	memmove(&s->processes.data[i], &s->processes.data[i + 1],
		(s->processes.n - i) * sizeof(*s->processes.data));
	process_free(p);
}

void process_end(struct session *s, pid_t pid, struct session_event ev)
{
	struct process *p = process_find(s, pid);
	bool opened;

	if (!p)
		return;
	if (p == s->now && (count_ours(s) == 1 || move_away(s, p))) {
		stops_end(s, ev);
		return;
	}
	forget_hits(s, pid);
	if (s->standing == p)
		stops_fallen(s);
	if (s->step.on && s->step.process == pid)
		step_end(s);
	ev.kind = ev.kind == SESSION_EXEC ? SESSION_PROCESS_EXEC : SESSION_PROCESS_ENDED;
	if (!p->other)
		(void)tell(s, ev, p);
	opened = p->opened;
	if (ev.kind == SESSION_PROCESS_EXEC && s->tracees)
		tracees_leave(s->tracees, pid);
	drop(s, p);
	if (opened)
		bps_process_ended(s, pid);
}

/* The session goes with the child: its parent is left alone. */
static void move_to(struct session *s, struct process *child)
{
	struct process *parent = s->now;

	if (process_enter(s, child, NULL))
		return; /* it has ended already */
	forget_hits(s, parent->pid);
	if (s->tracees)
		tracees_leave(s->tracees, parent->pid);
	if (s->standing == parent)
		stops_fallen(s);
	(void)tell(s, (struct session_event){ .kind = SESSION_PROCESS_LEFT }, parent);
	drop(s, parent);
}

static void on_fork(struct session *s, const struct abi_process *rec)
{
	struct process *parent = process_find(s, (pid_t)rec->parent), *p;

	if (!parent || s->follow_fork == FOLLOW_PARENT || process_find(s, (pid_t)rec->pid))
		return;
	p = process_new(s, (pid_t)rec->pid, (pid_t)rec->parent);
	if (!p)
		return;
	if (parent->other) {
		p->other = strdup(parent->other);
		return;
	}
	if (rec->time_ns < parent->since_ns && trace_follow(s->trace, p->pid))
		return;
	p->since_ns = rec->time_ns;
	(void)tell(s, (struct session_event){ .kind = SESSION_PROCESS, .parent = p->parent }, p);
	if (s->follow_fork == FOLLOW_CHILD && parent == s->now)
		move_to(s, p);
}

static void on_process(void *priv, const struct abi_process *rec)
{
	struct session *s = priv;
	const struct process *p = process_find(s, (pid_t)rec->pid);

	if (s->over)
		return;
	if (rec->kind == ABI_PROCESS_FORK)
		on_fork(s, rec);
	/* Of one that we trace its tracer tells, and it stands until then. */
	else if (rec->kind == ABI_PROCESS_EXEC && p && !(s->execs && tracees_are_of(p->pid)))
		process_end(s, p->pid, (struct session_event){ .kind = SESSION_EXEC });
	/* Of one that is open its descriptor tells, when its status is known. */
	else if (rec->kind == ABI_PROCESS_EXIT && p && !p->opened && p != s->now)
		process_end(s, p->pid,
			    (struct session_event){ .kind = SESSION_EXITED, .status = -1 });
}

int processes_pump(struct session *s)
{
	int r = s->procs ? procs_next(s->procs, on_process, s) : 0;
	uint64_t lost = s->procs ? procs_lost(s->procs) : 0;

	if (lost == s->procs_lost)
		return r;
	s->procs_lost = lost;
	for (size_t i = s->processes.n; i-- > 0 && !s->over;) {
		struct process *p = s->processes.data[i];
		char path[32];

		snprintf(path, sizeof(path), "/proc/%d", p->pid);
		if (!p->ended && access(path, F_OK))
			process_end(s, p->pid,
				    (struct session_event){ .kind = SESSION_EXITED, .status = -1 });
	}
	return r;
}

struct process *process_of_hit(struct session *s, const struct abi_hit *hit)
{
	pid_t pid = (pid_t)hit->tgid;
	struct process *p = process_find(s, pid);

	if (!p && s->procs) {
		(void)processes_pump(s); /* its fork may not have been taken yet */
		p = process_find(s, pid);
	}
	return p && !p->other ? p : NULL;
}

/* ---- following ---- */

static int open_procs(struct session *s, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int r = s->procs ? 0 : procs_open(err, &s->procs);

	if (r)
		return r;
	ev.data.fd = procs_fd(s->procs);
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, ev.data.fd, &ev) && errno != EEXIST)
		return err_set(err, -errno, "epoll: %s", strerror(errno));
	for (size_t i = 0; !r && i < s->processes.n; i++)
		if (!s->processes.data[i]->ended)
			r = procs_add(s->procs, s->processes.data[i]->pid);
	return r ? err_set(err, r, "children cannot be followed: %s", strerror(-r)) : 0;
}

int session_follow_forks(struct session *s, enum follow_fork mode, struct err *err)
{
	bool on = mode != FOLLOW_PARENT;
	int r = session_over(s, err);

	if (!r)
		r = session_need_trace(s, err);
	if (r || mode == s->follow_fork)
		return r;
	if (on)
		r = open_procs(s, err);
	if (r)
		return r;
	r = trace_follow_forks(s->trace, on);
	if (r)
		return err_set(err, r,
			       r == -EOPNOTSUPP
				       ? "%s: children can be followed only where watching on "
					 "every CPU is allowed (--scope cpu)"
				       : "%s: children cannot be followed: %s",
			       s->label, strerror(-r));
	s->now->since_ns = clock_ns();
	s->follow_fork = mode;
	if (s->tracees)
		tracees_set_children(s->tracees, processes_many(s));
	return bps_follow(s, err);
}

/* Those in /proc that are not known yet. *ret_new: there were some. */
static int add_kin(struct session *s, pid_t pid, bool *ret_new)
{
	_cleanup_free_ struct kin *kin = NULL;
	size_t n = 0;
	int r = kin_of(pid, &kin, &n);

	*ret_new = false;
	for (size_t i = 0; !r && i < n; i++) {
		if (process_find(s, kin[i].pid))
			continue;
		*ret_new = true;
		r = procs_add(s->procs, kin[i].pid);
		if (!r && !process_new(s, kin[i].pid, kin[i].parent))
			r = -ENOMEM;
	}
	return r;
}

/* Is it one whose code is where ours is? Then it is followed. */
static void look_at(struct session *s, struct process *p)
{
	struct err why = { 0 };
	int r = process_open(s, p, &why);

	if (!r) {
		r = trace_follow(s->trace, p->pid);
		p->since_ns = clock_ns();
		if (r)
			err_set(&why, r, "pid %d: cannot be followed: %s", p->pid,
				r == -EXDEV ? "another pid namespace" : strerror(-r));
	}
	if (r)
		p->other = strdup(why.text);
}

int session_children(struct session *s, struct err *err)
{
	size_t first = s->processes.n;
	bool more = true;
	int r = session_follow_forks(s, FOLLOW_BOTH, err);

	if (r)
		return r;
	/* A process that is looked after forks nothing unseen: the list is complete when it grows
	 * no more. */
	while (!r && more)
		r = add_kin(s, s->now->pid, &more);
	if (r)
		return err_set(err, r, "%s: its children cannot be found: %s", s->label,
			       strerror(-r));
	for (size_t i = first; i < s->processes.n; i++)
		look_at(s, s->processes.data[i]);
	return 0;
}

int processes_seize(struct session *s)
{
	struct err err;

	tracees_set_children(s->tracees, processes_many(s));
	for (size_t i = 0; s->births == BIRTHS_SEIZED && i < s->processes.n; i++) {
		struct process *p = s->processes.data[i], *was;

		/* What cannot be seized is told as lost when it hits. */
		was = is_ours(p) && p != s->now ? process_visit(s, p->pid) : NULL;
		if (was)
			(void)tracees_seize_process(s->tracees, s->target, &err);
		process_back(s, was);
	}
	return 0;
}

/* ---- for the front ends ---- */

static enum process_doing doing(const struct session *s, const struct process *p)
{
	if (p->other)
		return PROCESS_OTHER;
	if (p == s->standing)
		return PROCESS_STOPPED;
	for (size_t i = 0; i < s->waiting.n; i++)
		if ((pid_t)s->waiting.data[i].tgid == p->pid)
			return PROCESS_WAITS;
	return PROCESS_RUNS;
}

int session_processes(struct session *s, struct session_process **ret, size_t *ret_n)
{
	struct session_process *list = calloc(s->processes.n, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < s->processes.n; i++) {
		const struct process *p = s->processes.data[i];
		pid_t inner = pidns_inner(p->pid, p->pid);

		if (p->ended)
			continue;
		list[n++] = (struct session_process){
			.number = p->number,
			.pid = p->pid,
			.parent = p->parent,
			.inner = inner != p->pid ? inner : 0,
			.current = p == s->now,
			.doing = doing(s, p),
			.why = p->other,
			.tid = p == s->standing && p == s->now ? (pid_t)s->stop.tid : 0,
		};
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

int session_process(struct session *s, int number, struct err *err)
{
	for (size_t i = 0; i < s->processes.n; i++) {
		struct process *p = s->processes.data[i];

		if (p->number != number || p->ended)
			continue;
		if (p->other)
			return err_set(err, -EXDEV, "process %d is not followed: %s", number,
				       p->other);
		return process_enter(s, p, err);
	}
	return err_set(err, -ESRCH, "there is no process %d: `processes` lists them", number);
}

bool session_has_processes(const struct session *s)
{
	return s->last_number > 1 || s->follow_fork != FOLLOW_PARENT;
}

int session_number(const struct session *s)
{
	return s->now->number;
}

enum follow_fork session_follows(const struct session *s)
{
	return s->follow_fork;
}
