// SPDX-License-Identifier: BSD-2-Clause
/* A data breakpoint's life: what it refers to, and the memory that is watched for it. */
#include "engine/data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/index.h"
#include "engine/kexpr.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/trace.h"

_Static_assert(ABI_GUARDS_MAX == INTERP_GUARDS_MAX, "one limit for both sides");
_Static_assert(ABI_DATA_SKIPS == INTERP_SKIPS_MAX, "one limit for both sides");

#define LAST_BYTE                                                                      \
	7 /* of a word: every store of the word writes it, a byte at a time at the end \
	   */

/* ---- what is referred to ---- */

static const char *const holders[] = {
	[STORAGE_CELL] = "the closure", [STORAGE_SLOT] = "the object",
	[STORAGE_VALUE] = "the object", [STORAGE_ENTRY] = "the dict or its owner",
	[STORAGE_ITEM] = "the list",
};

static char *holder_text(struct session *s, const struct interp_storage *st)
{
	const char *file, *function;
	char text[256];

	if (st->kind != STORAGE_LOCAL)
		return strdup(holders[st->kind]);
	if (code_index_names(s->index, st->code, &file, &function))
		function = "?";
	snprintf(text, sizeof(text), "the frame of %s()", function);
	return strdup(text);
}

/* A name that is no local variable lies in the mapping of a module or class body, or is a global.
 */
static int find_global(struct session *s, struct data_watch *w, uint64_t frame, struct err *err)
{
	uint64_t globals = w->globals, builtins = 0, locals = 0, found;
	int r = 0;

	if (frame)
		r = s->in->ops->frame_dicts(s->in, frame, &globals, &builtins, &locals);
	if (r)
		return err_set(err, r, "%s: the frame's variables cannot be read", s->label);
	w->ref.kind = REF_ITEM;
	w->target.key = value_new_str(w->target.name, strlen(w->target.name));
	w->ref.key = w->target.key;
	if (!w->target.key)
		return err_set(err, -ENOMEM, "out of memory");
	w->ref.owner = locals;
	if (locals && !s->in->ops->dict_get(s->in, locals, w->target.name, &found))
		return 0;
	w->ref.owner = globals;
	if (!s->in->ops->dict_get(s->in, globals, w->target.name, &found))
		return 0;
	if (builtins && !s->in->ops->dict_get(s->in, builtins, w->target.name, &found))
		return err_set(err, -EOPNOTSUPP, "'%s' is built in", w->target.name);
	return err_set(err, -ENOENT, "NameError: name '%s' is not defined", w->target.name);
}

static int data_refer(struct session *s, struct data_watch *w, const struct expr *e, uint64_t frame,
		      struct err *err)
{
	struct expr_scope scope = { .in = s->in, .frame = frame, .globals = w->globals };
	int r = expr_target(e, &scope, err, &w->target);

	if (r)
		return r;
	w->ref = (struct interp_ref){
		.kind = w->target.key ? REF_ITEM : REF_ATTR,
		.owner = w->target.owner,
		.name = w->target.name,
		.key = w->target.key,
	};
	r = -ENXIO;
	if (!w->target.owner && frame) {
		w->ref.kind = REF_LOCAL;
		w->ref.owner = frame;
		r = s->in->ops->storage(s->in, &w->ref, err, &w->st);
	}
	if (!w->target.owner && r == -ENXIO)
		r = find_global(s, w, frame, err);
	else if (w->target.owner)
		r = 0;
	if (!r)
		r = s->in->ops->storage(s->in, &w->ref, err, &w->st);
	if (r == -EAGAIN && w->st.gone == GONE_SHORT)
		return -ENOENT; /* the line is there */
	return r == -EAGAIN ? 0 : r;
}

