// SPDX-License-Identifier: BSD-2-Clause
/* In which processes what is bound, and which kernel side counts it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/abi.h"
#include "engine/family_priv.h"
#include "target/target.h"

/* A process that begins has not loaded its modules yet: it is looked at again and again, more and
 * more rarely. */
#define AGAIN_FIRST_NS 50000000u
#define NO_PYTHON_NS                                                                              \
	3000000000u /* so long it may take until a program that was executed is seen to be Python \
		     */

/* ---- members ---- */

void member_free(struct member *m)
{
	session_free(m->reader);
	free(m->groups);
	free(m->since_ns);
	free(m);
}

struct member *member_find(struct family *f, pid_t pid)
{
	for (size_t i = 0; i < f->members.n; i++)
		if (f->members.data[i]->pid == pid)
			return f->members.data[i];
	return NULL;
}

struct member *member_new(struct family *f, pid_t pid)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->pid = pid;
	m->groups = calloc(f->opt.nspecs, sizeof(struct group *));
	m->since_ns = calloc(f->opt.nspecs, sizeof(*m->since_ns));
	if (!m->groups || !m->since_ns || vec_push(&f->members, m)) {
		member_free(m);
		return NULL;
	}
	return m;
}

void member_begins(struct member *m)
{
	m->fresh = true;
	m->began_ns = clock_ns();
	m->wait_ns = AGAIN_FIRST_NS;
	m->again_ns = m->began_ns + m->wait_ns;
}

bool member_is_complete(const struct family *f, const struct member *m)
{
	for (size_t i = 0; i < f->opt.nspecs; i++)
		if (!m->groups[i])
			return false;
	return true;
}

/* ---- groups ---- */

struct session *member_reader(struct family *f, pid_t pid)
{
	static const struct session_options plain;
	struct member *m = member_find(f, pid);

	if (m && !m->reader && session_attach(pid, &plain, NULL, &m->reader))
		m->reader = NULL;
	return m ? m->reader : NULL;
}

static void on_captured(void *priv, int bp, const struct abi_captured *rec, size_t size)
{
	struct group *g = priv;
	struct family *f = g->family;
	pid_t pid = (pid_t)rec->hit.tgid;
	struct session *reader = NULL;

	(void)bp;
	if (pid != target_pid(session_target(g->s)))
		reader = member_reader(f, pid);
	/* Where it has ended, what it was forked from has most of what a record refers to. */
	f->opt.captured(f->opt.priv, g->s, reader ? reader : g->s, pid, rec, size);
}

static int on_progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct group *g = priv;

	return g->family->opt.session.progress(g->family->opt.priv, what, done, total);
}

void group_free(struct group *g)
{
	if (!g)
		return;
	session_free(g->s);
	free(g->ids);
	free(g);
}

DEFINE_CLEANUP(struct group *, group_free)

/* A session on that process, which nothing is bound in. */
static int group_new(struct family *f, pid_t pid, struct err *err, struct group **ret)
{
	_cleanup_(cleanup_group_free) struct group *g = calloc(1, sizeof(*g));
	struct session_options so = f->opt.session;
	int r;

	if (!g)
		return -ENOMEM;
	g->family = f;
	g->ids = calloc(f->opt.nspecs, sizeof(*g->ids));
	if (!g->ids)
		return -ENOMEM;
	so.children = true;
	so.captured = f->opt.captured ? on_captured : NULL;
	so.progress = so.progress ? on_progress : NULL;
	so.priv = g;
	r = session_attach(pid, &so, err, &g->s);
	if (!r && f->opt.prepare)
		r = f->opt.prepare(f->opt.priv, g->s, err);
	if (r)
		return r;
	*ret = take_ptr(g);
	return 0;
}

/* Is the breakpoint of a and that of b on the same addresses? */
static bool same_places(const struct bp *a, const struct bp *b)
{
	if (a->nplaces != b->nplaces || a->slots != b->slots || strcmp(a->file, b->file) ||
	    a->line != b->line)
		return false;
	for (size_t i = 0; i < a->nplaces; i++)
		if (a->places[i].address != b->places[i].address ||
		    a->places[i].code != b->places[i].code)
			return false;
	return true;
}

/* Has g, all of which is counted in a process that it follows, nothing that t has not at the same
 * addresses? */
static bool may_join(struct family *f, struct group *g, struct group *t)
{
	if (!session_is_twin(g->s, t->s))
		return false;
	if (f->opt.work)
		return f->opt.work->is_same(g->s, t->s);
	for (size_t i = 0; i < f->opt.nspecs; i++)
		if (g->ids[i] && (!t->ids[i] || !same_places(session_bp(g->s, g->ids[i]),
							     session_bp(t->s, t->ids[i]))))
			return false;
	return true;
}

/* t: m's own session, which may be that of g. */
static void count_in(struct family *f, struct member *m, struct group *g, struct group *t)
{
	for (size_t i = 0; i < f->opt.nspecs; i++) {
		if (!g->ids[i])
			continue;
		m->groups[i] = g;
		m->since_ns[i] = clock_ns();
		if (m->fresh && f->opt.work)
			f->opt.work->begun(f->opt.priv, m->pid, t->s);
		else if (m->fresh && f->opt.bound)
			f->opt.bound(f->opt.priv, m->pid, session_bp(g->s, g->ids[i]));
	}
}

