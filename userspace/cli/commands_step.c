// SPDX-License-Identifier: BSD-2-Clause
/* step next return until retval set, and how a step's stop is shown */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "engine/session.h"
#include "probes/value.h"

#define TEXT_MAX 400 /* bytes of a value that is returned */

static const struct value_limits limits = {
	.depth = 6, .items = 200, .bytes = 4096, .total = 5000
};

/* ---- stops ---- */

static const char *const at_name[] = {
	[STEP_AT_LINE] = "line",
	[STEP_AT_CALL] = "call",
	[STEP_AT_RETURN] = "return",
	[STEP_AT_EXCEPTION] = "exception",
};

void shell_note_step(struct shell *sh, const struct session_event *ev)
{
	struct interp *in = session_interp(sh->s);

	sh->at = ev->reason == STOP_STEP ? ev->at : STEP_AT_LINE;
	if (ev->reason != STOP_STEP || ev->at != STEP_AT_RETURN)
		return;
	value_free(sh->retval);
	sh->retval = NULL;
	sh->has_retval = ev->value && !in->ops->value(in, ev->value, &limits, &sh->retval);
}

json_t *shell_step_json(struct shell *sh)
{
	json_t *j = json_pack("{ss}", "step", at_name[sh->at]);

	if (j && sh->at == STEP_AT_RETURN && sh->has_retval)
		json_object_set_new(j, "value", js_value(NULL, sh->retval, 2));
	return j;
}

void shell_show_step(struct shell *sh, const char *function, const char *file, int32_t line,
		     const char *exception)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (sh->at == STEP_AT_CALL)
		out_line(sh->out, "--Call--");
	if (sh->at == STEP_AT_RETURN)
		out_line(sh->out, "--Return--");
	if (sh->at == STEP_AT_EXCEPTION)
		out_line(sh->out, "--Exception-- %s", exception ? exception : "");
	out_add(sh->out, OUT_BOLD, "> %s(%d)", file ? file : "?", line);
	out_add(sh->out, OUT_CYAN, "%s()", function ? function : "?");
	if (sh->at == STEP_AT_RETURN && sh->has_retval) {
		value_repr_max(sh->retval, &text, TEXT_MAX);
		out_add(sh->out, OUT_PLAIN, "->%s", strbuf_str(&text));
	}
	out_end(sh->out);
}

/* ---- commands ---- */

static int step(struct shell *sh, const char *name, const char *args, struct step_spec *spec,
		struct err *err)
{
	int64_t line = 0;
	int r = shell_need_stop(sh, name, err);

	if (!r && *args && spec->kind != STEP_UNTIL)
		return err_set(err, -EINVAL, "%s takes no argument", name);
	if (!r && *args)
		r = parse_number(args, "the line", 1, INT32_MAX, err, &line);
	if (r < 0)
		return r;
	spec->line = (int32_t)line;
	spec->tid = sh->tid;
	spec->frame = spec->kind == STEP_INTO ? 0 : sh->frame;
	spec->just_my_code = !sh->all_code;
	r = session_step(sh->s, spec, err);
	if (r < 0)
		return r;
	sh->stopped = false;
	shell_forget(sh);
	if (sh->out->json)
		out_json(sh->out, json_pack("{ss}", "event", "resumed"));
	return shell_wait(sh, err);
}

int cmd_step(struct shell *sh, const char *args, struct err *err)
{
	return step(sh, "step", args, &(struct step_spec){ .kind = STEP_INTO }, err);
}

int cmd_next(struct shell *sh, const char *args, struct err *err)
{
	return step(sh, "next", args, &(struct step_spec){ .kind = STEP_NEXT }, err);
}

int cmd_return(struct shell *sh, const char *args, struct err *err)
{
	return step(sh, "return", args, &(struct step_spec){ .kind = STEP_RETURN }, err);
}

int cmd_until(struct shell *sh, const char *args, struct err *err)
{
	return step(sh, "until", args, &(struct step_spec){ .kind = STEP_UNTIL }, err);
}

int cmd_retval(struct shell *sh, const char *args, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (*args)
		return err_set(err, -EINVAL, "retval takes no argument");
	if (!sh->has_retval)
		return err_set(err, -ENODATA,
			       "no function was seen to return: `return` stops where one does");
	if (sh->out->json) {
		out_json(sh->out,
			 json_pack("{ss ss so}", "event", "values", "scope", "retval", "values",
				   json_pack("[o]", js_value("retval", sh->retval, 2))));
		return 0;
	}
	value_repr_max(sh->retval, &text, 10 * TEXT_MAX);
	out_line(sh->out, "%s", strbuf_str(&text));
	return 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(text, word, len);
}

int cmd_set(struct shell *sh, const char *args, struct err *err)
{
	size_t len = strcspn(args, " \t");
	const char *value = args + len + strspn(args + len, " \t");
	bool code = is_word(args, len, "just-my-code"), fork = is_word(args, len, "follow-fork");

	if (*args && !code && !fork)
		return err_set(err, -EINVAL,
			       "what can be set is just-my-code on|off, follow-fork "
			       "parent|child|both");
	if (fork && *value)
		return shell_set_follow_fork(sh, value, err);
	if (fork || !*args)
		shell_show_follow_fork(sh);
	if (fork)
		return 0;
	if (!*value)
		out_line(sh->out, "just-my-code %s", sh->all_code ? "off" : "on");
	else if (!strcmp(value, "on") || !strcmp(value, "off"))
		sh->all_code = !strcmp(value, "off");
	else
		return err_set(err, -EINVAL, "just-my-code is on or off, not '%s'", value);
	return 0;
}
