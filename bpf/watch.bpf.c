// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The watch engine: runs when a hardware watchpoint over bytecode was read. Is it the eval loop of
 * the process that we follow, in a frame of the code we mean, and reached from where it counts?
 * Then count, or record and stop.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/abi.h"
#include "bpf/read_pages.bpf.h"
#include "bpf/task.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_dev = 0, ns_ino = 0; /* the target's pid namespace */
const volatile __u32 stop_signal = 0;

#include "bpf/py_walk.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/action.bpf.h"
#include "bpf/judge.bpf.h"
#include "bpf/timed.bpf.h"
#include "bpf/step.bpf.h"
#include "bpf/data.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	struct abi_place_key key = { .addr = w->addr, .code = code };

	return bpf_map_lookup_elem(&places, &key) != NULL;
}

/* w->found is not the frame: find it in a register. Those that survive calls come first: it lives
 * in one of them. */
static __always_inline int frame_in_regs(const struct bpf_perf_event_data *ctx,
					 const struct py_walk *w, struct py_frame *ret)
{
	return py_frame_in_reg(w, ctx->regs.rbx, ret) || py_frame_in_reg(w, ctx->regs.rbp, ret) ||
	       py_frame_in_reg(w, ctx->regs.r12, ret) || py_frame_in_reg(w, ctx->regs.r13, ret) ||
	       py_frame_in_reg(w, ctx->regs.r14, ret) || py_frame_in_reg(w, ctx->regs.r15, ret) ||
	       py_frame_in_reg(w, ctx->regs.rax, ret) || py_frame_in_reg(w, ctx->regs.rcx, ret) ||
	       py_frame_in_reg(w, ctx->regs.rdx, ret) || py_frame_in_reg(w, ctx->regs.rsi, ret) ||
	       py_frame_in_reg(w, ctx->regs.rdi, ret) || py_frame_in_reg(w, ctx->regs.r8, ret) ||
	       py_frame_in_reg(w, ctx->regs.r9, ret) || py_frame_in_reg(w, ctx->regs.r10, ret) ||
	       py_frame_in_reg(w, ctx->regs.r11, ret);
}

/* Is the running process one that we follow? The helper fails in any other pid namespace. */
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

/* The running thread, as far as it is known. */
struct thread {
	struct desk *desk;
	u64 task;
	u64 start, self;
	u64 tstate; /* 0: not known */
};

/* What is known of the running thread, and who it is; 0: it is not one of a process that we follow.
 */
static __always_inline int who_runs(struct thread *ret, struct desk *desk,
				    struct bpf_pidns_info *who)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	u64 *epoch, now, id;
	struct abi_known *k;
	u32 zero = 0;

	epoch = bpf_map_lookup_elem(&epochs, &zero);
	if (!epoch)
		return 0;
	now = *(volatile u64 *)epoch; /* before what it is about is looked at */
	ret->desk = desk;
	ret->task = (u64)task;
	ret->start = task->start_time;
	ret->self = task->thread.fsbase;
	if (desk->epoch != now || desk->task != ret->task || desk->thread.start != ret->start ||
	    desk->thread.self != ret->self) {
		if (desk->epoch != now)
			desk->key.addr = 0;
		desk->epoch = now;
		desk->task = 0;
		id = bpf_get_current_pid_tgid();
		k = bpf_map_lookup_elem(&known, &id);
		if (!k || k->start != ret->start || k->self != ret->self) {
			ret->tstate = 0;
			return is_followed(who);
		}
		desk->thread = *k;
		desk->task = ret->task;
	}
	who->pid = desk->thread.pid;
	who->tgid = desk->thread.tgid;
	ret->tstate = desk->thread.tstate;
	stat_add(ABI_STAT_TRAPS);
	return 1;
}

static __always_inline void remember_thread(const struct thread *t, u64 tstate,
					    const struct bpf_pidns_info *who)
{
	struct abi_known k = { .start = t->start,
			       .self = t->self,
			       .tstate = tstate,
			       .pid = who->pid,
			       .tgid = who->tgid };
	u64 id = bpf_get_current_pid_tgid();

	t->desk->task = 0;
	bpf_map_update_elem(&known, &id, &k, BPF_ANY);
	bpf_map_update_elem(&threads, &t->self, &tstate, BPF_ANY);
}

/* The place of code at addr, on the desk; NULL: there is none. */
static __always_inline struct abi_place *place_of(struct desk *desk, u64 addr, u64 code)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	struct abi_place *place;

	if (desk->key.addr == addr && desk->key.code == code)
		return &desk->place;
	place = bpf_map_lookup_elem(&places, &key);
	if (!place)
		return NULL;
	desk->place = *place;
	desk->key = key;
	return &desk->place;
}

/* The place that was hit, and the frame it was hit in; NULL when it is not one of ours (counted).
 */
