/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugging session on one process: what is armed, who is stopped, what can be read. Prints
 * nothing: the front ends (cli, dap) call in and take events out.
 */
#ifndef PYBPFDBG_ENGINE_SESSION_H
#define PYBPFDBG_ENGINE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/probe.h"
#include "trace/trace.h"

struct abi_captured;
struct abi_hit;
struct capture;
struct err;
struct interp;
struct interp_frame;
struct interp_info;
struct interp_thread;
struct session; /* opaque */
struct target;
struct value;
struct value_limits;

struct session_options {
	enum trace_scope scope;
	unsigned max_pause_ms; /* 0: none */
	bool timed;	       /* session_latency_begin() will be called */
	/*
	 * What the process forks is counted and captured, too, from its first instruction on, also when the process itself has ended
	 * (its SESSION_EXITED is then no end of these): session_follow(). For what does not stop and is seen by watchpoints.
	 */
	bool children;
	bool may_follow; /* session_follow_forks() may be called; not with children */
	int *numbers;	 /* the last number that a process got, where several sessions share them; NULL: of this one alone */
	int number;	 /* of the process itself; 0: the next */
	/* A record of a BP_LOG or BP_SNAP (bpf/abi.h), from within session_next_event(); size in bytes. */
	void (*captured)(void *priv, int bp, const struct abi_captured *rec, size_t size);
	/* A write of a BP_LOG data breakpoint that has no record: session_watch_values(); its thread stands still until this returns. */
	void (*written)(void *priv, int bp, const struct abi_hit *hit);
	/*
	 * Long work: what ("reading code objects"), done and total in bytes; NULL: silent. Non-zero
	 * ends it: the call that it is part of fails with -ECANCELED, and nothing has changed.
	 */
	int (*progress)(void *priv, const char *what, uint64_t done, uint64_t total);
	void *priv;
};

/* Open the process, find its interpreter. No ptrace, no BPF, nothing stopped. The line is in *err.
 */
int session_attach(pid_t pid, const struct session_options *opt, struct err *err,
		   struct session **ret);

/* A program to start. Borrowed for the call. */
struct session_launch {
	const char *python; /* a file, or a name that is looked for in PATH */
	char *const *args;  /* what follows it on its command line, NULL at the end */
	int in, out;	    /* its standard input and output; -1: ours */
};
/*
 * Start it, in a process group of its own, and come back when it has come to its first line; the first event is that
 * stop (STOP_ENTRY). What it executes on its way to Python (a shell script, env, chroot) is followed. It is traced
 * until session_free() and lives on after it. -ECHILD: it ended before; -ENOENT, -EACCES ... of execve; else as
 * session_attach(): with any failure the program is killed.
 */
int session_launch(const struct session_launch *l, const struct session_options *opt, struct err *err,
		   struct session **ret);
/* Was it started by session_launch()? */
bool session_is_launched(const struct session *s);
/* Ask the target to end (SIGTERM), and let it run on for that; SESSION_EXITED follows if it does. 0 or -errno. */
int session_terminate(struct session *s, struct err *err);
/* Kill the target and wait for its end; SESSION_EXITED follows. 0 or -errno. */
int session_kill(struct session *s, struct err *err);

/* Disarm, resume, detach; the target runs on. NULL is fine. */
void session_free(struct session *s);

struct target *session_target(struct session *s);
struct interp *session_interp(struct session *s);

/* ---- breakpoints ---- */
/* What sees its hits: hardware watchpoints on its lines, or uprobes on the interpreter. */
enum bp_engine { BP_WATCH, BP_UPROBE };
/* What a message about lacking watch slots ends in. */
#define BP_UPROBE_INSTEAD                                                                       \
	"or break where a function begins with --engine uprobe: no slot, but a trap (about 1 us) " \
	"at every Python call"
enum bp_action { BP_STOP, BP_COUNT, BP_LOG, BP_SNAP };

