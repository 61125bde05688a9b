// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which lock object does a thread wait for? It sleeps on a futex. Up to 3.13 that is the semaphore
 * which the object points to (Python/thread_pthread.h, PyThread_allocate_lock), so that the object
 * is searched for. From 3.14 on the object holds one byte, and who waits has a semaphore on its own
 * stack, in a struct wait_entry (Python/parking_lot.c) right behind the address of that byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probes/cpython/cpython.h"

#define MINOR_PARKED 14

/*
 * Modules/_threadmodule.c: lockobject and rlockobject begin with the lock; the owner of an RLock is
 * the word behind it (rlock_owner; from 3.14 on _PyRecursiveMutex.thread, behind a padded byte).
 */
static uint64_t lock_at(const struct cpython *py, uint64_t object)
{
	return object + py->off->ob_type + sizeof(uint64_t);
}

static void fill(struct cpython *py, uint64_t object, bool recursive, struct interp_lock *l)
{
	l->object = object;
	l->recursive = recursive;
	if (recursive && mem_u64(py->mem, lock_at(py, object) + sizeof(uint64_t), &l->owner))
		l->owner = 0;
}

static bool any(struct cpython *py, uint64_t obj)
{
	uint64_t lock;

	return !mem_u64(py->mem, lock_at(py, obj), &lock) && lock;
}

/* Who of the objects of this type holds the semaphore of one of them? */
static int search(struct cpython *py, uint64_t type, bool recursive, struct interp_lock *locks,
		  size_t n)
{
	_cleanup_free_ uint64_t *found = NULL;
	size_t nfound, i, k;
	uint64_t lock;
	int r;

	r = cpython_scan_objects(py, type, any, NULL, NULL, &found, &nfound);
	for (i = 0; !r && i < nfound; i++) {
		if (mem_u64(py->mem, lock_at(py, found[i]), &lock))
			continue;
		for (k = 0; k < n; k++)
			if (locks[k].futex == lock)
				fill(py, found[i], recursive, &locks[k]);
	}
	return r;
}

static void parked(struct cpython *py, uint64_t plain, uint64_t recursive, struct interp_lock *l)
{
	uint64_t at, object, type;

	if (mem_u64(py->mem, l->futex - sizeof(at), &at))
		return;
	object = at - (lock_at(py, 0));
	if (!cpython_type_of(py, object, &type) && (type == plain || type == recursive))
		fill(py, object, type == recursive, l);
}

int cpython_locks(struct interp *in, struct interp_lock *locks, size_t n)
{
	struct cpython *py = cpython_of(in);
	uint64_t module, plain, recursive;
	int r;

	r = cpython_module_globals(in, "_thread", &module);
	if (!r)
		r = cpython_dict_get(in, module, "LockType", &plain);
	if (!r)
		r = cpython_dict_get(in, module, "RLock", &recursive);
	if (r || !n)
		return r;
	if (py->off->minor >= MINOR_PARKED) {
		for (size_t i = 0; i < n; i++)
			parked(py, plain, recursive, &locks[i]);
		return 0;
	}
	r = search(py, plain, false, locks, n);
	return r ? r : search(py, recursive, true, locks, n);
}
