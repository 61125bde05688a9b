// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tasks and greenlets in memory that lies: words that reading them touches are changed in a saved
 * image of the process. It must come to an end whatever it finds; ASan and UBSan see to the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lib_cu.h"
#include "lib_image.h"
#include "lib_interpreters.h"
#include "probes/probe.h"
#include "target/target.h"

#define TASK_ROUNDS	200
#define GREENLET_ROUNDS 20
#define TIMEOUT_MS	30000

struct bench {
	pid_t pid;
	int out;
	struct target *target;
	struct image *image;
	struct interp *interp;
	uint64_t seed;
	size_t answers, other; /* rounds; with another number of tasks than the truth has */
};

static uint64_t random_u64(struct bench *b)
{
	b->seed ^= b->seed << 13;
	b->seed ^= b->seed >> 7;
	b->seed ^= b->seed << 17;
	return b->seed;
}

static char *read_file(const char *path)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	FILE *f = fopen(path, "r");
	char buf[4096];
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&sb, buf, n);
	fclose(f);
	return strbuf_take(&sb);
}

static void bench_end(struct bench *b)
{
	probes_close(b->interp);
	image_free(b->image);
	target_free(b->target);
	if (b->pid > 0)
		interpreter_end(b->pid, b->out);
}

/* -EPIPE: the program has ended, it lacks a module. */
static int bench_start(struct bench *b, const struct interpreter *it, const char *script)
{
	_cleanup_free_ char *text = read_file(script);
	const char *const argv[] = { "-c", text, NULL };
	struct probe_env env = { .cwd = "/" };
	struct err err = { 0 };
	char line[1 << 16];
	int r;

	*b = (struct bench){ .seed = 0x9e3779b97f4a7c15u + it->minor };
	if (!text)
		return -ENOENT;
	b->pid = interpreter_start(it, argv, &b->out);
	if (b->pid < 0)
		return b->pid;
	r = interpreter_line(b->out, line, sizeof(line), TIMEOUT_MS);
	if (!r)
		r = target_open(b->pid, &err, &b->target);
	if (!r)
		b->image = image_new(target_mem(b->target));
	if (!r)
		r = b->image ? probes_open(image_mem(b->image), target_sym(b->target), &env, &err,
					   &b->interp)
			     : -ENOMEM;
	return r;
}

/* Change one of the words that the last question read. */
static void lie(struct bench *b)
{
	uint64_t addr, old = 0, word;

	if (!image_logged(b->image, random_u64(b), &addr))
		return;
	mem_u64(image_mem(b->image), addr, &old);
	switch (random_u64(b) % 5) {
	case 0:
		word = old ^ 1ull << random_u64(b) % 64;
		break;
	case 1: /* into itself, or into what was read before it */
		word = image_logged(b->image, random_u64(b), &word) ? word & ~7ull : addr;
		break;
	case 2:
		word = random_u64(b);
		break;
	case 3:
		word = ~0ull >> random_u64(b) % 64;
		break;
	default:
		word = old + random_u64(b) % 129 - 64;
		break;
	}
	image_write(b->image, addr, &word, sizeof(word));
}

/* How many there are; SIZE_MAX: an error. */
static size_t ask_tasks(struct bench *b, bool current)
{
	struct interp_task *tasks = NULL;
	size_t n = 0;
	int r = b->interp->ops->tasks(b->interp, current, &tasks, &n);

	if (r)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT(tasks[i].nframes <= 1000);
		CU_ASSERT(tasks[i].state <= TASK_CANCELLED);
		for (size_t k = 0; k < tasks[i].nby; k++)
			CU_ASSERT_NOT_EQUAL(tasks[i].by[k], tasks[i].task);
	}
	interp_tasks_free(tasks, n);
	return n;
}

static size_t ask_greenlets(struct bench *b, bool current)
{
	struct interp_greenlet *g = NULL;
	struct err err = { 0 };
	size_t n = 0;
	int r = b->interp->ops->greenlets(b->interp, &err, &g, &n);

	(void)current;
	if (r)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		CU_ASSERT_PTR_NOT_NULL(g[i].type);
	interp_greenlets_free(g, n);
	return n;
}

static void rounds(struct bench *b, size_t (*ask)(struct bench *b, bool current), unsigned n)
{
	size_t truth = ask(b, false);

	CU_ASSERT(truth > 5 && truth < 100);
	for (unsigned i = 0; i < n; i++) {
		image_log(b->image, true);
		ask(b, i % 4 == 3);
		image_log(b->image, false);
		for (unsigned k = 1 + random_u64(b) % 3; k; k--)
			lie(b);
		b->other += ask(b, false) != truth;
		b->answers++;
		ask(b, true);
		image_restore(b->image);
	}
	/* The image is as it was, and so is what is found in it. */
	CU_ASSERT_EQUAL(ask(b, false), truth);
}

static void test_tasks(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0, done = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct bench b;
		int r;

		if (!its[i].supported)
			continue;
		r = bench_start(&b, &its[i], "tests/targets/tasks.py");
		/* Debian's debug build of 3.14 has no _asyncio of its own. */
		if (r == -EPIPE && its[i].debug) {
			bench_end(&b);
			continue;
		}
		CU_ASSERT_EQUAL(r, 0);
		if (!r) {
			rounds(&b, ask_tasks, TASK_ROUNDS);
			CU_ASSERT(b.other > 0 && b.other < b.answers);
			done++;
		}
		bench_end(&b);
	}
	CU_ASSERT(done > 0);
}

static void test_greenlets(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0, done = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	for (size_t i = 0; i < n && !done; i++) {
		struct bench b;

		if (strcmp(its[i].path, "/usr/bin/python3") || its[i].minor != 11)
			continue;
		if (!bench_start(&b, &its[i], "tests/targets/gevents.py") &&
		    ask_greenlets(&b, false) != SIZE_MAX) {
			rounds(&b, ask_greenlets, GREENLET_ROUNDS);
			done++;
		}
		bench_end(&b);
	}
	if (!done)
		cu_skip("no python3-gevent with a greenlet that is known");
}

int main(int argc, char **argv)
{
	static const struct cu_test tests[] = { CU_T(test_tasks), CU_T(test_greenlets) };

	return CU_MAIN("tasks", tests, argc, argv);
}
