/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Exceptions where they are raised, and where they leave the outermost frame or that of the user's code.
 * PyTraceBack_Here() is called once for each Python frame that an exception leaves or is handled in;
 * it is a raise where the exception has no traceback yet, or where the frame is at a `raise X` (an instance that
 * was raised before keeps its old traceback). A bare `raise` and the end of a `finally` do not come here at all (Python/ceval.c goes to
 * exception_unwind). Needs py, maps.bpf.h, action.bpf.h, site.bpf.h.
 */
#ifndef PYBPFDBG_CATCH_BPF_H
#define PYBPFDBG_CATCH_BPF_H

#include "bpf/abi.h"
#include "bpf/action.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/py_walk.bpf.h"
#include "bpf/site.bpf.h"

/* Who waits for a class, by the address of the type object: bits of catch_rules. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_CATCH_CLASSES);
	__type(key, __u64);
	__type(value, __u32);
} catch_classes SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_CATCH_MAX);
	__type(key, __u32);
	__type(value, __u32); /* index of an abi_rule */
} catch_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_catch_when);
} catch_when SEC(".maps");
/* By file name (a str object): ABI_FILE_*, as user space has answered before. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} catch_files SEC(".maps");

/* For a walk, by thread: another thread's program may come between on the same CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct py_walk);
} site_walks SEC(".maps");

#define EXC_MRO_MAX 64
#define EXC_LINKS_MAX 8   /* frames and shims that are looked at outwards */
#define EXC_THREAD_OUTER 2 /* threading's own frames outside of Thread.run() */

/* The thread's current frame; `wanted`, where it should be (0: any), tells which of several thread states is meant. 0 or -errno. */
static __always_inline int exc_frame(u64 wanted, struct py_frame *ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 self = BPF_CORE_READ(task, thread.fsbase), code = 0, *tstate;
	struct py_walk init = { .self = self }, *w;
	int r;

	tstate = bpf_map_lookup_elem(&threads, &self);
	if (tstate && !py_frame_of(*tstate, self, ret) && (!wanted || ret->frame == wanted))
		return 0;
	if (wanted && !site_code_of(wanted, &code))
		init.addr = code;
	bpf_map_update_elem(&site_walks, &self, &init, BPF_ANY);
	w = bpf_map_lookup_elem(&site_walks, &self);
	if (!w)
		return -ENOMEM;
	r = py_walk(w);
	if (r)
		return r;
	*ret = w->found;
	bpf_map_update_elem(&threads, &self, &ret->tstate, BPF_ANY);
	return 0;
}

/* Where the bytecode of its code object lies. 0 or -EFAULT. */
static __always_inline int exc_bytecode(const struct py_frame *f, u64 *ret)
{
	u64 code = f->code + py.code_bytecode;

	if (py.exc.code_code != ABI_NONE) {
		if (py_read_u64(f->code + py.exc.code_code, &code))
			return -EFAULT;
		code += py.exc.bytes_data;
	}
	*ret = code;
	return 0;
}

/* Is the frame, which stands at `at`, at a `raise` with an operand? 1, 0 or -EFAULT. */
static __always_inline int exc_at_raise(const struct py_frame *f, s32 at)
{
	u8 unit[2] = { 0 };
	u64 code = 0;

	if (at < 0)
		return 0;
	if (exc_bytecode(f, &code) || read_user(unit, sizeof(unit), code + (u32)at))
		return -EFAULT;
	return unit[0] == py.exc.raise_op && unit[1];
}

/* The exception's class and its traceback so far. 0 or -EFAULT. */
static __always_inline int exc_read(u64 tstate, u64 *ret_type, u64 *ret_tb)
{
	u64 value = 0;

	if (py.exc.tstate_type != ABI_NONE)
		return py_read_u64(tstate + py.exc.tstate_type, ret_type) ||
				       py_read_u64(tstate + py.exc.tstate_traceback, ret_tb) ?
			       -EFAULT :
			       0;
	if (py_read_u64(tstate + py.exc.tstate_value, &value) ||
	    py_read_u64(value + py.exc.ob_type, ret_type) ||
	    py_read_u64(value + py.exc.exc_traceback, ret_tb))
		return -EFAULT;
	return 0;
}

/* Who waits for class `type` or one of its bases. 0 or -EFAULT. */
static __always_inline int exc_match(u64 type, u32 *ret)
{
	u64 mro = 0, size = 0, base;
	u32 mask = 0, *bits;

	if (py_read_u64(type + py.exc.type_mro, &mro) || py_read_u64(mro + py.exc.tuple_size, &size))
		return -EFAULT;
	for (u32 i = 0; i < EXC_MRO_MAX && i < size; i++) {
		base = 0;
		if (py_read_u64(mro + py.exc.tuple_items + 8 * (u64)i, &base))
			return -EFAULT;
		bits = bpf_map_lookup_elem(&catch_classes, &base);
		if (bits)
			mask |= *bits;
	}
	*ret = mask;
	return 0;
}