static __always_inline struct abi_place *find_place(struct bpf_perf_event_data *ctx,
						    const struct thread *t, struct py_look *look,
						    struct hit_at *at)
{
	struct abi_place *place;
	struct py_walk *w;
	u32 zero = 0;
	int r;

	r = t->tstate ? py_frame_look(t->tstate, t->self, &at->f, look) : -ENOENT;
	if (r == -EAGAIN)
		r = py_frame_of(t->tstate, t->self, &at->f);
	if (!r) {
		place = place_of(t->desk, ctx->addr, at->f.code);
		if (place)
			return place;
	}
	/*
	 * Not known yet, or gone and its memory reused, or the thread is in another of its thread
	 * states now: only a walk can tell these from other code that shares the bytes.
	 */
	w = bpf_map_lookup_elem(&walks, &zero);
	if (!w)
		return NULL;
	*w = (struct py_walk){ .self = t->self, .addr = ctx->addr };
	r = py_walk(w);
	if (r) {
		stat_add(r == -EFAULT ? ABI_STAT_FAULT : ABI_STAT_NO_THREAD);
		return NULL;
	}
	at->f = w->found;
	remember_thread(t, at->f.tstate, &at->who);
	/* Up to 3.10 different code may share the bytes, and the frame is always right. */
	if (!w->wanted && py.prev_kind == ABI_PREV_FRAME)
		frame_in_regs(ctx, w, &at->f);
	place = place_of(t->desk, ctx->addr, at->f.code);
	if (!place)
		stat_add(w->fault ? ABI_STAT_FAULT : ABI_STAT_OTHER_CODE);
	return place;
}

/* What is known of the frame, if it was forked by what its parent knows: it goes on in the middle
 * of a line. */
static __always_inline struct frame_state *state_of(struct frame_key *key)
{
	struct frame_state *state = bpf_map_lookup_elem(&frames, key);
	struct abi_followed *p;
	u32 tgid = key->tgid;

	if (state || !per_process)
		return state;
	p = bpf_map_lookup_elem(&followed, &tgid);
	if (!p || !p->parent)
		return NULL;
	key->tgid = p->parent;
	state = bpf_map_lookup_elem(&frames, key);
	key->tgid = tgid;
	return state;
}

/* This place is the last one of the line `group` that was hit in the frame; the one before in *ret,
 * unless NULL. */
static __always_inline void remember(const struct abi_place *place, const struct hit_at *at,
				     u32 group, s32 *ret)
{
	struct frame_key key = { .frame = at->f.frame, .group = group, .tgid = at->who.tgid };
	struct frame_state now = { .code = at->f.code, .offset = place->offset };
	struct frame_state *state;

	if (ret) {
		state = state_of(&key);
		if (state && state->code == at->f.code)
			*ret = state->offset;
	}
	bpf_map_update_elem(&frames, &key, &now, BPF_ANY);
}

/*
 * Is this the second read of one execution, by a target that traces itself? The first one leaves a
 * note for the frame; `again`: the frame shows already that it is not the first (3.11).
 */
static __always_inline int is_reread(const struct abi_place *place, const struct hit_at *at,
				     const struct py_look *look, int again)
{
	const struct py_frame *f = &at->f;
	struct frame_key key = { .frame = f->frame, .group = FRAME_REREAD, .tgid = at->who.tgid };
	struct frame_state now = { .code = f->code, .offset = place->offset };
	struct frame_state *state;
	int r = py_rereads_look(f, look);

	if (r <= 0)
		return 0; /* what cannot be read is counted once too often rather than lost */
	state = bpf_map_lookup_elem(&frames, &key);
	if (again || (state && state->code == f->code && state->offset == place->offset)) {
		bpf_map_delete_elem(&frames, &key);
		return 1;
	}
	bpf_map_update_elem(&frames, &key, &now, BPF_ANY);
	return 0;
}

/* Where the frame was before, as far as this version lets us see; 0 or -EFAULT. */
static __always_inline int previous(const struct abi_place *place, const struct hit_at *at,
				    const struct py_look *look, s32 *ret)
{
	*ret = PY_PREV_NONE;
	if (py.prev_kind == ABI_PREV_FRAME)
		return py_prev_look(&at->f, look, ret);
	if (place->note_group)
		remember(place, at, place->note_group, NULL);
	if (place->keep_state)
		remember(place, at, place->group, ret);
	return 0;
}

/* Was this hit told when the frame began, while a step had the slot of the place? */
static __always_inline int was_told(const struct abi_place *place, const struct hit_at *at)
{
	struct abi_told key = { .frame = at->f.frame, .code = at->f.code, .tgid = at->who.tgid };
	u32 *id = bpf_map_lookup_elem(&told, &key);

	if (!id || *id != place->id)
		return 0;
	bpf_map_delete_elem(&told, &key);
	return 1;
}

/* The rules of the place. It may not come back. */
static __always_inline void watch_judge(struct bpf_perf_event_data *ctx,
					const struct abi_place *place, const struct hit_at *at)
{
	struct abi_hit hit;

	hit_fill(&hit, place->id, place->offset, at);
	judge_hit(ctx, place->rules, &hit, at);
}

