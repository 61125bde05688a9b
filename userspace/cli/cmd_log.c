// SPDX-License-Identifier: BSD-2-Clause
/* log: a text with values of the target at each hit of a line, or each write. Nothing is stopped,
 * but where what is written moves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "cli/captures.h"
#include "cli/cli.h"
#include "cli/js.h"
#include "cli/program.h"
#include "engine/capture.h"
#include "engine/expr.h"
#include "engine/logtext.h"
#include "probes/probe.h"
#include "target/target.h"

#define JSON_DEPTH 3

struct log {
	const char *text;
	struct logtext *lt;
	int minor; /* of Python, which the text was parsed for */
	VEC(struct builtins {
		struct session *of;
		uint64_t globals;
	})
	builtins;	      /* of each session that the line is bound in */
	const char *names[2]; /* of a write */
	unsigned levels[ABI_CAPTURE_EXPRS];
};

static json_t *js_fields(const struct logtext_field *fields, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		const struct logtext_field *f = &fields[i];
		json_t *j;

		if (f->value)
			j = js_value(f->expression, f->value, JSON_DEPTH);
		else if (f->error)
			j = json_pack("{so so}", "name", js_text(f->expression), "error",
				      js_text(f->error));
		else
			j = json_pack("{so sn}", "name", js_text(f->expression), "repr");
		json_array_append_new(list, j);
	}
	return list;
}

/* Where an exception was raised, or who wrote; all but line is borrowed from the session. */
struct at {
	const char *file, *function;
	int line;
};

static struct at at_hit(struct captures *cs, const struct abi_hit *hit)
{
	struct interp *in = session_interp(cs->s);
	struct at at = { .file = "?", .function = "?" };

	if (!hit->code || session_code_names(cs->s, hit->code, &at.file, &at.function))
		return at;
	at.line = in->ops->line_of(in, hit->code, hit->offset);
	at.line = at.line > 0 ? at.line : 0;
	return at;
}

static void show_json(struct captures *cs, const struct abi_hit *hit, const struct capture *c,
		      const char *when, const char *text, json_t *values)
{
	pid_t tid = (pid_t)hit->tid;
	json_t *j = json_pack("{ss ss so so so so sb}", "event", "log", "time", when, "thread",
			      js_thread(tid, captures_thread(cs, tid)), "location",
			      js_text(cs->hits.location), "text", js_text(text), "values", values,
			      "truncated", c && c->rec->truncated);

	if (j && cs->process)
		json_object_set_new(j, "process", json_integer(cs->process));
	if (j && (cs->hits.exception || cs->watch)) {
		struct at at = at_hit(cs, hit);

		json_object_set_new(j, "file", js_text(at.file));
		json_object_set_new(j, "line", json_integer(at.line));
		json_object_set_new(j, "function", js_text(at.function));
	}
	if (j && c && cs->hits.exception) {
		char *exception = capture_exception(c, session_interp(cs->s),
						    target_mem(session_target(cs->s)));

		json_object_set_new(j, "exception", js_text(exception));
		free(exception);
	}
	out_json(cs->out, j);
}

static void show_text(struct captures *cs, const struct abi_hit *hit, const char *when,
		      const char *text)
{
	out_add(cs->out, OUT_DIM, "%s ", when);
	if (cs->process)
		out_add(cs->out, OUT_DIM, "[%d] ", cs->process);
	out_add(cs->out, OUT_DIM, "%d ", (pid_t)hit->tid);
	out_add(cs->out, OUT_PLAIN, "%s", text);
	if (cs->hits.exception || cs->watch) {
		struct at at = at_hit(cs, hit);

		out_add(cs->out, OUT_DIM, " [%s() at %s:%d]", at.function, at.file, at.line);
	}
	out_end(cs->out);
}

/* Those of the session whose record it is. */
static struct builtins *builtins_of(struct log *l, const struct session *s)
{
	for (size_t i = 0; i < l->builtins.n; i++)
		if (l->builtins.data[i].of == s)
			return &l->builtins.data[i];
	return NULL;
}

static int render(struct captures *cs, const struct capture *c, struct strbuf *out,
		  struct logtext_field **ret_fields, size_t *ret_n)
{
	struct expr_given given[] = { { "old", NULL }, { "new", NULL } };
	struct log *l = cs->priv;
	const struct builtins *b = builtins_of(l, cs->bound ? cs->bound : cs->s);

	if (cs->watch)
		session_watch_values(cs->s, cs->bp, &given[0].v, &given[1].v);
	return logtext_render(l->lt, session_interp(cs->s), target_mem(session_target(cs->s)),
			      b ? b->globals : 0, c, cs->watch ? given : NULL, cs->watch ? 2 : 0,
			      &cs->limits, out, ret_fields, ret_n);
}

