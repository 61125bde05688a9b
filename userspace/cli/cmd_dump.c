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
#include "cli/greenlets.h"
#include "cli/js.h"
#include "cli/mixed.h"
#include "cli/parse.h"
#include "cli/program.h"
#include "cli/shell.h"
#include "cli/tasks.h"
#include "engine/mixed.h"
#include "engine/session.h"
#include "engine/vars.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/kin.h"
#include "target/native.h"
#include "target/target.h"

#define FRAMES_MAX 10000
#define LOCALS_FRAMES_MAX \
	200 /* frames of a thread whose locals are read: the target waits meanwhile */
#define TEXT_MAX     400
#define MUTEX_FRAMES 3 /* from the system call to the function that locks */
#define JSON_DEPTH   1

static const struct value_limits limits = { .depth = 3, .items = 50, .bytes = 1024, .total = 1000 };

/* A thread as it stood; all of it is read before the target goes on, and printed after. */
struct shot {
	pid_t tid;
	char name[64];
	char doing[64];
	bool holds_gil;
	struct interp_frame *frames; /* innermost first */
	struct place {
		char *file, *function;
	} * places;	     /* of the first nplaces frames */
	struct vars *locals; /* of the first nlocals frames */
	size_t nplaces, nlocals;
	struct native_stack stack; /* --native, until it is unwound */
	struct mixed_frame *mixed; /* --native; innermost first */
	size_t nmixed;
	uint64_t futex; /* what it sleeps on, 0: nothing */
	const struct lock_wait *wait;
};

struct dump {
	struct session *s;
	struct out *out;
	bool locals, children, with_native;
	pid_t process;	       /* with children: which one of them; else 0 */
	struct native *native; /* NULL: not asked for */
	struct interp_thread *threads;
	VEC(struct shot) shots;
	VEC(struct lock_wait) waits;
	bool with_tasks, with_greenlets;
	struct session_task *tasks;
	size_t ntasks;
	struct session_greenlet *greenlets;
	size_t ngreenlets;
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
		free(sh->mixed);
		native_stack_deinit(&sh->stack);
		free(sh->places);
		free(sh->frames);
	}
	vec_deinit(&d->shots);
	vec_deinit(&d->waits);
	free(d->threads);
	session_tasks_free(d->tasks, d->ntasks);
	session_greenlets_free(d->greenlets, d->ngreenlets);
	d->greenlets = NULL;
	d->ngreenlets = 0;
	d->tasks = NULL;
	d->ntasks = 0;
	d->threads = NULL;
	native_free(d->native);
	d->native = NULL;
	session_free(d->s);
	d->s = NULL;
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
		shot->places[i] = (struct place){ strdup(file), strdup(function) };
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

static int read_thread(struct dump *d, const struct interp_thread *th)
{
	struct shot *shot;
	size_t n = 0;
	int r;

	r = vec_push(&d->shots, (struct shot){ .tid = th->tid, .holds_gil = th->holds_gil });
	if (r < 0)
		return r;
	shot = &d->shots.data[d->shots.n - 1];
	memcpy(shot->name, th->name, sizeof(shot->name));
	if (!shot->name[0] && target_comm(session_target(d->s), th->tid, shot->name))
		shot->name[0] = '\0';
	session_thread_doing(d->s, th, shot->doing);
	shot->futex = session_futex(d->s, th);
	if (session_frames(d->s, th->tid, FRAMES_MAX, &shot->frames, &n) < 0)
		n = 0;
	r = read_places(d, shot->frames, n, shot);
	if (!r && d->locals)
		r = read_locals(d, shot->frames, n, shot);
	if (!r && d->native)
		r = session_native_stack(d->s, d->native, th->tid, &shot->stack);
	return r == -ENOMEM ? r : 0;
}

/* What needs no pause: the target runs again. */
static int unwind_all(struct dump *d)
{
	for (size_t i = 0; d->native && i < d->shots.n; i++) {
		struct shot *shot = &d->shots.data[i];

		if (session_mixed(d->s, d->native, &shot->stack, shot->frames, shot->nplaces,
				  &shot->mixed, &shot->nmixed) == -ENOMEM)
			return -ENOMEM;
		native_stack_deinit(&shot->stack);
	}
	return 0;
}

/* Its innermost native frames say that it waits for a mutex of C code. */
static bool in_mutex(const struct shot *shot)
{
	for (size_t i = 0; i < shot->nmixed && i < MUTEX_FRAMES && !shot->mixed[i].python; i++)
		if (shot->mixed[i].function && (strstr(shot->mixed[i].function, "lll_lock_wait") ||
						strstr(shot->mixed[i].function, "mutex_lock")))
			return true;
	return false;
}

