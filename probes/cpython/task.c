// SPDX-License-Identifier: BSD-2-Clause
/*
 * The fields of tasks and futures: those of the C module (Modules/_asynciomodule.c) have the layout
 * of offsets.def, those of asyncio/futures.py and tasks.py are attributes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "probes/cpython/tasks.h"

#define CALLBACKS_MAX 64 /* of one future */
#define CELLS_MAX     16 /* of one callback */

/* ---- containers ---- */

int task_set_items(struct obj_rd *rd, uint64_t set, size_t max, uint64_t **ret, size_t *ret_n)
{
	struct obj_type *t = obj_type_of(rd, set, NULL);
	_cleanup_free_ uint64_t *items = NULL, *slots = NULL;
	uint64_t used, mask, table, at;
	size_t n = 0;
	int r;

	if (!t || (t->cls != OBJ_SET && t->cls != OBJ_FROZENSET))
		return -EINVAL;
	r = mem_u64(rd->mem, set + rd->off->set_used, &used);
	if (!r)
		r = mem_u64(rd->mem, set + rd->off->set_mask, &mask);
	if (!r)
		r = mem_u64(rd->mem, set + rd->off->set_table, &table);
	if (r)
		return r;
	if (mask >= 1ull << 26 || mask & (mask + 1) || used > mask + 1)
		return -EINVAL;
	items = calloc(used + 1, sizeof(*items));
	slots = malloc(256 * 16);
	if (!items || !slots)
		return -ENOMEM;
	for (at = 0; at <= mask && n < used && n < max; at += 256) {
		uint64_t piece = mask + 1 - at < 256 ? mask + 1 - at : 256;

		r = mem_read(rd->mem, table + 16 * at, slots, 16 * piece);
		if (r)
			return r;
		/* {key, hash}; a removed key is a dummy with hash -1 */
		for (uint64_t i = 0; i < piece && n < used && n < max; i++)
			if (slots[2 * i] && slots[2 * i + 1] != UINT64_MAX)
				items[n++] = slots[2 * i];
	}
	*ret = take_ptr(items);
	*ret_n = n;
	return 0;
}

int task_seq_items(struct obj_rd *rd, uint64_t seq, size_t max, uint64_t **ret, size_t *ret_n)
{
	struct obj_type *t = seq ? obj_type_of(rd, seq, NULL) : NULL;
	_cleanup_free_ uint64_t *items = NULL;
	uint64_t n, at;
	int r;

	if (!t || !(t->flags & (TPF_LIST | TPF_TUPLE)))
		return -EINVAL;
	r = mem_u64(rd->mem, seq + rd->off->ob_size, &n);
	if (r)
		return r;
	at = seq + rd->off->tuple_items;
	if (t->flags & TPF_LIST)
		at = obj_ptr(rd, seq + rd->off->list_items);
	if (n > max)
		n = max;
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	r = n ? mem_read(rd->mem, at, items, n * sizeof(*items)) : 0;
	if (r)
		return r;
	*ret = take_ptr(items);
	*ret_n = n;
	return 0;
}

/* ---- what it is ---- */

/* Is the object an instance of a class of the C module, laid out as it is? */
static bool is_c(struct obj_rd *rd, struct obj_type *t, const char *name, uint32_t size)
{
	struct obj_type *c = obj_type_derived(rd, t, "_asyncio", name);

	return c && size != OFF_NONE && c->basicsize >= (int64_t)size;
}

static bool is_c_future(struct obj_rd *rd, struct obj_type *t)
{
	return is_c(rd, t, "Future", rd->off->future_size) ||
	       is_c(rd, t, "Task", rd->off->task_size);
}

static bool is_c_task(struct obj_rd *rd, struct obj_type *t)
{
	return is_c(rd, t, "Task", rd->off->task_size);
}

