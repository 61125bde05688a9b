// SPDX-License-Identifier: BSD-2-Clause
/* launch: a program from before its first line; what it writes becomes `output`. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "base/vec.h"
#include "dap/dap.h"
#include "dap/launch.h"
#include "dap/logs.h"
#include "engine/session.h"
#include "engine/source.h"
#include "target/target.h"

#define ARGS_MAX 10000

struct argv {
	VEC(char *) v;
};

static void cleanup_argv(struct argv *a)
{
	vec_deinit(&a->v);
}

/* -m MODULE or PROGRAM, then "args"; strings are borrowed from the request. */
static int make_argv(const json_t *args, struct err *err, struct argv *ret)
{
	const char *program = arg_text(args, "program"), *module = arg_text(args, "module");
	const json_t *list = json_object_get(args, "args"), *item;
	size_t i;
	int r = 0;

	if (!program == !module)
		return err_set(err, -EINVAL, "launch needs either program or module");
	if ((list && !json_is_array(list) && !json_is_null(list)) ||
	    json_array_size(list) > ARGS_MAX)
		return err_set(err, -EINVAL, "args is a list of up to %d strings", ARGS_MAX);
	if (program && access(program, R_OK))
		return err_set(err, -errno, "%s: %s", program, strerror(errno));
	if (module)
		r = vec_push(&ret->v, (char *)"-m");
	if (!r)
		r = vec_push(&ret->v, (char *)(module ? module : program));
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return err_set(err, -EINVAL, "args: element %zu is no string", i);
		if (!r)
			r = vec_push(&ret->v, (char *)json_string_value(item));
	}
	return r ? r : vec_push(&ret->v, NULL);
}

/* "cwd" and "env" are made our own: this process serves one session, and the program inherits them.
 */
static int take_surroundings(const json_t *args, struct err *err)
{
	const json_t *env = arg_object(args, "env"), *value;
	const char *cwd = arg_text(args, "cwd"), *name;

	if (cwd && chdir(cwd))
		return err_set(err, -errno, "cwd %s: %s", cwd, strerror(errno));
	json_object_foreach((json_t *)env, name, value)
	{
		int r = json_is_null(value)	? unsetenv(name)
			: json_is_string(value) ? setenv(name, json_string_value(value), 1)
						: (errno = EINVAL, -1);

		if (r)
			return err_set(err, -errno, "env: %s: %s", name, strerror(errno));
	}
	return 0;
}

int launch_program(struct dap *d, const json_t *args, const struct session_options *opt,
		   struct err *err)
{
	const char *python = arg_text(args, "python"), *console = arg_text(args, "console");
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_(cleanup_argv) struct argv argv = { 0 };
	_cleanup_close_ int child_out = -1;
	struct session_launch l = { .python = python ? python : "python3", .in = null };
	int fds[2], r;

	if (d->peer.known && d->peer.uid)
		return err_set(err, -EPERM,
			       "this server starts no programs for user %u: start it and `attach`",
			       d->peer.uid);
	if (console && strcmp(console, "internalConsole"))
		return err_set(err, -EOPNOTSUPP,
			       "console '%.40s' is not there: it is internalConsole", console);
	r = take_surroundings(args, err);
	if (!r)
		r = make_argv(args, err, &argv);
	if (r)
		return r;
	if (null < 0 || pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	d->output = fds[0];
	child_out = fds[1];
	(void)fcntl(d->output, F_SETFL, O_NONBLOCK);
	l.args = argv.v.data;
	l.out = child_out;
	r = session_launch(&l, opt, err, &d->s);
	if (r)
		launch_undo(d);
	return r;
}

void launch_undo(struct dap *d)
{
	if (d->s)
		(void)session_kill(d->s, NULL);
	session_free(d->s);
	d->s = NULL;
	cleanup_close(&d->output);
	d->output = -1;
}

void launch_output(struct dap *d)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(d->output, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		/* a NUL byte would end the string early: what follows it is shown as its own text
		 */
		for (ssize_t at = 0; at < n; at += (ssize_t)strlen(buf + at) + 1)
			dap_event(d, "output",
				  json_pack("{ss so}", "category", "stdout", "output",
					    js_text(buf + at)));
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(d->output);
	d->output = -1;
}
