// SPDX-License-Identifier: BSD-2-Clause
/* continue interrupt detach quit */
#include <errno.h>

#include "base/err.h"
#include "cli/shell.h"
#include "engine/images.h"
#include "engine/session.h"

int cmd_continue(struct shell *sh, const char *args, struct err *err)
{
	int r;

	if (*args)
		return err_set(err, -EINVAL,
			       "continue takes no argument: `tbreak LOCATION` stops there once");
	if (images_standing(sh->im) || sh->stopped) {
		shell_sync_process(sh);
		r = session_continue(sh->s, err);
		if (r < 0)
			return r;
		shell_sync_process(sh);
		sh->stopped = false;
		shell_forget(sh);
		if (sh->out->json)
			out_json(sh->out, json_pack("{ss}", "event", "resumed"));
	}
	/* While it runs, a stop that happened before is the next one. */
	return shell_wait(sh, err);
}

int cmd_interrupt(struct shell *sh, const char *args, struct err *err)
{
	int r;

	(void)args;
	if (sh->stopped)
		return err_set(err, -EALREADY,
			       "the target is stopped already: `continue` lets it run");
	r = images_pause(sh->im, err);
	return r < 0 ? r : shell_wait(sh, err);
}

int cmd_detach(struct shell *sh, const char *args, struct err *err)
{
	(void)args;
	(void)err;
	shell_detach(sh);
	return 0;
}

int cmd_quit(struct shell *sh, const char *args, struct err *err)
{
	(void)args;
	(void)err;
	shell_end(sh);
	return 0;
}
