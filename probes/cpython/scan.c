// SPDX-License-Identifier: BSD-2-Clause
/*
 * Finding every object of a type, code objects above all: private writable memory is searched for
 * words equal to its address, &PyCode_Type. That includes the data of the executable and libpython,
 * where 3.11 and 3.12 keep the code of frozen modules, and where the built-in classes lie.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/code.h"
#include "probes/cpython/cpython.h"

#define TREE_MAX 100000 /* code objects in one */
#define PIECE	 (4u << 20)
#define PAGE	 4096u

#define CODES_A_STEP 1024 /* code objects read between two calls of progress */

struct scan {
	struct cpython *py;
	uint64_t type;
	const uint64_t *types; /* or one of these, ascending; NULL: none */
	size_t ntypes;
	bool (*check)(struct cpython *py, uint64_t obj);
	uint64_t total; /* bytes */
	VEC(uint64_t) found;
};

/* Who holds whom, from the last scan: sorted by child. One block, so that free() is enough. */
struct parents {
	size_t n;
	struct parent {
		uint64_t child, code;
	} of[];
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_wanted(const struct scan *s, uint64_t word)
{
	if (!s->types)
		return word == s->type;
	return word >= s->types[0] && word <= s->types[s->ntypes - 1] &&
	       bsearch(&word, s->types, s->ntypes, sizeof(word), by_value);
}

static int look(struct scan *s, uint64_t addr, const uint64_t *words, size_t n)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		uint64_t obj;

		if (!is_wanted(s, words[i]))
			continue;
		obj = addr + i * sizeof(*words) - s->py->off->ob_type;
		if (!s->check(s->py, obj))
			continue;
		r = vec_push(&s->found, obj);
		if (r)
			return r;
	}
	return 0;
}

/* One mapping: large reads; where one ends early, go on behind the page that could not be read. */
static int look_region(struct scan *s, const struct mem_region *reg, uint64_t *buf, uint64_t *done,
		       uint64_t total, interp_progress_fn progress, void *priv)
{
	uint64_t at = reg->start, next;
	size_t want, got;
	int r;

	while (at < reg->end) {
		want = reg->end - at < PIECE ? reg->end - at : PIECE;
		got = 0;
		s->py->mem->ops->read(s->py->mem->priv, at, buf, want, &got);
		if (got > want)
			got = want;
		r = look(s, at, buf, got / sizeof(*buf));
		if (r)
			return r;
		next = got == want ? at + want : ((at + got) & ~(uint64_t)(PAGE - 1)) + PAGE;
		if (next > reg->end)
			next = reg->end;
		*done += next - at;
		at = next;
		if (progress && progress(priv, *done, total))
			return -ECANCELED;
	}
	return 0;
}

static int by_child(const void *a, const void *b)
{
	return by_value(&((const struct parent *)a)->child, &((const struct parent *)b)->child);
}

/* Before 3.11 qualified names are made from parents. codes: sorted. */
static int find_parents(struct cpython *py, const uint64_t *codes, size_t n)
{
	VEC(struct parent) v = { 0 };
	struct parents *p;
	size_t i, k;
	int r = 0;

	for (i = 0; !r && i < n; i++) {
		_cleanup_free_ uint64_t *items = NULL;
		struct code_head h;
		uint64_t len;

		if (code_head_read(py, codes[i], &h) ||
		    mem_u64(py->mem, h.consts + py->off->ob_size, &len) || !len ||
		    len > CODE_CONSTS_MAX)
			continue;
		items = calloc(len, sizeof(*items));
		if (!items) {
			r = -ENOMEM;
			break;
		}
		if (mem_read(py->mem, h.consts + py->off->tuple_items, items, len * sizeof(*items)))
			continue;
		for (k = 0; !r && k < len; k++)
			if (bsearch(&items[k], codes, n, sizeof(*codes), by_value))
				r = vec_push(
					&v, (struct parent){ .child = items[k], .code = codes[i] });
	}
	p = r ? NULL : malloc(sizeof(*p) + v.n * sizeof(p->of[0]));
	if (p) {
		p->n = v.n;
		if (v.n)
			memcpy(p->of, v.data, v.n * sizeof(p->of[0]));
		qsort(p->of, p->n, sizeof(p->of[0]), by_child);
		free(py->code_cache);
		py->code_cache = p;
	}
	vec_deinit(&v);
	return p ? 0 : -ENOMEM;
}

uint64_t code_parent(struct cpython *py, uint64_t code)
{
	const struct parents *p = py->code_cache;
	struct parent key = { .child = code };
	const struct parent *hit;

	if (!p || !p->n)
		return 0;
	hit = bsearch(&key, p->of, p->n, sizeof(p->of[0]), by_child);
	return hit ? hit->code : 0;
}

static bool is_code(struct cpython *py, uint64_t obj)
{
	struct code_head h;

	return !code_head_read(py, obj, &h);
}

/* What is known of parents goes on, but for the code objects of a tree: pairs, all of its own; root
 * has none. */