/* What BP_LOG and BP_SNAP send (bpf/abi.h, struct abi_capture); 0: the defaults of bpf/capture.bpf.h. */
struct bp_capture {
	const char *const *names; /* BP_LOG: what these names stand for, in this order; of a data breakpoint: old, new */
	const unsigned *levels;	  /* of each: levels of objects below it */
	size_t nnames;
	/*
	 * BP_LOG: the first npaths of them are no names but `name.attribute[0]` and the like (expr_is_path()): what they lead to. The
	 * last nspare are sent only where one of these led to nothing that the kernel finds.
	 */
	size_t npaths, nspare;
	unsigned frames; /* BP_SNAP */
	unsigned depth, items, value_bytes, bytes;
};

/*
 * When a breakpoint on an exception stops: where it is raised; where it leaves the outermost frame of its thread (but for those of
 * threading) unhandled; or where it leaves the user's code unhandled, towards the standard library, an
 * installed package or nobody. Of the last two the innermost frames are left already: session_frames() has them first.
 */
enum catch_when { CATCH_RAISED, CATCH_UNCAUGHT, CATCH_USER };

/* What is asked for; zeroed members are the usual. Borrowed for the call. */
struct bp_spec {
	const char *exception;	  /* NULL, or a class of exceptions instead of a location */
	enum catch_when when;	  /* of an exception; others than RAISED: BP_STOP only */
	const char *location;	  /* FILE:LINE, MODULE:QUALNAME, QUALNAME, or a number */
	const char *default_file; /* whose line a bare number is; may be NULL */
	enum bp_action action;
	enum bp_engine engine; /* UPROBE: where a function begins only, no slot, a trap at every Python call */
	bool temporary, disabled;
	const char *condition; /* NULL: none */
	uint64_t ignore;       /* hits that come first and do not count */
	uint64_t every;	       /* then each so many-th; 0 and 1: each */
	uint64_t limit;	       /* after that many hits no more; 0: no limit */
	pid_t tid;	       /* only in this thread (our number); 0: in any */
	const struct bp_capture *capture; /* BP_LOG, BP_SNAP; must live as long as the breakpoint */
	/*
	 * What is not loaded yet is waited for, and what is loaded again is bound, too. Threads are traced for
	 * that, whatever the action.
	 */
	bool pending;
};

struct bp_line {
	uint64_t code;
	int32_t line;
	uint32_t offset;
	uint64_t address; /* watched */
};

struct bp {
	int id; /* from 1 */
	enum bp_action action;
	enum bp_engine engine;
	bool temporary, enabled;
	bool pending;	    /* bound to nothing: it waits until it is loaded */
	char *why;	    /* what is to be said of that: what is loaded by a similar name; NULL: nothing */
	bool gone;	    /* a hit was in other code: that which it was bound to is no more */
	char *exception;    /* full name of the class; NULL: a breakpoint at a place */
	enum catch_when when; /* of an exception */
	char *location;	    /* as asked, the name of the class too */
	char *file;	    /* absolute; NULL for an exception, and function too; pending: as asked, NULL for a function */
	int32_t line;	    /* where it is bound (may be later than asked) */
	int32_t line_asked; /* 0 for a function */
	char *function;	    /* qualified name; pending: as asked, NULL for a line */
	char *condition;    /* NULL: none */
	bool in_kernel;	    /* its condition is evaluated by the kernel alone */
	const char *why_user; /* else: which part of it is why; NULL until it was armed once */
	pid_t tid;	    /* see bp_spec */
	uint64_t every, limit;
	uint64_t ignore;    /* hits still to skip */
	uint64_t hits;	    /* where the condition was true; but for BP_STOP `ignore` and `every` apply, too */
	uint64_t errors;    /* conditions that could not be evaluated */
	uint64_t undecided; /* conditions that the kernel left to user space */
	uint64_t lost;	    /* of hits: there was no room for the record */
	uint64_t limited;   /* of hits: dropped by a limit on the rate */
	const char *last_error; /* why the last of these could not be evaluated; NULL while there was none */
	struct bp_line *places; /* event places only */
	size_t nplaces;
	unsigned slots; /* watch slots it takes while enabled */
	bool data;      /* a data breakpoint: .location is the expression, .file and .function are "" */
	char *storage;  /* of a data breakpoint: what is watched ("a local variable"); else NULL */
	char *ended;    /* a data breakpoint that is over: why; else NULL */
};

