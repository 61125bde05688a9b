// SPDX-License-Identifier: BSD-2-Clause
#include "target/tracer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "target/ptrace.h"
#include "target/seize.h"
#include "target/target.h"

#define OPTIONS		 PTRACE_O_TRACEEXEC
#define OPTIONS_BIRTHS	 (OPTIONS | PTRACE_O_TRACECLONE)
#define OPTIONS_CHILDREN (OPTIONS_BIRTHS | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)
/*
 * Traced tasks only: without __WALL a task that we trace is waited for in any case, and of our own
 * children only those that report with another signal than SIGCHLD (eligible_child() in
 * kernel/exit.c, 4.7 and later). So a child of the debugger that is no tracee stays for who started
 * it.
 */
#define WAIT_FLAGS    (__WCLONE | __WNOTHREAD)
#define SEIZE_ROUNDS  1000
#define LEADER_NAP_NS 200000
#define PEEK_MAX      1024 /* pending signals looked at */

struct tracee {
	pid_t tid, pid; /* pid: its process; 0: it was gone already */
	bool leaving;	/* to be let go of at its next stop */
	bool held;	/* stopped, and told so to the caller */
	bool moving;	/* on its way from the stop signal to a stop that holds no signal */
	bool wanted;	/* tracer_interrupt() was called, not yet answered */
	bool group;	/* the last stop was one of job control */
	int options;	/* as the kernel has them: are the threads that it makes traced? */
	bool gone;	/* reaped, and not told yet */
	UT_hash_handle hh;
};

struct tracer {
	struct target *t;
	int stop_signal;
	struct tracee *all;  /* by tid */
	struct tracee *hint; /* the next to look at of those that were asked to stop */
	bool births;	     /* new threads are seized by their makers' being traced */
	size_t ngone;
	bool children; /* new processes, too, and others may be asked for */
	pid_t execed;  /* process whose execve is still to be told; 0: none */
	int unmet;     /* clone events seen less new tasks met: each comes once, in any order */
	bool hold_exec, take_keys;
	bool (*filter)(void *priv, pid_t tid);
	void *filter_priv;
};

void tracer_set_signal(struct tracer *ts, int sig)
{
	ts->stop_signal = sig;
}

static struct tracee *find(const struct tracer *ts, pid_t tid)
{
	struct tracee *tr;

	HASH_FIND_INT(ts->all, &tid, tr);
	return tr;
}

static int options(const struct tracer *ts)
{
	return !ts->births ? OPTIONS : ts->children ? OPTIONS_CHILDREN : OPTIONS_BIRTHS;
}

/* What /proc has of a thread of any process; pid 0: it is gone. */
struct status {
	pid_t pid, tracer;
	char state;
};

static struct status proc_status(pid_t tid)
{
	struct status st = { 0 };
	char path[48], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return st;
	while (fgets(line, sizeof(line), f)) {
		(void)sscanf(line, "State: %c", &st.state);
		(void)sscanf(line, "Tgid: %d", &st.pid);
		if (sscanf(line, "TracerPid: %d", &st.tracer) == 1)
			break;
	}
	fclose(f);
	return st;
}

/* pid: its process; 0: find out. */
static struct tracee *add(struct tracer *ts, pid_t tid, pid_t pid)
{
	struct tracee *tr = calloc(1, sizeof(*tr));

	if (!tr)
		return NULL;
	tr->tid = tid;
	tr->pid = pid ? pid : ts->children ? proc_status(tid).pid : target_pid(ts->t);
	tr->options = options(ts);
	HASH_ADD_INT(ts->all, tid, tr);
	return tr;
}

static void drop(struct tracer *ts, struct tracee *tr)
{
	if (ts->hint == tr)
		ts->hint = tr->hh.next;
	ts->ngone -= tr->gone;
	HASH_DEL(ts->all, tr);
	free(tr);
}

/* The threads of a process; 0: of all. */
static void drop_all(struct tracer *ts, pid_t pid)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp)
		if (!pid || tr->pid == pid)
			drop(ts, tr);
}

/* Of a thread that was killed meanwhile ptrace says ESRCH: its end is the next that wait tells. */
static void cont(pid_t tid, int sig)
{
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)sig);
}

static void detach(struct tracer *ts, struct tracee *tr, int sig)
{
	/* ESRCH here: killed. It is ours until it is waited for. */
	if (!ptrace(PTRACE_DETACH, tr->tid, NULL, (void *)(intptr_t)sig))
		drop(ts, tr);
}

