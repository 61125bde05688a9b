/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the session share. Nobody else includes this. */
#ifndef PYBPFDBG_ENGINE_SESSION_PRIV_H
#define PYBPFDBG_ENGINE_SESSION_PRIV_H

#include "base/vec.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "engine/bind.h"
#include "engine/session.h"
#include "trace/trace.h"

struct calls;
struct code_index;
struct data_point;
struct data_watch;
struct timed;
struct execs;
struct expr;
struct tracees;

/* A watched place; several breakpoints may use it. */
struct place {
	uint32_t id;
	uint64_t addr, code;
	uint64_t lent; /* its watched address while a step has its slot: addr is ABI_ADDR_ENTRY then; 0: it has it itself */
	VEC(uint64_t) told; /* frames that were given to trace_told_set(), perhaps taken out by the kernel */
	unsigned users; /* enabled breakpoints */
	unsigned stops; /* of them: those that stop */
	struct abi_place abi;
};

/* What the kernel was told of a breakpoint, for one code object it lies in. */
struct bp_rule {
	uint64_t code; /* as for kexpr_compile() */
	pid_t process; /* which has the code */
	uint64_t code_id; /* abi_rule's */
	uint32_t rule, capture; /* abi_rule's index, and that of its capture (0: none) */
	VEC(uint32_t) progs;	/* expressions of it in the kernel */
};

struct bp_priv {
	struct bp pub;
	struct binding where;
	struct expr *cond;
	const struct bp_capture *capture; /* the caller's; NULL: none */
	struct data_watch *data; /* NULL: a breakpoint on code, which has a binding */
	uint32_t *place_ids; /* while enabled: one for each of where.places */
	uint32_t state;	     /* index of its abi_rule_state; 0: never armed */
	pid_t inner_tid;     /* pub.tid in the target's pid namespace */
	pid_t process;	     /* of a data breakpoint */
	uint64_t ignore_until; /* of abi_rule_state.accepted */
	uint64_t left_seen;  /* abi_rule_state.seen when session.left was left */
	bool follow;	     /* bp_spec.pending */
	bool waited;	     /* it was pending once */
	bool was_bound;	     /* then pub.file and pub.function are where */
	VEC(struct bp_rule) rules; /* while enabled */
	struct interp_class *classes; /* of an exception: where is empty */
	size_t nclasses;
};

/* Which indices of an array in the kernel are taken; see pool_take(). */
struct index_pool {
	uint32_t last;
	uint64_t used[ABI_RULES_MAX / 64];
};

/* The step that is on, and what is kept from one to the next. */
struct step_state {
	bool on;
	uint32_t serial; /* of the last one */
	pid_t tid, process;
	uint64_t since_ns;
	uint64_t armed; /* watched address; 0: none */
	struct abi_step abi;
	struct abi_py py;
	struct trace_site *sites; /* NULL: not asked for yet */
	size_t nsites;
	char *stdlib; /* NULL: not known yet */
	int idle_fd;  /* a timer: uprobes that no step wants any more */
};

struct thread_state {
	pid_t tid;
	char state;
};

/* What is of one process. */
#define PROCESS_STATE                                                                                   \
	struct target *target;                                                                          \
	struct interp *in;                                                                              \
	struct code_index *index;                                                                       \
	char label[32];               /* "pid 42" */                                                    \
	struct interp_frame *unwound; /* where an exception leaves its last frame: those inside of it; else NULL */ \
	size_t nunwound;                                                                                \
	bool stopped;                                                                                   \
	enum stop_reason stop_reason;                                                                   \
	enum step_at at;    /* what is about to happen where the thread stands */                       \
	int32_t stop_line;  /* as it was shown */                                                       \
	struct abi_hit stop; /* of the thread that is shown; .tid alone for a pause */                  \
	uint64_t stopped_ns; /* when the last stop began */                                             \
	bool all_stopped;    /* by session_pause() or a still picture */                                \
	unsigned still;                                                                                 \
	uint64_t still_since_ns;                                                                        \
	VEC(struct thread_state) states;                                                                \
	VEC(struct abi_hit) passed; /* threads that stand at a hit where no breakpoint stops, while all are stopped */ \
	struct interp_thread *threads; /* of a still or stopped target, read once; NULL: not read yet */ \
	size_t nthreads;

