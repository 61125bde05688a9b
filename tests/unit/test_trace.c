// SPDX-License-Identifier: BSD-2-Clause
/* The watch engine, live: which reads are hits, and what becomes of them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "lib_bed.h"
#include "lib_cu.h"
#include "lib_fake_py.h"
#include "trace/trace.h"

static void test_counts(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	CU_ASSERT_EQUAL(trace_scope(b.tr), TRACE_SCOPE_CPU);
	bed_reads(&b, FAKE_READ, 1000);
	CU_ASSERT_EQUAL(bed_hits(&b), 1000);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_TRAPS), 1000);
	/* Its neighbours are not watched. */
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 10, b.addr - 1));
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 10, b.addr + 1));
	CU_ASSERT_EQUAL(bed_hits(&b), 1000);
	/* Setting it again keeps the count. */
	p.id = 8;
	CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, b.code, &p), 0);
	CU_ASSERT_EQUAL(bed_hits(&b), 1000);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), 0);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), -ENOENT);
	bed_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_TRAPS), 1000);
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
	struct abi_place p = bed_place(ABI_ACT_COUNT);
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
	bed_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(st[1].hits, 10);
	set_false(&b, 1);
	CU_ASSERT_EQUAL(trace_rule_set(b.tr, 2, &conditional), 0);
	bed_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(st[1].hits, 15);
	CU_ASSERT_EQUAL(st[2].seen, 5);
	CU_ASSERT_EQUAL(st[2].unmet, 5);
	CU_ASSERT_EQUAL(trace_unwatch(b.tr, b.addr), 0);
	CU_ASSERT_EQUAL(trace_watch(b.tr, b.addr, NULL), 0);
	bed_reads(&b, FAKE_READ, 3);
	CU_ASSERT_EQUAL(st[1].hits, 18);
	CU_ASSERT_EQUAL(st[2].unmet, 8);
	/* It goes again: nothing is left of it. */
	CU_ASSERT_EQUAL(trace_rule_set(b.tr, 2, &(struct abi_rule){ 0 }), 0);
	bed_reads(&b, FAKE_READ, 2);
	CU_ASSERT_EQUAL(st[1].hits, 20);
	CU_ASSERT_EQUAL(st[2].unmet, 8);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_FAULT), 0);
	bed_deinit(&b);
}

static void test_other_readers(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	bed_reads(&b, FAKE_PEEK, 20);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_NOT_EVAL), 20);
	bed_reads(&b, FAKE_FORK, 30);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_FOREIGN), 30);
	for (int i = 0; i < 5; i++) /* ourselves: the memory is shared, at the same address */
		(void)*(volatile uint8_t *)b.addr;
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_FOREIGN), 35);
	CU_ASSERT_EQUAL(bed_hits(&b), 0);
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 1);
	bed_deinit(&b);
}

static void test_other_code(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	uint64_t other, n;
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	other = (uintptr_t)&b.m->codes[1];
	b.m->frames[0].code = other;
	bed_reads(&b, FAKE_READ, 10);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_OTHER_CODE), 10);
	CU_ASSERT_EQUAL(bed_hits(&b), 0);
	/* Two places may share the address. */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, b.addr, other, &p), 0);
	bed_reads(&b, FAKE_READ, 3);
	CU_ASSERT_EQUAL(trace_place_hits(b.tr, b.addr, other, &n), 0);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(bed_hits(&b), 0);
	bed_deinit(&b);
}

static void test_tagged_code(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_init(&b))
		return;
	b.py.code_tag_mask = 3;
	if (!bed_open(&b, TRACE_SCOPE_CPU))
		return;
	if (bed_arm(&b, &p)) {
		b.m->frames[0].code |= 1;
		bed_reads(&b, FAKE_READ, 4);
		CU_ASSERT_EQUAL(bed_hits(&b), 4);
	}
	bed_deinit(&b);
}

static void test_previous_in_frame(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;
	uint64_t start;

	p.ndrop = 2;
	p.drop[0].lo = 20;
	p.drop[0].hi = 24;
	p.drop[1].lo = p.drop[1].hi = -1;
	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	start = (uintptr_t)b.m->codes[0].bytecode;
	b.m->frames[0].prev = start + BED_OFFSET;
	bed_reads(&b, FAKE_READ, 2);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_REDISPATCH), 2);
	for (uint64_t prev = 18; prev <= 26; prev += 2) {
		b.m->frames[0].prev = start + prev;
		bed_reads(&b, FAKE_READ, 1);
	}
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_DROPPED_PREV), 3);
	CU_ASSERT_EQUAL(bed_hits(&b), 2);
	b.m->frames[0].prev = start - 2; /* not started */
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_DROPPED_PREV), 4);
	bed_deinit(&b);
}

/* Up to 3.10: by the place that was hit before in the same frame, for the same line. */
static void test_previous_place(void)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT), note = bed_place(ABI_ACT_NOTE);
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
	if (!bed_arm(&b, &p)) {
		bed_deinit(&b);
		return;
	}
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT_EQUAL(trace_watch(b.tr, second, &err), 0);
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 1);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	bed_reads(&b, FAKE_READ, 1); /* dropped: came from 30 */
	CU_ASSERT_EQUAL(bed_hits(&b), 1);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_DROPPED_PREV), 1);
	bed_reads(&b, FAKE_READ, 1); /* came from itself */
	CU_ASSERT_EQUAL(bed_hits(&b), 2);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	b.m->tstates[0].frame = (uintptr_t)&b.m->frames[1]; /* recursion: another frame */
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 3);
	note.group = 1; /* another line's place does not disturb */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 4);
	note.note_group = p.group; /* unless it helps that line, too */
	CU_ASSERT_EQUAL(trace_place_set(b.tr, second, b.code, &note), 0);
	CU_ASSERT(fake_py_do(b.fp, FAKE_READ, 1, second));
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 4);
	bed_deinit(&b);
}

