// SPDX-License-Identifier: BSD-2-Clause
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/arm.h"
#include "trace/cpus.h"
#include "trace/pidns.h"
#include "trace/programs.h"
#include "watch.skel.h"

_Static_assert(ABI_STAT_MAX == 10, "trace_stats() in trace.h");

struct counter {
	struct abi_place_key key;
	bool used;
};

#define CAPTURES_AT_ONCE 512

struct trace {
	unsigned captures; /* in this trace_consume() */
	pid_t pid;
	enum trace_scope scope;
	struct pidns ns; /* the target's */
	struct watch_bpf *skel;
	struct programs *programs;
	struct ring_buffer *rb;
	uint64_t *counters;	       /* the map's memory */
	struct abi_rule_state *states; /* the same */
	struct abi_step_unit *units;   /* the same */
	VEC(struct counter) places;    /* index: abi_place.counter */
	struct slot {
		struct arm *arm; /* NULL: free */
		enum trace_handler handler;
	} slots[TRACE_SLOTS];
	int uevents; /* CPU scope: CPUs that come and go; else -1 */
	int epoll;
	const struct trace_sink *sink; /* during trace_consume() */
};

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

static int perf_err(int r, pid_t pid, struct err *err)
{
	switch (-r) {
	case EACCES:
	case EPERM:
		return err_set(err, -EPERM,
			       "pid %d: hardware watchpoints are not allowed: run as root or with "
			       "CAP_PERFMON "
			       "(and see the sysctl kernel.perf_event_paranoid)",
			       pid);
	case ENOSYS:
		return err_set(err, r,
			       "pid %d: this kernel has no perf events (CONFIG_PERF_EVENTS)", pid);
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		return err_set(err, -EOPNOTSUPP,
			       "pid %d: this machine or kernel has no hardware breakpoints", pid);
	case EMFILE:
	case ENFILE:
		return err_set(err, r,
			       "pid %d: out of file descriptors: raise the limit (ulimit -n)", pid);
	case ESRCH:
		return err_set(err, r, "pid %d: the process is gone", pid);
	case EAGAIN:
		return err_set(
			err, r,
			"pid %d: its threads come and go too fast for the scope 'task'; use 'cpu'",
			pid);
	default:
		return err_set(err, r, "pid %d: cannot arm a watchpoint: %s", pid, strerror(-r));
	}
}

/* Is a watchpoint in this scope allowed at all? Tried on a byte of our own that nobody watches. */
static int try_scope(const struct trace *tr, enum trace_scope scope)
{
	static char byte;
	const struct arm_watch w = { .addr = (uintptr_t)&byte, .len = 1 };
	_cleanup_free_ int *cpus = NULL;
	size_t n;
	int r, fd;

	r = cpus_online(&cpus, &n);
	if (r)
		return r;
	fd = scope == TRACE_SCOPE_CPU ? arm_open_event(&w, -1, cpus[0])
				      : arm_open_event(&w, tr->pid, -1);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -ENOSPC ? 0 : fd;
}

static int choose_scope(struct trace *tr, enum trace_scope wanted, struct err *err)
{
	int r;

	tr->scope = wanted == TRACE_SCOPE_TASK ? TRACE_SCOPE_TASK : TRACE_SCOPE_CPU;
	r = try_scope(tr, tr->scope);
	if ((r == -EACCES || r == -EPERM) && wanted == TRACE_SCOPE_AUTO) {
		tr->scope = TRACE_SCOPE_TASK;
		r = try_scope(tr, tr->scope);
	}
	return r ? perf_err(r, tr->pid, err) : 0;
}

static void load_captures(struct trace *tr, const struct trace_options *opt)
{
	if (opt->ring_bytes)
		bpf_map__set_max_entries(tr->skel->maps.records, (uint32_t)opt->ring_bytes);
	if (!opt->layout) {
		bpf_map__set_max_entries(tr->skel->maps.capturing, 1);
		return;
	}
	memcpy((void *)&tr->skel->rodata->lay, opt->layout, sizeof(*opt->layout));
}

