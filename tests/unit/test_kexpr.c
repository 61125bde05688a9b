// SPDX-License-Identifier: BSD-2-Clause
/* The kernel's machine for expressions, as host code, over the memory of a real interpreter: that
 * memory lies, or cannot be read, or the program is none that we would make. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "engine/expr.h"
#include "engine/kexpr.h"
#include "lib_cu.h"
#include "lib_image.h"
#include "lib_interpreters.h"
#include "lib_kexpr.h"
#include "probes/probe.h"
#include "target/target.h"

#define READS_MAX 8192 /* of one evaluation: no more than its steps can make */
#define ROUNDS	  1500
#define KINDS	  2 /* of programs: for frames of the code, for frames of any */

/* Names are those of tests/targets/expr_values.py, in its frame(). */
static const struct {
	const char *text;
	int want; /* 0, 1, -errno */
} cases[] = {
	{ "i1 == 1", 1 },
	{ "im7 < -6.5 < i300", 1 },
	{ "ibig > 5 and ihuge < -5", 1 },
	{ "f15 == 1.5 and fnan != fnan", 1 },
	{ "d1['a'] == 1 and d1['c']['x'] == 'y'", 1 },
	{ "dbig['2999'] == 2999", 1 },
	{ "p.a == 1 and p2.b['k'] == 1", 1 },
	{ "p.kind == 'plain'", 1 },
	{ "sl0ts.x < 5", 0 },
	{ "g_int + i1 == 8", 1 },
	{ "len(l1) == 3 and not l0", 1 },
	{ "lbig[-1] == 4999 and t2[1] == 'a'", 1 },
	{ "isinstance(p2, (int, Plain))", 1 },
	{ "isinstance(p, Child)", 0 },
	{ "type(t) is bool", 1 },
	{ "s1 == 'hello' and s1.startswith('he') and s1 < 'i'", 1 },
	{ "sacc == 'h\\xe9llo' and semo > sacc[0:0]", -EOPNOTSUPP },
	{ "2 in l1 and 'b' in d1 and 'z' not in d1", 1 },
	{ "cell[0] == 10", 1 },
	{ "b1 == b'x'", 0 },
	{ "nosuch", -ENOENT },
	{ "p.nosuch", -ENOENT },
	{ "l1[99]", -ENOENT },
	{ "n + 1", -EINVAL },
	{ "angry == 1", -EOPNOTSUPP },
	{ "p.prop", -EOPNOTSUPP },
	{ "miss['b']", -EOPNOTSUPP },
};
#define NCASES (sizeof(cases) / sizeof(cases[0]))

struct bed {
	pid_t pid;
	int out;
	struct target *target;
	struct image *image;
	struct interp *in;
	uint64_t frame, code;
	struct abi_obj obj;
	struct abi_prog progs[KINDS * NCASES];
	struct kexpr_host host;
};

static void bed_end(struct bed *b)
{
	probes_close(b->in);
	image_free(b->image);
	target_free(b->target);
	interpreter_end(b->pid, b->out);
}

static int bed_frame(struct bed *b)
{
	struct interp_thread *threads = NULL;
	struct interp_frame *frames = NULL;
	size_t n;
	int r = b->in->ops->threads(b->in, &threads, &n);

	if (!r && n)
		r = b->in->ops->frames(b->in, threads[0].tstate, 1, &frames, &n);
	if (!r && n) {
		b->frame = frames[0].frame;
		b->code = frames[0].code;
	}
	free(threads);
	free(frames);
	return r;
}

static int want(size_t i)
{
	return cases[i % NCASES].want;
}