struct process_state {
	PROCESS_STATE
};

struct process {
	int number; /* from 1 */
	pid_t pid, parent;
	bool opened, ended;
	char *other; /* why it is not followed: no Python, another program; NULL: it is */
	uint64_t since_ns; /* what it forked before may not be followed */
	struct process_state state; /* if it is open, while another one is looked at */
};

/* The sessions of one command line. */
struct fellows {
	struct session **data;
	size_t n, cap;
};

struct session {
	struct session_options opt;
	const struct fellows *fellows; /* itself among them; NULL: it is alone */
	/* The process that is looked at. */
	union {
		struct process_state state;
		struct {
			PROCESS_STATE
		};
	};
	VEC(struct process *) processes; /* ascending; the first stays, with its index, until the session ends */
	struct process *now;      /* that is looked at */
	struct process *standing; /* whose stop is shown; NULL: none */
	int last_number;
	enum follow_fork follow_fork;
	struct execs *execs; /* keeps whoever runs another program, for another session; NULL: it is left alone */
	struct procs *procs; /* NULL: nobody is asked for */
	uint64_t procs_lost;
	struct code_index *names; /* of the first process: keeps the names that bindings have */

	struct trace *trace;	 /* NULL until something is armed or asked */
	struct session_facts {
		bool read, objects; /* objects: obj is known */
		struct abi_py py;
		struct abi_obj obj;
	} facts;                 /* of the interpreter, as the kernel side has them; kept when the process has ended */
	int stop_signal;         /* what the BPF program sends; 0 until trace is there */
	struct tracees *tracees; /* NULL while nobody can be stopped */
	enum births {
		BIRTHS_UNSEEN, /* new threads are left alone; nothing that stops is armed */
		BIRTHS_HELD,   /* the same, and one that hits is held */
		BIRTHS_SEIZED, /* seized at birth */
	} births;	  /* of tracees */
	bool seize_births; /* a uprobe's rule stops, see session_need_births() */
	bool hold_failed; /* to hold them is not possible, or a hit was lost by it */

	VEC(struct bp_priv *) bps;
	VEC(const struct bp *) pubs;
	struct timed *timed; /* NULL until session_latency_find() */
	VEC(uint64_t) timed_addrs; /* watched by session_latency_begin() */
	uint64_t timed_before, timed_inflight; /* ABI_TIMED_INFLIGHT when all was armed, and at the end */
	bool timed_over;
	struct latency *timed_last; /* as it was when the target ended; else NULL */
	struct bp_priv *caught[ABI_CATCH_MAX]; /* armed, on exceptions; NULL: free */
	VEC(struct place *) places;
	VEC(struct data_point *) points;
	struct {
		struct index_pool rules, states, progs, captures;
	} pools;
	int next_bp;
	uint32_t next_place;

	/* records whose thread has not been seen to stop yet; one a thread at most */
	VEC(struct pending_hit {
		struct abi_hit hit;
		uint64_t since_ns; /* from then on it could have stopped */
		bool late;	   /* counted as lost: its thread did not stop */
	})
	hits;
	VEC(struct abi_hit) waiting; /* threads that stand at a hit and were not yet shown */
	VEC(struct session_event) events;

	struct step_state step;
	struct abi_hit left; /* where a stop of a step was left (up to 3.10): the next hit there is the same stop; frame 0: none */

	char *shown_file, *shown_function, *shown_exception; /* of the event that was handed out last */
	bool over; /* the process ended or ran another program */
	bool launched; /* we started it: traced until the end */
	bool quiet;    /* nothing is to be shown now: another session is stopped */
	bool modules_on; /* module bodies are waited for (pending.c) */

	struct calls *calls; /* NULL until calls are counted */
	uint64_t late, lost_seen;
	int epoll_fd, timer_fd; /* the timer: max_pause_ms */
	int ready_fd;		/* eventfd: there is something that no other descriptor tells */
	int tick_fd;		/* a timer: losses are looked for while something is armed */
};

/* session.c */
/* As session_attach(); the process may be traced by us. still: it stands, do not wait for an interpreter that begins. */
int session_open(pid_t pid, const struct session_options *opt, bool still, struct err *err,
		 struct session **ret);
