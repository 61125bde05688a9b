// SPDX-License-Identifier: BSD-2-Clause
/*
 * Detection, threads and frames, on every interpreter of this machine: what we read must be what
 * the program says of itself (tests/targets/self_report.py).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/sym.h"
#include "bpf/abi.h"
#include "lib_cu.h"
#include "lib_interpreters.h"
#include "probes/probe.h"
#include "target/target.h"

#define SCRIPT	"tests/targets/self_report.py"
#define THREADS 32
#define FRAMES	128

struct said_frame {
	uint64_t code;
	int lasti, line;
};

struct said_thread {
	uint64_t ident;
	int native;
	char name[128];
	struct said_frame frames[FRAMES];
	size_t nframes;
};

struct said {
	struct said_thread threads[THREADS];
	size_t n;
	int interpreters;
	bool end;
};

struct run {
	pid_t pid;
	int out;
	struct target *target;
	struct interp *interp;
	struct err err;
};

static char *script(void)
{
	FILE *f = fopen(SCRIPT, "r");
	char *text = calloc(1, 1 << 16);
	size_t n = 0;

	if (f && text)
		n = fread(text, 1, (1 << 16) - 1, f);
	if (f)
		fclose(f);
	if (!n) {
		free(text);
		return NULL;
	}
	return text;
}

static int open_run(struct run *run)
{
	_cleanup_free_ char *jit = NULL;
	struct probe_env env = { .pid = run->pid };
	int r;

	r = target_open(run->pid, &run->err, &run->target);
	if (r)
		return r;
	env.cwd = target_cwd(run->target);
	if (!target_environ(run->target, "PYTHON_JIT", &jit))
		env.python_jit = jit;
	return probes_open(target_mem(run->target), target_sym(run->target), &env, &run->err,
			   &run->interp);
}

static void end_run(struct run *run)
{
	probes_close(run->interp);
	target_free(run->target);
	if (run->pid > 0)
		interpreter_end(run->pid, run->out);
}

/* Read what the program says of itself. */
static void listen(struct run *run, struct said *said)
{
	struct said_thread *t = NULL;
	struct said_frame f;
	char line[512];

	memset(said, 0, sizeof(*said));
	while (!said->end && !interpreter_line(run->out, line, sizeof(line), 30000)) {
		if (!strncmp(line, "thread ", 7) && said->n < THREADS) {
			int at = 0;

			t = &said->threads[said->n++];
			if (sscanf(line, "thread %lu %d %n", &t->ident, &t->native, &at) < 2)
				said->n--;
			else
				snprintf(t->name, sizeof(t->name), "%.127s", line + at);
		} else if (t && sscanf(line, "frame %lu %d %d", &f.code, &f.lasti, &f.line) == 3) {
			if (t->nframes < FRAMES)
				t->frames[t->nframes++] = f;
		} else if (sscanf(line, "interpreters %d", &said->interpreters) != 1) {
			said->end = !strcmp(line, "end");
		}
	}
}

static void compare_frames(const struct interpreter *it, struct interp *in,
			   const struct said_thread *said, const struct interp_thread *t)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	size_t n = 0, i;
	int r;

	r = in->ops->frames(in, t->tstate, FRAMES, &frames, &n);
	CU_ASSERT_EQUAL(r, 0);
	if (!said->nframes) { /* the thread that reported: only where it stands differs */
		CU_ASSERT_TRUE(n >= 1);
		return;
	}
	CU_ASSERT_EQUAL(n, said->nframes);
	if (r || n != said->nframes)
		fprintf(stderr, "%s, thread %s: %d, %zu frames, not %zu\n", it->name, said->name, r,
			n, said->nframes);
	for (i = 0; i < n && i < said->nframes; i++) {
		bool same = frames[i].code == said->frames[i].code &&
			    frames[i].offset == said->frames[i].lasti;

		CU_ASSERT_TRUE(same);
		if (!same)
			fprintf(stderr,
				"%s, thread %s, frame %zu: code %lx offset %d, not %lx %d\n",
				it->name, said->name, i, frames[i].code, frames[i].offset,
				said->frames[i].code, said->frames[i].lasti);
		CU_ASSERT_EQUAL(frames[i].line, said->frames[i].line);
	}
	CU_ASSERT_TRUE(n && t->frame == frames[0].frame);
}

