// SPDX-License-Identifier: BSD-2-Clause
/* Which processes there are, and what came of all of them. */
#include "engine/family.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/abi.h"
#include "engine/family_priv.h"
#include "target/kin.h"
#include "trace/procs.h"

/* A process that begins is looked at this rarely in the end, and for so long. */
#define AGAIN_MAX_NS 1000000000u
#define AGAIN_NS     30000000000u

/* ---- what happens to processes ---- */

static void on_fork(struct family *f, const struct abi_process *rec)
{
	struct member *parent = member_find(f, (pid_t)rec->parent),
		      *m = member_find(f, (pid_t)rec->pid);

	if (m)
		return; /* found in /proc already */
	m = member_new(f, (pid_t)rec->pid);
	if (!m) {
		f->failed = -ENOMEM;
		return;
	}
	/* The kernel follows it if it followed its parent then. */
	for (size_t i = 0; parent && i < f->opt.nspecs; i++)
		if (parent->groups[i] && rec->time_ns > parent->since_ns[i]) {
			m->groups[i] = parent->groups[i];
			m->since_ns[i] = rec->time_ns;
		}
	if (!member_is_complete(f, m))
		member_begins(m);
}

static void on_exec(struct family *f, const struct abi_process *rec)
{
	struct member *m = member_find(f, (pid_t)rec->pid);

	if (!m)
		return;
	session_free(m->reader);
	m->reader = NULL;
	memset(m->groups, 0, f->opt.nspecs * sizeof(struct group *));
	member_begins(m);
}

static void on_end(struct family *f, const struct abi_process *rec)
{
	for (size_t i = 0; i < f->members.n; i++) {
		if (f->members.data[i]->pid != (pid_t)rec->pid)
			continue;
		member_free(f->members.data[i]);
		f->members.data[i] = f->members.data[--f->members.n];
		return;
	}
}

static void on_process(void *priv, const struct abi_process *rec)
{
	struct family *f = priv;

	if (rec->kind == ABI_PROCESS_FORK)
		on_fork(f, rec);
	else if (rec->kind == ABI_PROCESS_EXEC)
		on_exec(f, rec);
	else if (rec->kind == ABI_PROCESS_EXIT)
		on_end(f, rec);
}

/* Those in /proc that are not known yet. *ret_new: there were some. */
static int add_kin(struct family *f, pid_t pid, bool *ret_new)
{
	_cleanup_free_ struct kin *kin = NULL;
	size_t n = 0;
	int r = kin_of(pid, &kin, &n);

	*ret_new = false;
	for (size_t i = 0; !r && i < n; i++) {
		if (member_find(f, kin[i].pid))
			continue;
		*ret_new = true;
		r = procs_add(f->procs, kin[i].pid);
		if (!r && !member_new(f, kin[i].pid))
			r = -ENOMEM;
	}
	return r;
}

/* ---- the family ---- */

static void each_alive(struct family *f)
{
	for (size_t i = 0; i < f->members.n;) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/%d", f->members.data[i]->pid);
		if (!access(path, F_OK)) {
			i++;
			continue;
		}
		member_free(f->members.data[i]);
		f->members.data[i] = f->members.data[--f->members.n];
	}
}

static bool is_counted(const struct family *f, size_t spec)
{
	for (size_t k = 0; k < f->groups.n; k++)
		if (f->groups.data[k]->ids[spec])
			return true;
	return false;
}

static int open_all(struct family *f, pid_t pid, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	bool more = true;
	int r;

	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll < 0)
		return err_set(err, -errno, "epoll: %s", strerror(errno));
	r = procs_open(err, &f->procs);
	if (r)
		return r;
	r = epoll_ctl(f->epoll, EPOLL_CTL_ADD, procs_fd(f->procs), &ev) ? -errno : 0;
	/* A process that is looked after forks nothing unseen: the list is complete when it grows
	 * no more. */
	while (!r && more)
		r = add_kin(f, pid, &more);
	if (r)
		return err_set(err, r,
			       r == -ESRCH ? "pid %d: there is no such process"
					   : "pid %d: its children cannot be found: %s",
			       pid, strerror(-r));
	for (size_t i = 0; !r && i < f->members.n; i++)
		r = member_look(f, f->members.data[i], err);
	for (size_t i = 0; !r && i < f->opt.nspecs; i++)
		if (!is_counted(f, i))
			r = err_set(err, f->why_r ? f->why_r : -ENOENT, "%s",
				    f->why_r ? f->why.text
					     : "none of the processes is one of Python");
	return r;
}

