// SPDX-License-Identifier: BSD-2-Clause
/* Watched memory, live, on a child that looks like an interpreter. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "lib_cu.h"
#include "lib_fake_py.h"
#include "trace/trace.h"

struct seen {
	struct abi_hit last;
	unsigned n;
};

static void on_hit(void *priv, const struct abi_hit *hit)
{
	struct seen *s = priv;

	s->last = *hit;
	s->n++;
}

static struct trace *begin(struct fake_py **ret)
{
	struct trace_options opt = { .scope = TRACE_SCOPE_CPU, .stop_signal = SIGURG };
	struct err err = { 0 };
	struct trace *tr = NULL;
	struct abi_py py;

	if (geteuid()) {
		cu_skip("needs root");
		return NULL;
	}
	*ret = fake_py_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(*ret);
	fake_py_facts(*ret, &py);
	opt.pid = fake_py_pid(*ret);
	opt.py = &py;
	CU_ASSERT_EQUAL(trace_open(&opt, &err, &tr), 0);
	if (!tr) {
		fprintf(stderr, "%s\n", err.text);
		fake_py_free(*ret);
	}
	return tr;
}

static void test_writes(bool thread)
{
	const struct abi_data data = { .id = 42, .action = ABI_ACT_COUNT };
	struct fake_py *fp;
	struct trace *tr = begin(&fp);
	struct seen seen = { 0 };
	const struct trace_sink sink = { .hit = on_hit, .priv = &seen };
	struct trace_spec spec = { .handler = TRACE_HANDLER_DATA, .len = 8, .write = true };
	struct fake_memory *m;
	struct err err = { 0 };
	uint64_t at;

	if (!tr)
		return;
	m = fake_py_memory(fp);
	at = (uintptr_t)&m->frames[3].previous;
	spec.addr = at;
	spec.tid = thread ? fake_py_pid(fp) : 0;
	CU_ASSERT_EQUAL(trace_data_set(tr, at, &data), 0);
	CU_ASSERT_EQUAL(trace_arm(tr, &spec, &err), 0);
	CU_ASSERT_EQUAL(trace_arm(tr, &spec, &err), 0);
	CU_ASSERT(fake_py_do(fp, FAKE_PEEK, 10, at));	   /* reads do not count */
	CU_ASSERT(fake_py_do(fp, FAKE_WRITE, 10, at - 8)); /* nor do the neighbours */
	CU_ASSERT(fake_py_do(fp, FAKE_WRITE, 25, at));
	CU_ASSERT(trace_consume(tr, &sink) >= 0);
	CU_ASSERT_EQUAL(seen.n, 25);
	CU_ASSERT_EQUAL(seen.last.h.kind, ABI_REC_DATA);
	CU_ASSERT_EQUAL(seen.last.place, 42);
	CU_ASSERT_EQUAL(seen.last.addr, at);
	CU_ASSERT_EQUAL(seen.last.tid, (unsigned)fake_py_pid(fp));
	CU_ASSERT_EQUAL(seen.last.frame, (uintptr_t)&m->frames[0]);
	/* The same address with another handler is another watchpoint. */
	CU_ASSERT_EQUAL(trace_unwatch(tr, at), -ENOENT);
	CU_ASSERT_EQUAL(trace_disarm(tr, TRACE_HANDLER_DATA, at), 0);
	CU_ASSERT_EQUAL(trace_disarm(tr, TRACE_HANDLER_DATA, at), -ENOENT);
	CU_ASSERT(fake_py_do(fp, FAKE_WRITE, 25, at));
	CU_ASSERT_EQUAL(trace_consume(tr, &sink), 0);
	spec.addr = at + 1;
	CU_ASSERT_EQUAL(trace_arm(tr, &spec, &err), -EINVAL);
	trace_free(tr);
	fake_py_free(fp);
}

static void test_cpu(void)
{
	test_writes(false);
}

static void test_one_thread(void)
{
	test_writes(true);
}

static const struct cu_test tests[] = {
	CU_T(test_cpu),
	CU_T(test_one_thread),
};

int main(int argc, char **argv)
{
	return CU_MAIN("trace_data", tests, argc, argv);
}
