// SPDX-License-Identifier: BSD-2-Clause
/* A program that we start, up to its first line (engine/starting.h), and its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "bpf/abi.h"
#include "engine/index.h"
#include "engine/session_priv.h"
#include "engine/starting.h"
#include "probes/probe.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/halt.h"

#define POLL_MS 200

/* ---- the child ---- */

static void child_exec(const struct session_launch *l, int go, int failed)
{
	size_t n = 0;
	sigset_t none;
	char byte;

	while (l->args[n])
		n++;
	char *argv[n + 2];

	argv[0] = (char *)l->python;
	memcpy(argv + 1, l->args, (n + 1) * sizeof(*argv));
	setpgid(0, 0);
	if (l->in >= 0)
		dup2(l->in, STDIN_FILENO);
	if (l->out >= 0)
		dup2(l->out, STDOUT_FILENO);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* until we are traced; nothing comes when the debugger has died */
	if (read(go, &byte, 1) == 1)
		execvp(l->python, argv);
	else
		errno = EINTR;
	(void)!write(failed, &errno, sizeof(errno));
	_exit(127);
}

/* The child waits for a byte in *ret_go; *ret_failed then holds the errno of execve, or ends. */
static int spawn(struct starting *st, const struct session_launch *l, int *ret_go, int *ret_failed)
{
	int go[2], failed[2];

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(failed, O_CLOEXEC)) {
		int r = -errno;

		close(go[0]);
		close(go[1]);
		return r;
	}
	st->pid = fork();
	if (!st->pid) {
		close(go[1]);
		child_exec(l, go[0], failed[1]);
	}
	close(go[0]);
	close(failed[1]);
	*ret_go = go[1];
	*ret_failed = failed[0];
	return st->pid < 0 ? -errno : 0;
}

/* ---- its steps ---- */

static int ended(const struct starting *st, int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, -ECHILD,
			       "%s was ended by signal %d (%s) before a line of the program ran",
			       st->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(err, -ECHILD,
		       "%s ended with exit status %d before a line of the program ran", st->name,
		       WEXITSTATUS(status));
}

static int on_event(struct starting *st, const struct tracee_event *ev, struct err *err)
{
	int r = 0;

	switch (ev->kind) {
	case TRACEE_EXEC:
		r = starting_exec(st, err);
		break;
	case TRACEE_SIGNAL:
		r = starting_stop(st, ev->tid, err);
		break;
	case TRACEE_EXITED:
		st->pid = 0;
		return ended(st, ev->status, err);
	default:
		break;
	}
	if (!r && !st->there)
		tracees_resume(st->ts, ev->tid);
	return r;
}

static int run_to_program(struct starting *st, struct err *err)
{
	struct tracee_event ev;
	struct pollfd pfd = { .fd = tracees_fd(st->ts), .events = POLLIN };
	int r;

	while (!st->there) {
		r = tracees_next(st->ts, &ev);
		if (!r && ev.kind != TRACEE_NONE)
			r = on_event(st, &ev, err);
		if (r)
			return r;
		if (ev.kind != TRACEE_NONE)
			continue;
		(void)poll(&pfd, 1, POLL_MS);
		if (st->opt->progress && st->opt->progress(st->opt->priv, "starting", 0, 1))
			return err_set(err, -ECANCELED, "interrupted before the program had begun");
	}
	return 0;
}

/* ---- the session ---- */

/* The first line of the program's module, as a stop of its own; where there is none it stands at
 * the call. */
static int stop_at_first_line(struct starting *st, struct session *s, struct err *err)
{
	struct abi_hit here = { .tid = (uint32_t)st->pid };
	struct code_index *ix = NULL;
	struct binding w = { 0 };
	struct interp_code c;
	int r;

	r = code_index_new(s->in, &ix);
	if (!r)
		r = code_index_read(ix, st->code, false);
	if (!r)
		r = bind_code(ix, st->code, s->label, err, &w);
	if (!r) {
		w.file = code_index_intern(s->index, w.file);
		w.function = code_index_intern(s->index, w.function);
		r = w.file && w.function ? bps_entry(s, &w, err) : -ENOMEM;
	}
	binding_deinit(&w);
	code_index_free(ix);
	if (!r) {
		tracees_resume(s->tracees, st->pid);
		return 0;
	}
	if (s->in->ops->code(s->in, st->code, &c))
		return err_set(err, r, "pid %d: its program cannot be read", (int)st->pid);
	r = stops_at_entry(s, &here, st->code, c.first_line);
	interp_code_deinit(&c);
	return r;
}

