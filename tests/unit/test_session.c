// SPDX-License-Identifier: BSD-2-Clause
/* What a front end builds on: when it is told of a stop, how a stop ends, how long work is ended.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "engine/session.h"
#include "lib_cu.h"
#include "lib_interpreters.h"
#include "probes/probe.h"
#include "target/target.h"

#define WAIT_MS 20000

/* work() runs all the time; "if" makes 3 its first line. */
#define PROGRAM                        \
	"def work(n):\n"               \
	"    if n >= 0:\n"             \
	"        return n + 1\n"       \
	"def rare():\n"                \
	"    return 1\n"               \
	"print('ready', flush=True)\n" \
	"while True:\n"                \
	"    for i in range(3000):\n"  \
	"        work(1)\n"            \
	"    rare()\n"

struct run {
	pid_t pid;
	int out;
	struct session *s;
	bool cancel; /* what progress says */
	unsigned asked, captured;
};

static int progress(void *priv, const char *what, uint64_t done, uint64_t total)
{
	struct run *run = priv;

	CU_ASSERT_STRING_EQUAL(what, "reading code objects");
	CU_ASSERT(done <= total);
	run->asked++;
	return run->cancel;
}

static void captured(void *priv, int bp, const struct abi_captured *rec, size_t size)
{
	struct run *run = priv;

	(void)bp;
	(void)rec;
	CU_ASSERT(size > 0);
	run->captured++;
}

/* The first interpreter that this machine has, running PROGRAM, and a session on it. False:
 * skipped. */
static bool start(struct run *run, unsigned max_pause_ms)
{
	const char *const argv[] = { "-c", PROGRAM, NULL };
	struct session_options opt = { .max_pause_ms = max_pause_ms,
				       .progress = progress,
				       .captured = captured,
				       .priv = run };
	struct interpreter *its = NULL;
	struct err err = { 0 };
	char line[64];
	size_t n = 0, i = 0;

	*run = (struct run){ .pid = -1 };
	if (geteuid()) {
		cu_skip("not root");
		return false;
	}
	CU_ASSERT_EQUAL_FATAL(interpreters_find(&its, &n), 0);
	while (i < n && !its[i].supported)
		i++;
	if (i == n) {
		cu_skip("no supported interpreter");
		free(its);
		return false;
	}
	run->pid = interpreter_start(&its[i], argv, &run->out);
	free(its);
	CU_ASSERT_FATAL(run->pid > 0);
	CU_ASSERT_EQUAL_FATAL(interpreter_line(run->out, line, sizeof(line), WAIT_MS), 0);
	if (session_attach(run->pid, &opt, &err, &run->s)) {
		CU_FAIL("session_attach");
		puts(err.text);
		interpreter_end(run->pid, run->out);
		return false;
	}
	return true;
}

/* No thread is stopped or traced. */
static bool is_untouched(pid_t pid)
{
	struct target *t = NULL;
	bool ok;

	if (target_open(pid, NULL, &t))
		return false;
	ok = target_state(t, pid) && !strchr("Tt", target_state(t, pid)) &&
	     target_tracer(t, pid) == 0;
	target_free(t);
	return ok;
}

static void end(struct run *run)
{
	session_free(run->s);
	CU_ASSERT(is_untouched(run->pid));
	interpreter_end(run->pid, run->out);
}

/* As a front end does it: ask only when the descriptor says so. SESSION_NONE: nothing came in time.
 */
static struct session_event next(struct run *run, int timeout_ms)
{
	struct pollfd fd = { .fd = session_fd(run->s), .events = POLLIN };
	struct session_event ev = { 0 };

	while (ev.kind == SESSION_NONE && poll(&fd, 1, timeout_ms) == 1)
		if (session_next_event(run->s, 0, &ev))
			break;
	return ev;
}

