// SPDX-License-Identifier: BSD-2-Clause
/*
 * All tasks of a process, and who waits for whom. asyncio/tasks.py keeps them in a WeakSet up
 * to 3.13 (up to 3.6 an attribute of the class, from 3.12 on with a set of eager ones besides);
 * from 3.14 on that has those not made by the C module, whose own are linked in their thread's
 * state, or in the interpreter's when their thread has ended (Modules/_asynciomodule.c,
 * register_task()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/tasks.h"

#define TASKS_MAX  1000000
#define TOLD_MAX   64
#define TOLD_DEPTH 8   /* shield(gather(...)) and the like */
#define TOLD_ALL   256 /* futures behind one task */

struct tasks {
	struct obj_rd rd;
	VEC(uint64_t) found;	   /* addresses; each once, ascending, after sort_found() */
	VEC(struct interp_task) v; /* ascending by address */
	/* who waits for what: ascending by future */
	struct wait {
		uint64_t future, task;
	} * waits;
	size_t nwaits;
	unsigned left; /* futures that may still be looked at for a task */
};

void interp_tasks_free(struct interp_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(tasks[i].name);
		free(tasks[i].coro);
		free(tasks[i].frames);
		free(tasks[i].awaits);
		free(tasks[i].by);
	}
	free(tasks);
}

/* ---- finding them ---- */

static int add(void *priv, uint64_t obj)
{
	struct tasks *ts = priv;
	uint64_t refs;

	if (ts->found.n >= TASKS_MAX || obj & 7 || !task_is(&ts->rd, obj) ||
	    mem_u64(ts->rd.mem, obj + ts->rd.off->ob_refcnt, &refs) || !(uint32_t)refs)
		return 0;
	return vec_push(&ts->found, obj);
}

/* A set of tasks or of weak references to them. */
static int add_set(struct tasks *ts, uint64_t set)
{
	_cleanup_free_ uint64_t *items = NULL;
	size_t n;
	int r = set ? task_set_items(&ts->rd, set, TASKS_MAX, &items, &n) : -EINVAL;

	if (r)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; !r && i < n; i++) {
		struct obj_type *t = obj_type_of(&ts->rd, items[i], NULL);

		if (t && t->cls == OBJ_WEAKREF)
			items[i] = obj_ptr(&ts->rd, items[i] + ts->rd.off->weakref_object);
		r = add(ts, items[i]);
	}
	return r;
}

/* Values of a dict {loop: task}. */
static int add_values(struct tasks *ts, uint64_t dict)
{
	uint64_t key, value;
	struct obj_dict d;
	int r = 0;

	if (!dict || obj_dict_open(&ts->rd, dict, &d))
		return 0;
	for (size_t i = 0; !r && i < TASKS_MAX && obj_dict_next(&d, &key, &value) == 1; i++)
		r = add(ts, value);
	return r;
}

/* 3.6: class attributes of the class in Python. */
static int add_of_class(struct tasks *ts, uint64_t globals, const char *name, bool current)
{
	const char *attr = current ? "_current_tasks" : "_all_tasks";
	struct obj_type *owner, *t;
	uint64_t cls, obj;

	if (obj_dict_get(&ts->rd, globals, name, &cls))
		return 0;
	t = obj_type_at(&ts->rd, cls, NULL);
	if (!t || obj_type_lookup(&ts->rd, t, attr, &obj, &owner))
		return 0;
	return current ? add_values(ts, obj) : add_set(ts, obj_attr_addr(&ts->rd, obj, "data"));
}

static int add_global_set(struct tasks *ts, uint64_t globals, const char *name)
{
	uint64_t obj, data;

	if (obj_dict_get(&ts->rd, globals, name, &obj))
		return 0;
	data = obj_attr_addr(&ts->rd, obj, "data"); /* of a WeakSet */
	return add_set(ts, data ? data : obj);
}

static int add_globals(struct tasks *ts, uint64_t globals, bool current)
{
	uint64_t dict;
	int r;

	if (ts->rd.minor == 6) {
		r = tasks_36(&ts->rd, globals, current, add, ts);
		if (!r)
			r = add_of_class(ts, globals, "Task", current);
		return r ? r : add_of_class(ts, globals, "_PyTask", current);
	}
	if (current)
		return obj_dict_get(&ts->rd, globals, "_current_tasks", &dict)
			       ? 0
			       : add_values(ts, dict);
	if (ts->rd.minor <= 11)
		return add_global_set(ts, globals, "_all_tasks");
	r = add_global_set(ts, globals, "_scheduled_tasks");
	return r ? r : add_global_set(ts, globals, "_eager_tasks");
}

/* ---- 3.14+: linked lists ---- */

struct lists {
	uint64_t interp_head, tstate_head, tstate_task; /* bytes into both structures */
};

