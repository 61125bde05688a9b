// SPDX-License-Identifier: BSD-2-Clause
/* The kernel side as a whole: it comes, goes, and hands over records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/cpus.h"
#include "trace/handlers.h"
#include "trace/hold.h"
#include "trace/pidns.h"
#include "trace/programs.h"
#include "trace/trace_priv.h"
#include "watch.skel.h"

_Static_assert(ABI_STAT_MAX == 10, "trace_stats() in trace.h");

#define CAPTURES_AT_ONCE 512

static size_t counters_size(void)
{
	return ABI_PLACES_MAX * sizeof(uint64_t);
}

static size_t units_size(void)
{
	return ABI_STEP_UNITS_MAX * sizeof(struct abi_step_unit);
}

static size_t states_size(void)
{
	return ABI_RULES_MAX * sizeof(struct abi_rule_state);
}

/* The memory of an array that the kernel counts in; NULL with errno. */
static void *map_counts(struct bpf_map *map, size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* A number of the target's pid namespace becomes one of ours. */
static void localize(const struct trace *tr, struct abi_hit *hit)
{
	struct pidns ns = tr->ns;
	pid_t pid = hit->tgid == (uint32_t)ns.pid ? tr->pid
		    : ns.same			  ? (pid_t)hit->tgid
						  : followed_ours(tr->skel, hit->tgid);

	ns.ours = pid;
	hit->tid = (uint32_t)pidns_to_ours(&ns, (pid_t)hit->tid);
	hit->tgid = (uint32_t)pid;
}

static void on_captured(const struct trace *tr, void *data, size_t size)
{
	struct abi_captured *rec;

	if (size < sizeof(*rec) || !tr->sink->captured)
		return;
	rec = malloc(size); /* the ring is read-only */
	if (!rec)
		return;
	memcpy(rec, data, size);
	localize(tr, &rec->hit);
	tr->sink->captured(tr->sink->priv, rec, size);
	free(rec);
}

static int on_record(void *ctx, void *data, size_t size)
{
	const struct abi_header *h = data;
	struct trace *tr = ctx;
	struct abi_hit hit;

	/* An unknown kind or length is not of our programs: skip it. */
	if (size < sizeof(*h) || h->size > size)
		return 0;
	if (h->kind == ABI_REC_CAPTURE) {
		on_captured(tr, data, h->size);
		/* A target that makes them faster than we take them shall not keep us here. */
		return ++tr->captures == CAPTURES_AT_ONCE ? -EAGAIN : 0;
	}
	tr->execed |= h->kind == ABI_REC_EXEC;
	if ((h->kind != ABI_REC_HIT && h->kind != ABI_REC_STEP && h->kind != ABI_REC_DATA &&
	     h->kind != ABI_REC_MODULE) ||
	    h->size != sizeof(hit))
		return 0;
	memcpy(&hit, data, sizeof(hit));
	localize(tr, &hit);
	tr->sink->hit(tr->sink->priv, &hit);
	return 0;
}

/* One descriptor for all that trace_consume() looks after. */
static int wire(struct trace *tr)
{
	struct epoll_event ev = { .events = EPOLLIN };

	tr->rb = ring_buffer__new(bpf_map__fd(tr->skel->maps.records), on_record, tr, NULL);
	if (!tr->rb)
		return -errno;
	tr->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (tr->epoll < 0 ||
	    epoll_ctl(tr->epoll, EPOLL_CTL_ADD, ring_buffer__epoll_fd(tr->rb), &ev))
		return -errno;
	if (tr->scope != TRACE_SCOPE_CPU)
		return 0;
	tr->uevents = cpus_listen();
	if (tr->uevents < 0)
		return tr->uevents;
	return epoll_ctl(tr->epoll, EPOLL_CTL_ADD, tr->uevents, &ev) ? -errno : 0;
}

static int prepare_programs(struct trace *tr, const struct trace_options *opt)
{
	struct abi_py py = *opt->py;
	struct programs_env env = {
		.pid = tr->pid,
		.py = &py,
		.layout = opt->layout,
		.obj = opt->obj,
		.ns_dev = tr->ns.dev,
		.ns_ino = tr->ns.ino,
		.stop_signal = (uint32_t)opt->stop_signal,
		.hold = opt->hold,
		.children = opt->children,
		.maps = tr->skel->obj,
	};

	return programs_new(&env, &tr->programs);
}

/* What it forks comes first: nothing is forked unseen in between. */
static int follow(struct trace *tr, bool children)
{
	int r = children ? followed_begin(&tr->followed, tr->skel) : 0;

	return r ? r : followed_add(tr->skel, &tr->ns);
}

int trace_follow(struct trace *tr, pid_t pid)
{
	struct pidns ns;
	int r = pidns_of(pid, &ns);

	if (r)
		return r;
	if (ns.dev != tr->ns.dev || ns.ino != tr->ns.ino)
		return -EXDEV;
	return followed_add(tr->skel, &ns);
}

int trace_unfollow(struct trace *tr, pid_t pid)
{
	struct pidns ns;
	int r = pidns_of(pid, &ns);

	/* One that has ended has no number there any more. */
	return followed_remove(tr->skel, r || ns.same ? pid : ns.pid, pid);
}

int trace_follow_forks(struct trace *tr, bool on)
{
	int r = 0;

	if (tr->scope != TRACE_SCOPE_CPU)
		return -EOPNOTSUPP;
	if (on)
		r = followed_begin(&tr->followed, tr->skel);
	else
		followed_end(&tr->followed);
	if (!r)
		programs_wide(tr->programs, on);
	return r;
}

void trace_process(struct trace *tr, pid_t pid)
{
	programs_process(tr->programs, pid);
}

int trace_process_hits(struct trace *tr, uint32_t state,
		       int (*fn)(void *priv, pid_t pid, uint64_t hits), void *priv)
{
	return followed_hits(tr->skel, state, fn, priv);
}

DEFINE_CLEANUP(struct trace *, trace_free)

int trace_open(const struct trace_options *opt, struct err *err, struct trace **ret)
{
	_cleanup_(cleanup_trace_free) struct trace *tr = calloc(1, sizeof(*tr));
	int r;

	if (!tr)
		return err_set(err, -ENOMEM, "pid %d: out of memory", opt->pid);
	tr->pid = opt->pid;
	tr->uevents = tr->epoll = -1;
	r = pidns_of(opt->pid, &tr->ns);
	if (r)
		return err_set(err, r, "pid %d: cannot read /proc/%d/ns/pid: %s", opt->pid,
			       opt->pid, strerror(-r));
	r = handlers_new(opt, &tr->ns, err, &tr->handlers);
	if (r)
		return r;
	tr->skel = handlers_skel(tr->handlers);
	r = slots_choose_scope(tr, opt->scope, err);
	if (r)
		return r;
	if (opt->children && tr->scope != TRACE_SCOPE_CPU)
		return err_set(err, -EOPNOTSUPP,
			       "pid %d: children can be followed only where watching on every CPU "
			       "is allowed (--scope cpu)",
			       opt->pid);
	tr->counters = map_counts(tr->skel->maps.counters, counters_size());
	if (tr->counters)
		tr->states = map_counts(tr->skel->maps.rule_states, states_size());
	if (tr->states)
		tr->units = map_counts(tr->skel->maps.step_units, units_size());
	r = tr->units ? follow(tr, opt->children) : -errno;
	if (!r)
		r = prepare_programs(tr, opt);
	if (!r)
		r = wire(tr);
	if (r)
		return err_set(err, r, "pid %d: cannot set up the kernel side: %s", opt->pid,
			       strerror(-r));
	*ret = take_ptr(tr);
	return 0;
}

void trace_free(struct trace *tr)
{
	if (!tr)
		return;
	slots_free(tr);
	followed_end(&tr->followed);
	programs_free(tr->programs);
	ring_buffer__free(tr->rb);
	if (tr->counters)
		munmap(tr->counters, counters_size());
	if (tr->states)
		munmap(tr->states, states_size());
	if (tr->units)
		munmap(tr->units, units_size());
	hold_free(tr->hold);
	handlers_free(tr->handlers);
	cleanup_close(&tr->uevents);
	cleanup_close(&tr->epoll);
	vec_deinit(&tr->places);
	free(tr);
}

int trace_fd(const struct trace *tr)
{
	return tr->epoll;
}

int trace_consume(struct trace *tr, const struct trace_sink *sink)
{
	int r = tr->uevents >= 0 ? slots_follow_cpus(tr) : 0, n;

	tr->sink = sink;
	tr->captures = 0;
	n = ring_buffer__consume(tr->rb);
	if (n == -EAGAIN) /* enough for now, see on_record() */
		n = CAPTURES_AT_ONCE;
	return r ? r : n;
}

int trace_stats(struct trace *tr, uint64_t ret[static 10])
{
	int cpus = libbpf_num_possible_cpus(), r;
	_cleanup_free_ uint64_t *each = NULL;
	uint64_t sums[ABI_STAT_MAX] = { 0 };

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	for (uint32_t i = 0; i < ABI_STAT_MAX; i++) {
		r = bpf_map_lookup_elem(bpf_map__fd(tr->skel->maps.stats), &i, each);
		if (r)
			return r;
		for (int c = 0; c < cpus; c++)
			sums[i] += each[c];
	}
	memcpy(ret, sums, sizeof(sums));
	return 0;
}

int trace_hold(struct trace *tr, struct hold **ret)
{
	int r = 0;

	if (!tr->skel->rodata->hold || tr->scope != TRACE_SCOPE_CPU)
		return -EOPNOTSUPP;
	if (tr->hold)
		hold_forget(tr->hold);
	else
		r = hold_new(tr->skel->obj, &tr->ns, &tr->hold);
	if (!r)
		*ret = tr->hold;
	return r;
}

bool trace_execed(const struct trace *tr)
{
	return tr->execed;
}

enum trace_scope trace_scope(const struct trace *tr)
{
	return tr->scope;
}

/* The kernel hands watchpoints on to new threads by itself (inherit_thread). */
int trace_threads_changed(struct trace *tr)
{
	(void)tr;
	return 0;
}

int trace_program_on(struct trace *tr, enum trace_program which, const struct trace_site *sites,
		     size_t n, struct err *err)
{
	return programs_on(tr->programs, which, sites, n, err);
}

void trace_program_off(struct trace *tr, enum trace_program which)
{
	programs_off(tr->programs, which);
}

void trace_program_off_later(struct trace *tr, enum trace_program which)
{
	programs_off_later(tr->programs, which);
}

bool trace_program_is_on(const struct trace *tr, enum trace_program which)
{
	return programs_is_on(tr->programs, which);
}

int trace_program_map(struct trace *tr, enum trace_program which, const char *name)
{
	return programs_map(tr->programs, which, name);
}

int trace_program_each(struct trace *tr, enum trace_program which, const char *name,
		       size_t key_size, size_t value_size,
		       int (*fn)(void *priv, const void *key, const void *value), void *priv)
{
	return programs_each(tr->programs, which, name, key_size, value_size, fn, priv);
}
