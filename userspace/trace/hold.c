// SPDX-License-Identifier: BSD-2-Clause
#include "trace/hold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "hold.skel.h"
#include "trace/pidns.h"

#define ROOT_PIDNS_INO 0xeffffffcu /* PROC_PID_INIT_INO in the kernel's proc_ns.h */

struct hold {
	struct hold_bpf *skel;
	struct ring_buffer *kicks;
	bool root_tid; /* take that of the two numbers */
	void (*fn)(void *priv, pid_t tid, pid_t pid);
	void *priv;
};

static int on_kick(void *ctx, void *data, size_t size)
{
	const struct hold *h = ctx;
	const struct abi_kick *kick = data;

	if (size < sizeof(*kick))
		return 0;
	if (h->fn)
		h->fn(h->priv, (pid_t)(h->root_tid ? kick->root_tid : kick->tid),
		      (pid_t)(h->root_tid ? kick->root_tgid : kick->tgid));
	(void)bpf_map_delete_elem(bpf_map__fd(h->skel->maps.waits), &kick->root_tid);
	(void)bpf_map_delete_elem(bpf_map__fd(h->skel->maps.waits_too), &kick->root_tid);
	return 0;
}

DEFINE_CLEANUP(struct hold *, hold_free)

static int load(struct hold *h, const struct bpf_object *maps, const struct pidns *ns)
{
	struct bpf_map *map, *theirs;
	int r;

	h->skel = hold_bpf__open();
	if (!h->skel)
		return -errno;
	h->skel->rodata->hold = 1;
	h->skel->rodata->ns_dev = ns->dev;
	h->skel->rodata->ns_ino = ns->ino;
	bpf_object__for_each_map(map, h->skel->obj)
	{
		theirs = bpf_map__is_internal(map)
				 ? NULL
				 : bpf_object__find_map_by_name(maps, bpf_map__name(map));
		r = theirs ? bpf_map__reuse_fd(map, bpf_map__fd(theirs)) : 0;
		if (r)
			return r;
	}
	return hold_bpf__load(h->skel);
}

/* From here on hits come. */
static int enter(const struct bpf_map *map, const struct bpf_program *prog)
{
	uint32_t zero = 0, fd = (uint32_t)bpf_program__fd(prog);

	return bpf_map_update_elem(bpf_map__fd(map), &zero, &fd, BPF_ANY);
}

/* bpf_task_work_schedule_signal() came with 6.18; to ask for it would be to read the kernel's BTF.
 */
static bool kernel_may_hold(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	return !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 18));
}

int hold_new(const struct bpf_object *maps, const struct pidns *ns, struct hold **ret)
{
	_cleanup_(cleanup_hold_free) struct hold *h = calloc(1, sizeof(*h));
	libbpf_print_fn_t print;
	struct stat own;
	int r;

	if (!h)
		return -ENOMEM;
	if (stat("/proc/self/ns/pid", &own))
		return -errno;
	if (!kernel_may_hold() || (!ns->same && own.st_ino != ROOT_PIDNS_INO))
		return -EOPNOTSUPP;
	h->root_tid = !ns->same;
	print = libbpf_set_print(NULL); /* the edges speak, not the libraries */
	r = load(h, maps, ns);
	libbpf_set_print(print);
	if (r)
		return r;
	h->kicks = ring_buffer__new(bpf_map__fd(h->skel->maps.kicks), on_kick, h, NULL);
	if (!h->kicks)
		return -errno;
	h->skel->links.exec_free = bpf_program__attach(h->skel->progs.exec_free);
	if (!h->skel->links.exec_free)
		return -errno;
	r = enter(h->skel->maps.hold_watches, h->skel->progs.hold_watch);
	if (!r)
		r = enter(h->skel->maps.hold_probes, h->skel->progs.hold_probe);
	if (!r)
		*ret = take_ptr(h);
	return r;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	ring_buffer__free(h->kicks);
	hold_bpf__destroy(h->skel);
	free(h);
}

int hold_fd(const struct hold *h)
{
	return ring_buffer__epoll_fd(h->kicks);
}

void hold_take(struct hold *h, void (*fn)(void *priv, pid_t tid, pid_t pid), void *priv)
{
	h->fn = fn;
	h->priv = priv;
	(void)ring_buffer__consume(h->kicks);
}

void hold_forget(struct hold *h)
{
	hold_take(h, NULL, NULL);
}
