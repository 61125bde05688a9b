// SPDX-License-Identifier: BSD-2-Clause
/*
 * Breakpoints on exceptions: a class instead of a place. They take no watch slot; one uprobe on
 * PyTraceBack_Here() serves all of them, and costs a trap for each frame that an exception passes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/catch.h"
#include "engine/session_priv.h"
#include "engine/step.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/trace.h"

#define REPR_MAX 500 /* bytes of an exception in a stop's line */

static int class_progress(void *priv, uint64_t done, uint64_t total)
{
	struct session *s = priv;

	return s->opt.progress ? s->opt.progress(s->opt.priv, "looking for the class", done, total)
			       : 0;
}

static int bind_err(struct session *s, const char *name, int r, struct err *err)
{
	switch (r) {
	case -ENOENT:
		return err_set(err, r,
			       "%s: it has no exception class '%s': a class exists once its module "
			       "was imported",
			       s->label, name);
	case -EINVAL:
		return err_set(err, r, "%s: '%s' is not an exception class", s->label, name);
	case -ECANCELED:
		return err_set(err, r, "%s: interrupted before all classes were looked at",
			       s->label);
	default:
		return err_set(err, r, "%s: cannot look for the class '%s': %s", s->label, name,
			       strerror(-r));
	}
}

static int ambiguous(const char *name, const struct interp_class *c, size_t n, struct err *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&sb, "%s%s", i ? ", " : "", c[i].name);
	return err_set(err, -ENOTUNIQ, "several exception classes are called %s: %s", name,
		       strbuf_str(&sb));
}

int catch_bind(struct session *s, struct bp_priv *b, const char *name, struct err *err)
{
	struct interp_class *found = NULL;
	size_t n = 0;
	int r = s->in->ops->exception_classes(s->in, name, class_progress, s, &found, &n);

	if (r)
		return bind_err(s, name, r, err);
	for (size_t i = 1; !r && i < n; i++)
		if (strcmp(found[i].name, found[0].name))
			r = ambiguous(name, found, n, err);
	if (!r) {
		free(b->pub.exception);
		b->pub.exception = strdup(found[0].name);
		if (!b->pub.exception)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r) {
		interp_classes_free(found, n);
		return r;
	}
	interp_classes_free(b->classes, b->nclasses);
	b->classes = found;
	b->nclasses = n;
	return 0;
}

/* ---- arming ---- */

/* Tell the kernel who waits for that class. */
static int sync_class(struct session *s, uint64_t type)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < ABI_CATCH_MAX; i++)
		for (size_t k = 0; s->caught[i] && k < s->caught[i]->nclasses; k++)
			if (s->caught[i]->classes[k].type == type)
				mask |= 1u << i;
	return trace_catch_class(s->trace, type, mask);
}

static int sync_when(struct session *s)
{
	struct abi_catch_when when = { 0 };

	for (uint32_t i = 0; i < ABI_CATCH_MAX; i++) {
		uint32_t bit = s->caught[i] ? 1u << i : 0;

		if (!bit)
			continue;
		if (s->caught[i]->pub.when == CATCH_RAISED)
			when.raised |= bit;
		else if (s->caught[i]->pub.when == CATCH_UNCAUGHT)
			when.uncaught |= bit;
		else
			when.user |= bit;
	}
	return trace_catch_when(s->trace, &when);
}

/* The uprobe, while anything waits. */
static int probe_on(struct session *s, struct err *err)
{
	_cleanup_free_ struct trace_site *sites = NULL;
	size_t n;
	int r = session_sites(s, 1u << ABI_SITE_TRACEBACK, err, &sites, &n);

	return r ? r : trace_program_on(s->trace, TRACE_PROGRAM_CATCH, sites, n, err);
}

static bool any_caught(const struct session *s)
{
	for (size_t i = 0; i < ABI_CATCH_MAX; i++)
		if (s->caught[i])
			return true;
	return false;
}

/* Where b is in s->caught (NULL: the first that is free); ABI_CATCH_MAX: nowhere. */
static uint32_t caught_at(const struct session *s, const struct bp_priv *b)
{
	uint32_t i = 0;

	while (i < ABI_CATCH_MAX && s->caught[i] != b)
		i++;
	return i;
}

void catch_disarm(struct session *s, struct bp_priv *b)
{
	uint32_t at = caught_at(s, b);

	if (at == ABI_CATCH_MAX)
		return;
	rules_refresh(s, b);
	s->caught[at] = NULL;
	for (size_t i = 0; s->trace && i < b->nclasses; i++)
		(void)sync_class(s, b->classes[i].type);
	if (s->trace)
		(void)sync_when(s);
	if (s->trace && !any_caught(s))
		trace_program_off(s->trace, TRACE_PROGRAM_CATCH);
	rules_drop(s, b);
}

