// SPDX-License-Identifier: BSD-2-Clause
/* snap: the frames and locals of the thread that runs a line. Nothing is stopped, but with --deep.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "bpf/abi.h"
#include "cli/captures.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/lifetime.h"
#include "cli/program.h"
#include "engine/capture.h"
#include "engine/vars.h"
#include "probes/probe.h"
#include "target/target.h"

#define JSON_DEPTH 3
#define TEXT_MAX   400
#define FRAMES_MAX 200 /* --deep: the target waits meanwhile */

static const struct value_limits deep_limits = {
	.depth = 8, .items = 1000, .bytes = 65536, .total = 20000
};

/* A frame with its variables, read; printed later. */
struct shot_frame {
	const char *file, *function; /* the session's */
	int32_t line;
	struct vars vars;
};

struct shot {
	char *exception;	   /* --catch: its repr; else NULL */
	struct shot_frame *frames; /* innermost first */
	size_t n;
	pid_t tid;
	uint64_t time_ns, pause_us;
	bool truncated;
};

static void shot_deinit(struct shot *sh)
{
	for (size_t i = 0; i < sh->n; i++)
		vars_deinit(&sh->frames[i].vars);
	free(sh->frames);
	free(sh->exception);
}

static void print_json(struct captures *cs, const struct shot *sh, const char *when)
{
	json_t *frames = json_array(), *all;

	for (size_t i = 0; frames && i < sh->n; i++) {
		const struct shot_frame *f = &sh->frames[i];
		json_t *j = js_frame(f->file, f->line, f->function);

		if (j)
			json_object_set_new(j, "locals", js_vars(&f->vars, JSON_DEPTH));
		json_array_append_new(frames, j);
	}
	all = json_pack("{ss ss so so so sI sb}", "event", "snapshot", "time", when, "thread",
			js_thread(sh->tid, captures_thread(cs, sh->tid)), "location",
			js_text(cs->hits.location), "frames", frames, "pause_us",
			(json_int_t)sh->pause_us, "truncated", sh->truncated);
	if (all && cs->process)
		json_object_set_new(all, "process", json_integer(cs->process));
	if (all && sh->exception)
		json_object_set_new(all, "exception", js_text(sh->exception));
	out_json(cs->out, all);
}

/* What an object with attributes and no repr of its own holds: a line each. */
static void print_attributes(struct captures *cs, const struct value *v)
{
	for (size_t i = 0; v->kind == VALUE_INSTANCE && v->form == FORM_PLAIN && i < v->nitems;
	     i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		if (!v->items[i]->name)
			continue;
		value_repr_max(v->items[i], &text, TEXT_MAX);
		out_line(cs->out, "            .%s = %s", v->items[i]->name, strbuf_str(&text));
	}
}

static void print_text(struct captures *cs, const struct shot *sh, const char *when)
{
	out_add(cs->out, OUT_BOLD, "%s ", when);
	if (cs->process)
		out_add(cs->out, OUT_BOLD, "[%d] ", cs->process);
	out_add(cs->out, OUT_BOLD, "thread %d \"%s\"", sh->tid, captures_thread(cs, sh->tid));
	if (cs->deep)
		out_add(cs->out, OUT_PLAIN, ", it stood still for %.1f ms",
			(double)sh->pause_us / 1000);
	if (sh->exception)
		out_add(cs->out, OUT_BOLD, ", exception %s", sh->exception);
	out_end(cs->out);
	for (size_t i = 0; i < sh->n; i++) {
		const struct shot_frame *f = &sh->frames[i];

		out_add(cs->out, OUT_PLAIN, "    ");
		out_add(cs->out, OUT_CYAN, "%s()", f->function);
		out_add(cs->out, OUT_PLAIN, " at %s:%d", f->file, f->line);
		out_end(cs->out);
		for (size_t k = 0; k < f->vars.n; k++) {
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

			value_repr_max(f->vars.data[k].value, &text, TEXT_MAX);
			out_line(cs->out, "        %s = %s", f->vars.data[k].name,
				 strbuf_str(&text));
			print_attributes(cs, f->vars.data[k].value);
		}
	}
	if (sh->truncated)
		out_line(cs->out, "    (not all of it: --record-bytes %u is reached)",
			 cs->what.bytes);
}