/* A hit; c NULL: a write whose thread stands still. */
static int show_hit(struct captures *cs, const struct abi_hit *hit, const struct capture *c,
		    struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct logtext_field *fields;
	char when[40];
	size_t n;
	int r;

	r = render(cs, c, &text, &fields, &n);
	if (!r && captures_read_again(cs)) {
		logtext_fields_free(fields, n);
		strbuf_reset(&text);
		r = render(cs, c, &text, &fields, &n);
	}
	if (r)
		return err_set(err, r, "out of memory");
	for (size_t i = 0; i < n; i++)
		cs->uncomputed += fields[i].error != NULL;
	captures_time(cs, hit->time_ns, cs->out->json, when);
	if (cs->out->json)
		show_json(cs, hit, c, when, strbuf_str(&text), js_fields(fields, n));
	else
		show_text(cs, hit, when, strbuf_str(&text));
	logtext_fields_free(fields, n);
	return 0;
}

static int read_builtins(struct captures *cs, struct err *err)
{
	struct interp *in = session_interp(cs->s);
	struct log *l = cs->priv;
	struct builtins *old = builtins_of(l, cs->s), b = { .of = cs->s };
	int r = in->ops->module_globals(in, "builtins", &b.globals);

	if (r)
		return err_set(err, r, "pid %d: its built-in names cannot be read: %s",
			       target_pid(session_target(cs->s)), strerror(-r));
	if (!old)
		return vec_push(&l->builtins, b);
	*old = b;
	return 0;
}

static int show(struct captures *cs, const struct capture *c, struct err *err)
{
	if (cs->watch && session_watch_record(cs->s, cs->bp, c, &cs->limits))
		return err_set(err, -EINVAL, "pid %d: a record is not that of a write", cs->pid);
	return show_hit(cs, &c->rec->hit, c, err);
}

static int show_write(struct captures *cs, const struct abi_hit *hit, struct err *err)
{
	return show_hit(cs, hit, NULL, err);
}

/* Of a write its two values are sent, as deep as the text looks at them. */
static int prepare_write(struct captures *cs, const struct logtext_names *all, struct err *err)
{
	const char *const *names = all->names + all->npaths;
	const unsigned *levels = all->levels + all->npaths;
	size_t n = all->n - all->npaths;
	struct log *l = cs->priv;

	l->names[0] = "old";
	l->names[1] = "new";
	for (size_t i = 0; i < n; i++) {
		size_t which = strcmp(names[i], "new") == 0;

		if (!levels[i])
			continue; /* a built-in function */
		if (strcmp(names[i], l->names[which]))
			return err_set(err, -EOPNOTSUPP,
				       "the text of the log: '%s' is not known where it is "
				       "written: the names are old and new",
				       names[i]);
		l->levels[which] = levels[i] + 1;
	}
	cs->what.names = l->names;
	cs->what.levels = l->levels;
	cs->what.nnames = 2;
	return 0;
}

/* The text needs to know which Python it is for. */
static int prepare(struct captures *cs, struct err *err)
{
	struct interp *in = session_interp(cs->s);
	int minor = in->ops->info(in)->minor, r;
	struct log *l = cs->priv;
	struct logtext_names names;

	if (l->lt && minor != l->minor)
		return err_set(
			err, -ENOTSUP,
			"pid %d: it is of Python 3.%d and the text was read for 3.%d: not logged",
			target_pid(session_target(cs->s)), minor, l->minor);
	r = read_builtins(cs, err);
	if (r || l->lt)
		return r;
	r = logtext_parse(l->text, minor, cs->limits.depth, err, &l->lt);
	if (r)
		return r;
	l->minor = minor;
	names = logtext_names(l->lt);
	if (cs->watch)
		return prepare_write(cs, &names, err);
	cs->what.names = names.names;
	cs->what.nnames = names.n;
	cs->what.npaths = names.npaths;
	cs->what.nspare = names.nspare;
	for (size_t i = 0; i < names.n; i++)
		l->levels[i] = names.levels[i] + 1;
	cs->what.levels = l->levels;
	return 0;
}

int program_log(const struct program *p, int argc, char **argv)
{
	struct log l = { 0 };
	struct captures cs = {
		.hits = { .action = BP_LOG },
		.what = { .items = 100, .value_bytes = 512, .bytes = 8192 },
		.limits = { .depth = 3, .total = 2000 },
		.max_rate = 20000,
		.max_bytes = 16 << 20,
		.show = show,
		.show_write = show_write,
		.priv = &l,
	};
	struct out out;
	int r;

	r = captures_options(&cs, p, argc, argv, &l.text);
	if (r)
		return r < 0 ? CLI_DONE : r;
	cs.limits.items = cs.what.items;
	cs.limits.bytes = cs.what.value_bytes;
	out_init(&out, cs.json, cs.color);
	cs.out = &out;
	r = cs.children ? captures_run_children(&cs, prepare) : captures_run(&cs, prepare);
	logtext_free(l.lt);
	vec_deinit(&l.builtins);
	out_deinit(&out);
	return r;
}