static int find_locks(struct dump *d, size_t nthreads)
{
	_cleanup_free_ bool *mutex = calloc(d->shots.n ? d->shots.n : 1, sizeof(*mutex));
	size_t i, k = 0;
	int r = mutex ? 0 : -ENOMEM;

	for (i = 0; !r && i < d->shots.n; i++) {
		const struct shot *shot = &d->shots.data[i];

		if (!shot->futex)
			continue;
		mutex[d->waits.n] = in_mutex(shot);
		r = vec_push(&d->waits,
			     (struct lock_wait){ .tid = shot->tid, .futex = shot->futex });
	}
	/* Which lock it is could not be found out: the stacks still are worth printing. */
	if (r || session_lock_waits(d->s, d->threads, nthreads, mutex, d->waits.data, d->waits.n))
		return r;
	for (i = 0; i < d->shots.n && k < d->waits.n; i++) {
		if (d->shots.data[i].tid != d->waits.data[k].tid)
			continue;
		if (d->waits.data[k].object || d->waits.data[k].owner)
			d->shots.data[i].wait = &d->waits.data[k];
		k++;
	}
	return 0;
}

/*
 * From 3.11 on a thread's state is there before the thread, and has no number until that runs
 * (native_thread_id; Python/pystate.c, Modules/_threadmodule.c, thread_run()). How many are left.
 */
static size_t drop_unborn(struct interp_thread *threads, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (threads[i].tid)
			threads[to++] = threads[i];
	return to;
}

static int read_all(struct dump *d, pid_t pid, struct err *err)
{
	size_t n = 0;
	int r;

	r = session_still_begin(d->s, err);
	if (r < 0)
		return r;
	r = session_threads(d->s, &d->threads, &n);
	if (r < 0)
		err_set(err, r, "pid %d: its threads cannot be read: %s", pid, strerror(-r));
	else
		n = drop_unborn(d->threads, n);
	shell_sort_threads(d->threads, n);
	for (size_t i = 0; !r && i < n; i++)
		r = read_thread(d, &d->threads[i]);
	if (!r && d->with_tasks) {
		r = session_tasks(d->s, &d->tasks, &d->ntasks);
		if (r)
			err_set(err, r, "pid %d: its tasks cannot be read: %s", pid, strerror(-r));
	}
	if (!r && d->with_greenlets)
		r = session_greenlets(d->s, err, &d->greenlets, &d->ngreenlets);
	session_still_end(d->s, &d->pause_us);
	if (!r)
		r = unwind_all(d);
	return r ? r : find_locks(d, n);
}

/* ---- printing ---- */

static const char *name_of(const struct dump *d, pid_t tid)
{
	for (size_t i = 0; i < d->shots.n; i++)
		if (d->shots.data[i].tid == tid)
			return d->shots.data[i].name;
	return "";
}

static void print_wait(struct dump *d, const struct lock_wait *w)
{
	out_add(d->out, OUT_PLAIN, "    waits for ");
	if (w->object)
		out_add(d->out, OUT_PLAIN, "<_thread.%s at 0x%" PRIx64 ">",
			w->recursive ? "RLock" : "lock", w->object);
	else
		out_add(d->out, OUT_PLAIN, "the mutex at 0x%" PRIx64, w->futex);
	if (w->owner)
		out_add(d->out, OUT_PLAIN, ", which thread %d \"%s\" holds", w->owner,
			name_of(d, w->owner));
	out_end(d->out);
}

static void print_python(struct dump *d, const struct shot *shot, size_t i)
{
	out_add(d->out, OUT_PLAIN, "    ");
	out_add(d->out, OUT_CYAN, "%s()", shot->places[i].function);
	out_add(d->out, OUT_PLAIN, " at %s:%d", shot->places[i].file, shot->frames[i].line);
	out_end(d->out);
	for (size_t k = 0; i < shot->nlocals && k < shot->locals[i].n; k++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		value_repr_max(shot->locals[i].data[k].value, &text, TEXT_MAX);
		out_line(d->out, "        %s = %s", shot->locals[i].data[k].name,
			 strbuf_str(&text));
	}
}

