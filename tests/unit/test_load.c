// SPDX-License-Identifier: BSD-2-Clause
/* What is said when the kernel does not take a BPF program: the kernel's own verifier, on a program
 * that it must refuse. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "base/err.h"
#include "halt.skel.h"
#include "lib_cu.h"
#include "trace/load.h"

#define INSNS 64

/* Let it end with what is in a register that it has never set. */
static void spoil(struct bpf_program *prog)
{
	struct bpf_insn insns[INSNS];
	size_t n = bpf_program__insn_cnt(prog);

	CU_ASSERT_FATAL(n > 1 && n <= INSNS);
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	CU_ASSERT_EQUAL(insns[n - 1].code, BPF_JMP | BPF_EXIT);
	insns[n - 2] =
		(struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .src_reg = BPF_REG_9 };
	CU_ASSERT_EQUAL(bpf_program__set_insns(prog, insns, n), 0);
}

static int load(bool spoilt, uid_t uid, struct err *err)
{
	struct halt_bpf *skel = halt_bpf__open();
	int r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(skel);
	if (spoilt)
		spoil(skel->progs.halt);
	if (uid)
		CU_ASSERT_EQUAL(seteuid(uid), 0);
	r = load_skeleton(skel->skeleton, "pid 42: ", err);
	if (uid)
		CU_ASSERT_EQUAL(seteuid(0), 0);
	halt_bpf__destroy(skel);
	return r;
}

static void test_loads(void)
{
	struct err err = { 0 };

	if (geteuid())
		return cu_skip("needs root");
	CU_ASSERT_EQUAL(load(false, 0, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void test_verifier(void)
{
	struct err err = { 0 };

	if (geteuid())
		return cu_skip("needs root");
	CU_ASSERT_EQUAL(load(true, 0, &err), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(err.code, -EOPNOTSUPP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "pid 42: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "verifier"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'halt'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "R9 !read_ok")); /* the reason, not the figures */
	CU_ASSERT_PTR_NULL(strstr(err.text, "processed"));
	CU_ASSERT_PTR_NULL(strstr(err.text, "root"));
	CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
}

static void test_no_rights(void)
{
	struct err err = { 0 };

	if (geteuid())
		return cu_skip("needs root");
	CU_ASSERT_EQUAL(load(false, 65534, &err), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "run as root"));
}

static const struct cu_test tests[] = {
	CU_T(test_loads),
	CU_T(test_verifier),
	CU_T(test_no_rights),
};

int main(int argc, char **argv)
{
	return CU_MAIN("load", tests, argc, argv);
}
