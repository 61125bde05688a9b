// SPDX-License-Identifier: BSD-2-Clause
/* What is not there yet (--pending) and what is no more, for the programs that stop nothing else.
 */
#include <errno.h>

#include "base/err.h"
#include "cli/js.h"
#include "cli/out.h"
#include "cli/program.h"
#include "engine/session.h"

int program_break(struct session *s, const struct bp_spec *spec, struct out *out, struct err *err,
		  int *ret_id)
{
	const struct bp *bp;
	int r = session_break(s, spec, err, ret_id);

	if (r == -ENOENT && !spec->exception) {
		struct err old = *err;

		return err_set(err, r, "%.400s (--pending waits for it)", old.text);
	}
	if (r)
		return r;
	bp = session_bp(s, *ret_id);
	if (bp->pending)
		out_note(out, "%s: pending until it is loaded%s%s%s", bp->location,
			 bp->why ? " (" : "", bp->why ? bp->why : "", bp->why ? ")" : "");
	return 0;
}

void program_bound(struct out *out, const struct bp *bp)
{
	if (!bp)
		return;
	if (out->json)
		out_json(out, js_bound(bp));
	if (bp->why)
		out_note(out, "%s: %s", bp->location, bp->why);
	else
		out_note(out, "%s: bound to %s:%d (%s), %zu location%s", bp->location, bp->file,
			 bp->line, bp->function, bp->nplaces, bp->nplaces == 1 ? "" : "s");
}

void program_watch_ended(struct out *out, const struct bp *bp)
{
	if (out->json)
		out_json(out, json_pack("{ss so so}", "event", "ended", "location",
					js_text(bp->location), "reason", js_text(bp->ended)));
	else
		out_note(out, "%s: watched only until it ended: %s", bp->location, bp->ended);
}