int data_new(struct session *s, const struct expr *e, uint64_t frame, uint64_t globals,
	     struct err *err, struct data_watch **ret)
{
	struct data_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->globals = globals;
	r = data_refer(s, w, e, frame, err);
	if (!r) {
		w->ref.code = w->st.code;
		w->nowhere = !w->st.slot;
		w->holder = w->nowhere ? strdup("the dict") : holder_text(s, &w->st);
		r = w->holder ? 0 : err_set(err, -ENOMEM, "out of memory");
	}
	if (r) {
		data_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void data_free(struct data_watch *w)
{
	if (!w)
		return;
	expr_target_deinit(&w->target);
	value_free(w->now);
	value_free(w->old);
	value_free(w->new);
	free(w->holder);
	free(w);
}

/* ---- points ---- */

static struct data_point *point_at(struct session *s, uint64_t addr)
{
	for (size_t i = 0; i < s->points.n; i++)
		if (s->points.data[i]->addr == addr)
			return s->points.data[i];
	return NULL;
}

static int point_set(struct session *s, struct data_point *p, struct err *err)
{
	int r = trace_data_set(s->trace, p->addr, &p->abi);

	return r ? err_set(err, r, "%s: cannot tell the kernel what is watched: %s", s->label,
			   strerror(-r))
		 : 0;
}

/* What the kernel has gone on with since the point was set. */
static void point_refresh(struct session *s, struct data_point *p)
{
	struct abi_data now;

	if (!s->trace || trace_data_get(s->trace, p->addr, &now))
		return;
	p->abi.last = now.last;
	p->abi.serial = now.serial;
	p->abi.dirty = now.dirty;
	p->abi.torn = now.torn;
}

void data_tell_last(struct session *s, const struct data_watch *w)
{
	struct data_point *p = point_at(s, w->slot_point);

	if (!p)
		return;
	point_refresh(s, p);
	p->abi.last = w->last;
	p->abi.torn = 0;
	(void)point_set(s, p, NULL);
}

/* One use more of a point; abi says what its writes mean, but for the rules. */
static int point_take(struct session *s, uint64_t addr, const struct abi_data *abi, uint32_t rule,
		      struct err *err)
{
	const struct trace_spec spec = {
		.handler = TRACE_HANDLER_DATA, .addr = addr, .len = 1, .write = true
	};
	struct data_point *p = point_at(s, addr);
	bool fresh = !p;
	size_t i = 0;
	int r;

	if (fresh) {
		p = calloc(1, sizeof(*p));
		if (!p || vec_push(&s->points, p)) {
			free(p);
			return err_set(err, -ENOMEM, "out of memory");
		}
		p->addr = addr;
		p->abi = *abi;
	} else {
		point_refresh(s, p);
	}
	while (rule && i < ABI_PLACE_RULES && p->abi.rules[i])
		i++;
	if (i == ABI_PLACE_RULES)
		return err_set(err, -ENOSPC, "%s: %d breakpoints watch this already", s->label,
			       ABI_PLACE_RULES);
	if (rule)
		p->abi.rules[i] = rule;
	p->abi.last = abi->last;
	r = point_set(s, p, err);
	if (!r && fresh)
		r = trace_arm(s->trace, &spec, err);
	if (!r) {
		p->users++;
		return 0;
	}
	if (rule)
		p->abi.rules[i] = 0;
	if (fresh) {
		(void)trace_data_del(s->trace, addr);
		s->points.n--;
		free(p);
	}
	return r;
}

static void point_release(struct session *s, uint64_t *addr, uint32_t rule)
{
	struct data_point *p = *addr ? point_at(s, *addr) : NULL;
	size_t i;

	*addr = 0;
	if (!p)
		return;
	for (i = 0; rule && i < ABI_PLACE_RULES; i++)
		if (p->abi.rules[i] == rule)
			p->abi.rules[i] = 0;
	if (--p->users) {
		point_refresh(s, p);
		(void)point_set(s, p, NULL);
		return;
	}
	for (i = 0; s->points.data[i] != p; i++)
		;
	s->points.data[i] = s->points.data[--s->points.n];
	if (s->trace) {
		(void)trace_disarm(s->trace, TRACE_HANDLER_DATA, p->addr);
		(void)trace_data_del(s->trace, p->addr);
	}
	free(p);
}

void data_points_deinit(struct session *s)
{
	for (size_t i = 0; i < s->points.n; i++) {
		if (s->trace)
			(void)trace_disarm(s->trace, TRACE_HANDLER_DATA, s->points.data[i]->addr);
		free(s->points.data[i]);
	}
	vec_deinit(&s->points);
}

bool data_needs_tracees(const struct session *s)
{
	return s->points.n > 0;
}

/* ---- arming ---- */

/* What the kernel has to know of the storage. */
static struct abi_data data_abi(struct session *s, const struct data_watch *w)
{
	const struct interp_storage *st = &w->st;
	struct abi_data d = {
		.slot = st->slot,
		.mask = st->mask,
		.last = w->last,
		.serial = w->serial,
		.frame = st->frame,
		.code = st->code,
		.text = st->text,
		.text_end = st->text_end,
		.ob_refcnt = st->ob_refcnt,
		.ob_type = st->ob_type,
		.type_flags = st->type_flags,
		.item = st->kind == STORAGE_ITEM,
		.entry = st->kind == STORAGE_ENTRY,
		.nguards = st->nguards,
		.nskip = st->nskip,
		.tgid = process_inner(s),
	};

	for (unsigned i = 0; i < st->nguards; i++)
		d.guards[i] = (struct abi_guard){ .addr = st->guards[i].addr,
						  .mask = st->guards[i].mask,
						  .value = st->guards[i].value,
						  .differs = st->guards[i].differs };
	for (unsigned i = 0; i < st->nskip; i++) {
		d.skip[i].lo = st->skip[i].lo;
		d.skip[i].hi = st->skip[i].hi;
		d.skip[i].restores = st->skip[i].restores;
	}
	if (st->kind != STORAGE_ITEM && st->kind != STORAGE_SLOT)
		d.nhalf = (uint32_t)s->in->ops->half_writes(s->in, d.half, &d.code_code,
							    &d.bytes_data);
	return d;
}

/* Another watch on the same slot may have counted its writes from another number on. */
static void slot_taken(struct session *s, struct data_watch *w)
{
	w->slot_point = w->st.slot + LAST_BYTE;
	w->now_serial += point_at(s, w->slot_point)->abi.serial - w->serial;
	w->serial = point_at(s, w->slot_point)->abi.serial;
}

unsigned data_slots(const struct data_watch *w)
{
	return (w->st.slot || w->st.also ? 1u : 0u) + (w->st.moves ? 1u : 0u);
}

int data_arm(struct session *s, struct bp_priv *b, struct err *err)
{
	const struct abi_data moves = { .action = ABI_ACT_STOP, .tgid = process_inner(s) };
	uint32_t rule = rules_of(b, KEXPR_AT_WRITE);
	struct data_watch *w = b->data;
	struct abi_data abi = data_abi(s, w);
	int r = 0;

	/* First what is given up, so that its slots are free again. */
	data_disarm(s, b);
	if (w->st.slot)
		r = point_take(s, w->st.slot + LAST_BYTE, &abi, rule, err);
	if (!r && w->st.slot)
		slot_taken(s, w);
	if (!r && w->st.moves)
		r = point_take(s, w->st.moves + LAST_BYTE, &moves, 0, err);
	if (!r && w->st.moves)
		w->moves_point = w->st.moves + LAST_BYTE;
	if (!r && !w->st.slot && w->st.also)
		r = point_take(s, w->st.also + LAST_BYTE, &moves, 0, err);
	if (!r && !w->st.slot && w->st.also)
		w->also_point = w->st.also + LAST_BYTE;
	if (r)
		data_disarm(s, b);
	return r;
}

void data_disarm(struct session *s, struct bp_priv *b)
{
	point_release(s, &b->data->slot_point, rules_of(b, KEXPR_AT_WRITE));
	point_release(s, &b->data->moves_point, 0);
	point_release(s, &b->data->also_point, 0);
}
