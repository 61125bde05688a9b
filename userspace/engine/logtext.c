// SPDX-License-Identifier: BSD-2-Clause
#include "engine/logtext.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "engine/capture.h"
#include "engine/expr.h"
#include "engine/format.h"
#include "probes/probe.h"
#include "probes/value.h"

/* Literal text, then a field unless expr is NULL. */
struct piece {
	char *literal;
	struct expr *expr;
	char *text; /* of the expression */
	char *spec;
	char conversion; /* 'r', 's', 'a' or 0 */
	size_t path; /* of names, from 1: what the whole expression leads to; 0: there is none */
};

struct logtext {
	VEC(struct piece) pieces;
	VEC(char *)
	names; /* paths, names that are always needed, names that only paths begin with */
	VEC(unsigned) levels;
	size_t npaths, nspare;
	struct expr *object; /* `_`: of what a path leads to */
	unsigned minor, show;
	unsigned tail; /* while names are collected: levels below the value of the field */
};

void logtext_free(struct logtext *lt)
{
	if (!lt)
		return;
	for (size_t i = 0; i < lt->pieces.n; i++) {
		struct piece *p = &lt->pieces.data[i];

		free(p->literal);
		expr_free(p->expr);
		free(p->text);
		free(p->spec);
	}
	for (size_t i = 0; i < lt->names.n; i++)
		free(lt->names.data[i]);
	expr_free(lt->object);
	vec_deinit(&lt->pieces);
	vec_deinit(&lt->names);
	vec_deinit(&lt->levels);
	free(lt);
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EINVAL, "the text of the log: %s", what);
}

/* ---- parsing ---- */

/* Behind the string literal that begins at s; NULL: it does not end. */
static const char *skip_string(const char *s)
{
	size_t n = s[1] == s[0] && s[2] == s[0] ? 3 : 1;
	const char *p = s + n;

	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (strncmp(p, s, n) == 0)
			return p + n;
	}
	return NULL;
}

/*
 * Where the expression at s ends: at the first !, :, = or } outside of brackets and strings that
 * does not belong to an operator. NULL: nowhere.
 */
static const char *expression_end(const char *s)
{
	unsigned nesting = 0;

	for (const char *p = s; *p;) {
		if (*p == '\'' || *p == '"') {
			p = skip_string(p);
			if (!p)
				return NULL;
			continue;
		}
		if (strchr("([{", *p))
			nesting++;
		else if (nesting && strchr(")]}", *p))
			nesting--;
		else if (!nesting && p[1] == '=' && strchr("=!<>", *p))
			p++;
		else if (!nesting && strchr("!:}", *p))
			return p;
		else if (!nesting && *p == '=')
			return p;
		p++;
	}
	return NULL;
}

static int conversion(const char **p, char *ret, struct err *err)
{
	if (**p != '!')
		return 0;
	*ret = (*p)[1];
	if (!*ret || !strchr("rsa", *ret) || ((*p)[2] != ':' && (*p)[2] != '}'))
		return bad(err, "a conversion is !r, !s or !a");
	*p += 2;
	return 0;
}

/* The specification behind a colon, up to the closing brace. */
static int specification(const char **p, char **ret, struct err *err)
{
	const char *s = *p + 1;
	size_t n;

	if (**p != ':')
		return (*ret = strdup("")) ? 0 : -ENOMEM;
	n = strcspn(s, "{}");
	if (s[n] == '{')
		return err_set(err, -EOPNOTSUPP,
			       "the text of the log: a format specification with a field in it is "
			       "refused");
	*ret = strndup(s, n);
	*p = s + n;
	return *ret ? 0 : -ENOMEM;
}

static bool all_blank(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return !*s;
}

/* A field from behind its opening brace; *text moves behind the closing one. "{x=}" adds "x=" to
 * the literal. */
