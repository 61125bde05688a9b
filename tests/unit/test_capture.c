// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel side's copying of objects, as host code over the memory of real interpreters, and the
 * readers over what it copied: what they show is what the program says of itself, or "..." where a
 * limit cut. Then the same with memory that lies or cannot be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "engine/capture.h"
#include "lib_cu.h"
#include "lib_hex.h"
#include "lib_interpreters.h"
#include "lib_values.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

static struct abi_py py;
static struct abi_layout lay;
static struct mem *memory;
static struct interp_recipe recipes[64];
static size_t nrecipes;
static unsigned reads, fail_every; /* each so many-th read fails; 0: none */
static unsigned lie_every;	   /* each so many-th read gives random bytes */

static int read_user(void *dst, uint32_t size, uint64_t addr)
{
	reads++;
	if (fail_every && reads % fail_every == 0)
		return -EFAULT;
	if (mem_read(memory, addr, dst, size) < 0)
		return -EFAULT;
	for (uint32_t i = 0; lie_every && reads % lie_every == 0 && i < size; i++)
		((uint8_t *)dst)[i] = (uint8_t)(rand() >> 7);
	return 0;
}

#define read_user_by_helper read_user

static long read_loop(uint32_t n, long (*fn)(uint32_t, void *), void *ctx)
{
	uint32_t i = 0;

	while (i < n && !fn(i, ctx))
		i++;
	return i;
}

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#include "bpf/capture_frames.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	(void)code;
	return 0;
}

static __always_inline u32 cap_recipe_at(u64 type)
{
	for (size_t i = 0; i < nrecipes; i++)
		if (recipes[i].type == type)
			return recipes[i].recipe;
	return ABI_RECIPE_NONE;
}

#define SHOWN 12
#define LEVEL 6

static const struct value_limits limits = {
	.depth = LEVEL - 1, .items = 100, .bytes = 2000, .total = 100000
};

struct run {
	const struct interpreter *it;
	struct values_run run;
	struct cap *cap;
	struct capture capture;
	unsigned checked, wrong, whole;
};

static void run_end(struct run *r)
{
	values_end(&r->run);
	free(r->cap);
}

static int run_start(struct run *r, const struct interpreter *it)
{
	int e;

	*r = (struct run){ .it = it, .cap = calloc(1, sizeof(*r->cap)) };
	e = values_open(it, &r->run);
	if (e < 0)
		return e;
	memory = target_mem(r->run.target);
	r->run.interp->ops->kernel(r->run.interp, &py);
	r->run.interp->ops->layout(r->run.interp, &lay);
	nrecipes = r->run.interp->ops->recipes(r->run.interp, recipes, 64);
	return 0;
}

static void begin(struct cap *c)
{
	c->epoch++;
	c->limit = ABI_CAPTURE_MAX;
	c->used = sizeof(struct abi_captured);
	c->nchunks = c->truncated = c->head = c->tail = c->phase = c->nframes = 0;
	c->items = limits.items;
	c->value_bytes = limits.bytes;
}

/* What was copied as a record, open. */
static int finish(struct run *r)
{
	struct cap *c = r->cap;
	struct abi_captured *rec = (struct abi_captured *)c->buf;

	memset(rec, 0, sizeof(*rec));
	rec->nchunks = c->nchunks;
	rec->nframes = c->nframes;
	CU_ASSERT(c->used <= ABI_CAPTURE_MAX);
	return capture_open(rec, c->used, &r->capture);
}

static int take(struct run *r, uint64_t addr)
{
	begin(r->cap);
	cap_push(r->cap, addr, 1, LEVEL, CAP_OBJECT);
	cap_run(r->cap);
	return finish(r);
}

/* repr() from the record alone. */
static void show(struct run *r, uint64_t addr, struct strbuf *out)
{
	struct value *v = NULL;

	capture_begin(&r->capture, memory);
	if (r->run.interp->ops->value(r->run.interp, addr, &limits, &v) == 0) {
		value_repr(v, out);
		value_free(v);
	}
	capture_end(memory);
}

static void check(struct run *r, const char *name, const char *got, const char *want)
{
	bool same = strcmp(got, want) == 0;

	r->checked++;
	r->whole += same;
	if (same || strstr(got, "..."))
		return;
	if (r->wrong++ < SHOWN)
		printf("%s: %s:\n  want %.300s\n  got  %.300s\n", r->it->name, name, want, got);
}

static void check_line(struct run *r, char *line)
{
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	_cleanup_free_ char *want = NULL;
	char *save = NULL, *name, *repr;
	uint64_t addr;

	if (strncmp(line, "V\t", 2) != 0)
		return;
	strtok_r(line, "\t", &save);
	name = strtok_r(NULL, "\t", &save);
	repr = strtok_r(NULL, "\t", &save);
	want = unhex(repr);
	if (r->run.interp->ops->dict_get(r->run.interp, r->run.dict, name, &addr) < 0) {
		CU_FAIL("a value is not there");
		return;
	}
	CU_ASSERT_EQUAL(take(r, addr), 0);
	show(r, addr, &got);
	capture_deinit(&r->capture);
	check(r, name, strbuf_str(&got), want);
}