static void print_text(struct dump *d, const struct shot *shot)
{
	out_add(d->out, OUT_BOLD, "thread %d \"%s\"", shot->tid, shot->name);
	out_add(d->out, OUT_PLAIN, " (%s%s)%s", shot->holds_gil ? "holds the GIL, " : "",
		*shot->doing ? shot->doing : "?",
		shot->nplaces ? ", innermost frame first:" : ": no Python code there now");
	out_end(d->out);
	if (shot->wait)
		print_wait(d, shot->wait);
	for (size_t i = 0; i < shot->nmixed; i++) {
		if (shot->mixed[i].python)
			print_python(d, shot, shot->mixed[i].frame);
		else
			show_native(d->out, "    ", &shot->mixed[i]);
	}
	for (size_t i = 0; !shot->nmixed && i < shot->nplaces; i++)
		print_python(d, shot, i);
	if (d->native && !shot->nmixed)
		out_line(d->out, "    its native stack cannot be read");
}

static json_t *js_wait(const struct dump *d, const struct lock_wait *w)
{
	char address[24];

	snprintf(address, sizeof(address), "0x%" PRIx64, w->object ? w->object : w->futex);
	return json_pack("{ss ss so}", "type",
			 !w->object	? "mutex"
			 : w->recursive ? "_thread.RLock"
					: "_thread.lock",
			 "address", address, "owner",
			 w->owner ? js_thread(w->owner, name_of(d, w->owner)) : json_null());
}

static void print_json(struct dump *d, const struct shot *shot)
{
	json_t *frames = json_array(), *stack;

	for (size_t i = 0; frames && i < shot->nplaces; i++) {
		json_t *j = js_frame(shot->places[i].file, shot->frames[i].line,
				     shot->places[i].function);

		if (j && i < shot->nlocals)
			json_object_set_new(j, "locals", js_vars(&shot->locals[i], JSON_DEPTH));
		json_array_append_new(frames, j);
	}
	stack = json_pack("{ss so so}", "event", "stack", "thread",
			  js_thread(shot->tid, shot->name), "frames", frames);
	if (stack)
		json_object_set_new(stack, "state", js_text(shot->doing));
	if (stack && shot->holds_gil)
		json_object_set_new(stack, "holds_gil", json_true());
	if (stack && shot->wait)
		json_object_set_new(stack, "waits_for", js_wait(d, shot->wait));
	if (stack && d->process)
		json_object_set_new(stack, "process", json_integer(d->process));
	if (stack && d->native)
		json_object_set_new(stack, "native", js_mixed(shot->mixed, shot->nmixed));
	out_json(d->out, stack);
}

static void print_deadlock(struct dump *d, const size_t *circle, size_t n)
{
	json_t *list = d->out->json ? json_array() : NULL;

	if (!d->out->json)
		out_add(d->out, OUT_BOLD, "deadlock:");
	for (size_t i = 0; i < n; i++) {
		pid_t tid = d->waits.data[circle[i]].tid;

		if (d->out->json)
			json_array_append_new(list, js_thread(tid, name_of(d, tid)));
		else
			out_add(d->out, OUT_PLAIN, " thread %d \"%s\" waits for", tid,
				name_of(d, tid));
	}
	if (d->out->json) {
		out_json(d->out, json_pack("{ss so}", "event", "deadlock", "threads", list));
		return;
	}
	out_add(d->out, OUT_PLAIN, " thread %d", d->waits.data[circle[0]].tid);
	out_end(d->out);
}

static int print_deadlocks(struct dump *d)
{
	_cleanup_free_ size_t *circle = calloc(d->waits.n ? d->waits.n : 1, sizeof(*circle));
	size_t state = 0, n;

	if (!circle)
		return -ENOMEM;
	while ((n = session_deadlock(d->waits.data, d->waits.n, &state, circle)))
		print_deadlock(d, circle, n);
	return 0;
}

static int print_all(struct dump *d)
{
	struct interp *in = session_interp(d->s);
	char pid[PROGRAM_PID];

	program_pid(session_target(d->s), pid);
	if (!d->out->json)
		out_line(d->out, "pid %s: Python %s, %zu thread%s; it stood still for %.1f ms", pid,
			 in->ops->info(in)->version, d->shots.n, d->shots.n == 1 ? "" : "s",
			 (double)d->pause_us / 1000);
	for (size_t i = 0; i < d->shots.n; i++) {
		if (d->out->json)
			print_json(d, &d->shots.data[i]);
		else
			print_text(d, &d->shots.data[i]);
	}
	if (d->with_tasks)
		tasks_show(d->out, d->tasks, d->ntasks, d->process);
	if (d->with_greenlets)
		greenlets_show(d->out, d->greenlets, d->ngreenlets, d->process);
	return print_deadlocks(d);
}