static int make_session(struct starting *st, struct err *err, struct session **ret)
{
	struct session *s;
	int r = session_open(st->pid, st->opt, true, err, &s);

	if (r)
		return r;
	halt_off(st->halt);
	r = session_adopt(s, st->ts, err);
	if (r) {
		session_free(s);
		return r;
	}
	st->ts = NULL;
	r = stop_at_first_line(st, s, err);
	if (r) {
		(void)session_kill(s, NULL);
		st->pid = 0;
		session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* A byte lets it exec; it comes back when that has failed, or when it is done. */
static int let_exec(struct starting *st, int *go, int failed, struct err *err)
{
	struct pollfd pfd = { .fd = failed, .events = POLLIN };
	struct tracee_event ev;
	int error = 0, r;

	(void)!write(*go, "", 1);
	cleanup_close(go);
	*go = -1;
	/* closed by execve, which is held */
	(void)poll(&pfd, 1, -1);
	if (read(failed, &error, sizeof(error)) != sizeof(error))
		return 0;
	do {
		r = tracees_next(st->ts, &ev);
		if (!r && ev.kind == TRACEE_NONE)
			(void)poll(&(struct pollfd){ .fd = tracees_fd(st->ts), .events = POLLIN },
				   1, POLL_MS);
	} while (!r && ev.kind != TRACEE_EXITED);
	st->pid = 0;
	return err_set(err, -error, "%s: %s", st->name, strerror(error));
}

static void launch_deinit(struct starting *st)
{
	pid_t pid = st->pid;
	int status;

	if (pid > 0)
		kill(pid, SIGKILL);
	starting_deinit(st);
	if (pid > 0)
		waitpid(pid, &status, __WALL);
}

int session_launch(const struct session_launch *l, const struct session_options *opt,
		   struct err *err, struct session **ret)
{
	struct starting st = { .name = l->python, .opt = opt };
	_cleanup_close_ int go = -1, failed = -1;
	int r;

	r = halt_new(SIGURG, err, &st.halt);
	if (r)
		return r;
	r = spawn(&st, l, &go, &failed);
	if (r)
		err_set(err, r, "%s: cannot be started: %s", l->python, strerror(-r));
	if (!r)
		r = starting_open(&st, err);
	if (!r)
		r = tracees_seize(st.target, err, &st.ts);
	if (!r) {
		tracees_hold_exec(st.ts, true);
		r = let_exec(&st, &go, failed, err);
	}
	if (!r)
		r = run_to_program(&st, err);
	if (!r)
		r = make_session(&st, err, ret);
	if (!r)
		st.pid = 0;
	launch_deinit(&st);
	return r;
}

int session_terminate(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (!r && syscall(SYS_pidfd_send_signal, target_pidfd(s->target), SIGTERM, NULL, 0))
		r = err_set(err, -errno, "%s: SIGTERM: %s", s->label, strerror(errno));
	return r || !s->stopped ? r : session_continue(s, err);
}

/* The process counts as ended only when each thread that we trace was waited for. */
static int wait_for_end(struct session *s)
{
	struct pollfd pfd[] = {
		{ .fd = target_pidfd(s->target), .events = POLLIN },
		{ .fd = s->tracees ? tracees_fd(s->tracees) : -1, .events = POLLIN },
	};
	int r;

	for (;;) {
		r = stops_tracees(s);
		if (r || s->over)
			return r;
		if (!s->tracees)
			pfd[1].fd = -1;
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (pfd[0].revents)
			return 0;
	}
}

int session_kill(struct session *s, struct err *err)
{
	int r;

	if (s->over)
		return 0;
	if (kill(target_pid(s->target), SIGKILL))
		return err_set(err, -errno, "%s: cannot be killed: %s", s->label, strerror(errno));
	r = wait_for_end(s);
	return r ? err_set(err, r, "%s: its end cannot be waited for: %s", s->label, strerror(-r))
		 : 0;
}