static int add_parents(struct cpython *py, uint64_t root, struct parent *pairs, size_t n)
{
	const struct parents *old = py->code_cache;
	size_t i, nold = old ? old->n : 0;
	struct parents *p = malloc(sizeof(*p) + (nold + n) * sizeof(p->of[0]));

	if (!p)
		return -ENOMEM;
	p->n = n;
	if (n)
		memcpy(p->of, pairs, n * sizeof(*pairs));
	qsort(p->of, n, sizeof(p->of[0]), by_child);
	for (i = 0; i < nold; i++)
		if (old->of[i].child != root &&
		    !bsearch(&old->of[i], p->of, n, sizeof(p->of[0]), by_child))
			p->of[p->n++] = old->of[i];
	qsort(p->of, p->n, sizeof(p->of[0]), by_child);
	free(py->code_cache);
	py->code_cache = p;
	return 0;
}

int cpython_code_tree(struct interp *in, uint64_t code, int (*cb)(void *priv, uint64_t code),
		      void *priv)
{
	VEC(struct parent) tree = { 0 }; /* the root comes first, with no parent */
	struct cpython *py = cpython_of(in);
	size_t i, k, n;
	int r = is_code(py, code) ? vec_push(&tree, (struct parent){ .child = code }) : -EINVAL;

	for (i = 0; !r && i < tree.n && tree.n < TREE_MAX; i++) {
		uint64_t holder = tree.data[i].child, *children;

		if (cpython_code_children(in, holder, &children, &n))
			continue;
		for (k = 0; !r && k < n; k++)
			r = vec_push(&tree,
				     (struct parent){ .child = children[k], .code = holder });
		free(children);
	}
	if (!r && py->off->minor <= 10)
		r = add_parents(py, code, tree.data + 1, tree.n - 1);
	for (i = 0; !r && i < tree.n; i++)
		r = cb(priv, tree.data[i].child);
	vec_deinit(&tree);
	return r;
}

static bool wanted(const struct mem_region *reg)
{
	unsigned rw = PROT_READ | PROT_WRITE;

	return reg->private && (reg->prot & rw) == rw && reg->end > reg->start;
}

static int scan_memory(struct scan *s, interp_progress_fn progress, void *priv)
{
	_cleanup_free_ struct mem_region *copy = NULL;
	_cleanup_free_ uint64_t *buf = NULL;
	const struct mem_region *regs;
	uint64_t done = 0;
	size_t n, i;
	int r;

	r = mem_regions(s->py->mem, &regs, &n);
	if (r)
		return r;
	/* A copy: the list is valid only until somebody asks again. The paths in it are not used.
	 */
	copy = malloc(n * sizeof(*copy) + 1);
	buf = malloc(PIECE);
	if (!copy || !buf)
		return -ENOMEM;
	memcpy(copy, regs, n * sizeof(*copy));
	for (i = 0; i < n; i++)
		if (wanted(&copy[i]))
			s->total += copy[i].end - copy[i].start;
	for (i = 0; !r && i < n; i++)
		if (wanted(&copy[i]))
			r = look_region(s, &copy[i], buf, &done, s->total, progress, priv);
	return r;
}

int cpython_scan_code(struct interp *in, int (*cb)(void *priv, uint64_t code), void *priv,
		      interp_progress_fn progress, void *progress_priv)
{
	struct scan s = { .py = cpython_of(in), .check = is_code };
	size_t i;
	int r;

	s.type = s.py->types.code;
	r = scan_memory(&s, progress, progress_priv);
	if (!r && s.py->off->minor <= 10)
		r = find_parents(s.py, s.found.data, s.found.n);
	for (i = 0; !r && i < s.found.n; i++) {
		r = cb(priv, s.found.data[i]);
		if (!r && i % CODES_A_STEP == 0 && progress &&
		    progress(progress_priv, s.total, s.total))
			r = -ECANCELED;
	}
	vec_deinit(&s.found);
	return r;
}

static int scan_found(struct scan *s, interp_progress_fn progress, void *priv, uint64_t **ret,
		      size_t *ret_n)
{
	int r = scan_memory(s, progress, priv);

	if (r) {
		vec_deinit(&s->found);
		return r;
	}
	*ret = s->found.data;
	*ret_n = s->found.n;
	return 0;
}

int cpython_scan_objects(struct cpython *py, uint64_t type,
			 bool (*check)(struct cpython *py, uint64_t obj),
			 interp_progress_fn progress, void *priv, uint64_t **ret, size_t *ret_n)
{
	struct scan s = { .py = py, .type = type, .check = check };

	return scan_found(&s, progress, priv, ret, ret_n);
}

int cpython_scan_types(struct cpython *py, uint64_t *types, size_t n,
		       bool (*check)(struct cpython *py, uint64_t obj), uint64_t **ret,
		       size_t *ret_n)
{
	struct scan s = { .py = py, .types = types, .ntypes = n, .check = check };

	qsort(types, n, sizeof(*types), by_value);
	return scan_found(&s, NULL, NULL, ret, ret_n);
}