int catch_arm(struct session *s, struct bp_priv *b, struct err *err)
{
	uint32_t at = caught_at(s, NULL);
	int r;

	if (at == ABI_CATCH_MAX)
		return err_set(err, -ENOSPC, "%s: no more than %d breakpoints on exceptions",
			       s->label, ABI_CATCH_MAX);
	r = rules_make(s, b, err);
	if (!r)
		r = probe_on(s, err);
	if (r) {
		rules_drop(s, b);
		return r;
	}
	s->caught[at] = b;
	r = trace_catch_rule(s->trace, at, rules_of(b, 0));
	if (!r)
		r = sync_when(s);
	for (size_t i = 0; !r && i < b->nclasses; i++)
		r = sync_class(s, b->classes[i].type);
	if (!r)
		return 0;
	catch_disarm(s, b);
	return err_set(err, r, "%s: cannot tell the kernel of an exception: %s", s->label,
		       strerror(-r));
}

bool catch_stops(const struct session *s)
{
	for (size_t i = 0; i < ABI_CATCH_MAX; i++)
		if (s->caught[i] && s->caught[i]->pub.action == BP_STOP)
			return true;
	return false;
}

struct bp_priv *catch_owner(struct session *s, uint32_t rule)
{
	for (size_t i = 0; i < ABI_CATCH_MAX; i++)
		if (s->caught[i] && rules_of(s->caught[i], 0) == rule)
			return s->caught[i];
	return NULL;
}

/* ---- judging ---- */

#define OUTER_MAX 4 /* a frame and three around it: see exc_leaves() of bpf/catch.bpf.h */

/* The frames in which threading.py runs a thread: what leaves Thread.run() is what nobody has
 * handled. */
static bool is_bootstrap(struct session *s, uint64_t code)
{
	const char *file, *function;
	size_t len;

	if (session_code_names(s, code, &file, &function))
		return false;
	len = strlen(file);
	return len > 13 && !strcmp(file + len - 13, "/threading.py") &&
	       strstr(function, "_bootstrap");
}

/* Tell the kernel whose file that is, so that it need not ask again. */
static bool is_mine(struct session *s, uint64_t code)
{
	bool mine = step_is_mine(s, code);
	struct abi_py py;
	uint64_t file;

	s->in->ops->kernel(s->in, &py);
	if (!mem_u64(target_mem(s->target), code + py.code_filename, &file))
		(void)trace_catch_file(s->trace, file, mine);
	return mine;
}

static bool is_last(struct session *s, enum catch_when when, const struct interp_frame *frames,
		    size_t n)
{
	bool mine;

	if (when == CATCH_USER) {
		mine = n < 2 || is_mine(s, frames[1].code);
		return is_mine(s, frames[0].code) && (n < 2 || !mine);
	}
	for (size_t i = 1; i < n; i++)
		if (i == OUTER_MAX - 1 || !is_bootstrap(s, frames[i].code))
			return false;
	return true;
}

bool catch_judge(struct session *s, const struct bp_priv *b, const struct abi_hit *hit)
{
	static const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 16, .total = 1 };
	_cleanup_free_ struct interp_frame *frames = NULL;
	struct value *v = NULL;
	uint64_t addr, type;
	size_t n = 0;

	if (b->pub.when == CATCH_RAISED)
		return true;
	if (s->in->ops->frames(s->in, hit->tstate, OUTER_MAX, &frames, &n) || !n ||
	    frames[0].frame != hit->frame || !is_last(s, b->pub.when, frames, n) ||
	    s->in->ops->raised(s->in, hit->tstate, &lim, &addr, &v))
		return false;
	type = v->type_address;
	value_free(v);
	frames[0].offset = hit->offset;
	return s->in->ops->handles(s->in, type, &frames[0]) != 1;
}

uint64_t catch_frame(struct session *s, const struct bp_priv *b, const struct abi_hit *hit)
{
	struct interp_frame *left = NULL;
	uint64_t frame = hit->frame;
	size_t n = 0;

	if (b->pub.when != CATCH_RAISED &&
	    !s->in->ops->left_frames(s->in, hit->tstate, &left, &n) && n)
		frame = left[0].frame;
	free(left);
	return frame;
}

char *catch_text(struct interp *in, uint64_t tstate)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct value_limits lim = VALUE_LIMITS_DEFAULT;
	struct value *v = NULL;
	uint64_t addr;

	lim.depth = 2;
	lim.bytes = REPR_MAX;
	if (in->ops->raised(in, tstate, &lim, &addr, &v))
		return NULL;
	value_repr_max(v, &sb, REPR_MAX);
	value_free(v);
	return strbuf_take(&sb);
}

uint64_t session_raised(const struct session *s, pid_t tid)
{
	return s->stopped && s->stop.place == ABI_PLACE_RAISE && (pid_t)s->stop.tid == tid
		       ? s->stop.tstate
		       : 0;
}
