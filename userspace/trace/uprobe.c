// SPDX-License-Identifier: BSD-2-Clause
#include "trace/uprobe.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
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

/*
 * To write into the target's text is interrupted by a fatal signal of who does it, and then the
 * kernel leaves the trap where it is, for ever ("failed to unregister, leaking uprobe";
 * kernel/events/uprobes.c, uprobe_unregister_nosync(), through get_user_pages_remote()). A process
 * that dies of SIGKILL has that signal behind it when its descriptors are closed; one that is
 * killed while it opens or closes one has not. So a child does it, which shares our memory (and
 * our descriptors, to open one) and which nobody means to kill: when we are killed it ends what
 * it does, and at its own end all is closed.
 */
struct apart {
	void (*fn)(void *arg);
	void *arg;
};

static int apart_main(void *arg)
{
	struct apart *a = arg;

	setpgid(0, 0); /* a signal to our process group is not for it */
	a->fn(a->arg);
	return 0;
}

/* Call fn(arg) in such a child, and wait for it; it must not do more than system calls. 0 or
 * -errno. */
static int run_apart(void (*fn)(void *arg), void *arg)
{
	_Alignas(16) char stack[64 * 1024];
	struct apart a = { fn, arg };
	int pid =
		clone(apart_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES, &a);

	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	return 0;
}

struct attach_args {
	struct perf_event_attr attr;
	uint64_t cookie;
	pid_t task;
	int cpu, prog_fd;
	int ret;
};

static void attach_apart(void *arg)
{
	struct attach_args *a = arg;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = a->cookie);
	int fd = (int)syscall(SYS_perf_event_open, &a->attr, a->task, a->cpu, -1,
			      PERF_FLAG_FD_CLOEXEC);

	if (fd < 0) {
		a->ret = errno == EACCES ? -EPERM : -errno;
		return;
	}
	a->ret = bpf_link_create(a->prog_fd, fd, BPF_PERF_EVENT, &opts);
	close(fd);
}

int uprobe_attach(pid_t pid, const struct uprobe_place *at, int prog_fd, uint64_t cookie)
{
	struct attach_args a = {
		.attr = {
			.size = sizeof(a.attr),
			.config1 = (uintptr_t)at->path,
			.config2 = at->offset,
			/*
			 * The program runs all the same (uprobe_perf_func), and a task-bound event
			 * that is on would be work at each context switch.
			 */
			.disabled = 1,
		},
		.cookie = cookie,
		.task = pid ? task_of(pid) : -1,
		.cpu = pid ? -1 : 0, /* the program runs on every CPU all the same (uprobe_perf_func) */
		.prog_fd = prog_fd,
	};
	int type = pmu_type(), r;

	if (type < 0)
		return type;
	a.attr.type = (uint32_t)type;
	r = run_apart(attach_apart, &a);
	return r ? r : a.ret;
}

/* Somebody who closes descriptors that are no longer ours. */
struct uprobe_closing {
	_Alignas(16) char stack[16 * 1024];
	int pid;
	int ours, theirs; /* the ends of a connection */
	size_t n;
	int fds[]; /* n; then n + 1, ascending: theirs is one of them */
};

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all but the n kept ones. */
static void close_others(const int *kept, size_t n)
{
	unsigned from = 0;

	for (size_t i = 0; i < n; i++) {
		if ((unsigned)kept[i] > from)
			syscall(SYS_close_range, from, kept[i] - 1, 0);
		from = (unsigned)kept[i] + 1;
	}
	syscall(SYS_close_range, from, ~0u, 0);
}

/*
 * It holds nothing else, or what the debugger has armed would outlive it. When it says so the
 * debugger closes its own (or dies): only the last one to close waits for the kernel. Its
 * thread-local storage is the debugger's, so it makes bare system calls.
 */
static int closing_main(void *arg)
{
	struct uprobe_closing *c = arg;
	char byte = 0;

	syscall(SYS_setpgid, 0, 0); /* a signal to our process group is not for it */
	close_others(&c->fds[c->n], c->n + 1);
	if (syscall(SYS_write, c->theirs, &byte, 1) == 1)
		syscall(SYS_read, c->theirs, &byte, 1);
	/* the last first: what was put on first was to be there for the others */
	for (size_t i = c->n; i-- > 0;)
		syscall(SYS_close, c->fds[i]);
	return 0;
}

/* Start it, with descriptors of its own. 0 or -errno. */
static int closing_start(struct uprobe_closing *c)
{
	int pair[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	c->ours = pair[0];
	c->theirs = c->fds[2 * c->n] = pair[1];
	qsort(&c->fds[c->n], c->n + 1, sizeof(c->fds[0]), by_number);
	c->pid = clone(closing_main, c->stack + sizeof(c->stack), CLONE_VM, c);
	close(c->theirs);
	if (c->pid < 0) {
		close(c->ours);
		return -EAGAIN;
	}
	while (read(c->ours, &byte, 1) < 0 && errno == EINTR)
		;
	return 0;
}

struct uprobe_closing *uprobes_detach_begin(const int *fds, size_t n)
{
	struct uprobe_closing *c;
	int r;

	if (!n)
		return NULL;
	c = malloc(sizeof(*c) + (2 * n + 1) * sizeof(*fds));
	r = c ? 0 : -ENOMEM;
	if (c) {
		c->n = n;
		memcpy(c->fds, fds, n * sizeof(*fds));
		memcpy(&c->fds[n], fds, n * sizeof(*fds));
		r = closing_start(c);
	}
	for (size_t i = n; i-- > 0;)
		close(fds[i]);
	if (!r) {
		close(c->ours);
		return c;
	}
	free(c);
	return NULL;
}

bool uprobes_detach_end(struct uprobe_closing *c, bool wait)
{
	int r;

	if (!c)
		return true;
	do
		r = waitpid(c->pid, NULL, __WCLONE | (wait ? 0 : WNOHANG));
	while (r < 0 && errno == EINTR);
	if (!r)
		return false;
	free(c);
	return true;
}

void uprobes_detach(const int *fds, size_t n)
{
	(void)uprobes_detach_end(uprobes_detach_begin(fds, n), true);
}