static void compare(const struct interpreter *it, struct run *run, const struct said *said)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	struct interp *in = run->interp;
	size_t n = 0, i, k, matched;

	CU_ASSERT_EQUAL(in->ops->threads(in, &threads, &n), 0);
	CU_ASSERT_EQUAL(n, said->n);
	for (i = 0; i < said->n; i++) {
		for (k = 0, matched = 0; k < n; k++) {
			if (threads[k].thread_id != said->threads[i].ident)
				continue;
			matched++;
			CU_ASSERT_STRING_EQUAL(threads[k].name, said->threads[i].name);
			if (said->threads[i].native)
				CU_ASSERT_EQUAL(threads[k].tid, said->threads[i].native);
			compare_frames(it, in, &said->threads[i], &threads[k]);
		}
		CU_ASSERT_EQUAL(matched, 1);
	}
}

/* Each id is one of the kernel's, and none is there twice. */
static void check_tids(struct run *run)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ pid_t *tids = NULL;
	struct interp *in = run->interp;
	size_t n = 0, ntids = 0, i, k, found;

	CU_ASSERT_EQUAL(in->ops->threads(in, &threads, &n), 0);
	CU_ASSERT_EQUAL(target_tids(run->target, &tids, &ntids), 0);
	CU_ASSERT_EQUAL(n, ntids);
	for (i = 0; i < ntids; i++) {
		for (k = 0, found = 0; k < n; k++)
			found += threads[k].tid == tids[i];
		CU_ASSERT_EQUAL(found, 1);
	}
}

static void check_kernel(const struct interpreter *it, struct interp *in)
{
	const struct sym_range *eval;
	struct abi_py py;
	size_t n, i;

	in->ops->kernel(in, &py);
	CU_ASSERT_EQUAL(py.size, sizeof(py));
	CU_ASSERT_EQUAL(py.version, 0x0300u | it->minor);
	CU_ASSERT_NOT_EQUAL(py.interp_head, 0);
	CU_ASSERT_EQUAL(py.frame_kind, it->minor <= 10	 ? ABI_FRAME_OBJECT
				       : it->minor <= 12 ? ABI_FRAME_CFRAME
							 : ABI_FRAME_CURRENT);
	CU_ASSERT_NOT_EQUAL(py.tstate_frame, ABI_NONE);
	CU_ASSERT_NOT_EQUAL(py.frame_code, ABI_NONE);
	CU_ASSERT_NOT_EQUAL(py.frame_prev, ABI_NONE);
	in->ops->eval_ranges(in, &eval, &n);
	CU_ASSERT_TRUE(n >= 1 && n <= ABI_EVAL_RANGES);
	CU_ASSERT_EQUAL(py.eval_n, n);
	for (i = 0; i < n; i++) {
		CU_ASSERT_TRUE(eval[i].start < eval[i].end);
		CU_ASSERT_EQUAL(py.eval[i].start, eval[i].start);
		CU_ASSERT_EQUAL(py.eval[i].end, eval[i].end);
	}
	for (i = 1; i < n; i++)
		CU_ASSERT_TRUE(eval[i - 1].end < eval[i].start);
}

/* Each kind of site is there, lies in the eval loop where it should, and the frequent ones are
 * cheap. */