/* Take over the threads that ts has seized. */
int session_adopt(struct session *s, struct tracees *ts, struct err *err);
/* The same of one that is not ours to keep: it is let go of as if we had attached. */
int session_adopt_running(struct session *s, struct tracees *ts, struct err *err);
/* Who runs another program is kept there; NULL: left alone. */
void session_keep_execs(struct session *s, struct execs *execs);
int session_need_trace(struct session *s, struct err *err);
/* The interpreter's sites of these kinds (1 << ABI_SITE_...), malloc'ed, for trace_program_on(). 0 or negative errno with a line. */
int session_sites(struct session *s, unsigned kinds, struct err *err, struct trace_site **ret, size_t *ret_n);
/* Put a program of the uprobe engine on its sites in the interpreter; 0 or negative errno with a line. */
int session_program_on(struct session *s, enum trace_program which, struct err *err);
int session_need_tracees(struct session *s, struct err *err);
/* births.c */
/* Every thread that makes a hit can be stopped, those that come, too. 0 or negative errno with a line. */
int session_need_stops(struct session *s, struct err *err);
/*
 * The same for what a uprobe sees. Where a thread stands then does not show whether it was held in time, so new threads are
 * seized at birth until nothing stops any more; those that are in the making meanwhile are held.
 */
int session_need_births(struct session *s, struct err *err);
/* Seize new threads at birth if a hit of one was lost (s->hold_failed). */
void births_check(struct session *s);

/* session.c */
void session_drop_tracees(struct session *s); /* NULL is fine */
/* Let go of ptrace when nothing that stops is armed and nobody is stopped. */
void session_relax(struct session *s);
int session_over(const struct session *s, struct err *err); /* -ESRCH with a line when it is */

/* bp.c, bp_arm.c, bp_judge.c */
struct bp_priv *bp_find(struct session *s, int id); /* NULL: there is none */
void bp_free(struct session *s, struct bp_priv *b); /* NULL is fine; it is in no list */
/* Copy what was asked for, but for where. 0 or -ENOMEM. */
int bp_set_spec(struct bp_priv *b, const struct bp_spec *spec);
/* Arm it unless disabled and put it into the list. On failure it is freed, with a line. */
int bp_add(struct session *s, struct bp_priv *b, struct err *err, int *ret_id);
/* Watch nothing any more; the breakpoints keep their counts, the kernel its records. */
void bps_disarm(struct session *s);
void bps_deinit(struct session *s);
/* Which breakpoint stops at this hit? Counts, conditions and ignore counts are applied. NULL: none.
 */
struct bp_priv *bps_judge(struct session *s, const struct abi_hit *hit);
/* A stop of a step is left (session.left); is that hit the first since then of every breakpoint that it is one of? */
void bps_leave(struct session *s);
bool bps_first_since_left(struct session *s, const struct abi_hit *hit);
/* That hit was none: take it out of the counts. */
void bps_unhit(struct session *s, const struct abi_hit *hit);
/* Bring the kernel's counts into what session_bps() shows. */
void bps_refresh(struct session *s);
int bps_index(struct session *s, bool fresh, struct err *err);
int bps_scan(struct session *s, struct err *err); /* the same, in any case */
/* 0 or negative errno with a line; then nothing of it is armed. */
int bp_arm(struct session *s, struct bp_priv *b, struct err *err);
/* Of one that has rules: arm its places from number `first` on, or those that are, one. 0 or negative errno with a line. */
int bp_take_places(struct session *s, struct bp_priv *b, size_t first, struct err *err);
void bp_release_place(struct session *s, struct bp_priv *b, size_t i);
/* The rule of b at its i-th place; 0: the place only helps. */
uint32_t bp_rule_at(const struct bp_priv *b, size_t i);
/* Where a location is in the process that is looked at, its names kept. As session_break(). */
int bp_locate(struct session *s, const struct bp_spec *spec, struct err *err, struct binding *ret);
void bp_disarm(struct session *s, struct bp_priv *b);
/* The public picture of b->where, anew. 0 or -ENOMEM. */
int bp_describe(struct bp_priv *b);
/* Is there still the code object that was bound? Its memory may have been freed and used for another. */
bool bp_is_same_code(struct session *s, const struct bind_place *bp);
/* A breakpoint at w, which it takes over, for one stop that is no breakpoint's (STOP_ENTRY). It has the number 0. */
int bps_entry(struct session *s, struct binding *w, struct err *err);