/* The C module says where they are (Modules/_asynciomodule.c, struct
 * _Py_AsyncioModuleDebugOffsets); false: it says nothing that holds together with what we know of
 * it. */
static bool lists_from(struct tasks *ts, size_t module, struct lists *ret)
{
	enum {
		TASK_SIZE,
		TASK_NAME,
		TASK_CORO = 5,
		TASK_NODE,
		INTERP_SIZE,
		INTERP_TASKS,
		TSTATE_SIZE,
		TSTATE_LOOP,
		TSTATE_TASK,
		TSTATE_TASKS,
		WORDS
	};
	const struct py_offsets *o = ts->rd.off;
	struct sym_range range;
	uint64_t w[WORDS];

	if (sym_section(ts->rd.py->sym, module, ".AsyncioDebug", &range) ||
	    range.end - range.start < sizeof(w) ||
	    mem_read(ts->rd.mem, range.start, w, sizeof(w)) || w[TASK_SIZE] != o->task_size ||
	    w[TASK_NAME] != o->task_name || w[TASK_CORO] != o->task_coro ||
	    w[TASK_NODE] != o->task_node || w[INTERP_TASKS] > 1u << 24 ||
	    w[TSTATE_TASK] > 1u << 20 || w[TSTATE_TASKS] > 1u << 20)
		return false;
	*ret = (struct lists){ w[INTERP_TASKS], w[TSTATE_TASKS], w[TSTATE_TASK] };
	return true;
}

static void lists_find(struct tasks *ts, struct lists *ret)
{
	struct cpython *py = ts->rd.py;
	const struct sym_module *mods;
	const char *base;
	size_t n, i;

	*ret = (struct lists){ py->off->interp_asyncio_tasks, py->off->tstate_asyncio_tasks,
			       py->off->tstate_asyncio_task };
	if (sym_modules(py->sym, &mods, &n))
		return;
	for (i = 0; i < n; i++) {
		base = strrchr(mods[i].path, '/');
		base = base ? base + 1 : mods[i].path;
		if ((i == py->info.module || !strncmp(base, "_asyncio.", 9)) &&
		    lists_from(ts, i, ret))
			return;
	}
}

/* head: of a circular list, struct llist_node {next, prev}; what is none is left alone. */
static int add_list(struct tasks *ts, uint64_t head)
{
	uint64_t node[2], prev = head, at;
	int r = 0;

	if (mem_read(ts->rd.mem, head, node, sizeof(node)))
		return 0;
	at = node[0];
	for (size_t i = 0; !r && at != head && i < TASKS_MAX; i++) {
		if (mem_read(ts->rd.mem, at, node, sizeof(node)) || node[1] != prev)
			return 0;
		r = add(ts, at - ts->rd.off->task_node);
		prev = at;
		at = node[0];
	}
	return r;
}

