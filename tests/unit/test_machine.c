// SPDX-License-Identifier: BSD-2-Clause
/* One instruction at a time: its length, where it leads, and what a uprobe on it would cost. */
#include <string.h>

#include "bpf/abi.h"
#include "lib_cu.h"
#include "probes/cpython/machine.h"

#define AT 0x1000u

static const struct {
	const char *what;
	uint8_t bytes[MACHINE_MAX], len;
	uint8_t flow;
	bool emulated;
	uint64_t target;
} known[] = {
	{ "push %r15", { 0x41, 0x57 }, 2, MACHINE_NEXT, true, 0 },
	{ "push %rbx", { 0x53 }, 1, MACHINE_NEXT, true, 0 },
	{ "nop", { 0x90 }, 1, MACHINE_NEXT, true, 0 },
	{ "je short", { 0x74, 0x10 }, 2, MACHINE_COND, true, AT + 0x12 },
	{ "jne near", { 0x0f, 0x85, 0xfa, 0xff, 0xff, 0xff }, 6, MACHINE_COND, true, AT },
	{ "jmp short", { 0xeb, 0xfe }, 2, MACHINE_JUMP, true, AT },
	{ "jmp near", { 0xe9, 1, 0, 0, 0 }, 5, MACHINE_JUMP, true, AT + 6 },
	{ "call near", { 0xe8, 0, 0, 0, 0 }, 5, MACHINE_NEXT, true, 0 },
	{ "jrcxz", { 0xe3, 0x02 }, 2, MACHINE_COND, false, AT + 4 },
	{ "xchg %rax,%r8", { 0x49, 0x90 }, 2, MACHINE_NEXT, false, 0 },
	{ "push imm", { 0x68, 0, 0, 0, 0 }, 5, MACHINE_NEXT, false, 0 },
	{ "endbr64", { 0xf3, 0x0f, 0x1e, 0xfa }, 4, MACHINE_NEXT, false, 0 },
	{ "jmp *%rax", { 0xff, 0xe0 }, 2, MACHINE_END, false, 0 },
	{ "jmp *tbl(,%rax,8)", { 0xff, 0x24, 0xc7 }, 3, MACHINE_END, false, 0 },
	{ "ret", { 0xc3 }, 1, MACHINE_END, false, 0 },
	{ "int3", { 0xcc }, 1, MACHINE_END, false, 0 },
	{ "ud2", { 0x0f, 0x0b }, 2, MACHINE_END, false, 0 },
};

static void test_known(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct machine_instr in;
		int r = machine_decode(known[i].bytes, MACHINE_MAX, AT, &in);

		if (r || in.len != known[i].len || in.flow != known[i].flow ||
		    in.emulated != known[i].emulated || in.target != known[i].target)
			fprintf(stderr, "%s\n", known[i].what);
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(in.at, AT);
		CU_ASSERT_EQUAL(in.len, known[i].len);
		CU_ASSERT_EQUAL(in.flow, known[i].flow);
		CU_ASSERT_EQUAL(in.emulated, known[i].emulated);
		CU_ASSERT_EQUAL(in.target, known[i].target);
		/* Cut short it is no instruction. */
		CU_ASSERT_EQUAL(machine_decode(known[i].bytes, known[i].len - 1u, AT, &in),
				-EINVAL);
	}
}

static void test_registers(void)
{
	static const uint8_t store[] = { 0x4c, 0x89, 0x7b, 0x38 }; /* mov %r15,0x38(%rbx) */
	static const uint8_t store0[] = { 0x48, 0x89, 0x03 };	   /* mov %rax,(%rbx) */
	static const uint8_t store4[] = { 0x89, 0x43, 0x38 };	   /* mov %eax,0x38(%rbx) */
	static const uint8_t load[] = { 0x48, 0x8b, 0x7b, 0x20 };  /* mov 0x20(%rbx),%rdi */
	static const uint8_t add[] = { 0x49, 0x83, 0xc7, 0x02 };   /* add $2,%r15 */
	static const uint8_t low[] = { 0x30, 0xc0 };		   /* xor %al,%al */
	static const uint8_t call[] = { 0xe8, 0, 0, 0, 0 };
	static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	static const uint8_t nop4[] = { 0x0f, 0x1f, 0x40, 0x00 };
	struct machine_instr in;

	CU_ASSERT_EQUAL(machine_decode(store, sizeof(store), AT, &in), 0);
	CU_ASSERT_EQUAL(in.store_base, ABI_REG_BX);
	CU_ASSERT_EQUAL(in.store_value, ABI_REG_15);
	CU_ASSERT_EQUAL(in.store_offset, 0x38);
	CU_ASSERT_EQUAL(in.writes, 0);
	CU_ASSERT_EQUAL(machine_decode(store0, sizeof(store0), AT, &in), 0);
	CU_ASSERT_EQUAL(in.store_base, ABI_REG_BX);
	CU_ASSERT_EQUAL(in.store_offset, 0);
	CU_ASSERT_EQUAL(machine_decode(store4, sizeof(store4), AT, &in), 0);
	CU_ASSERT_EQUAL(in.store_base, ABI_REG_NONE);
	CU_ASSERT_EQUAL(machine_decode(load, sizeof(load), AT, &in), 0);
	CU_ASSERT_EQUAL(in.store_base, ABI_REG_NONE);
	CU_ASSERT_EQUAL(in.writes, 1u << ABI_REG_DI);
	CU_ASSERT_EQUAL(machine_decode(add, sizeof(add), AT, &in), 0);
	CU_ASSERT_EQUAL(in.writes, 1u << ABI_REG_15);
	CU_ASSERT_EQUAL(machine_decode(low, sizeof(low), AT, &in), 0);
	CU_ASSERT_EQUAL(in.writes, 1u << ABI_REG_AX);
	CU_ASSERT_EQUAL(machine_decode(call, sizeof(call), AT, &in), 0);
	CU_ASSERT_TRUE(in.call);
	CU_ASSERT_TRUE(in.writes & 1u << ABI_REG_DI);
	CU_ASSERT_FALSE(in.writes & 1u << ABI_REG_BX);
	CU_ASSERT_EQUAL(machine_decode(nop5, sizeof(nop5), AT, &in), 0);
	CU_ASSERT_TRUE(in.forbidden);
	CU_ASSERT_EQUAL(machine_decode(nop4, sizeof(nop4), AT, &in), 0);
	CU_ASSERT_FALSE(in.forbidden);
}

static const struct cu_test tests[] = { CU_T(test_known), CU_T(test_registers) };

int main(int argc, char **argv)
{
	return CU_MAIN("machine", tests, argc, argv);
}
