// SPDX-License-Identifier: BSD-2-Clause
#include "trace/hold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "bpf/abi.h"
#include "trace/cpus.h"
#include "trace/pidns.h"

#define ROOT_PIDNS_INO 0xeffffffcu /* PROC_PID_INIT_INO in the kernel's proc_ns.h */

struct hold {
	int *cpus;
	size_t n;
	struct perf_buffer *kicks; /* buffer i is that of cpus[i] */
	struct hold_reader {
		void (*fn)(void *priv, pid_t tid);
		void *priv;
	} * readers;   /* by the kernel's number of the CPU */
	bool root_tid; /* take that of the two numbers */
	int marks;
	uint64_t *marked; /* the memory of that map */
};

static void on_kick(void *ctx, int cpu, void *data, uint32_t size)
{
	const struct hold *h = ctx;
	const struct hold_reader *r = &h->readers[cpu];
	const struct abi_kick *kick = data;

	if (size < sizeof(*kick))
		return;
	if (r->fn)
		r->fn(r->priv, (pid_t)(h->root_tid ? kick->root_tid : kick->tid));
	if (!bpf_map_delete_elem(h->marks, &kick->root_tid))
		__atomic_fetch_sub(h->marked, 1, __ATOMIC_SEQ_CST);
}

DEFINE_CLEANUP(struct hold *, hold_free)

int hold_new(int kicks, int marks, int marked, const struct pidns *ns, struct hold **ret)
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
	r = cpus_online(&h->cpus, &h->n);
	if (r)
		return r;
	h->root_tid = !ns->same;
	h->marks = marks;
	h->marked = mmap(NULL, sizeof(*h->marked), PROT_READ | PROT_WRITE, MAP_SHARED, marked, 0);
	if (h->marked == MAP_FAILED) {
		h->marked = NULL;
		return -errno;
	}
	h->readers = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*h->readers));
	if (!h->readers)
		return -ENOMEM;
	h->kicks = perf_buffer__new(kicks, 1, on_kick, NULL, h, NULL);
	if (!h->kicks)
		return -errno;
	if (perf_buffer__buffer_cnt(h->kicks) != h->n)
		return -EAGAIN; /* a CPU came or went in between */
	*ret = take_ptr(h);
	return 0;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	perf_buffer__free(h->kicks);
	if (h->marked)
		munmap(h->marked, sizeof(*h->marked));
	free(h->readers);
	free(h->cpus);
	free(h);
}

size_t hold_cpus(const struct hold *h)
{
	return h->n;
}

int hold_cpu(const struct hold *h, size_t i)
{
	return h->cpus[i];
}

int hold_fd(const struct hold *h, size_t i)
{
	return perf_buffer__buffer_fd(h->kicks, i);
}

void hold_take(struct hold *h, size_t i, void (*fn)(void *priv, pid_t tid), void *priv)
{
	h->readers[h->cpus[i]] = (struct hold_reader){ fn, priv };
	(void)perf_buffer__consume_buffer(h->kicks, i);
}

void hold_forget(struct hold *h)
{
	for (size_t i = 0; i < h->n; i++)
		hold_take(h, i, NULL, NULL);
}
