/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PTRACE_SEIZE that does not sleep for good. It sleeps while a thread of the target is in execve, and that waits until all other
 * threads of the process are reaped, perhaps by the very thread of ours that sleeps, or by one that waits for it
 * (cred_guard_mutex: ptrace_attach() in kernel/ptrace.c, de_thread() in fs/exec.c). Not for anybody outside target/.
 */
#ifndef PYBPFDBG_TARGET_SEIZE_H
#define PYBPFDBG_TARGET_SEIZE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* How long it may sleep while somebody waits. */
#define SEIZE_MAX_MS 20
/* It gets a thread out of its sleep; ignored by who knows nothing of it. */
#define SEIZE_SIGNAL SIGURG

/* The signal gets a handler. Before threads that are to be got out; any number of times. */
void seize_prepare(void);
/*
 * The call, with the ptrace options. 0, -errno, or -EINTR: the signal came, it is seized or not. Without the signal it takes as
 * long as it takes.
 */
int seize_thread(pid_t tid, long options);

/* Until its end the calling thread gets the signal every SEIZE_MAX_MS. Never nested. */
struct seize_limit {
	timer_t timer;
	bool on; /* else no timer could be had: no limit */
	sigset_t before;
};
void seize_limit_begin(struct seize_limit *l);
void seize_limit_end(struct seize_limit *l);

#endif
