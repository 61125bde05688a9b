// SPDX-License-Identifier: BSD-2-Clause
/*
 * next, step, return, until: where the thread stops next, by pdb's rules (Lib/bdb.py). What happens
 * in one frame is seen by a watch on the position that the eval loop stores into it, calls and
 * exceptions by uprobes. docs/STEPPING.md.
 */
#include "engine/step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/pidns.h"
#include "trace/trace.h"

#define FRAMES_MAX 10000

/* What a step comes to. */
struct plan {
	pid_t tid;
	struct interp_frame *frames; /* innermost first */
	size_t n;
	const struct interp_frame *watch; /* NULL: no frame of the thread is of interest any more */
	uint32_t events;
	int32_t min_line, not_line;
	struct abi_step_unit *units; /* of watch */
	size_t nunits;
	bool here;    /* it is the thread of the stop */
	uint32_t now; /* enum abi_step_event: what happens before anything runs */
};

static void cleanup_plan(struct plan *pl)
{
	free(pl->frames);
	free(pl->units);
}

/* ---- just my code ---- */

/* The folder of the standard library: where the module os lies. NULL: not known. */
static const char *stdlib_folder(struct session *s)
{
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 4096, .total = 1 };
	struct value *v = NULL;
	uint64_t dict, addr;
	char *slash;

	if (s->step.stdlib)
		return s->step.stdlib;
	if (s->in->ops->module_globals(s->in, "os", &dict) ||
	    s->in->ops->dict_get(s->in, dict, "__file__", &addr) ||
	    s->in->ops->value(s->in, addr, &lim, &v))
		return NULL;
	if (v->kind == VALUE_STR && v->bytes && (slash = strrchr(v->bytes, '/')) != NULL) {
		*slash = '\0';
		s->step.stdlib = strdup(v->bytes);
	}
	value_free(v);
	return s->step.stdlib;
}

/* The program is no file (`python -c`): then its code is "<string>", which is the library's own
 * generated code else. */
static bool is_program_text(struct session *s)
{
	uint64_t dict, addr;

	return !s->in->ops->module_globals(s->in, "__main__", &dict) &&
	       s->in->ops->dict_get(s->in, dict, "__file__", &addr) == -ENOENT;
}

static bool is_my_file(struct session *s, const char *file)
{
	const char *stdlib = stdlib_folder(s);
	size_t len = stdlib ? strlen(stdlib) : 0;

	if (!strncmp(file, "<frozen ", 8) || (file[0] == '<' && !is_program_text(s)) ||
	    strstr(file, "/site-packages/") || strstr(file, "/dist-packages/"))
		return false;
	return !len || strncmp(file, stdlib, len) != 0 || file[len] != '/';
}

bool step_is_mine(struct session *s, uint64_t code)
{
	const char *file, *function;

	return session_code_names(s, code, &file, &function) || is_my_file(s, file);
}

/* Tell the kernel what we think of the file that code is of. */
static void tell_file(struct session *s, uint64_t code, bool mine)
{
	uint64_t file;

	if (!mem_u64(target_mem(s->target), code + s->step.py.code_filename, &file))
		(void)trace_step_file(s->trace, file, s->step.abi.serial, mine);
}

/* ---- planning ---- */

/* From frame i outwards the first that is stepped in; NULL: none. */
static const struct interp_frame *first_mine(struct session *s, const struct step_spec *spec,
					     const struct plan *pl, size_t i)
{
	while (i < pl->n && spec->just_my_code && !step_is_mine(s, pl->frames[i].code))
		i++;
	return i < pl->n ? &pl->frames[i] : NULL;
}

static struct abi_step_unit unit_at(const struct plan *pl, int32_t offset)
{
	static const struct abi_step_unit none = { .quiet = -1 };

	return offset >= 0 && (size_t)offset / 2 < pl->nunits ? pl->units[offset / 2] : none;
}

/* The instruction before which the thread stands has not run yet: does it leave the frame? */
static uint32_t leaves_now(struct session *s, const struct plan *pl)
{
	const struct interp_frame *f = pl->watch;
	struct abi_step_unit u = unit_at(pl, f->offset);

	if (s->at == STEP_AT_EXCEPTION)
		return u.flags & ABI_UNIT_CAUGHT ? 0 : ABI_STEP_RETURN;
	/* who writes to what is watched is in the midst of an instruction */
	if (s->at != STEP_AT_LINE || !s->stop.frame || s->stop.h.kind == ABI_REC_DATA)
		return 0;
	if (u.flags & ABI_UNIT_RETURNS ||
	    (u.flags & ABI_UNIT_LEAVES && !(u.flags & ABI_UNIT_REWINDS)))
		return ABI_STEP_RETURN;
	if (u.flags & ABI_UNIT_MAY_LEAVE &&
	    s->in->ops->step_leaves(s->in, f->frame, f->code, f->offset) == 1)
		return ABI_STEP_RETURN;
	return u.flags & ABI_UNIT_YIELDS ? ABI_STEP_YIELD : 0;
}

