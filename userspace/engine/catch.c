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
#include "base/strbuf.h"
#include "engine/catch.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "probes/value.h"
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

/* The uprobe, while anything waits. */
static int probe_on(struct session *s, struct err *err)
{
	_cleanup_free_ struct trace_site *sites = NULL;
	_cleanup_free_ struct interp_site *found = NULL;
	size_t n = 0;
	int r = s->in->ops->sites(s->in, 1u << ABI_SITE_TRACEBACK, err, &found, &n);

	if (r)
		return r;
	sites = calloc(n + 1, sizeof(*sites));
	if (!sites)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		sites[i] = (struct trace_site){ found[i].addr, found[i].site };
	return trace_program_on(s->trace, TRACE_PROGRAM_CATCH, sites, n, err);
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
