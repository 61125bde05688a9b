// SPDX-License-Identifier: BSD-2-Clause
/* The watch engine, live, on a child that looks like an interpreter. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "lib_cu.h"
#include "lib_fake_py.h"
#include "trace/trace.h"

#define OFFSET 10u /* of the instruction that most tests watch */

struct bed {
	struct fake_py *fp;
	struct fake_memory *m;
	struct abi_py py;
	struct trace *tr;
	uint64_t addr, code;
	struct abi_hit last;
	unsigned records;
};

/* A child; false: the test was skipped (no rights) or has failed. */
static bool bed_init(struct bed *b)
{
	*b = (struct bed){ .fp = fake_py_new() };
	CU_ASSERT_PTR_NOT_NULL(b->fp);
	if (!b->fp)
		return false;
	if (geteuid()) {
		cu_skip("needs root");
		fake_py_free(b->fp);
		return false;
	}
	b->m = fake_py_memory(b->fp);
	fake_py_facts(b->fp, &b->py);
	b->addr = fake_py_byte(b->fp, 0, OFFSET);
	b->code = (uintptr_t)&b->m->codes[0];
	return true;
}

static bool bed_open(struct bed *b, enum trace_scope scope)
{
	struct trace_options opt = {
		.pid = fake_py_pid(b->fp), .scope = scope, .stop_signal = SIGURG, .py = &b->py
	};
	struct err err = { 0 };
	int r = trace_open(&opt, &err, &b->tr);

	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		fprintf(stderr, "%s\n", err.text);
		fake_py_free(b->fp);
	}
	return !r;
}

static void bed_deinit(struct bed *b)
{
	trace_free(b->tr);
	fake_py_free(b->fp);
}

static struct abi_place place(enum abi_action action)
{
	return (struct abi_place){ .id = 7, .action = action, .offset = OFFSET };
}

/* Watch the byte, with a place for code 0. */
static bool arm(struct bed *b, const struct abi_place *p)
{
	struct err err = { 0 };
	int r = trace_place_set(b->tr, b->addr, b->code, p);

	if (!r)
		r = trace_watch(b->tr, b->addr, &err);
	CU_ASSERT_EQUAL(r, 0);
	if (r)
		fprintf(stderr, "%d %s\n", r, err.text);
	return !r;
}

static bool bed_armed(struct bed *b, enum trace_scope scope, const struct abi_place *p)
{
	if (!bed_init(b) || !bed_open(b, scope))
		return false;
	if (arm(b, p))
		return true;
	bed_deinit(b);
	return false;
}

static uint64_t hits(struct bed *b)
{
	uint64_t n = ~0ull;

	CU_ASSERT_EQUAL(trace_place_hits(b->tr, b->addr, b->code, &n), 0);
	return n;
}

static uint64_t stat(struct bed *b, enum abi_stat which)
{
	uint64_t all[ABI_STAT_MAX];

	CU_ASSERT_EQUAL(trace_stats(b->tr, all), 0);
	return all[which];
}

static void do_reads(struct bed *b, enum fake_op op, uint64_t n)
{
	CU_ASSERT(fake_py_do(b->fp, op, n, b->addr));
}

static void test_counts(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	CU_ASSERT_EQUAL(trace_scope(b.tr), TRACE_SCOPE_CPU);
	do_reads(&b, FAKE_READ, 1000);
	CU_ASSERT_EQUAL(hits(&b), 1000);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_TRAPS), 1000);
	/* Its neighbours are not watched. */
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 10, b.addr - 1));
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 10, b.addr + 1));
	CU_ASSERT_EQUAL(hits(&b), 1000);
	/* Setting it again keeps the count. */
	p.id = 8;
	CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, b.code, &p), 0);
	CU_ASSERT_EQUAL(hits(&b), 1000);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), 0);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), -ENOENT);
	do_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_TRAPS), 1000);
	CU_ASSERT_EQUAL(trace_place_del(b.tr, b.addr, b.code), 0);
	CU_ASSERT_EQUAL(trace_place_del(b.tr, b.addr, b.code), -ENOENT);
	CU_ASSERT_EQUAL(trace_place_hits(b.tr, b.addr, b.code, &(uint64_t){ 0 }), -ENOENT);
	bed_deinit(&b);
}