static void each_interpreter(void (*fn)(struct run *r))
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	CU_ASSERT(n > 0);
	for (size_t i = 0; i < n; i++) {
		struct run r;

		if (!its[i].supported)
			continue;
		if (run_start(&r, &its[i]) == 0)
			fn(&r);
		else {
			CU_FAIL("an interpreter could not be started or opened");
		}
		run_end(&r);
	}
}

static void check_values(struct run *r)
{
	char *line, *save = NULL;

	for (line = strtok_r(r->run.said, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		check_line(r, line);
	if (r->wrong)
		printf("%s: %u of %u wrong\n", r->it->name, r->wrong, r->checked);
	CU_ASSERT_EQUAL(r->wrong, 0);
	CU_ASSERT(r->checked > 300);
	CU_ASSERT(r->whole * 100 > r->checked * 97);
}

static void test_values(void)
{
	each_interpreter(check_values);
}

/* The frames that sleep in frames() of values.py, all at once, at their limits. */
static void check_frames(struct run *r)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ struct interp_frame *frames = NULL;
	size_t n = 0, nframes = 0, vars = 0, shown = 0;

	CU_ASSERT_EQUAL(r->run.interp->ops->threads(r->run.interp, &threads, &n), 0);
	CU_ASSERT_EQUAL(r->run.interp->ops->frames(r->run.interp, threads[0].tstate, 100, &frames,
						   &nframes),
			0);
	CU_ASSERT(nframes > 5);
	begin(r->cap);
	r->cap->value_bytes = 64;
	r->cap->items = 8;
	cap_stack(r->cap, frames[0].frame, 100);
	cap_stack_vars(r->cap, 2);
	cap_run(r->cap);
	CU_ASSERT_EQUAL(finish(r), 0);
	CU_ASSERT_EQUAL(r->capture.rec->nframes, nframes);
	for (size_t i = 0; i < nframes && i < r->capture.rec->nframes; i++) {
		struct interp_var *live = NULL, *then = NULL;
		size_t nlive = 0, nthen = 0;

		CU_ASSERT_EQUAL(r->capture.frames[i].frame, frames[i].frame);
		CU_ASSERT_EQUAL(r->capture.frames[i].code, frames[i].code);
		CU_ASSERT_EQUAL(r->capture.frames[i].offset, frames[i].offset);
		CU_ASSERT_EQUAL(r->run.interp->ops->frame_vars(r->run.interp, frames[i].frame,
							       &live, &nlive),
				0);
		capture_begin(&r->capture, memory);
		CU_ASSERT_EQUAL(r->run.interp->ops->frame_vars(r->run.interp, frames[i].frame,
							       &then, &nthen),
				0);
		capture_end(memory);
		CU_ASSERT_EQUAL(nlive, nthen);
		for (size_t j = 0; j < nlive && j < nthen; j++) {
			_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;

			CU_ASSERT_STRING_EQUAL(live[j].name, then[j].name);
			CU_ASSERT_EQUAL(live[j].value, then[j].value);
			vars++;
			show(r, then[j].value, &got);
			shown += strcmp(strbuf_str(&got), "...") != 0;
		}
		interp_vars_free(live, nlive);
		interp_vars_free(then, nthen);
	}
	CU_ASSERT(vars > 10);
	CU_ASSERT(shown > vars / 2);
	capture_deinit(&r->capture);
}

static void test_frames(void)
{
	each_interpreter(check_frames);
}

/* Reads that fail and reads that lie: it ends, stays within its bounds, and the readers cope with
 * what it sent. */
static void check_hostile(struct run *r)
{
	char *line, *save = NULL;
	unsigned n = 0, sent = 0;

	for (line = strtok_r(r->run.said, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *tab = strchr(line + 2, '\t');
		uint64_t addr;

		if (line[0] != 'V' || !tab)
			continue;
		*tab = '\0';
		if (r->run.interp->ops->dict_get(r->run.interp, r->run.dict, line + 2, &addr) < 0)
			continue;
		for (unsigned every = 1; every < 40; every += 3) {
			_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;

			n++;
			reads = n;
			fail_every = n & 1 ? every : 0;
			lie_every = n & 1 ? 0 : every;
			CU_ASSERT_EQUAL(take(r, addr), 0);
			fail_every = lie_every = 0;
			sent += r->capture.nchunks;
			show(r, addr, &got);
			CU_ASSERT(got.len > 0);
			capture_deinit(&r->capture);
		}
	}
	CU_ASSERT(n > 1000);
	CU_ASSERT(sent > n);
}

static void test_hostile(void)
{
	srand(20240229);
	each_interpreter(check_hostile);
}

static const struct cu_test tests[] = {
	CU_T(test_values),
	CU_T(test_frames),
	CU_T(test_hostile),
};

int main(int argc, char **argv)
{
	return CU_MAIN("capture", tests, argc, argv);
}
