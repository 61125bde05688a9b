/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of a tracer share: tracer.c (the table, what a stop means), tracer_seize.c, tracer_wait.c, tracer_leave.c. Nobody
 * else includes this.
 */
#ifndef PYBPFDBG_TARGET_TRACER_PRIV_H
#define PYBPFDBG_TARGET_TRACER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uthash.h>

#include "base/vec.h"

struct target;
struct tracee_event;

/*
 * Traced tasks only: without __WALL a task that we trace is waited for in any case, and of our own children only those that report
 * with another signal than SIGCHLD (eligible_child() in kernel/exit.c, 4.7 and later). So a child of the debugger that is no tracee
 * stays for who started it.
 */
#define WAIT_FLAGS (__WCLONE | __WNOTHREAD)

struct tracee {
	pid_t tid, pid; /* pid: its process; 0: it was gone already */
	int options;	/* as the kernel has them: are the threads that it makes traced? */
	bool held;	/* stopped, and told so to the caller */
	bool moving;	/* on its way from the stop signal to a stop that holds no signal */
	bool wanted;	/* tracer_interrupt() was called, not yet answered */
	bool group;	/* the last stop was one of job control */
	bool leaving;	/* to be let go of at its next stop */
	bool gone;	/* reaped, and not told yet */
	UT_hash_handle hh;
};

struct tracer {
	struct target *t;
	struct tracee *all;  /* by tid */
	struct tracee *hint; /* the next to look at of those that were asked to stop */
	size_t ngone;	     /* tracee.gone */
	pid_t execed;	     /* process whose execve is still to be told; 0: none */
	int unmet;	     /* clone events seen less new tasks met: each comes once, in any order */
	int stop_signal;
	bool births;	/* new threads are seized by their makers' being traced */
	bool children;	/* new processes, too, and others may be asked for */
	bool hold_exec; /* see tracees_hold_exec() */
	bool take_keys; /* see tracees_take_keys() */
	bool (*filter)(void *priv, pid_t tid);
	void *filter_priv;
	struct tracer *next; /* of the same thread of ours, once it has traced something */
	bool listed;
	VEC(struct waited {
		pid_t tid;
		int status;
	})
	waited; /* what another tracer of this thread was told of ours */
};

/* What /proc has of a thread of any process; pid 0: it is gone. */
struct status {
	pid_t pid, parent, tracer;
	char state;
};

/* tracer.c */
struct status tracer_status(pid_t tid);
struct tracee *tracer_find(const struct tracer *ts, pid_t tid);
/* pid: its process; 0: find out. NULL: out of memory. */
struct tracee *tracer_add(struct tracer *ts, pid_t tid, pid_t pid);
void tracer_drop(struct tracer *ts, struct tracee *tr);
void tracer_drop_all(struct tracer *ts, pid_t pid); /* the threads of a process; 0: of all */
int tracer_options(const struct tracer *ts);
bool tracer_is_leader(const struct tracer *ts, pid_t tid);
bool tracer_is_stopping(int sig);
void tracer_cont(pid_t tid, int sig);
/* A stop signal that is about to be delivered: did we send it? *ret_kernel: it holds no other sender's. */
bool tracer_is_ours(struct tracer *ts, pid_t tid, bool *ret_kernel);
/* A task that we do not know was attached by the kernel: it was cloned. NULL: it was none of ours. */
struct tracee *tracer_meet(struct tracer *ts, pid_t tid);
/* After execve only one thread is left, and it has the number of the leader. */
struct tracee *tracer_after_exec(struct tracer *ts, pid_t tid);
void tracer_on_stop(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret);
void tracer_on_end(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret);

/* tracer_seize.c */
/* May we touch it? Never a thread of a process that nobody named. pid: its process as we were told; 0: any that is followed. */
int tracer_check(const struct tracer *ts, pid_t tid, pid_t pid);
/* Also 0 when the thread ran execve meanwhile and has the number of its leader, pid: tracer_renamed(). -EINTR: it is not seized. */
int tracer_seize_one(const struct tracer *ts, pid_t tid, pid_t pid);
/*
 * We slept in PTRACE_SEIZE until the thread's execve was over: it is traced, has the leader's number, and nothing will tell of the
 * execve. (A thread that only ended keeps its number until we reap it.)
 */
bool tracer_renamed(struct tracer *ts, pid_t pid, pid_t tid);

/* tracer_wait.c */
/* One thread of ours is one tracer to the kernel: what is waited for is handed to whichever of its tracers it is for. */
void tracer_list(struct tracer *ts);
void tracer_unlist(struct tracer *ts);
bool tracer_is_alone(const struct tracer *ts); /* no other one has traced anything in this thread */
/* Whose is a thread that is waited for in this thread? ts where nobody knows it. */
struct tracer *tracer_owner(struct tracer *ts, pid_t tid);
/* As waitpid(), of the threads that this tracer traces. Others must be waited for with WNOHANG, see tracer_is_alone(). */
pid_t tracer_wait(struct tracer *ts, int flags, int *ret_status);

/* tracer_leave.c */
void tracer_leave_stop(struct tracer *ts, pid_t tid, int status);
void tracer_leave_all(struct tracer *ts);

#endif
