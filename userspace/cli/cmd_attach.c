// SPDX-License-Identifier: BSD-2-Clause
/* attach: a prompt, or commands from -c, -x or a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/edit.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"
#include "target/target.h"

#define SCRIPT_MAX   (1 << 20) /* bytes of a script and of a line from a pipe */
#define MAX_PAUSE_MS 10000     /* where no person sits at a prompt */

void attach_options_deinit(struct attach_options *o)
{
	for (size_t i = 0; i < o->script.n; i++)
		free(o->script.data[i]);
	vec_deinit(&o->script);
	vec_deinit(&o->args);
}

/* ---- options ---- */

static int add_lines(struct attach_options *o, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *copy = strndup(text, len);

		if (!copy || vec_push(&o->script, copy)) {
			free(copy);
			return -ENOMEM;
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}

/* Read before anything is attached: a script that cannot be read must not cost the target anything.
 */
static int add_file(struct attach_options *o, const char *path, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd =
		strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return err_set(err, -errno, "script %s: %s", path, strerror(errno));
	while ((n = read(fd, buf, sizeof(buf))) > 0 && text.len <= SCRIPT_MAX)
		strbuf_add(&text, buf, (size_t)n);
	if (n < 0)
		return err_set(err, -errno, "script %s: %s", path, strerror(errno));
	if (text.len > SCRIPT_MAX)
		return err_set(err, -EFBIG, "script %s: longer than %d bytes", path, SCRIPT_MAX);
	if (text.failed)
		return -ENOMEM;
	if (memchr(strbuf_str(&text), 0, text.len))
		return err_set(err, -EINVAL, "script %s: not a text file", path);
	return add_lines(o, strbuf_str(&text));
}

static int read_scripts(struct attach_options *o, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < o->args.n; i++) {
		const struct source_arg *a = &o->args.data[i];

		r = a->file ? add_file(o, a->text, err) : add_lines(o, a->text);
	}
	return r;
}

int attach_option(const struct program *p, char **argv, int c, struct attach_options *o,
		  struct err *err)
{
	int r = 0;

	switch (c) {
	case 'c':
		r = vec_push(&o->args, (struct source_arg){ false, optarg });
		break;
	case 'x':
		r = vec_push(&o->args, (struct source_arg){ true, optarg });
		break;
	case ATTACH_JSON:
		o->json = true;
		break;
	case ATTACH_CHILDREN:
		o->children = true;
		break;
	case ATTACH_SCOPE:
		if (program_scope(optarg, err, &o->scope))
			return program_usage(p, "%s", err->text);
		break;
	case ATTACH_ENGINE:
		if (program_engine(optarg, err, &o->uprobe))
			return program_usage(p, "%s", err->text);
		break;
	case ATTACH_MAX_PAUSE:
		if (parse_seconds(optarg, "--max-pause", err, &o->max_pause_ms))
			return program_usage(p, "%s", err->text);
		o->has_max_pause = true;
		break;
	case ATTACH_COLOR:
		if (out_color_mode(optarg, &o->color))
			return program_usage(p, "--color is auto, always or never, not '%.40s'",
					     optarg);
		break;
	case 'h':
		program_help(p);
		return -1;
	default:
		return program_bad_option(p, argv, c);
	}
	return r < 0 ? program_usage(p, "%s", strerror(-r)) : 0;
}

/* 0, or an exit status after the usage was printed. -1: done (help). */
static int parse_options(const struct program *p, int argc, char **argv, struct attach_options *o,
			 pid_t *ret_pid)
{
	static const struct option longopts[] = { ATTACH_LONG_OPTIONS, { NULL, 0, NULL, 0 } };
	struct err err = { 0 };
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, ":" ATTACH_SHORT_OPTIONS, longopts, NULL)) != -1)
		r = attach_option(p, argv, c, o, &err);
	if (r)
		return r;
	if (optind + 1 != argc)
		return program_usage(p, "%s",
				     optind == argc ? "a process id is missing"
						    : "one process id is needed, no more");
	if (parse_pid(argv[optind], &err, ret_pid))
		return program_usage(p, "%s", err.text);
	return 0;
}

/* ---- the start ---- */

static size_t count_threads(struct session *s)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	_cleanup_free_ pid_t *tids = NULL;
	size_t n = 0;

	if (!session_threads(s, &threads, &n) && n)
		return n;
	return target_tids(session_target(s), &tids, &n) ? 0 : n;
}