/* ---- seizing ---- */

/* May we touch it? Never a thread of a process that nobody named. */
static int check(const struct tracer *ts, pid_t tid)
{
	return !ts->children && syscall(SYS_tgkill, target_pid(ts->t), tid, 0) ? -errno : 0;
}

static int seize(const struct tracer *ts, pid_t tid)
{
	int r = seize_thread(tid, options(ts));

	return r == -EINTR && proc_status(tid).tracer == gettid() ? 0 : r;
}

static bool is_leader(const struct tracer *ts, pid_t tid)
{
	const struct tracee *tr = find(ts, tid);

	return tid == target_pid(ts->t) || (tr && tr->pid == tid);
}

/* execve waits for threads that have ended: they are told later. What else there is stays for
 * tracer_next(). */
static void reap(struct tracer *ts)
{
	struct tracee *tr;
	siginfo_t si;
	int status;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | WAIT_FLAGS) || !si.si_pid ||
		    is_leader(ts, si.si_pid) ||
		    waitpid(si.si_pid, &status, __WALL | __WNOTHREAD | WNOHANG) <= 0)
			return;
		tr = find(ts, si.si_pid);
		if (!tr) {
			ts->unmet--;
			continue;
		}
		tr->held = false;
		tr->gone = true;
		ts->ngone++;
	}
}

/*
 * We slept in PTRACE_SEIZE until the thread's execve was over: it is traced, has the leader's
 * number, and nothing will tell of the execve. (A thread that only ended keeps its number until we
 * reap it.)
 */
static bool renamed(struct tracer *ts, const struct target *t, pid_t tid)
{
	if (!syscall(SYS_tgkill, target_pid(t), tid, 0) || errno != ESRCH)
		return false;
	ts->execed = target_pid(t);
	return true;
}

static int seize_failed(struct target *t, pid_t tid, int error, struct err *err)
{
	char state = target_state(t, tid), comm[16] = "?";
	pid_t tracer;

	/* A thread that is ending is refused with EPERM too (ptrace_attach() in kernel/ptrace.c).
	 */
	if (error == ESRCH || !state || state == 'Z')
		return 0;
	tracer = target_tracer(t, tid);
	/* Ours already: it was made by a thread that we had seized, or another tracer of ours was
	 * first. */
	if (tracer > 0 && !syscall(SYS_tgkill, getpid(), tracer, 0))
		return 0;
	if (tracer > 0)
		return err_set(err, -EBUSY, "pid %d: already traced by process %d; end that first",
			       (int)target_pid(t), (int)tracer);
	target_comm(t, tid, comm);
	if (error == EPERM || error == EACCES)
		return err_set(err, -EPERM,
			       "pid %d: not allowed to trace thread %d (%s); run as root (sudo)%s",
			       (int)target_pid(t), (int)tid, comm,
			       geteuid() ? "" : " with CAP_SYS_PTRACE");
	return err_set(err, -error, "pid %d: thread %d (%s) cannot be traced: %s",
		       (int)target_pid(t), (int)tid, comm, strerror(error));
}

/* One pass over the threads that are there; *ret_new: how many were not known before. */
static int seize_pass(struct tracer *ts, struct target *t, struct err *err, size_t *ret_new)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n, i;
	int r;

	*ret_new = 0;
	r = target_tids(t, &tids, &n);
	if (r)
		return err_set(err, r,
			       r == -ESRCH ? "pid %d: the process has ended"
					   : "pid %d: its threads cannot be listed: %s",
			       (int)target_pid(t), strerror(-r));
	for (i = 0; i < n; i++) {
		if (find(ts, tids[i]))
			continue;
		r = seize(ts, tids[i]);
		if (r == -EINTR)
			return r;
		if (r) {
			r = seize_failed(t, tids[i], -r, err);
			if (r)
				return r;
			continue;
		}
		if (renamed(ts, t, tids[i]))
			return 0;
		if (!add(ts, tids[i], target_pid(t)))
			return err_set(err, -ENOMEM, "out of memory");
		++*ret_new;
	}
	return 0;
}

