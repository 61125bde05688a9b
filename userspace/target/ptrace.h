/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping threads: PTRACE_SEIZE only (a seized thread runs on), so that the kernel lets go of every
 * thread when the debugger dies. All calls must come from one thread of the debugger.
 */
#ifndef PYBPFDBG_TARGET_PTRACE_H
#define PYBPFDBG_TARGET_PTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct target;
struct tracees; /* opaque: the threads of one target that we have seized */

enum tracee_event_kind {
	TRACEE_NONE,     /* nothing happened (timeout) */
	TRACEE_SIGNAL,   /* in signal-delivery-stop for our own stop signal (si_code says the kernel sent it) */
	TRACEE_STOPPED,  /* in PTRACE_EVENT_STOP after tracees_interrupt() */
	TRACEE_GONE,     /* that thread ended */
	TRACEE_EXEC,     /* the process ran execve; all other threads are gone */
	TRACEE_EXITED,   /* the process ended; status as from wait(2) */
};

struct tracee_event {
	enum tracee_event_kind kind;
	pid_t tid;
	int status; /* TRACEE_EXITED: wait status; -1 when it could not be learnt */
};

/*
 * Seize all threads of t with TRACECLONE and TRACEEXEC: threads that come later are seized too.
 * Nothing is stopped. -EPERM/-EBUSY with a line in *err (already traced, other user, no capability).
 */
int tracees_seize(struct target *t, struct err *err, struct tracees **ret);
/* Resume whatever we hold stopped, detach from all threads; the target runs as if we had never been there. */
void tracees_free(struct tracees *ts);

/* A signal fd that is readable when tracees_next() may have something (SIGCHLD); owned by ts. */
int tracees_fd(const struct tracees *ts);
/*
 * The next event that matters, without blocking. Everything else (other signals, clone events, group
 * stops by job control) is passed on or resumed inside. TRACEE_NONE when there is none. 0 or -errno.
 */
int tracees_next(struct tracees *ts, struct tracee_event *ret);
/* Ask tid to stop (TRACEE_STOPPED follows), without a signal. -ESRCH when it is gone. */
int tracees_interrupt(struct tracees *ts, pid_t tid);
/* Resume tid, which is in TRACEE_SIGNAL (the signal is dropped) or TRACEE_STOPPED. */
int tracees_resume(struct tracees *ts, pid_t tid);
bool tracees_is_stopped(const struct tracees *ts, pid_t tid);
/* The signal that tracees_next() reports as TRACEE_SIGNAL: SIGURG. */
int tracees_stop_signal(void);

#endif
