// SPDX-License-Identifier: BSD-2-Clause
/* The kernel side's walk from thread to frame, as host code over a fake memory in which anything
 * can be unreadable. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "lib_cu.h"

#define BASE 0x10000u
#define SIZE 0x4000u

static struct abi_py py;
static struct abi_obj obj;
static uint8_t memory[SIZE];
static unsigned reads, fail_at; /* the fail_at'th read faults; 0: none */
static uint64_t wanted;

static int read_user(void *dst, uint32_t size, uint64_t addr)
{
	if (++reads == fail_at || addr < BASE || addr > BASE + SIZE - size)
		return -14; /* -EFAULT */
	memcpy(dst, memory + (addr - BASE), size);
	return 0;
}

static long read_loop(uint32_t n, long (*fn)(uint32_t, void *), void *ctx)
{
	uint32_t i = 0;

	while (i < n && !fn(i, ctx))
		i++;
	return i;
}

#include "bpf/py_walk.bpf.h"
#include "bpf/py_look.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	return code == wanted;
}

static void put(uint64_t addr, uint64_t value)
{
	memcpy(memory + (addr - BASE), &value, sizeof(value));
}

/* Two interpreters of three threads each; thread n of interpreter i has the thread id 100 * i + n.
 */
#define HEAD	     BASE
#define INTERP(i)    (BASE + 0x100u + 0x100u * (i))
#define TSTATE(i, n) (BASE + 0x1000u + 0x400u * (i) + 0x100u * (n))
#define CFRAME(i, n) (TSTATE(i, n) + 0x80u)
#define FRAME(i, n)  (BASE + 0x2000u + 0x400u * (i) + 0x100u * (n))
#define CODE(i, n)   (0x700000u + 0x1000u * (i) + 0x100u * (n))

static void lay_out(enum abi_frame_kind kind)
{
	memset(memory, 0, sizeof(memory));
	py = (struct abi_py){
		.frame_kind = kind,
		.prev_kind = ABI_PREV_FRAME,
		.interp_head = HEAD,
		.interp_next = 8,
		.interp_tstate_head = 16,
		.tstate_next = 8,
		.tstate_thread_id = 24,
		.tstate_frame = 40,
		.cframe_current_frame = 8,
		.frame_code = 32,
		.frame_prev = 56,
		.code_bytecode = 200,
	};
	put(HEAD, INTERP(0));
	put(INTERP(0) + py.interp_next, INTERP(1));
	for (unsigned i = 0; i < 2; i++) {
		put(INTERP(i) + py.interp_tstate_head, TSTATE(i, 0));
		for (unsigned n = 0; n < 3; n++) {
			put(TSTATE(i, n) + py.tstate_next, n < 2 ? TSTATE(i, n + 1) : 0);
			put(TSTATE(i, n) + py.tstate_thread_id, 100 * i + n);
			if (kind == ABI_FRAME_CFRAME) {
				put(TSTATE(i, n) + py.tstate_frame, CFRAME(i, n));
				put(CFRAME(i, n) + py.cframe_current_frame, FRAME(i, n));
			} else {
				put(TSTATE(i, n) + py.tstate_frame, FRAME(i, n));
			}
			put(FRAME(i, n) + py.frame_code, CODE(i, n));
		}
	}
	wanted = reads = fail_at = 0;
}

static int walk(uint64_t self, struct py_walk *w)
{
	*w = (struct py_walk){ .self = self };
	return py_walk(w);
}

static void test_finds_each_thread(void)
{
	for (int kind = ABI_FRAME_OBJECT; kind <= ABI_FRAME_CURRENT; kind++) {
		lay_out((enum abi_frame_kind)kind);
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned n = 0; n < 3; n++) {
				struct py_walk w;

				wanted = n == 1 ? CODE(i, n) : 1;
				CU_ASSERT_EQUAL(walk(100 * i + n, &w), 0);
				CU_ASSERT_EQUAL(w.found.tstate, TSTATE(i, n));
				CU_ASSERT_EQUAL(w.found.frame, FRAME(i, n));
				CU_ASSERT_EQUAL(w.found.code, CODE(i, n));
				CU_ASSERT_EQUAL(w.wanted, n == 1);
				CU_ASSERT_EQUAL(w.fault, 0);
			}
		}
	}
}

