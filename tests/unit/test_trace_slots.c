// SPDX-License-Identifier: BSD-2-Clause
/* The watch engine, live: slots, who else has them, CPUs that come and go, who dies meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "lib_bed.h"
#include "lib_cu.h"
#include "lib_fake_py.h"
#include "trace/trace.h"

static void test_slots(enum trace_scope scope)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct trace_options opt = { .scope = scope, .stop_signal = SIGURG };
	unsigned used = 9, left = 9;
	struct trace *second = NULL;
	struct err err = { 0 };
	struct bed b;

	if (!bed_armed(&b, scope, &p))
		return;
	CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr, &err), 0); /* again: no second slot */
	CU_ASSERT_EQUAL(trace_slots(b.tr, &used, &left), 0);
	CU_ASSERT_EQUAL(used, 1);
	CU_ASSERT_EQUAL(left, 3);
	opt.pid = fake_py_pid(b.fp);
	opt.py = &b.py;
	CU_ASSERT_EQUAL(trace_open(&opt, &err, &second), 0);
	if (second) {
		CU_ASSERT_EQUAL(trace_watch(second, b.addr + 40, &err), 0);
		CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 2, &err), 0);
		CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 4, &err), 0);
		CU_ASSERT_EQUAL(trace_slots(b.tr, &used, &left), 0);
		CU_ASSERT_EQUAL(used, 3);
		CU_ASSERT_EQUAL(left, 0);
		CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 6, &err), -ENOSPC);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "3 of 4 are its own, another program"));
	}
	trace_free(second);
	CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 6, &err), 0);
	CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 8, &err), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "4 of 4 are its own;"));
	bed_reads(&b, FAKE_READ, 6);
	CU_ASSERT_EQUAL(bed_hits(&b), 6);
	bed_deinit(&b);
}

static void test_slots_cpu(void)
{
	test_slots(TRACE_SCOPE_CPU);
}

static void test_slots_task(void)
{
	test_slots(TRACE_SCOPE_TASK);
}

/* Counts the free slots, which takes them all for an instant, until it is killed. */
static void count_slots(struct trace *tr)
{
	static const struct timespec pause = { .tv_nsec = 300000 };
	unsigned used, left;

	for (;;) {
		(void)trace_slots(tr, &used, &left);
		nanosleep(&pause, NULL);
	}
}

/* Somebody else who only counts is not taken for one who holds them. */
static void test_slots_counted_meanwhile(void)
{
	unsigned used, left;
	struct err err = { 0 };
	struct bed b;
	pid_t other;
	int taken = 0, fewer = 0;

	if (!bed_init(&b))
		return;
	if (!bed_open(&b, TRACE_SCOPE_CPU)) {
		bed_deinit(&b);
		return;
	}
	other = fork();
	if (!other)
		count_slots(b.tr);
	for (int i = 0; i < 300; i++) {
		for (uint64_t at = 0; at < 8; at += 2)
			taken += trace_watch(b.tr, b.addr + at, &err) != 0;
		for (uint64_t at = 0; at < 8; at += 2)
			(void)trace_unwatch(b.tr, b.addr + at);
		fewer += trace_slots(b.tr, &used, &left) || left != 4;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	CU_ASSERT_EQUAL(taken, 0);
	CU_ASSERT_EQUAL(fewer, 0);
	bed_deinit(&b);
}

/* Whoever holds the slots is killed: they are free at once, and the target runs on. */
static void test_killed_owner(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct err err = { 0 };
	unsigned used, left = 0;
	struct bed b;
	char c;

	if (!bed_init(&b))
		return;
	for (int round = 0; round < 10; round++) {
		int pipefd[2];
		pid_t pid;

		CU_ASSERT_EQUAL(pipe(pipefd), 0);
		pid = fork();
		if (!pid) {
			bool ok = bed_open(&b, TRACE_SCOPE_CPU) && bed_arm(&b, &p);

			for (unsigned i = 1; ok && i < 4; i++)
				ok = trace_watch(b.tr, b.addr + 2 * i, &err) == 0;
			if (write(pipefd[1], ok ? "y" : "n", 1) == 1)
				pause();
			_exit(1);
		}
		CU_ASSERT_EQUAL(read(pipefd[0], &c, 1), 1);
		CU_ASSERT_EQUAL(c, 'y');
		bed_reads(&b, FAKE_READ, 10);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pipefd[0]);
		close(pipefd[1]);
	}
	CU_ASSERT_EQUAL(b.m->reads, 100);
	if (!bed_open(&b, TRACE_SCOPE_CPU))
		return;
	CU_ASSERT_EQUAL(trace_slots(b.tr, &used, &left), 0);
	CU_ASSERT_EQUAL(left, 4);
	bed_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_TRAPS), 0);
	bed_deinit(&b);
}

/*
 * A CPU goes and comes. The kernel is asked to say so (a synthetic uevent), without doing it: what
 * is tested is that we listen, let go of that CPU, and cover it again.
 */
