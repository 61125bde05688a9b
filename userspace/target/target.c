// SPDX-License-Identifier: BSD-2-Clause
#include "target/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "target/priv.h"

#define PF_KTHREAD  0x00200000u /* include/linux/sched.h; field 9 of stat */
#define STATUS_MAX  (1u << 20)
#define ENVIRON_MAX (16u << 20)

/* ---- files of /proc ---- */

static int read_all(const char *path, size_t limit, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = NULL;
	_cleanup_close_ int fd = -1;
	size_t len = 0, cap = 16384;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	buf = malloc(cap + 1);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		if (len == cap) {
			char *p;

			if (cap >= limit)
				return -E2BIG;
			cap *= 2;
			p = realloc(buf, cap + 1);
			if (!p)
				return -ENOMEM;
			buf = p;
		}
		n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	buf[len] = '\0';
	*ret = take_ptr(buf);
	*ret_len = len;
	return 0;
}

int target_proc_read(const struct target *t, pid_t tid, const char *name, size_t limit, char **ret,
		     size_t *ret_len)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)t->pid, (int)tid, name);
	return read_all(path, limit, ret, ret_len);
}

/* The value of "Name:\t..." in the text of a status file; NULL. */
static const char *status_field(const char *status, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = status; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len) && p[len] == ':')
			return p + len + 1 + strspn(p + len + 1, " \t");
	}
	return NULL;
}

static int status_of(const struct target *t, pid_t tid, char **ret)
{
	size_t len;

	return target_proc_read(t, tid, "status", STATUS_MAX, ret, &len);
}

static char state_of(const struct target *t, pid_t tid, uint64_t *ret_flags)
{
	_cleanup_free_ char *stat = NULL;
	unsigned long flags = 0;
	const char *p;
	size_t len;
	char state = 0;

	if (target_proc_read(t, tid, "stat", STATUS_MAX, &stat, &len))
		return 0;
	/* The name before it may hold anything, parentheses too. */
	p = strrchr(stat, ')');
	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %lu", &state, &flags) != 2)
		return 0;
	if (ret_flags)
		*ret_flags = flags;
	/* X: being removed. */
	return state == 'X' ? 0 : state;
}

char target_state(const struct target *t, pid_t tid)
{
	return state_of(t, tid, NULL);
}

int target_syscall(const struct target *t, pid_t tid, long *ret_nr, uint64_t *ret_arg)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long arg;
	size_t len;
	long nr;
	int r = target_proc_read(t, tid, "syscall", STATUS_MAX, &text, &len);

	if (r)
		return r;
	/* "running", "-1 SP PC" or "NR ARG0 ..." (fs/proc/base.c, proc_pid_syscall()) */
	if (sscanf(text, "%ld %llx", &nr, &arg) != 2 || nr < 0)
		return -EAGAIN;
	*ret_nr = nr;
	*ret_arg = arg;
	return 0;
}

int target_comm(const struct target *t, pid_t tid, char buf[static 16])
{
	_cleanup_free_ char *comm = NULL;
	size_t len;
	int r;

	r = target_proc_read(t, tid, "comm", STATUS_MAX, &comm, &len);
	if (r)
		return r;
	if (len && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	snprintf(buf, 16, "%.15s", comm);
	return 0;
}

pid_t target_tracer(const struct target *t, pid_t tid)
{
	_cleanup_free_ char *status = NULL;
	const char *p;
	int r;

	r = status_of(t, tid, &status);
	if (r)
		return r;
	p = status_field(status, "TracerPid");
	return p ? atoi(p) : 0;
}

bool target_catches(const struct target *t, int sig)
{
	_cleanup_free_ char *status = NULL;
	const char *p;

	if (sig < 1 || sig > 64 || status_of(t, target_task(t), &status))
		return false;
	p = status_field(status, "SigCgt");
	return p && (strtoull(p, NULL, 16) >> (sig - 1) & 1);
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

int target_tids(const struct target *t, pid_t **ret, size_t *ret_n)
{
	VEC(pid_t) v = { 0 };
	struct dirent *e;
	char path[64];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)t->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!r && (e = readdir(dir)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			r = vec_push(&v, atoi(e->d_name));
	closedir(dir);
	if (!r && !v.n)
		r = -ESRCH;
	if (r) {
		vec_deinit(&v);
		return r;
	}
	qsort(v.data, v.n, sizeof(*v.data), by_number);
	*ret = v.data;
	*ret_n = v.n;
	return 0;
}

bool target_blocks(const struct target *t, int sig)
{
	_cleanup_free_ pid_t *tids = NULL;
	bool blocks = false;
	size_t i, n;

	if (sig < 1 || sig > 64 || target_tids(t, &tids, &n))
		return false;
	for (i = 0; i < n && !blocks; i++) {
		_cleanup_free_ char *status = NULL;
		const char *p;

		if (status_of(t, tids[i], &status))
			continue;
		p = status_field(status, "SigBlk");
		blocks = p && (strtoull(p, NULL, 16) >> (sig - 1) & 1);
	}
	return blocks;
}

pid_t target_task(const struct target *t)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n, i;
	char state = target_state(t, t->pid);

	if (state != 'Z' || target_tids(t, &tids, &n))
		return t->pid;
	for (i = 0; i < n; i++) {
		state = target_state(t, tids[i]);
		if (state && state != 'Z')
			return tids[i];
	}
	return t->pid;
}

bool target_alive(const struct target *t)
{
	struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

	/* Readable when the last thread has ended, zombie or not. */
	return poll(&p, 1, 0) == 0;
}

bool target_has_memory(const struct target *t)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	/* All zeros where there is none (fs/proc/array.c, proc_pid_statm()). */
	return !target_proc_read(t, target_task(t), "statm", STATUS_MAX, &text, &len) &&
	       strtoul(text, NULL, 10) != 0;
}

