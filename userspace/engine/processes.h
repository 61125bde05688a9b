/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a session, inside the engine: those that were forked by one another. All have one kernel side, one list of
 * breakpoints and one set of tracers; what is of one process alone is struct process_state (session_priv.h).
 */
#ifndef PYBPFDBG_ENGINE_PROCESSES_H
#define PYBPFDBG_ENGINE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct abi_hit;
struct bind_place;
struct err;
struct interp;
struct process;
struct process_state;
struct session;
struct session_event;

/* Open a process: its memory, its interpreter. still: it stands, do not wait for an interpreter that begins. As session_attach(). */
int process_state_open(pid_t pid, bool still, struct err *err, struct process_state *ret);
void process_state_deinit(struct process_state *st);

/* Not open yet; NULL: out of memory. The first one of a session is the one that it was made for. */
struct process *process_new(struct session *s, pid_t pid, pid_t parent);
void processes_deinit(struct session *s);
struct process *process_find(const struct session *s, pid_t pid); /* NULL: there is none, or it has ended */
/* Are there others besides the first, or may there be? */
bool processes_many(const struct session *s);

/* Look at that one from now on. 0, or negative errno with a line. */
int process_enter(struct session *s, struct process *p, struct err *err);
/* The same for a moment: who was looked at before, for process_back(); NULL: it cannot be. */
struct process *process_visit(struct session *s, pid_t pid);
void process_back(struct session *s, struct process *was); /* NULL is fine */

/* Where processes may be several: its number in its own pid namespace, as the kernel side knows it; else 0. */
uint32_t process_inner(const struct session *s);

/* Has any process that code there? */
bool process_has_code(struct session *s, const struct bind_place *at);
/* Is that interpreter, byte for byte, where the session has its own? */
bool session_is_like(struct session *s, struct interp *in);

/* The process of a hit; NULL: it has ended, or was left alone meanwhile. */
struct process *process_of_hit(struct session *s, const struct abi_hit *hit);
/* It ended or runs another program (SESSION_EXITED, SESSION_EXEC): the session goes on with the others, or ends with the last. */
void process_end(struct session *s, pid_t pid, struct session_event ev);
/* Take what the kernel tells of forks, execve and ends. 0 or -errno. */
int processes_pump(struct session *s);
/* s->tracees are new: they take the threads of all processes. 0 */
int processes_seize(struct session *s);

#endif
