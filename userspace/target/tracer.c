// SPDX-License-Identifier: BSD-2-Clause
/* The table of the threads that we trace, and what each of their stops means. */
#include "target/tracer.h"

#include <elf.h>
#include <errno.h>
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
#include <unistd.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "target/ptrace.h"
#include "target/seize.h"
#include "target/target.h"
#include "target/tracer_priv.h"

#define OPTIONS		 PTRACE_O_TRACEEXEC
#define OPTIONS_BIRTHS	 (OPTIONS | PTRACE_O_TRACECLONE)
#define OPTIONS_CHILDREN (OPTIONS_BIRTHS | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)

void tracer_set_signal(struct tracer *ts, int sig)
{
	ts->stop_signal = sig;
}

struct tracee *tracer_find(const struct tracer *ts, pid_t tid)
{
	struct tracee *tr;

	HASH_FIND_INT(ts->all, &tid, tr);
	return tr;
}

int tracer_options(const struct tracer *ts)
{
	return !ts->births ? OPTIONS : ts->children ? OPTIONS_CHILDREN : OPTIONS_BIRTHS;
}

struct status tracer_status(pid_t tid)
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
		(void)sscanf(line, "PPid: %d", &st.parent);
		if (sscanf(line, "TracerPid: %d", &st.tracer) == 1)
			break;
	}
	fclose(f);
	return st;
}

bool tracees_are_of(pid_t tid)
{
	pid_t tracer = tracer_status(tid).tracer;

	return tracer > 0 && !syscall(SYS_tgkill, getpid(), tracer, 0);
}

struct tracee *tracer_add(struct tracer *ts, pid_t tid, pid_t pid)
{
	struct tracee *tr = calloc(1, sizeof(*tr));

	if (!tr)
		return NULL;
	tr->tid = tid;
	tr->pid = pid ? pid : ts->children ? tracer_status(tid).pid : target_pid(ts->t);
	tr->options = tracer_options(ts);
	HASH_ADD_INT(ts->all, tid, tr);
	tracer_list(ts);
	return tr;
}

bool tracer_is_leader(const struct tracer *ts, pid_t tid)
{
	const struct tracee *tr = tracer_find(ts, tid);

	return tid == target_pid(ts->t) || (tr && tr->pid == tid);
}

void tracer_drop(struct tracer *ts, struct tracee *tr)
{
	if (ts->hint == tr)
		ts->hint = tr->hh.next;
	ts->ngone -= tr->gone;
	HASH_DEL(ts->all, tr);
	free(tr);
}

/* The threads of a process; 0: of all. */
void tracer_drop_all(struct tracer *ts, pid_t pid)
{
	struct tracee *tr, *tmp;

	HASH_ITER (hh, ts->all, tr, tmp)
		if (!pid || tr->pid == pid)
			tracer_drop(ts, tr);
}

/* Of a thread that was killed meanwhile ptrace says ESRCH: its end is the next that wait tells. */
void tracer_cont(pid_t tid, int sig)
{
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)sig);
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

bool tracer_is_stopping(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* A stop signal that is about to be delivered: did we send it? *ret_kernel: it holds no other
 * sender's. */
bool tracer_is_ours(struct tracer *ts, pid_t tid, bool *ret_kernel)
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
		tracer_cont(tr->tid, 0);
		return;
	}
	if (sig != ts->stop_signal || !tracer_is_ours(ts, tr->tid, &kernel)) {
		tracer_cont(tr->tid, sig);
		return;
	}
	tr->moving = true;
	ptrace(PTRACE_INTERRUPT, tr->tid, NULL, NULL);
	/* Merged with one that a process had sent to this thread: that one is passed on. */
	tracer_cont(tr->tid, kernel ? 0 : sig);
}

static void go_on(struct tracee *tr)
{
	if (tr->group)
		ptrace(PTRACE_LISTEN, tr->tid, NULL, NULL);
	else
		tracer_cont(tr->tid, 0);
}