/* Children are followed from now on, or no more: what that changes of what is armed. 0 or negative errno with a line. */
int bps_follow(struct session *s, struct err *err);
/* Its names are kept for as long as the session. 0 or -ENOMEM. */
int binding_keep_names(struct session *s, struct binding *w);
/* Bind b in the other processes, too, where it is bound in one or pending. 0 or negative errno with a line. */
int bps_bind_others(struct session *s, struct bp_priv *b, const struct bp_spec *spec, struct err *err);
/*
 * Watch the places of w as well that b does not have yet, without a moment at which the others are not. *ret_changed: there were some.
 * 0, or negative errno with a line: then b is as it was.
 */
int bp_extend(struct session *s, struct bp_priv *b, const struct binding *w, struct err *err, bool *ret_changed);
/* What was bound in that process alone is given up. */
void bps_process_ended(struct session *s, pid_t pid);

/* pending.c */
/* Make b pending, why it cannot be bound now. 0, -ENOMEM. */
int pending_accept(struct bp_priv *b, const struct bp_spec *spec, const char *why);
/*
 * The breakpoints that follow what is loaded have changed: wait for what they need, or for nothing. 0 or negative errno
 * with a line.
 */
int pending_sync(struct session *s, struct err *err);
/*
 * b was enabled: wait for what it needs, and bind it if that was loaded meanwhile. 0 (perhaps it is still pending), or
 * negative errno with a line.
 */
int pending_follow(struct session *s, struct bp_priv *b, struct err *err);
/* Bind b, which is pending, to w, which it takes over. 0 or negative errno with a line. */
int pending_rebind(struct session *s, struct bp_priv *b, struct binding *w, struct err *err);
/* Nothing of it is left: it waits again, or is over. */
void pending_become(struct session *s, struct bp_priv *b);
/* Code is about to run in a thread that stands: bind what lies in it. 0 or -ENOMEM. */
int pending_module(struct session *s, const struct abi_hit *hit);
/* b was disabled: is its code still there? 0 (it may be pending now), -ESTALE. */
int pending_revive(struct session *s, struct bp_priv *b);

/* rules.c */
/*
 * Give the kernel the rules of b, one for each code object of its event places; what it has counted before goes
 * on. 0 or negative errno with a line (then rules_drop() is due).
 */
int rules_make(struct session *s, struct bp_priv *b, struct err *err);
void rules_drop(struct session *s, struct bp_priv *b); /* the counts stay */
void rules_deinit(struct session *s, struct bp_priv *b);
/* The same for code objects in b->where that have no rule yet. */
int rules_more(struct session *s, struct bp_priv *b, struct err *err);
/* No code object in b->where needs these any more. */
void rules_trim(struct session *s, struct bp_priv *b);
/* The condition or the hit counts of b have changed. As rules_make(). */
int rules_sync(struct session *s, struct bp_priv *b, struct err *err);
/* Its code was loaded again, to where it was: the rules are for what lies there now. */
int rules_identify(struct session *s, struct bp_priv *b, struct err *err);
/* The rule of b in that code; 0: none. */
uint32_t rules_of(const struct bp_priv *b, uint64_t code);
/* What the kernel counts for b; NULL: it was never armed, or there is no kernel side any more. */
struct abi_rule_state *rules_state(struct session *s, const struct bp_priv *b);
/* Bring it into b->pub. */
void rules_refresh(struct session *s, struct bp_priv *b);
/* The kernel could not tell: is this a hit of b? Counted. */
bool rules_ask(struct session *s, struct bp_priv *b, const struct abi_hit *hit);
/* What the kernel counted as a hit was none. */
void rules_unhit(struct session *s, struct bp_priv *b);

/* catch.c: breakpoints on exceptions */
/* The classes that name means, into b. -ENOENT, -EINVAL, -ENOTUNIQ ... with the line in *err. */
int catch_bind(struct session *s, struct bp_priv *b, const char *name, struct err *err);
int catch_arm(struct session *s, struct bp_priv *b, struct err *err);
void catch_disarm(struct session *s, struct bp_priv *b);
bool catch_stops(const struct session *s); /* is one armed that stops? */
struct bp_priv *catch_owner(struct session *s, uint32_t rule);
/* It is one whose exception passes there: is that what it waits for (bp.when)? */
bool catch_judge(struct session *s, const struct bp_priv *b, const struct abi_hit *hit);
/* The frame whose names its condition means: where the exception was raised, if that is known. */
uint64_t catch_frame(struct session *s, const struct bp_priv *b, const struct abi_hit *hit);
/* capture_rule.c */
struct bp_rule;
/*
 * Tell the kernel what the rule sends. compile: an expression as a program for frames of the rule's code, in *ret. 0 or -errno
 * with a line.
 */
