/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of one target that one thread of ours traces: the kernel takes ptrace calls for a thread only from the thread that
 * has seized it. All calls must come from that thread. Not for anybody outside target/; ptrace.h puts tracers together and says
 * what the calls mean that have the same name there.
 */
#ifndef PYBPFDBG_TARGET_TRACER_H
#define PYBPFDBG_TARGET_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct target;
struct tracee_event;
struct tracer; /* opaque */

/* births: threads made by those that are seized are seized, too. NULL: out of memory. */
struct tracer *tracer_new(struct target *t, bool births);
/* Lets go of all threads, see tracees_free(). NULL is fine. */
void tracer_free(struct tracer *ts);
/*
 * Threads of other processes, too: those that are held at a hit or that tracer_interrupt() names, and with births what our threads
 * fork. t is then only what tracer_seize_all() means.
 */
void tracer_set_children(struct tracer *ts, bool children);
/* Seize the threads of one more process, as tracer_seize_all() does. */
int tracer_seize_process(struct tracer *ts, struct target *t, struct err *err);
/* Let go of all threads of that process, each as soon as it has stopped for that. */
void tracer_leave(struct tracer *ts, pid_t pid);
void tracer_set_filter(struct tracer *ts, bool (*fn)(void *priv, pid_t tid), void *priv);
void tracer_set_signal(struct tracer *ts, int sig);
void tracer_set_target(struct tracer *ts, struct target *t);
void tracer_hold_exec(struct tracer *ts, bool hold);
void tracer_take_keys(struct tracer *ts, bool take);

/*
 * Seize every thread there is; with births until there is none that was missed. 0, or negative errno with a line in *err
 * (-EBUSY, -EPERM, -ESRCH, -EAGAIN, -ENOMEM). -EINTR without a line: a thread of the process is in execve; call it again after the
 * tracers that there are besides have had tracer_next(), what is seized stays so.
 */
int tracer_seize_all(struct tracer *ts, struct err *err);
/*
 * One thread that runs, of process pid: seize it; have it stop. Nothing but the ptrace calls; the first may sleep (execve). 0 or
 * -errno (it has ended, another traces it; -ESRCH also where its execve was waited for, which tracer_next() tells). After tracer_ask(),
 * tracer_adopt() makes TRACEE_SIGNAL follow.
 */
int tracer_seize(struct tracer *ts, pid_t tid, pid_t pid);
int tracer_ask(pid_t tid);
void tracer_adopt(struct tracer *ts, pid_t tid, pid_t pid);
/* From now on births are followed or not; the threads are asked to stop for a moment, in which that becomes true of them. */
void tracer_follow(struct tracer *ts, bool births);
bool tracer_follows(const struct tracer *ts); /* it has become true of all */

bool tracer_is_empty(const struct tracer *ts);
bool tracer_has_waited(const struct tracer *ts); /* another one of this thread has taken something for it */
bool tracer_knows(const struct tracer *ts, pid_t tid);
int tracer_next(struct tracer *ts, struct tracee_event *ret);
int tracer_interrupt(struct tracer *ts, pid_t tid);
int tracer_resume(struct tracer *ts, pid_t tid);
void tracer_resume_all(struct tracer *ts, bool (*keep)(void *priv, pid_t tid), void *priv);
int tracer_ip(const struct tracer *ts, pid_t tid, uint64_t *ret);
int tracer_args(const struct tracer *ts, pid_t tid, uint64_t ret[static 2]);
int tracer_registers(const struct tracer *ts, pid_t tid, uint64_t ret[static 17]);
bool tracer_is_stopped(const struct tracer *ts, pid_t tid);
bool tracer_is_job_stopped(const struct tracer *ts, pid_t tid);

#endif