static void test_no_thread(void)
{
	struct py_walk w;

	lay_out(ABI_FRAME_CFRAME);
	CU_ASSERT_EQUAL(walk(55, &w), -ENOENT);
	put(CFRAME(0, 1) + py.cframe_current_frame, 0); /* between two calls */
	CU_ASSERT_EQUAL(walk(1, &w), -ENOENT);
	put(TSTATE(0, 1) + py.tstate_frame, 0);
	CU_ASSERT_EQUAL(walk(1, &w), -ENOENT);
	put(HEAD, 0); /* not initialised */
	CU_ASSERT_EQUAL(walk(2, &w), -ENOENT);
}

static void test_several_states_of_a_thread(void)
{
	struct py_walk w;

	lay_out(ABI_FRAME_CURRENT);
	put(TSTATE(0, 2) + py.tstate_thread_id, 101);
	CU_ASSERT_EQUAL(walk(101, &w), 0); /* none is wanted: the first */
	CU_ASSERT_EQUAL(w.found.tstate, TSTATE(0, 2));
	CU_ASSERT_EQUAL(w.wanted, 0);
	wanted = CODE(1, 1);
	CU_ASSERT_EQUAL(walk(101, &w), 0);
	CU_ASSERT_EQUAL(w.found.tstate, TSTATE(1, 1));
	CU_ASSERT_EQUAL(w.wanted, 1);
	put(TSTATE(0, 2) + py.tstate_frame, 0); /* runs nothing: not even the first */
	wanted = 0;
	CU_ASSERT_EQUAL(walk(101, &w), 0);
	CU_ASSERT_EQUAL(w.found.tstate, TSTATE(1, 1));
}

static void test_tags(void)
{
	struct py_walk w;

	lay_out(ABI_FRAME_CURRENT);
	py.code_tag_mask = 3;
	put(FRAME(0, 0) + py.frame_code, CODE(0, 0) | 1);
	wanted = CODE(0, 0);
	CU_ASSERT_EQUAL(walk(0, &w), 0);
	CU_ASSERT_EQUAL(w.wanted, 1);
}

static void test_a_list_without_end(void)
{
	struct py_walk w;

	lay_out(ABI_FRAME_CURRENT);
	put(TSTATE(0, 2) + py.tstate_next, TSTATE(0, 0));
	CU_ASSERT_EQUAL(walk(101, &w), -ENOENT);
	CU_ASSERT(reads <= 2 * ABI_THREADS_MAX + 1);
	lay_out(ABI_FRAME_CURRENT);
	put(INTERP(0) + py.interp_tstate_head, 0);
	put(INTERP(0) + py.interp_next, INTERP(0));
	CU_ASSERT_EQUAL(walk(101, &w), -ENOENT);
	CU_ASSERT(reads <= 2 * ABI_THREADS_MAX + 1);
}

/* Every read fails once: never another thread's frame, never a success that hides what was not
 * read. */
static void test_every_fault(void)
{
	for (int kind = ABI_FRAME_OBJECT; kind <= ABI_FRAME_CURRENT; kind++) {
		struct py_walk w;
		unsigned all;

		lay_out((enum abi_frame_kind)kind);
		wanted = CODE(1, 2);
		CU_ASSERT_EQUAL(walk(102, &w), 0);
		all = reads;
		CU_ASSERT(all > 10);
		for (fail_at = 1; fail_at <= all; fail_at++) {
			int r;

			reads = 0;
			r = walk(102, &w);
			CU_ASSERT(w.fault);
			CU_ASSERT(r == -EFAULT || (!r && w.found.tstate == TSTATE(1, 2) &&
						   w.found.code == CODE(1, 2)));
		}
	}
}

/* Pointers that are anything at all. */
static void test_garbage(void)
{
	srand(1);
	for (int round = 0; round < 3000; round++) {
		struct py_walk w;
		int r;

		lay_out((enum abi_frame_kind)(1 + rand() % 3));
		for (int i = 0; i < 8; i++)
			put(BASE + 8 * ((unsigned)rand() % (SIZE / 8)),
			    rand() % 2 ? BASE + (unsigned)rand() % SIZE
				       : (uint64_t)rand() * (uint64_t)rand());
		memory[rand() % SIZE] ^= (uint8_t)(1 << rand() % 8);
		reads = 0;
		r = walk((uint64_t)(100 * (rand() % 2) + rand() % 3), &w);
		CU_ASSERT(r == 0 || r == -ENOENT || r == -EFAULT);
		CU_ASSERT((r == 0) == (w.found.tstate != 0));
		CU_ASSERT(reads <= 6 * ABI_THREADS_MAX + 1);
	}
}