static void on_event_stop(struct tracee *tr, int sig, struct tracee_event *ret)
{
	tr->group = tracer_is_stopping(sig);
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
struct tracee *tracer_meet(struct tracer *ts, pid_t tid)
{
	struct tracee *tr;

	ts->unmet--;
	/* clone() without CLONE_THREAD and SIGCHLD counts as "clone" as well: a process, let it go.
	 */
	if (tracer_check(ts, tid, 0)) {
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return NULL;
	}
	tr = tracer_add(ts, tid, 0);
	/* Out of memory: rather lose the thread than leave it stopped. */
	if (!tr)
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return tr;
}

/* After execve only one thread is left, and it has the number of the leader. */
struct tracee *tracer_after_exec(struct tracer *ts, pid_t tid)
{
	tracer_drop_all(ts, tid);
	if (!ts->children)
		ts->unmet = 0;
	return tracer_add(ts, tid, tid);
}

void tracer_on_end(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret)
{
	struct tracee *tr = tracer_find(ts, tid);

	/* The leader is reported last, when all others are gone. */
	if (tr ? tr->pid == tid : !ts->children && tid == target_pid(ts->t)) {
		tracer_drop_all(ts, tid);
		*ret = (struct tracee_event){ .kind = TRACEE_EXITED, .tid = tid, .status = status };
	} else if (tr) {
		tracer_drop(ts, tr);
		*ret = (struct tracee_event){ .kind = TRACEE_GONE, .tid = tid };
	} else {
		ts->unmet--; /* killed before its first stop */
	}
}

/* Options can only be changed of a thread that is in some ptrace stop. */
static void learn(const struct tracer *ts, struct tracee *tr)
{
	int wanted = tracer_options(ts);

	if (tr->options != wanted &&
	    !ptrace(PTRACE_SETOPTIONS, tr->tid, NULL, (void *)(intptr_t)wanted))
		tr->options = wanted;
}

void tracer_on_stop(struct tracer *ts, pid_t tid, int status, struct tracee_event *ret)
{
	struct tracee *tr = tracer_find(ts, tid);
	int sig = WSTOPSIG(status);

	if (tr && tr->leaving) {
		tracer_leave_stop(ts, tid, status);
		return;
	}
	if (tr)
		learn(ts, tr);
	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		tr = tracer_after_exec(ts, tid);
		if (tr && ts->hold_exec)
			tr->held = true;
		else
			tracer_cont(tid, 0);
		*ret = (struct tracee_event){ .kind = TRACEE_EXEC, .tid = tid };
		return;
	case PTRACE_EVENT_STOP:
		if (!tr)
			tr = tracer_meet(ts, tid);
		if (tr)
			on_event_stop(tr, sig, ret);
		return;
	case 0:
		if (!tr)
			tr = tracer_meet(ts, tid);
		if (tr)
			on_signal(ts, tr, sig, ret);
		return;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		ts->unmet++;
		tracer_cont(tid, 0);
		return;
	default:
		tracer_cont(tid, 0);
	}
}

int tracer_interrupt(struct tracer *ts, pid_t tid)
{
	struct tracee *tr = tracer_find(ts, tid);
	struct seize_limit limit;
	bool seized = false;
	pid_t pid = ts->children ? 0 : target_pid(ts->t);

	if (tr && tr->held)
		return -EALREADY;
	if (!tr && tracer_check(ts, tid, 0))
		return -ESRCH;
	if (!tr) {
		seize_limit_begin(&limit);
		seized = !tracer_seize_one(ts, tid, pid);
		seize_limit_end(&limit);
	}
	if (seized && pid && tracer_renamed(ts, pid, tid))
		return -ESRCH;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	if (!tr) {
		tr = tracer_add(ts, tid, 0);
		if (!tr)
			return -ENOMEM;
		ts->unmet -= !seized;
	}
	tr->wanted = true;
	if (!ts->hint)
		ts->hint = tr;
	return 0;
}

int tracer_ask(pid_t tid)
{
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -errno : 0;
}

void tracer_adopt(struct tracer *ts, pid_t tid, pid_t pid)
{
	struct tracee *tr = tracer_find(ts, tid);

	if (!tr)
		tr = tracer_add(ts, tid, pid); /* nothing but memory: /proc may be waited for */
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
		if (tr->options != tracer_options(ts))
			return false;
	return true;
}

bool tracer_is_empty(const struct tracer *ts)
{
	return !ts->all;
}

bool tracer_knows(const struct tracer *ts, pid_t tid)
{
	return tracer_find(ts, tid);
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
	struct tracee *tr = tracer_find(ts, tid);

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
	const struct tracee *tr = tracer_find(ts, tid);
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
	const struct tracee *tr = tracer_find(ts, tid);

	return tr && tr->held;
}

bool tracer_is_job_stopped(const struct tracer *ts, pid_t tid)
{
	const struct tracee *tr = tracer_find(ts, tid);

	return tr && tr->group;
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
	tracer_leave_all(ts);
	tracer_drop_all(ts, 0);
	tracer_unlist(ts);
	free(ts);
}