/* A program that is False. */
static void set_false(struct bed *b, uint32_t index)
{
	struct abi_prog prog = { .size = sizeof(prog), .ninsns = 2 };

	prog.insns[0] = (struct abi_insn){ .op = ABI_OP_CONST };
	prog.insns[1] = (struct abi_insn){ .op = ABI_OP_END };
	prog.consts[0] = (struct abi_const){ .kind = ABI_CONST_BOOL };
	CU_ASSERT_EQUAL(trace_prog_set(b->tr, index, &prog), 0);
}

/* What a rule needs may come before or after it is armed: the program for it is there. */
static void test_rules(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct abi_rule plain = { .action = ABI_ACT_COUNT, .state = 1 };
	struct abi_rule conditional = { .action = ABI_ACT_COUNT, .state = 2, .cond = 1 };
	struct abi_rule_state *st;
	struct bed b;

	p.ruled = 1;
	p.rules[0] = 1;
	p.rules[1] = 2;
	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	st = trace_rule_states(b.tr);
	CU_ASSERT_EQUAL(trace_rule_set(b.tr, 1, &plain), 0);
	do_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(st[1].hits, 10);
	set_false(&b, 1);
	CU_ASSERT_EQUAL(trace_rule_set(b.tr, 2, &conditional), 0);
	do_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(st[1].hits, 15);
	CU_ASSERT_EQUAL(st[2].seen, 5);
	CU_ASSERT_EQUAL(st[2].unmet, 5);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), 0);
	CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr, NULL), 0);
	do_reads(&b, FAKE_READ, 3);
	CU_ASSERT_EQUAL(st[1].hits, 18);
	CU_ASSERT_EQUAL(st[2].unmet, 8);
	/* It goes again: nothing is left of it. */
	CU_ASSERT_EQUAL(trace_rule_set(b.tr, 2, &(struct abi_rule){ 0 }), 0);
	do_reads(&b, FAKE_READ, 2);
	CU_ASSERT_EQUAL(st[1].hits, 20);
	CU_ASSERT_EQUAL(st[2].unmet, 8);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_FAULT), 0);
	bed_deinit(&b);
}

static void test_other_readers(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	do_reads(&b, FAKE_PEEK, 20);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_NOT_EVAL), 20);
	do_reads(&b, FAKE_FORK, 30);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_FOREIGN), 30);
	for (int i = 0; i < 5; i++) /* ourselves: the memory is shared, at the same address */
		(void)*(volatile uint8_t *)b.addr;
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_FOREIGN), 35);
	CU_ASSERT_EQUAL(hits(&b), 0);
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 1);
	bed_deinit(&b);
}

static void test_other_code(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	uint64_t other, n;
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	other = (uintptr_t)&b.m->codes[1];
	b.m->frames[0].code = other;
	do_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_OTHER_CODE), 10);
	CU_ASSERT_EQUAL(hits(&b), 0);
	/* Two places may share the address. */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, other, &p), 0);
	do_reads(&b, FAKE_READ, 3);
	CU_ASSERT_EQUAL(trace_place_hits(b.tr, b.addr, other, &n), 0);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(hits(&b), 0);
	bed_deinit(&b);
}

static void test_tagged_code(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_init(&b))
		return;
	b.py.code_tag_mask = 3;
	if (!bed_open(&b, TRACE_SCOPE_CPU))
		return;
	if (arm(&b, &p)) {
		b.m->frames[0].code |= 1;
		do_reads(&b, FAKE_READ, 4);
		CU_ASSERT_EQUAL(hits(&b), 4);
	}
	bed_deinit(&b);
}