static void test_threads(enum trace_scope scope)
{
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, scope, &p))
		return;
	CU_ASSERT_EQUAL(trace_scope(b.tr), scope);
	bed_reads(&b, FAKE_READ, 10);
	bed_reads(&b, FAKE_THREAD, 100); /* a thread that was not there when we armed */
	CU_ASSERT_EQUAL(bed_hits(&b), 110);
	for (int i = 0; i < 20;
	     i++) /* each takes the stack, and with it the thread pointer, of the last */
		bed_reads(&b, FAKE_THREAD, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 130);
	bed_reads(&b, FAKE_CHAIN, 50);
	CU_ASSERT_EQUAL(bed_hits(&b), 180);
	bed_reads(&b, FAKE_FORK, 3);
	CU_ASSERT_EQUAL(bed_hits(&b), 180);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_FOREIGN), scope == TRACE_SCOPE_CPU ? 3 : 0);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_NO_THREAD), 0);
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
	struct abi_place p = bed_place(ABI_ACT_COUNT);
	struct bed b;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	bed_reads(&b, FAKE_READ, 1);
	b.m->tstates[2] = b.m->tstates[0]; /* moved: the old one runs nothing */
	b.m->tstates[2].next = 0;
	b.m->tstates[0].frame = 0;
	b.m->tstates[1].next = (uintptr_t)&b.m->tstates[2];
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 2);
	b.m->tstates[0].frame = (uintptr_t)&b.m->frames[0]; /* both run, the first something else */
	b.m->frames[0].code = (uintptr_t)&b.m->codes[2];
	b.m->frames[2] = b.m->frames[1];
	b.m->tstates[2].frame = (uintptr_t)&b.m->frames[2];
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 3);
	b.m->interps[0].next =
		(uintptr_t)&b.m->interps[1]; /* it is in the second interpreter now */
	b.m->interps[1].tstate_head = (uintptr_t)&b.m->tstates[3];
	b.m->tstates[3].thread_id = b.m->tstates[0].thread_id;
	b.m->frames[2].code = (uintptr_t)&b.m->codes[2];
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 4);
	b.m->tstates[0].thread_id = b.m->tstates[2].thread_id = b.m->tstates[3].thread_id = 1;
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_NO_THREAD), 1);
	b.m->interps[0].tstate_head = 0x100000; /* not mapped */
	bed_reads(&b, FAKE_READ, 1);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_FAULT), 1);
	CU_ASSERT_EQUAL(bed_hits(&b), 4);
	bed_deinit(&b);
}

/* Stopped with the read done and nothing after it. */
static void test_stop(void)
{
	struct abi_place p = bed_place(ABI_ACT_STOP);
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
		CU_ASSERT_EQUAL(bed_consume(&b), 1);
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
	CU_ASSERT_EQUAL(b.last.offset, (int)BED_OFFSET);
	CU_ASSERT_EQUAL(bed_hits(&b), 50);
	bed_deinit(&b);
}

/* Nobody is there to stop it: it runs on, and what did not fit into the ring buffer is said. */
static void test_stop_of_nobody(void)
{
	struct abi_place p = bed_place(ABI_ACT_STOP);
	uint64_t lost;
	struct bed b;
	int n;

	if (!bed_armed(&b, TRACE_SCOPE_CPU, &p))
		return;
	bed_reads(&b, FAKE_READ, 10000);
	CU_ASSERT_EQUAL(bed_hits(&b), 10000);
	CU_ASSERT_EQUAL(b.m->reads, 10000);
	lost = bed_stat(&b, ABI_STAT_LOST);
	n = bed_consume(&b);
	CU_ASSERT(lost > 0 && n > 0 && lost + (uint64_t)n == 10000);
	CU_ASSERT_EQUAL((unsigned)n, b.records);
	CU_ASSERT_EQUAL(bed_stat(&b, ABI_STAT_SIGNAL_FAILED), 0);
	bed_reads(&b, FAKE_READ, 5);
	CU_ASSERT_EQUAL(bed_consume(&b), 5);
	/* One signal for each hit. */
	bed_reads(&b, FAKE_SIGNALS, 100);
	CU_ASSERT_EQUAL(b.m->reads, 10105 + (100ull << 32));
	bed_deinit(&b);
}

static const struct cu_test tests[] = {
	CU_T(test_counts),	   CU_T(test_rules),	   CU_T(test_other_readers),
	CU_T(test_other_code),	   CU_T(test_tagged_code), CU_T(test_previous_in_frame),
	CU_T(test_previous_place), CU_T(test_threads_cpu), CU_T(test_threads_task),
	CU_T(test_thread_states),  CU_T(test_stop),	   CU_T(test_stop_of_nobody),
};

int main(int argc, char **argv)
{
	return CU_MAIN("trace", tests, argc, argv);
}
