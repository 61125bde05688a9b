// SPDX-License-Identifier: BSD-2-Clause
/* dump: every thread's stack, then the target goes on. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "cli/shell.h"
#include "engine/vars.h"
#include "engine/session.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/native.h"
#include "target/target.h"

#define FRAMES_MAX 10000
#define LOCALS_FRAMES_MAX \
	200 /* frames of a thread whose locals are read: the target waits meanwhile */
#define TEXT_MAX   400
#define JSON_DEPTH 1

static const struct value_limits limits = { .depth = 3, .items = 50, .bytes = 1024, .total = 1000 };

/* A thread as it stood; all of it is read before the target goes on, and printed after. */
struct shot {
	pid_t tid;
	char name[64];
	char state;
	struct place {
		char *file, *function;
		int32_t line;
	} * places;	     /* innermost first */
	struct vars *locals; /* of the first nlocals frames */
	size_t nplaces, nlocals;
	uint64_t *pcs; /* --native; innermost first */
	size_t npcs;
};

struct dump {
	struct session *s;
	struct out *out;
	bool locals;
	struct native *native; /* NULL: not asked for */
	VEC(struct shot) shots;
	uint64_t pause_us;
};

static void dump_deinit(struct dump *d)
{
	for (size_t i = 0; i < d->shots.n; i++) {
		struct shot *sh = &d->shots.data[i];

		for (size_t k = 0; k < sh->nlocals; k++)
			vars_deinit(&sh->locals[k]);
		for (size_t k = 0; k < sh->nplaces; k++) {
			free(sh->places[k].file);
			free(sh->places[k].function);
		}
		free(sh->locals);
		free(sh->pcs);
		free(sh->places);
	}
	vec_deinit(&d->shots);
}

static int read_places(struct dump *d, const struct interp_frame *frames, size_t n,
		       struct shot *shot)
{
	shot->places = calloc(n ? n : 1, sizeof(*shot->places));
	if (!shot->places)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *file, *function;

		if (session_code_names(d->s, frames[i].code, &file, &function))
			file = function = "?";
		shot->nplaces = i + 1;
		shot->places[i] = (struct place){ strdup(file), strdup(function), frames[i].line };
		if (!shot->places[i].file || !shot->places[i].function)
			return -ENOMEM;
	}
	return 0;
}

static int read_locals(struct dump *d, const struct interp_frame *frames, size_t n,
		       struct shot *shot)
{
	if (n > LOCALS_FRAMES_MAX)
		n = LOCALS_FRAMES_MAX;
	shot->locals = calloc(n ? n : 1, sizeof(*shot->locals));
	if (!shot->locals)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		/* What cannot be read is left out: the stack still is worth printing. */
		vars_read(session_interp(d->s), &frames[i], VARS_LOCALS, &limits, NULL,
			  &shot->locals[i]);
		shot->nlocals = i + 1;
	}
	return 0;
}

static int read_native(struct dump *d, struct shot *shot)
{
	shot->pcs = calloc(NATIVE_FRAMES_MAX, sizeof(*shot->pcs));
	if (!shot->pcs)
		return -ENOMEM;
	if (native_unwind(d->native, shot->tid, shot->pcs, NATIVE_FRAMES_MAX, &shot->npcs) < 0)
		shot->npcs = 0;
	return 0;
}

static int read_thread(struct dump *d, const struct interp_thread *th)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	struct shot *shot;
	size_t n = 0;
	int r;

	r = vec_push(&d->shots, (struct shot){ .tid = th->tid });
	if (r < 0)
		return r;
	shot = &d->shots.data[d->shots.n - 1];
	memcpy(shot->name, th->name, sizeof(shot->name));
	if (!shot->name[0] && target_comm(session_target(d->s), th->tid, shot->name))
		shot->name[0] = '\0';
	shot->state = session_thread_state(d->s, th->tid);
	if (session_frames(d->s, th->tid, FRAMES_MAX, &frames, &n) < 0)
		n = 0;
	r = read_places(d, frames, n, shot);
	if (!r && d->locals)
		r = read_locals(d, frames, n, shot);
	if (!r && d->native)
		r = read_native(d, shot);
	return r;
}

static int read_all(struct dump *d, pid_t pid, struct err *err)
{
	_cleanup_free_ struct interp_thread *threads = NULL;
	size_t n = 0;
	int r;

	r = session_still_begin(d->s, err);
	if (r < 0)
		return r;
	r = session_threads(d->s, &threads, &n);
	if (r < 0)
		err_set(err, r, "pid %d: its threads cannot be read: %s", pid, strerror(-r));
	else
		shell_sort_threads(threads, n);
	for (size_t i = 0; !r && i < n; i++)
		r = read_thread(d, &threads[i]);
	session_still_end(d->s, &d->pause_us);
	return r;
}

/* ---- printing ---- */

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "waiting for a device";
	case 'T':
		return "stopped by job control";
	case 't':
		return "traced";
	default:
		return "state unknown";
	}
}

static void print_native(struct dump *d, const struct shot *shot)
{
	for (size_t i = 0; i < shot->npcs; i++) {
		const char *function, *file;

		native_symbol(d->native, shot->pcs[i], i > 0, &function, &file);
		out_add(d->out, OUT_DIM, "    native 0x%" PRIx64, shot->pcs[i]);
		out_line(d->out, " %s (%s)", function ? function : "?", file ? file : "?");
	}
	if (!shot->npcs)
		out_line(d->out, "    its native stack cannot be read");
}

