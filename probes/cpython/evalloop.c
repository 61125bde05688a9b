// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where the code of the eval loop lies. Not where its symbol says: compilers split the function,
 * and in Debian's 3.14 the symbol covers little more than the entry. The dispatch table knows:
 * opcode_targets (Python/opcode_targets.h), 256 consecutive addresses of labels, one for each
 * opcode. It has no symbol in a stripped file, but looks like nothing else: it is found by its
 * shape.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/vec.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

#define TARGETS	     256
#define DISTINCT_MIN 100 /* 3.6 has 117 different targets, 3.15 234 */

/*
 * Opcodes that do not exist share one target: which they are is as good as a name. From
 * Lib/opcode.py and Lib/_opcode_metadata.py of each version; opcode numbers stay within a minor
 * version.
 */
static const struct {
	uint8_t first, last;
} unknown_opcodes[][22] = {
	// clang-format off
	[6] = { { 0, 0 }, { 6, 8 }, { 13, 14 }, { 18, 18 }, { 21, 21 }, { 30, 49 }, { 53, 54 }, { 58, 58 },
		{ 74, 74 }, { 99, 99 }, { 117, 118 }, { 123, 123 }, { 128, 129 }, { 134, 134 }, { 139, 140 },
		{ 159, 255 } },
	[7] = { { 0, 0 }, { 6, 8 }, { 13, 14 }, { 18, 18 }, { 21, 21 }, { 30, 49 }, { 53, 54 }, { 58, 58 },
		{ 74, 74 }, { 99, 99 }, { 117, 118 }, { 123, 123 }, { 127, 129 }, { 134, 134 }, { 139, 140 },
		{ 159, 159 }, { 162, 255 } },
	[8] = { { 0, 0 }, { 7, 8 }, { 13, 14 }, { 18, 18 }, { 21, 21 }, { 30, 49 }, { 58, 58 }, { 74, 74 },
		{ 80, 80 }, { 99, 99 }, { 117, 121 }, { 123, 123 }, { 127, 129 }, { 134, 134 }, { 139, 140 },
		{ 159, 159 }, { 164, 255 } },
	[9] = { { 0, 0 }, { 7, 8 }, { 13, 14 }, { 18, 18 }, { 21, 21 }, { 30, 47 }, { 53, 53 }, { 58, 58 },
		{ 80, 81 }, { 88, 88 }, { 99, 99 }, { 119, 120 }, { 123, 123 }, { 127, 129 }, { 134, 134 },
		{ 139, 140 }, { 149, 153 }, { 158, 159 }, { 166, 255 } },
	[10] = { { 0, 0 }, { 7, 8 }, { 13, 14 }, { 18, 18 }, { 21, 21 }, { 35, 48 }, { 53, 53 }, { 58, 58 },
		 { 80, 81 }, { 88, 88 }, { 120, 120 }, { 123, 123 }, { 127, 128 }, { 134, 134 }, { 139, 140 },
		 { 149, 151 }, { 153, 153 }, { 158, 159 }, { 166, 255 } },
	[11] = { { 181, 254 } },
	[12] = { { 169, 170 }, { 177, 236 }, { 255, 255 } },
	[13] = { { 119, 148 }, { 223, 235 }, { 255, 255 } },
	[14] = { { 121, 127 }, { 212, 233 } },
	[15] = { { 120, 127 }, { 219, 232 } },
	// clang-format on
};
_Static_assert(sizeof(unknown_opcodes) / sizeof(unknown_opcodes[0]) == CPYTHON_MINOR_MAX + 1,
	       "each version needs its list");

struct ranges {
	VEC(struct sym_range) v;
};

