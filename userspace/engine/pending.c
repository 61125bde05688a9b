// SPDX-License-Identifier: BSD-2-Clause
/*
 * Breakpoints on what is not loaded yet, and on it when it is loaded again. A code object that
 * PyEval_EvalCode is about to run and that could hold one (bpf/module.bpf.h) stops its thread; here
 * the code objects in it are read and bound, and the thread goes on: before a line of the new
 * module has run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/index.h"
#include "engine/location.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/target.h"
#include "trace/trace.h"

#define MODULE_NAME "<module>"

/* ---- what is waited for ---- */

struct wanted {
	struct abi_modules what;
	VEC(uint64_t) hashes;
};

static int want_file(struct wanted *w, const char *file)
{
	_cleanup_strbuf_ struct strbuf with_py = STRBUF_INIT;
	size_t len = strlen(file);
	int r;

	/* Every breakpoint's file may have a name of its own: then anything could be meant. */
	if (w->hashes.n + 2 > ABI_MODULES_MAX) {
		w->what.any = 1;
		return 0;
	}
	r = vec_push(&w->hashes, trace_module_hash(file));
	if (r || (len > 3 && !strcmp(file + len - 3, ".py")))
		return r;
	strbuf_addf(&with_py, "%s.py", file);
	return vec_push(&w->hashes, trace_module_hash(strbuf_str(&with_py)));
}

/* A function may be in any file. */
static void want_function(struct wanted *w, const char *qualname)
{
	size_t len = strlen(qualname), n = strlen(MODULE_NAME);

	if (len >= n && !strcmp(qualname + len - n, MODULE_NAME))
		w->what.any = 1; /* a module need not define one */
	else
		w->what.functions = 1;
}

/* Code that is made of text, again and again by that name, is no file that is loaded anew. */
static bool is_file(const char *file)
{
	return file[0] != '<' || !strncmp(file, "<frozen ", 8);
}

/*
 * Only what was waited for once is followed when it is loaded again: each exec, eval and import is
 * a trap then, and a breakpoint in code that was there costs nothing until it is hit. Of many
 * processes any may load it for the first time.
 */
static bool follows(const struct bp_priv *b, bool many)
{
	return b->follow && b->pub.enabled &&
	       (b->pub.pending || ((b->waited || many) && is_file(b->pub.file)));
}

static int want(struct session *s, struct wanted *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->bps.n; i++) {
		const struct bp_priv *b = s->bps.data[i];

		if (!follows(b, processes_many(s)))
			continue;
		if (b->pub.file)
			r = want_file(w, b->pub.file);
		else
			want_function(w, b->pub.function);
	}
	return r;
}

static int arm_site(struct session *s, struct err *err)
{
	_cleanup_free_ struct trace_site *sites = NULL;
	size_t n;
	int r = session_sites(s, 1u << ABI_SITE_EVAL_CODE, err, &sites, &n);

	return r ? r : trace_program_on(s->trace, TRACE_PROGRAM_EVAL_CODE, sites, n, err);
}

static void disarm_site(struct session *s)
{
	if (s->trace)
		trace_program_off(s->trace, TRACE_PROGRAM_EVAL_CODE);
	s->modules_on = false;
}

int pending_sync(struct session *s, struct err *err)
{
	struct wanted w = { 0 };
	int r;

	s->in->ops->modules(s->in, &w.what);
	r = want(s, &w);
	if (r) {
		vec_deinit(&w.hashes);
		return err_set(err, r, "out of memory");
	}
	if (s->over || (!w.hashes.n && !w.what.any && !w.what.functions)) {
		disarm_site(s);
		vec_deinit(&w.hashes);
		return 0;
	}
	r = session_need_trace(s, err);
	if (!r)
		r = session_need_stops(s, err);
	if (!r)
		r = arm_site(s, err);
	if (!r) {
		r = trace_modules_set(s->trace, &w.what, w.hashes.data, w.hashes.n);
		if (r)
			err_set(err, r, "%s: cannot wait for modules: %s", s->label, strerror(-r));
	}
	vec_deinit(&w.hashes);
	/* with an error it waits for what it has waited for */
	s->modules_on |= !r;
	return r;
}

/* ---- a breakpoint that cannot be bound ---- */

static void set_why(struct bp_priv *b, const char *text)
{
	free(b->pub.why);
	b->pub.why = text ? strdup(text) : NULL; /* without memory: not said */
}