/*
 * Bind a location and arm it unless disabled; with spec->pending what is not loaded is no failure. Fails with
 * a line in *err: -ENOENT (not loaded: with the nearest that is), -ENODATA (the file has no such line),
 * -ENOTUNIQ (an ambiguous file tail or name, with the candidates), -ENOSPC slots, -EINVAL condition or
 * location syntax, -ESRCH no such thread, -ECANCELED by session_options.progress.
 */
int session_break(struct session *s, const struct bp_spec *spec, struct err *err, int *ret_id);
/* What may be captured in each second, by all breakpoints together; 0: no limit. */
int session_limits(struct session *s, uint64_t records, uint64_t bytes, struct err *err);
/* For the end of a session: nothing hits any more, but what was recorded until now is still handed out. */
void session_disarm(struct session *s);
/*
 * Watch a reference: spec->location is an expression (NAME, OBJ.ATTR, OBJ[KEY]) with names of `frame`, whose thread stands still; frame
 * 0: "[MODULE:]EXPRESSION" with the names of that module (__main__). In the condition `old` and `new` are names. Fails as
 * session_break(); -EOPNOTSUPP: what cannot be watched, and why.
 */
int session_watch(struct session *s, const struct bp_spec *spec, uint64_t frame, struct err *err, int *ret_id);
/* Of the last hit of a data breakpoint: NULL where there was nothing (deleted, not bound). Borrowed until the target goes on. */
void session_watch_values(struct session *s, int id, const struct value **ret_old, const struct value **ret_new);
/* What session_watch_values() gives is from now on that of a record of the data breakpoint. 0, -EINVAL: it is none of its. */
int session_watch_record(struct session *s, int id, const struct capture *c, const struct value_limits *lim);
int session_bp_clear(struct session *s, int id, struct err *err);
/* -ESTALE: the code that it was bound to is no more, or other code lies there now. */
int session_bp_enable(struct session *s, int id, bool enable, struct err *err);
int session_bp_condition(struct session *s, int id, const char *condition,
			 struct err *err); /* NULL: none */
int session_bp_ignore(struct session *s, int id, uint64_t count, struct err *err);
/* Borrowed until the next call that changes breakpoints; hits are brought up to date. */
const struct bp *session_bp(struct session *s, int id);
size_t session_bps(struct session *s, const struct bp *const **ret); /* ascending by id */
/* Loads the BPF programs on first use: fails where they cannot be, with the line in *err. */
int session_slots(struct session *s, struct err *err, unsigned *ret_used, unsigned *ret_free);

/* ---- with session_options.children ---- */
/* Is the interpreter of b, byte for byte, where that of a has it, in the same pid namespace? As after a fork. */
bool session_is_twin(struct session *a, struct session *b);
/*
 * Another process has all that s has breakpoints on at the same addresses (the caller has compared): count what it does with
 * what s counts. 0 or negative errno with a line.
 */
int session_follow(struct session *s, pid_t pid, struct err *err);
/* The hits of a breakpoint by process: fn is called with our number for each, 0: not known. Non-zero from fn ends it. */
int session_process_hits(struct session *s, int id, int (*fn)(void *priv, pid_t pid, uint64_t hits), void *priv);

/* ---- several processes ---- */
/*
 * A session has the process that it was made for and, where forks are followed, those that were forked: one list of breakpoints, each hit
 * in whichever process runs the line, at the same addresses and so with the same watch slots. While one process is stopped the others
 * run on; what they hit meanwhile is shown next, one after the other. All other calls mean the process that is looked at, which is
 * that of the last stop until session_process() says otherwise. A data breakpoint is of the process that it was set in.
 */