bool task_is(struct obj_rd *rd, uint64_t obj)
{
	struct obj_type *t = obj ? obj_type_of(rd, obj, NULL) : NULL;

	return t && (is_c_task(rd, t) || obj_type_derived(rd, t, "asyncio.tasks", "Task") != NULL);
}

bool task_is_future(struct obj_rd *rd, uint64_t obj)
{
	struct obj_type *t = obj ? obj_type_of(rd, obj, NULL) : NULL;

	return t &&
	       (is_c_future(rd, t) || obj_type_derived(rd, t, "asyncio.futures", "Future") != NULL);
}

/* ---- fields ---- */

/* An object, but not None: 0 then. */
static uint64_t some(struct obj_rd *rd, uint64_t obj)
{
	return obj == rd->py->none ? 0 : obj;
}

static void read_attrs(struct obj_rd *rd, uint64_t obj, struct task_fields *f)
{
	f->coro = some(rd, obj_attr_addr(rd, obj, "_coro"));
	f->waiter = some(rd, obj_attr_addr(rd, obj, "_fut_waiter"));
}

static int read_c(struct obj_rd *rd, uint64_t obj, struct obj_type *t, struct task_fields *f)
{
	static const enum interp_task_state states[] = { TASK_READY, TASK_CANCELLED,
							 TASK_FINISHED };
	const struct py_offsets *o = rd->off;
	uint32_t state;
	int r = mem_u32(rd->mem, obj + o->task_state, &state);

	if (r)
		return r;
	if (state >= sizeof(states) / sizeof(states[0]))
		return -EINVAL;
	f->state = states[state];
	if (f->state == TASK_FINISHED && some(rd, obj_ptr(rd, obj + o->task_exception)))
		f->state = TASK_FAILED;
	f->loop = some(rd, obj_ptr(rd, obj + o->task_loop));
	if (is_c_task(rd, t)) {
		f->coro = some(rd, obj_ptr(rd, obj + o->task_coro));
		f->waiter = some(rd, obj_ptr(rd, obj + o->task_fut_waiter));
	} else if (task_is(rd,
			   obj)) { /* 3.6: tasks.py derives its own from the C module's Future */
		read_attrs(rd, obj, f);
	}
	return 0;
}

static int read_python(struct obj_rd *rd, uint64_t obj, struct task_fields *f)
{
	uint64_t state = obj_attr_addr(rd, obj, "_state");

	if (!state)
		return -EINVAL;
	if (obj_str_is(rd, state, "PENDING"))
		f->state = TASK_READY;
	else if (obj_str_is(rd, state, "CANCELLED"))
		f->state = TASK_CANCELLED;
	else if (some(rd, obj_attr_addr(rd, obj, "_exception")))
		f->state = TASK_FAILED;
	else
		f->state = TASK_FINISHED;
	f->loop = some(rd, obj_attr_addr(rd, obj, "_loop"));
	if (task_is(rd, obj))
		read_attrs(rd, obj, f);
	return 0;
}

int task_read(struct obj_rd *rd, uint64_t obj, struct task_fields *ret)
{
	struct obj_type *t = obj_type_of(rd, obj, NULL);
	struct task_fields f = { 0 };
	int r;

	if (!t)
		return -EFAULT;
	if (is_c_future(rd, t))
		r = read_c(rd, obj, t, &f);
	else
		r = read_python(rd, obj, &f);
	if (!r)
		*ret = f;
	return r;
}

char *task_name(struct obj_rd *rd, uint64_t obj)
{
	struct obj_type *t = obj_type_of(rd, obj, NULL);
	uint64_t name;
	int64_t number;
	char *text;

	if (!t)
		return NULL;
	if (!is_c_task(rd, t))
		name = obj_attr_addr(rd, obj, "_name");
	else if (rd->off->task_name != OFF_NONE)
		name = obj_ptr(rd, obj + rd->off->task_name);
	else
		return NULL;
	text = name ? obj_str_dup(rd, name) : NULL;
	/* 3.12+: a number until somebody asks for the name */
	if (name && !text && !obj_long_read(rd, name, &number))
		text = obj_fmt(rd, "Task-%" PRId64, number);
	return text;
}