/*
 * Lib/bdb.py: set_step(), set_next(), set_return(), set_until() and what dispatch_return() makes of
 * them where the frame returns: from there on everything stops.
 */
static void plan_rules(struct session *s, const struct step_spec *spec, bool here, struct plan *pl)
{
	const struct interp_frame *selected = &pl->frames[spec->frame];
	bool leaving = here && s->at == STEP_AT_RETURN;
	enum step_kind kind = spec->kind;

	if (leaving && kind != STEP_RETURN)
		kind = STEP_INTO;
	pl->watch = selected;
	pl->events = ABI_STEP_LINE | ABI_STEP_RETURN | ABI_STEP_RAISE;
	/* From 3.14 on the line that the command was given at is not stopped at again (bdb.py,
	 * dispatch_line(): gh-136057). */
	if (!leaving && s->in->ops->info(s->in)->minor >= 14)
		pl->not_line = selected->line;
	switch (kind) {
	case STEP_INTO:
		pl->watch = leaving ? first_mine(s, spec, pl, 1) : &pl->frames[0];
		pl->events |= ABI_STEP_YIELD | ABI_STEP_CALL | ABI_STEP_RAISE_ANY;
		break;
	case STEP_NEXT:
		break;
	case STEP_UNTIL:
		pl->min_line = spec->line ? spec->line : selected->line + 1;
		break;
	case STEP_RETURN:
		pl->not_line = 0;
		if (leaving)
			pl->watch = first_mine(s, spec, pl, 1);
		else
			pl->events = ABI_STEP_RETURN;
	}
}

static int plan_make(struct session *s, const struct step_spec *spec, struct err *err,
		     struct plan *pl)
{
	int r;

	pl->tid = spec->tid ? spec->tid : (pid_t)s->stop.tid;
	pl->here = pl->tid == (pid_t)s->stop.tid;
	if (!pl->here && !s->all_stopped)
		return err_set(err, -EINVAL,
			       "thread %d is not the one that stopped: only that one can be "
			       "stepped (`interrupt` stops all)",
			       pl->tid);
	r = look_frames(s, pl->tid, FRAMES_MAX, &pl->frames, &pl->n);
	if (r)
		return err_set(err, r, "thread %d: its frames cannot be read: %s", pl->tid,
			       strerror(-r));
	if (spec->frame >= pl->n)
		return err_set(err, -ENOENT, "thread %d runs no Python code now", pl->tid);
	if (spec->kind == STEP_UNTIL && spec->line && spec->line <= pl->frames[spec->frame].line)
		return err_set(err, -EINVAL, "line %d is not below line %d, where the frame stands",
			       spec->line, pl->frames[spec->frame].line);
	plan_rules(s, spec, pl->here && !spec->frame, pl);
	if (!pl->watch)
		return 0;
	r = s->in->ops->step_units(s->in, pl->watch->code, &pl->units, &pl->nunits);
	if (r)
		return err_set(err, r, "the code of frame %zu cannot be read: %s",
			       (size_t)(pl->watch - pl->frames), strerror(-r));
	if (pl->here && pl->watch == pl->frames && s->at != STEP_AT_RETURN)
		pl->now = leaves_now(s, pl) & pl->events;
	return 0;
}

/* ---- arming ---- */

/*
 * How long uprobes stay that no step wants, ms. To take one off takes the kernel 0.1 s, and so does
 * the next step's wait for that; but each call of any thread traps meanwhile.
 */
#define IDLE_STEPPING_MS 20
#define IDLE_STOPPED_MS	 1000

static void idle_in(struct session *s, unsigned ms)
{
	const struct itimerspec at = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L },
	};

	timerfd_settime(s->step.idle_fd, 0, &at, NULL);
}

void step_end(struct session *s)
{
	const struct abi_step off = { 0 };

	if (!s->step.on)
		return;
	s->step.on = false;
	if (!s->trace)
		return;
	if (s->step.armed)
		(void)trace_disarm(s->trace, TRACE_HANDLER_STEP, s->step.armed);
	s->step.armed = 0;
	(void)trace_step_set(s->trace, &off);
	idle_in(s, IDLE_STOPPED_MS);
}

