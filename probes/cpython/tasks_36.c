// SPDX-License-Identifier: BSD-2-Clause
/*
 * 3.6: the C module has its tasks, and which of them run, in static variables of its own
 * (Modules/_asynciomodule.c, all_tasks, current_tasks). So memory is searched for instances of the
 * class, and what a thread runs is known from the loop's frame that calls it (asyncio/events.py,
 * Handle._run()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/code.h"
#include "probes/cpython/tasks.h"

#define CLASSES_MAX 64
#define FRAMES_MAX  1000

/* An object, and no class. */
static bool is_instance(struct cpython *py, uint64_t obj)
{
	uint64_t type, meta;

	return obj && !(obj & 7) && !cpython_type_of(py, obj, &type) && type != py->types.type &&
	       !cpython_type_of(py, type, &meta) && meta == py->types.type;
}

/*
 * The word may be a reference to the class, in a tuple or a table, say: what a task always has must
 * be there.
 */
static bool is_task(struct cpython *py, uint64_t obj)
{
	const struct py_offsets *o = py->off;
	uint64_t refs, coro, loop;
	uint32_t state;

	return !mem_u64(py->mem, obj + o->ob_refcnt, &refs) && refs && refs < 1u << 31 &&
	       !mem_u32(py->mem, obj + o->task_state, &state) && state <= 2 &&
	       !mem_u64(py->mem, obj + o->task_coro, &coro) && is_instance(py, coro) &&
	       !mem_u64(py->mem, obj + o->task_loop, &loop) && is_instance(py, loop);
}

/* Derived classes: a dict {address: weak reference} (Objects/typeobject.c, add_subclass()). */
static size_t subclasses(struct obj_rd *rd, uint64_t cls, uint64_t *ret, size_t max)
{
	uint64_t dict = obj_ptr(rd, cls + rd->off->type_subclasses), key, value;
	struct obj_dict d;
	size_t n = 0;

	if (!dict || obj_dict_open(rd, dict, &d))
		return 0;
	while (n < max && obj_dict_next(&d, &key, &value) == 1) {
		struct obj_type *t = obj_type_of(rd, value, NULL);

		if (t && t->cls == OBJ_WEAKREF)
			ret[n++] = obj_ptr(rd, value + rd->off->weakref_object);
	}
	return n;
}

static int add_all(struct obj_rd *rd, uint64_t task_class, tasks_add_fn add, void *priv)
{
	uint64_t classes[CLASSES_MAX] = { task_class };
	size_t nclasses = 1, n;
	int r = 0;

	for (size_t i = 0; !r && i < nclasses; i++) {
		_cleanup_free_ uint64_t *found = NULL;

		nclasses += subclasses(rd, classes[i], classes + nclasses, CLASSES_MAX - nclasses);
		r = cpython_scan_objects(rd->py, classes[i], is_task, NULL, NULL, &found, &n);
		for (size_t k = 0; !r && k < n; k++)
			r = add(priv, found[k]);
	}
	return r;
}

/* The task that a frame of Handle._run() calls; 0. */
static uint64_t called_by(struct obj_rd *rd, const struct interp_frame *f)
{
	struct interp_var *vars;
	struct code_head h;
	uint64_t self = 0, cb;
	struct obj_type *t;
	size_t n;

	if (code_head_read(rd->py, f->code, &h) || !obj_str_is(rd, h.name, "_run") ||
	    cpython_frame_vars(&rd->py->base, f->frame, &vars, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(vars[i].name, "self"))
			self = vars[i].value;
	interp_vars_free(vars, n);
	cb = self ? obj_attr_addr(rd, self, "_callback") : 0;
	t = cb ? obj_type_of(rd, cb, NULL) : NULL;
	if (t && !strcmp(t->name, "TaskStepMethWrapper"))
		return obj_ptr(rd, cb + rd->off->task_step_task);
	if (t && !strcmp(t->name, "TaskWakeupMethWrapper"))
		return obj_ptr(rd, cb + rd->off->task_wakeup_task);
	return 0;
}

static int add_current(struct obj_rd *rd, tasks_add_fn add, void *priv)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n;
	int r = cpython_threads(&rd->py->base, &threads, &n);

	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ struct interp_frame *frames = NULL;
		size_t nframes;

		if (cpython_frames(&rd->py->base, threads[i].tstate, FRAMES_MAX, &frames, &nframes))
			continue;
		for (size_t k = 0; !r && k < nframes; k++) {
			uint64_t task = called_by(rd, &frames[k]);

			if (task)
				r = add(priv, task);
		}
	}
	return r;
}

int tasks_36(struct obj_rd *rd, uint64_t globals, bool current, tasks_add_fn add, void *priv)
{
	struct obj_type *t;
	uint64_t cls;

	if (obj_dict_get(rd, globals, "_CTask", &cls) && obj_dict_get(rd, globals, "Task", &cls))
		return 0;
	t = obj_type_at(rd, cls, NULL);
	if (!t || t->heap)
		return 0;
	return current ? add_current(rd, add, priv) : add_all(rd, cls, add, priv);
}
