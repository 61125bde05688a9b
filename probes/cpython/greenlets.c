// SPDX-License-Identifier: BSD-2-Clause
/*
 * Greenlets: objects {head, weakreflist, dict, pimpl}, whose C++ object behind pimpl keeps what the
 * thread state held when it was left (greenlet 2.0.2: greenlet.h, greenlet_greenlet.hpp, classes
 * Greenlet, StackState, PythonState, UserGreenlet, MainGreenlet; greenlet_thread_state.hpp). It
 * names its greenlet, which tells whether it is laid out as we think. Nobody has a list of them:
 * memory is searched for instances of the class and of those derived from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "probes/cpython/objects.h"

#define VERSION	      "2.0.2" /* with Python 3.11 */
#define MINOR	      11
#define CLASSES_MAX   256
#define GREENLETS_MAX 1000000

/* bytes, 64-bit */
enum {
	PIMPL = 32,
	STACK_START = 48, /* NULL: not started, or ended */
	STACK_STOP = 56,  /* NULL: not started; -1: of the thread's main greenlet */
	CURRENT_FRAME = 128,
	SELF = 160,
	THREAD_STATE = 168, /* of a main greenlet; of another its main greenlet */
	RUN = 176,	    /* what a greenlet that has not started will call */
	CPP_SIZE = 192,
};

/* ThreadState */
enum { MAIN_GREENLET = 0, CURRENT_GREENLET = 8 };

struct classes {
	uint64_t data[CLASSES_MAX];
	size_t n;
};

/* The main greenlets, as the last search found them, and the threads that there were then. One
 * block, so that free() is enough. */
struct mains {
	size_t n, nthreads;
	uint64_t of[]; /* n greenlets, nthreads thread states */
};

struct green {
	uint64_t obj, cpp;
	uint64_t start, stop, frame;
	uint64_t third; /* its main greenlet; of a main one its THREAD_STATE */
	uint64_t run;
	bool main;
};

void interp_greenlets_free(struct interp_greenlet *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(g[i].type);
		free(g[i].run);
		free(g[i].frames);
	}
	free(g);
}

static bool green_read(struct cpython *py, uint64_t obj, struct green *g)
{
	uint64_t refs, w[CPP_SIZE / 8];

	if (obj & 7 || mem_u64(py->mem, obj + py->off->ob_refcnt, &refs) || !refs ||
	    refs >= 1u << 31 || mem_u64(py->mem, obj + PIMPL, &g->cpp) || g->cpp & 7 ||
	    mem_read(py->mem, g->cpp, w, sizeof(w)) || w[SELF / 8] != obj)
		return false;
	g->obj = obj;
	g->start = w[STACK_START / 8];
	g->stop = w[STACK_STOP / 8];
	g->frame = w[CURRENT_FRAME / 8];
	g->third = w[THREAD_STATE / 8];
	g->run = w[RUN / 8];
	g->main = g->stop == UINT64_MAX;
	return true;
}

static bool is_green(struct cpython *py, uint64_t obj)
{
	struct green g;

	return green_read(py, obj, &g);
}

/* ---- the classes ---- */

/* Is it there, in a version that we know? 1, 0, or -ENOTSUP with its line. */
static int known(struct obj_rd *rd, struct err *err, uint64_t *ret_class)
{
	_cleanup_free_ char *version = NULL;
	uint64_t globals, obj;

	if (cpython_module_globals(&rd->py->base, "greenlet", &globals) ||
	    obj_dict_get(rd, globals, "greenlet", ret_class))
		return 0;
	if (!obj_dict_get(rd, globals, "__version__", &obj))
		version = obj_str_dup(rd, obj);
	if (rd->minor != MINOR || rd->off->ob_refcnt || !version || strcmp(version, VERSION))
		return err_set(err, -ENOTSUP,
			       "pid %d: greenlet %s with Python %s is not supported (" VERSION
			       " with 3.11): its greenlets cannot be read",
			       rd->py->pid, version ? version : "of unknown version",
			       rd->py->info.version);
	return 1;
}