static int compile_all(struct bed *b)
{
	for (size_t i = 0; i < KINDS * NCASES; i++) {
		const char *text = cases[i % NCASES].text;
		struct expr *e = NULL;
		struct err err = { 0 };
		int r = expr_parse(text, &err, &e);

		if (!r)
			r = kexpr_compile(e, b->in, i < NCASES ? b->code : 0, &err, &b->progs[i]);
		expr_free(e);
		if (r == -EOPNOTSUPP && want(i) == r)
			b->progs[i].ninsns = 0;
		else if (r) {
			fprintf(stderr, "%s: %s\n", text, err.text);
			return r;
		}
	}
	return 0;
}

static int bed_start(struct bed *b, const struct interpreter *it)
{
	static const char *const argv[] = { "tests/targets/expr_values.py", NULL };
	struct probe_env env = { .cwd = "/" };
	struct err err = { 0 };
	char line[64];
	int r;

	*b = (struct bed){ .out = -1 };
	b->pid = interpreter_start(it, argv, &b->out);
	if (b->pid < 0)
		return (int)b->pid;
	r = interpreter_line(b->out, line, sizeof(line), 20000);
	if (!r)
		r = target_open(b->pid, &err, &b->target);
	if (!r) {
		b->image = image_new(target_mem(b->target));
		env.pid = b->pid;
		r = b->image ? probes_open(image_mem(b->image), target_sym(b->target), &env, &err,
					   &b->in)
			     : -ENOMEM;
	}
	if (!r)
		r = bed_frame(b);
	if (!r)
		r = b->in->ops->kernel_objects(b->in, &b->obj);
	if (!r)
		r = compile_all(b);
	b->host = (struct kexpr_host){ .mem = image_mem(b->image), .obj = &b->obj };
	if (r)
		fprintf(stderr, "%s: %s (%d)\n", it->name, err.text, r);
	return r;
}

static int truth(struct bed *b, size_t i, uint64_t fail_at)
{
	if (!b->progs[i].ninsns)
		return want(i);
	b->host.reads = 0;
	b->host.fail_at = fail_at;
	return kexpr_host_truth(&b->host, &b->progs[i], b->frame);
}

static void check_answers(struct bed *b)
{
	for (int again = 0; again < 2; again++) /* the second time with what was learnt */
		for (size_t i = 0; i < KINDS * NCASES; i++) {
			int r = truth(b, i, 0);

			CU_ASSERT_EQUAL(r, want(i));
			if (r != want(i))
				fprintf(stderr, "%s: %d\n", cases[i % NCASES].text, r);
		}
}

/* Whatever read fails: the answer is the right one, or there is none. */
static void check_faults(struct bed *b)
{
	for (size_t i = 0; i < KINDS * NCASES; i++) {
		uint64_t reads;

		kexpr_host_forget();
		truth(b, i, 0);
		reads = b->host.reads;
		for (uint64_t n = 1; n <= reads; n++) {
			int r;

			kexpr_host_forget();
			r = truth(b, i, n);
			CU_ASSERT(r < 0 || r == want(i));
			if (r >= 0 && r != want(i))
				fprintf(stderr, "%s, read %u: %d\n", cases[i % NCASES].text,
					(unsigned)n, r);
		}
	}
}

static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Words that an evaluation has read are made wrong: it ends, and says something that is allowed. */
static void check_lies(struct bed *b)
{
	uint64_t seed = 88172645463325252ull, at, other, word;

	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t i = random_u64(&seed) % (KINDS * NCASES);
		int r;

		kexpr_host_forget();
		image_log(b->image, true);
		truth(b, i, 0);
		for (unsigned n = random_u64(&seed) % 3; n < 3; n++) {
			if (!image_logged(b->image, random_u64(&seed), &at) ||
			    !image_logged(b->image, random_u64(&seed), &other))
				continue;
			if (mem_u64(image_mem(b->image), at, &word))
				continue;
			switch (random_u64(&seed) % 5) {
			case 0:
				word ^= 1ull << random_u64(&seed) % 64;
				break;
			case 1:
				word = ~0ull >> random_u64(&seed) % 64;
				break;
			case 2:
				word = other & ~7ull; /* leads back */
				break;
			case 3:
				word = 0;
				break;
			default:
				word = random_u64(&seed);
			}
			image_write(b->image, at, &word, sizeof(word));
		}
		image_log(b->image, false);
		r = truth(b, i, 0);
		CU_ASSERT(r >= -4095 && r <= 1);
		CU_ASSERT(b->host.reads < READS_MAX);
		image_restore(b->image);
	}
}