static int show_attached(struct shell *sh, struct err *err)
{
	struct interp *in = session_interp(sh->s);
	const struct interp_info *info = in->ops->info(in);
	size_t threads = count_threads(sh->s);
	unsigned used, free_slots;
	char pid[PROGRAM_PID];
	int r = session_slots(sh->s, err, &used, &free_slots);

	if (r < 0)
		return r;
	if (sh->launched)
		free_slots += used; /* it is on its way to its first line */
	if (sh->out->json) {
		out_json(sh->out, js_attached(sh->s, threads));
		return 0;
	}
	program_pid(session_target(sh->s), pid);
	out_line(sh->out, "%s %s: Python %s, %zu thread%s. %u watch slot%s free.%s",
		 sh->launched ? "started" : "attached to", pid, info->version, threads,
		 threads == 1 ? "" : "s", free_slots, free_slots == 1 ? "" : "s",
		 sh->launched ? ""
		 : sh->prompt ? " Ctrl-C stops it, detach leaves it running."
			      : " It runs on.");
	return 0;
}

/* ---- commands from a script or a pipe ---- */

/* The next command of a script: false when it is to end. */
static bool run_line(struct shell *sh, const char *line)
{
	struct session_event ev;
	struct err err = { 0 };

	/* While it is stopped, it may have been resumed by the limit, or it may be gone. */
	while (sh->stopped && !sh->over) {
		if (shell_next_event(sh, &err, &ev)) {
			out_error(sh->out, err.text);
			sh->status = CLI_FAILED;
			return false;
		}
		if (ev.kind == SESSION_NONE)
			break;
		shell_on_event(sh, &ev);
	}
	if (sh->over)
		return false;
	if (shell_interrupted(sh) || (shell_line(sh, line) < 0 && !sh->over)) {
		sh->status = CLI_FAILED;
		return false;
	}
	return !sh->over;
}

static void run_script(struct shell *sh, const struct attach_options *o)
{
	for (size_t i = 0; i < o->script.n; i++)
		if (!run_line(sh, o->script.data[i]))
			return;
}

/* Run the complete lines of buf (the last one without \n too, at the end of input) and keep the
 * rest. */
static bool run_buffered(struct shell *sh, struct strbuf *buf, bool at_end)
{
	char *start = buf->data, *nl;
	bool go_on = true;

	while (go_on && start &&
	       (nl = memchr(start, '\n', buf->len - (size_t)(start - buf->data)))) {
		*nl = '\0';
		go_on = run_line(sh, start);
		start = nl + 1;
	}
	if (go_on && at_end && start && *start)
		return run_line(sh, start);
	if (start) {
		buf->len -= (size_t)(start - buf->data);
		memmove(buf->data, start, buf->len + 1);
	}
	return go_on;
}

static int show_pending(struct shell *sh, bool hide_prompt, struct err *err)
{
	struct session_event ev;
	int r;

	do {
		r = shell_next_event(sh, err, &ev);
		if (r < 0)
			return r;
		if (ev.kind == SESSION_NONE)
			return 0;
		if (hide_prompt)
			edit_hide();
		shell_on_event(sh, &ev);
		shell_run_lists(sh);
	} while (!sh->over);
	return 0;
}

static int run_pipe(struct shell *sh, struct err *err)
{
	_cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
	char piece[4096];
	ssize_t n;
	int r;

	while (!sh->over) {
		struct pollfd fds[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
					 { .fd = images_fd(sh->im), .events = POLLIN },
					 { .fd = sh->sigfd, .events = POLLIN } };

		/* What has been typed ahead goes first: a stop is shown when nothing is left to do.
		 */
		if (poll(fds, 1, 0) == 0) {
			r = show_pending(sh, false, err);
			if (r < 0 || sh->over)
				return r;
			if (poll(fds, 3, -1) < 0 && errno != EINTR)
				return err_set(err, -errno, "poll: %s", strerror(errno));
		}
		if (fds[2].revents && shell_interrupted(sh))
			return err_set(err, -EINTR, "interrupted");
		if (!fds[0].revents)
			continue;
		n = read(STDIN_FILENO, piece, sizeof(piece));
		if (n < 0)
			return err_set(err, -errno, "standard input: %s", strerror(errno));
		strbuf_add(&buf, piece, (size_t)n);
		if (buf.failed || buf.len > SCRIPT_MAX)
			return err_set(err, -EFBIG,
				       "standard input: a line is longer than %d bytes",
				       SCRIPT_MAX);
		if (!run_buffered(sh, &buf, !n) || !n)
			return 0;
	}
	return 0;
}

