// SPDX-License-Identifier: BSD-2-Clause
#include "trace/followed.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/pidns.h"
#include "watch.skel.h"

/* As bpf/maps.bpf.h has it. */
struct followed_process {
	uint32_t parent, ours;
};

void followed_prepare(struct watch_bpf *skel, bool children)
{
	struct stat own;

	bpf_program__set_autoload(skel->progs.follow_fork, children);
	bpf_program__set_autoload(skel->progs.follow_exec, children);
	bpf_program__set_autoload(skel->progs.follow_exit, children);
	if (!children)
		return;
	skel->rodata->per_process = 1;
	if (!stat("/proc/self/ns/pid", &own))
		skel->rodata->our_ns_ino = own.st_ino;
	bpf_map__set_max_entries(skel->maps.followed, ABI_PROCESSES_MAX);
	bpf_map__set_max_entries(skel->maps.process_hits, ABI_PROCESSES_MAX);
}

int followed_begin(struct followed *f, struct watch_bpf *skel)
{
	struct bpf_program *const progs[] = { skel->progs.follow_exit, skel->progs.follow_exec,
					      skel->progs.follow_fork };

	for (size_t i = 0; i < sizeof(progs) / sizeof(progs[0]); i++) {
		f->links[i] = bpf_program__attach(progs[i]);
		if (!f->links[i]) {
			int r = -errno;

			followed_end(f);
			return r;
		}
	}
	return 0;
}

void followed_end(struct followed *f)
{
	for (size_t i = 0; i < sizeof(f->links) / sizeof(f->links[0]); i++) {
		bpf_link__destroy(f->links[i]);
		f->links[i] = NULL;
	}
}

int followed_add(struct watch_bpf *skel, const struct pidns *ns)
{
	struct followed_process p = { .ours = (uint32_t)ns->ours };
	uint32_t key = (uint32_t)ns->pid;

	return bpf_map_update_elem(bpf_map__fd(skel->maps.followed), &key, &p, BPF_ANY);
}

pid_t followed_ours(struct watch_bpf *skel, uint32_t tgid)
{
	struct followed_process p;

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