static void test_previous_in_frame(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;
	uint64_t start;

	p.ndrop = 2;
	p.drop[0].lo = 20;
	p.drop[0].hi = 24;
	p.drop[1].lo = p.drop[1].hi = -1;
	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	start = (uintptr_t)b.m->codes[0].bytecode;
	b.m->frames[0].prev = start + OFFSET;
	do_reads(&b, FAKE_READ, 2);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_REDISPATCH), 2);
	for (uint64_t prev = 18; prev <= 26; prev += 2) {
		b.m->frames[0].prev = start + prev;
		do_reads(&b, FAKE_READ, 1);
	}
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_DROPPED_PREV), 3);
	CU_ASSERT_EQUAL(hits(&b), 2);
	b.m->frames[0].prev = start - 2; /* not started */
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_DROPPED_PREV), 4);
	bed_deinit(&b);
}

/* Up to 3.10: by the place that was hit before in the same frame, for the same line. */
static void test_previous_place(void)
{
	struct abi_place p = place(ABI_ACT_COUNT), note = place(ABI_ACT_NOTE);
	struct err err;
	struct bed b;
	uint64_t second;

	if (!bed_init(&b))
		return;
	b.py.prev_kind = ABI_PREV_STATE;
	b.py.prev_scale = 1;
	b.py.redispatch = 0;
	if (!bed_open(&b, TRACE_SCOPE_CPU))
		return;
	p.keep_state = note.keep_state = 1;
	p.group = note.group = 9;
	note.offset = 30;
	p.ndrop = 1;
	p.drop[0].lo = p.drop[0].hi = 30;
	second = fake_py_byte(b.fp, 0, 30);
	if (!arm(&b, &p)) {
		bed_deinit(&b);
		return;
	}
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT_EQUAL(trace_watch(b.tr, second, &err), 0);
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 1);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	do_reads(&b, FAKE_READ, 1); /* dropped: came from 30 */
	CU_ASSERT_EQUAL(hits(&b), 1);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_DROPPED_PREV), 1);
	do_reads(&b, FAKE_READ, 1); /* came from itself */
	CU_ASSERT_EQUAL(hits(&b), 2);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	b.m->tstates[0].frame = (uintptr_t)&b.m->frames[1]; /* recursion: another frame */
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 3);
	note.group = 1; /* another line's place does not disturb */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 4);
	note.note_group = p.group; /* unless it helps that line, too */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 4);
	bed_deinit(&b);
}

static void test_threads(enum trace_scope scope)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, scope, &p))
		return;
	CU_ASSERT_EQUAL(trace_scope(b.tr), scope);
	do_reads(&b, FAKE_READ, 10);
	do_reads(&b, FAKE_THREAD, 100); /* a thread that was not there when we armed */
	CU_ASSERT_EQUAL(hits(&b), 110);
	for (int i = 0; i < 20;
	     i++) /* each takes the stack, and with it the thread pointer, of the last */
		do_reads(&b, FAKE_THREAD, 1);
	CU_ASSERT_EQUAL(hits(&b), 130);
	do_reads(&b, FAKE_CHAIN, 50);
	CU_ASSERT_EQUAL(hits(&b), 180);
	do_reads(&b, FAKE_FORK, 3);
	CU_ASSERT_EQUAL(hits(&b), 180);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_FOREIGN), scope == TRACE_SCOPE_CPU ? 3 : 0);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_NO_THREAD), 0);
	bed_deinit(&b);
}

static void test_threads_cpu(void)
{
	test_threads(TRACE_SCOPE_CPU);
}

static void test_threads_task(void)
{
	test_threads(TRACE_SCOPE_TASK);
}

