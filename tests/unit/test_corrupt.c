// SPDX-License-Identifier: BSD-2-Clause
/*
 * Objects in memory that lies: what reading a value touches is changed in a saved image of the
 * process (bits flipped, numbers made huge, pointers bent to other objects), and it is read again.
 * It must come to an end within its limits, whatever it finds; ASan and UBSan see to the rest.
 */
#include <errno.h>
#include <inttypes.h>
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
#include "lib_values.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

#define ROUNDS	  4000
#define NAMES_MAX 2048
#define READS_MAX                                                                      \
	5000000 /* the whole tree of the limits; a walk that does not end has no bound \
		 */
#define FRAMES 16

static const struct value_limits limits = { .depth = 6, .items = 50, .bytes = 2000, .total = 500 };

struct bench {
	struct values_run run;
	struct target *target;
	struct image *image;
	struct interp *interp;
	uint64_t values[NAMES_MAX];
	size_t n;
	struct interp_frame *frames;
	size_t nframes;
	uint64_t seed;
	unsigned unreadable, answers;
	uint64_t worst; /* reads for one question */
};

static uint64_t random_u64(struct bench *b)
{
	b->seed ^= b->seed << 13;
	b->seed ^= b->seed >> 7;
	b->seed ^= b->seed << 17;
	return b->seed;
}

static void bench_end(struct bench *b)
{
	free(b->frames);
	probes_close(b->interp);
	image_free(b->image);
	target_free(b->target);
	values_end(&b->run);
}

static int bench_start(struct bench *b, const struct interpreter *it)
{
	struct probe_env env = { .cwd = "/" };
	struct interp_thread *threads = NULL;
	struct err err = { 0 };
	uint64_t globals, values;
	char *line, *save = NULL;
	size_t nthreads;
	int r;

	memset(b, 0, sizeof(*b));
	b->seed = 0x9e3779b97f4a7c15u + it->minor;
	r = values_start(it, &b->run);
	if (r < 0)
		return r;
	r = target_open(b->run.pid, &err, &b->target);
	if (r < 0)
		return r;
	b->image = image_new(target_mem(b->target));
	if (!b->image)
		return -ENOMEM;
	r = probes_open(image_mem(b->image), target_sym(b->target), &env, &err, &b->interp);
	if (r < 0)
		return r;
	if ((r = b->interp->ops->module_globals(b->interp, "__main__", &globals)) < 0 ||
	    (r = b->interp->ops->dict_get(b->interp, globals, "VALUES", &values)) < 0)
		return r;
	b->values[b->n++] = values;
	for (line = strtok_r(b->run.said, "\n", &save); line && b->n < NAMES_MAX;
	     line = strtok_r(NULL, "\n", &save)) {
		char *name = line + 2, *end = strchr(name, '\t');

		if (strncmp(line, "V\t", 2) != 0 || !end)
			continue;
		*end = '\0';
		if (b->interp->ops->dict_get(b->interp, values, name, &b->values[b->n]) == 0)
			b->n++;
	}
	r = b->interp->ops->threads(b->interp, &threads, &nthreads);
	if (r == 0 && nthreads)
		r = b->interp->ops->frames(b->interp, threads[0].tstate, FRAMES, &b->frames,
					   &b->nframes);
	free(threads);
	return r;
}

static size_t count_nodes(const struct value *v, unsigned depth)
{
	size_t n = 1;

	CU_ASSERT(depth < 80);
	for (size_t i = 0; i < v->nitems; i++)
		n += count_nodes(v->items[i], depth + 1);
	return n;
}

