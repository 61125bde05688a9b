/* SPDX-License-Identifier: BSD-2-Clause */
/* A live process: what /proc says of it, its memory (process_vm_readv), its ELF files (elfutils).
 * No ptrace. */
#ifndef PYBPFDBG_TARGET_TARGET_H
#define PYBPFDBG_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct mem;
struct sym;
struct target; /* opaque */

/*
 * Open process pid (as seen from here; must be a thread group leader). Reads only /proc and opens a
 * pidfd. Fails with one line in *err: -ESRCH gone or a zombie, -EINVAL a kernel thread or a thread
 * that is not a group leader, -EPERM another user's (says to use sudo), -EBUSY already traced
 * (names the tracer's pid and command).
 */
int target_open(pid_t pid, struct err *err, struct target **ret);
void target_free(struct target *t); /* NULL is fine */

pid_t target_pid(const struct target *t);
int target_pidfd(const struct target *t); /* readable when the process has ended; owned by t */
struct mem *target_mem(struct target *t); /* owned by t */
struct sym *target_sym(struct target *t); /* owned by t */
const char *
target_exe(const struct target *t); /* readlink of /proc/PID/exe, in the target's own root */
const char *target_cwd(const struct target *t); /* the same of /proc/PID/cwd, at open */
bool target_alive(const struct target *t);	/* not gone, not a zombie */
/* Has it memory still? It loses it a moment before it is a zombie. */
bool target_has_memory(const struct target *t);
/* How it ended, as from wait(2), while its parent has not reaped it; -1 when that is not known. */
int target_exit_status(const struct target *t);

/* Thread ids now, ascending, malloc'ed. 0, -ESRCH (it is gone) or -errno. */
int target_tids(const struct target *t, pid_t **ret, size_t *ret_n);
/* The same, and a line in *err on failure. */
int target_list_tids(const struct target *t, struct err *err, pid_t **ret, size_t *ret_n);
/* The kernel's name of a thread (comm) into buf, NUL-terminated; 0 or -errno. */
int target_comm(const struct target *t, pid_t tid, char buf[static 16]);
/* State letter of a thread in /proc (R, S, D, T, t, Z ...), or 0 when it is gone. */
char target_state(const struct target *t, pid_t tid);
/*
 * The system call that a thread sleeps in, also while it is stopped in it: its number and its first argument. -EAGAIN: it is
 * in none (or runs); -errno.
 */
int target_syscall(const struct target *t, pid_t tid, long *ret_nr, uint64_t *ret_arg);
/* pid of the process that traces tid, 0 if none, -errno. */
pid_t target_tracer(const struct target *t, pid_t tid);
/* True when the target has a handler for signal sig (SigCgt of /proc/PID/status). */
bool target_catches(const struct target *t, int sig);
/* True when a thread of the target blocks signal sig (SigBlk). */
bool target_blocks(const struct target *t, int sig);
/*
 * Open a file named as the target sees it (absolute, in its root /proc/PID/root), read only,
 * no FIFO and no device is ever waited for. fd, or -errno (-EINVAL: not a regular file).
 */
int target_open_file(const struct target *t, const char *path);
/* An environment variable as the target was started with, malloc'ed; -ENOENT. */
int target_environ(const struct target *t, const char *name, char **ret);

/*
 * The next question about modules reads the maps again: what was loaded since is appended (indices
 * stay), arrays from sym_modules() are then stale. Regions are read anew at each question anyway.
 */
void target_refresh(struct target *t);

#endif
