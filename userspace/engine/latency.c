// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long the calls of a function take. The kernel notes when one begins and ends and keeps a
 * histogram; user space only says which instructions these are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "engine/index.h"
#include "engine/location.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "trace/trace.h"

_Static_assert(LATENCY_BUCKETS == ABI_TIMED_BUCKETS, "session.h");

#define SITES_ENDS (1u << ABI_SITE_TRACEBACK | 1u << ABI_SITE_RERAISE | 1u << ABI_SITE_RAISE)
#define SITES_ALL \
	(SITES_ENDS | 1u << ABI_SITE_RETURN | 1u << ABI_SITE_RESUME | 1u << ABI_SITE_EVAL_ENTRY)

/* One code object of the function. */
struct timed_code {
	uint64_t code, bytecode;
	struct interp_exits exits;
};

struct timed {
	struct latency_function f;
	VEC(struct timed_code) codes;
};

void latency_deinit(struct session *s)
{
	for (size_t i = 0; s->timed && i < s->timed->codes.n; i++)
		free(s->timed->codes.data[i].exits.returns);
	if (s->timed)
		vec_deinit(&s->timed->codes);
	free(s->timed);
	s->timed = NULL;
	free(s->timed_last);
	s->timed_last = NULL;
}

static int add_code(struct session *s, const struct bind_place *p, struct timed *ret)
{
	struct timed_code c = { .code = p->code, .bytecode = p->bytecode };
	int r;

	for (size_t i = 0; i < ret->codes.n; i++)
		if (ret->codes.data[i].code == p->code)
			return 0;
	r = s->in->ops->exits(s->in, p->code, &c.exits);
	if (r)
		return r;
	r = vec_push(&ret->codes, c);
	if (r)
		free(c.exits.returns);
	return r;
}

/* Every code object of that name. */
static int find(struct session *s, const char *name, struct err *err, struct timed *ret)
{
	struct location loc = { 0 };
	struct binding b = { 0 };
	int r = location_parse(name, err, &loc);

	if (!r && loc.kind != LOCATION_FUNCTION)
		r = err_set(err, -EINVAL, "'%s' is a line: latency is of a function", name);
	if (!r)
		r = bps_index(s, true, err);
	if (!r)
		r = bind_location(s->index, s->in, &loc, name, NULL, s->label, err, &b);
	location_deinit(&loc);
	if (r)
		return r;
	for (size_t i = 0; !r && i < b.n; i++)
		r = add_code(s, &b.places[i], ret);
	if (r == -E2BIG || (!r && ret->codes.n > TRACE_TIMED_CODES))
		r = err_set(err, -E2BIG, "%s: %s is too large, or there are too many of it",
			    s->label, b.function);
	else if (r)
		err_set(err, r, "%s: the code of %s cannot be read: %s", s->label, b.function,
			strerror(-r));
	ret->f.file = b.file;
	ret->f.function = b.function;
	ret->f.line = b.line;
	ret->f.copies = (unsigned)ret->codes.n;
	for (size_t i = 0; i < ret->codes.n; i++)
		ret->f.generator |= ret->codes.data[i].exits.generator;
	binding_deinit(&b);
	return r;
}

int session_latency_find(struct session *s, const char *function, struct err *err)
{
	int r = session_over(s, err);

	if (r)
		return r;
	latency_deinit(s);
	s->timed = calloc(1, sizeof(*s->timed));
	if (!s->timed)
		return err_set(err, -ENOMEM, "out of memory");
	r = find(s, function, err, s->timed);
	if (r)
		latency_deinit(s);
	return r;
}

bool session_latency_is_same(const struct session *a, const struct session *b)
{
	const struct timed *x = a->timed, *y = b->timed;

	if (x->codes.n != y->codes.n)
		return false;
	for (size_t i = 0; i < x->codes.n; i++)
		if (x->codes.data[i].code != y->codes.data[i].code ||
		    x->codes.data[i].bytecode != y->codes.data[i].bytecode ||
		    memcmp(&x->codes.data[i].exits.timed, &y->codes.data[i].exits.timed,
			   sizeof(x->codes.data[i].exits.timed)) != 0)
			return false;
	return true;
}