static void test_frame_of(void)
{
	struct py_frame f = { 0 };

	lay_out(ABI_FRAME_CURRENT);
	CU_ASSERT_EQUAL(py_frame_of(TSTATE(0, 1), 1, &f), 0);
	CU_ASSERT_EQUAL(py_frame_of(TSTATE(0, 1), 2, &f),
			-ENOENT); /* the memory is another thread's now */
	CU_ASSERT_EQUAL(py_frame_of(0x500, 1, &f), -EFAULT);
}

static void test_previous(void)
{
	struct py_frame f = { .frame = FRAME(0, 0), .code = CODE(0, 0) };
	uint64_t start;
	s32 prev = 99;

	lay_out(ABI_FRAME_CURRENT);
	start = CODE(0, 0) + py.code_bytecode;
	put(FRAME(0, 0) + py.frame_prev, start + 46);
	CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
	CU_ASSERT_EQUAL(prev, 46);
	put(FRAME(0, 0) + py.frame_prev, start - 2);
	CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
	CU_ASSERT_EQUAL(prev, PY_PREV_NONE);
	put(FRAME(0, 0) + py.frame_prev, start - 4);
	CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
	CU_ASSERT_EQUAL(prev, PY_PREV_UNKNOWN);
	put(FRAME(0, 0) + py.frame_prev, start + 0x80000000u);
	CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
	CU_ASSERT_EQUAL(prev, PY_PREV_UNKNOWN);
	fail_at = reads + 1;
	CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), -EFAULT);
	fail_at = 0;
	for (py.prev_scale = 1; py.prev_scale <= 2; py.prev_scale++) {
		put(FRAME(0, 0) + py.frame_prev, 0x1200000003); /* an int */
		CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
		CU_ASSERT_EQUAL(prev, 3 * (int)py.prev_scale);
		put(FRAME(0, 0) + py.frame_prev, 0x12ffffffff);
		CU_ASSERT_EQUAL(py_prev_in_frame(&f, &prev), 0);
		CU_ASSERT_EQUAL(prev, PY_PREV_NONE);
	}
}

static void test_frame_in_a_register(void)
{
	struct py_walk w = { .found.tstate = TSTATE(0, 0) };
	struct py_frame f = { 0 };

	lay_out(ABI_FRAME_CURRENT);
	py.code_tag_mask = 3;
	wanted = CODE(0, 1);
	put(FRAME(0, 1) + py.frame_code, CODE(0, 1) | 1);
	put(FRAME(0, 1) + py.frame_prev, CODE(0, 1) + py.code_bytecode + 2);
	CU_ASSERT(!py_frame_in_reg(&w, 0, &f));
	CU_ASSERT(!py_frame_in_reg(&w, FRAME(0, 2), &f)); /* of other code */
	CU_ASSERT(!py_frame_in_reg(&w, FRAME(0, 1) + 4, &f));
	CU_ASSERT_EQUAL(f.frame, 0);
	CU_ASSERT(py_frame_in_reg(&w, FRAME(0, 1), &f));
	CU_ASSERT(f.frame == FRAME(0, 1) && f.code == CODE(0, 1) && f.tstate == TSTATE(0, 0));
	put(FRAME(0, 1) + py.frame_prev,
	    FRAME(0, 0)); /* something else that happens to hold the code's address */
	CU_ASSERT(!py_frame_in_reg(&w, FRAME(0, 1), &f));
	for (fail_at = 1; fail_at <= 2; fail_at++) {
		reads = 0;
		CU_ASSERT(!py_frame_in_reg(&w, FRAME(0, 1), &f));
	}
}

static void test_redispatch(void)
{
	lay_out(ABI_FRAME_CFRAME);
	CU_ASSERT(!py_is_redispatch(4, 4)); /* up to 3.10 the frame always stands there */
	py.redispatch = 1;
	CU_ASSERT(py_is_redispatch(4, 4));
	CU_ASSERT(!py_is_redispatch(4, 2));
	CU_ASSERT(py_is_redispatch(0, 0));
	py.frame_kind = ABI_FRAME_CURRENT; /* 3.13: a new frame stands on 0 */
	CU_ASSERT(!py_is_redispatch(0, 0));
	CU_ASSERT(py_is_redispatch(4, 4));
}

