// SPDX-License-Identifier: BSD-2-Clause
/* What each thread is doing: running, waiting for the GIL, in a system call. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/target.h"

/* Those that a thread may sleep in, or that are slow. */
static const char *const names[] = {
	[SYS_read] = "read",
	[SYS_write] = "write",
	[SYS_open] = "open",
	[SYS_close] = "close",
	[SYS_stat] = "stat",
	[SYS_fstat] = "fstat",
	[SYS_lstat] = "lstat",
	[SYS_poll] = "poll",
	[SYS_lseek] = "lseek",
	[SYS_mmap] = "mmap",
	[SYS_mprotect] = "mprotect",
	[SYS_munmap] = "munmap",
	[SYS_brk] = "brk",
	[SYS_ioctl] = "ioctl",
	[SYS_pread64] = "pread64",
	[SYS_pwrite64] = "pwrite64",
	[SYS_readv] = "readv",
	[SYS_writev] = "writev",
	[SYS_access] = "access",
	[SYS_pipe] = "pipe",
	[SYS_select] = "select",
	[SYS_sched_yield] = "sched_yield",
	[SYS_madvise] = "madvise",
	[SYS_dup] = "dup",
	[SYS_dup2] = "dup2",
	[SYS_pause] = "pause",
	[SYS_nanosleep] = "nanosleep",
	[SYS_getpid] = "getpid",
	[SYS_sendfile] = "sendfile",
	[SYS_socket] = "socket",
	[SYS_connect] = "connect",
	[SYS_accept] = "accept",
	[SYS_sendto] = "sendto",
	[SYS_recvfrom] = "recvfrom",
	[SYS_sendmsg] = "sendmsg",
	[SYS_recvmsg] = "recvmsg",
	[SYS_shutdown] = "shutdown",
	[SYS_bind] = "bind",
	[SYS_listen] = "listen",
	[SYS_socketpair] = "socketpair",
	[SYS_clone] = "clone",
	[SYS_fork] = "fork",
	[SYS_vfork] = "vfork",
	[SYS_execve] = "execve",
	[SYS_exit] = "exit",
	[SYS_wait4] = "wait4",
	[SYS_kill] = "kill",
	[SYS_fcntl] = "fcntl",
	[SYS_flock] = "flock",
	[SYS_fsync] = "fsync",
	[SYS_fdatasync] = "fdatasync",
	[SYS_ftruncate] = "ftruncate",
	[SYS_getdents] = "getdents",
	[SYS_getcwd] = "getcwd",
	[SYS_rename] = "rename",
	[SYS_mkdir] = "mkdir",
	[SYS_rmdir] = "rmdir",
	[SYS_unlink] = "unlink",
	[SYS_readlink] = "readlink",
	[SYS_chmod] = "chmod",
	[SYS_chown] = "chown",
	[SYS_gettimeofday] = "gettimeofday",
	[SYS_rt_sigsuspend] = "rt_sigsuspend",
	[SYS_rt_sigtimedwait] = "rt_sigtimedwait",
	[SYS_futex] = "futex",
	[SYS_epoll_wait] = "epoll_wait",
	[SYS_epoll_pwait] = "epoll_pwait",
	[SYS_clock_nanosleep] = "clock_nanosleep",
	[SYS_exit_group] = "exit_group",
	[SYS_waitid] = "waitid",
	[SYS_openat] = "openat",
	[SYS_newfstatat] = "newfstatat",
	[SYS_ppoll] = "ppoll",
	[SYS_pselect6] = "pselect6",
	[SYS_splice] = "splice",
	[SYS_sync_file_range] = "sync_file_range",
	[SYS_eventfd2] = "eventfd2",
	[SYS_epoll_create1] = "epoll_create1",
	[SYS_dup3] = "dup3",
	[SYS_pipe2] = "pipe2",
	[SYS_accept4] = "accept4",
	[SYS_recvmmsg] = "recvmmsg",
	[SYS_sendmmsg] = "sendmmsg",
	[SYS_getrandom] = "getrandom",
	[SYS_copy_file_range] = "copy_file_range",
	[SYS_statx] = "statx",
	[SYS_io_uring_enter] = "io_uring_enter",
	[SYS_clone3] = "clone3",
	[SYS_openat2] = "openat2",
	[SYS_epoll_pwait2] = "epoll_pwait2",
	[SYS_getdents64] = "getdents64",
	[SYS_semtimedop] = "semtimedop",
	[SYS_msgrcv] = "msgrcv",
	[SYS_msgsnd] = "msgsnd",
};

static void name_of(long nr, char buf[static 64])
{
	if ((size_t)nr < sizeof(names) / sizeof(names[0]) && names[nr])
		snprintf(buf, 64, "in %s", names[nr]);
	else
		snprintf(buf, 64, "in system call %ld", nr);
}

uint64_t session_futex(struct session *s, const struct interp_thread *t)
{
	uint64_t arg;
	long nr;

	if (target_syscall(s->target, t->tid, &nr, &arg) || nr != SYS_futex ||
	    (t->gil && arg >= t->gil && arg < t->gil_end))
		return 0;
	return arg;
}

void session_thread_doing(struct session *s, const struct interp_thread *t, char buf[static 64])
{
	char state = session_thread_state(s, t->tid);
	uint64_t arg;
	long nr;

	buf[0] = '\0';
	if (s->stopped && (pid_t)s->stop.tid == t->tid && !s->all_stopped)
		snprintf(buf, 64, "stopped");
	else if (state == 'T' || state == 'Z' || state == 'X')
		snprintf(buf, 64, "%s", state == 'T' ? "stopped by job control" : "ended");
	else if (target_syscall(s->target, t->tid, &nr, &arg))
		snprintf(buf, 64, t->frame ? "running" : "idle");
	else if (nr == SYS_futex && t->gil && !t->holds_gil && arg >= t->gil && arg < t->gil_end)
		snprintf(buf, 64, "waiting for the GIL");
	else
		name_of(nr, buf);
}