/* A thread state whose memory was freed and reused, and a thread with two states. */
static void test_thread_states(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	do_reads(&b, FAKE_READ, 1);
	b.m->tstates[2] = b.m->tstates[0]; /* moved: the old one runs nothing */
	b.m->tstates[2].next = 0;
	b.m->tstates[0].frame = 0;
	b.m->tstates[1].next = (uintptr_t)&b.m->tstates[2];
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 2);
	b.m->tstates[0].frame = (uintptr_t)&b.m->frames[0]; /* both run, the first something else */
	b.m->frames[0].code = (uintptr_t)&b.m->codes[2];
	b.m->frames[2] = b.m->frames[1];
	b.m->tstates[2].frame = (uintptr_t)&b.m->frames[2];
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 3);
	b.m->interps[0].next =
		(uintptr_t)&b.m->interps[1]; /* it is in the second interpreter now */
	b.m->interps[1].tstate_head = (uintptr_t)&b.m->tstates[3];
	b.m->tstates[3].thread_id = b.m->tstates[0].thread_id;
	b.m->frames[2].code = (uintptr_t)&b.m->codes[2];
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(hits(&b), 4);
	b.m->tstates[0].thread_id = b.m->tstates[2].thread_id = b.m->tstates[3].thread_id = 1;
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_NO_THREAD), 1);
	b.m->interps[0].tstate_head = 0x100000; /* not mapped */
	do_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_FAULT), 1);
	CU_ASSERT_EQUAL(hits(&b), 4);
	bed_deinit(&b);
}

static void keep(void *priv, const struct abi_hit *hit)
{
	struct bed *b = priv;

	b->last = *hit;
	b->records++;
}

static int consume(struct bed *b)
{
	const struct trace_sink sink = { .hit = keep, .priv = b };

	return trace_consume(b->tr, &sink);
}

/* Stopped with the read done and nothing after it. */
static void test_stop(void)
{
	struct abi_place p = place(ABI_ACT_STOP);
	struct pollfd pfd = { .events = POLLIN };
	siginfo_t si = { 0 };
	struct bed b;
	int status;
	pid_t pid;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	pid = fake_py_pid(b.fp);
	CU_ASSERT_EQUAL(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
	fake_py_begin(b.fp, FAKE_READ, 50, b.addr);
	pfd.fd = trace_fd(b.tr);
	for (uint64_t i = 0; i < 50; i++) {
		struct user_regs_struct regs = { 0 };

		CU_ASSERT_EQUAL(waitpid(pid, &status, __WALL), pid);
		CU_ASSERT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGURG);
		CU_ASSERT_EQUAL(ptrace(PTRACE_GETSIGINFO, pid, NULL, &si), 0);
		CU_ASSERT_EQUAL(si.si_code, SI_KERNEL);
		CU_ASSERT_EQUAL(b.m->after_read, 0);
		CU_ASSERT_EQUAL(b.m->reads, i);
		CU_ASSERT_EQUAL(poll(&pfd, 1, 5000), 1);
		CU_ASSERT_EQUAL(consume(&b), 1);
		CU_ASSERT_EQUAL(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
		CU_ASSERT_EQUAL(regs.rip, b.last.ip);
		CU_ASSERT_EQUAL(ptrace(PTRACE_CONT, pid, NULL, 0), 0);
	}
	CU_ASSERT(fake_py_wait(b.fp));
	CU_ASSERT_EQUAL(b.records, 50);
	CU_ASSERT_EQUAL(b.last.place, 7);
	CU_ASSERT_EQUAL(b.last.tid, (unsigned)pid);
	CU_ASSERT_EQUAL(b.last.tgid, (unsigned)pid);
	CU_ASSERT_EQUAL(b.last.addr, b.addr);
	CU_ASSERT_EQUAL(b.last.code, b.code);
	CU_ASSERT_EQUAL(b.last.frame, (uintptr_t)&b.m->frames[0]);
	CU_ASSERT_EQUAL(b.last.tstate, (uintptr_t)&b.m->tstates[0]);
	CU_ASSERT_EQUAL(b.last.offset, (int)OFFSET);
	CU_ASSERT_EQUAL(hits(&b), 50);
	bed_deinit(&b);
}

/* Nobody is there to stop it: it runs on, and what did not fit into the ring buffer is said. */
static void test_stop_of_nobody(void)
{
	struct abi_place p = place(ABI_ACT_STOP);
	uint64_t lost;
	struct bed b;
	int n;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	do_reads(&b, FAKE_READ, 10000);
	CU_ASSERT_EQUAL(hits(&b), 10000);
	CU_ASSERT_EQUAL(b.m->reads, 10000);
	lost = stat(&b, ABI_STAT_LOST);
	n = consume(&b);
	CU_ASSERT(lost > 0 && n > 0 && lost + (uint64_t)n == 10000);
	CU_ASSERT_EQUAL((unsigned)n, b.records);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_SIGNAL_FAILED), 0);
	do_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(consume(&b), 5);
	/* One signal for each hit. */
	do_reads(&b, FAKE_SIGNALS, 100);
	CU_ASSERT_EQUAL(b.m->reads, 10105 + (100ull << 32));
	bed_deinit(&b);
}