static bool say(int cpu, const char *what)
{
	char path[80];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/uevent", cpu);
	f = fopen(path, "we");
	if (!f)
		return false;
	ok = fputs(what, f) >= 0;
	return !fclose(f) && ok;
}

static void test_cpu_comes_and_goes(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct pollfd pfd = { .events = POLLIN };
	struct bed b;
	int cpu;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	cpu = sched_getcpu();
	CU_ASSERT(fake_py_do(b.fp, FAKE_PIN, (uint64_t)cpu, 0));
	if (!say(cpu, "offline")) {
		cu_skip("cannot write to /sys/devices/system/cpu/cpu%d/uevent", cpu);
		bed_deinit(&b);
		return;
	}
	pfd.fd = trace_fd(b.tr);
	CU_ASSERT_EQUAL(poll(&pfd, 1, 5000), 1);
	CU_ASSERT_EQUAL(bed_consume(&b), 0);
	bed_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(bed_hits(&b), 0);
	for (int i = 0; i < 2; i++) { /* said twice: covered once */
		CU_ASSERT(say(cpu, "online"));
		CU_ASSERT_EQUAL(poll(&pfd, 1, 5000), 1);
		CU_ASSERT_EQUAL(bed_consume(&b), 0);
	}
	bed_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(bed_hits(&b), 5);
	bed_deinit(&b);
}

static void test_gone(void)
{
	struct abi_py py = { 0 };
	struct trace_options opt = { .pid = 0x3ffffff, .stop_signal = SIGURG, .py = &py };
	struct trace *tr = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(trace_open(&opt, &err, &tr), -ESRCH);
	CU_ASSERT_PTR_NULL(tr);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "pid 67108863:"));
	trace_free(NULL);
}

/* In a container: the target is number 1 there, and something else here. */
static void test_pid_namespace(void)
{
	struct abi_place p = bed_place(ABI_ACT_STOP);
	int ours = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	int status;
	struct bed b;
	pid_t pid;
	bool ok;

	CU_ASSERT(ours >= 0);
	if (unshare(CLONE_NEWPID)) {
		cu_skip("no pid namespace can be made");
		close(ours);
		return;
	}
	ok = bed_init(&b);
	CU_ASSERT_EQUAL(setns(ours, CLONE_NEWPID), 0);
	close(ours);
	if (!ok || !bed_open(&b, TRACE_SCOPE_CPU))
		return;
	if (bed_arm(&b, &p)) {
		pid = fake_py_pid(b.fp);
		CU_ASSERT(pid != 1);
		CU_ASSERT_EQUAL(ptrace(PTRACE_SEIZE, pid, NULL, 0), 0);
		fake_py_begin(b.fp, FAKE_READ, 1, b.addr);
		CU_ASSERT_EQUAL(waitpid(pid, &status, __WALL), pid);
		CU_ASSERT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGURG);
		CU_ASSERT_EQUAL(ptrace(PTRACE_DETACH, pid, NULL, 0), 0);
		CU_ASSERT(fake_py_wait(b.fp));
		CU_ASSERT_EQUAL(bed_consume(&b), 1);
		CU_ASSERT_EQUAL(b.last.tid, (unsigned)pid);
		CU_ASSERT_EQUAL(b.last.tgid, (unsigned)pid);
		p.action = ABI_ACT_COUNT;
		CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, b.code, &p), 0);
		bed_reads(&b, FAKE_THREAD, 9);
		CU_ASSERT_EQUAL(bed_hits(&b), 10);
	}
	bed_deinit(&b);
}

/* `doctor`'s answers are true: with the slots taken it says so, and it leaves nothing behind. */
static void test_features(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct trace_features f = { 0 };
	struct err err = { 0 };
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(trace_probe_features(&f), 0);
		CU_ASSERT(!f.bpf_load && !f.perf_cpu_wide && !f.perf_task);
		CU_ASSERT(!f.watchpoint && !f.send_signal && !f.ringbuf);
		CU_ASSERT_EQUAL(f.slots_free, 3);
	}
	for (uint64_t i = 1; i < 4; i++)
		CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr + 2 * i, &err), 0);
	CU_ASSERT_EQUAL(trace_probe_features(&f), 0);
	CU_ASSERT(!f.bpf_load && !f.perf_cpu_wide && !f.perf_task);
	CU_ASSERT_EQUAL(f.watchpoint, -ENOSPC);
	CU_ASSERT_EQUAL(f.send_signal, -ENOSPC);
	CU_ASSERT_EQUAL(f.slots_free, 0);
	bed_deinit(&b);
}

static const struct cu_test tests[] = {
	CU_T(test_slots_cpu),	  CU_T(test_slots_task),	 CU_T(test_slots_counted_meanwhile),
	CU_T(test_killed_owner),  CU_T(test_cpu_comes_and_goes), CU_T(test_gone),
	CU_T(test_pid_namespace), CU_T(test_features),
};

int main(int argc, char **argv)
{
	return CU_MAIN("trace_slots", tests, argc, argv);
}
