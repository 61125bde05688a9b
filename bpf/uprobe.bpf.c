// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The uprobe engine: programs that run at an instruction of the interpreter (struct abi_site). Each
 * is loaded by itself when it is asked for (userspace/trace/programs.c has the table); the maps of
 * maps.bpf.h are those of the watch engine. A uprobe is in the memory of one process only, but a
 * forked child inherits the memory: the program asks whose call it is.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"

/* What we know of the kernel; the offsets come from its BTF at load time. */
struct thread_struct {
	unsigned long fsbase;
} __attribute__((preserve_access_index));
struct task_struct {
	struct thread_struct thread;
} __attribute__((preserve_access_index));

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_dev = 0, ns_ino = 0; /* the target's pid namespace */
const volatile __u32 stop_signal = 0;

#include "bpf/py_walk.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/site.bpf.h"
#include "bpf/step.bpf.h"
#include "bpf/module.bpf.h"

#define HOLDS hold_probes
#include "bpf/catch.bpf.h"
#include "bpf/timed.bpf.h"

/* No rule of these programs is about a write. */
static __always_inline const struct abi_write *expr_write(void)
{
	return NULL;
}

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	return w->addr && code == w->addr;
}

/* Is the running process one that we follow? */
static __always_inline int is_followed(struct bpf_pidns_info *ret)
{
	if (bpf_get_ns_current_pid_tgid(ns_dev, ns_ino, ret, sizeof(*ret)) ||
	    !bpf_map_lookup_elem(&followed, &ret->tgid)) {
		stat_add(ABI_STAT_FOREIGN);
		return 0;
	}
	stat_add(ABI_STAT_TRAPS);
	return 1;
}

/*
 * Not one map a CPU: what site_is_again() compares must be of the thread's last call, on whichever
 * CPU that was. Calls of one interpreter come one after the other anyway (the GIL).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_CALLS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct abi_code_key);
	__type(value, struct abi_calls);
} calls_map SEC(".maps");

const volatile struct abi_calls no_calls = { 0 }; /* too large for the stack */

static __always_inline void read_text(u64 field, struct abi_text *ret)
{
	u64 at = 0;

	if (!py_read_u64(field, &at) && !read_user(ret->data, sizeof(ret->data), at))
		ret->addr = at;
}

/* The first call of a code object; NULL: there is no room for it. */
static __always_inline struct abi_calls *calls_begin(const struct abi_code_key *key)
{
	int r = bpf_map_update_elem(&calls_map, key, (void *)&no_calls, BPF_NOEXIST);
	struct abi_calls *calls = bpf_map_lookup_elem(&calls_map, key);
	struct abi_followed *p;

	if (r || !calls) /* another thread was first, or it is full */
		return calls;
	if (per_process) {
		p = bpf_map_lookup_elem(&followed, &key->tgid);
		calls->ours = p ? p->ours : 0;
	}
	read_text(key->code + py.code_name, &calls->name);
	read_text(key->code + py.code_filename, &calls->file);
	read_user(&calls->first_line, sizeof(calls->first_line), key->code + py.code_first_line);
	return calls;
}

/*
 * Count a call of the code object. Up to 3.10 each call enters the eval loop; from 3.11 on each
 * runs a RESUME, except where an exception is thrown into a generator.
 */
SEC("uprobe")
int calls(struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct abi_code_key key = { 0 };
	struct bpf_pidns_info who;
	struct abi_calls *calls;
	u64 frame;

	if (!is_followed(&who))
		return 0;
	if (site.kind == ABI_SITE_EVAL_ENTRY && py.frame_kind != ABI_FRAME_OBJECT &&
	    !(u32)site_reg(ctx, site.throwflag))
		return 0;
	frame = site_reg(ctx, site.frame);
	if (site_is_quiet(ctx, site, frame))
		return 0;
	if (site_code_of(frame, &key.code) || site_code_id(key.code, &key.id)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	if (per_process)
		key.tgid = who.tgid;
	calls = bpf_map_lookup_elem(&calls_map, &key);
	if (!calls)
		calls = calls_begin(&key);
	if (!calls)
		stat_add(ABI_STAT_LOST);
	else if (!site_is_again(site, key.code, frame, who.pid, &calls->last))
		__sync_fetch_and_add(&calls->hits, 1);
	return 0;
}

/* Of the code objects that the places are in. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ABI_PLACES_MAX);
	__type(key, __u64); /* code object */
	__type(value, struct abi_last);
} entered SEC(".maps");