int pending_accept(struct bp_priv *b, const struct bp_spec *spec, const char *why)
{
	struct location loc;
	int r;

	r = location_parse(spec->location, NULL, &loc);
	if (r)
		return r;
	b->pub.line = b->pub.line_asked = loc.kind == LOCATION_FUNCTION ? 0 : loc.line;
	b->pub.file = take_ptr(loc.file);
	b->pub.function = take_ptr(loc.qualname);
	location_deinit(&loc);
	b->pub.pending = b->waited = true;
	set_why(b, why);
	return b->pub.file || b->pub.function ? 0 : -ENOMEM;
}

/* Nothing of it is left that could be hit. */
static void become_pending(struct bp_priv *b)
{
	binding_deinit(&b->where);
	free(b->pub.places);
	b->pub.places = NULL;
	b->pub.nplaces = 0;
	b->pub.slots = 0;
	b->pub.pending = b->waited = true;
	b->pub.gone = false;
}

/* ---- binding ---- */

static bool has_code(const struct code_index *ix, uint64_t code)
{
	const struct index_code *codes;
	size_t n = code_index_all(ix, &codes);

	for (size_t i = 0; i < n; i++)
		if (codes[i].address == code)
			return true;
	return false;
}

/*
 * Add to w the places that b has in older copies which are still there; *ret_changed: w is not all
 * that b has had. What b has in a code object of ix is as w says.
 */
static int keep_old(struct session *s, const struct bp_priv *b, const struct code_index *ix,
		    struct binding *w, bool *ret_changed)
{
	size_t i, fresh = w->n;

	for (i = 0; i < fresh; i++)
		*ret_changed |= !binding_has_place(&b->where, &w->places[i]);
	for (i = 0; i < b->where.n; i++) {
		const struct bind_place *p = &b->where.places[i];
		int r;

		if (has_code(ix, p->code)) {
			*ret_changed |= !binding_has_place(w, p);
			continue;
		}
		if (!bp_is_same_code(s, p)) {
			*ret_changed = true;
			continue;
		}
		r = binding_copy_place(w, p);
		if (r)
			return r;
	}
	return 0;
}

/* Arm b at w, which it takes over; what comes after the first `fresh` places are older copies:
 * given up where there is no slot. */
static int rebind(struct session *s, struct bp_priv *b, struct binding *w, size_t fresh,
		  struct err *err)
{
	int r;

	bp_disarm(s, b);
	binding_deinit(&b->where);
	b->where = *w;
	*w = (struct binding){ 0 };
	r = bp_describe(b) ? err_set(err, -ENOMEM, "out of memory") : bp_arm(s, b, err);
	if (r == -ENOSPC && b->where.n > fresh) {
		binding_cut(&b->where, fresh);
		r = bp_describe(b) ? err_set(err, -ENOMEM, "out of memory") : bp_arm(s, b, err);
		if (!r)
			set_why(b, "an older copy of its code is no longer watched: there was no "
				   "watch slot for both");
	} else if (!r) {
		set_why(b, NULL);
	}
	b->pub.pending = b->pub.gone = false;
	b->was_bound |= !r;
	if (r)
		become_pending(b);
	return r;
}

static int tell(struct session *s, enum session_event_kind kind, const struct bp_priv *b)
{
	return vec_push(&s->events, (struct session_event){ .kind = kind, .bp = b->pub.id });
}

/* It could not be bound to what it was meant for: told, unless it was told before. */
static int stay_pending(struct session *s, struct bp_priv *b, const char *why)
{
	if (b->pub.why && !strcmp(b->pub.why, why))
		return 0;
	set_why(b, why);
	return tell(s, SESSION_UNBOUND, b);
}

/* Where b is in the code of ix, for the watch engine. -ENOENT: nowhere; else as bind_location(). */
static int find_line(struct session *s, const struct bp_priv *b, struct code_index *ix,
		     struct err *err, struct binding *ret)
{
	struct location loc = { 0 };
	const char *const *files;
	size_t i, n;
	int r;

	if (!b->was_bound) {
		r = location_parse(b->pub.location, err, &loc);
		if (!r)
			r = bind_location(ix, s->in, &loc, b->pub.location, NULL, s->label, err,
					  ret);
		location_deinit(&loc);
		return r;
	}
	/* again: the same file, the same function */
	n = code_index_files(ix, &files);
	for (i = 0; i < n && strcmp(files[i], b->pub.file) != 0; i++)
		;
	if (i == n)
		return -ENOENT;
	loc = (struct location){ .kind = b->pub.line_asked ? LOCATION_FILE_LINE : LOCATION_FUNCTION,
				 .file = b->pub.file,
				 .line = b->pub.line_asked,
				 .qualname = b->pub.function };
	r = bind_location(ix, s->in, &loc, b->pub.location, NULL, s->label, err, ret);
	if (!r && !b->pub.line_asked && strcmp(ret->function, b->pub.function) != 0) {
		binding_deinit(ret);
		return -ENOENT;
	}
	return r;
}