static void join_groups(struct family *f, struct member *m, struct group *t)
{
	for (size_t k = 0; k < f->groups.n; k++) {
		struct group *g = f->groups.data[k];

		if (!may_join(f, g, t) || session_follow(g->s, m->pid, NULL))
			continue;
		count_in(f, m, g, t);
		for (size_t i = 0; i < f->opt.nspecs; i++)
			t->ids[i] = g->ids[i] ? 0 : t->ids[i];
	}
}

static int watch_session(struct family *f, struct group *g)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (vec_push(&f->groups, g)) {
		group_free(g);
		return -ENOMEM;
	}
	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, session_fd(g->s), &ev) ? -errno : 0;
}

static void say(struct family *f, const char *text)
{
	if (f->opt.note)
		f->opt.note(f->opt.priv, text);
}

/*
 * What of t is in no group that is there already is armed in t. *ret_armed: something was. What
 * finds no slot is told of once. 0, or negative errno with its line in f->why: nothing can be armed
 * at all.
 */
static int arm_rest(struct family *f, struct member *m, struct group *t, bool *ret_armed)
{
	bool limited = !f->opt.max_records && !f->opt.max_bytes;

	*ret_armed = false;
	for (size_t i = 0; i < f->opt.nspecs; i++) {
		struct err err = { 0 };
		int r;

		if (!t->ids[i])
			continue;
		r = limited ? 0 : session_limits(t->s, f->opt.max_records, f->opt.max_bytes, &err);
		limited = true;
		if (!r)
			r = f->opt.work ? f->opt.work->begin(f->opt.priv, t->s, &err)
					: session_bp_enable(t->s, t->ids[i], true, &err);
		if (!r) {
			*ret_armed = true;
			continue;
		}
		t->ids[i] = 0;
		m->again_ns = 0;
		f->why_r = r;
		f->why = err;
		if (r == -ENOMEM || r == -EPERM || r == -EOPNOTSUPP)
			return r;
		say(f, err.text);
	}
	return 0;
}

static int bind_one(struct family *f, struct group *t, size_t i, struct err *err)
{
	struct bp_spec spec;

	if (f->opt.work) {
		t->ids[i] = 1;
		return f->opt.work->find(f->opt.priv, t->s, err);
	}
	spec = f->opt.specs[i];
	spec.disabled = true;
	return session_break(t->s, &spec, err, &t->ids[i]);
}

/* Bind in t what is not counted in m yet. *ret_bound: something of it. */
static int bind_missing(struct family *f, struct member *m, struct group *t, bool *ret_bound)
{
	*ret_bound = false;
	for (size_t i = 0; i < f->opt.nspecs; i++) {
		struct err err = { 0 };
		int r;

		if (m->groups[i])
			continue;
		r = bind_one(f, t, i, &err);
		if (!r) {
			*ret_bound = true;
			continue;
		}
		t->ids[i] = 0;
		if (r == -ECANCELED || r == -ENOMEM)
			return r;
		if (!f->why_r) {
			f->why_r = r;
			f->why = err;
		}
	}
	return 0;
}

/*
 * A session on it, with what is not counted in m yet bound and disarmed: 1. 0: nothing of that is
 * loaded, or it cannot be looked at. Negative errno with a line.
 */
static int look(struct family *f, struct member *m, struct err *err, struct group **ret)
{
	_cleanup_(cleanup_group_free) struct group *t = NULL;
	struct err why = { 0 };
	bool some;
	int r;

	r = group_new(f, m->pid, &why, &t);
	if (r == -ENOENT && clock_ns() > m->began_ns + NO_PYTHON_NS)
		m->again_ns = 0; /* no Python */
	if (r == -ENOTSUP || r == -EPERM || r == -EBUSY) {
		m->again_ns = 0; /* it will not change */
		say(f, why.text);
	}
	if (r && !f->why_r && r != -ENOENT) {
		f->why_r = r;
		f->why = why;
	}
	if (r)
		return r == -ENOMEM ? err_set(err, r, "pid %d: out of memory", m->pid) : 0;
	r = bind_missing(f, m, t, &some);
	if (r)
		return err_set(err, r, "pid %d: %s", m->pid,
			       r == -ECANCELED ? "interrupted" : strerror(-r));
	if (some)
		*ret = take_ptr(t);
	return some;
}

int member_look(struct family *f, struct member *m, struct err *err)
{
	_cleanup_(cleanup_group_free) struct group *t = NULL;
	bool some;
	int r;

	r = look(f, m, err, &t);
	/*
	 * Its memory was searched while it ran. Of a file that was being compiled a function may be
	 * missing, and its line then be taken for the next one of what is around it. That comes
	 * last: once it is there, all is.
	 */
	if (r > 0 && m->fresh) {
		group_free(t);
		t = NULL;
		r = look(f, m, err, &t);
	}
	if (r <= 0)
		return r;
	join_groups(f, m, t);
	r = arm_rest(f, m, t, &some);
	if (r)
		return err_set(err, r, "%s", f->why.text);
	if (some) {
		count_in(f, m, t, t);
		r = watch_session(f, take_ptr(t));
	}
	if (member_is_complete(f, m))
		m->again_ns = 0;
	return r ? err_set(err, r, "pid %d: %s", m->pid, strerror(-r)) : 0;
}
