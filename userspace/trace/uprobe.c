// SPDX-License-Identifier: BSD-2-Clause
#include "trace/uprobe.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

struct mapping {
	uint64_t start, end, offset, inode;
	unsigned major, minor;
	char path[4096]; /* as the kernel writes it, " (deleted)" included */
};

/* The executable mapping of a file that holds addr. 0, -ENOENT or -errno. */
static int find_mapping(pid_t pid, uint64_t addr, struct mapping *ret)
{
	_cleanup_free_ char *line = NULL;
	char name[32], prot[5];
	size_t cap = 0;
	FILE *f;
	int r = -ENOENT;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == -ENOENT && getline(&line, &cap, f) > 0) {
		*ret = (struct mapping){ 0 };
		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %4095[^\n]",
			   &ret->start, &ret->end, prot, &ret->offset, &ret->major, &ret->minor,
			   &ret->inode, ret->path) != 8)
			continue;
		if (ret->start <= addr && addr < ret->end && prot[2] == 'x' && ret->inode)
			r = 0;
	}
	fclose(f);
	return r;
}

/* Its path in the target's root is the second choice: it may be another file by now. */
static int by_path(pid_t pid, const struct mapping *m, struct uprobe_place *ret)
{
	struct stat st;

	snprintf(ret->path, sizeof(ret->path), "/proc/%d/root%s", pid, m->path);
	if (stat(ret->path, &st))
		return -ESTALE;
	if (st.st_ino != m->inode || major(st.st_dev) != m->major || minor(st.st_dev) != m->minor)
		return -ESTALE;
	return 0;
}

int uprobe_place(pid_t pid, uint64_t addr, struct uprobe_place *ret)
{
	struct mapping m;
	struct stat st;
	int r = find_mapping(pid, addr, &m);

	if (r)
		return r;
	ret->offset = addr - m.start + m.offset;
	/* This link is the file itself, whatever its name is now; to follow it is a right of its
	 * own. */
	snprintf(ret->path, sizeof(ret->path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
		 m.start, m.end);
	return stat(ret->path, &st) ? by_path(pid, &m, ret) : 0;
}

/* The number by which perf knows uprobes; -ENOENT: this kernel has none. */
static int pmu_type(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -ENOENT;

	if (!f)
		return -ENOENT;
	if (fscanf(f, "%d", &type) != 1)
		type = -ENOENT;
	fclose(f);
	return type;
}

/* Does this thread still have its memory? A leader that ended before its other threads has none. */
static bool has_memory(pid_t tid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages != 0;
}

/* A thread of the process whose end is that of the process, as far as one can tell. */
static pid_t task_of(pid_t pid)
{
	char path[64];
	struct dirent *e;
	pid_t ret = pid;
	DIR *dir;

	if (has_memory(pid))
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && ret == pid && (e = readdir(dir)) != NULL) {
		pid_t tid = atoi(e->d_name);

		if (tid > 0 && tid != pid && has_memory(tid))
			ret = tid;
	}
	if (dir)
		closedir(dir);
	return ret;
}

int uprobe_attach(pid_t pid, const struct uprobe_place *at, int prog_fd, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config1 = (uintptr_t)at->path,
		.config2 = at->offset,
		/* The program runs all the same (uprobe_perf_func), and a task-bound event that is
		 * on would be work at each context switch. */
		.disabled = 1,
	};
	_cleanup_close_ int fd = -1;
	int type = pmu_type();

	if (type < 0)
		return type;
	attr.type = (uint32_t)type;
	fd = (int)syscall(SYS_perf_event_open, &attr, task_of(pid), -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? -EPERM : -errno;
	return bpf_link_create(prog_fd, fd, BPF_PERF_EVENT, &opts);
}
