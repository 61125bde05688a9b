// SPDX-License-Identifier: BSD-2-Clause
#include "trace/procs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "bpf/abi.h"
#include "trace/load.h"
#include "procs.skel.h"

struct procs {
	struct procs_bpf *skel;
	struct ring_buffer *rb;
	void (*fn)(void *priv, const struct abi_process *rec); /* during procs_next() */
	void *priv;
};

static int on_record(void *ctx, void *data, size_t size)
{
	struct procs *p = ctx;
	struct abi_process rec;

	if (size < sizeof(rec))
		return 0;
	memcpy(&rec, data, sizeof(rec));
	p->fn(p->priv, &rec);
	return 0;
}

static int load(struct procs *p, struct err *err)
{
	libbpf_print_fn_t print;
	struct stat own;
	int r;

	p->skel = procs_bpf__open();
	if (!p->skel || stat("/proc/self/ns/pid", &own))
		return err_set(err, -errno, "%s", strerror(errno));
	p->skel->rodata->our_ns_ino = own.st_ino;
	r = load_skeleton(p->skel->skeleton, "", err);
	if (r)
		return r;
	print = libbpf_set_print(NULL); /* the edges speak, not the libraries */
	r = procs_bpf__attach(p->skel);
	libbpf_set_print(print);
	return r ? err_set(err, r, "%s", strerror(-r)) : 0;
}

DEFINE_CLEANUP(struct procs *, procs_free)

int procs_open(struct err *err, struct procs **ret)
{
	_cleanup_(cleanup_procs_free) struct procs *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	r = load(p, err);
	if (!r) {
		p->rb = ring_buffer__new(bpf_map__fd(p->skel->maps.process_records), on_record, p,
					 NULL);
		r = p->rb ? 0 : err_set(err, -errno, "%s", strerror(errno));
	}
	if (r) {
		err_prefix(err, "children cannot be followed");
		return r;
	}
	*ret = take_ptr(p);
	return 0;
}

void procs_free(struct procs *p)
{
	if (!p)
		return;
	ring_buffer__free(p->rb);
	procs_bpf__destroy(p->skel);
	free(p);
}

int procs_add(struct procs *p, pid_t pid)
{
	uint32_t key = (uint32_t)pid, one = 1;

	return bpf_map_update_elem(bpf_map__fd(p->skel->maps.kin), &key, &one, BPF_ANY);
}

int procs_kin(const struct procs *p)
{
	return bpf_map__fd(p->skel->maps.kin);
}

int procs_fd(const struct procs *p)
{
	return ring_buffer__epoll_fd(p->rb);
}

int procs_next(struct procs *p, void (*fn)(void *priv, const struct abi_process *rec), void *priv)
{
	int r;

	p->fn = fn;
	p->priv = priv;
	r = ring_buffer__consume(p->rb);
	return r < 0 ? r : 0;
}

uint64_t procs_lost(struct procs *p)
{
	uint32_t zero = 0;
	uint64_t n = 0;

	return bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.process_lost), &zero, &n) ? 0 : n;
}