void step_forget(struct session *s)
{
	step_end(s);
	if (!s->trace)
		return;
	idle_in(s, 0);
	trace_program_off_later(s->trace, TRACE_PROGRAM_STEP_CALL);
	trace_program_off_later(s->trace, TRACE_PROGRAM_STEP_RAISE);
	loans_over(s);
}

void step_idle(struct session *s)
{
	uint64_t ticks;

	if (read(s->step.idle_fd, &ticks, sizeof(ticks)) != sizeof(ticks) || !s->trace)
		return;
	if (!s->step.on)
		trace_program_off_later(s->trace, TRACE_PROGRAM_STEP_RAISE);
	if (!s->step.on || !(s->step.abi.events & ABI_STEP_CALL))
		trace_program_off_later(s->trace, TRACE_PROGRAM_STEP_CALL);
}

void step_deinit(struct session *s)
{
	free(s->step.sites);
	free(s->step.stdlib);
	cleanup_close(&s->step.idle_fd);
}

static int find_sites(struct session *s, struct err *err)
{
	const unsigned kinds =
		1u << ABI_SITE_EVAL_ENTRY | 1u << ABI_SITE_RESUME | 1u << ABI_SITE_TRACEBACK;

	return s->step.sites ? 0 : session_sites(s, kinds, err, &s->step.sites, &s->step.nsites);
}

static int arm_programs(struct session *s, const struct plan *pl, struct err *err)
{
	int r = find_sites(s, err);

	/* wanted by all: an exception may be what leaves the frame */
	if (!r)
		r = trace_program_on(s->trace, TRACE_PROGRAM_STEP_RAISE, s->step.sites,
				     s->step.nsites, err);
	if (!r && pl->events & ABI_STEP_CALL)
		r = trace_program_on(s->trace, TRACE_PROGRAM_STEP_CALL, s->step.sites,
				     s->step.nsites, err);
	if (!r)
		idle_in(s, trace_program_is_on(s->trace, TRACE_PROGRAM_STEP_CALL) &&
					   !(pl->events & ABI_STEP_CALL)
				   ? IDLE_STEPPING_MS
				   : 0);
	return r;
}

/* So that a call which both the step and a lent breakpoint wait for is told by one of them. */
static void lend_files(struct session *s)
{
	for (size_t i = 0; i < s->places.n; i++)
		if (s->places.data[i]->lent)
			tell_file(s, s->places.data[i]->code,
				  step_is_mine(s, s->places.data[i]->code));
}

static int arm_watch(struct session *s, const struct plan *pl, struct err *err)
{
	const struct abi_py *py = &s->step.py;
	struct trace_spec spec = {
		.handler = TRACE_HANDLER_STEP,
		.len = py->prev_scale ? 4 : 8, /* f_lasti is an int */
		.write = true,
		.tid = pl->tid,
	};
	int r;

	if (!pl->watch)
		return 0;
	r = trace_step_units(s->trace, pl->units, pl->nunits);
	if (r)
		return err_set(err, r, "the function is too large to step through: %zu units",
			       pl->nunits);
	spec.addr = pl->watch->frame + py->frame_prev;
	r = trace_arm(s->trace, &spec, err);
	if (r == -ENOSPC && !loans_take(s)) {
		lend_files(s);
		r = trace_arm(s->trace, &spec, err);
	}
	if (r == -ENOSPC)
		return slots_explain(s, 1, "a step", loans_refusal(s), err);
	if (!r)
		s->step.armed = spec.addr;
	return r;
}

/*
 * See abi_step.fresh. A breakpoint stops at the fetch of a unit: from 3.11 on that is stored
 * afterwards, before that it depends on the compiler what is first.
 */
static uint32_t fresh_of(struct session *s, const struct plan *pl)
{
	if (!pl->here || pl->watch != pl->frames || s->at == STEP_AT_RETURN ||
	    s->at == STEP_AT_EXCEPTION)
		return 0;
	if (s->at == STEP_AT_CALL)
		return 1;
	if (s->stop.h.kind != ABI_REC_HIT || !s->stop.frame)
		return 0;
	if (s->stop.addr == ABI_ADDR_ENTRY) /* shown at its first line, which is still to come */
		return 2;
	return s->step.py.prev_kind == ABI_PREV_FRAME ? 2 : 1;
}

/* Everything that the kernel needs before the thread goes on. On failure nothing is armed. */
static int step_arm(struct session *s, const struct step_spec *spec, const struct plan *pl,
		    struct err *err)
{
	struct abi_step *abi = &s->step.abi;
	const struct interp_frame *w = pl->watch;
	uint64_t tstate = 0;
	int r;

