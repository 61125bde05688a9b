// SPDX-License-Identifier: BSD-2-Clause
/* watch, info watchpoints */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"
#include "probes/value.h"
#include "trace/trace.h"

#define REPR_MAX 400 /* bytes of a value in a line */

void shell_show_watch(struct shell *sh, const struct bp *bp)
{
	out_add(sh->out, OUT_PLAIN, "writes to %s (%s)", bp->location, bp->storage);
}

static void show_value(struct shell *sh, const char *name, const struct value *v)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (v)
		value_repr_max(v, &sb, REPR_MAX);
	out_line(sh->out, "        %s %s", name, v ? strbuf_str(&sb) : "nothing: not bound");
}

void shell_show_write(struct shell *sh, const struct bp *bp, const char *ended)
{
	const struct value *old, *new;

	if (!bp)
		return;
	session_watch_values(sh->s, bp->id, &old, &new);
	out_line(sh->out, "        %s", bp->location);
	show_value(sh, "old:", old);
	if (ended)
		out_line(sh->out, "        watchpoint %d ends: %s", bp->id, ended);
	else
		show_value(sh, "new:", new);
}

void shell_tell_ended(struct shell *sh, int but)
{
	const struct bp *const *bps;
	size_t n = session_bps(sh->s, &bps);
	int last = sh->told_ended;

	for (size_t i = 0; i < n; i++) {
		if (!bps[i]->ended || bps[i]->id <= sh->told_ended)
			continue;
		if (bps[i]->id != but)
			out_note(sh->out, "watchpoint %d (%s) has ended: %s", bps[i]->id,
				 bps[i]->location, bps[i]->ended);
		last = bps[i]->id;
	}
	sh->told_ended = last;
}

static void show_armed(struct shell *sh, const struct bp *bp)
{
	if (sh->out->json) {
		out_json(sh->out, js_bound(bp));
		return;
	}
	out_add(sh->out, OUT_BOLD, "watchpoint %d", bp->id);
	out_add(sh->out, OUT_PLAIN, ": ");
	shell_show_watch(sh, bp);
	out_add(sh->out, OUT_PLAIN, ", %u watch slot%s of %d", bp->slots, bp->slots == 1 ? "" : "s",
		TRACE_SLOTS);
	out_end(sh->out);
	if (bp->condition)
		out_line(sh->out, "        stops only if %s", bp->condition);
}

int cmd_watch(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_free_ char *expression = NULL, *condition = NULL;
	struct bp_spec spec = { 0 };
	struct look lk;
	int r, id;

	if (!*args)
		return info_watchpoints(sh, err);
	r = parse_watch(args, err, &expression, &condition);
	if (r < 0)
		return r;
	spec.location = expression;
	spec.condition = condition;
	r = look_begin(sh, false, err, &lk);
	if (r < 0)
		return r;
	r = images_watch(sh->im, &spec, lk.frames[lk.frame].frame, err, &id);
	if (!r)
		show_armed(sh, session_bp(sh->s, id));
	look_end(sh, &lk);
	return r;
}

int info_watchpoints(struct shell *sh, struct err *err)
{
	const struct bp *const *bps;
	size_t n = images_bps(sh->im, &bps);
	bool any = false;
	int r = 0;

	(void)err;
	for (size_t i = 0; !r && i < n; i++) {
		if (!bps[i]->data)
			continue;
		r = info_one(sh, bps[i]);
		any = true;
	}
	if (!any)
		out_line(sh->out, "no watchpoints: `watch NAME`, `watch OBJ.ATTR` or `watch "
				  "OBJ[KEY]` sets one");
	return r;
}