static int load(struct trace *tr, const struct trace_options *opt, struct err *err)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* the edges speak, not the libraries */
	struct btf *btf = btf__load_vmlinux_btf();
	int r = -libbpf_get_error(btf) ? -ENOENT : 0;

	if (r) {
		libbpf_set_print(print);
		return err_set(err, -EOPNOTSUPP,
			       "pid %d: this kernel does not describe itself "
			       "(/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)",
			       tr->pid);
	}
	btf__free(btf);
	tr->skel = watch_bpf__open();
	if (!tr->skel) {
		r = -errno;
		goto out;
	}
	memcpy((void *)&tr->skel->rodata->py, opt->py, sizeof(*opt->py));
	if (opt->obj)
		memcpy((void *)&tr->skel->rodata->obj, opt->obj, sizeof(*opt->obj));
	tr->skel->rodata->ns_dev = tr->ns.dev;
	tr->skel->rodata->ns_ino = tr->ns.ino;
	tr->skel->rodata->stop_signal = (uint32_t)opt->stop_signal;
	if (opt->py->prev_kind != ABI_PREV_STATE && !opt->py->reread)
		bpf_map__set_max_entries(tr->skel->maps.frames, 1);
	load_captures(tr, opt);
	if (opt->timed) {
		bpf_map__set_max_entries(tr->skel->maps.timed_codes, TRACE_TIMED_CODES);
		bpf_map__set_max_entries(tr->skel->maps.timed_running, TRACE_TIMED_RUNNING);
	}
	r = watch_bpf__load(tr->skel);
out:
	libbpf_set_print(print);
	if (r == -EPERM || r == -EACCES)
		return err_set(err, -EPERM,
			       "pid %d: may not load a BPF program: run as root, or with CAP_BPF "
			       "and CAP_PERFMON",
			       tr->pid);
	if (r == -ENOSYS)
		return err_set(err, r, "pid %d: this kernel has no BPF (CONFIG_BPF_SYSCALL)",
			       tr->pid);
	if (r)
		return err_set(
			err, -EOPNOTSUPP,
			"pid %d: this kernel refuses the BPF program: %s (6.1 or later is needed)",
			tr->pid, strerror(-r));
	return 0;
}

/* A number of the target's pid namespace becomes one of ours. */
static void localize(const struct trace *tr, struct abi_hit *hit)
{
	hit->tid = (uint32_t)pidns_to_ours(&tr->ns, (pid_t)hit->tid);
	hit->tgid = (uint32_t)tr->pid;
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
		.maps = tr->skel->obj,
	};

	return programs_new(&env, &tr->programs);
}

static int follow(struct trace *tr)
{
	uint32_t key = (uint32_t)tr->ns.pid, one = 1;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.followed), &key, &one, BPF_ANY);
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
	r = load(tr, opt, err);
	if (r)
		return r;
	r = choose_scope(tr, opt->scope, err);
	if (r)
		return r;
	tr->counters = map_counts(tr->skel->maps.counters, counters_size());
	if (tr->counters)
		tr->states = map_counts(tr->skel->maps.rule_states, states_size());
	if (tr->states)
		tr->units = map_counts(tr->skel->maps.step_units, units_size());
	r = tr->units ? follow(tr) : -errno;
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
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		arm_free(tr->slots[i].arm);
	programs_free(tr->programs);
	ring_buffer__free(tr->rb);
	if (tr->counters)
		munmap(tr->counters, counters_size());
	if (tr->states)
		munmap(tr->states, states_size());
	if (tr->units)
		munmap(tr->units, units_size());
	watch_bpf__destroy(tr->skel);
	cleanup_close(&tr->uevents);
	cleanup_close(&tr->epoll);
	vec_deinit(&tr->places);
	free(tr);
}

static struct slot *slot_of(struct trace *tr, enum trace_handler handler, uint64_t addr)
{
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		if (tr->slots[i].arm && tr->slots[i].handler == handler &&
		    arm_addr(tr->slots[i].arm) == addr)
			return &tr->slots[i];
	return NULL;
}

static struct slot *free_slot(struct trace *tr)
{
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		if (!tr->slots[i].arm)
			return &tr->slots[i];
	return NULL;
}

static unsigned slots_used(const struct trace *tr)
{
	unsigned n = 0;

	for (size_t i = 0; i < TRACE_SLOTS; i++)
		n += tr->slots[i].arm != NULL;
	return n;
}

static int handler_fd(const struct trace *tr, enum trace_handler handler)
{
	const struct bpf_program *const progs[TRACE_HANDLER_MAX] = {
		[TRACE_HANDLER_PLACE] = tr->skel->progs.watch,
		[TRACE_HANDLER_STEP] = tr->skel->progs.step,
		[TRACE_HANDLER_DATA] = tr->skel->progs.data,
	};

	return bpf_program__fd(progs[handler]);
}