static int parse_field(struct logtext *lt, const char **text, struct strbuf *literal,
		       struct piece *p, struct err *err)
{
	const char *at = *text, *end = expression_end(at);
	struct err why = { 0 };
	bool debug = false;
	int r;

	if (!end)
		return bad(err, "a '{' has no '}' ('{{' stands for a brace)");
	p->text = strndup(at, (size_t)(end - at));
	if (!p->text)
		return -ENOMEM;
	if (all_blank(p->text))
		return bad(err, "an expression is missing between '{' and '}'");
	at = end;
	if (*at == '=') {
		debug = true;
		at++;
		at += strspn(at, " \t\n");
		strbuf_add(literal, *text, (size_t)(at - *text));
	}
	r = conversion(&at, &p->conversion, err);
	if (!r)
		r = specification(&at, &p->spec, err);
	if (r)
		return r;
	if (*at != '}')
		return bad(err, "a '{' has no '}' ('{{' stands for a brace)");
	if (debug && !p->conversion && !p->spec[0])
		p->conversion = 'r';
	*text = at + 1;
	r = expr_parse(p->text, err, &p->expr);
	if (r) {
		err_prefix(err, "{%.100s}", p->text);
		return r;
	}
	r = format_check(p->spec, lt->minor, &why);
	return r ? err_set(err, r, "{%.100s:%.60s}: %s", p->text, p->spec, why.text) : 0;
}

/* Literal text up to a field, and that. */
static int parse_piece(struct logtext *lt, const char **text, struct err *err)
{
	_cleanup_strbuf_ struct strbuf literal = STRBUF_INIT;
	struct piece p = { 0 };
	int r = 0;

	while (**text) {
		char c = *(*text)++;

		if ((c == '{' || c == '}') && **text == c) {
			(*text)++;
		} else if (c == '}') {
			return bad(err, "a '}' stands alone ('}}' stands for a brace)");
		} else if (c == '{') {
			r = parse_field(lt, text, &literal, &p, err);
			break;
		}
		strbuf_addc(&literal, c);
	}
	p.literal = strbuf_take(&literal);
	if (!p.literal)
		p.literal = strdup("");
	if (vec_push(&lt->pieces, p) && !r)
		r = -ENOMEM;
	return r;
}

/* Levels below the value of a field. A specification is for what has no parts. */
static unsigned tail_of(const struct logtext *lt, const struct piece *p)
{
	return p->spec && p->spec[0] && !p->conversion ? 1 : lt->show;
}

static int add_name(void *priv, const char *name, unsigned levels, bool is_call)
{
	struct logtext *lt = priv;
	char *copy;

	levels = is_call ? 0 : levels + lt->tail;
	for (size_t i = 0; i < lt->names.n; i++) {
		if (strcmp(lt->names.data[i], name) != 0)
			continue;
		if (lt->levels.data[i] < levels)
			lt->levels.data[i] = levels;
		return 0;
	}
	copy = strdup(name);
	if (!copy || vec_push(&lt->names, copy)) {
		free(copy);
		return -ENOMEM;
	}
	return vec_push(&lt->levels, levels);
}

/* The names of the fields that are paths, or of the others. */
static int add_names(struct logtext *lt, bool paths)
{
	int r = 0;

	for (size_t i = 0; !r && i < lt->pieces.n; i++) {
		const struct piece *p = &lt->pieces.data[i];

		lt->tail = tail_of(lt, p);
		if (p->expr && (p->path != 0) == paths)
			r = expr_names(p->expr, add_name, lt);
	}
	return r;
}

/*
 * What the kernel follows itself, to send what is at its end and not all that lies on the way.
 * Where it cannot (a property, a class that it does not know), the names are sent as if there were
 * no path.
 */
static int add_paths(struct logtext *lt)
{
	int r = 0;

	for (size_t i = 0; !r && i < lt->pieces.n; i++) {
		struct piece *p = &lt->pieces.data[i];

		if (!p->expr || !expr_is_path(p->expr))
			continue;
		lt->tail = tail_of(lt, p);
		r = add_name(lt, p->text, 0, false);
		for (size_t k = 0; !r && !p->path; k++)
			if (strcmp(lt->names.data[k], p->text) == 0)
				p->path = k + 1;
	}
	lt->npaths = lt->names.n;
	return r;
}