enum follow_fork {
	FOLLOW_PARENT, /* what is forked is left alone */
	FOLLOW_CHILD,  /* at the next fork of the process that is looked at the session goes with the child, and leaves the parent */
	FOLLOW_BOTH,
};
/* What becomes of processes that are forked from now on. -EOPNOTSUPP (watched in the task scope), or -errno, with a line. */
int session_follow_forks(struct session *s, enum follow_fork mode, struct err *err);
enum follow_fork session_follows(const struct session *s);
/* FOLLOW_BOTH, and those that were forked before. The same. */
int session_children(struct session *s, struct err *err);

enum process_doing {
	PROCESS_RUNS,
	PROCESS_STOPPED, /* the stop that was shown */
	PROCESS_WAITS,	 /* a thread of it stands at a hit that is shown next */
	PROCESS_OTHER,	 /* it is not followed: .why */
};
struct session_process {
	int number; /* from 1, kept for its life */
	pid_t pid, parent, inner; /* inner: its number in its own pid namespace, 0: the same */
	bool current;		  /* it is looked at */
	enum process_doing doing;
	const char *why; /* borrowed until the next event */
	const char *python; /* its version, where images_processes() lists it and it is followed; borrowed, too */
	pid_t tid;	 /* the stopped thread, if it is current; else 0 */
};
/* Those that live, ascending by number, malloc'ed. 0 or -ENOMEM. */
int session_processes(struct session *s, struct session_process **ret, size_t *ret_n);
/* Look at that one. -ESRCH, -EXDEV (it is not followed), or what keeps it from being read, with a line. */
int session_process(struct session *s, int number, struct err *err);
int session_number(const struct session *s); /* of the process that is looked at */
/* Has it, or may it have, more than one? */
bool session_has_processes(const struct session *s);
/* Is any process stopped (shown as such)? */
bool session_is_standing(const struct session *s);

/* ---- running ---- */
enum session_event_kind {
	SESSION_NONE,
	SESSION_STOPPED,	  /* reason, bp, tid, frame place */
	SESSION_EXITED,		  /* status; ends a stop, too */
	SESSION_EXEC,		  /* the target replaced its program; the session is over */
	SESSION_RESUMED_BY_LIMIT, /* --max-pause ran out and the target was resumed */
	SESSION_LOST,		  /* records were lost since the last event: lost */
	SESSION_BOUND,		  /* bp: pending before, or bound to code that was loaded again */
	SESSION_UNBOUND,	  /* bp: what it waits for was loaded and it could not be bound: see bp.why */
	SESSION_KEY,		  /* Ctrl-C on the terminal of a target that we started */
	SESSION_STEP_OVER,	  /* the stepped thread tid has ended: the target runs */
	/* Of several processes, see session_follow_forks(): .process and .number say which. */
	SESSION_PROCESS,	/* it was forked by .parent */
	SESSION_PROCESS_ENDED,	/* status; the session goes on with the others */
	SESSION_PROCESS_EXEC,	/* it replaced its program; the same */
	SESSION_PROCESS_IMAGE,	/* it runs another program, and has a session of its own now (engine/images.h) */
	SESSION_PROCESS_LEFT,	/* FOLLOW_CHILD: it has forked and is left alone; the session is with the child now */
};
enum stop_reason { STOP_BREAKPOINT, STOP_PAUSE, STOP_ENTRY, STOP_EXCEPTION, STOP_DATA, STOP_STEP };
/* What is about to happen where a thread has stopped. */
enum step_at {
	STEP_AT_LINE,
	STEP_AT_CALL,	   /* a function begins (or a generator goes on) */
	STEP_AT_RETURN,	   /* it returns, yields or is left by an exception */
	STEP_AT_EXCEPTION, /* an exception was raised, or came from a callee */
};

struct session_event {
	enum session_event_kind kind;
	enum stop_reason reason;
	enum step_at at; /* STOP_STEP */
	uint64_t value;	 /* STEP_AT_RETURN: address of what is returned; 0: an exception, or not known */
	int bp;		 /* id, 0 if none */
	pid_t tid;
	pid_t process, parent; /* of the other kinds the process that is looked at, when it is handed out */
	int number;
	char *file; /* borrowed until the next session call */
	char *function;
	char *exception; /* its repr, NULL: not known or none */
	int32_t line;
	uint64_t lost;
	int status; /* as from wait(2); -1 unknown */
	/* SESSION_PROCESS_IMAGE: the version of its Python. SESSION_PROCESS_EXEC: why it is left alone, if that is known; else NULL */
	const char *image;
	const char *ended; /* STOP_DATA: not a write but the end of the data breakpoint, and why; else NULL */
};