/* ---- a prompt ---- */

static int on_ctrl_c(struct shell *sh, struct err *err)
{
	if (!shell_interrupted(sh) || sh->over)
		return 0;
	edit_drop();
	return sh->stopped ? 0 : images_pause(sh->im, err);
}

static int prompt_once(struct shell *sh, struct err *err)
{
	struct pollfd fds[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
				 { .fd = images_fd(sh->im), .events = POLLIN },
				 { .fd = sh->sigfd, .events = POLLIN } };
	_cleanup_free_ char *line = NULL;
	int r;

	r = show_pending(sh, true, err);
	if (r < 0 || sh->over)
		return r;
	edit_show();
	if (poll(fds, 3, -1) < 0)
		return errno == EINTR ? 0 : err_set(err, -errno, "poll: %s", strerror(errno));
	if (fds[2].revents) {
		r = on_ctrl_c(sh, err);
		if (r < 0 || sh->over)
			return r;
	}
	if (!fds[0].revents || !edit_read(&line))
		return 0;
	if (line) {
		shell_line(sh, line);
		return 0;
	}
	fputc('\n', sh->out->text);
	shell_end(sh);
	return 0;
}

static int run_prompt(struct shell *sh, struct err *err)
{
	int r = 0;

	sh->out->prefix = "*** ";
	edit_init(sh);
	while (!sh->over && !r)
		r = prompt_once(sh, err);
	edit_deinit();
	return r;
}

/* ---- */

static int run(struct shell *sh, const struct attach_options *o, struct err *err)
{
	int r = o->children ? images_children(sh->im, err) : 0;

	shell_sync_process(sh);
	if (!r)
		r = show_attached(sh, err);
	if (!r && o->children)
		r = cmd_processes(sh, "", err);
	if (!r && sh->launched)
		r = shell_wait(sh, err); /* for the stop before its first line */
	if (r < 0)
		return r;
	if (o->args.n)
		run_script(sh, o);
	else if (sh->prompt)
		r = run_prompt(sh, err);
	else
		r = run_pipe(sh, err);
	return r;
}

int attach_main(struct attach_options *o, attach_begin_fn *begin, void *priv)
{
	struct session_options so = { 0 };
	struct shell sh = { 0 };
	struct err err = { 0 };
	struct out out;
	int r;

	out_init(&out, o->json, o->color);
	sh.out = &out;
	sh.prompt = attach_has_prompt(o);
	sh.uprobe = o->uprobe;
	so.scope = o->scope;
	so.max_pause_ms = o->has_max_pause ? o->max_pause_ms : sh.prompt ? 0 : MAX_PAUSE_MS;
	so.may_follow = true;
	so.progress = shell_progress;
	so.priv = &sh;
	sh.sigfd = program_signals();
	r = sh.sigfd < 0 ? err_set(&err, sh.sigfd, "signalfd: %s", strerror(-sh.sigfd))
			 : read_scripts(o, &err);
	if (!r)
		r = begin(priv, &so, &err, &sh.s);
	if (!r) {
		r = images_new(sh.s, &so, &err, &sh.im);
		if (r)
			session_free(sh.s);
	}
	if (!r) {
		shell_init(&sh);
		r = run(&sh, o, &err);
	}
	if (r < 0) {
		out_error(&out, err.text[0] ? err.text : strerror(-r));
		sh.status = CLI_FAILED;
	}
	shell_end(&sh);
	shell_deinit(&sh);
	out_deinit(&out);
	if (sh.sigfd >= 0)
		close(sh.sigfd);
	return sh.status;
}

bool attach_has_prompt(const struct attach_options *o)
{
	return !o->args.n && isatty(STDIN_FILENO) &&
	       isatty(o->json ? STDERR_FILENO : STDOUT_FILENO);
}

static int begin(void *priv, const struct session_options *so, struct err *err,
		 struct session **ret)
{
	const pid_t *pid = priv;

	return session_attach(*pid, so, err, ret);
}

int program_attach(const struct program *p, int argc, char **argv)
{
	_cleanup_(attach_options_deinit) struct attach_options o = { 0 };
	pid_t pid;
	int r = parse_options(p, argc, argv, &o, &pid);

	if (r)
		return r < 0 ? CLI_DONE : r;
	return attach_main(&o, begin, &pid);
}