static void each(void (*check)(struct bed *b))
{
	struct interpreter *its;
	size_t n, ran = 0;

	CU_ASSERT_EQUAL_FATAL(interpreters_find(&its, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct bed b;

		/* Those of other roots have not this folder. */
		if (!its[i].supported || *its[i].root)
			continue;
		if (bed_start(&b, &its[i])) {
			CU_FAIL("the interpreter was not read");
		} else {
			check(&b);
			ran++;
		}
		bed_end(&b);
	}
	free(its);
	CU_ASSERT(ran > 0);
}

static void test_answers(void)
{
	each(check_answers);
}

static void test_faults(void)
{
	each(check_faults);
}

static void test_lies(void)
{
	each(check_lies);
}

/* ---- programs that nobody has made ---- */

static void nothing(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done)
{
	(void)priv;
	(void)addr;
	(void)buf;
	(void)len;
	*ret_done = 0;
}

static int run(const struct abi_insn *insns, size_t n)
{
	static const struct mem_ops ops = { .read = nothing };
	struct mem mem = { .ops = &ops };
	struct abi_obj obj = { 0 };
	struct kexpr_host host = { .mem = &mem, .obj = &obj };
	struct abi_prog p = { .size = sizeof(p), .ninsns = (uint32_t)n };

	p.consts[0] = (struct abi_const){ .kind = ABI_CONST_INT, .bits = 1 };
	p.consts[1] =
		(struct abi_const){ .kind = ABI_CONST_STR, .text = ~0u, .len = ~0u, .width = 9 };
	memcpy(p.insns, insns, n * sizeof(*insns));
	return kexpr_host_truth(&host, &p, 0x10000);
}

static void test_programs(void)
{
	struct abi_insn pushes[ABI_EXPR_INSNS] = { 0 };
	uint64_t seed = 7;

	/* It goes round for ever; it never ends; it fills the stack. */
	CU_ASSERT_EQUAL(run((struct abi_insn[]){ { ABI_OP_JUMP, 0, 0, 0 } }, 1), -E2BIG);
	for (size_t i = 0; i < ABI_EXPR_INSNS; i++)
		pushes[i].op = ABI_OP_CONST;
	CU_ASSERT_EQUAL(run(pushes, ABI_EXPR_INSNS), -E2BIG);
	for (size_t i = 0; i < ABI_EXPR_INSNS; i++)
		pushes[i] = (struct abi_insn){ ABI_OP_JUMP, 0, 0, (uint32_t)i + 1 };
	CU_ASSERT_EQUAL(run(pushes, ABI_EXPR_INSNS), -EINVAL);
	CU_ASSERT_EQUAL(run((struct abi_insn[]){ { 200, 0, 0, 0 } }, 1), -EINVAL);
	for (unsigned round = 0; round < 20000; round++) {
		int r;

		for (size_t i = 0; i < ABI_EXPR_INSNS; i++)
			pushes[i] =
				(struct abi_insn){ random_u64(&seed) % (ABI_OP_MAX + 2),
						   random_u64(&seed) % 12, random_u64(&seed) % 40,
						   random_u64(&seed) % 70 };
		r = run(pushes, ABI_EXPR_INSNS);
		CU_ASSERT(r >= -4095 && r <= 1);
	}
}

static const struct cu_test tests[] = {
	CU_T(test_answers),
	CU_T(test_faults),
	CU_T(test_lies),
	CU_T(test_programs),
};

int main(int argc, char **argv)
{
	return CU_MAIN("kexpr", tests, argc, argv);
}