/*
 * Readable when session_next_event() may have something, be it that a call of the caller's own brought it
 * about; once a second while something is armed. Owned by s. For an epoll or poll loop.
 */
int session_fd(struct session *s);
/* Wait up to timeout_ms (0: do not, -1: for ever) for the next event. 0 or -errno. */
int session_next_event(struct session *s, int timeout_ms, struct session_event *ret);
bool session_is_stopped(const struct session *s);
int session_continue(struct session *s, struct err *err);

enum step_kind { STEP_INTO, STEP_NEXT, STEP_RETURN, STEP_UNTIL };
struct step_spec {
	enum step_kind kind;
	pid_t tid;    /* 0: the thread of the stop; another one only while all are stopped */
	size_t frame; /* STEP_INTO: 0; the others: index into session_frames() of the frame that is meant */
	int32_t line; /* STEP_UNTIL: this line or a later one; 0: one behind the frame's */
	bool just_my_code; /* do not enter the standard library and installed packages */
};
/*
 * Let the target run until the thread has made the step: SESSION_STOPPED (STOP_STEP) follows, or whatever else stops it
 * first and ends the step. By pdb's rules: docs/STEPPING.md. -EINVAL not stopped, not that thread, or a line that is not below; -ENOENT no
 * Python code there; -ENOSPC no watch slot is free; or -errno, with the line in *err: then it is still stopped.
 */
int session_step(struct session *s, const struct step_spec *spec, struct err *err);

/* Who holds a watch slot of ours. */
struct slot_holder {
	uint64_t address;
	int bps[4];   /* breakpoints, ascending; 0: no more */
	bool more;    /* than fit */
	bool step;    /* the step that is on; bps: who has lent it the slot */
};
/* malloc'ed. 0 or -ENOMEM. */
int session_slot_holders(struct session *s, struct slot_holder **ret, size_t *ret_n);
/* So many slots are used by other programs of the command line (engine/images.h). */
unsigned session_slots_of_others(struct session *s);

/* Ask the target to stop; SESSION_STOPPED (STOP_PAUSE) follows, on the thread that holds the GIL or
 * else the main one. */
int session_pause(struct session *s, struct err *err);

/* ---- counting calls ---- */
/* One function: all its code objects (a module that was loaded again has two) together. */
struct session_call {
	const char *file, *function; /* NULL: the code was gone before it could be read */
	int32_t line;		     /* where its code begins, decorators included */
	pid_t pid;		     /* with children: in which process; 0: not known. Else 0 */
	uint64_t hits;
};
/*
 * Count every call (also each time that a generator or coroutine goes on, as sys.setprofile does) in the kernel: a uprobe, a
 * trap a call; nothing is stopped. 0 or negative errno with a line.
 */
int session_calls_begin(struct session *s, struct err *err);
void session_calls_end(struct session *s); /* what was counted stays */
/*
 * So far (once only when the target has ended), in no order; malloc'ed, names borrowed until the session ends. reader: with
 * children, a session on that process, or NULL where there is none (it has ended); without, NULL. 0 or -errno.
 */
int session_calls(struct session *s, struct session *(*reader)(void *priv, pid_t pid), void *priv,
		  struct session_call **ret, size_t *ret_n);
/* Sorted by function and process, all of one become one: how many there are then. */
size_t session_calls_merge(struct session_call *calls, size_t n);
void session_calls_sort(struct session_call *calls, size_t n); /* the most called first */

/* ---- how long calls take ---- */
enum latency_engine { LATENCY_AUTO, LATENCY_WATCH, LATENCY_UPROBE };

