// SPDX-License-Identifier: BSD-2-Clause
#include "trace/execs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "bpf/abi.h"
#include "execs.skel.h"
#include "execs_618.skel.h"
#include "trace/arm.h"
#include "trace/load.h"
#include "trace/procs.h"

struct execs {
	struct execs_bpf *skel;
	struct ring_buffer *kicks;
	void (*fn)(void *priv, pid_t pid, uint32_t key); /* during execs_next() */
	void *priv;
};

static int on_kick(void *ctx, void *data, size_t size)
{
	const struct execs *e = ctx;
	const struct abi_kick *kick = data;

	if (size >= sizeof(*kick))
		e->fn(e->priv, (pid_t)kick->tid, kick->root_tid);
	return 0;
}

DEFINE_CLEANUP(struct execs *, execs_free)

/* Opened, of either build; both have the same maps, programs and constants. */
static int open_build(bool is_618, struct execs_bpf **ret)
{
	struct execs_bpf *skel = calloc(1, sizeof(*skel));
	int r = skel ? execs_bpf__create_skeleton(skel) : -ENOMEM;

	if (!r && is_618)
		skel->skeleton->data = (void *)execs_618_bpf__elf_bytes(&skel->skeleton->data_sz);
	if (!r)
		r = bpf_object__open_skeleton(skel->skeleton, NULL);
	if (r)
		execs_bpf__destroy(skel);
	else
		*ret = skel;
	return r;
}

static int load_build(struct execs *e, bool is_618, struct procs *p)
{
	struct stat own;
	int r;

	execs_bpf__destroy(e->skel);
	e->skel = NULL;
	r = open_build(is_618, &e->skel);
	if (r)
		return r;
	if (stat("/proc/self/ns/pid", &own))
		return -errno;
	e->skel->rodata->our_ns_ino = own.st_ino;
	r = bpf_map__reuse_fd(e->skel->maps.kin, procs_kin(p));
	return r ? r : load_skeleton(e->skel->skeleton, "", NULL);
}

static int load(struct execs *e, struct procs *p)
{
	int r = load_build(e, true, p);

	return r == -EOPNOTSUPP ? load_build(e, false, p) : r;
}

int execs_new(struct procs *p, struct execs **ret)
{
	_cleanup_(cleanup_execs_free) struct execs *e = NULL;
	int r;

	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	(void)arm_raise_file_limit(); /* each program that is run needs about 150 descriptors */
	r = load(e, p);
	if (r)
		return r;
	e->kicks = ring_buffer__new(bpf_map__fd(e->skel->maps.kicks), on_kick, e, NULL);
	if (!e->kicks)
		return -errno;
	r = execs_bpf__attach(e->skel);
	if (!r)
		*ret = take_ptr(e);
	return r;
}

static void release(void *priv, pid_t pid, uint32_t key)
{
	(void)pid;
	execs_release(priv, key);
}

void execs_free(struct execs *e)
{
	if (!e)
		return;
	if (e->skel)
		execs_bpf__detach(e->skel);
	if (e->kicks)
		execs_next(e, release, e);
	ring_buffer__free(e->kicks);
	execs_bpf__destroy(e->skel);
	free(e);
}

int execs_fd(const struct execs *e)
{
	return ring_buffer__epoll_fd(e->kicks);
}

void execs_next(struct execs *e, void (*fn)(void *priv, pid_t pid, uint32_t key), void *priv)
{
	e->fn = fn;
	e->priv = priv;
	(void)ring_buffer__consume(e->kicks);
}

int execs_keep(struct execs *e, pid_t pid)
{
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };
	int r;

	e->skel->bss->keep_pid = pid;
	r = bpf_prog_test_run_opts(bpf_program__fd(e->skel->progs.keep_exec), &opts);
	return r ? r : opts.retval ? -ESRCH : 0;
}

void execs_release(struct execs *e, uint32_t key)
{
	(void)bpf_map_delete_elem(bpf_map__fd(e->skel->maps.waits), &key);
	(void)bpf_map_delete_elem(bpf_map__fd(e->skel->maps.waits_too), &key);
}
