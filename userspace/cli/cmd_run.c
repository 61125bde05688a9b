// SPDX-License-Identifier: BSD-2-Clause
/* run: start a program, stopped before its first line; from there on it is as attach. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/program.h"
#include "engine/session.h"

struct run {
	struct attach_options o;
	const char *python, *module;
	char **rest;	  /* SCRIPT and its arguments, or those of the module; NULL at the end */
	VEC(char *) args; /* of the interpreter */
};

static void cleanup_run(struct run *run)
{
	attach_options_deinit(&run->o);
	vec_deinit(&run->args);
}

/* 0, or an exit status after the usage was printed. -1: done (help). */
static int parse_options(const struct program *p, int argc, char **argv, struct run *run)
{
	enum { OPT_PYTHON = ATTACH_OPTIONS };
	static const struct option longopts[] = { ATTACH_LONG_OPTIONS,
						  { "python", required_argument, NULL, OPT_PYTHON },
						  { NULL, 0, NULL, 0 } };
	struct err err = { 0 };
	int c, r = 0;

	opterr = 0;
	/* The first word that is no option, and -m MODULE, end them: the rest is the program's. */
	while (!r && !run->module &&
	       (c = getopt_long(argc, argv, "+:m:" ATTACH_SHORT_OPTIONS, longopts, NULL)) != -1) {
		if (c == OPT_PYTHON)
			run->python = optarg;
		else if (c == 'm')
			run->module = optarg;
		else
			r = attach_option(p, argv, c, &run->o, &err);
	}
	if (r)
		return r;
	run->rest = argv + optind;
	if (!run->module && !*run->rest)
		return program_usage(p, "a script is missing, or -m MODULE");
	return 0;
}

/* What Python would say in several lines, or after a while. */
static int check_script(const char *script, struct err *err)
{
	if (!strcmp(script, "-"))
		return err_set(err, -EINVAL,
			       "a program from standard input cannot be run: give a file");
	if (access(script, R_OK))
		return err_set(err, -errno, "script %s: %s", script, strerror(errno));
	return 0;
}

static int make_args(struct run *run, struct err *err)
{
	char **arg = run->rest;
	int r = 0;

	if (run->module) {
		r = vec_push(&run->args, "-m");
		if (!r)
			r = vec_push(&run->args, (char *)run->module);
	} else {
		r = check_script(*arg, err);
	}
	for (; !r && *arg; arg++)
		r = vec_push(&run->args, *arg);
	return r ? r : vec_push(&run->args, NULL);
}

static int begin(void *priv, const struct session_options *so, struct err *err,
		 struct session **ret)
{
	struct run *run = priv;
	struct session_launch l = { .python = run->python, .in = -1, .out = -1 };
	_cleanup_close_ int null = -1;
	int r = make_args(run, err);

	if (r)
		return r;
	l.args = run->args.data;
	/* Our commands come from standard input, our objects go to standard output: not the
	 * program's then. */
	if (!run->o.args.n && !attach_has_prompt(&run->o)) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		l.in = null;
	}
	if (run->o.json)
		l.out = STDERR_FILENO;
	return session_launch(&l, so, err, ret);
}

int program_run(const struct program *p, int argc, char **argv)
{
	_cleanup_(cleanup_run) struct run run = { .python = "python3" };
	int r = parse_options(p, argc, argv, &run);

	if (r)
		return r < 0 ? CLI_DONE : r;
	return attach_main(&run.o, begin, &run);
}