static void print(struct captures *cs, const struct shot *sh)
{
	char when[40];

	captures_time(cs, sh->time_ns, cs->out->json, when);
	if (cs->out->json)
		print_json(cs, sh, when);
	else
		print_text(cs, sh, when);
}

/* Names and variables of frames; what cannot be read is left out. */
static int read_frame(struct captures *cs, const struct interp_frame *f,
		      const struct value_limits *lim, struct shot_frame *ret)
{
	ret->line = f->line;
	return vars_read(session_interp(cs->s), f, VARS_LOCALS, lim, NULL, &ret->vars) == -ENOMEM
		       ? -ENOMEM
		       : 0;
}

static void name_frame(struct captures *cs, uint64_t code, struct shot_frame *f)
{
	if (session_code_names(cs->s, code, &f->file, &f->function))
		f->file = f->function = "?";
}

static int read_shot(struct captures *cs, const struct capture *c, struct shot *ret)
{
	struct interp *in = session_interp(cs->s);
	struct mem *mem = target_mem(session_target(cs->s));
	size_t n = c->rec->nframes;
	struct shot sh = { .exception = capture_exception(c, in, mem),
			   .frames = calloc(n + 1, sizeof(*sh.frames)),
			   .tid = (pid_t)c->rec->hit.tid,
			   .time_ns = c->rec->hit.time_ns,
			   .truncated = c->rec->truncated };
	struct captures_sums bp = { 0 };
	int r = sh.frames ? 0 : -ENOMEM;

	captures_sums(cs, &bp);
	for (size_t i = 0; !r && i < n; i++) {
		struct interp_frame f = { .frame = c->frames[i].frame,
					  .code = c->frames[i].code,
					  .offset = c->frames[i].offset };
		int line = in->ops->line_of(in, f.code, f.offset);

		/* The frame of the hit has not noted its position yet (3.11+). */
		f.line = i == 0 && !cs->hits.exception ? bp.line : line > 0 ? line : 0;
		capture_begin(c, mem);
		r = read_frame(cs, &f, &cs->limits, &sh.frames[i]);
		capture_end(mem);
		name_frame(cs, f.code, &sh.frames[i]);
		sh.n = i + 1;
	}
	if (r)
		shot_deinit(&sh);
	else
		*ret = sh;
	return r;
}

static int show(struct captures *cs, const struct capture *c, struct err *err)
{
	struct shot sh;
	int r = read_shot(cs, c, &sh);

	if (!r && captures_read_again(cs)) {
		shot_deinit(&sh);
		r = read_shot(cs, c, &sh);
	}
	if (r)
		return err_set(err, r, "out of memory");
	print(cs, &sh);
	shot_deinit(&sh);
	return 0;
}

static int nothing(struct captures *cs, struct err *err)
{
	(void)cs;
	(void)err;
	return 0;
}

/* ---- --deep ---- */

/* The thread stands: read all, let it go, then print. */
static int show_stopped(struct captures *cs, const struct session_event *ev, struct err *err)
{
	_cleanup_free_ struct interp_frame *frames = NULL;
	struct shot sh = { .exception = ev->exception ? strdup(ev->exception) : NULL,
			   .tid = session_stop_tid(cs->s),
			   .time_ns = session_stop_time(cs->s) };
	size_t n = 0;
	int r;

	r = session_frames(cs->s, sh.tid,
			   cs->what.frames < FRAMES_MAX ? cs->what.frames : FRAMES_MAX, &frames,
			   &n);
	if (!r)
		sh.frames = calloc(n + 1, sizeof(*sh.frames));
	if (!r && !sh.frames)
		r = -ENOMEM;
	for (size_t i = 0; !r && i < n; i++) {
		r = read_frame(cs, &frames[i], &deep_limits, &sh.frames[i]);
		name_frame(cs, frames[i].code, &sh.frames[i]);
		sh.n = i + 1;
	}
	if (r)
		err_set(err, r, "pid %d: its frames cannot be read: %s", cs->pid, strerror(-r));
	else
		r = session_continue(cs->s, err);
	sh.pause_us = (clock_ns() - sh.time_ns) / 1000;
	if (!r)
		print(cs, &sh);
	shot_deinit(&sh);
	cs->shown += !r;
	return r;
}

