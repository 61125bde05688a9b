// SPDX-License-Identifier: BSD-2-Clause
/* calls: how often which function is called. The kernel counts; nothing is stopped or traced. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/js.h"
#include "cli/program.h"
#include "engine/bind.h"
#include "engine/family.h"
#include "engine/index.h"
#include "engine/session.h"
#include "probes/probe.h"

struct calls {
	struct follow f;
	char *where;	  /* file tail or module; NULL: any */
	const char *glob; /* of functions; NULL: any */
	bool children;
};

/* "FILE:GLOB", "MODULE:GLOB", "GLOB", or a file alone, which has a slash or ends in .py. */
static int parse_pattern(const char *text, struct calls *c)
{
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);

	if (!colon && !strchr(text, '/') && (len < 3 || strcmp(text + len - 3, ".py") != 0)) {
		c->glob = text;
		return 0;
	}
	c->where = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	c->glob = colon && colon[1] ? colon + 1 : NULL;
	return c->where ? 0 : -ENOMEM;
}

/* The whole name, or its end after a dot, as a LOCATION takes it. */
static bool matches_glob(const char *glob, const char *function)
{
	const char *at = function;

	while (at) {
		if (!fnmatch(glob, at, 0))
			return true;
		at = strchr(at, '.');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static bool is_wanted(const struct calls *c, const struct session_call *call)
{
	if (!c->where && !c->glob)
		return true;
	if (!call->function)
		return false;
	if (c->where && !path_has_tail(call->file, c->where) &&
	    !file_is_module(call->file, c->where))
		return false;
	return !c->glob || matches_glob(c->glob, call->function);
}

static json_t *json_call(const struct session_call *call)
{
	return json_pack("{ss so so so sI}", "event", "calls", "function", js_text(call->function),
			 "file", js_text(call->file), "line",
			 call->function ? json_integer(call->line) : json_null(), "hits",
			 (json_int_t)call->hits);
}

static void print_call(struct calls *c, const struct session_call *call)
{
	if (c->f.out->json) {
		out_json(c->f.out, json_call(call));
		return;
	}
	out_add(c->f.out, OUT_BOLD, "%12" PRIu64, call->hits);
	if (call->function)
		out_add(c->f.out, OUT_PLAIN, "  %s (%s:%d)", call->function, call->file,
			call->line);
	else
		out_add(c->f.out, OUT_PLAIN,
			"  (code that was gone before its name could be read)");
	out_end(c->f.out);
}

/* By process, before the sum of all: n of them, sorted by function and process. Only for scripts.
 */
static void print_processes(struct calls *c, const struct session_call *each, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *j = is_wanted(c, &each[i]) ? json_call(&each[i]) : NULL;

		if (j && each[i].pid)
			json_object_set_new(j, "process", json_integer(each[i].pid));
		if (j)
			out_json(c->f.out, j);
	}
}

/* Of a family each process has its own: told, and then added up. *ret_n: how many are left. */
static int read_calls(struct calls *c, struct session_call **ret, size_t *ret_n)
{
	int r;

	if (!c->children) {
		r = session_calls(c->f.s, NULL, NULL, ret, ret_n);
	} else {
		r = family_calls(c->f.family, ret, ret_n);
		if (!r && c->f.out->json)
			print_processes(c, *ret, *ret_n);
		for (size_t i = 0; !r && i < *ret_n; i++)
			(*ret)[i].pid = 0;
		*ret_n = r ? 0 : session_calls_merge(*ret, *ret_n);
	}
	if (!r)
		session_calls_sort(*ret, *ret_n);
	return r;
}

static int print_calls(struct calls *c, struct err *err)
{
	_cleanup_free_ struct session_call *calls = NULL;
	size_t n = 0, shown = 0;
	uint64_t unnamed = 0;
	int r = read_calls(c, &calls, &n);

	if (r)
		return err_set(err, r, "pid %d: its calls cannot be read: %s", c->f.pid,
			       strerror(-r));
	for (size_t i = 0; i < n; i++) {
		unnamed += calls[i].function ? 0 : calls[i].hits;
		if (!is_wanted(c, &calls[i]))
			continue;
		print_call(c, &calls[i]);
		shown++;
	}
	if (!shown)
		out_note(c->f.out, n ? "nothing that matches was called" : "nothing was called");
	if (unnamed && (c->where || c->glob))
		out_note(c->f.out,
			 "%" PRIu64
			 " calls were of code that was gone before its name could be read",
			 unnamed);
	return out_check(c->f.out, err);
}

static void tell_attached(struct follow *f, struct session *s)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;

	if (!f->out->json)
		return;
	out_json(f->out, js_attached(s, session_threads(s, &threads, &n) ? 0 : n));
}

static int begin(struct follow *f, struct err *err)
{
	struct session *s;
	int r = 0;

	if (!f->family) {
		r = session_calls_begin(f->s, err);
		if (!r)
			tell_attached(f, f->s);
		return r;
	}
	for (size_t i = 0; (s = family_session(f->family, i)) != NULL; i++)
		tell_attached(f, s);
	return 0;
}

static int count_calls(struct follow *f, struct err *err)
{
	struct calls *c = f->priv;
	int r = begin(f, err);

	if (r < 0)
		return r;
	r = follow_to_end(f, session_calls_end, err);
	if (!r)
		r = print_calls(c, err);
	follow_tell_lost(f->out, f->lost, "calls were not counted");
	return r;
}

/* ---- struct family_work ---- */

static int find_nothing(void *priv, struct session *s, struct err *err)
{
	(void)priv, (void)s, (void)err;
	return 0;
}

static bool is_same(const struct session *a, const struct session *b)
{
	(void)a, (void)b;
	return true;
}

static int begin_in(void *priv, struct session *s, struct err *err)
{
	(void)priv;
	return session_calls_begin(s, err);
}

static void begun(void *priv, pid_t pid, struct session *s)
{
	(void)pid;
	tell_attached(priv, s);
}

static const struct family_work work = { .find = find_nothing,
					 .is_same = is_same,
					 .begin = begin_in,
					 .end = session_calls_end,
					 .begun = begun };

/* ---- running ---- */

static int parse_options(const struct program *p, int argc, char **argv, struct calls *c)
{
	static const struct option longopts[] = {
		FOLLOW_OPTIONS,
		{ "children", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	int o, r;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		if (o == 'h') {
			program_help(p);
			return -1;
		}
		if (o == 'c') {
			c->children = true;
			continue;
		}
		r = follow_option(&c->f, o, optarg, &err);
		if (!r)
			return program_bad_option(p, argv, o);
		if (r < 0)
			return program_usage(p, "%s", err.text);
	}
	r = follow_pid(&c->f, p, argc, argv);
	if (r)
		return r;
	if (argc > optind + 2)
		return program_usage(p, "one pattern at most");
	if (optind + 1 < argc && !*argv[optind + 1])
		return program_usage(p, "the pattern is empty");
	return optind + 1 < argc ? parse_pattern(argv[optind + 1], c) : 0;
}

int program_calls(const struct program *p, int argc, char **argv)
{
	const struct session_options so = { 0 };
	const struct family_options fo = { .nspecs = 1, .work = &work };
	struct calls c = { .f = { .color = OUT_COLOR_AUTO } };
	int r;

	c.f.priv = &c;
	r = parse_options(p, argc, argv, &c);
	if (r)
		return r < 0 ? CLI_DONE : r;
	r = c.children ? follow_run_family(&c.f, &fo, count_calls)
		       : follow_run(&c.f, &so, count_calls);
	free(c.where);
	return r;
}
