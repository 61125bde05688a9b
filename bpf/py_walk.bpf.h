/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From the running thread to its Python frame. Pure: whoever includes this gives it
 *   read_user(), read_loop()    memory and bounded loops (read.bpf.h; a fake memory in the tests)
 *   py                          the facts, a struct abi_py
 *   py_walk_wants()             is a frame of this code what we look for? PY_WALK_WANTS_NONE: no frame is
 */
#ifndef PYBPFDBG_PY_WALK_BPF_H
#define PYBPFDBG_PY_WALK_BPF_H

#include <linux/errno.h>
#include <linux/types.h>

#include "bpf/abi.h"

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define PY_PREV_NONE (-1)              /* not started, or nothing known before */
#define PY_PREV_UNKNOWN (-0x7fffffff) /* the frame holds nonsense: in no drop range */

/* The frame that a thread state runs. */
struct py_frame {
	u64 tstate, frame, code;
};

struct py_walk {
	u64 self;  /* thread pointer of the thread that we look for */
	u64 addr;  /* for py_walk_wants(): the watched address */
	u64 interp, tstate; /* where the walk is; both 0: at its end */
	struct py_frame found; /* the first that is wanted, else the first that runs anything */
	u32 wanted; /* found is one that is wanted */
	u32 fault;  /* something could not be read */
};

#ifdef PY_WALK_WANTS_NONE
static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	(void)code;
	return 0;
}
#else
static __always_inline int py_walk_wants(const struct py_walk *w, u64 code);
#endif