	s->in->ops->kernel(s->in, &s->step.py);
	*abi = (struct abi_step){
		.serial = ++s->step.serial,
		.tid = (uint32_t)pidns_inner(target_pid(s->target), pl->tid),
		.events = pl->events,
		.min_line = pl->min_line,
		.not_line = pl->not_line,
		.fresh = fresh_of(s, pl),
		.read = -1,
		.by_file = spec->just_my_code,
		.nunits = (uint32_t)pl->nunits,
	};
	if (pl->tid == (pid_t)s->stop.tid)
		tstate = s->stop.tstate;
	r = tstate ? 0 : session_tstate(s, pl->tid, &tstate);
	abi->tstate = tstate;
	if (r)
		return err_set(err, r, "thread %d has no Python thread state", pl->tid);
	if (w) {
		abi->frame = w->frame;
		abi->code = w->code;
		abi->prev = w->offset;
		abi->line = pl->here && w == pl->frames ? s->stop_line : w->line;
	}
	s->step.on = true;
	s->step.tid = pl->tid;
	s->step.process = s->now->pid;
	s->step.since_ns = clock_ns();
	r = arm_programs(s, pl, err);
	if (!r)
		r = arm_watch(s, pl, err);
	if (!r && trace_step_set(s->trace, abi))
		r = err_set(err, -EIO, "%s: the kernel does not take the step", s->label);
	if (r)
		step_end(s);
	return r;
}

int session_step(struct session *s, const struct step_spec *asked, struct err *err)
{
	_cleanup_(cleanup_plan) struct plan pl = { 0 };
	struct step_spec live = *asked, *spec = &live;
	int r = session_over(s, err);

	if (!r && !s->stopped && s->standing)
		r = err_set(err, -EINVAL, "process %d is running: it is process %d that stopped",
			    s->now->number, s->standing->number);
	if (!r && !s->stopped)
		r = err_set(err, -EINVAL, "%s: the target is running", s->label);
	if (!r)
		r = session_need_trace(s, err);
	if (!r)
		r = session_need_tracees(s, err);
	/* a frame that an exception has left makes no step any more: the one that it leaves now
	 * does */
	if (!live.tid || live.tid == (pid_t)s->stop.tid)
		live.frame -= live.frame < s->nunwound ? live.frame : s->nunwound;
	if (!r)
		r = plan_make(s, spec, err, &pl);
	if (r)
		return r;
	step_end(s);
	if (pl.now) {
		struct abi_hit hit = s->stop;

		hit.h.kind = ABI_REC_STEP;
		hit.tid = (uint32_t)pl.tid;
		hit.offset = pl.watch->offset;
		hit.rules[0] = pl.now;
		hit.rules[1] = (uint32_t)s->stop_line;
		return stops_at_step(s, &hit);
	}
	r = step_arm(s, spec, &pl, err);
	if (r)
		loans_return(s);
	return r ? r : stops_go(s, err);
}

/* ---- judging ---- */

bool step_judge(struct session *s, const struct abi_hit *hit)
{
	bool mine;

	if (!s->step.on || hit->place != s->step.abi.serial)
		return false;
	if (!hit->undecided)
		return true;
	if (hit->rules[0] == ABI_STEP_RETURN)
		return s->in->ops->step_leaves(s->in, hit->frame, hit->code, hit->offset) == 1;
	mine = step_is_mine(s, hit->code);
	tell_file(s, hit->code, mine);
	return mine;
}

enum step_at step_at(const struct abi_hit *hit)
{
	switch (hit->rules[0]) {
	case ABI_STEP_CALL:
		return STEP_AT_CALL;
	case ABI_STEP_RETURN:
	case ABI_STEP_YIELD:
		return STEP_AT_RETURN;
	case ABI_STEP_RAISE:
		return STEP_AT_EXCEPTION;
	default:
		return STEP_AT_LINE;
	}
}

/* Up to 3.9 a traced frame's line is that of its last line event (PyFrame_GetLineNumber()), which
 * is what pdb shows. */
int32_t step_line(struct session *s, const struct abi_hit *hit)
{
	int line;

	if (hit->rules[0] != ABI_STEP_CALL && hit->rules[1] && s->in->ops->info(s->in)->minor <= 9)
		return (int32_t)hit->rules[1];
	line = s->in->ops->line_of(s->in, hit->code, hit->offset);
	return line > 0 ? line : 0;
}

uint64_t step_value(struct session *s, const struct abi_hit *hit)
{
	uint64_t value;

	if (hit->rules[0] != ABI_STEP_RETURN ||
	    s->in->ops->return_value(s->in, hit->frame, hit->code, hit->offset, &value))
		return 0;
	return value;
}
