// SPDX-License-Identifier: BSD-2-Clause
#include "trace/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/load.h"
#include "trace/uprobe.h"
#include "uprobe.skel.h"

#define KIND(k) (1u << (k))

/* Name in bpf/uprobe.bpf.c, the sites it is put on, and the maps that only it uses at full size. */
static const struct {
	const char *name;
	unsigned kinds;
	const char *maps[5];
} table[TRACE_PROGRAM_MAX] = {
	[TRACE_PROGRAM_ENTER] = { "enter",
				  KIND(ABI_SITE_EVAL_ENTRY) | KIND(ABI_SITE_RESUME),
				  { "entered" } },
	[TRACE_PROGRAM_CALLS] = { "calls",
				  KIND(ABI_SITE_EVAL_ENTRY) | KIND(ABI_SITE_RESUME),
				  { "calls_map" } },
	[TRACE_PROGRAM_EVAL_CODE] = { "eval_code", KIND(ABI_SITE_EVAL_CODE), { "module_names" } },
	[TRACE_PROGRAM_STEP_CALL] = { "step_call",
				      KIND(ABI_SITE_EVAL_ENTRY) | KIND(ABI_SITE_RESUME),
				      { NULL } },
	[TRACE_PROGRAM_STEP_RAISE] = { "step_raise", KIND(ABI_SITE_TRACEBACK), { NULL } },
	[TRACE_PROGRAM_TIMED] = { "timed",
				  KIND(ABI_SITE_EVAL_ENTRY) | KIND(ABI_SITE_RESUME) |
					  KIND(ABI_SITE_RETURN) | KIND(ABI_SITE_RERAISE) |
					  KIND(ABI_SITE_RAISE) | KIND(ABI_SITE_TRACEBACK),
				  { "site_walks" } },
	[TRACE_PROGRAM_CATCH] = { "catch",
				  KIND(ABI_SITE_TRACEBACK),
				  { "catch_classes", "catch_rules", "catch_when", "catch_files",
				    "site_walks" } },
};

unsigned trace_program_kinds(enum trace_program which)
{
	return table[which].kinds;
}

struct loaded {
	struct uprobe_bpf *skel; /* NULL: not yet */
	VEC(int) links;
};

struct programs {
	struct programs_env env;
	bool wide; /* in every process that runs the file, but for those of the step */
	struct abi_py py;
	struct abi_layout layout;
	struct abi_obj obj;
	struct loaded each[TRACE_PROGRAM_MAX];
	VEC(struct uprobe_closing *) closing;
};

int programs_new(const struct programs_env *env, struct programs **ret)
{
	struct programs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->env = *env;
	p->py = *env->py;
	p->env.py = &p->py;
	if (env->layout)
		p->layout = *env->layout;
	if (env->obj)
		p->obj = *env->obj;
	*ret = p;
	return 0;
}

void programs_process(struct programs *p, pid_t pid)
{
	p->env.pid = pid;
}

void programs_wide(struct programs *p, bool wide)
{
	p->wide = wide;
}

/* Forget those that are closed; wait: until all are. */
static void reap(struct programs *p, bool wait)
{
	for (size_t i = p->closing.n; i-- > 0;)
		if (uprobes_detach_end(p->closing.data[i], wait))
			p->closing.data[i] = p->closing.data[--p->closing.n];
}

void programs_free(struct programs *p)
{
	if (!p)
		return;
	reap(p, true);
	for (int i = 0; i < TRACE_PROGRAM_MAX; i++) {
		programs_off(p, (enum trace_program)i);
		uprobe_bpf__destroy(p->each[i].skel);
		vec_deinit(&p->each[i].links);
	}
	vec_deinit(&p->closing);
	free(p);
}

static bool is_own(enum trace_program which, const char *map)
{
	for (size_t i = 0; i < sizeof(table[which].maps) / sizeof(table[which].maps[0]); i++)
		if (table[which].maps[i] && !strcmp(table[which].maps[i], map))
			return true;
	return false;
}

/* The maps of the watch engine; those that are neither its nor this program's get no room. */
static int set_maps(const struct programs *p, struct uprobe_bpf *skel, enum trace_program which)
{
	struct bpf_map *map;
	int r = share_maps(skel->obj, p->env.maps);

	bpf_object__for_each_map(
		map, skel->obj) if (!r && !bpf_map__is_internal(map) &&
				    !is_own(which, bpf_map__name(map)) &&
				    !bpf_object__find_map_by_name(p->env.maps, bpf_map__name(map)))
		r = bpf_map__set_max_entries(map, 1);
	return r;
}