int family_open(pid_t pid, const struct family_options *opt, struct err *err, struct family **ret)
{
	struct family *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_set(err, -ENOMEM, "pid %d: out of memory", pid);
	f->opt = *opt;
	f->epoll = -1;
	r = open_all(f, pid, err);
	if (r) {
		family_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void family_free(struct family *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->groups.n; i++)
		group_free(f->groups.data[i]);
	for (size_t i = 0; i < f->members.n; i++)
		member_free(f->members.data[i]);
	procs_free(f->procs);
	vec_deinit(&f->groups);
	vec_deinit(&f->members);
	cleanup_close(&f->epoll);
	free(f);
}

int family_fd(const struct family *f)
{
	return f->epoll;
}

int family_timeout(struct family *f)
{
	uint64_t now = clock_ns(), next = 0;

	for (size_t i = 0; i < f->members.n; i++) {
		uint64_t at = f->members.data[i]->again_ns;

		if (at && (!next || at < next))
			next = at;
	}
	return !next ? -1 : next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static int take_session(struct group *g, struct err *err, uint64_t *lost)
{
	struct session_event ev;
	int r;

	do {
		memset(&ev, 0, sizeof(ev));
		r = session_next_event(g->s, 0, &ev);
		if (r < 0)
			return err_set(err, r, "the events of its processes cannot be read: %s",
				       strerror(-r));
		if (ev.kind == SESSION_LOST)
			*lost += ev.lost;
	} while (ev.kind != SESSION_NONE);
	return 0;
}

/* Records of processes were lost: /proc tells, though not what was forked from what. */
static int find_lost(struct family *f)
{
	uint64_t lost = procs_lost(f->procs);
	bool more;
	int r = 0;

	if (lost == f->lost_seen)
		return 0;
	f->lost_seen = lost;
	each_alive(f);
	for (size_t i = 0, n = f->members.n; !r && i < n; i++)
		r = add_kin(f, f->members.data[i]->pid, &more);
	return r == -ESRCH ? 0 : r;
}

static int look_again(struct family *f, struct err *err)
{
	uint64_t now = clock_ns();
	int r = 0;

	for (size_t i = 0; !r && i < f->members.n; i++) {
		struct member *m = f->members.data[i];

		if (!m->again_ns || m->again_ns > now)
			continue;
		m->wait_ns = m->wait_ns * 2 < AGAIN_MAX_NS ? m->wait_ns * 2 : AGAIN_MAX_NS;
		m->again_ns = now < m->began_ns + AGAIN_NS ? now + m->wait_ns : 0;
		r = member_look(f, m, err);
	}
	return r;
}

int family_take(struct family *f, struct err *err, uint64_t *ret_lost)
{
	uint64_t lost = 0;
	int r = procs_next(f->procs, on_process, f);

	if (!r)
		r = f->failed;
	if (!r)
		r = find_lost(f);
	if (r)
		return err_set(err, r, "the processes cannot be followed: %s", strerror(-r));
	for (size_t i = 0; !r && i < f->groups.n; i++)
		r = take_session(f->groups.data[i], err, &lost);
	if (!r)
		r = look_again(f, err);
	*ret_lost = lost;
	return r;
}

bool family_is_over(const struct family *f)
{
	return !f->members.n;
}

void family_disarm(struct family *f)
{
	for (size_t i = 0; i < f->groups.n; i++) {
		if (f->opt.work)
			f->opt.work->end(f->groups.data[i]->s);
		else
			session_disarm(f->groups.data[i]->s);
	}
}

const struct bp *family_bp(struct family *f, size_t spec, size_t i)
{
	for (size_t k = 0; k < f->groups.n; k++) {
		struct group *g = f->groups.data[k];

		if (g->ids[spec] && !i--)
			return session_bp(g->s, g->ids[spec]);
	}
	return NULL;
}

struct sums {
	VEC(struct family_hits) all;
};

static int add_hits(void *priv, pid_t pid, uint64_t hits)
{
	struct sums *s = priv;

	for (size_t i = 0; i < s->all.n; i++)
		if (s->all.data[i].pid == pid) {
			s->all.data[i].hits += hits;
			return 0;
		}
	return vec_push(&s->all, (struct family_hits){ pid, hits });
}

static int by_pid(const void *a, const void *b)
{
	const struct family_hits *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int family_hits(struct family *f, size_t spec, struct family_hits **ret, size_t *ret_n,
		uint64_t *ret_all)
{
	struct sums sums = { 0 };
	uint64_t all = 0;
	int r = 0;

	for (size_t k = 0; !r && k < f->groups.n; k++) {
		struct group *g = f->groups.data[k];

		if (!g->ids[spec])
			continue;
		all += session_bp(g->s, g->ids[spec])->hits;
		r = session_process_hits(g->s, g->ids[spec], add_hits, &sums);
	}
	/* Those that live and were not there yet count, too. */
	for (size_t i = 0; !r && i < f->members.n; i++)
		if (f->members.data[i]->groups[spec])
			r = add_hits(&sums, f->members.data[i]->pid, 0);
	if (r) {
		vec_deinit(&sums.all);
		return r;
	}
	if (sums.all.n)
		qsort(sums.all.data, sums.all.n, sizeof(*sums.all.data), by_pid);
	*ret = sums.all.data;
	*ret_n = sums.all.n;
	*ret_all = all;
	return 0;
}

size_t family_size(const struct family *f)
{
	return f->members.n;
}
