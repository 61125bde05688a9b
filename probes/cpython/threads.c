// SPDX-License-Identifier: BSD-2-Clause
/* All Python threads of all interpreters of a process. */
#include "probes/cpython/cpython.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/*
 * pthread_self() points to the C library's own structure, which holds the kernel's thread id: at
 * this place in glibc (nptl/descr.h: the same since 2.4) and in musl (src/internal/pthread_impl.h).
 * Up to 3.10 Python keeps no other.
 */
#define GLIBC_TID 0x2d0
#define MUSL_TID  0x30
#define TID_MAX	  (1 << 22) /* of the kernel: PID_MAX_LIMIT */

struct threads {
	VEC(struct interp_thread) v;
	bool musl;
};

static bool is_musl(struct cpython *py)
{
	const struct sym_module *mods;
	size_t i, n;

	if (sym_modules(py->sym, &mods, &n))
		return false;
	for (i = 0; i < n; i++)
		if (strstr(mods[i].path, "/ld-musl-"))
			return true;
	return false;
}

static int read_tid(struct cpython *py, uint64_t tstate, uint64_t thread_id, bool musl)
{
	const struct py_offsets *o = py->off;
	uint64_t at = thread_id + (musl ? MUSL_TID : GLIBC_TID);
	uint32_t tid;

	if (o->tstate_native_thread_id != OFF_NONE)
		at = tstate + o->tstate_native_thread_id;
	if (mem_u32(py->mem, at, &tid) || tid > TID_MAX)
		return 0;
	return (int)tid;
}

/* The thread state that holds the GIL of interp; 0: none, or each thread state knows of itself
 * (3.14+). */
static uint64_t gil_holder(struct cpython *py, uint64_t interp)
{
	const struct py_offsets *o = py->off;
	uint64_t gil, holder = 0, addr, size;
	uint32_t locked;

	if (o->tstate_holds_gil != OFF_NONE)
		return 0;
	if (o->minor == 6) {
		if (!sym_lookup(py->sym, py->info.module, "_PyThreadState_Current", &addr, &size) &&
		    mem_u64(py->mem, addr, &holder))
			holder = 0;
		return holder;
	}
	if (o->runtime_tstate_current != OFF_NONE) {
		if (mem_u64(py->mem, py->runtime + o->runtime_tstate_current, &holder))
			holder = 0;
		return holder;
	}
	if (mem_u64(py->mem, interp + o->interp_gil, &gil) || !gil ||
	    mem_u32(py->mem, gil + o->gil_locked, &locked) || locked != 1 ||
	    mem_u64(py->mem, gil + o->gil_last_holder, &holder))
		return 0;
	return holder;
}

#define GIL_SIZE 512 /* of struct _gil_runtime_state, with room (Include/internal/pycore_gil.h) */

/* The GIL's memory: from 3.12 on each interpreter has a pointer to it, before that it is part of
 * _PyRuntime. */
static void gil_place(struct cpython *py, uint64_t interp, struct interp_thread *t)
{
	const struct py_offsets *o = py->off;
	uint64_t at, size;

	if (o->minor >= 12) {
		if (!mem_u64(py->mem, interp + o->interp_gil, &at) && at)
			t->gil = at, t->gil_end = at + GIL_SIZE;
	} else if (py->runtime && !sym_lookup(py->sym, py->info.module, "_PyRuntime", &at, &size)) {
		t->gil = at, t->gil_end = at + size;
	}
}

static int read_thread(struct cpython *py, uint64_t tstate, uint64_t holder, bool musl,
		       struct interp_thread *t)
{
	const struct py_offsets *o = py->off;
	uint32_t flag;
	int r;

	memset(t, 0, sizeof(*t));
	t->tstate = tstate;
	r = mem_u64(py->mem, tstate + o->tstate_thread_id, &t->thread_id);
	if (r)
		return r;
	t->tid = read_tid(py, tstate, t->thread_id, musl);
	if (o->tstate_holds_gil != OFF_NONE)
		t->holds_gil = !mem_u32(py->mem, tstate + o->tstate_holds_gil, &flag) && flag == 1;
	else
		t->holds_gil = tstate == holder;
	if (cpython_top_frame(py, tstate, &t->frame))
		t->frame = 0;
	return 0;
}

/*
 * The list changes while we read it when the process runs: what does not hold together any more is
 * left out.
 */
static int interp_threads(struct cpython *py, uint64_t interp, struct threads *out)
{
	const struct py_offsets *o = py->off;
	uint64_t tstate, back, first, holder = gil_holder(py, interp);
	struct interp_thread t;
	size_t n;
	int r;

	r = mem_u64(py->mem, interp + o->interp_tstate_head, &first);
	if (r)
		return r;
	for (tstate = first, n = 0; tstate && n < CPYTHON_THREADS_MAX; n++) {
		if (mem_u64(py->mem, tstate + o->tstate_interp, &back) || back != interp ||
		    read_thread(py, tstate, holder, out->musl, &t))
			break;
		gil_place(py, interp, &t);
		r = vec_push(&out->v, t);
		if (r)
			return r;
		if (mem_u64(py->mem, tstate + o->tstate_next, &tstate) || tstate == first)
			break;
	}
	return 0;
}

int cpython_threads(struct interp *in, struct interp_thread **ret, size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	struct threads out = { .musl = is_musl(py) };
	uint64_t interp, first;
	size_t i, n;
	int r;

	r = mem_u64(py->mem, py->interp_head, &first);
	for (interp = first, i = 0; !r && interp && i < CPYTHON_INTERPS_MAX; i++) {
		n = out.v.n;
		r = interp_threads(py, interp, &out);
		if (!r)
			cpython_thread_names(py, interp, out.v.data + n, out.v.n - n);
		if (!r)
			r = mem_u64(py->mem, interp + py->off->interp_next, &interp);
		if (interp == first)
			break;
	}
	/* An interpreter that went away meanwhile does not take the others with it. */
	if (r == -ENOMEM || (r && !out.v.n)) {
		vec_deinit(&out.v);
		return r;
	}
	*ret = out.v.data;
	*ret_n = out.v.n;
	return 0;
}