static bool is_readable(struct run *run)
{
	struct pollfd fd = { .fd = session_fd(run->s), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static int set_break(struct run *run, const char *condition, int *ret_id)
{
	struct err err = { 0 };
	const struct bp_spec spec = { .location = "work", .condition = condition };
	int r = session_break(run->s, &spec, &err, ret_id);

	if (r)
		puts(err.text);
	return r;
}

static void test_cancel(void)
{
	struct err err = { 0 };
	struct run run;
	int id = 0;

	if (!start(&run, 0))
		return;
	run.cancel = true;
	CU_ASSERT_EQUAL(session_break(run.s, &(struct bp_spec){ .location = "work" }, &err, &id),
			-ECANCELED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "interrupted"));
	CU_ASSERT_EQUAL(run.asked, 1);
	CU_ASSERT(is_untouched(run.pid));
	run.cancel = false;
	CU_ASSERT_EQUAL(session_break(run.s,
				      &(struct bp_spec){ .location = "work", .disabled = true },
				      &err, &id),
			0);
	CU_ASSERT_EQUAL(id, 1);
	CU_ASSERT(run.asked > 2);
	end(&run);
}

static void test_pause_is_announced(void)
{
	struct session_event ev;
	struct run run;

	if (!start(&run, 0))
		return;
	CU_ASSERT_FALSE(is_readable(&run));
	CU_ASSERT_EQUAL(session_pause(run.s, NULL), 0);
	CU_ASSERT(is_readable(&run));
	ev = next(&run, WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, SESSION_STOPPED);
	CU_ASSERT_EQUAL(ev.reason, STOP_PAUSE);
	CU_ASSERT_EQUAL(ev.tid, run.pid);
	CU_ASSERT(session_is_stopped(run.s));
	CU_ASSERT_FALSE(is_readable(&run));
	CU_ASSERT_EQUAL(session_continue(run.s, NULL), 0);
	CU_ASSERT_EQUAL(session_continue(run.s, NULL), -EINVAL);
	end(&run);
}

static void test_max_pause(void)
{
	struct run run;

	if (!start(&run, 100))
		return;
	CU_ASSERT_EQUAL(session_pause(run.s, NULL), 0);
	CU_ASSERT_EQUAL(next(&run, WAIT_MS).kind, SESSION_STOPPED);
	CU_ASSERT_EQUAL(next(&run, WAIT_MS).kind, SESSION_RESUMED_BY_LIMIT);
	CU_ASSERT_FALSE(session_is_stopped(run.s));
	CU_ASSERT(is_untouched(run.pid));
	end(&run);
}

/* A line that is hit all the time and never stops does not keep a pause from coming. */
static void test_pause_over_hot_line(void)
{
	struct run run;
	int id;

	if (!start(&run, 0))
		return;
	if (!set_break(&run, "n < 0", &id)) {
		for (int i = 0; i < 50; i++) {
			struct interp_frame *frames = NULL;
			struct session_event ev;
			size_t n = 0;

			/* some hits are judged, and the next is under way */
			CU_ASSERT_EQUAL(session_next_event(run.s, 5, &ev), 0);
			CU_ASSERT_EQUAL(ev.kind, SESSION_NONE);
			CU_ASSERT_EQUAL(session_pause(run.s, NULL), 0);
			ev = next(&run, WAIT_MS);
			CU_ASSERT_EQUAL(ev.kind, SESSION_STOPPED);
			CU_ASSERT_EQUAL(ev.reason, STOP_PAUSE);
			CU_ASSERT_EQUAL(session_frames(run.s, ev.tid, 10, &frames, &n), 0);
			CU_ASSERT(n >= 1 && n <= 2);
			free(frames);
			CU_ASSERT_EQUAL(session_continue(run.s, NULL), 0);
		}
		CU_ASSERT_EQUAL(session_bp(run.s, id)->hits, 0);
		CU_ASSERT_EQUAL(session_bp(run.s, id)->errors, 0);
	} else {
		CU_FAIL("break");
	}
	end(&run);
}

/* A hit that comes during a still picture is shown after it, and the descriptor says so. */
static void test_hit_during_still(void)
{
	struct run run;
	int id;

	if (!start(&run, 0))
		return;
	if (!set_break(&run, NULL, &id)) {
		for (int i = 0; i < 20; i++) {
			struct session_event ev;

			CU_ASSERT_EQUAL(session_still_begin(run.s, NULL), 0);
			CU_ASSERT_FALSE(session_is_stopped(run.s));
			session_still_end(run.s, NULL);
			ev = next(&run, WAIT_MS);
			CU_ASSERT_EQUAL(ev.kind, SESSION_STOPPED);
			CU_ASSERT_EQUAL(ev.reason, STOP_BREAKPOINT);
			CU_ASSERT_EQUAL(ev.bp, id);
			CU_ASSERT_EQUAL(ev.line, 2);
			CU_ASSERT_EQUAL(session_continue(run.s, NULL), 0);
		}
	} else {
		CU_FAIL("break");
	}
	end(&run);
}

/* Killed while it is stopped: the stop lasts until that is told. */
static void test_killed_while_stopped(void)
{
	struct session_event ev;
	struct run run;

	if (!start(&run, 0))
		return;
	CU_ASSERT_EQUAL(session_pause(run.s, NULL), 0);
	CU_ASSERT_EQUAL(next(&run, WAIT_MS).kind, SESSION_STOPPED);
	kill(run.pid, SIGKILL);
	ev = next(&run, WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, SESSION_EXITED);
	CU_ASSERT_FALSE(session_is_stopped(run.s));
	CU_ASSERT_EQUAL(session_continue(run.s, NULL), -ESRCH);
	CU_ASSERT_FALSE(is_readable(&run));
	session_free(run.s);
	interpreter_end(run.pid, run.out);
}

/* A stop is told though more records lie before it than are taken at a time. No watch slot is
 * needed. */
static void test_stop_behind_records(void)
{
	const char *const names[] = { "n" };
	const unsigned levels[] = { 1 };
	const struct bp_capture what = { .names = names, .levels = levels, .nnames = 1 };
	/* All of them find room: nothing is taken out before the thread stands. */
	struct bp_spec log = { .location = "work",
			       .action = BP_LOG,
			       .engine = BP_UPROBE,
			       .limit = 8000,
			       .capture = &what };
	struct bp_spec stop = { .location = "rare", .engine = BP_UPROBE, .ignore = 1 };
	struct session_event ev;
	struct err err = { 0 };
	struct run run;
	int log_id, stop_id;

	if (!start(&run, 0))
		return;
	if (session_break(run.s, &log, &err, &log_id) ||
	    session_break(run.s, &stop, &err, &stop_id)) {
		puts(err.text);
		CU_FAIL("break");
		end(&run);
		return;
	}
	for (int i = 0; i < WAIT_MS && target_state(session_target(run.s), run.pid) != 't'; i++)
		usleep(1000);
	run.captured = 0;
	ev = next(&run, WAIT_MS);
	CU_ASSERT_EQUAL(ev.kind, SESSION_STOPPED);
	CU_ASSERT_EQUAL(ev.bp, stop_id);
	CU_ASSERT(run.captured >= 2000);
	CU_ASSERT_EQUAL(session_bp(run.s, stop_id)->hits,
			2); /* the one that is ignored, and this */
	CU_ASSERT_EQUAL(session_bp(run.s, log_id)->lost, 0);
	end(&run);
}

static const struct cu_test tests[] = {
	CU_T(test_cancel),
	CU_T(test_pause_is_announced),
	CU_T(test_max_pause),
	CU_T(test_pause_over_hot_line),
	CU_T(test_hit_during_still),
	CU_T(test_killed_while_stopped),
	CU_T(test_stop_behind_records),
};

int main(int argc, char **argv)
{
	return CU_MAIN("session", tests, argc, argv);
}