/* Eight bytes that may lie at any address. */
static __always_inline u64 py_load_u64(const void *p)
{
#ifdef __bpf__
	return *(const u64 *)p; /* x86 does not mind; memcpy() would be eight loads */
#else
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

static __always_inline int py_read_u64(u64 addr, u64 *ret)
{
	return read_user(ret, sizeof(*ret), addr);
}

/*
 * The current frame of tstate, which must belong to thread `self`. 0, -EFAULT, or -ENOENT: it is another thread's
 * (the memory was reused), or runs no frame.
 */
static __always_inline int py_frame_of(u64 tstate, u64 self, struct py_frame *ret)
{
	u64 id = 0, frame = 0, code = 0;

	if (py_read_u64(tstate + py.tstate_thread_id, &id))
		return -EFAULT;
	if (id != self)
		return -ENOENT;
	if (py_read_u64(tstate + py.tstate_frame, &frame))
		return -EFAULT;
	if (py.frame_kind == ABI_FRAME_CFRAME) {
		if (!frame)
			return -ENOENT;
		if (py_read_u64(frame + py.cframe_current_frame, &frame))
			return -EFAULT;
	}
	if (!frame)
		return -ENOENT;
	if (py_read_u64(frame + py.frame_code, &code))
		return -EFAULT;
	ret->tstate = tstate;
	ret->frame = frame;
	ret->code = code & ~(u64)py.code_tag_mask;
	return 0;
}

/* One step over the interpreters and their thread states; ctx: struct py_walk **. 1 ends the walk. */
static long py_walk_step(u32 i, void *ctx)
{
	struct py_walk *w = *(struct py_walk **)ctx;
	struct py_frame f;
	u64 next = 0, at;
	int r;

	(void)i;
	at = w->tstate;
	if (!at) {
		at = w->interp;
		if (!at)
			return 1;
		w->interp = 0;
		if (py_read_u64(at + py.interp_tstate_head, &next))
			w->fault = 1;
		w->tstate = next;
		next = 0;
		if (py_read_u64(at + py.interp_next, &next))
			w->fault = 1;
		w->interp = next;
		return 0;
	}
	r = py_frame_of(at, w->self, &f);
	if (r == -EFAULT)
		w->fault = 1;
	if (!r) {
		/* A thread may own several states, one for each sub-interpreter it has been in. */
		w->wanted = py_walk_wants(w, f.code);
		if (w->wanted || !w->found.tstate)
			w->found = f;
		if (w->wanted)
			return 1;
	}
	if (py_read_u64(at + py.tstate_next, &next)) {
		w->fault = 1;
		next = 0;
	}
	w->tstate = next;
	return 0;
}

/*
 * Look for the thread in every interpreter; *w must not lie on the BPF stack. Kernels before 6.7 verify a loop's body as if it ran
 * once: what they know of the stack before the first round (tstate is 0) they take for all rounds, and what the later rounds do
 * is cut out as dead. 0: w->found runs something (w->wanted says whether it is what we look
 * for); -ENOENT: no such thread; -EFAULT: not found, and something could not be read.
 */
static __always_inline int py_walk(struct py_walk *w)
{
	if (py_read_u64(py.interp_head, &w->interp)) {
		w->fault = 1;
		return -EFAULT;
	}
	read_loop(ABI_THREADS_MAX, py_walk_step, &w);
	if (w->found.tstate)
		return 0;
	return w->fault ? -EFAULT : -ENOENT;
}

/* A position, or PY_PREV_*, of the address that frames hold from 3.11 on. */
static __always_inline s32 py_prev_of(const struct py_frame *f, u64 ptr)
{
	u64 off = ptr - (f->code + py.code_bytecode);

	if (off < 0x7fffffff)
		return (s32)off;
	/* 3.11 and 3.12 start one unit before the first (Include/internal/pycore_frame.h) */
	return off == (u64)-2 ? PY_PREV_NONE : PY_PREV_UNKNOWN;
}

/* The position that the frame holds, in bytes into its bytecode, or PY_PREV_*. 0 or -EFAULT. */
static __always_inline int py_prev_in_frame(const struct py_frame *f, s32 *ret)
{
	u64 ptr = 0;
	s32 lasti = 0;

	if (py.prev_scale) {
		if (read_user(&lasti, sizeof(lasti), f->frame + py.frame_prev))
			return -EFAULT;
		*ret = lasti < 0 ? PY_PREV_NONE : (s32)((u32)lasti * py.prev_scale);
		return 0;
	}
	if (py_read_u64(f->frame + py.frame_prev, &ptr))
		return -EFAULT;
	*ret = py_prev_of(f, ptr);
	return 0;
}

/*
 * From 3.11 on the code unit of the next instruction may be read before the thread state says which frame is current:
 * the compiler is free to put the load first where a frame is entered or left (seen: YIELD_VALUE of 3.13 into FOR_ITER's
 * successor). The eval loop's own variable is then in a register. Is it this one? It is, when it points to a frame of
 * the code we look for, at a position in that code.
 */
static __always_inline int py_frame_in_reg(const struct py_walk *w, u64 reg, struct py_frame *ret)
{
	struct py_frame f = { .tstate = w->found.tstate, .frame = reg };
	s32 prev;

	if (reg & 7 || py_read_u64(reg + py.frame_code, &f.code))
		return 0;
	f.code &= ~(u64)py.code_tag_mask;
	if (!py_walk_wants(w, f.code) || py_prev_in_frame(&f, &prev) || prev == PY_PREV_UNKNOWN)
		return 0;
	*ret = f;
	return 1;
}

/*
 * Is this a second read of an execution that was counted before (3.11+)? The handlers store their own position before
 * anything else, so a frame that stands on the instruction already runs it. Two frames stand on an instruction that they
 * have not begun: from 3.13 on a new one (instr_ptr starts at 0; before, one unit before). A loop of one instruction
 * that jumps to itself looks the same, and settrace of 3.11 does not count it either.
 */
static __always_inline int py_is_redispatch(s32 offset, s32 prev)
{
	if (!py.redispatch || prev != offset)
		return 0;
	return !(offset == 0 && py.frame_kind == ABI_FRAME_CURRENT);
}

/*
 * Will the eval loop read this unit once more for the same execution, because the target traces itself? Asked at the
 * first read. 1, 0 or -EFAULT. (Python/ceval.c: tracing_dispatch of 3.10, DO_TRACING of 3.11)
 */
static __always_inline int py_rereads(const struct py_frame *f)
{
	u64 cframe = 0, func = 0;
	u32 tracing = 0;
	u8 use = 0;

	if (!py.reread)
		return 0;
	if (py_read_u64(f->tstate + py.tstate_cframe, &cframe) ||
	    read_user(&use, sizeof(use), cframe + py.cframe_use_tracing))
		return -EFAULT;
	if (!use || py.reread == ABI_REREAD_TRACING)
		return use != 0;
	if (py_read_u64(f->tstate + py.tstate_c_tracefunc, &func) ||
	    read_user(&tracing, sizeof(tracing), f->tstate + py.tstate_tracing))
		return -EFAULT;
	return func && !tracing;
}

static __always_inline int py_is_dropped(const struct abi_place *p, s32 prev)
{
	for (u32 i = 0; i < ABI_DROP_RANGES; i++) {
		if (i >= p->ndrop)
			break;
		if (p->drop[i].lo <= prev && prev <= p->drop[i].hi)
			return 1;
	}
	return 0;
}

/* The trap comes after the read: ip is that of the next instruction, one past the end at most. */
static __always_inline int py_is_eval(u64 ip)
{
	for (u32 i = 0; i < ABI_EVAL_RANGES; i++) {
		if (i >= py.eval_n)
			break;
		if (py.eval[i].start < ip && ip <= py.eval[i].end)
			return 1;
	}
	return 0;
}

#endif