static void drop_paths(struct logtext *lt)
{
	for (size_t i = 0; i < lt->npaths; i++)
		free(lt->names.data[i]);
	lt->names.n -= lt->npaths;
	lt->levels.n -= lt->npaths;
	memmove(lt->names.data, lt->names.data + lt->npaths, lt->names.n * sizeof(*lt->names.data));
	memmove(lt->levels.data, lt->levels.data + lt->npaths,
		lt->levels.n * sizeof(*lt->levels.data));
	lt->npaths = lt->nspare = 0;
	for (size_t i = 0; i < lt->pieces.n; i++)
		lt->pieces.data[i].path = 0;
}

static int collect_names(struct logtext *lt, struct err *err)
{
	size_t always;
	int r = add_paths(lt);

	if (!r)
		r = add_names(lt, false);
	always = lt->names.n;
	if (!r)
		r = add_names(lt, true);
	lt->nspare = lt->names.n - always;
	if (!r && lt->names.n > ABI_CAPTURE_EXPRS)
		drop_paths(lt);
	if (!r && lt->names.n > ABI_CAPTURE_EXPRS)
		r = err_set(err, -E2BIG, "the text of the log uses %zu names: %d are the limit",
			    lt->names.n, ABI_CAPTURE_EXPRS);
	return r;
}

int logtext_parse(const char *text, unsigned minor, unsigned show, struct err *err,
		  struct logtext **ret)
{
	struct logtext *lt = calloc(1, sizeof(*lt));
	int r = lt ? 0 : -ENOMEM;

	if (lt)
		*lt = (struct logtext){ .minor = minor, .show = show };
	while (!r && *text)
		r = parse_piece(lt, &text, err);
	if (!r)
		r = collect_names(lt, err);
	if (!r)
		r = expr_parse("_", err, &lt->object);
	if (r) {
		logtext_free(lt);
		return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
	}
	*ret = lt;
	return 0;
}

struct logtext_names logtext_names(const struct logtext *lt)
{
	return (struct logtext_names){
		.names = (const char *const *)lt->names.data,
		.levels = lt->levels.data,
		.n = lt->names.n,
		.npaths = lt->npaths,
		.nspare = lt->nspare,
	};
}

/* ---- filling in ---- */

/* ascii() of what repr() wrote. */
static void add_ascii(struct strbuf *out, const char *s)
{
	while (*s) {
		uint32_t c = (unsigned char)*s++;
		unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (!more) {
			strbuf_addc(out, (char)c);
			continue;
		}
		c &= 0x3fu >> more;
		while (more-- && *s)
			c = c << 6 | ((unsigned char)*s++ & 0x3f);
		strbuf_addf(out, c <= 0xff ? "\\x%02x" : c <= 0xffff ? "\\u%04x" : "\\U%08x", c);
	}
}

/* The value with its conversion and specification. */
static int add_value(const struct piece *p, unsigned minor, const struct value *v,
		     struct strbuf *out, struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, repr = STRBUF_INIT;
	struct value *s;
	int r;

	if (!p->conversion)
		return format_value(v, p->spec, minor, out, err);
	if (p->conversion == 's')
		value_str(v, &text);
	else
		value_repr(v, p->conversion == 'a' ? &repr : &text);
	if (p->conversion == 'a')
		add_ascii(&text, strbuf_str(&repr));
	s = text.failed || repr.failed ? NULL : value_new_str(strbuf_str(&text), text.len);
	if (!s)
		return -ENOMEM;
	r = format_value(s, p->spec, minor, out, err);
	value_free(s);
	return r;
}