int trace_arm(struct trace *tr, const struct trace_spec *spec, struct err *err)
{
	const struct arm_watch w = {
		.addr = spec->addr,
		.len = spec->len,
		.write = spec->write,
		.one_thread = spec->tid != 0,
	};
	pid_t pid = spec->tid ? spec->tid : tr->scope == TRACE_SCOPE_CPU ? -1 : tr->pid;
	struct slot *slot;
	int r = -ENOSPC;

	if (slot_of(tr, spec->handler, spec->addr))
		return 0;
	slot = free_slot(tr);
	if (slot)
		r = arm_new(&w, pid, handler_fd(tr, spec->handler), &slot->arm);
	if (!r)
		slot->handler = spec->handler;
	if (r == -ENOSPC) {
		unsigned used = slots_used(tr);

		return err_set(
			err, r,
			"pid %d: no watch slot is free: %u of %u are ours%s; clear or disable a "
			"breakpoint",
			tr->pid, used, TRACE_SLOTS,
			used < TRACE_SLOTS
				? ", another debugger (or a kernel watchpoint) holds the rest"
				: "");
	}
	return r ? perf_err(r, tr->pid, err) : 0;
}

int trace_disarm(struct trace *tr, enum trace_handler handler, uint64_t addr)
{
	struct slot *slot = slot_of(tr, handler, addr);

	if (!slot)
		return -ENOENT;
	arm_free(slot->arm);
	slot->arm = NULL;
	return 0;
}

int trace_watch(struct trace *tr, uint64_t addr, struct err *err)
{
	const struct trace_spec spec = { .handler = TRACE_HANDLER_PLACE, .addr = addr, .len = 1 };

	return trace_arm(tr, &spec, err);
}

int trace_unwatch(struct trace *tr, uint64_t addr)
{
	return trace_disarm(tr, TRACE_HANDLER_PLACE, addr);
}

int trace_slots(struct trace *tr, unsigned *ret_used, unsigned *ret_free)
{
	pid_t pid = tr->scope == TRACE_SCOPE_CPU ? -1 : tr->pid;
	unsigned used = slots_used(tr);
	int r = arm_slots_free(pid, TRACE_SLOTS - used, ret_free);

	if (!r)
		*ret_used = used;
	return r;
}

/* The index of a place; -ENOENT. */
static int place_of(const struct trace *tr, const struct abi_place_key *key)
{
	for (size_t i = 0; i < tr->places.n; i++)
		if (tr->places.data[i].used && !memcmp(&tr->places.data[i].key, key, sizeof(*key)))
			return (int)i;
	return -ENOENT;
}

/* An index for a new place, its counter at 0; -ENOSPC, -ENOMEM. */
static int place_new(struct trace *tr, const struct abi_place_key *key)
{
	struct counter c = { .key = *key, .used = true };
	size_t i = 0;
	int r;

	while (i < tr->places.n && tr->places.data[i].used)
		i++;
	if (i == ABI_PLACES_MAX)
		return -ENOSPC;
	if (i == tr->places.n) {
		r = vec_push(&tr->places, c);
		if (r)
			return r;
	}
	tr->places.data[i] = c;
	__atomic_store_n(&tr->counters[i], 0, __ATOMIC_RELAXED);
	return (int)i;
}

int trace_place_set(struct trace *tr, uint64_t addr, uint64_t code, const struct abi_place *place)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	struct abi_place value = *place;
	int i = place_of(tr, &key), r;
	bool fresh = i < 0;

	if (value.ndrop > ABI_DROP_RANGES)
		return -EINVAL;
	if (fresh)
		i = place_new(tr, &key);
	if (i < 0)
		return i;
	value.counter = (uint32_t)i;
	r = bpf_map_update_elem(bpf_map__fd(tr->skel->maps.places), &key, &value, BPF_ANY);
	if (r && fresh)
		tr->places.data[i].used = false;
	return r;
}

int trace_place_del(struct trace *tr, uint64_t addr, uint64_t code)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	int i = place_of(tr, &key);

	if (i < 0)
		return i;
	tr->places.data[i].used = false;
	return bpf_map_delete_elem(bpf_map__fd(tr->skel->maps.places), &key);
}

int trace_place_hits(struct trace *tr, uint64_t addr, uint64_t code, uint64_t *ret_hits)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	int i = place_of(tr, &key);

	if (i < 0)
		return i;
	*ret_hits = __atomic_load_n(&tr->counters[i], __ATOMIC_RELAXED);
	return 0;
}

int trace_rule_set(struct trace *tr, uint32_t index, const struct abi_rule *rule)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.rules), &index, rule, BPF_ANY);
}

