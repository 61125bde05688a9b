// SPDX-License-Identifier: BSD-2-Clause
#include "trace/halt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "trace/load.h"
#include "trace/uprobe.h"
#include "halt.skel.h"

struct halt {
	struct halt_bpf *skel;
	int fd; /* of the uprobe; -1: none */
};

int halt_new(int signal, struct err *err, struct halt **ret)
{
	struct halt *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(err, -ENOMEM, "out of memory");
	h->fd = -1;
	h->skel = halt_bpf__open();
	if (h->skel) {
		h->skel->rodata->stop_signal = signal;
		r = load_skeleton(h->skel->skeleton, "", err);
	} else {
		r = err_set(err, -errno, "libbpf: %s", strerror(errno));
	}
	if (r) {
		halt_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void halt_free(struct halt *h)
{
	if (!h)
		return;
	halt_off(h);
	halt_bpf__destroy(h->skel);
	free(h);
}

int halt_at(struct halt *h, pid_t pid, uint64_t addr, struct err *err)
{
	struct uprobe_place at;
	int r;

	halt_off(h);
	r = uprobe_place(pid, addr, &at);
	if (!r)
		r = uprobe_attach(pid, &at, bpf_program__fd(h->skel->progs.halt), 0);
	if (r < 0)
		return err_set(err, r, "pid %d: cannot set a uprobe: %s", (int)pid, strerror(-r));
	h->fd = r;
	return 0;
}

void halt_off(struct halt *h)
{
	cleanup_close(&h->fd);
	h->fd = -1;
}
