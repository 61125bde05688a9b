// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "target/priv.h"
#include "target/target.h"

#define MAPS_MAX (256u << 20)

static ssize_t read_vm(struct target *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len };
	struct iovec remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(t->pid, &local, 1, &remote, 1, 0);

	/* The leader has no memory any more when it ended before the other threads. */
	if (n < 0 && errno == ESRCH)
		n = process_vm_readv(target_task(t), &local, 1, &remote, 1, 0);
	return n;
}

static void mem_read_live(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done)
{
	struct target *t = priv;
	size_t done = 0;

	/*
	 * A read that meets a hole ends at the page before it (mm/process_vm_access.c pins pages in
	 * batches); the next one says that there is nothing at its first byte.
	 */
	while (done < len) {
		ssize_t n;

		if (t->mem_file >= 0)
			n = pread(t->mem_file, (char *)buf + done, len - done, addr + done);
		else
			n = read_vm(t, addr + done, (char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	*ret_done = done;
}

static int mem_regions_live(void *priv, const struct mem_region **ret, size_t *ret_n)
{
	struct target *t = priv;
	struct maps maps;
	size_t len;
	char *text;
	int r;

	r = target_proc_read(t, target_task(t), "maps", MAPS_MAX, &text, &len);
	if (r)
		return r;
	/* A process that has ended has an empty file. */
	if (!len) {
		free(text);
		return -ESRCH;
	}
	r = maps_parse(text, len, &maps);
	if (r) {
		free(text);
		return r;
	}
	maps_deinit(&t->maps);
	t->maps = maps;
	*ret = maps.regions;
	*ret_n = maps.n;
	return 0;
}

const struct mem_ops target_mem_ops = {
	.read = mem_read_live,
	.regions = mem_regions_live,
};

int target_mem_init(struct target *t)
{
	char path[96], c;

	/* Nothing is ever mapped at 0: a process that we may read answers EFAULT. */
	if (read_vm(t, 0, &c, 1) >= 0 || errno == EFAULT)
		return 0;
	if (errno == ESRCH)
		return -ESRCH;
	/* Not in this kernel (ENOSYS), or not allowed: a system call filter may be the reason
	 * (EPERM). */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", (int)t->pid, (int)target_task(t));
	t->mem_file = open(path, O_RDONLY | O_CLOEXEC);
	if (t->mem_file < 0)
		return errno == ENOENT ? -ESRCH : -EPERM;
	return 0;
}