static __always_inline u32 lowest_bit(u32 mask)
{
	u32 n = 0;

	for (u32 width = 16; width; width /= 2)
		if (!(mask & ((1u << width) - 1))) {
			mask >>= width;
			n += width;
		}
	return n;
}

/* The first of them, as the rules of a place. */
static __always_inline void exc_rules(u32 mask, struct abi_place *place)
{
	for (u32 i = 0; i < ABI_PLACE_RULES; i++) {
		u32 bit = lowest_bit(mask), *rule;

		rule = mask ? bpf_map_lookup_elem(&catch_rules, &bit) : NULL;
		place->rules[i] = rule ? *rule : 0;
		mask &= mask - 1;
	}
}

/* How many frames are outside of `frame` (EXC_LINKS_MAX: many); *ret_code: the code of the next one. 0 or -EFAULT. */
static __always_inline int exc_outer(u64 frame, u32 *ret, u64 *ret_code)
{
	u64 code = 0;
	u8 owner = 0;
	u32 n = 0;

	for (u32 i = 0; i < EXC_LINKS_MAX; i++) {
		if (py_read_u64(frame + py.frame_previous, &frame))
			return -EFAULT;
		if (!frame) {
			*ret = n;
			return 0;
		}
		if (lay.frame_owner_shim != ABI_NONE && read_user(&owner, 1, frame + lay.frame_owner))
			return -EFAULT;
		if (lay.frame_owner_shim != ABI_NONE && owner >= lay.frame_owner_shim)
			continue;
		if (!n++) {
			if (py_read_u64(frame + py.frame_code, &code))
				return -EFAULT;
			*ret_code = code & ~(u64)py.code_tag_mask;
		}
	}
	*ret = EXC_LINKS_MAX;
	return 0;
}

/* May `code`, called by `caller`, be the last of the user's frames? In doubt it may. */
static __always_inline int exc_last_of_user(u64 code, u64 caller)
{
	u64 file = 0, outer = 0;
	u32 *known;

	if (py_read_u64(code + py.code_filename, &file))
		return 1;
	known = bpf_map_lookup_elem(&catch_files, &file);
	if (known && *known == ABI_FILE_OTHER)
		return 0;
	if (!caller || py_read_u64(caller + py.code_filename, &outer))
		return 1;
	known = bpf_map_lookup_elem(&catch_files, &outer);
	return outer != file && !(known && *known == ABI_FILE_MINE);
}

/* Who wants an exception that passes a frame on its way out, *ret. 0 or -EFAULT. */
static __always_inline int exc_leaves(const struct abi_catch_when *when, const struct hit_at *at, u32 *ret)
{
	u64 caller = 0;
	u32 outer = 0;

	if (!(when->uncaught | when->user))
		return 0;
	if (exc_outer(at->f.frame, &outer, &caller))
		return -EFAULT;
	if (!outer || (at->who.pid != at->who.tgid && outer <= EXC_THREAD_OUTER))
		*ret |= when->uncaught;
	if (when->user && exc_last_of_user(at->f.code, caller))
		*ret |= when->user;
	return 0;
}

/* An exception passes the frame `passed` (a PyFrameObject). Where one is waited for, threads are traced from their birth. */
static __always_inline int exc_passes(u64 passed, struct hit_at *at)
{
	u64 frame = passed, type = 0, tb = 0;
	u32 mask = 0, wanted = 0, zero = 0;
	struct abi_catch_when *when = bpf_map_lookup_elem(&catch_when, &zero);
	struct hit_room *room;
	s32 offset;
	int r;

	if (!when)
		return 0;
	if (py.exc.frame_iframe != ABI_NONE && py_read_u64(passed + py.exc.frame_iframe, &frame))
		return -EFAULT;
	r = exc_frame(frame, &at->f);
	if (r)
		return r;
	if (exc_read(at->f.tstate, &type, &tb) || py_prev_in_frame(&at->f, &offset))
		return -EFAULT;
	r = 1;
	/* compiled modules (Cython) make up frames of their own: these raise nothing again, and lie on no stack */
	if (tb)
		r = frame == at->f.frame ? exc_at_raise(&at->f, offset) : 0;
	if (r < 0)
		return r;
	if (r)
		wanted = when->raised;
	if (frame == at->f.frame && exc_leaves(when, at, &wanted))
		return -EFAULT;
	if (!wanted)
		return 0;
	r = exc_match(type, &mask);
	mask &= wanted;
	if (r || !mask)
		return r;
	room = hit_room_get();
	if (room) {
		room->place.id = ABI_PLACE_RAISE;
		room->place.offset = offset;
		exc_rules(mask, &room->place);
		hit_rules(NULL, &room->place, at);
		hit_room_put(room);
	}
	return 0;
}

#endif
