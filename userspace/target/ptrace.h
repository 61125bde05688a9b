/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping threads: PTRACE_SEIZE only (a seized thread runs on), so that the kernel lets go of
 * every thread when the debugger dies. All calls must come from one thread of the debugger. Threads that tracees_hold() has
 * taken are traced by another one; calls for them are handed to it inside.
 */
#ifndef PYBPFDBG_TARGET_PTRACE_H
#define PYBPFDBG_TARGET_PTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct target;
struct tracees; /* opaque: the threads of one target that we have seized */

enum tracee_event_kind {
	TRACEE_NONE,   /* nothing happened (timeout) */
	TRACEE_SIGNAL, /* stopped where our own stop signal met it; the signal is already dropped */
	TRACEE_STOPPED, /* stopped by tracees_interrupt() */
	TRACEE_GONE,	/* that thread ended */
	TRACEE_EXEC,   /* the process ran execve and runs on; its other threads are gone, tid is its
			  pid */
	TRACEE_EXITED, /* the process ended; status as from wait(2) */
	TRACEE_KEY,    /* a key of its terminal (Ctrl-C, Ctrl-Z): it has not seen the signal */
};

struct tracee_event {
	enum tracee_event_kind kind;
	pid_t tid;
	int status; /* TRACEE_EXITED: wait status; -1 when it could not be learnt */
};

/*
 * Seize all threads of t with TRACECLONE and TRACEEXEC: threads that come later are seized too,
 * forked children are not touched. Nothing is stopped. -EPERM/-EBUSY with a line in *err (already
 * traced, other user, no capability), -EAGAIN (execve of it does not come to its end). SIGCHLD is blocked in the calling thread until
 * the last tracees_free(). There may be several in a thread of the debugger: an event of one may make the descriptors of all readable,
 * and is lost to nobody who calls tracees_next() of each then.
 */
int tracees_seize(struct target *t, struct err *err, struct tracees **ret);
/*
 * The same, but new threads are left alone until tracees_hold() or tracees_interrupt() takes them, and so cost nothing. What
 * ptrace tells of the whole process (exec) is told only of threads that are seized.
 */
int tracees_seize_now(struct target *t, struct err *err, struct tracees **ret);
/* Both, with tracees_set_children() before anything is seized; t need not be open for longer than this call. */
int tracees_seize_children(struct target *t, bool births, struct err *err, struct tracees **ret);
/*
 * From now on new threads are seized at birth (then those that there are, too), or left alone. It takes a short stop of each
 * thread that runs, and is done by tracees_next().
 */
void tracees_follow(struct tracees *ts, bool births);

/*
 * Threads of other processes that are held by tracees_hold() or named to tracees_interrupt() are taken as well, and where births are
 * followed so are the processes that our threads fork. TRACEE_EXEC and TRACEE_EXITED are then of process tid, and the end of t is told
 * only if one of its threads is seized.
 */
void tracees_set_children(struct tracees *ts, bool children);
/* Seize the threads that one more process has, as tracees_seize() and tracees_seize_now() do. After tracees_set_children(). */
int tracees_seize_process(struct tracees *ts, struct target *t, struct err *err);
/* tracees_follow() has become true of all: once; who has several processes seizes the threads that came before. */
bool tracees_settled(struct tracees *ts);
/* Let go of the threads of a process; tracees_next() does it as they stop for that. */
void tracees_leave(struct tracees *ts, pid_t pid);

/* Who tells that a thread which nobody traces has made a hit, and waits in the kernel to be held. */
struct tracees_hits {
	int fd; /* readable when there is something to take */
	/* Hand each such thread, and its process, to fn; it goes on when fn returns. Called in a thread of ours. */
	void (*take)(void *priv, void (*fn)(void *arg, pid_t tid, pid_t pid), void *arg);
	void *priv;
};
/*
 * Hold them: a thread of ours seizes each and asks it to stop; TRACEE_SIGNAL follows. Whether it stopped where it hit is for the
 * caller to see (tracees_ip()). After tracees_set_filter() and tracees_set_signal(), once. hits is copied; what it names must live
 * until tracees_free(). 0, or -errno: then nothing has changed.
 */