struct table_search {
	struct cpython *py;
	struct sym_range text;
	bool unknown[TARGETS];
	unsigned n_unknown;
	uint64_t *run; /* consecutive words that point into the text */
	size_t n, cap;
	struct ranges *out;
	unsigned tables;
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_start(const void *a, const void *b)
{
	const struct sym_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Are these 256 words the table? A handler may be folded into the unknown one or the other way
 * round (it depends on the compiler), so a few exceptions are allowed.
 */
static bool is_table(const struct table_search *s, const uint64_t *w)
{
	uint64_t sorted[TARGETS], unknown;
	unsigned distinct = 0, same = 0, other = 0, i;

	for (i = 0; !s->unknown[i]; i++)
		;
	unknown = w[i];
	for (i = 0; i < TARGETS; i++) {
		if (w[i] == unknown)
			*(s->unknown[i] ? &same : &other) += 1;
	}
	if (same < s->n_unknown * 9 / 10 || other > TARGETS / 20)
		return false;
	memcpy(sorted, w, sizeof(sorted));
	qsort(sorted, TARGETS, sizeof(*sorted), by_value);
	for (i = 0; i < TARGETS; i++)
		distinct += !i || sorted[i] != sorted[i - 1];
	return distinct >= DISTINCT_MIN;
}

static int add_range(struct ranges *out, struct sym_range r)
{
	size_t i;

	for (i = 0; i < out->v.n; i++)
		if (out->v.data[i].start == r.start)
			return 0;
	return vec_push(&out->v, r);
}

/* One run of pointers into the text is at its end: is a table in it? */
static int end_run(struct table_search *s)
{
	struct sym_range part;
	size_t i, k;
	int r;

	for (i = 0; i + TARGETS <= s->n; i++) {
		if (!is_table(s, s->run + i))
			continue;
		if (!s->tables)
			memcpy(s->py->targets, s->run + i, sizeof(s->py->targets));
		for (k = 0; k < TARGETS; k++) {
			r = sym_function_at(s->py->sym, s->py->info.module, s->run[i + k], &part);
			if (r == -ENOENT)
				continue;
			if (!r)
				r = add_range(s->out, part);
			if (r)
				return r;
		}
		s->tables++;
		i += TARGETS - 1;
	}
	s->n = 0;
	return 0;
}

static int search_tables(void *priv, uint64_t addr, const uint8_t *data, size_t len)
{
	struct table_search *s = priv;
	uint64_t w;
	size_t i;
	int r;

	for (i = -addr % 8; i + 8 <= len; i += 8) {
		memcpy(&w, data + i, 8);
		w = le64toh(w);
		if (w >= s->text.start && w < s->text.end && s->n < s->cap) {
			s->run[s->n++] = w;
			continue;
		}
		if (s->n >= TARGETS) {
			r = end_run(s);
			if (r)
				return r;
		}
		s->n = 0;
	}
	return 0;
}

static int find_text(struct cpython *py, uint64_t addr, struct sym_range *ret)
{
	const struct mem_region *regions;
	size_t n, i;
	int r;

	r = mem_regions(py->mem, &regions, &n);
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		if (addr < regions[i].start || addr >= regions[i].end)
			continue;
		if (!(regions[i].prot & PROT_EXEC))
			return -ENOENT;
		*ret = (struct sym_range){ regions[i].start, regions[i].end };
		return 0;
	}
	return -ENOENT;
}

/* Join what touches or overlaps; the array stays sorted. */
static void merge(struct ranges *rs)
{
	size_t i, n = 0;

	if (!rs->v.n)
		return;
	qsort(rs->v.data, rs->v.n, sizeof(*rs->v.data), by_start);
	for (i = 1; i < rs->v.n; i++) {
		if (rs->v.data[i].start <= rs->v.data[n].end) {
			if (rs->v.data[i].end > rs->v.data[n].end)
				rs->v.data[n].end = rs->v.data[i].end;
		} else {
			rs->v.data[++n] = rs->v.data[i];
		}
	}
	rs->v.n = n + 1;
}

int cpython_find_eval(struct cpython *py, struct err *err)
{
	static const char *const sections[] = { ".data.rel.ro", ".rodata", ".data" };
	struct ranges rs = { 0 };
	struct table_search s = { .py = py, .out = &rs, .cap = 1 << 16 };
	struct sym_range body;
	uint64_t addr, size;
	unsigned op;
	size_t i;
	int r;

	r = sym_lookup(py->sym, py->info.module, "_PyEval_EvalFrameDefault", &addr, &size);
	if (!r)
		r = find_text(py, addr, &s.text);
	if (!r)
		r = sym_function_at(py->sym, py->info.module, addr, &body);
	if (r)
		return cpython_refuse(err, py->pid, py->info.version,
				      "hides its eval loop, which is not supported");
	for (i = 0; i < sizeof(unknown_opcodes[0]) / sizeof(unknown_opcodes[0][0]); i++) {
		if (i && !unknown_opcodes[py->info.minor][i].last)
			break;
		for (op = unknown_opcodes[py->info.minor][i].first;
		     op <= unknown_opcodes[py->info.minor][i].last; op++) {
			s.unknown[op] = true;
			s.n_unknown++;
		}
	}
	s.run = malloc(s.cap * sizeof(*s.run));
	if (!s.run)
		r = -ENOMEM;
	if (!r)
		r = add_range(&rs, body);
	for (i = 0; !r && i < sizeof(sections) / sizeof(sections[0]); i++) {
		s.n = 0;
		r = cpython_scan_section(py, sections[i], 0, search_tables, &s);
	}
	merge(&rs);
	if (!r && !s.tables)
		r = cpython_refuse(err, py->pid, py->info.version,
				   "has no dispatch table that we know, which is not supported");
	if (!r && rs.v.n > ABI_EVAL_RANGES)
		r = cpython_refuse(err, py->pid, py->info.version,
				   "has its eval loop in %zu pieces (a tail-calling build?), which "
				   "is not supported",
				   rs.v.n);
	if (!r) {
		memcpy(py->eval, rs.v.data, rs.v.n * sizeof(*rs.v.data));
		py->eval_n = rs.v.n;
	}
	free(s.run);
	vec_deinit(&rs.v);
	return r;
}
