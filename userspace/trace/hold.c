// SPDX-License-Identifier: BSD-2-Clause
#include "trace/hold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "hold.skel.h"
#include "hold_618.skel.h"
#include "trace/load.h"
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

/* Opened, of either build; both have the same maps, programs and constants. */
static int open_build(bool is_618, struct hold_bpf **ret)
{
	struct hold_bpf *skel = calloc(1, sizeof(*skel));
	int r = skel ? hold_bpf__create_skeleton(skel) : -ENOMEM;

	if (!r && is_618)
		skel->skeleton->data = (void *)hold_618_bpf__elf_bytes(&skel->skeleton->data_sz);
	if (!r)
		r = bpf_object__open_skeleton(skel->skeleton, NULL);
	if (r)
		hold_bpf__destroy(skel);
	else
		*ret = skel;
	return r;
}

static int load_build(struct hold *h, bool is_618, const struct bpf_object *maps,
		      const struct pidns *ns)
{
	int r;

	hold_bpf__destroy(h->skel);
	h->skel = NULL;
	r = open_build(is_618, &h->skel);
	if (r)
		return r;
	h->skel->rodata->hold = 1;
	h->skel->rodata->ns_dev = ns->dev;
	h->skel->rodata->ns_ino = ns->ino;
	r = share_maps(h->skel->obj, maps);
	return r ? r : load_skeleton(h->skel->skeleton, "", NULL);
}

static int load(struct hold *h, const struct bpf_object *maps, const struct pidns *ns)
{
	int r = load_build(h, true, maps, ns);

	return r == -EOPNOTSUPP ? load_build(h, false, maps, ns) : r;
}

/* From here on hits come. */
static int enter(const struct bpf_map *map, const struct bpf_program *prog)
{
	uint32_t zero = 0, fd = (uint32_t)bpf_program__fd(prog);

	return bpf_map_update_elem(bpf_map__fd(map), &zero, &fd, BPF_ANY);
}

int hold_new(const struct bpf_object *maps, const struct pidns *ns, struct hold **ret)
{
	_cleanup_(cleanup_hold_free) struct hold *h = calloc(1, sizeof(*h));
	struct stat own;
	int r;

	if (!h)
		return -ENOMEM;
	if (stat("/proc/self/ns/pid", &own))
		return -errno;
	if (!ns->same && own.st_ino != ROOT_PIDNS_INO)
		return -EOPNOTSUPP;
	h->root_tid = !ns->same;
	r = load(h, maps, ns);
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