struct latency_function {
	const char *file, *function; /* borrowed until the session ends */
	int32_t line;
	enum latency_engine engine; /* not AUTO */
	unsigned slots;		    /* watch slots taken */
	unsigned copies;	    /* code objects of that name */
	bool generator;		    /* or a coroutine: from its first entry to its end, suspended time included */
};
/* Find the function, before session_latency_begin(). Failures as session_break(); -E2BIG: it is too large. */
int session_latency_find(struct session *s, const char *function, struct err *err);
/* Both have found it: is it at the same addresses? */
bool session_latency_is_same(const struct session *a, const struct session *b);
/*
 * Time every call of it that begins from now on: nothing is stopped or traced. By watchpoints if they fit (AUTO),
 * else by uprobes in the eval loop. Once a session. Failures as session_break(); -ENOTSUP: this build's eval loop
 * is not understood.
 */
int session_latency_begin(struct session *s, enum latency_engine engine, struct err *err);
/* Borrowed; .engine and .slots are those of session_latency_begin(). NULL: none was found. */
const struct latency_function *session_latency_function(const struct session *s);

#define LATENCY_BUCKETS 512
struct latency {
	uint64_t count, returned, raised; /* count: returned or raised */
	uint64_t min_ns, mean_ns, max_ns; /* 0 where count is */
	uint64_t total_ns;		  /* of all that count */
	uint64_t running;  /* begun and not ended */
	uint64_t inflight; /* ended, but begun before: not in count */
	uint64_t full;	   /* begun when too many ran: not in count */
	uint64_t unseen;   /* their end was not seen: not in count */
	struct {
		uint64_t le_ns, count; /* inclusive upper end; ascending */
	} buckets[LATENCY_BUCKETS];
};
int session_latency(struct session *s, struct latency *ret); /* so far; 0 or -errno */
void session_latency_end(struct session *s);
/* With session_options.children: what was counted, by process. Non-zero from fn ends it and is returned; else 0 or -errno. */
struct latency_process {
	pid_t pid; /* 0: not known */
	uint64_t count, total_ns, min_ns, max_ns;
};
int session_latency_processes(struct session *s, int (*fn)(void *priv, const struct latency_process *p), void *priv);
/* The duration that so much (0 to 1) of the calls did not exceed, estimated: the middle of its bucket, within 7 %. */
uint64_t latency_percentile(const struct latency *l, double part);

/* ---- looking ---- */
/*
 * Begin a still picture: everything read until session_still_end() is of one moment. Nests. While
 * the target runs, all its threads are stopped for that time (at most a second is waited for
 * threads that cannot be, in state D); while it is stopped already nothing more happens and the
 * pause is 0. *ret_pause_us may be NULL.
 */
int session_still_begin(struct session *s, struct err *err);
void session_still_end(struct session *s, uint64_t *ret_pause_us);
/* The thread's state letter of /proc (R, S, D, T ...) as it was before we stopped it; 0: unknown.
 */
char session_thread_state(struct session *s, pid_t tid);

/*
 * What a thread is doing: "running", "waiting for the GIL", "in epoll_wait" (any system call), "stopped" (at the stop that
 * is shown), "idle" (no Python code and no system call), "ended", "" when it cannot be told.
 */
void session_thread_doing(struct session *s, const struct interp_thread *t, char buf[static 64]);

/* A thread that waits for a lock. */
struct lock_wait {
	pid_t tid;
	uint64_t futex;
	uint64_t object; /* a lock of Python; 0: one of C code's */
	bool recursive;
	pid_t owner; /* the thread that holds it; 0: not known */
};
/*
 * Does the thread sleep on a futex, other than for the GIL? Which: to be asked while it stands; 0: it does not.
 */
uint64_t session_futex(struct session *s, const struct interp_thread *t);
/*
 * Complete waits whose tid and futex are known: which lock, and who holds it. The target may run; one that no longer
 * waits gets futex 0. mutex[i]: it waits in pthread_mutex_lock(), whose owner is next to the futex. Long: memory
 * may be searched. 0 or -errno.
 */
int session_lock_waits(struct session *s, const struct interp_thread *threads, size_t nthreads,
		       const bool *mutex, struct lock_wait *waits, size_t n);