/* Is this the second execution of one RESUME? Noted for the next time. */
static __always_inline int is_again(struct abi_site site, const struct py_frame *f, u32 tid)
{
	struct abi_last fresh = { 0 }, *last;
	u64 code = f->code;

	if (py.code_instrumentation == ABI_NONE)
		return 0;
	last = bpf_map_lookup_elem(&entered, &code);
	if (last)
		return site_is_again(site, code, f->frame, tid, last);
	site_is_again(site, code, f->frame, tid, &fresh);
	bpf_map_update_elem(&entered, &code, &fresh, BPF_ANY);
	return 0;
}

/* Does the frame begin here, or only go on (a generator), or end by what is thrown into it? */
static __always_inline int is_start(const struct pt_regs *ctx, struct abi_site site,
				    const struct py_frame *f)
{
	s32 prev;

	if (site.kind == ABI_SITE_RESUME)
		return !site_resume(ctx, site, f->frame);
	return py.frame_kind == ABI_FRAME_OBJECT && !(u32)site_reg(ctx, site.throwflag) &&
	       !py_prev_in_frame(f, &prev) && prev == PY_PREV_NONE;
}

/* Does the step stop the thread at this very call? */
static __always_inline int step_stops_here(const struct hit_at *at)
{
	struct abi_step *st = step_of(&at->who);

	return st && st->events & ABI_STEP_CALL && step_counts(st, at->f.code) == 1;
}

/*
 * Function breakpoints. Not the hit's ip: the instruction under the uprobe may be a jump, so where
 * the thread stops says nothing.
 */