/* Derived classes: a dict {address: weak reference} (Objects/typeobject.c, add_subclass()). */
static void add_subclasses(struct obj_rd *rd, uint64_t cls, struct classes *c)
{
	uint64_t dict = obj_ptr(rd, cls + rd->off->type_subclasses), key, value;
	struct obj_dict d;

	if (!dict || obj_dict_open(rd, dict, &d))
		return;
	while (c->n < CLASSES_MAX && obj_dict_next(&d, &key, &value) == 1) {
		struct obj_type *t = obj_type_of(rd, value, NULL);
		uint64_t sub = t && t->cls == OBJ_WEAKREF
				       ? obj_ptr(rd, value + rd->off->weakref_object)
				       : 0;

		if (sub && obj_type_at(rd, sub, NULL))
			c->data[c->n++] = sub;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All greenlets, malloc'ed, ascending. */
static int find(struct obj_rd *rd, uint64_t cls, uint64_t **ret, size_t *ret_n)
{
	struct classes c = { .data = { cls }, .n = 1 };
	int r;

	for (size_t i = 0; i < c.n; i++)
		add_subclasses(rd, c.data[i], &c);
	r = cpython_scan_types(rd->py, c.data, c.n, is_green, ret, ret_n);
	if (!r && *ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), by_value);
	return r;
}

/* ---- who runs ---- */

/* Are both addresses in one mapping? So are those of one stack. */
static bool same_region(struct cpython *py, uint64_t a, uint64_t b)
{
	const struct mem_region *regs;
	size_t n;

	if (mem_regions(py->mem, &regs, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (a >= regs[i].start && a < regs[i].end)
			return b >= regs[i].start && b < regs[i].end;
	return false;
}

/* The thread on whose stack a running greenlet is: its _PyCFrame lies there, too; 0: not known. */
static uint64_t thread_of(struct cpython *py, const struct green *g)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	uint64_t at;
	size_t n;

	if (cpython_threads(&py->base, &threads, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!mem_u64(py->mem, threads[i].tstate + py->off->tstate_cframe, &at) &&
		    same_region(py, at, g->stop))
			return threads[i].tstate;
	return 0;
}

/* ---- reading them ---- */

static char *class_name(struct obj_rd *rd, uint64_t obj)
{
	struct obj_type *t = obj_type_of(rd, obj, NULL);
	const char *module = t ? obj_type_module(rd, t) : NULL;

	return t ? obj_fmt(rd, "%s.%s", module ? module : "?", t->qualname) : NULL;
}

/* What its thread says that it runs; the main greenlet knows that. */
static bool is_current(struct cpython *py, const struct green *g)
{
	uint64_t back, current;
	struct green m = *g;

	return (g->main || (green_read(py, g->third, &m) && m.main)) &&
	       !mem_u64(py->mem, m.third + MAIN_GREENLET, &back) && back == m.obj &&
	       !mem_u64(py->mem, m.third + CURRENT_GREENLET, &current) && current == g->obj;
}

static int read_one(struct obj_rd *rd, const struct green *g, struct interp_greenlet *ret)
{
	bool running = g->start && is_current(rd->py, g);
	int r = 0;

	*ret = (struct interp_greenlet){ .greenlet = g->obj, .main = g->main };
	ret->state = !g->stop ? GREENLET_NEW : running ? GREENLET_RUNNING : GREENLET_SUSPENDED;
	ret->type = class_name(rd, g->obj);
	if (!g->stop && g->run)
		ret->run = obj_repr(rd, g->run, 0);
	if (ret->state == GREENLET_RUNNING && !g->main)
		ret->tstate = thread_of(rd->py, g);
	if (ret->state == GREENLET_SUSPENDED && g->frame)
		r = cpython_frames_from(rd->py, g->frame, CPYTHON_FRAMES_MAX, &ret->frames,
					&ret->nframes);
	if (r == -ENOMEM || !ret->type) {
		free(ret->type);
		free(ret->run);
		return -ENOMEM;
	}
	return 0;
}

int cpython_greenlets(struct interp *in, struct err *err, struct interp_greenlet **ret,
		      size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	VEC(struct interp_greenlet) v = { 0 };
	_cleanup_free_ uint64_t *found = NULL;
	struct interp_greenlet one;
	struct obj_rd rd;
	size_t n = 0;
	uint64_t cls;
	int r;

	obj_rd_init(&rd, in, NULL);
	r = known(&rd, err, &cls);
	if (r > 0)
		r = find(&rd, cls, &found, &n);
	for (size_t i = 0; !r && i < n && v.n < GREENLETS_MAX; i++) {
		struct green g;

		/* one that has ended is nothing but an object */
		if (!green_read(py, found[i], &g) || (g.stop && !g.start))
			continue;
		r = read_one(&rd, &g, &one);
		if (!r)
			r = vec_push(&v, one);
	}
	if (rd.nomem)
		r = -ENOMEM;
	obj_rd_deinit(&rd);
	if (r) {
		interp_greenlets_free(v.data, v.n);
		return r;
	}
	*ret = v.data;
	*ret_n = v.n;
	return 0;
}

/* ---- which one a thread runs ---- */

static bool has_seen(const struct mains *m, uint64_t tstate)
{
	for (size_t i = 0; m && i < m->nthreads; i++)
		if (m->of[m->n + i] == tstate)
			return true;
	return false;
}

static int search_mains(struct obj_rd *rd, uint64_t cls)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ uint64_t *found = NULL;
	size_t n = 0, nthreads = 0;
	struct mains *m;
	struct green g;
	int r = find(rd, cls, &found, &n);

	if (!r)
		r = cpython_threads(&rd->py->base, &threads, &nthreads);
	if (r)
		return r;
	m = malloc(sizeof(*m) + (n + nthreads) * sizeof(m->of[0]));
	if (!m)
		return -ENOMEM;
	m->n = 0;
	m->nthreads = nthreads;
	for (size_t i = 0; i < n; i++)
		if (green_read(rd->py, found[i], &g) && g.main)
			m->of[m->n++] = found[i];
	for (size_t i = 0; i < nthreads; i++)
		m->of[m->n + i] = threads[i].tstate;
	free(rd->py->greenlet_cache);
	rd->py->greenlet_cache = m;
	return 0;
}

/* Of a main greenlet's thread: that which it runs, unless it is the main one. */
static bool current_of(struct cpython *py, uint64_t main_greenlet, struct green *g)
{
	uint64_t back, current;
	struct green m;

	return green_read(py, main_greenlet, &m) && m.main &&
	       !mem_u64(py->mem, m.third + MAIN_GREENLET, &back) && back == main_greenlet &&
	       !mem_u64(py->mem, m.third + CURRENT_GREENLET, &current) &&
	       current != main_greenlet && green_read(py, current, g) && !g->main;
}

int cpython_greenlet_of(struct interp *in, uint64_t tstate, uint64_t *ret, char **ret_type)
{
	struct cpython *py = cpython_of(in);
	const struct mains *m;
	struct obj_rd rd;
	uint64_t cls, at;
	struct green g;
	int r;

	obj_rd_init(&rd, in, NULL);
	r = known(&rd, NULL, &cls) > 0 ? 0 : -ENOENT;
	if (!r && !has_seen(py->greenlet_cache, tstate))
		r = search_mains(&rd, cls);
	if (!r)
		r = mem_u64(py->mem, tstate + py->off->tstate_cframe, &at);
	m = py->greenlet_cache;
	for (size_t i = 0; !r && i < m->n; i++) {
		if (!current_of(py, m->of[i], &g) || !same_region(py, at, g.stop))
			continue;
		*ret_type = class_name(&rd, g.obj);
		*ret = g.obj;
		obj_rd_deinit(&rd);
		return *ret_type ? 0 : -ENOMEM;
	}
	obj_rd_deinit(&rd);
	return r ? r : -ENOENT;
}