static void test_slots(enum trace_scope scope)
{
	struct abi_place p = place(ABI_ACT_COUNT);
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
	do_reads(&b, FAKE_READ, 6);
	CU_ASSERT_EQUAL(hits(&b), 6);
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
	struct abi_place p = place(ABI_ACT_COUNT);
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
			bool ok = bed_open(&b, TRACE_SCOPE_CPU) && arm(&b, &p);

			for (unsigned i = 1; ok && i < 4; i++)
				ok = trace_watch(b.tr, b.addr + 2 * i, &err) == 0;
			if (write(pipefd[1], ok ? "y" : "n", 1) == 1)
				pause();
			_exit(1);
		}
		CU_ASSERT_EQUAL(read(pipefd[0], &c, 1), 1);
		CU_ASSERT_EQUAL(c, 'y');
		do_reads(&b, FAKE_READ, 10);
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
	do_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(stat(&b, ABI_STAT_TRAPS), 0);
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
	struct abi_place p = place(ABI_ACT_COUNT);
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
	CU_ASSERT_EQUAL(consume(&b), 0);
	do_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(hits(&b), 0);
	for (int i = 0; i < 2; i++) { /* said twice: covered once */
		CU_ASSERT(say(cpu, "online"));
		CU_ASSERT_EQUAL(poll(&pfd, 1, 5000), 1);
		CU_ASSERT_EQUAL(consume(&b), 0);
	}
	do_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(hits(&b), 5);
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
	struct abi_place p = place(ABI_ACT_STOP);
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
	if (arm(&b, &p)) {
		pid = fake_py_pid(b.fp);
		CU_ASSERT(pid != 1);
		CU_ASSERT_EQUAL(ptrace(PTRACE_SEIZE, pid, NULL, 0), 0);
		fake_py_begin(b.fp, FAKE_READ, 1, b.addr);
		CU_ASSERT_EQUAL(waitpid(pid, &status, __WALL), pid);
		CU_ASSERT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGURG);
		CU_ASSERT_EQUAL(ptrace(PTRACE_DETACH, pid, NULL, 0), 0);
		CU_ASSERT(fake_py_wait(b.fp));
		CU_ASSERT_EQUAL(consume(&b), 1);
		CU_ASSERT_EQUAL(b.last.tid, (unsigned)pid);
		CU_ASSERT_EQUAL(b.last.tgid, (unsigned)pid);
		p.action = ABI_ACT_COUNT;
		CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, b.code, &p), 0);
		do_reads(&b, FAKE_THREAD, 9);
		CU_ASSERT_EQUAL(hits(&b), 10);
	}
	bed_deinit(&b);
}

/* `doctor`'s answers are true: with the slots taken it says so, and it leaves nothing behind. */
static void test_features(void)
{
	struct abi_place p = place(ABI_ACT_COUNT);
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
	CU_T(test_counts),
	CU_T(test_rules),
	CU_T(test_other_readers),
	CU_T(test_other_code),
	CU_T(test_tagged_code),
	CU_T(test_previous_in_frame),
	CU_T(test_previous_place),
	CU_T(test_threads_cpu),
	CU_T(test_threads_task),
	CU_T(test_thread_states),
	CU_T(test_stop),
	CU_T(test_stop_of_nobody),
	CU_T(test_slots_cpu),
	CU_T(test_slots_task),
	CU_T(test_slots_counted_meanwhile),
	CU_T(test_killed_owner),
	CU_T(test_cpu_comes_and_goes),
	CU_T(test_gone),
	CU_T(test_pid_namespace),
	CU_T(test_features),
};

int main(int argc, char **argv)
{
	return CU_MAIN("trace", tests, argc, argv);
}