static unsigned slots_needed(const struct timed *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->codes.n; i++)
		n += 1 + (unsigned)t->codes.data[i].exits.nreturns;
	return n;
}

static int choose(struct session *s, struct timed *t, enum latency_engine wanted, struct err *err)
{
	struct latency_function *f = &t->f;
	unsigned needed = slots_needed(t), used = 0, nfree = 0;
	int r = session_slots(s, err, &used, &nfree);

	if (r)
		return r;
	f->engine = wanted;
	if (wanted == LATENCY_AUTO)
		f->engine = needed <= nfree ? LATENCY_WATCH : LATENCY_UPROBE;
	if (f->engine == LATENCY_WATCH && needed > nfree)
		return err_set(err, -ENOSPC,
			       "%s: %u watch slots are needed (its entry and its returns) and %u "
			       "of %d free: --engine uprobe needs none",
			       s->label, needed, nfree, TRACE_SLOTS);
	f->slots = f->engine == LATENCY_WATCH ? needed : 0;
	return 0;
}

/* What ends a call is armed before what begins one. */
static int by_end(const void *a, const void *b)
{
	const struct trace_site *x = a, *y = b;
	bool bx = x->site.kind == ABI_SITE_RESUME || x->site.kind == ABI_SITE_EVAL_ENTRY;
	bool by = y->site.kind == ABI_SITE_RESUME || y->site.kind == ABI_SITE_EVAL_ENTRY;

	return (int)bx - (int)by;
}

static int probes_on(struct session *s, unsigned kinds, struct err *err)
{
	_cleanup_free_ struct trace_site *sites = NULL;
	size_t n;
	int r;

	/* from 3.11 on a frame begins at its RESUME */
	if (s->in->ops->info(s->in)->minor >= 11)
		kinds &= ~(1u << ABI_SITE_EVAL_ENTRY);
	r = session_sites(s, kinds, err, &sites, &n);
	if (r)
		return r;
	qsort(sites, n, sizeof(*sites), by_end);
	return trace_program_on(s->trace, TRACE_PROGRAM_TIMED, sites, n, err);
}

static int watch(struct session *s, const struct timed_code *c, uint32_t offset, uint32_t action,
		 struct err *err)
{
	struct abi_place place = {
		.action = action,
		.offset = (int32_t)offset,
		.group = c->exits.timed.flags,
	};
	uint64_t addr = c->bytecode + offset + 1;
	int r = trace_place_set(s->trace, addr, c->code, &place);

	if (r)
		return err_set(err, r, "%s: cannot add a place to the kernel's map: %s", s->label,
			       strerror(-r));
	r = trace_watch(s->trace, addr, err);
	if (!r && vec_push(&s->timed_addrs, addr))
		r = err_set(err, -ENOMEM, "out of memory");
	return r;
}

static int watches_on(struct session *s, const struct timed_code *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->exits.nreturns; i++)
		r = watch(s, c, c->exits.returns[i], ABI_ACT_LEAVE, err);
	return r ? r : watch(s, c, c->exits.entry, ABI_ACT_ENTER, err);
}

int session_latency_begin(struct session *s, enum latency_engine engine, struct err *err)
{
	uint64_t sums[ABI_TIMED_SUMS], buckets[ABI_TIMED_BUCKETS];
	struct timed *t = s->timed;
	int r = session_over(s, err);

	if (!r)
		r = choose(s, t, engine, err);
	for (size_t i = 0; !r && i < t->codes.n; i++) {
		const struct timed_code *c = &t->codes.data[i];

		r = trace_timed_code(s->trace, c->code, &c->exits.timed);
		if (r)
			err_set(err, r, "%s: cannot tell the kernel of a function: %s", s->label,
				strerror(-r));
	}
	if (!r)
		r = probes_on(s, t->f.engine == LATENCY_WATCH ? SITES_ENDS : SITES_ALL, err);
	for (size_t i = 0; !r && t->f.engine == LATENCY_WATCH && i < t->codes.n; i++)
		r = watches_on(s, &t->codes.data[i], err);
	if (r) {
		session_latency_end(s);
		return r;
	}
	/* Ends were seen while beginnings were not yet: those calls are nobody's. */
	if (!trace_timed_read(s->trace, sums, buckets))
		s->timed_before = sums[ABI_TIMED_INFLIGHT];
	return 0;
}