int tracees_hold(struct tracees *ts, const struct tracees_hits *hits);
/*
 * Detach from all threads; the target runs (or stays stopped by job control) as if we had never
 * been there. Disarm what sends the stop signal before: one that is pending is swallowed here,
 * unless the target blocks it. A thread in uninterruptible sleep is waited for. t must still be
 * open. NULL is fine.
 */
void tracees_free(struct tracees *ts);

/*
 * For a program that we started ourselves. The process stays the same: what was opened of it before an execve is of no
 * use after it, so that a new t takes the place of the old one.
 */
void tracees_set_target(struct tracees *ts, struct target *t);
/* TRACEE_EXEC leaves the thread stopped: tracees_resume(), or tracees_leave() of its process. */
void tracees_hold_exec(struct tracees *ts, bool hold);
/* SIGINT and SIGTSTP from the kernel (the terminal) are kept from the target: TRACEE_KEY. */
void tracees_take_keys(struct tracees *ts, bool take);
/* The first two arguments of a function that a stopped thread is about to enter. 0 or -ESRCH. */
int tracees_args(const struct tracees *ts, pid_t tid, uint64_t ret[static 2]);

/*
 * Who sent this stop signal? Network code may send a SIGURG that looks like ours. fn is called
 * within tracees_next() and tracees_free() and says whether we did (the record of the hit is there
 * before the signal). Without fn every SIGURG from the kernel is ours. What is not ours is passed
 * on.
 */
void tracees_set_filter(struct tracees *ts, bool (*fn)(void *priv, pid_t tid), void *priv);

/* Does any thread of the debugger trace that thread, of whichever process? */
bool tracees_are_of(pid_t tid);

/* A signal fd that is readable when tracees_next() may have something (SIGCHLD); owned by ts. */
int tracees_fd(const struct tracees *ts);
/*
 * The next event that matters, without blocking: call it until TRACEE_NONE, then wait for the fd.
 * Everything else (other signals, clone events, group stops by job control) is passed on, resumed
 * or left in peace inside. 0 or -errno.
 */
int tracees_next(struct tracees *ts, struct tracee_event *ret);
/*
 * tracees_next() of another one in this thread has taken something for ts. It made the descriptors readable, but tracees_next() of a
 * third one makes them unreadable again.
 */
bool tracees_has_waited(const struct tracees *ts);
/*
 * Ask tid to stop, without a signal: TRACEE_STOPPED follows, or TRACEE_SIGNAL or TRACEE_GONE if
 * that was first. It may also be a new thread that tracees_next() has not met yet. -ESRCH when it
 * is gone, in execve, or being held by tracees_hold() just now (then TRACEE_SIGNAL follows); -EALREADY when it is stopped: nothing follows.
 */
int tracees_interrupt(struct tracees *ts, pid_t tid);
/*
 * Resume tid after TRACEE_SIGNAL or TRACEE_STOPPED, or take a tracees_interrupt() back. A thread
 * that job control has stopped stays so. -ESRCH: not ours or gone.
 */
int tracees_resume(struct tracees *ts, pid_t tid);
/* The same for all threads but those that keep() names. */
void tracees_resume_all(struct tracees *ts, bool (*keep)(void *priv, pid_t tid), void *priv);
/* Where a stopped thread goes on: its instruction pointer. 0 or -ESRCH. */
int tracees_ip(const struct tracees *ts, pid_t tid, uint64_t *ret);
/* Its registers, as DWARF numbers them on x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15 rip. */
int tracees_registers(const struct tracees *ts, pid_t tid, uint64_t ret[static 17]);
bool tracees_is_stopped(const struct tracees *ts, pid_t tid);
/* Its last stop was one of job control: traced, it is in state t of /proc, not T. */
bool tracees_is_job_stopped(const struct tracees *ts, pid_t tid);
/*
 * The signal to stop a thread of t with: one that is ignored by default, so that nothing happens if the
 * debugger dies between sending it and the stop. SIGURG, or SIGWINCH where t handles or blocks SIGURG now.
 */
int tracees_choose_signal(const struct target *t);
/* What tracees_next() reports as TRACEE_SIGNAL; SIGURG until this is called. */
void tracees_set_signal(struct tracees *ts, int sig);

#endif