static int add_lists(struct tasks *ts, bool current)
{
	struct cpython *py = ts->rd.py;
	_cleanup_free_ struct interp_thread *threads = NULL;
	uint64_t is, task;
	struct lists l;
	size_t n, i;
	int r;

	lists_find(ts, &l);
	r = cpython_threads(&py->base, &threads, &n);
	if (r)
		return r;
	for (i = 0; !r && i < n; i++) {
		if (!current)
			r = add_list(ts, threads[i].tstate + l.tstate_head);
		else if (!mem_u64(py->mem, threads[i].tstate + l.tstate_task, &task) && task)
			r = add(ts, task);
	}
	if (current || mem_u64(py->mem, py->interp_head, &is))
		return r;
	for (i = 0; !r && is && i < CPYTHON_INTERPS_MAX; i++) {
		r = add_list(ts, is + l.interp_head);
		is = obj_ptr(&ts->rd, is + py->off->interp_next);
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_found(struct tasks *ts)
{
	size_t n = 0;

	if (!ts->found.n)
		return;
	qsort(ts->found.data, ts->found.n, sizeof(*ts->found.data), by_address);
	for (size_t i = 0; i < ts->found.n; i++)
		if (!n || ts->found.data[n - 1] != ts->found.data[i])
			ts->found.data[n++] = ts->found.data[i];
	ts->found.n = n;
}

static int find(struct tasks *ts, bool current)
{
	uint64_t globals;
	int r;

	r = cpython_module_globals(&ts->rd.py->base, "asyncio.tasks", &globals);
	if (r)
		return r == -ENOMEM ? r : 0;
	r = add_globals(ts, globals, current);
	if (!r && ts->rd.off->task_node != OFF_NONE)
		r = add_lists(ts, current);
	sort_found(ts);
	return r;
}

/* ---- reading them ---- */

static char *coro_name(struct obj_rd *rd, uint64_t coro)
{
	uint64_t name = coro ? obj_attr_addr(rd, coro, "__qualname__") : 0;

	return name ? obj_str_dup(rd, name) : NULL;
}

/* 0, -ENOMEM, or -EINVAL: there is no task. */
static int read_one(struct tasks *ts, uint64_t obj)
{
	struct interp_task t = { .task = obj };
	struct await_chain c = { 0 };
	struct task_fields f;
	int r = task_read(&ts->rd, obj, &f);

	if (r)
		return -EINVAL;
	t.loop = f.loop;
	t.state = f.state;
	t.name = task_name(&ts->rd, obj);
	t.coro = coro_name(&ts->rd, f.coro);
	if (f.state == TASK_READY) {
		r = await_follow(&ts->rd, f.coro, &c);
		if (!r && c.state == AWAIT_EXECUTING)
			t.state = TASK_RUNNING;
		else if (!r && f.waiter)
			t.state = TASK_WAITING;
		if (t.state == TASK_WAITING) {
			t.waiter = f.waiter;
			t.awaits = task_awaits(&ts->rd, &c, f.waiter);
		}
		t.frames = take_ptr(c.frames);
		t.nframes = c.n;
	}
	if (!r)
		r = vec_push(&ts->v, t);
	if (!r)
		return 0;
	free(t.name);
	free(t.coro);
	free(t.awaits);
	free(t.frames);
	return r;
}

static int by_future(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->future != y->future ? (x->future < y->future ? -1 : 1)
	       : x->task < y->task    ? -1
				      : x->task > y->task;
}

static int collect_waits(struct tasks *ts)
{
	ts->waits = calloc(ts->v.n + 1, sizeof(*ts->waits));
	if (!ts->waits)
		return -ENOMEM;
	for (size_t i = 0; i < ts->v.n; i++)
		if (ts->v.data[i].waiter)
			ts->waits[ts->nwaits++] =
				(struct wait){ ts->v.data[i].waiter, ts->v.data[i].task };
	qsort(ts->waits, ts->nwaits, sizeof(*ts->waits), by_future);
	return 0;
}

static int by_task(const void *key, const void *elem)
{
	return by_address(key, &((const struct interp_task *)elem)->task);
}

static int add_by(struct interp_task *t, uint64_t by)
{
	uint64_t *more;

	if (by == t->task)
		return 0;
	for (size_t i = 0; i < t->nby; i++)
		if (t->by[i] == by)
			return 0;
	more = realloc(t->by, (t->nby + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->by = more;
	t->by[t->nby++] = by;
	return 0;
}

/* The tasks that wait for the future, themselves or through what is told of its end. */
static int find_by(struct tasks *ts, struct interp_task *t, uint64_t future, unsigned depth)
{
	uint64_t told[TOLD_MAX];
	size_t lo = 0, hi = ts->nwaits, n;
	int r = 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ts->waits[mid].future < future)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; !r && lo < ts->nwaits && ts->waits[lo].future == future; lo++)
		r = add_by(t, ts->waits[lo].task);
	if (r || depth >= TOLD_DEPTH || !ts->left)
		return r;
	ts->left--;
	n = task_told(&ts->rd, future, told, TOLD_MAX);
	for (size_t i = 0; !r && i < n; i++) {
		if (told[i] == future)
			continue;
		if (bsearch(&told[i], ts->v.data, ts->v.n, sizeof(*ts->v.data), by_task))
			r = add_by(t, told[i]);
		else if (task_is_future(&ts->rd, told[i]))
			r = find_by(ts, t, told[i], depth + 1);
	}
	return r;
}

static int read_found(struct tasks *ts, bool current)
{
	int r = 0;

	for (size_t i = 0; r != -ENOMEM && i < ts->found.n; i++)
		r = read_one(ts, ts->found.data[i]);
	if (r == -ENOMEM || current)
		return r == -ENOMEM ? r : 0;
	r = collect_waits(ts);
	for (size_t i = 0; !r && i < ts->v.n; i++)
		if (ts->v.data[i].state < TASK_FINISHED) {
			ts->left = TOLD_ALL;
			r = find_by(ts, &ts->v.data[i], ts->v.data[i].task, 0);
		}
	return r;
}

int cpython_tasks(struct interp *in, bool current, struct interp_task **ret, size_t *ret_n)
{
	struct tasks ts = { 0 };
	int r;

	obj_rd_init(&ts.rd, in, NULL);
	r = find(&ts, current);
	if (!r)
		r = read_found(&ts, current);
	if (ts.rd.nomem)
		r = -ENOMEM;
	obj_rd_deinit(&ts.rd);
	vec_deinit(&ts.found);
	free(ts.waits);
	if (r) {
		interp_tasks_free(ts.v.data, ts.v.n);
		return r;
	}
	*ret = ts.v.data;
	*ret_n = ts.v.n;
	return 0;
}
