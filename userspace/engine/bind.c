// SPDX-License-Identifier: BSD-2-Clause
#include "engine/bind.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "engine/index.h"
#include "engine/location.h"
#include "probes/probe.h"
#include "probes/value.h"

#define CANDIDATES_SHOWN 4

/* A short list of names for an error line: "a, b, c and 7 more". */
struct shown {
	struct strbuf text;
	const char *last;
	size_t n;
};

static bool shown_has(const struct shown *sh, const char *name)
{
	const char *text = strbuf_str(&sh->text), *at = text;
	size_t len = strlen(name);

	for (; (at = strstr(at, name)); at += len) {
		bool begins = at == text || (at > text + 1 && !memcmp(at - 2, ", ", 2));

		if (begins && (!at[len] || !strncmp(at + len, ", ", 2)))
			return true;
	}
	return false;
}

static void shown_add(struct shown *sh, const char *name)
{
	if ((sh->last && !strcmp(sh->last, name)) || shown_has(sh, name))
		return;
	sh->last = name;
	if (sh->n++ < CANDIDATES_SHOWN) {
		if (sh->n > 1)
			strbuf_adds(&sh->text, ", ");
		strbuf_adds(&sh->text, name);
	}
}

static const char *shown_str(struct shown *sh)
{
	if (sh->n > CANDIDATES_SHOWN)
		strbuf_addf(&sh->text, " and %zu more", sh->n - CANDIDATES_SHOWN);
	return strbuf_str(&sh->text);
}

/* Files whose last component looks like what was asked for: same name in other case, without .py,
 * or a part of it. */
static void similar_files(struct code_index *ix, const char *file, struct shown *sh)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	const char *const *files;
	size_t i, n = code_index_files(ix, &files);
	size_t stem = strcspn(base, ".");

	for (i = 0; i < n; i++) {
		const char *b = strrchr(files[i], '/') ? strrchr(files[i], '/') + 1 : files[i];

		if (!strcasecmp(b, base) || (stem > 2 && !strncasecmp(b, base, stem)))
			shown_add(sh, files[i]);
	}
}

static int find_file(struct code_index *ix, const char *asked, const char *target, struct err *err,
		     const char **ret)
{
	_cleanup_(strbuf_deinit) struct strbuf with_py = STRBUF_INIT;
	struct shown sh = { 0 };
	const char *const *files;
	const char *found = NULL, *tail = asked;
	size_t i, n = code_index_files(ix, &files), hits = 0;
	int pass, r;

	while (!strncmp(tail, "./", 2))
		tail += 2;
	for (pass = 0; pass < 2 && !hits; pass++) {
		if (pass) {
			/* pdb takes "orders:87" for orders.py, too */
			strbuf_addf(&with_py, "%s.py", tail);
			tail = strbuf_str(&with_py);
		}
		for (i = 0; i < n; i++) {
			if (!strcmp(files[i], tail)) {
				*ret = files[i];
				strbuf_deinit(&sh.text);
				return 0;
			}
			if (!path_has_tail(files[i], tail))
				continue;
			hits++;
			found = files[i];
			shown_add(&sh, files[i]);
		}
	}
	if (hits == 1) {
		*ret = found;
		r = 0;
	} else if (hits) {
		r = err_set(err, -ENOTUNIQ, "%s: '%s' is ambiguous: %s; give more of the path",
			    target, asked, shown_str(&sh));
	} else {
		similar_files(ix, asked, &sh);
		r = sh.n ? err_set(err, -ENOENT,
				   "%s: no code of a file '%s' is loaded; loaded are: %s", target,
				   asked, shown_str(&sh))
			 : err_set(err, -ENOENT,
				   "%s: no code of a file '%s' is loaded; give a path as the "
				   "program sees it",
				   target, asked);
	}
	strbuf_deinit(&sh.text);
	return r;
}

static int binding_add(struct binding *b, const struct index_place *ip)
{
	struct interp_place copy = *ip->place;

	return binding_copy_place(b, &(struct bind_place){ .code = ip->code->address,
							   .bytecode = ip->code->bytecode,
							   .checksum = ip->code->checksum,
							   .place = &copy });
}

