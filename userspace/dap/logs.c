// SPDX-License-Identifier: BSD-2-Clause
#include "dap/logs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/js_text.h"
#include "base/strbuf.h"
#include "bpf/abi.h"
#include "dap/dap.h"
#include "engine/capture.h"
#include "engine/logtext.h"
#include "engine/session.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

#define LOG_DEPTH      3 /* levels of containers in containers that are shown */
#define LOG_ITEMS      100
#define LOG_BYTES      512  /* of one value */
#define LOG_RECORD     8192 /* bytes of one record */
#define LOG_RATE       2000 /* records a second: an editor shows each */
#define LOG_RATE_BYTES (4 << 20)

struct dap_log {
	struct logtext *lt;
	uint64_t builtins;
	struct bp_capture what;
	unsigned levels[ABI_CAPTURE_EXPRS];
};

void log_free(struct dap_log *l)
{
	if (!l)
		return;
	logtext_free(l->lt);
	free(l);
}

int log_prepare(struct dap *d, const char *text, struct bp_spec *spec, struct err *err,
		struct dap_log **ret)
{
	struct interp *in = session_interp(d->s);
	struct dap_log *l = calloc(1, sizeof(*l));
	struct logtext_names names;
	int r = l ? 0 : -ENOMEM;

	if (!r)
		r = logtext_parse(text, in->ops->info(in)->minor, LOG_DEPTH, err, &l->lt);
	if (!r && in->ops->module_globals(in, "builtins", &l->builtins))
		r = err_set(err, -EFAULT, "pid %d: its built-in names cannot be read", d->pid);
	if (!r)
		r = session_limits(d->s, LOG_RATE, LOG_RATE_BYTES, err);
	if (r) {
		log_free(l);
		return r;
	}
	names = logtext_names(l->lt);
	for (size_t i = 0; i < names.n; i++)
		l->levels[i] = names.levels[i] + 1;
	l->what = (struct bp_capture){ .names = names.names,
				       .levels = l->levels,
				       .nnames = names.n,
				       .npaths = names.npaths,
				       .nspare = names.nspare,
				       .items = LOG_ITEMS,
				       .value_bytes = LOG_BYTES,
				       .bytes = LOG_RECORD };
	spec->action = BP_LOG;
	spec->capture = &l->what;
	*ret = l;
	return 0;
}

static const struct dap_bp *bp_of(const struct dap *d, int bp)
{
	for (size_t i = 0; i < d->bps.n; i++)
		for (size_t j = 0; j < d->bps.data[i].v.n; j++)
			if (d->bps.data[i].v.data[j].bp == bp)
				return &d->bps.data[i].v.data[j];
	return NULL;
}

static void send_output(struct dap *d, const struct dap_bp *b, const char *text)
{
	const struct bp *bp = session_bp(d->s, b->bp);
	json_t *body = json_pack("{ss so}", "category", "console", "output", js_text(text));

	if (body && bp && bp->file) {
		json_object_set_new(body, "source", source_json(d, bp->file));
		json_object_set_new(body, "line", json_integer(bp->line - (d->lines_at_1 ? 0 : 1)));
	}
	dap_event(d, "output", body);
}

void log_captured(void *priv, int bp, const struct abi_captured *rec, size_t size)
{
	static const struct value_limits lim = {
		.depth = LOG_DEPTH, .items = LOG_ITEMS, .bytes = LOG_BYTES, .total = 2000
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct logtext_field *fields;
	struct dap *d = priv;
	const struct dap_bp *b = bp_of(d, bp);
	struct capture c;
	size_t n;

	if (!b || !b->logs || capture_open(rec, size, &c))
		return;
	if (!logtext_render(b->logs->lt, session_interp(d->s), target_mem(session_target(d->s)),
			    b->logs->builtins, &c, NULL, 0, &lim, &text, &fields, &n)) {
		logtext_fields_free(fields, n);
		strbuf_addc(&text, '\n');
		send_output(d, b, strbuf_str(&text));
	}
	capture_deinit(&c);
}