static int load(struct programs *p, enum trace_program which, struct err *err)
{
	struct uprobe_bpf *skel = uprobe_bpf__open();
	struct bpf_program *prog;
	int r = skel ? 0 : -errno;
	char who[32];

	if (!r) {
		memcpy((void *)&skel->rodata->py, p->env.py, sizeof(p->py));
		memcpy((void *)&skel->rodata->lay, &p->layout, sizeof(p->layout));
		memcpy((void *)&skel->rodata->obj, &p->obj, sizeof(p->obj));
		skel->rodata->ns_dev = p->env.ns_dev;
		skel->rodata->ns_ino = p->env.ns_ino;
		skel->rodata->stop_signal = p->env.stop_signal;
		skel->rodata->hold = p->env.hold;
		skel->rodata->per_process = p->env.children;
		bpf_object__for_each_program(prog, skel->obj) bpf_program__set_autoload(
			prog, !strcmp(bpf_program__name(prog), table[which].name));
		r = set_maps(p, skel, which);
	}
	if (!r && p->env.children && which == TRACE_PROGRAM_CALLS)
		r = bpf_map__set_max_entries(skel->maps.calls_map, ABI_FAMILY_CALLS_MAX);
	snprintf(who, sizeof(who), "pid %d: ", (int)p->env.pid);
	if (r)
		r = err_set(err, r, "%slibbpf: %s", who, strerror(-r));
	else
		r = load_skeleton(skel->skeleton, who, err);
	if (r) {
		uprobe_bpf__destroy(skel);
		return r;
	}
	p->each[which].skel = skel;
	return 0;
}

static int attach(struct programs *p, enum trace_program which, int prog_fd,
		  const struct trace_site *site)
{
	bool step = which == TRACE_PROGRAM_STEP_CALL || which == TRACE_PROGRAM_STEP_RAISE;
	struct loaded *l = &p->each[which];
	struct uprobe_place at;
	uint64_t cookie;
	int r = uprobe_place(p->env.pid, site->addr, &at);

	if (r)
		return r;
	memcpy(&cookie, &site->site, sizeof(cookie));
	/* What is forked is to be seen from its first call on, so no process is named. */
	r = uprobe_attach(p->env.children || (p->wide && !step) ? 0 : p->env.pid, &at, prog_fd,
			  cookie);
	if (r < 0)
		return r;
	if (!vec_push(&l->links, r))
		return 0;
	uprobes_detach(&r, 1);
	return -ENOMEM;
}

static int attach_err(int r, pid_t pid, struct err *err)
{
	switch (-r) {
	case EPERM:
		return err_set(err, r,
			       "pid %d: uprobes are not allowed: run as root or with CAP_PERFMON "
			       "and CAP_SYS_ADMIN",
			       pid);
	case ESRCH:
		return err_set(err, r, "pid %d: the process is gone", pid);
	case ENOENT:
	case ENODEV:
		return err_set(err, -EOPNOTSUPP,
			       "pid %d: this kernel has no uprobes (CONFIG_UPROBE_EVENTS)", pid);
	case ESTALE:
		return err_set(err, r,
			       "pid %d: the interpreter's file was replaced and may not be reached "
			       "through /proc/%d/map_files (CAP_SYS_ADMIN)",
			       pid, pid);
	default:
		return err_set(err, r, "pid %d: cannot set a uprobe: %s", pid, strerror(-r));
	}
}

int programs_on(struct programs *p, enum trace_program which, const struct trace_site *sites,
		size_t n, struct err *err)
{
	struct loaded *l = &p->each[which];
	struct bpf_program *prog;
	int r = l->skel ? 0 : load(p, which, err);

	if (r)
		return r;
	if (l->links.n)
		return 0;
	prog = bpf_object__find_program_by_name(l->skel->obj, table[which].name);
	for (size_t i = 0; i < n && !r; i++)
		if (table[which].kinds & KIND(sites[i].site.kind))
			r = attach(p, which, bpf_program__fd(prog), &sites[i]);
	if (r) {
		programs_off(p, which);
		return attach_err(r, p->env.pid, err);
	}
	return 0;
}

void programs_off(struct programs *p, enum trace_program which)
{
	struct loaded *l = &p->each[which];

	uprobes_detach(l->links.data, l->links.n);
	l->links.n = 0;
}

void programs_off_later(struct programs *p, enum trace_program which)
{
	struct loaded *l = &p->each[which];
	struct uprobe_closing *c = uprobes_detach_begin(l->links.data, l->links.n);

	l->links.n = 0;
	reap(p, false);
	if (c && vec_push(&p->closing, c))
		(void)uprobes_detach_end(c, true);
}

bool programs_is_on(const struct programs *p, enum trace_program which)
{
	return p->each[which].links.n;
}

static struct bpf_map *find_map(struct programs *p, enum trace_program which, const char *name)
{
	struct uprobe_bpf *skel = p->each[which].skel;

	return skel ? bpf_object__find_map_by_name(skel->obj, name) : NULL;
}

int programs_map(struct programs *p, enum trace_program which, const char *name)
{
	struct bpf_map *map = find_map(p, which, name);

	return map ? bpf_map__fd(map) : -ENOENT;
}

int programs_each(struct programs *p, enum trace_program which, const char *name, size_t key_size,
		  size_t value_size, int (*fn)(void *priv, const void *key, const void *value),
		  void *priv)
{
	struct bpf_map *map = find_map(p, which, name);
	_cleanup_free_ void *key = NULL, *value = NULL;
	void *prev = NULL;
	int r = 0;

	if (!map)
		return -ENOENT;
	if (bpf_map__key_size(map) != key_size || bpf_map__value_size(map) != value_size)
		return -EINVAL;
	key = malloc(key_size);
	value = malloc(value_size);
	if (!key || !value)
		return -ENOMEM;
	while (!r && !bpf_map_get_next_key(bpf_map__fd(map), prev, key)) {
		prev = key;
		if (!bpf_map_lookup_elem(bpf_map__fd(map), key, value))
			r = fn(priv, key, value);
	}
	return r;
}