static void check_sites(const struct interpreter *it, struct interp *in)
{
	unsigned n_of[8] = { 0 }, emulated = 0;
	struct interp_site *s = NULL;
	const struct sym_range *eval;
	size_t n = 0, parts, i, k;
	struct err err;

	CU_ASSERT_EQUAL(in->ops->sites(in, ~0u, &err, &s, &n), 0);
	in->ops->eval_ranges(in, &eval, &parts);
	for (i = 0; i < n; i++) {
		n_of[s[i].site.kind & 7]++;
		for (k = 0; k < i; k++)
			CU_ASSERT_NOT_EQUAL(s[i].addr, s[k].addr);
		if (s[i].site.kind == ABI_SITE_EVAL_ENTRY)
			CU_ASSERT_TRUE(s[i].emulated);
		if (s[i].site.kind != ABI_SITE_RESUME)
			continue;
		emulated += s[i].emulated;
		CU_ASSERT_NOT_EQUAL(s[i].site.frame, ABI_REG_NONE);
		for (k = 0; k < parts; k++)
			if (eval[k].start <= s[i].addr && s[i].addr < eval[k].end)
				break;
		CU_ASSERT_TRUE(k < parts);
	}
	CU_ASSERT_EQUAL(n_of[ABI_SITE_EVAL_ENTRY], 1);
	CU_ASSERT_EQUAL(n_of[ABI_SITE_EVAL_CODE], 1);
	CU_ASSERT_EQUAL(n_of[ABI_SITE_TRACEBACK], 1);
	if (it->minor <= 10) {
		CU_ASSERT_EQUAL(n_of[ABI_SITE_RESUME], 0);
	} else {
		/* Of the form that warm code runs and the one that it begins as, the first at
		 * least. */
		CU_ASSERT_TRUE(n_of[ABI_SITE_RESUME] >= 2);
		CU_ASSERT_TRUE(emulated >= 1);
	}
	free(s);
	s = NULL;
	CU_ASSERT_EQUAL(in->ops->sites(in, 1u << ABI_SITE_EVAL_CODE, &err, &s, &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	free(s);
}

static void one(const struct interpreter *it)
{
	_cleanup_free_ char *text = script();
	const char *const argv[] = { "-c", text, NULL };
	struct said *said = calloc(1, sizeof(*said));
	struct run run = { .out = -1 };
	const struct interp_info *info;
	char version[24];
	int r;

	CU_ASSERT_PTR_NOT_NULL(text);
	CU_ASSERT_PTR_NOT_NULL(said);
	if (!text || !said)
		goto out;
	run.pid = interpreter_start(it, argv, &run.out);
	CU_ASSERT_TRUE(run.pid > 0);
	if (run.pid <= 0)
		goto out;
	listen(&run, said);
	CU_ASSERT_TRUE(said->end && said->n >= 8);
	r = open_run(&run);
	CU_ASSERT_EQUAL(r, 0);
	if (r) {
		fprintf(stderr, "%s: %s\n", it->name, run.err.text);
		goto out;
	}
	info = run.interp->ops->info(run.interp);
	CU_ASSERT_EQUAL(info->hexversion, it->hexversion);
	CU_ASSERT_EQUAL(info->minor, it->minor);
	CU_ASSERT_EQUAL(info->debug, it->debug);
	snprintf(version, sizeof(version), "%u.%u.%u", it->hexversion >> 24,
		 it->hexversion >> 16 & 0xff, it->hexversion >> 8 & 0xff);
	CU_ASSERT_EQUAL(strncmp(info->version, version, strlen(version)), 0);
	compare(it, &run, said);
	check_tids(&run);
	check_kernel(it, run.interp);
	check_sites(it, run.interp);
out:
	end_run(&run);
	free(said);
}

static void each(void (*fn)(const struct interpreter *it))
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0, i, done = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	for (i = 0; i < n; i++) {
		if (!its[i].supported)
			continue;
		fn(&its[i]);
		done++;
	}
	if (!done)
		cu_skip("no supported interpreter here");
}

static void test_every_interpreter(void)
{
	each(one);
}

/* A thread that runs in a second interpreter has a thread state in each of the two. */
static void one_sub(const struct interpreter *it)
{
	_cleanup_free_ char *text = script();
	const char *const argv[] = { "-c", text, "sub", NULL };
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ struct interp_frame *frames = NULL;
	struct said *said = calloc(1, sizeof(*said));
	struct run run = { .out = -1 };
	size_t n = 0, i, k, pairs = 0, nframes = 0;

	CU_ASSERT_TRUE(text && said);
	if (!text || !said)
		goto out;
	run.pid = interpreter_start(it, argv, &run.out);
	listen(&run, said);
	CU_ASSERT_TRUE(said->end);
	CU_ASSERT_EQUAL(open_run(&run), 0);
	if (!run.interp || said->interpreters < 2)
		goto out;
	CU_ASSERT_EQUAL(run.interp->ops->threads(run.interp, &threads, &n), 0);
	for (i = 0; i < n; i++)
		for (k = i + 1; k < n; k++)
			pairs += threads[i].thread_id &&
				 threads[i].thread_id == threads[k].thread_id;
	CU_ASSERT_EQUAL(n, said->n + 1);
	/* Before 3.13 it keeps the id of the thread that made the interpreter. */
	CU_ASSERT_EQUAL(pairs, 1);
	/* Newest interpreter first: its thread runs a script of its own. */
	CU_ASSERT_EQUAL(
		run.interp->ops->frames(run.interp, threads[0].tstate, FRAMES, &frames, &nframes),
		0);
	CU_ASSERT_EQUAL(nframes, 1);
out:
	end_run(&run);
	free(said);
}

static void test_sub_interpreters(void)
{
	each(one_sub);
}

/* Started with the JIT on: refused from 3.13 on where it is built in; never half attached. */
static void one_jit(const struct interpreter *it)
{
	static const char text[] = "import sys, time\n"
				   "on = getattr(sys, '_jit', None) and sys._jit.is_enabled()\n"
				   "print('on' if on else 'off', flush=True)\n"
				   "time.sleep(600)";
	const char *const argv[] = { "-c", text, NULL };
	struct run run = { .out = -1 };
	char line[32] = "";
	int r;

	if (it->minor < 14 || it->root[0] == '\0')
		return;
	/* interpreter_start() clears the variable, so it is set by env(1) of that root. */
	struct interpreter env = *it;
	const char *const env_argv[] = { "PYTHON_JIT=1", it->path, argv[0], argv[1], NULL };

	snprintf(env.path, sizeof(env.path), "/usr/bin/env");
	run.pid = interpreter_start(&env, env_argv, &run.out);
	CU_ASSERT_EQUAL(interpreter_line(run.out, line, sizeof(line), 20000), 0);
	r = open_run(&run);
	if (!strcmp(line, "on")) {
		CU_ASSERT_EQUAL(r, -ENOTSUP);
		CU_ASSERT_PTR_NOT_NULL(strstr(run.err.text, "PYTHON_JIT=0"));
		CU_ASSERT_PTR_NULL(run.interp);
	} else {
		CU_ASSERT_EQUAL(r, 0);
	}
	end_run(&run);
}

static void test_jit(void)
{
	CU_ASSERT_TRUE(true);
	each(one_jit);
}

/* Too old and too new ones are refused with their version; where there is one. */
static void test_unsupported(void)
{
	static const char *const paths[] = { "/.pyenv/versions/2.7.18/bin/python2.7" };
	static const char text[] =
		"import sys, time\nsys.stdout.write('ready\\n')\nsys.stdout.flush()\n"
		"time.sleep(600)";
	const char *const argv[] = { "-c", text, NULL };
	const char *home = getenv("HOME");
	struct interpreter it = { 0 };
	struct run run = { .out = -1 };
	char line[32];

	snprintf(it.path, sizeof(it.path), "%s%s", home ? home : "/root", paths[0]);
	if (access(it.path, X_OK)) {
		cu_skip("no Python 2.7 here");
		return;
	}
	run.pid = interpreter_start(&it, argv, &run.out);
	CU_ASSERT_EQUAL(interpreter_line(run.out, line, sizeof(line), 20000), 0);
	CU_ASSERT_EQUAL(open_run(&run), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		run.err.text, "Python 2.7.18 is not supported (3.6-3.15); nothing was attached"));
	end_run(&run);
}

