// SPDX-License-Identifier: BSD-2-Clause
/* continue, next, stepIn, stepOut, pause */
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

/* The thread that stopped; a `granularity` is taken for a line. */
static int dap_step(struct dap *d, const json_t *args, enum step_kind kind, struct err *err)
{
	const struct step_spec spec = {
		.kind = kind,
		.tid = (pid_t)arg_int(args, "threadId", 0),
		.just_my_code = d->just_my_code,
	};
	int r = session_step(d->s, &spec, err);

	if (!r)
		handles_clear(&d->handles);
	return r;
}

static int req_next(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)ret_body;
	return dap_step(d, args, STEP_NEXT, err);
}

static int req_step_in(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)ret_body;
	return dap_step(d, args, STEP_INTO, err);
}

static int req_step_out(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)ret_body;
	return dap_step(d, args, STEP_RETURN, err);
}

static int req_pause(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	(void)args;
	(void)ret_body;
	return session_pause(d->s, err);
}

const struct dap_request dap_run[] = {
	{ "continue", req_continue, NEED_STOP }, { "next", req_next, NEED_STOP },
	{ "stepIn", req_step_in, NEED_STOP },	 { "stepOut", req_step_out, NEED_STOP },
	{ "pause", req_pause, NEED_SESSION },
};
const size_t dap_nrun = sizeof(dap_run) / sizeof(dap_run[0]);