int tracer_seize_process(struct tracer *ts, struct target *t, struct err *err)
{
	struct seize_limit limit;
	size_t fresh = 1;
	int round, r = 0;

	seize_limit_begin(&limit);
	/* With births every thread that comes is made by one of ours from a pass without a new one
	 * on. */
	for (round = 0; !r && fresh && round < SEIZE_ROUNDS; round++) {
		r = seize_pass(ts, t, err, &fresh);
		if (!ts->births)
			fresh = 0;
	}
	seize_limit_end(&limit);
	if (r == -EINTR)
		reap(ts);
	if (r)
		return r;
	if (fresh)
		return err_set(err, -EAGAIN,
			       "pid %d: starts threads faster than they can be seized",
			       (int)target_pid(t));
	if (!ts->all && !ts->execed)
		return err_set(err, -ESRCH, "pid %d: the process has ended", (int)target_pid(t));
	return 0;
}

int tracer_seize_all(struct tracer *ts, struct err *err)
{
	return tracer_seize_process(ts, ts->t, err);
}

void tracer_set_children(struct tracer *ts, bool children)
{
	ts->children = children;
}

void tracer_set_filter(struct tracer *ts, bool (*fn)(void *priv, pid_t tid), void *priv)
{
	ts->filter = fn;
	ts->filter_priv = priv;
}

void tracer_set_target(struct tracer *ts, struct target *t)
{
	ts->t = t;
}

void tracer_hold_exec(struct tracer *ts, bool hold)
{
	ts->hold_exec = hold;
}

void tracer_take_keys(struct tracer *ts, bool take)
{
	ts->take_keys = take;
}

/* ---- stops ---- */

static bool is_stopping(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* A stop signal that is about to be delivered: did we send it? *ret_kernel: it holds no other
 * sender's. */
static bool is_ours(struct tracer *ts, pid_t tid, bool *ret_kernel)
{
	siginfo_t si = { 0 };

	if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &si))
		return false;
	*ret_kernel = si.si_code == SI_KERNEL;
	if (ts->filter)
		return ts->filter(ts->filter_priv, tid);
	return *ret_kernel;
}

/* n_tty and other line disciplines send with SEND_SIG_PRIV (drivers/tty/n_tty.c, isig()). */
static bool is_key(const struct tracer *ts, pid_t tid, int sig)
{
	siginfo_t si = { 0 };

	return ts->take_keys && (sig == SIGINT || sig == SIGTSTP) &&
	       !ptrace(PTRACE_GETSIGINFO, tid, NULL, &si) && si.si_code == SI_KERNEL;
}

/*
 * In signal-delivery-stop. If we died now, the signal would be delivered; so go on to a stop that
 * holds none, for ours. The thread does not come back to user space in between: the requested trap
 * is taken before the next signal is looked for (get_signal() in kernel/signal.c).
 */
static void on_signal(struct tracer *ts, struct tracee *tr, int sig, struct tracee_event *ret)
{
	bool kernel = false;

	if (is_key(ts, tr->tid, sig)) {
		*ret = (struct tracee_event){ .kind = TRACEE_KEY, .tid = tr->tid };
		cont(tr->tid, 0);
		return;
	}
	if (sig != ts->stop_signal || !is_ours(ts, tr->tid, &kernel)) {
		cont(tr->tid, sig);
		return;
	}
	tr->moving = true;
	ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	/* Merged with one that a process had sent to this thread: that one is passed on. */
	cont(tr->tid, kernel ? 0 : sig);
}

static void go_on(struct tracee *tr)
{
	if (tr->group)
		ptrace(PTRACE_LISTEN, tr->tid, NULL, NULL);
	else
		cont(tr->tid, 0);
}

static void on_event_stop(struct tracee *tr, int sig, struct tracee_event *ret)
{
	tr->group = is_stopping(sig);
	if (!tr->moving && !tr->wanted) {
		go_on(tr);
		return;
	}
	*ret = (struct tracee_event){ .kind = tr->moving ? TRACEE_SIGNAL : TRACEE_STOPPED,
				      .tid = tr->tid };
	tr->moving = tr->wanted = false;
	tr->held = true;
}

/* A task that we do not know was attached by the kernel: it was cloned. NULL: it was none of ours.
 */
static struct tracee *meet(struct tracer *ts, pid_t tid)
{
	struct tracee *tr;

	ts->unmet--;
	/* clone() without CLONE_THREAD and SIGCHLD counts as "clone" as well: a process, let it go.
	 */
	if (check(ts, tid)) {
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return NULL;
	}
	tr = add(ts, tid, 0);
	/* Out of memory: rather lose the thread than leave it stopped. */
	if (!tr)
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return tr;
}

/* After execve only one thread is left, and it has the number of the leader. */
static struct tracee *after_exec(struct tracer *ts, pid_t tid)
{
	drop_all(ts, tid);
	if (!ts->children)
		ts->unmet = 0;
	return add(ts, tid, tid);
}