static void print_text(struct dump *d, const struct shot *shot)
{
	out_add(d->out, OUT_BOLD, "thread %d \"%s\"", shot->tid, shot->name);
	out_add(d->out, OUT_PLAIN, " (%s)%s", state_name(shot->state),
		shot->nplaces ? ", innermost frame first:" : ": no Python code there now");
	out_end(d->out);
	for (size_t i = 0; i < shot->nplaces; i++) {
		out_add(d->out, OUT_PLAIN, "    ");
		out_add(d->out, OUT_CYAN, "%s()", shot->places[i].function);
		out_add(d->out, OUT_PLAIN, " at %s:%d", shot->places[i].file, shot->places[i].line);
		out_end(d->out);
		for (size_t k = 0; i < shot->nlocals && k < shot->locals[i].n; k++) {
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

			value_repr_max(shot->locals[i].data[k].value, &text, TEXT_MAX);
			out_line(d->out, "        %s = %s", shot->locals[i].data[k].name,
				 strbuf_str(&text));
		}
	}
	if (d->native)
		print_native(d, shot);
}

static json_t *js_native(struct dump *d, const struct shot *shot)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < shot->npcs; i++) {
		const char *function, *file;
		char address[24];

		native_symbol(d->native, shot->pcs[i], i > 0, &function, &file);
		snprintf(address, sizeof(address), "0x%" PRIx64, shot->pcs[i]);
		json_array_append_new(list, json_pack("{ss so so}", "address", address, "function",
						      js_text(function), "file", js_text(file)));
	}
	return list;
}

static json_t *js_locals(const struct vars *vars)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < vars->n; i++)
		json_array_append_new(
			list, js_value(vars->data[i].name, vars->data[i].value, JSON_DEPTH));
	return list;
}

static void print_json(struct dump *d, const struct shot *shot)
{
	json_t *frames = json_array(), *stack;

	for (size_t i = 0; frames && i < shot->nplaces; i++) {
		json_t *j = js_frame(shot->places[i].file, shot->places[i].line,
				     shot->places[i].function);

		if (j && i < shot->nlocals)
			json_object_set_new(j, "locals", js_locals(&shot->locals[i]));
		json_array_append_new(frames, j);
	}
	stack = json_pack("{ss so so}", "event", "stack", "thread",
			  js_thread(shot->tid, shot->name), "frames", frames);
	if (stack && d->native)
		json_object_set_new(stack, "native", js_native(d, shot));
	out_json(d->out, stack);
}

static void print_all(struct dump *d, pid_t pid)
{
	struct interp *in = session_interp(d->s);

	if (!d->out->json)
		out_line(d->out, "pid %d: Python %s, %zu thread%s; it stood still for %.1f ms", pid,
			 in->ops->info(in)->version, d->shots.n, d->shots.n == 1 ? "" : "s",
			 (double)d->pause_us / 1000);
	for (size_t i = 0; i < d->shots.n; i++) {
		if (d->out->json)
			print_json(d, &d->shots.data[i]);
		else
			print_text(d, &d->shots.data[i]);
	}
}

static bool reader_is_gone(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLERR;
}

int program_dump(const struct program *p, int argc, char **argv)
{
	enum { OPT_JSON = 256, OPT_LOCALS, OPT_NATIVE, OPT_COLOR };
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "locals", no_argument, NULL, OPT_LOCALS },
		{ "native", no_argument, NULL, OPT_NATIVE },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	enum out_color_mode color = OUT_COLOR_AUTO;
	struct session_options so = { 0 };
	struct dump d = { 0 };
	struct err err = { 0 };
	bool json = false, native = false;
	struct out out;
	pid_t pid;
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			json = true;
			break;
		case OPT_LOCALS:
			d.locals = true;
			break;
		case OPT_NATIVE:
			native = true;
			break;
		case OPT_COLOR:
			if (out_color_mode(optarg, &color))
				return program_usage(
					p, "--color is auto, always or never, not '%.40s'", optarg);
			break;
		case 'h':
			return program_help(p);
		default:
			return program_bad_option(p, argv, c);
		}
	}
	if (optind + 1 != argc)
		return program_usage(p, "%s",
				     optind == argc ? "a process id is missing"
						    : "one process id is needed, no more");
	if (parse_pid(argv[optind], &err, &pid))
		return program_usage(p, "%s", err.text);
	out_init(&out, json, color);
	d.out = &out;
	r = session_attach(pid, &so, &err, &d.s);
	if (!r && native)
		r = native_new(session_target(d.s), &err, &d.native);
	if (!r)
		r = read_all(&d, pid, &err);
	if (!r) {
		print_all(&d, pid);
		r = out_check(&out, &err);
	}
	/* `dump | head` has what it wanted. */
	if (r && !(r == -EPIPE && reader_is_gone()))
		out_error(&out, err.text[0] ? err.text : strerror(-r));
	native_free(d.native);
	session_free(d.s);
	dump_deinit(&d);
	out_deinit(&out);
	return r ? CLI_FAILED : CLI_DONE;
}
