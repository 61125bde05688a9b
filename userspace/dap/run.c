// SPDX-License-Identifier: BSD-2-Clause
/* continue, pause */
#include "dap/dap.h"
#include "engine/session.h"

static int req_continue(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	int r = session_continue(d->s, err);

	(void)args;
	if (r)
		return r;
	handles_clear(&d->handles);
	*ret_body = json_pack("{sb}", "allThreadsContinued", 1);
	return 0;
}

static int req_pause(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)args;
	(void)ret_body;
	return session_pause(d->s, err);
}

const struct dap_request dap_run[] = {
	{ "continue", req_continue, NEED_STOP },
	{ "pause", req_pause, NEED_SESSION },
};
const size_t dap_nrun = sizeof(dap_run) / sizeof(dap_run[0]);