static void test_drop(void)
{
	struct abi_place p = { .ndrop = 2, .drop = { { 4, 8 }, { -1, -1 }, { 100, 200 } } };

	CU_ASSERT(!py_is_dropped(&p, 3));
	CU_ASSERT(py_is_dropped(&p, 4));
	CU_ASSERT(py_is_dropped(&p, 8));
	CU_ASSERT(!py_is_dropped(&p, 9));
	CU_ASSERT(py_is_dropped(&p, PY_PREV_NONE));
	CU_ASSERT(!py_is_dropped(&p, PY_PREV_UNKNOWN));
	CU_ASSERT(!py_is_dropped(&p, 150));
	p.ndrop = 1000;
	CU_ASSERT(py_is_dropped(&p, 150));
	CU_ASSERT(!py_is_dropped(&p, 300));
}

static void test_eval(void)
{
	lay_out(ABI_FRAME_CURRENT);
	py.eval[0].start = 100, py.eval[0].end = 200;
	py.eval[1].start = 300, py.eval[1].end = 400;
	py.eval_n = 1;
	CU_ASSERT(!py_is_eval(100)); /* the reader was before the range */
	CU_ASSERT(py_is_eval(101));
	CU_ASSERT(py_is_eval(200));
	CU_ASSERT(!py_is_eval(201));
	CU_ASSERT(!py_is_eval(350));
	py.eval_n = 2;
	CU_ASSERT(py_is_eval(350));
	py.eval_n = 1000;
	CU_ASSERT(!py_is_eval(500));
}

/* The same as frame_of and the rest, in fewer reads; whatever fails, it is the same or "ask them".
 */
static void test_look(void)
{
	for (int kind = ABI_FRAME_OBJECT; kind <= ABI_FRAME_CURRENT; kind++) {
		struct py_frame want = { 0 }, got = { 0 };
		struct py_look look = { 0 };
		s32 prev, prev_look;
		u64 slot = 0;
		unsigned all;

		lay_out((enum abi_frame_kind)kind);
		obj = (struct abi_obj){ .frame_slots = 64 };
		put(FRAME(1, 2) + 64 + 8, 0x1234);
		put(FRAME(1, 2) + py.frame_prev, CODE(1, 2) + py.code_bytecode + 6);
		CU_ASSERT_EQUAL(py_frame_of(TSTATE(1, 2), 102, &want), 0);
		all = reads;
		reads = 0;
		CU_ASSERT_EQUAL(py_frame_look(TSTATE(1, 2), 102, &got, &look), 0);
		CU_ASSERT(reads < all);
		CU_ASSERT_EQUAL(memcmp(&want, &got, sizeof(want)), 0);
		CU_ASSERT_EQUAL(look_frame_at(&look, got.frame, 72, &slot), 1);
		CU_ASSERT_EQUAL(slot, 0x1234);
		CU_ASSERT_EQUAL(look_frame_at(&look, got.frame + 8, 72, &slot), 0);
		CU_ASSERT_EQUAL(look_frame_at(&look, got.frame, 4096, &slot), 0);
		CU_ASSERT_EQUAL(py_prev_in_frame(&got, &prev), 0);
		CU_ASSERT_EQUAL(py_prev_look(&got, &look, &prev_look), 0);
		CU_ASSERT_EQUAL(prev, prev_look);
		CU_ASSERT_EQUAL(py_frame_look(TSTATE(1, 2), 103, &got, &look), -ENOENT);
		CU_ASSERT_EQUAL(look_frame_at(&look, want.frame, 72, &slot), 0);
		all = reads;
		for (unsigned n = 1; n <= 4; n++) {
			int r;

			reads = 0;
			fail_at = n;
			r = py_frame_look(TSTATE(1, 2), 102, &got, &look);
			fail_at = 0;
			CU_ASSERT(r == -EAGAIN || r == 0);
			CU_ASSERT(r || !memcmp(&want, &got, sizeof(want)));
		}
		put(TSTATE(1, 2) + py.tstate_frame, 0);
		CU_ASSERT_EQUAL(py_frame_look(TSTATE(1, 2), 102, &got, &look), -ENOENT);
	}
	obj = (struct abi_obj){ 0 };
}

static const struct cu_test tests[] = {
	CU_T(test_finds_each_thread),
	CU_T(test_no_thread),
	CU_T(test_several_states_of_a_thread),
	CU_T(test_tags),
	CU_T(test_a_list_without_end),
	CU_T(test_every_fault),
	CU_T(test_garbage),
	CU_T(test_frame_of),
	CU_T(test_previous),
	CU_T(test_frame_in_a_register),
	CU_T(test_redispatch),
	CU_T(test_drop),
	CU_T(test_eval),
	CU_T(test_look),
};

int main(int argc, char **argv)
{
	return CU_MAIN("py_walk", tests, argc, argv);
}