int trace_prog_set(struct trace *tr, uint32_t index, const struct abi_prog *prog)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.progs), &index, prog, BPF_ANY);
}

int trace_capture_set(struct trace *tr, uint32_t index, const struct abi_capture *capture)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.captures), &index, capture, BPF_ANY);
}

int trace_recipe_set(struct trace *tr, uint64_t type, uint32_t recipe)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.recipes), &type, &recipe, BPF_ANY);
}

int trace_limits_set(struct trace *tr, const struct abi_limits *limits)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.limits), &zero, limits, BPF_ANY);
}

struct abi_rule_state *trace_rule_states(struct trace *tr)
{
	return tr->states;
}

int trace_data_set(struct trace *tr, uint64_t addr, const struct abi_data *data)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr, data, BPF_ANY);
}

int trace_data_get(struct trace *tr, uint64_t addr, struct abi_data *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr, ret);
}

int trace_data_del(struct trace *tr, uint64_t addr)
{
	return bpf_map_delete_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr);
}

int trace_step_set(struct trace *tr, const struct abi_step *step)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.steps), &zero, step, BPF_ANY);
}

int trace_step_units(struct trace *tr, const struct abi_step_unit *units, size_t n)
{
	if (n > ABI_STEP_UNITS_MAX)
		return -E2BIG;
	memcpy(tr->units, units, n * sizeof(*units));
	return 0;
}

int trace_step_file(struct trace *tr, uint64_t file, uint32_t serial, bool mine)
{
	uint64_t verdict = (uint64_t)serial << 1 | mine;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.step_files), &file, &verdict,
				   BPF_ANY);
}

int trace_fd(const struct trace *tr)
{
	return tr->epoll;
}

/* CPUs that came or went. The first failure is returned, after all were tried. */
static int follow_cpus(struct trace *tr)
{
	struct cpu_event ev;
	int r, q, ret = 0;

	while ((r = cpus_next(tr->uevents, &ev)) != 0) {
		if (r < 0 && r != -ENOBUFS)
			return r;
		for (size_t i = 0; i < TRACE_SLOTS; i++) {
			if (!tr->slots[i].arm)
				continue;
			q = 0;
			if (r < 0)
				q = arm_cpus_again(tr->slots[i].arm);
			else if (ev.online)
				q = arm_cpu_online(tr->slots[i].arm, ev.cpu);
			else
				arm_cpu_offline(tr->slots[i].arm, ev.cpu);
			if (q && !ret)
				ret = q;
		}
	}
	return ret;
}

int trace_consume(struct trace *tr, const struct trace_sink *sink)
{
	int r = tr->uevents >= 0 ? follow_cpus(tr) : 0, n;

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

int trace_program_map(struct trace *tr, enum trace_program which, const char *name)
{
	return programs_map(tr->programs, which, name);
}

int trace_catch_class(struct trace *tr, uint64_t type, uint32_t mask)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_classes"), r;

	if (fd < 0)
		return fd;
	if (mask)
		return bpf_map_update_elem(fd, &type, &mask, BPF_ANY);
	r = bpf_map_delete_elem(fd, &type);
	return r == -ENOENT ? 0 : r;
}

int trace_catch_rule(struct trace *tr, uint32_t index, uint32_t rule)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_rules");

	return fd < 0 ? fd : bpf_map_update_elem(fd, &index, &rule, BPF_ANY);
}

int trace_program_each(struct trace *tr, enum trace_program which, const char *name,
		       size_t key_size, size_t value_size,
		       int (*fn)(void *priv, const void *key, const void *value), void *priv)
{
	return programs_each(tr->programs, which, name, key_size, value_size, fn, priv);
}

int trace_timed_code(struct trace *tr, uint64_t code, const struct abi_timed *timed)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.timed_codes), &code, timed, BPF_ANY);
}

static int read_words(int fd, uint64_t *ret, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = bpf_map_lookup_elem(fd, &i, &ret[i]);

		if (r)
			return r;
	}
	return 0;
}

int trace_timed_read(struct trace *tr, uint64_t sums[static ABI_TIMED_SUMS],
		     uint64_t buckets[static ABI_TIMED_BUCKETS])
{
	int r = read_words(bpf_map__fd(tr->skel->maps.timed_sums), sums, ABI_TIMED_SUMS);

	return r ? r
		 : read_words(bpf_map__fd(tr->skel->maps.timed_buckets), buckets,
			      ABI_TIMED_BUCKETS);
}
