// SPDX-License-Identifier: BSD-2-Clause
#include "trace/handlers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/followed.h"
#include "trace/load.h"
#include "trace/pages.h"
#include "trace/pidns.h"
#include "watch.skel.h"

struct handlers {
	pid_t pid;
	struct watch_bpf *skel, *data, *judge; /* the latter two: NULL until asked for */
};

static void prepare_captures(struct watch_bpf *skel, const struct trace_options *opt)
{
	if (opt->ring_bytes)
		bpf_map__set_max_entries(skel->maps.records, (uint32_t)opt->ring_bytes);
	if (!opt->layout) {
		bpf_map__set_max_entries(skel->maps.capturing, 1);
		return;
	}
	memcpy((void *)&skel->rodata->lay, opt->layout, sizeof(*opt->layout));
}

static int load(const struct handlers *h, struct watch_bpf *skel, struct err *err)
{
	char who[32];

	snprintf(who, sizeof(who), "pid %d: ", (int)h->pid);
	return load_skeleton(skel->skeleton, who, err);
}

static int load_first(const struct handlers *h, const struct trace_options *opt,
		      const struct pidns *ns, struct err *err)
{
	struct watch_bpf *skel = h->skel;

	memcpy((void *)&skel->rodata->py, opt->py, sizeof(*opt->py));
	if (opt->obj)
		memcpy((void *)&skel->rodata->obj, opt->obj, sizeof(*opt->obj));
	skel->rodata->ns_dev = ns->dev;
	skel->rodata->ns_ino = ns->ino;
	skel->rodata->stop_signal = (uint32_t)opt->stop_signal;
	skel->rodata->hold = opt->hold;
	(void)pages_find((struct abi_pages *)&skel->rodata->pages); /* else they read otherwise */
	if (opt->py->prev_kind != ABI_PREV_STATE && !opt->py->reread)
		bpf_map__set_max_entries(skel->maps.frames, 1);
	prepare_captures(skel, opt);
	if (opt->children || opt->may_follow)
		followed_prepare(skel, opt->children);
	if (opt->timed) {
		bpf_map__set_max_entries(skel->maps.timed_codes, TRACE_TIMED_CODES);
		bpf_map__set_max_entries(skel->maps.timed_running, TRACE_TIMED_RUNNING);
		if (opt->children)
			bpf_map__set_max_entries(skel->maps.timed_processes, ABI_PROCESSES_MAX);
	}
	bpf_program__set_autoload(skel->progs.data, false);
	bpf_program__set_autoload(skel->progs.judge, false);
	return load(h, skel, err);
}

/* libbpf does not say that this is why. To look beforehand would be a tenth of an attach: it is
 * read whole. */
static bool has_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (libbpf_get_error(btf))
		return false;
	btf__free(btf);
	return true;
}

DEFINE_CLEANUP(struct handlers *, handlers_free)

int handlers_new(const struct trace_options *opt, const struct pidns *ns, struct err *err,
		 struct handlers **ret)
{
	_cleanup_(cleanup_handlers_free) struct handlers *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(err, -ENOMEM, "pid %d: out of memory", opt->pid);
	h->pid = opt->pid;
	h->skel = watch_bpf__open();
	r = h->skel ? load_first(h, opt, ns, err)
		    : err_set(err, -errno, "pid %d: libbpf: %s", opt->pid, strerror(errno));
	if (r && !has_btf())
		r = err_set(err, -EOPNOTSUPP,
			    "pid %d: this kernel does not describe itself "
			    "(/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)",
			    opt->pid);
	if (r)
		return r;
	*ret = take_ptr(h);
	return 0;
}

void handlers_free(struct handlers *h)
{
	if (!h)
		return;
	watch_bpf__destroy(h->judge);
	watch_bpf__destroy(h->data);
	watch_bpf__destroy(h->skel);
	free(h);
}

struct watch_bpf *handlers_skel(const struct handlers *h)
{
	return h->skel;
}

/* Another copy of the object: of its programs only this one, and the maps and facts of the first.
 */
static int load_one(const struct handlers *h, struct watch_bpf *skel, const char *name,
		    struct err *err)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	memcpy((void *)skel->rodata, h->skel->rodata, sizeof(*skel->rodata));
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	bpf_object__for_each_map(map, skel->obj)
	{
		int r, fd = bpf_object__find_map_fd_by_name(h->skel->obj, bpf_map__name(map));

		if (bpf_map__is_internal(map))
			continue;
		r = bpf_map__reuse_fd(map, fd);
		if (r)
			return err_set(err, r, "pid %d: a map of BPF programs: %s", h->pid,
				       strerror(-r));
	}
	return load(h, skel, err);
}

/* Load it unless *copy has it already. */
static int need(const struct handlers *h, const char *name, struct watch_bpf **copy,
		struct err *err)
{
	struct watch_bpf *skel;
	int r;

	if (*copy)
		return 0;
	skel = watch_bpf__open();
	r = skel ? load_one(h, skel, name, err)
		 : err_set(err, -errno, "pid %d: libbpf: %s", h->pid, strerror(errno));
	if (r) {
		watch_bpf__destroy(skel);
		return r;
	}
	*copy = skel;
	return 0;
}

int handlers_fd(struct handlers *h, enum trace_handler which, struct err *err)
{
	int r;

	switch (which) {
	case TRACE_HANDLER_PLACE:
		return bpf_program__fd(h->skel->progs.watch);
	case TRACE_HANDLER_STEP:
		return bpf_program__fd(h->skel->progs.step);
	case TRACE_HANDLER_DATA:
		r = need(h, "data", &h->data, err);
		return r ? r : bpf_program__fd(h->data->progs.data);
	default:
		return -EINVAL;
	}
}

int handlers_judge(struct handlers *h, struct err *err)
{
	uint32_t zero = 0, fd;
	int r;

	if (h->judge)
		return 0;
	r = need(h, "judge", &h->judge, err);
	if (r)
		return r;
	fd = (uint32_t)bpf_program__fd(h->judge->progs.judge);
	r = bpf_map_update_elem(bpf_map__fd(h->skel->maps.judges), &zero, &fd, BPF_ANY);
	if (!r)
		return 0;
	watch_bpf__destroy(take_ptr(h->judge));
	return err_set(err, r, "pid %d: the BPF program 'judge' cannot be called: %s", h->pid,
		       strerror(-r));
}