/* A name of ours alone, that stands for nothing? */
static bool is_nothing(const struct piece *p, const struct expr_scope *scope)
{
	for (size_t i = 0; i < scope->ngiven; i++)
		if (!scope->given[i].v && strcmp(p->text, scope->given[i].name) == 0)
			return true;
	return false;
}

/* What the kernel found at the end of its path, or else by its names. */
static int evaluate(const struct logtext *lt, const struct piece *p, const struct expr_scope *scope,
		    const struct value_limits *lim, struct err *err, struct value **ret)
{
	struct expr_name object = { .name = "_" };
	struct expr_scope of_object = *scope;

	if (p->path && p->path <= scope->nnames)
		object.address = scope->names[p->path - 1].address;
	if (!object.address)
		return expr_eval(p->expr, scope, lim, err, ret);
	of_object.names = &object;
	of_object.nnames = 1;
	return expr_eval(lt->object, &of_object, lim, err, ret);
}

/* One field; what goes wrong is its error. -ENOMEM. */
static int render_field(const struct logtext *lt, const struct piece *p,
			const struct expr_scope *scope, const struct value_limits *lim,
			struct strbuf *out, struct logtext_field *ret)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct err err = { 0 };
	int r;

	ret->expression = p->text;
	if (is_nothing(p, scope)) {
		strbuf_adds(out, "nothing");
		return out->failed ? -ENOMEM : 0;
	}
	r = evaluate(lt, p, scope, lim, &err, &ret->value);
	if (!r)
		r = add_value(p, lt->minor, ret->value, &text, &err);
	if (!r) {
		strbuf_add(out, strbuf_str(&text), text.len);
		return text.failed ? -ENOMEM : 0;
	}
	if (r == -ENOMEM)
		return r;
	value_free(ret->value);
	ret->value = NULL;
	ret->error = strdup(err.text[0] ? err.text : strerror(-r));
	strbuf_addf(out, "<%s>", ret->error ? ret->error : "");
	return ret->error ? 0 : -ENOMEM;
}

int logtext_render(const struct logtext *lt, struct interp *in, struct mem *mem, uint64_t builtins,
		   const struct capture *c, const struct expr_given *given, size_t ngiven,
		   const struct value_limits *lim, struct strbuf *out,
		   struct logtext_field **ret_fields, size_t *ret_n)
{
	struct expr_name names[ABI_CAPTURE_EXPRS] = { 0 };
	struct expr_scope scope = {
		.in = in,
		.tstate = c && c->rec->hit.place == ABI_PLACE_RAISE ? c->rec->hit.tstate : 0,
		.names = names,
		.nnames = given ? 0 : lt->names.n,
		.builtins = builtins,
		.mem = mem,
		.given = given,
		.ngiven = ngiven,
	};
	struct logtext_field *fields = calloc(lt->pieces.n + 1, sizeof(*fields));
	size_t n = 0;
	int r = fields ? 0 : -ENOMEM;

	for (size_t i = 0; i < scope.nnames; i++) {
		names[i].name = lt->names.data[i];
		if (i < c->rec->nvalues && c->values[i].kind == ABI_VALUE_OBJECT)
			names[i].address = c->values[i].bits;
	}
	if (c)
		capture_begin(c, mem);
	for (size_t i = 0; !r && i < lt->pieces.n; i++) {
		const struct piece *p = &lt->pieces.data[i];

		strbuf_adds(out, p->literal);
		if (p->expr)
			r = render_field(lt, p, &scope, lim, out, &fields[n++]);
	}
	if (c)
		capture_end(mem);
	if (!r && out->failed)
		r = -ENOMEM;
	if (r) {
		logtext_fields_free(fields, n);
		return r;
	}
	*ret_fields = fields;
	*ret_n = n;
	return 0;
}

void logtext_fields_free(struct logtext_field *fields, size_t n)
{
	for (size_t i = 0; fields && i < n; i++) {
		value_free(fields[i].value);
		free(fields[i].error);
	}
	free(fields);
}