/* Everything that one may ask of a value. */
static void ask(struct bench *b, uint64_t addr)
{
	static const char *const names[] = { "x",	 "a",	  "__class__", "__dict__",
					     "__name__", "value", "nothing",   "args" };
	const struct interp_ops *ops = b->interp->ops;
	struct value *v = NULL,
		     *key = random_u64(b) & 1 ? value_new_long(1) : value_new_str("a", 1);
	struct strbuf sb = STRBUF_INIT;
	struct err err = { 0 };
	uint64_t found;
	uint64_t begin = image_reads(b->image);
	int r;

	r = ops->value(b->interp, addr, &limits, &v);
	CU_ASSERT_EQUAL(r, 0);
	if (r == 0) {
		/* Texts of functions, fields and the like count as nodes while they are made. */
		CU_ASSERT(count_nodes(v, 0) <= limits.total + 64);
		value_repr(v, &sb);
		value_str(v, &sb);
		value_truth(v);
		CU_ASSERT(sb.len > 0 || v->kind == VALUE_STR || v->kind == VALUE_EXCEPTION ||
			  v->kind == VALUE_INSTANCE || v->kind == VALUE_OPAQUE);
		b->answers++;
		b->unreadable += v->kind == VALUE_UNREADABLE;
		r = ops->type_is(b->interp, v->type_address, "dict", true);
		CU_ASSERT(r == 0 || r == 1 || r < 0);
		value_free(v);
	}
	v = NULL;
	if (ops->attr(b->interp, addr, names[random_u64(b) % 8], &limits, &err, &v) == 0)
		value_free(v);
	v = NULL;
	if (ops->item(b->interp, addr, key, &limits, &err, &v) == 0)
		value_free(v);
	ops->dict_get(b->interp, addr, "a", &found);
	value_free(key);
	strbuf_deinit(&sb);
	if (image_reads(b->image) - begin > b->worst)
		b->worst = image_reads(b->image) - begin;
}

static void ask_frame(struct bench *b, uint64_t frame)
{
	struct interp_var *vars;
	uint64_t g, bi, l;
	size_t n;

	if (b->interp->ops->frame_vars(b->interp, frame, &vars, &n) == 0) {
		for (size_t i = 0; i < n; i++)
			CU_ASSERT_PTR_NOT_NULL(vars[i].name);
		interp_vars_free(vars, n);
	}
	b->interp->ops->frame_dicts(b->interp, frame, &g, &bi, &l);
}

/* Change one of the words that the last question read. */
static void lie(struct bench *b)
{
	uint64_t addr, old = 0, word;

	if (!image_logged(b->image, random_u64(b), &addr))
		return;
	mem_u64(image_mem(b->image), addr, &old);
	switch (random_u64(b) % 7) {
	case 0:
	case 1:
		word = old ^ 1ull << random_u64(b) % 64;
		break;
	case 2:
		word = b->values[random_u64(b) % b->n];
		break;
	case 3: /* into itself, or into what was read before it */
		word = image_logged(b->image, random_u64(b), &word) ? word & ~7ull : addr;
		break;
	case 4:
		word = random_u64(b);
		break;
	case 5:
		word = ~0ull >> random_u64(b) % 64;
		break;
	default:
		word = old + random_u64(b) % 129 - 64;
		break;
	}
	image_write(b->image, addr, &word, sizeof(word));
}

static void rounds(struct bench *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool frame = b->nframes && random_u64(b) % 8 == 0;
		uint64_t addr = frame ? b->frames[random_u64(b) % b->nframes].frame
				      : b->values[random_u64(b) % b->n];

		image_log(b->image, true);
		if (frame)
			ask_frame(b, addr);
		else
			ask(b, addr);
		image_log(b->image, false);
		for (unsigned k = 1 + random_u64(b) % 3; k; k--)
			lie(b);
		if (frame)
			ask_frame(b, addr);
		else
			ask(b, addr);
		image_restore(b->image);
	}
}

static void test_corrupt_objects(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	unsigned n_rounds =
		getenv("PYBPFDBG_ROUNDS") ? (unsigned)atoi(getenv("PYBPFDBG_ROUNDS")) : ROUNDS;
	size_t n = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	CU_ASSERT(n > 0);
	for (size_t i = 0; i < n; i++) {
		struct bench *b = calloc(1, sizeof(*b));
		int r;

		if (!its[i].supported) {
			free(b);
			continue;
		}
		r = bench_start(b, &its[i]);
		CU_ASSERT_EQUAL(r, 0);
		if (r == 0) {
			CU_ASSERT(b->n > 500 && b->nframes > 5);
			rounds(b, n_rounds);
			/* The lies hit, but not always. */
			CU_ASSERT(b->unreadable > b->answers / 100);
			CU_ASSERT(b->unreadable < b->answers / 2);
			CU_ASSERT(b->worst < READS_MAX);
			printf("%s: one question took %" PRIu64 " reads at most\n", its[i].name,
			       b->worst);
		}
		bench_end(b);
		free(b);
	}
}

int main(int argc, char **argv)
{
	static const struct cu_test tests[] = { CU_T(test_corrupt_objects) };

	return CU_MAIN("corrupt", tests, argc, argv);
}