static void on_end(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret)
{
	struct tracee *tr = find(ts, tid);

	/* The leader is reported last, when all others are gone. */
	if (tr ? tr->pid == tid : !ts->children && tid == target_pid(ts->t)) {
		drop_all(ts, tid);
		*ret = (struct tracee_event){ .kind = TRACEE_EXITED, .tid = tid, .status = status };
	} else if (tr) {
		drop(ts, tr);
		*ret = (struct tracee_event){ .kind = TRACEE_GONE, .tid = tid };
	} else {
		ts->unmet--; /* killed before its first stop */
	}
}

/* Options can only be changed of a thread that is in some ptrace stop. */
static void learn(const struct tracer *ts, struct tracee *tr)
{
	int wanted = options(ts);

	if (tr->options != wanted &&
	    !ptrace(PTRACE_SETOPTIONS, tr->tid, NULL, (void *)(intptr_t)wanted))
		tr->options = wanted;
}

static void leave_stop(struct tracer *ts, pid_t tid, int status);

static void on_stop(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret)
{
	struct tracee *tr = find(ts, tid);
	int sig = WSTOPSIG(status);

	if (tr && tr->leaving) {
		leave_stop(ts, tid, status);
		return;
	}
	if (tr)
		learn(ts, tr);
	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		tr = after_exec(ts, tid);
		if (tr && ts->hold_exec)
			tr->held = true;
		else
			cont(tid, 0);
		*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = tid };
		return;
	case PTRACE_EVENT_STOP:
		if (!tr)
			tr = meet(ts, tid);
		if (tr)
			on_event_stop(tr, sig, ret);
		return;
	case 0:
		if (!tr)
			tr = meet(ts, tid);
		if (tr)
			on_signal(ts, tr, sig, ret);
		return;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		ts->unmet++;
		cont(tid, 0);
		return;
	default:
		cont(tid, 0);
	}
}

static pid_t wait_any(int flags, int *ret_status)
{
	pid_t tid;

	do {
		tid = waitpid(-1, ret_status, WAIT_FLAGS | flags);
	} while (tid < 0 && errno == EINTR);
	return tid;
}

/*
 * Any event there is, without blocking. Waiting for any task makes the kernel look at all that we
 * trace, so that to stop n threads would take n * n looks: ask for one that must answer soon before
 * that.
 */
static pid_t poll_any(struct tracer *ts, int *ret_status)
{
	struct tracee *tr = ts->hint;
	pid_t tid = 0;

	while (tr && !tr->wanted)
		tr = tr->hh.next;
	/* Whoever is not there yet is found the other way. */
	ts->hint = tr ? tr->hh.next : NULL;
	if (tr)
		tid = waitpid(tr->tid, ret_status, __WALL | __WNOTHREAD | WNOHANG);
	return tid > 0 ? tid : wait_any(WNOHANG, ret_status);
}

/* One that was reaped before. */
static void tell_gone(struct tracer *ts, struct tracee_event *ret)
{
	struct tracee *tr = ts->all;

	while (tr && !tr->gone)
		tr = tr->hh.next;
	if (!tr)
		return;
	*ret = (struct tracee_event){ .kind = TRACEE_GONE, .tid = tr->tid };
	drop(ts, tr);
}

/*
 * Nobody is left that we could wait for, and the process lives: a thread that we do not trace has
 * run execve, and has taken the leader's place in silence (release_task(leader) in de_thread()).
 */
static void on_silence(struct tracer *ts, struct tracee_event *ret)
{
	if (ts->children || !ts->all || !target_alive(ts->t))
		return;
	drop_all(ts, 0);
	ts->unmet = 0;
	*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = target_pid(ts->t) };
}

static void tell_exec(struct tracer *ts, struct tracee_event *ret)
{
	*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = ts->execed };
	(void)after_exec(ts, ts->execed);
	ts->execed = 0;
}

int tracer_next(struct tracer *ts, struct tracee_event *ret)
{
	struct tracee_event ev = { .kind = TRACEE_NONE };
	int status;
	pid_t tid;

	if (ts->ngone)
		tell_gone(ts, &ev);
	else if (ts->execed)
		tell_exec(ts, &ev);
	while (ev.kind == TRACEE_NONE) {
		tid = poll_any(ts, &status);
		if (tid < 0 && errno == ECHILD)
			on_silence(ts, &ev);
		if (tid <= 0)
			break;
		if (WIFSTOPPED(status))
			on_stop(ts, tid, status, &ev);
		else
			on_end(ts, tid, status, &ev);
	}
	*ret = ev;
	return 0;
}