int target_exit_status(const struct target *t)
{
	_cleanup_free_ char *stat = NULL;
	const char *p;
	size_t len;
	int field;

	if (target_state(t, t->pid) != 'Z' ||
	    target_proc_read(t, t->pid, "stat", STATUS_MAX, &stat, &len))
		return -1;
	/* proc(5): after the name, which may hold anything, comes field 3; exit_code is field 52.
	 */
	p = strrchr(stat, ')');
	for (field = 2; p && field < 52; field++)
		p = strchr(p + 1, ' ');
	return p ? atoi(p + 1) : -1;
}

int target_environ(const struct target *t, const char *name, char **ret)
{
	_cleanup_free_ char *env = NULL;
	size_t len, name_len = strlen(name);
	const char *p;
	int r;

	r = target_proc_read(t, target_task(t), "environ", ENVIRON_MAX, &env, &len);
	if (r)
		return r;
	for (p = env; p < env + len; p += strlen(p) + 1) {
		if (strncmp(p, name, name_len) || p[name_len] != '=')
			continue;
		*ret = strdup(p + name_len + 1);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

/* ---- its root ---- */

static int link_of(const struct target *t, const char *name, char **ret)
{
	char path[96], buf[PATH_MAX + 64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)t->pid, (int)target_task(t), name);
	n = readlink(path, buf, sizeof(buf) - 1);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	buf[n] = '\0';
	*ret = strdup(buf);
	return *ret ? 0 : -ENOMEM;
}

const char *target_in_root(const struct target *t, const char *path)
{
	size_t len = strlen(t->root_path);

	if (len && !strncmp(path, t->root_path, len) && (path[len] == '/' || !path[len]))
		return path[len] ? path + len : "/";
	return path;
}

int target_reopen(int path_fd)
{
	char path[32];
	struct stat st;
	int fd;

	/* Looked at before it is opened: opening a FIFO waits, opening a device may do anything. */
	if (fstat(path_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int target_open_file(const struct target *t, const char *path)
{
	/* A symbolic link in there means its root, not ours. */
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;

	if (path[0] != '/')
		return -EINVAL;
	fd = syscall(SYS_openat2, t->root, path, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	return target_reopen(fd);
}

/* ---- opening ---- */

static void comm_of(pid_t pid, char buf[static 16])
{
	struct target other = { .pid = pid };

	if (target_comm(&other, pid, buf))
		strcpy(buf, "?");
}

static int check_status(struct target *t, struct err *err)
{
	_cleanup_free_ char *status = NULL;
	uint64_t flags = 0;
	const char *p;
	char state;
	int pid = t->pid, r;

	r = status_of(t, t->pid, &status);
	if (r == -ESRCH) {
		/* A thread's number has a directory of its own in /proc, which is not its task
		 * entry. */
		char path[64];
		size_t len;

		snprintf(path, sizeof(path), "/proc/%d/status", pid);
		r = read_all(path, STATUS_MAX, &status, &len);
	}
	if (r == -ESRCH)
		return err_set(err, r, "pid %d: there is no such process", pid);
	if (r)
		return err_set(err, r, "pid %d: /proc/%d/status cannot be read: %s", pid, pid,
			       strerror(-r));
	p = status_field(status, "Tgid");
	if (p && atoi(p) != pid)
		return err_set(err, -EINVAL, "pid %d: this is a thread of process %d; use %d", pid,
			       atoi(p), atoi(p));
	state = state_of(t, t->pid, &flags);
	if (flags & PF_KTHREAD)
		return err_set(err, -EINVAL, "pid %d: this is a kernel thread", pid);
	if (!state || (state == 'Z' && target_task(t) == t->pid))
		return err_set(err, -ESRCH, "pid %d: the process has ended%s", pid,
			       state ? " (a zombie that its parent has not waited for)" : "");
	return 0;
}

int target_list_tids(const struct target *t, struct err *err, pid_t **ret, size_t *ret_n)
{
	int r = target_tids(t, ret, ret_n);

	if (!r)
		return 0;
	return err_set(err, r,
		       r == -ESRCH ? "pid %d: the process has ended"
				   : "pid %d: its threads cannot be listed: %s",
		       (int)t->pid, strerror(-r));
}

static int check_tracer(const struct target *t, struct err *err)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n, i;
	int r;

	r = target_list_tids(t, err, &tids, &n);
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		pid_t tracer = target_tracer(t, tids[i]);
		char comm[16];

		/* by ourselves: a program that we started */
		if (tracer <= 0 || !syscall(SYS_tgkill, getpid(), tracer, 0))
			continue;
		comm_of(tracer, comm);
		return err_set(err, -EBUSY,
			       "pid %d: already traced by process %d (%s); end that first",
			       (int)t->pid, (int)tracer, comm);
	}
	return 0;
}

static int open_root(struct target *t)
{
	char path[96];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/root", (int)t->pid, (int)target_task(t));
	t->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->root < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = link_of(t, "root", &t->root_path);
	if (!r && !strcmp(t->root_path, "/"))
		t->root_path[0] = '\0';
	return r;
}

static int copy_in_root(struct target *t, char *raw, char **ret)
{
	*ret = strdup(target_in_root(t, raw));
	return *ret ? 0 : -ENOMEM;
}

static int fill(struct target *t, struct err *err)
{
	_cleanup_free_ char *cwd = NULL;
	int pid = t->pid, r;

	/* Nothing is known to be of this process before the pidfd holds it. */
	t->pidfd = syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd < 0 && errno == ENOSYS)
		return err_set(err, -ENOSYS,
			       "pid %d: this kernel has no pidfd_open (5.3 is needed)", pid);
	if (t->pidfd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return err_set(err, -errno, "pid %d: pidfd_open: %m", pid);
	r = check_status(t, err);
	if (r)
		return r;
	if (t->pidfd < 0)
		return err_set(err, -ESRCH, "pid %d: there is no such process", pid);
	r = target_mem_init(t);
	if (!r)
		r = open_root(t);
	if (!r)
		r = link_of(t, "exe", &t->exe_raw);
	if (!r)
		r = copy_in_root(t, t->exe_raw, &t->exe);
	if (!r)
		r = link_of(t, "cwd", &cwd);
	if (!r)
		r = copy_in_root(t, cwd, &t->cwd);
	if (r == -EPERM || r == -EACCES)
		return err_set(
			err, -EPERM,
			"pid %d: not allowed to look into this process; run as root (sudo)%s", pid,
			geteuid() ? "" : " with CAP_SYS_PTRACE");
	if (r == -ESRCH)
		return err_set(err, r, "pid %d: the process has ended", pid);
	if (r)
		return err_set(err, r, "pid %d: %s", pid, strerror(-r));
	return check_tracer(t, err);
}

int target_open(pid_t pid, struct err *err, struct target **ret)
{
	struct target *t;
	int r;

	if (pid <= 0)
		return err_set(err, -ESRCH, "pid %d: there is no such process", (int)pid);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->pid = pid;
	t->pidfd = t->root = t->mem_file = -1;
	t->mem = (struct mem){ .ops = &target_mem_ops, .priv = t };
	t->sym = (struct sym){ .ops = &target_sym_ops, .priv = t };
	r = fill(t, err);
	if (r) {
		target_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void target_free(struct target *t)
{
	if (!t)
		return;
	mem_cache_off(&t->mem);
	target_modules_deinit(t);
	maps_deinit(&t->maps);
	close_fd(t->pidfd);
	close_fd(t->root);
	close_fd(t->mem_file);
	free(t->root_path);
	free(t->exe_raw);
	free(t->exe);
	free(t->cwd);
	free(t);
}

void target_refresh(struct target *t)
{
	t->modules.current = false;
}

pid_t target_pid(const struct target *t)
{
	return t->pid;
}

int target_pidfd(const struct target *t)
{
	return t->pidfd;
}

struct mem *target_mem(struct target *t)
{
	return &t->mem;
}

struct sym *target_sym(struct target *t)
{
	return &t->sym;
}

const char *target_exe(const struct target *t)
{
	return t->exe;
}

const char *target_cwd(const struct target *t)
{
	return t->cwd;
}