static int deep_until_end(struct captures *cs, struct err *err, bool *ret_timeout)
{
	uint64_t end = clock_ms() + cs->for_ms;

	while (!cs->ended && cs->shown < cs->hits.limit) {
		struct pollfd fds[2] = { { .fd = session_fd(cs->s), .events = POLLIN },
					 { .fd = cs->sigfd, .events = POLLIN } };
		struct session_event ev = { 0 };
		uint64_t now = clock_ms();
		int r;

		*ret_timeout = now >= end;
		if (*ret_timeout) {
			lifetime_is_over(cs->out, cs->for_ms);
			return 0;
		}
		if (poll(fds, 2, end - now > 1000 ? 1000 : (int)(end - now)) < 0 && errno != EINTR)
			return err_set(err, -errno, "poll: %s", strerror(errno));
		if (fds[1].revents)
			return 0;
		r = session_next_event(cs->s, 0, &ev);
		if (r < 0)
			return err_set(err, r, "pid %d: its events cannot be read: %s", cs->pid,
				       strerror(-r));
		cs->ended |= ev.kind == SESSION_EXITED || ev.kind == SESSION_EXEC;
		if (ev.kind == SESSION_BOUND || ev.kind == SESSION_UNBOUND)
			program_bound(cs->out, session_bp(cs->s, ev.bp));
		if (ev.kind == SESSION_RESUMED_BY_LIMIT)
			out_note(cs->out, "pid %d was let go before all was read (--max-pause)",
				 cs->pid);
		if (ev.kind == SESSION_LOST)
			captures_unseen(cs, ev.lost);
		if (ev.kind == SESSION_STOPPED && ev.reason != STOP_PAUSE)
			r = show_stopped(cs, &ev, err);
		if (r)
			return r;
	}
	return 0;
}

static int deep(struct captures *cs)
{
	struct session_options so = { .scope = cs->scope, .max_pause_ms = cs->max_pause_ms };
	struct bp_spec hits = cs->hits;
	struct err err = { 0 };
	bool timeout = false;
	int r;

	hits.limit = 0; /* counted here: a hit whose stop was lost is none */
	captures_begin(cs);
	r = cs->sigfd < 0 ? err_set(&err, cs->sigfd, "signalfd: %s", strerror(-cs->sigfd))
			  : session_attach(cs->pid, &so, &err, &cs->s);
	if (!r)
		r = program_break(cs->s, &hits, cs->out, &err, &cs->bp);
	if (!r && cs->out->json)
		out_json(cs->out, js_bound(session_bp(cs->s, cs->bp)));
	if (!r) {
		captures_lifetime(cs);
		r = deep_until_end(cs, &err, &timeout);
	}
	if (r < 0)
		out_error(cs->out, err.text[0] ? err.text : strerror(-r));
	session_free(cs->s);
	captures_end(cs);
	if (r < 0)
		return CLI_FAILED;
	if (cs->shown >= cs->hits.limit)
		return CLI_DONE;
	return cs->ended ? CLI_ENDED : timeout ? CLI_TIMEOUT : CLI_DONE;
}

int program_snap(const struct program *p, int argc, char **argv)
{
	struct captures cs = {
		.hits = { .action = BP_SNAP, .limit = 1 },
		.what = { .frames = 16, .items = 50, .value_bytes = 512, .bytes = 48 * 1024 },
		.limits = { .depth = 3, .total = 20000 },
		.max_pause_ms = 10000,
		.max_rate = 1000,
		.max_bytes = 16 << 20,
		.required = true,
		.show = show,
	};
	struct out out;
	int r;

	r = captures_options(&cs, p, argc, argv, NULL);
	if (r)
		return r < 0 ? CLI_DONE : r;
	cs.limits.items = cs.what.items;
	cs.limits.bytes = cs.what.value_bytes;
	cs.what.depth = cs.limits.depth + 1;
	out_init(&out, cs.json, cs.color);
	cs.out = &out;
	if (cs.deep)
		cs.hits.action = BP_STOP;
	r = cs.deep	  ? deep(&cs)
	    : cs.children ? captures_run_children(&cs, nothing)
			  : captures_run(&cs, nothing);
	out_deinit(&out);
	return r;
}
