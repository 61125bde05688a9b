// SPDX-License-Identifier: BSD-2-Clause
/* What is counted instead of breakpoints, of all processes together. */
#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "engine/family_priv.h"
#include "target/target.h"

struct session *family_session(struct family *f, size_t i)
{
	return i < f->groups.n ? f->groups.data[i]->s : NULL;
}

/* ---- calls ---- */

static struct session *reader(void *priv, pid_t pid)
{
	return member_reader(priv, pid);
}

int family_calls(struct family *f, struct session_call **ret, size_t *ret_n)
{
	VEC(struct session_call) all = { 0 };
	int r = 0;

	for (size_t k = 0; !r && k < f->groups.n; k++) {
		struct session_call *calls = NULL;
		size_t n = 0;

		r = session_calls(f->groups.data[k]->s, reader, f, &calls, &n);
		for (size_t i = 0; !r && i < n; i++)
			r = vec_push(&all, calls[i]);
		free(calls);
	}
	if (r) {
		vec_deinit(&all);
		return r;
	}
	*ret_n = session_calls_merge(all.data, all.n);
	*ret = all.data;
	return 0;
}

/* ---- latency ---- */

static void add_latency(struct latency *to, const struct latency *l)
{
	if (l->count && (!to->count || l->min_ns < to->min_ns))
		to->min_ns = l->min_ns;
	if (l->max_ns > to->max_ns)
		to->max_ns = l->max_ns;
	to->count += l->count;
	to->returned += l->returned;
	to->raised += l->raised;
	to->total_ns += l->total_ns;
	to->mean_ns = to->count ? to->total_ns / to->count : 0;
	to->running += l->running;
	to->inflight += l->inflight;
	to->full += l->full;
	to->unseen += l->unseen;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		to->buckets[i].le_ns = l->buckets[i].le_ns;
		to->buckets[i].count += l->buckets[i].count;
	}
}

struct processes {
	VEC(struct latency_process) all;
};

static int add_process(void *priv, const struct latency_process *p)
{
	struct processes *ps = priv;

	for (size_t i = 0; i < ps->all.n; i++) {
		struct latency_process *to = &ps->all.data[i];

		if (to->pid != p->pid)
			continue;
		if (p->min_ns < to->min_ns)
			to->min_ns = p->min_ns;
		if (p->max_ns > to->max_ns)
			to->max_ns = p->max_ns;
		to->count += p->count;
		to->total_ns += p->total_ns;
		return 0;
	}
	return vec_push(&ps->all, *p);
}

static int by_pid(const void *a, const void *b)
{
	const struct latency_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int family_latency(struct family *f, struct latency *ret, struct latency_process **ret_each,
		   size_t *ret_n)
{
	struct processes ps = { 0 };
	int r = 0;

	*ret = (struct latency){ 0 };
	for (size_t k = 0; !r && k < f->groups.n; k++) {
		struct latency *l = malloc(sizeof(*l));

		r = l ? session_latency(f->groups.data[k]->s, l) : -ENOMEM;
		if (!r)
			add_latency(ret, l);
		free(l);
		if (!r)
			r = session_latency_processes(f->groups.data[k]->s, add_process, &ps);
	}
	if (r) {
		vec_deinit(&ps.all);
		return r;
	}
	if (ps.all.n)
		qsort(ps.all.data, ps.all.n, sizeof(*ps.all.data), by_pid);
	*ret_each = ps.all.data;
	*ret_n = ps.all.n;
	return 0;
}
