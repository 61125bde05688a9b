// SPDX-License-Identifier: BSD-2-Clause
/*
 * What is an expression worth in a frame? Starts tests/targets/predicates.py and asks everybody who
 * can tell, for each line on standard input ({"e": expression, ...}, handed on to the target):
 *
 *	pred_tool [-k] [-r ROOT] PYTHON SCRIPT [MODE]
 *
 * One line each on standard output: {"python", "user", "host", "any", "kernel", "why"}: "True",
 * "False", the name of an exception or of an errno; "refused" (and why) when it is not for the
 *kernel. "any": as "host", by a program for frames of any code. -k: the kernel's answer is the
 *kernel's own, from a watched line; else "host" is the same machine in user space.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "engine/expr.h"
#include "engine/kexpr.h"
#include "lib_kexpr.h"
#include "lib_piped.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/trace.h"

struct tool {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
	struct interp *in;
	struct trace *trace; /* NULL without -k */
	struct abi_py py;
	struct abi_obj obj;
	struct kexpr_host host;
	uint64_t code, tstate;
	int32_t line;
	unsigned asked;
	char *text; /* the target's answer */
	size_t cap;
};

static void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("pred_tool: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void start(struct tool *t, const char *root, char *const argv[])
{
	t->pid = piped_start(root, argv, &t->to, &t->from);
	if (t->pid < 0)
		fatal("%s: %s", argv[0], strerror(-t->pid));
	setvbuf(t->to, NULL, _IOLBF, 4096);
}

/* A line of the target, without its newline. */
static const char *answer(struct tool *t)
{
	ssize_t n = getline(&t->text, &t->cap, t->from);

	if (n <= 0)
		fatal("the target has ended");
	t->text[n - 1] = '\0';
	return t->text;
}

/* The innermost frame of the target's one thread, which waits in it. */
static struct interp_frame top_frame(struct tool *t)
{
	struct interp_thread *threads;
	struct interp_frame *frames, ret;
	size_t n;

	if (!t->tstate) {
		if (t->in->ops->threads(t->in, &threads, &n) || n != 1)
			fatal("the target's thread is not found");
		t->tstate = threads[0].tstate;
		free(threads);
	}
	if (t->in->ops->frames(t->in, t->tstate, 1, &frames, &n) || n != 1)
		fatal("the target's frame is not found");
	ret = frames[0];
	free(frames);
	return ret;
}

/* Watch the line that the target has named. */
static void arm(struct tool *t)
{
	struct abi_rule rule = { .action = ABI_ACT_COUNT, .state = 1, .cond = 1 };
	struct trace_options opt = {
		.pid = t->pid, .stop_signal = SIGURG, .py = &t->py, .obj = &t->obj
	};
	struct interp_place *places;
	struct interp_code code;
	struct err err = { 0 };
	size_t n, armed = 0;

	t->in->ops->kernel(t->in, &t->py);
	if (trace_open(&opt, &err, &t->trace) || trace_rule_set(t->trace, 1, &rule))
		fatal("%s", err.text);
	if (t->in->ops->code(t->in, t->code, &code) ||
	    t->in->ops->places(t->in, t->code, &places, &n))
		fatal("the code cannot be read");
	for (size_t i = 0; i < n; i++) {
		struct abi_place p = { .id = 1,
				       .action = ABI_ACT_COUNT,
				       .offset = (int32_t)places[i].offset,
				       .ndrop = places[i].ndrop,
				       .keep_state = 1,
				       .group = (uint32_t)t->line,
				       .ruled = 1,
				       .rules = { 1 } };
		uint64_t addr = code.bytecode + places[i].offset + 1;

		if (places[i].line != t->line)
			continue;
		memcpy(p.drop, places[i].drop, sizeof(p.drop));
		if (trace_place_set(t->trace, addr, t->code, &p) ||
		    trace_watch(t->trace, addr, &err))
			fatal("%s", err.text);
		armed++;
	}
	if (armed != 1)
		fatal("line %d has %zu places", t->line, armed);
	interp_code_deinit(&code);
	free(places);
}

/* The target says which line is the watched one, and waits in its code. */
static void attach(struct tool *t, bool kernel)
{
	struct probe_env env = { .pid = t->pid };
	struct err err = { 0 };

	t->line = atoi(answer(t));
	if (target_open(t->pid, &err, &t->target))
		fatal("%s", err.text);
	env.cwd = target_cwd(t->target);
	if (probes_open(target_mem(t->target), target_sym(t->target), &env, &err, &t->in))
		fatal("%s", err.text);
	if (t->in->ops->kernel_objects(t->in, &t->obj))
		fatal("no facts about its objects");
	t->host = (struct kexpr_host){ .mem = target_mem(t->target), .obj = &t->obj };
	t->code = top_frame(t).code;
	if (kernel)
		arm(t);
}

static const char *errno_word(int e)
{
	static char text[32];

	switch (-e) {
	case ENOENT:
		return "ENOENT";
	case EINVAL:
		return "EINVAL";
	case EOPNOTSUPP:
		return "undecided";
	default:
		snprintf(text, sizeof(text), "errno %d", -e);
		return text;
	}
}

static const char *truth_word(int truth)
{
	return truth < 0 ? errno_word(truth) : truth ? "True" : "False";
}

/* What engine/expr.h says. */
static const char *user(struct tool *t, const struct expr *e, uint64_t frame)
{
	struct expr_scope scope = { .in = t->in, .frame = frame };
	struct value_limits lim = VALUE_LIMITS_DEFAULT;
	static char cls[64];
	struct err err = { 0 };
	struct value *v;
	int r;

	if (expr_eval(e, &scope, &lim, &err, &v)) {
		*cls = '\0';
		sscanf(err.text, "%63[A-Za-z]:", cls);
		return strstr(cls, "Error") ? cls : "refused";
	}
	r = value_truth(v);
	value_free(v);
	return r < 0 ? "refused" : truth_word(r);
}

/* What a program for frames of any code says; NULL: it is too long. */
static const char *any(struct tool *t, const struct expr *e, uint64_t frame)
{
	struct abi_prog prog;
	struct err why = { 0 };

	if (kexpr_compile(e, t->in, 0, &why, &prog))
		return NULL;
	return truth_word(kexpr_host_truth(&t->host, &prog, frame));
}

/* What has become of the one hit since `before`. */
static const char *kernel(struct tool *t, const struct abi_rule_state *before)
{
	const struct abi_rule_state *now = &trace_rule_states(t->trace)[1];

	if (now->seen != before->seen + 1)
		return "not one hit";
	if (now->unmet != before->unmet)
		return "False";
	if (now->accepted != before->accepted)
		return "True";
	if (now->undecided != before->undecided)
		return "undecided";
	return errno_word(-(int)now->last_error);
}

static void ask(struct tool *t, const char *line, const char *text)
{
	static const struct abi_prog none;
	struct abi_rule_state before = { 0 };
	struct expr *e = NULL;
	struct err why = { 0 };
	struct abi_prog prog;
	struct interp_frame f;
	const char *other;
	json_t *o = json_object();
	int r;

	mem_cache_on(target_mem(t->target)); /* it waits for the line */
	r = expr_parse(text, &why, &e);
	if (!r)
		r = kexpr_compile(e, t->in, t->code, &why, &prog);
	if (r && r != -EOPNOTSUPP)
		fatal("%s: %s (%d)", text, why.text, r);
	if (t->trace) {
		if (trace_prog_set(t->trace, 1, r ? &none : &prog))
			fatal("trace_prog_set");
		before = trace_rule_states(t->trace)[1];
	}
	mem_cache_off(target_mem(t->target));
	fputs(line, t->to);
	json_object_set_new(o, "python", json_string(answer(t)));
	mem_cache_on(target_mem(t->target)); /* and for the next one */
	f = top_frame(t);
	if (f.code != t->code)
		fatal("the target waits elsewhere");
	if (r) {
		json_object_set_new(o, "why", json_string(why.text));
	} else {
		json_object_set_new(
			o, "host",
			json_string(truth_word(kexpr_host_truth(&t->host, &prog, f.frame))));
		if (t->asked++ % 4 == 0 && (other = any(t, e, f.frame)))
			json_object_set_new(o, "any", json_string(other));
		if (t->trace)
			json_object_set_new(o, "kernel", json_string(kernel(t, &before)));
	}
	json_object_set_new(o, "user", json_string(e ? user(t, e, f.frame) : "refused"));
	mem_cache_off(target_mem(t->target));
	json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(o);
	expr_free(e);
}

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	const char *root = "";
	char *line = NULL;
	bool in_kernel = false;
	size_t cap = 0;
	int c;

	while ((c = getopt(argc, argv, "+kr:")) != -1) {
		if (c == 'k')
			in_kernel = true;
		else if (c == 'r')
			root = optarg;
		else
			return 2;
	}
	if (argc - optind < 2)
		fatal("usage: pred_tool [-k] [-r ROOT] PYTHON SCRIPT [MODE]");
	start(&t, root, argv + optind);
	attach(&t, in_kernel);
	while (getline(&line, &cap, stdin) > 0) {
		json_t *j = json_loads(line, 0, NULL);
		const char *text = json_string_value(json_object_get(j, "e"));

		if (!text)
			fatal("no expression: %s", line);
		ask(&t, line, text);
		json_decref(j);
	}
	trace_free(t.trace);
	probes_close(t.in);
	target_free(t.target);
	fclose(t.to);
	fclose(t.from);
	waitpid(t.pid, NULL, 0);
	free(t.text);
	free(line);
	return 0;
}
