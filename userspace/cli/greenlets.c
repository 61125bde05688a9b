// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/greenlets.h"
#include "cli/js.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "engine/session.h"

static const char *const states[] = {
	[GREENLET_NEW] = "not started",
	[GREENLET_SUSPENDED] = "suspended",
	[GREENLET_RUNNING] = "running",
};

void greenlets_add_name(struct out *out, uint64_t greenlet, const char *type)
{
	out_add(out, OUT_BOLD, "greenlet 0x%" PRIx64, greenlet);
	out_add(out, OUT_PLAIN, " (%s)", type);
}

json_t *greenlets_js_name(uint64_t greenlet, const char *type)
{
	char id[24];

	snprintf(id, sizeof(id), "0x%" PRIx64, greenlet);
	return json_pack("{ss so}", "id", id, "type", js_text(type));
}

static void show_json(struct out *out, const struct session_greenlet *g, pid_t process)
{
	json_t *frames = json_array(), *j = greenlets_js_name(g->greenlet, g->type), *more;

	for (size_t i = 0; frames && i < g->nplaces; i++)
		json_array_append_new(frames, js_frame(g->places[i].file, g->places[i].line,
						       g->places[i].function));
	more = json_pack("{ss ss sb so so so}", "event", "greenlet", "state", states[g->state],
			 "main", g->main, "run", g->run ? js_text(g->run) : json_null(), "thread",
			 g->tid ? json_integer(g->tid) : json_null(), "frames", frames);
	if (j && more)
		json_object_update(more, j);
	if (more && process)
		json_object_set_new(more, "process", json_integer(process));
	json_decref(j);
	out_json(out, more);
}

static void show_text(struct out *out, const struct session_greenlet *g)
{
	greenlets_add_name(out, g->greenlet, g->type);
	out_add(out, OUT_PLAIN, "%s %s", g->main ? ", main," : "", states[g->state]);
	if (g->tid)
		out_add(out, OUT_PLAIN, " in thread %d", g->tid);
	if (g->run)
		out_add(out, OUT_PLAIN, ": %s", g->run);
	out_end(out);
	for (size_t i = 0; i < g->nplaces; i++) {
		out_add(out, OUT_PLAIN, "    ");
		out_add(out, OUT_CYAN, "%s()", g->places[i].function);
		out_add(out, OUT_PLAIN, " at %s:%d", g->places[i].file, g->places[i].line);
		out_end(out);
	}
}

void greenlets_show(struct out *out, const struct session_greenlet *g, size_t n, pid_t process)
{
	if (!n && !out->json)
		out_line(out, "no greenlets");
	for (size_t i = 0; i < n; i++) {
		if (out->json)
			show_json(out, &g[i], process);
		else
			show_text(out, &g[i]);
	}
}

int cmd_greenlets(struct shell *sh, const char *args, struct err *err)
{
	struct session_greenlet *g = NULL;
	uint64_t us = 0;
	size_t n = 0;
	bool still, was;
	int r;

	(void)args;
	r = shell_still_begin(sh, err, &still);
	if (r < 0)
		return r;
	was = still;
	r = session_greenlets(sh->s, err, &g, &n);
	shell_still_end(sh, &still, &us);
	if (r)
		return r;
	greenlets_show(sh->out, g, n, 0);
	if (was)
		out_note(sh->out, "(the target is running: it stood still for %.1f ms)",
			 (double)us / 1000);
	session_greenlets_free(g, n);
	return 0;
}