bool binding_has_place(const struct binding *b, const struct bind_place *p)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->places[i].code == p->code && b->places[i].checksum == p->checksum &&
		    b->places[i].place->offset == p->place->offset &&
		    b->places[i].place->line == p->place->line)
			return true;
	return false;
}

int binding_copy_place(struct binding *b, const struct bind_place *p)
{
	/* Most lines have one place: no room is kept for more. */
	struct bind_place copy = *p, *places = reallocarray(b->places, b->n + 1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	b->places = places;
	copy.place = malloc(sizeof(*copy.place));
	if (!copy.place)
		return -ENOMEM;
	*copy.place = *p->place;
	b->places[b->n++] = copy;
	return 0;
}

void binding_cut(struct binding *b, size_t n)
{
	while (b->n > n)
		free(b->places[--b->n].place);
}

void binding_deinit(struct binding *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		free(b->places[i].place);
	free(b->places);
	*b = (struct binding){ 0 };
}

/* Copy the places of `line` (of one code object, or of all: code 0) from the places of a file. */
static int take_line(const struct index_place *ps, size_t n, int32_t line, uint64_t code,
		     struct binding *b)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (ps[i].place->line != line || (code && ps[i].code->address != code))
			continue;
		if (!b->function)
			b->function = ps[i].code->function;
		r = binding_add(b, &ps[i]);
		if (r)
			return r;
	}
	b->line = line;
	return 0;
}

static int bind_line(struct code_index *ix, const char *file, int32_t line, const char *target,
		     struct err *err, struct binding *ret)
{
	const struct index_place *ps;
	int32_t before = 0, after = 0;
	size_t i, n;
	int r;

	r = code_index_places(ix, file, &ps, &n);
	if (r)
		return err_set(err, r, "%s: cannot read the line tables of %s: %s", target, file,
			       strerror(-r));
	for (i = 0; i < n; i++) {
		int32_t l = ps[i].place->line;

		if (!ps[i].place->event)
			continue;
		if (l >= line && (!after || l < after))
			after = l;
		if (l < line && l > before)
			before = l;
	}
	if (!after && before)
		return err_set(
			err, -ENODATA,
			"%s: %s has no code at or after line %d; the last line with code is %d",
			target, file, line, before);
	if (!after)
		return err_set(err, -ENOENT, "%s: no code of %s is left in memory", target, file);
	ret->file = file;
	return take_line(ps, n, after, 0, ret);
}

/* The file of an imported module, by its __file__ (which may be a .pyc in old layouts); NULL. */
static const char *module_file(struct code_index *ix, struct interp *in, const char *module)
{
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 4096, .total = 1 };
	uint64_t dict, addr;
	struct value *v;
	const char *s = NULL;
	const char *const *files;
	size_t i, n;

	if (in->ops->module_globals(in, module, &dict) ||
	    in->ops->dict_get(in, dict, "__file__", &addr) || in->ops->value(in, addr, &lim, &v))
		return NULL;
	if (v->kind == VALUE_STR && v->bytes) {
		n = code_index_files(ix, &files);
		for (i = 0; i < n && !s; i++)
			if (!strcmp(files[i], v->bytes))
				s = files[i];
		/* a relative __file__ (of __main__, before 3.9): the code's name was made absolute
		 */
		for (i = 0; i < n && !s; i++)
			if (v->bytes[0] != '/' && path_has_tail(files[i], v->bytes))
				s = files[i];
	}
	value_free(v);
	return s;
}

/* "pkg.mod" is the file .../pkg/mod.py or .../pkg/mod/__init__.py, or compiled into the interpreter
 * "<frozen pkg.mod>" */
bool file_is_module(const char *file, const char *module)
{
	_cleanup_(strbuf_deinit) struct strbuf path = STRBUF_INIT;
	const char *p;

	strbuf_addf(&path, "<frozen %s>", module);
	if (!strcmp(file, strbuf_str(&path)))
		return true;
	strbuf_reset(&path);
	for (p = module; *p; p++)
		strbuf_addc(&path, *p == '.' ? '/' : *p);
	strbuf_adds(&path, ".py");
	if (path_has_tail(file, strbuf_str(&path)))
		return true;
	path.len -= strlen(".py");
	strbuf_adds(&path, "/__init__.py");
	return path_has_tail(file, strbuf_str(&path));
}