/*
 * The next circle of threads that wait for each other, as indices into waits, at most n: each waits for a lock that the one
 * after it holds, the last for the first's. *state: 0 at first. How many; 0: no more.
 */
size_t session_deadlock(const struct lock_wait *waits, size_t n, size_t *state, size_t *ret);

int session_threads(struct session *s, struct interp_thread **ret, size_t *ret_n);
/*
 * Python threads; tid is in the debugger's pid namespace, 0 when it could not be found out.
 * Frames of a thread by kernel tid; the top frame's line is corrected to the breakpoint's. Where an exception is about to
 * leave its last frame, those that it has left come first: they run no more, but have their variables. -ESRCH: no such Python thread.
 */
int session_frames(struct session *s, pid_t tid, size_t max, struct interp_frame **ret,
		   size_t *ret_n);
/* A frame with its names. */
struct session_place {
	char *file, *function;
	int32_t line;
};
/* A task of an event loop (probes/probe.h, struct interp_task). */
struct session_task {
	uint64_t task, loop;
	char *name;  /* NULL: none (before Python 3.8) */
	char *coro;  /* qualified name of its coroutine, NULL: not known */
	char *awaits; /* what it waits for, for people; NULL: nothing */
	enum interp_task_state state;
	pid_t tid;   /* thread that runs it; 0: none */
	struct session_place *places; /* of its coroutines, outermost first; up to what runs where tid is set */
	size_t nplaces;
	size_t *by;  /* tasks that wait for it: indexes into the array */
	size_t nby;
};
/*
 * All tasks of all event loops, ascending by address, free with session_tasks_free(). Only while the target is stopped or still. 0
 * (perhaps with none) or negative errno.
 */
int session_tasks(struct session *s, struct session_task **ret, size_t *ret_n);
void session_tasks_free(struct session_task *tasks, size_t n);
/*
 * The task that a thread runs, while it stands still: its name and address, cheaper than all tasks. -ENOENT: none. Free *ret_name (it
 * may be NULL).
 */
int session_task_of(struct session *s, pid_t tid, uint64_t *ret, char **ret_name);

/* A greenlet that has not ended (probes/probe.h, struct interp_greenlet). */
struct session_greenlet {
	uint64_t greenlet;
	char *type, *run;
	enum interp_greenlet_state state;
	bool main;
	pid_t tid; /* thread that runs it; 0: none, or not known */
	struct session_place *places; /* innermost first */
	size_t nplaces;
};
/* As session_tasks(); -ENOTSUP with its line in *err: a version of greenlet that is not known. */
int session_greenlets(struct session *s, struct err *err, struct session_greenlet **ret, size_t *ret_n);
void session_greenlets_free(struct session_greenlet *g, size_t n);
/* The greenlet that a standing thread runs, and its class. -ENOENT: none, or a thread's main one. Free *ret_type. */
int session_greenlet_of(struct session *s, pid_t tid, uint64_t *ret, char **ret_type);

/* The thread that the last stop was in, 0 when running. */
pid_t session_stop_tid(const struct session *s);
/* When it hit (CLOCK_MONOTONIC, ns), 0 when running. */
uint64_t session_stop_time(const struct session *s);

/* The thread state of a thread that stands where an exception is raised (expr_scope.tstate), else 0. */
uint64_t session_raised(const struct session *s, pid_t tid);

/* File name and qualified name of a code object, cached; borrowed until the session ends. -EINVAL.
 */
int session_code_names(struct session *s, uint64_t code, const char **ret_file,
		       const char **ret_function);
/* All files that code objects were found in (scanned on first use), sorted, borrowed. For
 * completion. */
int session_files(struct session *s, const char *const **ret, size_t *ret_n);
int session_functions(struct session *s, const char *const **ret, size_t *ret_n);
/*
 * The lines of a file (any unambiguous tail) where a breakpoint can be, ascending, malloc'ed. -ENOENT: no code of it is
 * loaded, -ENOTUNIQ; with a line.
 */
int session_lines(struct session *s, const char *file, struct err *err, int32_t **ret, size_t *ret_n);

#endif