typedef int (*capture_compile_fn)(struct session *s, struct bp_rule *r, const char *text, struct err *why, uint32_t *ret);
int capture_rule(struct session *s, const struct bp_priv *b, struct bp_rule *r, capture_compile_fn compile, struct err *err);

/* latency.c: the kernel side is about to go */
void latency_keep(struct session *s);
void latency_deinit(struct session *s);

/* place.c */
struct place *place_by_id(struct session *s, uint32_t id); /* NULL: it is no longer used */
/*
 * Take one use of a place, armed if it is the first. keep_state: see abi_place; rule: who is asked at its hits (0 where it
 * only helps); stops: that rule stops the thread. 0 or negative errno with a line (-ENOSPC: slots, or
 * ABI_PLACE_RULES breakpoints are there already).
 */
int place_take(struct session *s, const struct bind_place *bp, bool keep_state, uint32_t rule,
	       bool stops, struct err *err, uint32_t *ret_id);
/* Give one use back (rule and stops as it was taken); the last one disarms it. */
void place_release(struct session *s, uint32_t id, uint32_t rule, bool stops);

/* stops.c */
/* Move what has happened into s->events, without waiting. 0 or -errno. */
int stops_pump(struct session *s);
/* Did we send the stop signal that thread tid got? (tracees_set_filter()) */
bool stops_is_ours(void *priv, pid_t tid);

/* The process whose stop was shown is no more, or is left alone. */
void stops_fallen(struct session *s);
/* The session is over, for that reason. */
void stops_end(struct session *s, struct session_event ev);

/* The thread stops there, for a step. 0 or -errno. */
int stops_at_step(struct session *s, const struct abi_hit *hit);
/* As session_continue(), but a step goes on. */
int stops_go(struct session *s, struct err *err);
/* Take every ptrace event there is. 0 or -errno. */
int stops_tracees(struct session *s);
/* Before the caller goes on to wait: what no other descriptor tells is told by ready_fd. */
void stops_announce(struct session *s);

/* Stand at hit, without a breakpoint. 0 or -ENOMEM. */
int stops_at_entry(struct session *s, const struct abi_hit *hit, uint64_t code, int32_t line);

/* calls.c */
void calls_deinit(struct session *s);
void calls_keep(struct session *s); /* the kernel side is about to go */

/* still.c */
/*
 * Stop every thread that can be stopped, those that show up meanwhile too. 0, or -errno: then some are
 * stopped, and stops_resume_all() is due.
 */
int stops_all(struct session *s);
/* All go on, but for those that wait to be shown. */
void stops_resume_all(struct session *s);

/* Its process with the lowest number that lives; none: that is looked at. *ret_more: how many more do; may be NULL. */
const struct process *session_first_living(const struct session *s, size_t *ret_more);

/* slots.c */
/* -ENOSPC with a line: what (a step, ...) needs so many watch slots, who has them, and what to do (how it ends). */
int slots_explain(struct session *s, unsigned needed, const char *what, const char *instead, struct err *err);

/* look.c */
/* session_frames() without s->unwound. */
int look_frames(struct session *s, pid_t tid, size_t max, struct interp_frame **ret, size_t *ret_n);
/* The thread state of a thread, the one that runs something if there are several. -ESRCH. */
int session_tstate(struct session *s, pid_t tid, uint64_t *ret);
/* The target runs on: what was read of it is no longer true. */
void look_forget(struct session *s);
/* A stillness begins: what was read while it ran counts no more, and what is read now is kept. */
void look_fresh(struct session *s);

/* tasks.c: frames with their names, the last one first where `reversed`; 0 or -ENOMEM. */
int places_name(struct session *s, const struct interp_frame *frames, size_t n, bool reversed,
		struct session_place **ret, size_t *ret_n);
void places_free(struct session_place *places, size_t n);

#endif