/* Is asked the whole of qualname, or its end at a dot? 2, 1 or 0. "<locals>" may be left out. */
static int function_match(const char *qualname, const char *asked)
{
	size_t nq = strlen(qualname), na = strlen(asked);

	if (!strcmp(qualname, asked))
		return 2;
	if (nq > na && qualname[nq - na - 1] == '.' && !strcmp(qualname + nq - na, asked))
		return 1;
	return 0;
}

static bool names_file(struct code_index *ix, const char *name)
{
	const char *const *files;
	size_t i, n = code_index_files(ix, &files);

	for (i = 0; i < n; i++)
		if (path_has_tail(files[i], name))
			return true;
	return false;
}

/* Functions of the name that was asked for: the best match, and what an error shows of them. */
struct found {
	const struct index_code *best; /* NULL: none */
	size_t distinct;
	struct shown shown;
};

/* The same function loaded twice (a reload) is one function: the same file, name and line. */
static bool is_copy(const struct index_code *a, const struct index_code *b)
{
	return a->file == b->file && a->function == b->function && a->first_line == b->first_line;
}

static void find_function(struct code_index *ix, struct interp *in, const struct location *loc,
			  struct found *ret)
{
	const char *mod_file = loc->module ? module_file(ix, in, loc->module) : NULL;
	_cleanup_(strbuf_deinit) struct strbuf cand = STRBUF_INIT;
	const struct index_code *codes;
	size_t i, n = code_index_all(ix, &codes);
	int best_match = 0;

	for (i = 0; i < n; i++) {
		const struct index_code *c = &codes[i];
		int m = function_match(c->function, loc->qualname);

		if (!m || m < best_match)
			continue;
		if (loc->module &&
		    (mod_file ? c->file != mod_file : !file_is_module(c->file, loc->module)))
			continue;
		if (m > best_match) {
			best_match = m;
			ret->best = NULL;
			ret->distinct = 0;
			strbuf_reset(&ret->shown.text);
			ret->shown.n = 0;
		}
		if (ret->best && is_copy(ret->best, c))
			continue;
		ret->distinct++;
		ret->best = c;
		strbuf_reset(&cand);
		strbuf_addf(&cand, "%s (%s:%d)", c->function, c->file, c->first_line);
		ret->shown.last = NULL;
		shown_add(&ret->shown, strbuf_str(&cand));
	}
}

static const char *last_part(const char *qualname)
{
	const char *dot = strrchr(qualname, '.');

	return dot ? dot + 1 : qualname;
}

/* -ENOENT with those whose name is the same but for its place or its case; or it is a file's name.
 */
static int no_function(struct code_index *ix, const struct location *loc, const char *target,
		       struct err *err)
{
	const char *module = loc->module ? loc->module : "", *colon = loc->module ? ":" : "";
	const struct index_code *codes;
	struct shown like = { 0 };
	size_t i, n;
	int r;

	if (!loc->module && names_file(ix, loc->qualname))
		return err_set(
			err, -EINVAL,
			"%s: '%s' is a file: a line is missing, as in %s:1, or a function's name",
			target, loc->qualname, loc->qualname);
	n = code_index_all(ix, &codes);
	for (i = 0; i < n; i++)
		if (!strcasecmp(last_part(codes[i].function), last_part(loc->qualname)))
			shown_add(&like, codes[i].function);
	r = like.n ? err_set(err, -ENOENT, "%s: no function '%s%s%s' is loaded; similar: %s",
			     target, module, colon, loc->qualname, shown_str(&like))
		   : err_set(err, -ENOENT, "%s: no function '%s%s%s' is loaded", target, module,
			     colon, loc->qualname);
	strbuf_deinit(&like.text);
	return r;
}

/* The line of the first event in the order of the bytecode; 0: none. */
static int32_t first_event_line(const struct index_place *ps, size_t n, uint64_t code)
{
	uint32_t lowest = UINT32_MAX;
	int32_t line = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (ps[i].code->address != code || !ps[i].place->event ||
		    ps[i].place->offset >= lowest)
			continue;
		lowest = ps[i].place->offset;
		line = ps[i].place->line;
	}
	return line;
}