const struct latency_function *session_latency_function(const struct session *s)
{
	return s->timed ? &s->timed->f : NULL;
}

void session_latency_end(struct session *s)
{
	uint64_t sums[ABI_TIMED_SUMS], buckets[ABI_TIMED_BUCKETS];

	/* While it is disarmed ends are seen whose beginnings no longer are. */
	if (s->trace && s->opt.timed && !s->timed_over &&
	    !trace_timed_read(s->trace, sums, buckets)) {
		s->timed_inflight = sums[ABI_TIMED_INFLIGHT];
		s->timed_over = true;
	}
	/* what begins a call goes before what ends it */
	for (size_t i = s->timed_addrs.n; s->trace && i-- > 0;)
		(void)trace_unwatch(s->trace, s->timed_addrs.data[i]);
	if (s->trace)
		trace_program_off(s->trace, TRACE_PROGRAM_TIMED);
	vec_deinit(&s->timed_addrs);
}

/* The largest duration of a bucket. */
static uint64_t bucket_le(unsigned i)
{
	unsigned e = (i >> 3) + 2;

	if (i < 8)
		return i;
	return ((8ull + (i & 7) + 1) << (e - 3)) - 1;
}

int session_latency(struct session *s, struct latency *ret)
{
	uint64_t sums[ABI_TIMED_SUMS], buckets[ABI_TIMED_BUCKETS];
	struct latency l = { 0 };
	int r;

	if (s->timed_last) {
		*ret = *s->timed_last;
		return 0;
	}
	r = s->trace ? trace_timed_read(s->trace, sums, buckets) : -ESRCH;
	if (r)
		return r;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		l.buckets[i].le_ns = bucket_le(i);
		l.buckets[i].count = buckets[i];
	}
	l.returned = sums[ABI_TIMED_RETURNED];
	l.raised = sums[ABI_TIMED_RAISED];
	l.count = l.returned + l.raised;
	l.total_ns = sums[ABI_TIMED_NS];
	if (l.count) {
		l.min_ns = ~sums[ABI_TIMED_NOT_MIN];
		l.mean_ns = sums[ABI_TIMED_NS] / l.count;
		l.max_ns = sums[ABI_TIMED_MAX];
	}
	l.unseen = sums[ABI_TIMED_REPLACED];
	l.running = sums[ABI_TIMED_ENTERED] - l.count - l.unseen;
	l.inflight =
		(s->timed_over ? s->timed_inflight : sums[ABI_TIMED_INFLIGHT]) - s->timed_before;
	l.full = sums[ABI_TIMED_FULL];
	*ret = l;
	return 0;
}

void latency_keep(struct session *s)
{
	/* With children nothing ends with the process. */
	struct latency *l = s->opt.timed && !s->opt.children ? calloc(1, sizeof(*l)) : NULL;

	if (l && !session_latency(s, l))
		s->timed_last = l;
	else
		free(l);
}

struct by_process {
	int (*fn)(void *priv, const struct latency_process *p);
	void *priv;
};

static int show_process(void *priv, const struct abi_timed_process *t)
{
	const struct by_process *b = priv;
	const struct latency_process p = {
		.pid = (pid_t)t->ours,
		.count = t->ended,
		.total_ns = t->ns,
		.min_ns = ~t->not_min,
		.max_ns = t->max,
	};

	return b->fn(b->priv, &p);
}

int session_latency_processes(struct session *s,
			      int (*fn)(void *priv, const struct latency_process *p), void *priv)
{
	struct by_process b = { fn, priv };

	return s->trace ? trace_timed_processes(s->trace, show_process, &b) : 0;
}

uint64_t latency_percentile(const struct latency *l, double part)
{
	uint64_t seen = 0, total = 0, below = 0, at;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		total += l->buckets[i].count;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->buckets[i].count;
		if (seen && (double)seen >= part * (double)total) {
			at = below + (l->buckets[i].le_ns - below) / 2;
			return at < l->min_ns ? l->min_ns : at > l->max_ns ? l->max_ns : at;
		}
		below = l->buckets[i].le_ns;
	}
	return 0;
}