static int resolve(struct session *s, const struct bp_priv *b, struct code_index *ix,
		   struct err *err, struct binding *ret)
{
	int r = find_line(s, b, ix, err, ret);

	if (r || b->pub.engine != BP_UPROBE)
		return r;
	r = bind_entry(ix, s->label, err, ret);
	if (r)
		binding_deinit(ret);
	return r;
}

/* ix: code that is about to run. */
static int bind_new(struct session *s, struct bp_priv *b, struct code_index *ix)
{
	struct binding w = { 0 };
	struct err err = { 0 };
	bool changed = false;
	size_t fresh;
	int r;

	r = resolve(s, b, ix, &err, &w);
	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	if (r)
		return b->pub.pending ? stay_pending(s, b, err.text) : 0;
	fresh = w.n;
	r = binding_keep_names(s, &w);
	if (!r && processes_many(s) && !b->pub.pending) {
		/* The others may be about to run what they have. */
		r = bp_extend(s, b, &w, &err, &changed);
		r = r	      ? stay_pending(s, b, err.text)
		    : changed ? tell(s, SESSION_BOUND, b)
			      : rules_identify(s, b, &err);
		binding_deinit(&w);
		return r;
	}
	if (!r)
		r = keep_old(s, b, ix, &w, &changed);
	if (!r && changed) {
		r = rebind(s, b, &w, fresh, &err);
		r = r ? stay_pending(s, b, err.text) : tell(s, SESSION_BOUND, b);
	} else if (!r) {
		r = rules_identify(s, b, &err); /* loaded again to the same address */
	}
	binding_deinit(&w);
	return r;
}

int pending_module(struct session *s, const struct abi_hit *hit)
{
	struct mem *mem = target_mem(s->target);
	struct code_index *ix = NULL;
	int r;

	/* The thread stands and has the GIL; what was kept of before may be old. */
	mem_cache_off(mem);
	mem_cache_on(mem);
	r = code_index_new(s->in, &ix);
	if (!r)
		r = code_index_read(ix, hit->code, true);
	for (size_t i = 0; !r && i < s->bps.n; i++)
		if (follows(s->bps.data[i], processes_many(s)))
			r = bind_new(s, s->bps.data[i], ix);
	code_index_free(ix);
	mem_cache_off(mem);
	if (s->stopped || s->still)
		mem_cache_on(mem);
	(void)pending_sync(s, NULL);
	return r == -EINVAL ? 0 : r;
}

/* ---- by hand ---- */

static int retry(struct session *s, struct bp_priv *b, struct err *err)
{
	struct binding w = { 0 };
	struct err why = { 0 };
	int r;

	/* First whatever comes now is seen, then that which came before. */
	r = pending_sync(s, err);
	if (!r && !(s->stopped && code_index_time(s->index) >= s->stopped_ns))
		r = bps_scan(s, err);
	if (r)
		return r;
	r = resolve(s, b, s->index, &why, &w);
	if (r == -ENOENT)
		return 0;
	if (r)
		return err_set(err, r, "%s", why.text);
	r = binding_keep_names(s, &w);
	if (!r)
		r = rebind(s, b, &w, w.n, err);
	binding_deinit(&w);
	return r ? r : pending_sync(s, err);
}

int pending_rebind(struct session *s, struct bp_priv *b, struct binding *w, struct err *err)
{
	int r = rebind(s, b, w, w->n, err);

	return r ? r : pending_sync(s, err);
}

void pending_become(struct session *s, struct bp_priv *b)
{
	bp_disarm(s, b);
	become_pending(b);
	set_why(b, "the processes that had it have ended");
}

int pending_follow(struct session *s, struct bp_priv *b, struct err *err)
{
	struct err why = { 0 };

	if (b->pub.pending)
		return retry(s, b, err);
	/* For what is bound already that is not worth a failure. */
	if (pending_sync(s, &why)) {
		err_prefix(&why, "not bound when its file is loaded again");
		set_why(b, why.text);
	}
	return 0;
}

int pending_revive(struct session *s, struct bp_priv *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->where.n; i++)
		n += process_has_code(s, &b->where.places[i]);
	if (n == b->where.n)
		return 0;
	if (!b->follow)
		return -ESTALE;
	become_pending(b);
	set_why(b, "the code that it was bound to is gone");
	return 0;
}