int tracer_interrupt(struct tracer *ts, pid_t tid)
{
	struct tracee *tr = find(ts, tid);
	struct seize_limit limit;
	bool seized = false;

	if (tr && tr->held)
		return -EALREADY;
	if (!tr && check(ts, tid))
		return -ESRCH;
	if (!tr) {
		seize_limit_begin(&limit);
		seized = !seize(ts, tid);
		seize_limit_end(&limit);
	}
	if (seized && !ts->children && renamed(ts, ts->t, tid))
		return -ESRCH;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	if (!tr) {
		tr = add(ts, tid, 0);
		if (!tr)
			return -ENOMEM;
		ts->unmet -= !seized;
	}
	tr->wanted = true;
	if (!ts->hint)
		ts->hint = tr;
	return 0;
}

int tracer_seize(const struct tracer *ts, pid_t tid)
{
	int r = check(ts, tid); /* it may have been killed since, its number be another's */

	return r ? r : seize(ts, tid); /* refused where it is ours already: made by one of ours */
}

int tracer_ask(pid_t tid)
{
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -errno : 0;
}

void tracer_adopt(struct tracer *ts, pid_t tid, pid_t pid)
{
	struct tracee *tr = find(ts, tid);

	if (!tr)
		tr = add(ts, tid, pid); /* nothing but memory: /proc may be waited for */
	if (tr)
		tr->moving = true;
	else /* out of memory: it is met where it stops, and goes on */
		ts->unmet++;
}

void tracer_follow(struct tracer *ts, bool births)
{
	struct tracee *tr, *tmp;

	ts->births = births;
	HASH_ITER (hh, ts->all, tr, tmp) {
		if (tr->held)
			learn(ts, tr);
		else
			ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	}
}

bool tracer_follows(const struct tracer *ts)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp)
		if (tr->options != options(ts))
			return false;
	return true;
}

bool tracer_is_empty(const struct tracer *ts)
{
	return !ts->all;
}

bool tracer_knows(const struct tracer *ts, pid_t tid)
{
	return find(ts, tid);
}

static void resume(struct tracee *tr)
{
	tr->wanted = false;
	if (!tr->held)
		return;
	tr->held = false;
	go_on(tr);
}

int tracer_resume(struct tracer *ts, pid_t tid)
{
	struct tracee *tr = find(ts, tid);

	if (!tr)
		return -ESRCH;
	resume(tr);
	return 0;
}

void tracer_resume_all(struct tracer *ts, bool (*keep)(void *priv, pid_t tid), void *priv)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp)
		if (!keep(priv, tr->tid))
			resume(tr);
}

static int get_regs(const struct tracer *ts, pid_t tid, struct user_regs_struct *ret)
{
	const struct tracee *tr = find(ts, tid);
	struct iovec iov = { ret, sizeof(*ret) };

	if (!tr || !tr->held || ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &iov))
		return -ESRCH;
	return 0;
}

int tracer_ip(const struct tracer *ts, pid_t tid, uint64_t *ret)
{
	struct user_regs_struct regs;
	int r = get_regs(ts, tid, &regs);

	if (!r)
		*ret = regs.rip;
	return r;
}

int tracer_args(const struct tracer *ts, pid_t tid, uint64_t ret[static 2])
{
	struct user_regs_struct regs;
	int r = get_regs(ts, tid, &regs);

	if (!r) {
		ret[0] = regs.rdi;
		ret[1] = regs.rsi;
	}
	return r;
}

int tracer_registers(const struct tracer *ts, pid_t tid, uint64_t ret[static 17])
{
	struct user_regs_struct u;
	int r = get_regs(ts, tid, &u);

	if (!r)
		memcpy(ret,
		       (const uint64_t[17]){ u.rax, u.rdx, u.rcx, u.rbx, u.rsi, u.rdi, u.rbp, u.rsp,
					     u.r8, u.r9, u.r10, u.r11, u.r12, u.r13, u.r14, u.r15,
					     u.rip },
		       17 * sizeof(*ret));
	return r;
}

bool tracer_is_stopped(const struct tracer *ts, pid_t tid)
{
	const struct tracee *tr = find(ts, tid);

	return tr && tr->held;
}

bool tracer_is_job_stopped(const struct tracer *ts, pid_t tid)
{
	const struct tracee *tr = find(ts, tid);

	return tr && tr->group;
}