static void test_no_python(void)
{
	static const char *const argv[] = { "-c", "echo ready; exec sleep 600", NULL };
	struct interpreter it = { .path = "/bin/sh" };
	struct run run = { .out = -1 };
	char line[32], want[64];

	run.pid = interpreter_start(&it, argv, &run.out);
	CU_ASSERT_EQUAL(interpreter_line(run.out, line, sizeof(line), 20000), 0);
	CU_ASSERT_EQUAL(open_run(&run), -ENOENT);
	snprintf(want, sizeof(want), "pid %d: ", (int)run.pid);
	CU_ASSERT_EQUAL(strncmp(run.err.text, want, strlen(want)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(run.err.text, " is not a Python process"));
	end_run(&run);
}

/* Opened at any moment of its start: it works, or says so, and never takes another's layout for its
 * own. */
static void one_start(const struct interpreter *it)
{
	const char *const argv[] = { "-c", "print(1, flush=True)\nimport time\ntime.sleep(600)",
				     NULL };
	int i;

	for (i = 0; i < 5; i++) {
		struct run run = { .out = -1 };
		int r;

		run.pid = interpreter_start(it, argv, &run.out);
		r = open_run(&run);
		CU_ASSERT_TRUE(r == 0 || r == -EAGAIN || r == -ENOENT || r == -ESRCH);
		if (r && r != -EAGAIN && r != -ENOENT && r != -ESRCH)
			fprintf(stderr, "%s: %d %s\n", it->name, r, run.err.text);
		CU_ASSERT_TRUE(r ? run.err.text[0] != '\0'
				 : run.interp->ops->info(run.interp)->hexversion == it->hexversion);
		end_run(&run);
	}
}

static void test_while_it_starts(void)
{
	each(one_start);
}

/* A thread that computes has the GIL, one that sleeps has not. */
static void one_gil(const struct interpreter *it)
{
	static const char text[] =
		"import threading, time\n"
		"threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
		"print(threading.get_ident(), flush=True)\n"
		"while True: pass\n";
	const char *const argv[] = { "-c", text, NULL };
	struct run run = { .out = -1 };
	unsigned long busy = 0, held = 0, held_by_other = 0;
	char line[64] = "";
	int i;

	run.pid = interpreter_start(it, argv, &run.out);
	CU_ASSERT_EQUAL(interpreter_line(run.out, line, sizeof(line), 20000), 0);
	CU_ASSERT_EQUAL(sscanf(line, "%lu", &busy), 1);
	CU_ASSERT_EQUAL(open_run(&run), 0);
	for (i = 0; run.interp && i < 5000 && held < 5; i++) {
		struct interp_thread *threads = NULL;
		size_t n = 0, k;

		CU_ASSERT_EQUAL(run.interp->ops->threads(run.interp, &threads, &n), 0);
		CU_ASSERT_EQUAL(n, 2);
		for (k = 0; k < n; k++) {
			held += threads[k].holds_gil && threads[k].thread_id == busy;
			held_by_other += threads[k].holds_gil && threads[k].thread_id != busy;
		}
		free(threads);
	}
	CU_ASSERT_EQUAL(held, 5);
	CU_ASSERT_EQUAL(held_by_other, 0);
	end_run(&run);
}

static void test_gil(void)
{
	each(one_gil);
}

static const struct cu_test tests[] = {
	CU_T(test_every_interpreter),
	CU_T(test_sub_interpreters),
	CU_T(test_jit),
	CU_T(test_unsupported),
	CU_T(test_no_python),
	CU_T(test_while_it_starts),
	CU_T(test_gil),
};

int main(int argc, char **argv)
{
	return CU_MAIN("detect", tests, argc, argv);
}