static bool reader_is_gone(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLERR;
}

static int dump_one(struct dump *d, pid_t pid, struct err *err)
{
	struct session_options so = { 0 };
	int r = session_attach(pid, &so, err, &d->s);

	if (!r && d->with_native)
		r = native_new(session_target(d->s), err, &d->native);
	if (!r)
		r = read_all(d, pid, err);
	if (!r)
		r = print_all(d);
	if (!r)
		r = out_check(d->out, err);
	dump_deinit(d);
	return r;
}

/* Is the process no Python, or has it ended meanwhile? */
static bool is_none_of_ours(int r)
{
	return r == -ENOENT || r == -ESRCH;
}

/* The process and its descendants, each by itself: one after the other stands still. */
static int dump_family(struct dump *d, pid_t pid, struct err *err)
{
	_cleanup_free_ struct kin *kin = NULL;
	size_t n = 0, shown = 0;
	int r = kin_of(pid, &kin, &n);

	if (r == -ESRCH)
		return err_set(err, r, "pid %d: there is no such process", pid);
	if (r)
		return err_set(err, r, "pid %d: its children cannot be found: %s", pid,
			       strerror(-r));
	for (size_t i = 0; i < n; i++) {
		struct err why = { 0 };

		d->process = kin[i].pid;
		if (shown && !d->out->json)
			out_line(d->out, "%s", "");
		r = dump_one(d, kin[i].pid, &why);
		if (r == -EPIPE || (!i && r == -ESRCH))
			return err_set(err, r, "%s", why.text[0] ? why.text : strerror(-r));
		shown += !r;
		if (r && !is_none_of_ours(r))
			out_note(d->out, "%s", why.text[0] ? why.text : strerror(-r));
	}
	return shown ? 0
		     : err_set(err, -ENOENT,
			       "pid %d: neither it nor any process below it is one "
			       "of Python that can be read",
			       pid);
}

static int parse_options(const struct program *p, int argc, char **argv, struct dump *d,
			 bool *ret_json, enum out_color_mode *ret_color, pid_t *ret_pid)
{
	enum {
		OPT_JSON = 256,
		OPT_LOCALS,
		OPT_NATIVE,
		OPT_CHILDREN,
		OPT_TASKS,
		OPT_GREENLETS,
		OPT_COLOR
	};
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "locals", no_argument, NULL, OPT_LOCALS },
		{ "native", no_argument, NULL, OPT_NATIVE },
		{ "tasks", no_argument, NULL, OPT_TASKS },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "greenlets", no_argument, NULL, OPT_GREENLETS },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			*ret_json = true;
			break;
		case OPT_LOCALS:
			d->locals = true;
			break;
		case OPT_NATIVE:
			d->with_native = true;
			break;
		case OPT_CHILDREN:
			d->children = true;
			break;
		case OPT_TASKS:
			d->with_tasks = true;
			break;
		case OPT_GREENLETS:
			d->with_greenlets = true;
			break;
		case OPT_COLOR:
			if (out_color_mode(optarg, ret_color))
				return program_usage(
					p, "--color is auto, always or never, not '%.40s'", optarg);
			break;
		case 'h':
			program_help(p);
			return -1;
		default:
			return program_bad_option(p, argv, c);
		}
	}
	if (optind + 1 != argc)
		return program_usage(p, "%s",
				     optind == argc ? "a process id is missing"
						    : "one process id is needed, no more");
	if (parse_pid(argv[optind], &err, ret_pid))
		return program_usage(p, "%s", err.text);
	return 0;
}

int program_dump(const struct program *p, int argc, char **argv)
{
	enum out_color_mode color = OUT_COLOR_AUTO;
	struct dump d = { 0 };
	struct err err = { 0 };
	bool json = false;
	struct out out;
	pid_t pid = 0;
	int r;

	r = parse_options(p, argc, argv, &d, &json, &color, &pid);
	if (r)
		return r < 0 ? CLI_DONE : r;
	out_init(&out, json, color);
	d.out = &out;
	r = d.children ? dump_family(&d, pid, &err) : dump_one(&d, pid, &err);
	/* `dump | head` has what it wanted. */
	if (r && !(r == -EPIPE && reader_is_gone()))
		out_error(&out, err.text[0] ? err.text : strerror(-r));
	out_deinit(&out);
	return r ? CLI_FAILED : CLI_DONE;
}
