// SPDX-License-Identifier: BSD-2-Clause
/* A live process: what /proc says, its memory, its files, and the ways in which it is refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sym.h"
#include "lib_cu.h"
#include "lib_interpreters.h"
#include "lib_spawn.h"
#include "target/target.h"

#define PAGE	4096u
#define WAIT_MS 10000

int test_target_marker = 0x1234;

static void *thread_main(void *arg)
{
	struct spawn_shared *sh = arg;

	prctl(PR_SET_NAME, "ein) R )thread");
	sh->n[1] = gettid();
	for (;;)
		pause();
	return NULL;
}

static void handler(int sig)
{
	(void)sig;
}

/* Three pages with a hole after the second, 8 MiB, a thread, a handler. */
static void target_main(struct spawn_shared *sh)
{
	uint8_t *p =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *big =
		mmap(NULL, 8u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t th;
	size_t i;

	memset(p, 0x5a, 2 * PAGE);
	munmap(p + 2 * PAGE, PAGE);
	for (i = 0; i < (8u << 20); i++)
		big[i] = i * 7 + (i >> 12);
	test_target_marker = 0x4321;
	signal(SIGURG, handler);
	if (chdir("/usr"))
		_exit(1);
	pthread_create(&th, NULL, thread_main, sh);
	while (!sh->n[1])
		sched_yield();
	sh->n[2] = (uintptr_t)p;
	sh->n[3] = (uintptr_t)big;
	spawn_ready(sh);
	while (!sh->n[0])
		usleep(1000);
	pthread_exit(NULL);
}

static bool start(struct spawned *s, struct target **t, void (*fn)(struct spawn_shared *))
{
	struct err e = { 0 };
	int r = spawn(s, fn);

	CU_ASSERT_EQUAL(r, 0);
	if (r)
		return false;
	r = target_open(s->pid, &e, t);
	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		puts(e.text);
		spawn_end(s);
	}
	return !r;
}

static void end(struct spawned *s, struct target *t)
{
	target_free(t);
	spawn_end(s);
}