/* ---- leaving ---- */

/* Does a stop signal of ours wait in this stopped thread, and would it be delivered if it went on?
 */
static bool has_pending(const struct tracer *ts, pid_t tid)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 16 };
	siginfo_t si[16];
	uint64_t blocked = 0;
	long n, i;

	if (ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof(blocked), &blocked) ||
	    (blocked >> (ts->stop_signal - 1) & 1))
		return false;
	for (; args.off < PEEK_MAX; args.off += n) {
		n = ptrace(PTRACE_PEEKSIGINFO, tid, &args, si);
		if (n <= 0)
			return false;
		for (i = 0; i < n; i++)
			if (si[i].si_signo == ts->stop_signal && si[i].si_code == SI_KERNEL)
				return true;
	}
	return false;
}

/*
 * tr is in some ptrace stop: let go of it with sig, or first have it meet the signal that is
 * pending. Stopped by job control it would not meet it before SIGCONT, which is not ours to wait
 * for.
 */
static void leave(struct tracer *ts, struct tracee *tr, int sig)
{
	tr->held = false;
	if (tr->group || !has_pending(ts, tr->tid))
		detach(ts, tr, sig);
	else
		cont(tr->tid, sig);
}

static void leave_stop(struct tracer *ts, pid_t tid, int status)
{
	struct tracee *tr = find(ts, tid);
	int sig = WSTOPSIG(status), event = status >> 16;
	bool kernel = false;

	if (event == PTRACE_EVENT_EXEC)
		tr = after_exec(ts, tid);
	else if (!tr)
		tr = meet(ts, tid);
	if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
	    event == PTRACE_EVENT_VFORK)
		ts->unmet++;
	if (!tr)
		return;
	tr->group = event == PTRACE_EVENT_STOP && is_stopping(sig);
	if (!event && sig == ts->stop_signal && is_ours(ts, tid, &kernel))
		leave(ts, tr, kernel ? 0 : sig);
	else
		leave(ts, tr, event ? 0 : sig);
}

/* unmet is less than 0 after the end of a leader that could not be let go of earlier, see
 * wait_leaving(). */
static bool only_leaders(const struct tracer *ts)
{
	struct tracee *tr, *tmp;

	if (ts->unmet > 0 || !ts->all)
		return false;
	HASH_ITER (hh, ts->all, tr, tmp)
		if (!is_leader(ts, tr->tid))
			return false;
	return true;
}

static bool all_dead(const struct tracer *ts)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp)
		if (proc_status(tr->tid).state != 'Z')
			return false;
	return true;
}

/*
 * A leader may end before threads that we do not trace. Its status comes when the process ends;
 * until then nothing comes, and nothing that can be waited for tells of its end.
 */
static pid_t wait_leaving(struct tracer *ts, int *ret_status)
{
	static const struct timespec nap = { .tv_nsec = LEADER_NAP_NS };
	pid_t tid;

	if (!only_leaders(ts))
		return wait_any(0, ret_status);
	while (!(tid = wait_any(WNOHANG, ret_status)) && !all_dead(ts))
		nanosleep(&nap, NULL);
	return tid;
}

void tracer_leave(struct tracer *ts, pid_t pid)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp) {
		if (tr->pid != pid)
			continue;
		tr->leaving = true;
		if (tr->held)
			leave(ts, tr, 0);
		else
			ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	}
}

static void leave_all(struct tracer *ts)
{
	struct tracee *tr, *tmp;
	struct tracee_event ev;
	int status;
	pid_t tid;

	HASH_ITER (hh, ts->all, tr, tmp) {
		if (tr->gone)
			drop(ts, tr);
		else if (tr->held)
			leave(ts, tr, 0);
		else /* of one that has ended there is a status to wait for */
			ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	}
	while (ts->all || ts->unmet > 0) {
		tid = wait_leaving(ts, &status);
		if (tid <= 0)
			break;
		if (WIFSTOPPED(status))
			leave_stop(ts, tid, status);
		else
			on_end(ts, tid, status, &ev);
	}
}

struct tracer *tracer_new(struct target *t, bool births)
{
	struct tracer *ts = calloc(1, sizeof(*ts));

	if (!ts)
		return NULL;
	ts->t = t;
	ts->births = births;
	ts->stop_signal = SIGURG;
	return ts;
}

void tracer_free(struct tracer *ts)
{
	if (!ts)
		return;
	leave_all(ts);
	drop_all(ts, 0);
	free(ts);
}
