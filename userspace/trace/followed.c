// SPDX-License-Identifier: BSD-2-Clause
#include "trace/followed.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/load.h"
#include "trace/pidns.h"
#include "follow.skel.h"
#include "watch.skel.h"

#define LATER_MAX 1024 /* processes at a time, where following may begin later */

void followed_prepare(struct watch_bpf *skel, bool children)
{
	skel->rodata->per_process = 1;
	bpf_map__set_max_entries(skel->maps.followed, children ? ABI_PROCESSES_MAX : LATER_MAX);
	if (children)
		bpf_map__set_max_entries(skel->maps.process_hits, ABI_PROCESSES_MAX);
}

static int load(struct followed *f, struct watch_bpf *skel)
{
	struct stat own;
	int r;

	f->skel = follow_bpf__open();
	if (!f->skel)
		return -errno;
	if (!stat("/proc/self/ns/pid", &own))
		f->skel->rodata->our_ns_ino = own.st_ino;
	f->skel->rodata->ns_ino = skel->rodata->ns_ino;
	r = share_maps(f->skel->obj, skel->obj);
	return r ? r : load_skeleton(f->skel->skeleton, "", NULL);
}

static int attach(const struct bpf_program *prog, struct bpf_link **link)
{
	*link = bpf_program__attach(prog);
	return *link ? 0 : -errno;
}

int followed_begin(struct followed *f, struct watch_bpf *skel)
{
	int r;

	if (f->skel)
		return 0;
	r = load(f, skel);
	/* The fork comes last: no end is missed of what it adds. */
	if (!r)
		r = attach(f->skel->progs.follow_exit, &f->skel->links.follow_exit);
	if (!r)
		r = attach(f->skel->progs.follow_exec, &f->skel->links.follow_exec);
	if (!r)
		r = attach(f->skel->progs.follow_fork, &f->skel->links.follow_fork);
	if (r)
		followed_end(f);
	return r;
}

void followed_end(struct followed *f)
{
	follow_bpf__destroy(f->skel);
	f->skel = NULL;
}

int followed_add(struct watch_bpf *skel, const struct pidns *ns)
{
	struct abi_followed p = { .ours = (uint32_t)ns->ours };
	uint32_t key = (uint32_t)ns->pid;

	return bpf_map_update_elem(bpf_map__fd(skel->maps.followed), &key, &p, BPF_ANY);
}

int epoch_next(struct watch_bpf *skel)
{
	uint64_t now = clock_ns();
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(skel->maps.epochs), &zero, &now, BPF_ANY);
}

/* Only threads of followed processes may be known (bpf/maps.bpf.h). */
static void forget_threads(struct watch_bpf *skel, uint32_t tgid)
{
	int fd = bpf_map__fd(skel->maps.known);
	uint64_t key, next, *prev = NULL;
	struct abi_known k;

	while (!bpf_map_get_next_key(fd, prev, &next)) {
		if (prev && !bpf_map_lookup_elem(fd, prev, &k) && k.tgid == tgid)
			bpf_map_delete_elem(fd, prev);
		key = next;
		prev = &key;
	}
	if (prev && !bpf_map_lookup_elem(fd, prev, &k) && k.tgid == tgid)
		bpf_map_delete_elem(fd, prev);
}

static bool find_ours(int fd, uint32_t ours, uint32_t *ret)
{
	struct abi_followed p;
	uint32_t *prev = NULL;

	while (!bpf_map_get_next_key(fd, prev, ret)) {
		if (!bpf_map_lookup_elem(fd, ret, &p) && p.ours == ours)
			return true;
		prev = ret;
	}
	return false;
}

int followed_remove(struct watch_bpf *skel, pid_t inner, pid_t ours)
{
	int fd = bpf_map__fd(skel->maps.followed);
	uint32_t key = (uint32_t)inner;

	if (bpf_map_delete_elem(fd, &key) &&
	    (!find_ours(fd, (uint32_t)ours, &key) || bpf_map_delete_elem(fd, &key)))
		return -ESRCH;
	forget_threads(skel, key);
	return epoch_next(skel);
}

pid_t followed_ours(struct watch_bpf *skel, uint32_t tgid)
{
	struct abi_followed p;

	if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.followed), &tgid, &p))
		return 0;
	return (pid_t)p.ours;
}

int followed_hits(struct watch_bpf *skel, uint32_t state,
		  int (*fn)(void *priv, pid_t pid, uint64_t hits), void *priv)
{
	int fd = bpf_map__fd(skel->maps.process_hits), r = 0;
	struct abi_process_key key, *prev = NULL;
	struct abi_process_hits h;

	while (!r && !bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (key.state == state && !bpf_map_lookup_elem(fd, &key, &h))
			r = fn(priv, (pid_t)h.ours, h.hits);
	}
	return r;
}