static void test_proc(void)
{
	struct spawned s;
	struct target *t;
	char comm[16], self[4096] = "";
	pid_t *tids = NULL;
	size_t n = 0;

	if (!start(&s, &t, target_main))
		return;
	CU_ASSERT_EQUAL(target_pid(t), s.pid);
	CU_ASSERT_TRUE(target_alive(t));
	CU_ASSERT(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	CU_ASSERT_STRING_EQUAL(target_exe(t), self);
	CU_ASSERT_STRING_EQUAL(target_cwd(t), "/usr");
	CU_ASSERT_EQUAL(target_tids(t, &tids, &n), 0);
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT(n == 2 && tids[0] == s.pid && tids[1] == (pid_t)s.shared->n[1]);
	free(tids);
	CU_ASSERT_EQUAL(target_comm(t, s.shared->n[1], comm), 0);
	CU_ASSERT_STRING_EQUAL(comm, "ein) R )thread");
	CU_ASSERT_EQUAL(target_comm(t, 1, comm), -ESRCH);
	CU_ASSERT_EQUAL(target_state(t, s.shared->n[1]), 'S');
	CU_ASSERT_EQUAL(target_state(t, 1), 0);
	CU_ASSERT_EQUAL(target_tracer(t, s.pid), 0);
	CU_ASSERT_EQUAL(target_tracer(t, 1), -ESRCH);
	CU_ASSERT_TRUE(target_catches(t, SIGURG));
	CU_ASSERT_FALSE(target_catches(t, SIGUSR1));
	CU_ASSERT_FALSE(target_catches(t, 0));
	CU_ASSERT_FALSE(target_catches(t, 65));
	end(&s, t);
}

static void test_environ(void)
{
	const struct interpreter sh = { .path = "/bin/sh" };
	const char *const argv[] = { "-c", "echo ready; read x </dev/zero", NULL };
	struct target *t;
	char line[16], *value = NULL;
	int out = -1;
	pid_t pid;

	setenv("PYBPFDBG_TEST_EMPTY", "", 1);
	setenv("PYBPFDBG_TEST", "a=b", 1);
	pid = interpreter_start(&sh, argv, &out);
	CU_ASSERT(pid > 0);
	CU_ASSERT_EQUAL(interpreter_line(out, line, sizeof(line), WAIT_MS), 0);
	CU_ASSERT_EQUAL(target_open(pid, NULL, &t), 0);
	CU_ASSERT_EQUAL(target_environ(t, "PYBPFDBG_TEST", &value), 0);
	CU_ASSERT_STRING_EQUAL(value, "a=b");
	free(value);
	CU_ASSERT_EQUAL(target_environ(t, "PYBPFDBG_TEST_EMPTY", &value), 0);
	CU_ASSERT_STRING_EQUAL(value, "");
	free(value);
	CU_ASSERT_EQUAL(target_environ(t, "PYBPFDBG_TES", &value), -ENOENT);
	CU_ASSERT_EQUAL(target_environ(t, "YBPFDBG_TEST", &value), -ENOENT);
	target_free(t);
	interpreter_end(pid, out);
}

static void test_memory(void)
{
	struct spawned s;
	struct target *t;
	struct mem *m;
	uint8_t *buf = malloc(8u << 20);
	uint64_t p, v = 0;
	size_t i, wrong = 0;

	if (!start(&s, &t, target_main)) {
		free(buf);
		return;
	}
	m = target_mem(t);
	p = s.shared->n[2];
	CU_ASSERT_EQUAL(mem_read(m, p, buf, 2 * PAGE), 0);
	CU_ASSERT(buf[0] == 0x5a && buf[2 * PAGE - 1] == 0x5a);
	CU_ASSERT_EQUAL(mem_u64(m, p + 2 * PAGE - 8, &v), 0);
	CU_ASSERT_EQUAL(v, 0x5a5a5a5a5a5a5a5a);
	/* Into the hole, in it, over it. */
	CU_ASSERT_EQUAL(mem_u64(m, p + 2 * PAGE - 4, &v), -ENODATA);
	CU_ASSERT_EQUAL(mem_read(m, p, buf, 2 * PAGE + 1), -ENODATA);
	CU_ASSERT_EQUAL(mem_u64(m, p + 2 * PAGE, &v), -EFAULT);
	CU_ASSERT_EQUAL(mem_read(m, p, buf, 4 * PAGE), -ENODATA);
	CU_ASSERT_EQUAL(mem_read(m, p + 3 * PAGE, buf, PAGE), 0);
	CU_ASSERT_EQUAL(mem_u64(m, 0, &v), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(mem_u64(m, 0xffffffffffffff00, &v), -EFAULT);
	CU_ASSERT_EQUAL(mem_u64(m, 0x00007fffffffffff, &v), -EFAULT);
	for (i = 0; i < 2; i++) {
		/* How much of it is good is told to the byte. */
		size_t done = 99;

		m->ops->read(m->priv, p + 100, buf, 3 * PAGE, &done);
		CU_ASSERT_EQUAL(done, 2 * PAGE - 100);
		m->ops->read(m->priv, p + 2 * PAGE, buf, 8, &done);
		CU_ASSERT_EQUAL(done, 0);
		/* 8 MiB in one go. */
		CU_ASSERT_EQUAL(mem_read(m, s.shared->n[3], buf, 8u << 20), 0);
	}
	for (i = 0; i < (8u << 20); i++)
		wrong += buf[i] != (uint8_t)(i * 7 + (i >> 12));
	CU_ASSERT_EQUAL(wrong, 0);
	free(buf);
	end(&s, t);
}

/* Where a filter forbids process_vm_readv (a container's profile may), /proc/PID/mem does it. */
static void test_memory_file(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };
	struct spawned s;
	struct target *t;
	int status = -1;
	pid_t pid;

	if (!start(&s, &t, target_main))
		return;
	pid = fork();
	if (!pid) {
		uint8_t *buf = malloc(4 * PAGE);
		uint64_t p = s.shared->n[2], v;
		struct target *other;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
			_exit(1);
		if (target_open(s.pid, NULL, &other))
			_exit(2);
		if (mem_u64(target_mem(other), p, &v) || v != 0x5a5a5a5a5a5a5a5a)
			_exit(3);
		if (mem_read(target_mem(other), p, buf, 4 * PAGE) != -ENODATA ||
		    mem_u64(target_mem(other), p + 2 * PAGE, &v) != -EFAULT)
			_exit(4);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	end(&s, t);
}

static void test_regions(void)
{
	struct spawned s;
	struct target *t;
	const struct mem_region *r;
	size_t n, i;
	uint64_t p;
	int hits = 0;

	if (!start(&s, &t, target_main))
		return;
	p = s.shared->n[2];
	CU_ASSERT_EQUAL(mem_regions(target_mem(t), &r, &n), 0);
	CU_ASSERT(n > 5);
	for (i = 0; i < n; i++) {
		CU_ASSERT(i == 0 || r[i].start >= r[i - 1].end);
		if (r[i].start <= p && p < r[i].end) {
			CU_ASSERT_EQUAL(r[i].end, p + 2 * PAGE);
			CU_ASSERT_EQUAL(r[i].prot, PROT_READ | PROT_WRITE);
			CU_ASSERT_TRUE(r[i].private);
			CU_ASSERT_STRING_EQUAL(r[i].path, "");
			hits++;
		}
	}
	CU_ASSERT_EQUAL(hits, 1);
	kill(s.pid, SIGKILL);
	CU_ASSERT_EQUAL(spawn_status(&s, WAIT_MS, &(int){ 0 }), 0);
	CU_ASSERT_EQUAL(mem_regions(target_mem(t), &r, &n), -ESRCH);
	CU_ASSERT_FALSE(target_alive(t));
	end(&s, t);
}

static void test_leader_ended(void)
{
	struct spawned s;
	struct target *t, *again;
	const struct mem_region *r;
	uint64_t v;
	size_t n;

	if (!start(&s, &t, target_main))
		return;
	s.shared->n[0] = 1;
	for (int i = 0; i < WAIT_MS && target_state(t, s.pid) != 'Z'; i++)
		usleep(1000);
	CU_ASSERT_EQUAL(target_state(t, s.pid), 'Z');
	CU_ASSERT_TRUE(target_alive(t));
	CU_ASSERT_EQUAL(mem_u64(target_mem(t), s.shared->n[2], &v), 0);
	CU_ASSERT_EQUAL(mem_regions(target_mem(t), &r, &n), 0);
	CU_ASSERT_EQUAL(target_open(s.pid, NULL, &again), 0);
	CU_ASSERT_STRING_EQUAL(target_exe(again), target_exe(t));
	CU_ASSERT_STRING_EQUAL(target_cwd(again), "/usr");
	target_free(again);
	end(&s, t);
}

static void test_symbols(void)
{
	struct spawned s;
	struct target *t;
	const struct sym_module *mods, *after;
	struct sym_range range;
	uint64_t addr, size;
	uint32_t v = 0;
	size_t n, m, i;

	if (!start(&s, &t, target_main))
		return;
	CU_ASSERT_EQUAL(sym_modules(target_sym(t), &mods, &n), 0);
	CU_ASSERT(n > 1);
	CU_ASSERT_STRING_EQUAL(mods[0].path, target_exe(t));
	CU_ASSERT_EQUAL(mods[0].build_id_len, 20);
	/* A fork of ours: everything lies where it lies here. */
	CU_ASSERT_EQUAL(sym_lookup(target_sym(t), 0, "test_target_marker", &addr, &size), 0);
	CU_ASSERT_EQUAL(addr, (uintptr_t)&test_target_marker);
	CU_ASSERT_EQUAL(mem_u32(target_mem(t), addr, &v), 0);
	CU_ASSERT_EQUAL(v, 0x4321);
	CU_ASSERT_EQUAL(sym_find_module(target_sym(t), "malloc", &m), 0);
	CU_ASSERT(m > 0);
	CU_ASSERT_EQUAL(sym_lookup(target_sym(t), m, "malloc", &addr, &size), 0);
	CU_ASSERT_EQUAL(sym_function_at(target_sym(t), m, addr + 1, &range), 0);
	CU_ASSERT_EQUAL(range.start, addr);
	CU_ASSERT_EQUAL(sym_section(target_sym(t), m, ".text", &range), 0);
	CU_ASSERT(range.start <= addr && addr < range.end);
	CU_ASSERT_EQUAL(sym_find_module(target_sym(t), "no_such_symbol", &m), -ENOENT);
	CU_ASSERT_EQUAL(sym_lookup(target_sym(t), n, "malloc", &addr, &size), -ENOENT);
	for (i = 0; i < n; i++)
		CU_ASSERT(mods[i].path[0] == '/' && mods[i].bias % PAGE == 0);
	target_refresh(t);
	CU_ASSERT_EQUAL(sym_modules(target_sym(t), &after, &m), 0);
	CU_ASSERT_EQUAL(m, n);
	CU_ASSERT_STRING_EQUAL(after[0].path, target_exe(t));
	end(&s, t);
}

/* The file that is mapped was removed, and another put in its place. */
static void test_replaced_executable(void)
{
	char dir[] = "/tmp/pybpfdbg-test-XXXXXX", exe[64], cmd[256], line[16];
	const char *const argv[] = { "60", NULL };
	struct interpreter it = { 0 };
	const struct sym_module *mods;
	struct target *t = NULL;
	struct sym_range range;
	struct err e = { 0 };
	int out = -1, i;
	size_t n;
	pid_t pid;

	CU_ASSERT_PTR_NOT_NULL(mkdtemp(dir));
	snprintf(exe, sizeof(exe), "%s/sleeper", dir);
	snprintf(cmd, sizeof(cmd), "cp /bin/sleep %s", exe);
	CU_ASSERT_EQUAL(system(cmd), 0);
	snprintf(it.path, sizeof(it.path), "%s", exe);
	pid = interpreter_start(&it, argv, &out);
	CU_ASSERT(pid > 0);
	/* Its comm changes when execve is done. */
	for (i = 0; i < WAIT_MS; i++) {
		FILE *f;

		snprintf(cmd, sizeof(cmd), "/proc/%d/comm", (int)pid);
		f = fopen(cmd, "r");
		if (f && fgets(line, sizeof(line), f) && !strcmp(line, "sleeper\n"))
			i = WAIT_MS;
		if (f)
			fclose(f);
		usleep(1000);
	}
	snprintf(cmd, sizeof(cmd), "rm %s && cp /bin/true %s", exe, exe);
	CU_ASSERT_EQUAL(system(cmd), 0);
	CU_ASSERT_EQUAL(target_open(pid, &e, &t), 0);
	if (t) {
		CU_ASSERT_EQUAL(sym_modules(target_sym(t), &mods, &n), 0);
		CU_ASSERT(n > 0);
		CU_ASSERT_STRING_EQUAL(mods[0].path, exe);
		/* The true one is read, where we are privileged; never the one that has its name
		 * now. */
		i = sym_section(target_sym(t), 0, ".text", &range);
		CU_ASSERT(i == 0 || (geteuid() && i == -ESTALE));
		CU_ASSERT_EQUAL(mods[0].build_id_len, i ? 0 : 20);
		target_free(t);
	}
	interpreter_end(pid, out);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
}

static void test_open_file(void)
{
	char dir[] = "/tmp/pybpfdbg-test-XXXXXX", path[128], cmd[256], buf[16];
	struct spawned s;
	struct target *t;
	int fd;

	if (!start(&s, &t, target_main))
		return;
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd),
		 "cd %s && echo hello >file && ln -s %s/file link && mkfifo fifo && ln -s "
		 "/proc/self/exe magic",
		 dir, dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
	snprintf(path, sizeof(path), "%s/link", dir);
	fd = target_open_file(t, path);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(read(fd, buf, sizeof(buf)), 6);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	CU_ASSERT_EQUAL(target_open_file(t, path), -EINVAL); /* and does not wait for a writer */
	CU_ASSERT_EQUAL(target_open_file(t, dir), -EINVAL);
	CU_ASSERT_EQUAL(target_open_file(t, "/dev/tty"), -EINVAL);
	CU_ASSERT_EQUAL(target_open_file(t, "relative"), -EINVAL);
	CU_ASSERT_EQUAL(target_open_file(t, "/no/such/file"), -ENOENT);
	snprintf(path, sizeof(path), "%s/magic", dir);
	CU_ASSERT_EQUAL(target_open_file(t, path), -ELOOP);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
	end(&s, t);
}

/* In a root of its own, where the same names mean other files. */
static char chroot_dir[] = "/tmp/pybpfdbg-root-XXXXXX";

static void chroot_main(struct spawn_shared *sh)
{
	if (chroot(chroot_dir) || chdir("/work"))
		_exit(1);
	spawn_ready(sh);
	for (;;)
		pause();
}

static void test_other_root(void)
{
	struct spawned s;
	struct target *t;
	char cmd[256], buf[16] = "";
	int fd;

	if (geteuid()) {
		cu_skip("chroot needs root");
		return;
	}
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(chroot_dir));
	snprintf(cmd, sizeof(cmd),
		 "cd %s && mkdir work etc && echo inside >etc/hostname && ln -s /etc/hostname "
		 "work/link && ln -s ../../../../etc/hostname work/up",
		 chroot_dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
	if (start(&s, &t, chroot_main)) {
		CU_ASSERT_STRING_EQUAL(target_cwd(t), "/work");
		fd = target_open_file(t, "/work/link");
		CU_ASSERT(fd >= 0);
		CU_ASSERT_EQUAL(read(fd, buf, sizeof(buf)), 7);
		CU_ASSERT_EQUAL(memcmp(buf, "inside\n", 7), 0);
		close(fd);
		fd = target_open_file(t, "/work/up");
		CU_ASSERT(fd >= 0 && read(fd, buf, sizeof(buf)) == 7);
		close(fd);
		end(&s, t);
	}
	snprintf(cmd, sizeof(cmd), "rm -r %s", chroot_dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
}

static void expect_refusal(pid_t pid, int want, const char *text)
{
	struct err e = { 0 };
	struct target *t = NULL;
	char number[16];
	int r = target_open(pid, &e, &t);

	CU_ASSERT_EQUAL(r, want);
	CU_ASSERT_EQUAL(e.code, want);
	snprintf(number, sizeof(number), "%d", (int)pid);
	if (r != want || !strstr(e.text, text) || !strstr(e.text, number)) {
		printf("%d: got %d, \"%s\", expected %d, \"%s\"\n", (int)pid, r, e.text, want,
		       text);
		CU_FAIL("refusal");
	}
	target_free(t);
}

static void zombie_main(struct spawn_shared *sh)
{
	pid_t pid = fork();
	siginfo_t si;

	if (!pid)
		_exit(0);
	waitid(P_PID, pid, &si, WEXITED | WNOWAIT);
	sh->n[0] = pid;
	spawn_ready(sh);
	for (;;)
		pause();
}

static void test_refusals(void)
{
	struct spawned s;
	struct target *t;
	pid_t pid;
	int status;

	expect_refusal(0, -ESRCH, "no such process");
	expect_refusal(-1, -ESRCH, "no such process");
	pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, &status, 0);
	expect_refusal(pid, -ESRCH, "no such process");
	if (!access("/proc/2/status", R_OK)) {
		struct stat st;

		/* Only in the first PID namespace process 2 is kthreadd. */
		if (readlink("/proc/2/exe", (char[8]){ 0 }, 8) < 0 && !stat("/proc/2", &st))
			expect_refusal(2, -EINVAL, "kernel thread");
	}
	if (!start(&s, &t, target_main))
		return;
	expect_refusal(s.shared->n[1], -EINVAL, "thread of process");
	end(&s, t);
	if (!spawn(&s, zombie_main)) {
		expect_refusal(s.shared->n[0], -ESRCH, "zombie");
		spawn_end(&s);
	}
}

static void test_other_user(void)
{
	struct passwd *nobody = getpwnam("nobody");
	struct spawned s;
	struct target *t;
	int status = -1;
	pid_t pid;

	if (geteuid() || !nobody) {
		cu_skip("needs root to become another user");
		return;
	}
	if (!start(&s, &t, target_main))
		return;
	pid = fork();
	if (!pid) {
		struct err e = { 0 };
		struct target *other;
		int r;

		if (setgid(nobody->pw_gid) || setuid(nobody->pw_uid))
			_exit(1);
		r = target_open(s.pid, &e, &other);
		_exit(r != -EPERM ? 2 : !strstr(e.text, "sudo") ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	end(&s, t);
}

static void test_pidfd(void)
{
	struct spawned s;
	struct target *t;
	struct pollfd p = { .events = POLLIN };

	if (!start(&s, &t, target_main))
		return;
	p.fd = target_pidfd(t);
	CU_ASSERT_EQUAL(poll(&p, 1, 0), 0);
	kill(s.pid, SIGKILL);
	CU_ASSERT_EQUAL(poll(&p, 1, WAIT_MS), 1);
	CU_ASSERT_FALSE(target_alive(t));
	end(&s, t);
}

/* Where every Python has its eval loop; in other roots too. */
static void test_interpreters(void)
{
	const char *const argv[] = { "-u", "-c", "print(1); import time; time.sleep(1000)", NULL };
	struct interpreter *v;
	size_t n, i, m;

	CU_ASSERT_EQUAL(interpreters_find(&v, &n), 0);
	if (!n)
		cu_skip("no Python on this machine");
	for (i = 0; i < n; i++) {
		const struct sym_module *mods;
		struct sym_range range = { 0 };
		struct err e = { 0 };
		struct target *t;
		uint64_t addr = 0, size;
		int out = -1, fd;
		char line[16];
		pid_t pid;

		if (v[i].hexversion < 0x03060000)
			continue;
		pid = interpreter_start(&v[i], argv, &out);
		CU_ASSERT_EQUAL(interpreter_line(out, line, sizeof(line), 20000), 0);
		CU_ASSERT_EQUAL(target_open(pid, &e, &t), 0);
		if (!e.code) {
			int r = sym_find_module(target_sym(t), "PyEval_EvalCode", &m);

			CU_ASSERT_EQUAL(r, 0);
			CU_ASSERT_EQUAL(sym_modules(target_sym(t), &mods, &size), 0);
			CU_ASSERT_EQUAL(mods[m].build_id_len, 20);
			r = r ?: sym_lookup(target_sym(t), m, "PyEval_EvalCode", &addr, &size);
			r = r ?: sym_function_at(target_sym(t), m, addr + 4, &range);
			CU_ASSERT_EQUAL(range.start, addr);
			if (r)
				printf("%s: %d\n", v[i].name, r);
			fd = target_open_file(t, target_exe(t));
			CU_ASSERT(fd >= 0);
			close(fd);
			target_free(t);
		} else {
			printf("%s: %s\n", v[i].name, e.text);
		}
		interpreter_end(pid, out);
	}
	free(v);
}

static const struct cu_test tests[] = {
	CU_T(test_proc),	CU_T(test_environ),
	CU_T(test_memory),	CU_T(test_regions),
	CU_T(test_memory_file), CU_T(test_leader_ended),
	CU_T(test_symbols),	CU_T(test_replaced_executable),
	CU_T(test_open_file),	CU_T(test_other_root),
	CU_T(test_refusals),	CU_T(test_other_user),
	CU_T(test_pidfd),	CU_T(test_interpreters),
};

int main(int argc, char **argv)
{
	return CU_MAIN("target", tests, argc, argv);
}