/* ---- callbacks ---- */

struct told {
	uint64_t *objs;
	size_t n, max;
};

static void told_add(struct told *told, uint64_t obj)
{
	if (obj && told->n < told->max)
		told->objs[told->n++] = obj;
}

static void told_closure(struct obj_rd *rd, uint64_t func, struct told *told)
{
	_cleanup_free_ uint64_t *cells = NULL;
	uint64_t closure = obj_ptr(rd, func + rd->off->func_closure);
	size_t n = 0;

	if (!closure || task_seq_items(rd, closure, CELLS_MAX, &cells, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		struct obj_type *t = obj_type_of(rd, cells[i], NULL);

		if (t && t->cls == OBJ_CELL)
			told_add(told, obj_ptr(rd, cells[i] + rd->off->cell_ref));
	}
}

static void told_partial(struct obj_rd *rd, uint64_t obj, struct told *told)
{
	_cleanup_free_ uint64_t *args = NULL;
	size_t n = 0;

	if (task_seq_items(rd, obj_ptr(rd, obj + rd->off->partial_args), CELLS_MAX, &args, &n))
		return;
	for (size_t i = 0; i < n; i++)
		told_add(told, args[i]);
}

/*
 * A method's object: of a task that awaits (task_wakeup), of a TaskGroup, whose parent it is. A
 * closure of gather(), wait(), shield(): the future that they made; a partial's argument: that of
 * wait_for() (up to 3.11).
 */
static void told_callback(struct obj_rd *rd, uint64_t cb, struct told *told, bool again)
{
	struct obj_type *t = cb ? obj_type_of(rd, cb, NULL) : NULL;
	uint64_t self;

	if (!t)
		return;
	if (t->cls == OBJ_METHOD) {
		self = obj_ptr(rd, cb + rd->off->method_self);
		told_add(told, self);
		if (self && !task_is_future(rd, self))
			told_add(told, obj_attr_addr(rd, self, "_parent_task"));
	} else if (t->cls == OBJ_CFUNCTION) {
		told_add(told, obj_ptr(rd, cb + rd->off->cfunc_self));
	} else if (t->cls == OBJ_FUNCTION) {
		told_closure(rd, cb, told);
	} else if (t->cls == OBJ_PARTIAL) {
		told_partial(rd, cb, told);
		if (again)
			told_callback(rd, obj_ptr(rd, cb + rd->off->partial_fn), told, false);
	} else if (rd->off->task_wakeup_task != OFF_NONE &&
		   !strcmp(t->name, "TaskWakeupMethWrapper")) {
		told_add(told, obj_ptr(rd, cb + rd->off->task_wakeup_task));
	}
}

size_t task_told(struct obj_rd *rd, uint64_t obj, uint64_t *ret, size_t max)
{
	struct obj_type *t = obj_type_of(rd, obj, NULL);
	_cleanup_free_ uint64_t *list = NULL;
	struct told told = { .objs = ret, .max = max };
	bool c = t && is_c_future(rd, t);
	size_t n = 0;

	if (!t)
		return 0;
	if (c && rd->off->task_callback0 != OFF_NONE)
		told_callback(rd, obj_ptr(rd, obj + rd->off->task_callback0), &told, true);
	if (task_seq_items(rd,
			   c ? obj_ptr(rd, obj + rd->off->task_callbacks)
			     : obj_attr_addr(rd, obj, "_callbacks"),
			   CALLBACKS_MAX, &list, &n))
		return told.n;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ uint64_t *pair = NULL;
		size_t two = 0;

		/* (callback, context) from 3.7 on */
		if (task_seq_items(rd, list[i], 2, &pair, &two))
			told_callback(rd, list[i], &told, true);
		else if (two)
			told_callback(rd, pair[0], &told, true);
	}
	return told.n;
}
