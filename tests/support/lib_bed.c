// SPDX-License-Identifier: BSD-2-Clause
#include "lib_bed.h"

#include <signal.h>
#include <stdio.h>

#include "base/err.h"
#include "lib_cu.h"

bool bed_init(struct bed *b)
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
	b->addr = fake_py_byte(b->fp, 0, BED_OFFSET);
	b->code = (uintptr_t)&b->m->codes[0];
	return true;
}

bool bed_open(struct bed *b, enum trace_scope scope)
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

void bed_deinit(struct bed *b)
{
	trace_free(b->tr);
	fake_py_free(b->fp);
}

struct abi_place bed_place(enum abi_action action)
{
	return (struct abi_place){ .id = 7, .action = action, .offset = BED_OFFSET };
}

bool bed_arm(struct bed *b, const struct abi_place *p)
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

bool bed_armed(struct bed *b, enum trace_scope scope, const struct abi_place *p)
{
	if (!bed_init(b) || !bed_open(b, scope))
		return false;
	if (bed_arm(b, p))
		return true;
	bed_deinit(b);
	return false;
}

uint64_t bed_hits(struct bed *b)
{
	uint64_t n = ~0ull;

	CU_ASSERT_EQUAL(trace_place_hits(b->tr, b->addr, b->code, &n), 0);
	return n;
}

uint64_t bed_stat(struct bed *b, enum abi_stat which)
{
	uint64_t all[ABI_STAT_MAX];

	CU_ASSERT_EQUAL(trace_stats(b->tr, all), 0);
	return all[which];
}

void bed_reads(struct bed *b, enum fake_op op, uint64_t n)
{
	CU_ASSERT(fake_py_do(b->fp, op, n, b->addr));
}

static void keep(void *priv, const struct abi_hit *hit)
{
	struct bed *b = priv;

	b->last = *hit;
	b->records++;
}

int bed_consume(struct bed *b)
{
	const struct trace_sink sink = { .hit = keep, .priv = b };

	return trace_consume(b->tr, &sink);
}