SEC("uprobe")
int enter(struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct abi_place_key key = { .addr = ABI_ADDR_ENTRY };
	struct hit_at at = { 0 };
	struct abi_place *place;

	if (!is_followed(&at.who))
		return 0;
	at.f.frame = site_reg(ctx, site.frame);
	at.f.tstate = site_reg(ctx, site.tstate);
	if (site_code_of(at.f.frame, &at.f.code)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	key.code = at.f.code;
	place = bpf_map_lookup_elem(&places, &key);
	if (!place || !is_start(ctx, site, &at.f) || is_again(site, &at.f, at.who.pid))
		return 0;
	if (place->loan == ABI_LOAN_LENT && step_stops_here(&at))
		return 0;
	hit_act(ctx, place, &at);
	return 0;
}

/* A frame of the stepped thread begins or goes on. */
SEC("uprobe")
int step_call(struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct bpf_pidns_info who;
	struct abi_step *st;
	struct py_frame f;
	s32 offset;
	int counts;

	if (!is_followed(&who))
		return 0;
	st = step_of(&who);
	if (!st || !(st->events & ABI_STEP_CALL))
		return 0;
	if (site.kind == ABI_SITE_EVAL_ENTRY && py.frame_kind != ABI_FRAME_OBJECT &&
	    !(u32)site_reg(ctx, site.throwflag))
		return 0;
	f = (struct py_frame){ .tstate = st->tstate, .frame = site_reg(ctx, site.frame) };
	if (site_is_quiet(ctx, site, f.frame))
		return 0;
	if (site_code_of(f.frame, &f.code) || site_position(ctx, site, &f, &offset)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	counts = step_counts(st, f.code);
	if (counts)
		step_stop(st, &who, &f, ABI_STEP_CALL, offset, 0, counts < 0);
	return 0;
}

/* An exception passes a frame of the stepped thread. */
SEC("uprobe")
int step_raise(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct bpf_pidns_info who;
	struct abi_step *st;
	struct py_frame f;
	u32 event = ABI_STEP_RAISE;
	int counts = 1;
	s32 offset;

	if (!is_followed(&who))
		return 0;
	st = step_of(&who);
	if (!st)
		return 0;
	if (py_frame_of(st->tstate, BPF_CORE_READ(task, thread.fsbase), &f) ||
	    py_prev_in_frame(&f, &offset)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	if (f.frame == st->frame && f.code == st->code)
		event = step_raised(st, offset);
	else if (!(st->events & ABI_STEP_RAISE_ANY))
		return 0;
	else
		counts = step_counts(st, f.code);
	if (event && counts)
		step_stop(st, &who, &f, event, offset, 0, counts < 0);
	return 0;
}

/* Stop, log or count where an exception is raised that somebody waits for. */
SEC("uprobe")
int catch (struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct hit_at at = { .ip = ctx->rip };
	int r;

	if (!is_followed(&at.who))
		return 0;
	r = exc_passes(site_reg(ctx, site.frame), &at);
	if (r)
		stat_add(r == -ENOENT ? ABI_STAT_NO_THREAD : ABI_STAT_FAULT);
	return 0;
}

/* What a site says of a call that is timed. */
static __always_inline void timed_site(struct pt_regs *ctx, struct abi_site site, u32 tgid,
				       const struct abi_timed *t, const struct py_frame *f)
{
	u8 unit[2] = { 0 };
	u64 code = 0;
	s32 at, prev;

	if (site.kind == ABI_SITE_RETURN) {
		timed_return(tgid, f->frame, f->code);
		return;
	}
	if (site_position(ctx, site, f, &at))
		return;
	if (site.kind == ABI_SITE_EVAL_ENTRY) {
		if (at == PY_PREV_NONE && !(u32)site_reg(ctx, site.throwflag))
			timed_enter(tgid, f->frame, f->code, 0);
		return;
	}
	if (at < 0 || exc_bytecode(f, &code) || read_user(unit, sizeof(unit), code + (u32)at)) {
		stat_add(ABI_STAT_FAULT);
		return;
	}
	switch (site.kind) {
	case ABI_SITE_RESUME:
		/* The others go on with a generator. This one runs again when it has instrumented
		 * the code (3.12+). */
		if (unit[1] & 3 ||
		    (at && site.instr != ABI_REG_NONE && !py_prev_in_frame(f, &prev) && prev == at))
			return;
		timed_enter(tgid, f->frame, f->code,
			    at && site.instr != ABI_REG_NONE ? 0 : ABI_TIMED_LOOPS);
		return;
	case ABI_SITE_RAISE:
		if (unit[1]) /* PyTraceBack_Here() follows */
			return;
		break;
	case ABI_SITE_RERAISE:
		if (py.exc.end_finally) {
			timed_end_finally(t, tgid, f->frame, f->code, at);
			return;
		}
	}
	if (timed_uncaught(t, f->frame, at))
		timed_leave(tgid, f->frame, f->code, ABI_TIMED_RAISED);
}

/* Calls of one function: how they begin and end. */
SEC("uprobe")
int timed(struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct bpf_pidns_info who;
	struct py_frame f = { 0 };
	struct abi_timed *t;

	if (!is_followed(&who))
		return 0;
	f.frame = site_reg(ctx, site.frame);
	if (site.kind == ABI_SITE_TRACEBACK && py.exc.frame_iframe != ABI_NONE &&
	    py_read_u64(f.frame + py.exc.frame_iframe, &f.frame))
		return 0;
	if (site.frame == ABI_REG_NONE ? exc_frame(0, &f) : site_code_of(f.frame, &f.code)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	t = bpf_map_lookup_elem(&timed_codes, &f.code);
	if (t)
		timed_site(ctx, site, who.tgid, t, &f);
	return 0;
}

/* A module body, exec or eval is about to run: the thread stops if that could hold what is waited
 * for. */
SEC("uprobe")
int eval_code(struct pt_regs *ctx)
{
	struct abi_hit hit = { .h = { .size = sizeof(hit), .kind = ABI_REC_MODULE } };
	struct bpf_pidns_info who;

	hit.code = site_reg(ctx, site_of(ctx).code);
	if (!is_followed(&who) || !module_wanted(hit.code))
		return 0;
	hit.time_ns = bpf_ktime_get_ns();
	hit.tgid = who.tgid;
	hit.tid = who.pid;
	hit.ip = ctx->rip;
	hit_stop(ctx, &hit);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
