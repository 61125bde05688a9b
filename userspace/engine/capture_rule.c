// SPDX-License-Identifier: BSD-2-Clause
/* What the kernel is told to send for a log or a snapshot. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "bpf/capture_abi.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "trace/trace.h"

#define EXC_DEPTH 3 /* levels of an exception that are sent with a log: enough for its repr */

/* The slot of a local of this code that needs no program; -ENOENT: there is none, or it is not the
 * whole truth. */
static int find_slot(struct session *s, uint64_t code, const char *name, uint32_t *ret)
{
	struct interp_slot *slots = NULL;
	bool optimized;
	size_t n = 0;
	int r;

	r = s->in->ops->code_slots(s->in, code, &optimized, &slots, &n);
	if (r)
		return r;
	r = -ENOENT;
	/* Two of one name: a cell and what is captured of it, say. */
	for (size_t i = 0; optimized && i < n; i++) {
		if (strcmp(slots[i].name, name) != 0)
			continue;
		r = r ? 0 : -ENOENT;
		*ret = ABI_PROG_SLOT | slots[i].slot;
		if (r)
			break;
	}
	interp_slots_free(slots, n);
	return r;
}

/* The names that stand for the exception where one is raised (expr_scope.tstate). */
static bool is_exception(const char *name)
{
	return !strcmp(name, "exc") || !strcmp(name, "__exception__");
}

/* How the kernel finds what a name stands for: a word of abi_capture.progs. */
static int capture_name(struct session *s, const struct bp_priv *b, struct bp_rule *r,
			const char *name, capture_compile_fn compile, struct err *err,
			uint32_t *ret)
{
	struct err why = { 0 };
	int q;

	if (r->code && !b->data && find_slot(s, r->code, name, ret) == 0)
		return 0;
	q = compile(s, r, name, &why, ret);
	if (q)
		return err_set(err, q, "%s: '%s' cannot be looked up in the kernel: %s", s->label,
			       name, why.text[0] ? why.text : strerror(-q));
	if (b->data)
		*ret |= ABI_PROG_WRITE;
	if (b->pub.exception && is_exception(name))
		*ret |= ABI_PROG_EXC;
	return 0;
}

int capture_rule(struct session *s, const struct bp_priv *b, struct bp_rule *r,
		 capture_compile_fn compile, struct err *err)
{
	const struct bp_capture *c = b->capture;
	struct abi_capture abi = {
		.nexprs = (uint32_t)c->nnames,
		.frames = c->frames,
		.depth = c->depth,
		.items = c->items,
		.value_bytes = c->value_bytes,
		.bytes = c->bytes,
	};
	struct err why = { 0 };
	int q;

	if (c->nnames > ABI_CAPTURE_EXPRS)
		return err_set(err, -E2BIG, "%s: no more than %d names can be captured at a hit",
			       s->label, ABI_CAPTURE_EXPRS);
	if (b->pub.exception)
		abi.exc_depth = b->pub.action == BP_SNAP ? c->depth : EXC_DEPTH;
	for (size_t i = 0; i < c->nnames; i++) {
		abi.depths[i] = c->levels[i];
		if (i < c->npaths) {
			/* What the kernel cannot follow is looked up below its name. */
			if (compile(s, r, c->names[i], &why, &abi.progs[i]))
				abi.progs[i] = 0;
			abi.progs[i] |= ABI_PROG_PATH;
			continue;
		}
		q = capture_name(s, b, r, c->names[i], compile, err, &abi.progs[i]);
		if (q)
			return q;
		if (i >= c->nnames - c->nspare)
			abi.progs[i] |= ABI_PROG_SPARE;
		if (abi.progs[i] & ABI_PROG_EXC && abi.exc_depth < abi.depths[i])
			abi.exc_depth = abi.depths[i];
	}
	q = trace_capture_set(s->trace, r->capture, &abi);
	return q ? err_set(err, q, "%s: cannot give the kernel a capture: %s", s->label,
			   strerror(-q))
		 : 0;
}

void session_disarm(struct session *s)
{
	bps_disarm(s);
}

int session_limits(struct session *s, uint64_t records, uint64_t bytes, struct err *err)
{
	const struct abi_limits limits = { records, bytes };
	int r = session_need_trace(s, err);

	if (r)
		return r;
	r = trace_limits_set(s->trace, &limits);
	return r ? err_set(err, r, "%s: cannot set limits: %s", s->label, strerror(-r)) : 0;
}