/* Every copy of the function, but no other code on the same line. */
static int take_function(struct code_index *ix, const struct index_code *c, const char *target,
			 struct err *err, struct binding *ret)
{
	const struct index_place *ps;
	size_t i, n;
	int32_t line;
	int r;

	r = code_index_places(ix, c->file, &ps, &n);
	if (r)
		return err_set(err, r, "%s: cannot read the line tables of %s: %s", target, c->file,
			       strerror(-r));
	line = first_event_line(ps, n, c->address);
	if (!line)
		return err_set(err, -ENOENT, "%s: %s has no line that can be stopped at", target,
			       c->function);
	for (i = 0; i < n && !r; i++)
		if (ps[i].place->line == line && is_copy(ps[i].code, c))
			r = binding_add(ret, &ps[i]);
	ret->file = c->file;
	ret->function = c->function;
	ret->line = line;
	return r;
}

int bind_code(struct code_index *ix, uint64_t code, const char *target, struct err *err,
	      struct binding *ret)
{
	const struct index_code *codes;
	struct binding b = { 0 };
	size_t i, n = code_index_all(ix, &codes);
	int r = -ENOENT;

	for (i = 0; r == -ENOENT && i < n; i++)
		if (codes[i].address == code)
			r = take_function(ix, &codes[i], target, err, &b);
	if (r) {
		binding_deinit(&b);
		return r;
	}
	*ret = b;
	return 0;
}

static int bind_function(struct code_index *ix, struct interp *in, const struct location *loc,
			 const char *target, struct err *err, struct binding *ret)
{
	struct found found = { 0 };
	int r;

	find_function(ix, in, loc, &found);
	if (!found.best)
		r = no_function(ix, loc, target, err);
	else if (found.distinct > 1)
		r = err_set(err, -ENOTUNIQ, "%s: '%s' is ambiguous: %s; use %sFILE:LINE", target,
			    loc->qualname, shown_str(&found.shown),
			    loc->module ? "" : "MODULE:NAME or ");
	else
		r = take_function(ix, found.best, target, err, ret);
	strbuf_deinit(&found.shown.text);
	return r;
}

/* As bind_function(); where no function has that name "pkg.mod.Class.method" may be
 * pkg.mod:Class.method or pkg:mod.Class.method, as pdb takes it. */
static int bind_dotted(struct code_index *ix, struct interp *in, const struct location *loc,
		       const char *target, struct err *err, struct binding *ret)
{
	_cleanup_free_ char *name = NULL;
	int r = bind_function(ix, in, loc, target, err, ret), tried;
	char *dot;

	if (r != -ENOENT || loc->module)
		return r;
	name = strdup(loc->qualname);
	if (!name)
		return -ENOMEM;
	while ((dot = strrchr(name, '.'))) {
		struct location split = { .kind = LOCATION_FUNCTION, .module = name };
		struct err other = { 0 };

		*dot = '\0';
		split.qualname = loc->qualname + (dot + 1 - name);
		tried = bind_function(ix, in, &split, target, &other, ret);
		if (tried != -ENOENT)
			return tried ? err_set(err, tried, "%s", other.text) : 0;
	}
	return r;
}

int bind_location(struct code_index *ix, struct interp *in, const struct location *loc,
		  const char *text, const char *default_file, const char *target, struct err *err,
		  struct binding *ret)
{
	struct binding b = { 0 };
	const char *file = NULL;
	int r;

	switch (loc->kind) {
	case LOCATION_FUNCTION:
		r = bind_dotted(ix, in, loc, target, err, &b);
		break;
	case LOCATION_LINE:
		if (!default_file)
			return err_set(err, -EINVAL,
				       "'%s': there is no current file; write FILE:LINE", text);
		r = find_file(ix, default_file, target, err, &file);
		if (!r)
			r = bind_line(ix, file, loc->line, target, err, &b);
		break;
	default:
		r = find_file(ix, loc->file, target, err, &file);
		if (!r)
			r = bind_line(ix, file, loc->line, target, err, &b);
	}
	if (r == -ENOMEM)
		err_set(err, r, "out of memory");
	if (r) {
		binding_deinit(&b);
		return r;
	}
	*ret = b;
	return 0;
}

int bind_file(struct code_index *ix, const char *asked, const char *target, struct err *err,
	      const char **ret)
{
	return find_file(ix, asked, target, err, ret);
}