static __always_inline void watch_hit(struct bpf_perf_event_data *ctx, struct py_look *look,
				      struct desk *desk)
{
	struct hit_at at = { .addr = ctx->addr, .ip = ctx->regs.rip };
	struct abi_place *place;
	struct thread t;
	s32 prev;

	if (!who_runs(&t, desk, &at.who))
		return;
	if (!py_is_eval(ctx->regs.rip)) {
		stat_add(ABI_STAT_NOT_EVAL);
		return;
	}
	if (py.reread_ip && ctx->regs.rip == py.reread_ip) {
		stat_add(ABI_STAT_REDISPATCH);
		return;
	}
	place = find_place(ctx, &t, look, &at);
	if (!place)
		return;
	/* Up to 3.10 the note of the first read must be looked at before `previous` is moved on. */
	if (py.prev_kind == ABI_PREV_STATE && py.reread && is_reread(place, &at, look, 0)) {
		stat_add(ABI_STAT_REDISPATCH);
		return;
	}
	if (py.prev_kind == ABI_PREV_STATE)
		step_reads(&at.who, &at.f, place->offset);
	if (previous(place, &at, look, &prev)) {
		stat_add(ABI_STAT_FAULT);
		return;
	}
	if (py.prev_kind == ABI_PREV_FRAME) {
		int again = py_is_redispatch(place->offset, prev);

		if ((py.reread && is_reread(place, &at, look, again)) || again) {
			stat_add(ABI_STAT_REDISPATCH);
			return;
		}
	}
	if (py_is_dropped(place, prev)) {
		stat_add(ABI_STAT_DROPPED_PREV);
		return;
	}
	if (place->loan == ABI_LOAN_TOLD && was_told(place, &at)) {
		stat_add(ABI_STAT_REDISPATCH);
		return;
	}
	if (place->action == ABI_ACT_ENTER)
		timed_enter(at.who.tgid, at.f.frame, at.f.code, place->group);
	else if (place->action == ABI_ACT_LEAVE)
		timed_return(at.who.tgid, at.f.frame, at.f.code);
	else if (place->action == ABI_ACT_NOTE)
		return;
	else if (place->ruled)
		watch_judge(ctx, place, &at);
	else
		hit_plain(ctx, place, &at);
}

SEC("perf_event")
int watch(struct bpf_perf_event_data *ctx)
{
	u32 zero = 0;
	struct py_look *look = bpf_map_lookup_elem(&looks, &zero);
	struct desk *desk = bpf_map_lookup_elem(&desks, &zero);

	if (!look || !desk)
		return 0;
	look->frame = 0;
	watch_hit(ctx, look, desk);
	look->frame = 0;
	return 0;
}

/* A position was stored into the frame that is stepped through. */
SEC("perf_event")
int step(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct bpf_pidns_info who;
	struct abi_step *st;
	struct py_frame f;
	u32 event, ask = 0;
	s32 offset;

	if (!is_followed(&who))
		return 0;
	st = step_of(&who);
	if (!st || !py_is_eval(ctx->regs.rip))
		return 0;
	/* The frame may have ended, and its memory be another's. */
	if (py_frame_of(st->tstate, BPF_CORE_READ(task, thread.fsbase), &f) ||
	    f.frame != st->frame || f.code != st->code || py_prev_in_frame(&f, &offset))
		return 0;
	event = step_event(st, offset, &ask);
	if (event)
		step_stop(st, &who, &f, event, offset, ctx->regs.rip, ask);
	st->read = -1;
	return 0;
}

/* The frame that the running thread is in; frame 0 when it cannot be found. */
static __always_inline void current_frame(struct py_frame *ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 self = BPF_CORE_READ(task, thread.fsbase), *tstate;
	struct py_walk *w;
	u32 zero = 0;

	*ret = (struct py_frame){ 0 };
	tstate = bpf_map_lookup_elem(&threads, &self);
	if (tstate && !py_frame_of(*tstate, self, ret))
		return;
	*ret = (struct py_frame){ 0 };
	w = bpf_map_lookup_elem(&walks, &zero);
	if (!w)
		return;
	*w = (struct py_walk){ .self = self };
	if (py_walk(w))
		return;
	*ret = w->found;
	bpf_map_update_elem(&threads, &self, &ret->tstate, BPF_ANY);
}

/* Watched memory was written, by whatever code. */
SEC("perf_event")
int data(struct bpf_perf_event_data *ctx)
{
	struct hit_at at = { .addr = ctx->addr, .ip = ctx->regs.rip };
	struct abi_data *d;

	if (!is_followed(&at.who))
		return 0;
	d = bpf_map_lookup_elem(&data_watches, &at.addr);
	if (!d || (d->tgid && d->tgid != at.who.tgid))
		return 0;
	current_frame(&at.f);
	data_written(ctx, d, &at);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
