// SPDX-License-Identifier: BSD-2-Clause
#include "engine/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/vec.h"
#include "probes/probe.h"

struct interned {
	UT_hash_handle hh;
	char text[];
};

/* Names of code objects that were asked for by address. */
struct named {
	uint64_t code;
	const char *file, *function;
	UT_hash_handle hh;
};

struct code_index {
	struct interp *in;
	struct interned *strings;
	struct named *names;
	VEC(struct index_code) codes;
	VEC(const char *) files;
	VEC(const char *) functions;
	uint64_t time_ns;

	/* the places of one file */
	const char *places_file;
	VEC(struct index_place) places;
	VEC(struct interp_place *) place_blocks;
};

bool path_has_tail(const char *path, const char *tail)
{
	size_t np = strlen(path), nt = strlen(tail);

	if (!nt || nt > np || strcmp(path + np - nt, tail))
		return false;
	return nt == np || path[np - nt - 1] == '/' || tail[0] == '/';
}

int code_index_new(struct interp *in, struct code_index **ret)
{
	struct code_index *ix = calloc(1, sizeof(*ix));

	if (!ix)
		return -ENOMEM;
	ix->in = in;
	*ret = ix;
	return 0;
}

static void code_index_drop_places(struct code_index *ix)
{
	size_t i;

	for (i = 0; i < ix->place_blocks.n; i++)
		free(ix->place_blocks.data[i]);
	vec_deinit(&ix->place_blocks);
	vec_deinit(&ix->places);
	ix->places_file = NULL;
}

void code_index_forget_names(struct code_index *ix)
{
	struct named *nm, *next;

	HASH_ITER (hh, ix->names, nm, next) {
		HASH_DEL(ix->names, nm);
		free(nm);
	}
}

void code_index_free(struct code_index *ix)
{
	struct interned *s, *next;

	if (!ix)
		return;
	code_index_drop_places(ix);
	code_index_forget_names(ix);
	vec_deinit(&ix->codes);
	vec_deinit(&ix->files);
	vec_deinit(&ix->functions);
	HASH_ITER (hh, ix->strings, s, next) {
		HASH_DEL(ix->strings, s);
		free(s);
	}
	free(ix);
}

const char *code_index_intern(struct code_index *ix, const char *text)
{
	struct interned *s;
	size_t len = strlen(text);

	HASH_FIND(hh, ix->strings, text, len, s);
	if (s)
		return s->text;
	s = malloc(sizeof(*s) + len + 1);
	if (!s)
		return NULL;
	memcpy(s->text, text, len + 1);
	HASH_ADD_KEYPTR(hh, ix->strings, s->text, len, s);
	return s->text;
}

static int code_index_add(void *priv, uint64_t addr)
{
	struct code_index *ix = priv;
	struct interp_code c;
	struct index_code e;
	int r;

	r = ix->in->ops->code(ix->in, addr, &c);
	if (r)
		return r == -ENOMEM ? r : 0; /* not one after all, or gone since */
	e = (struct index_code){
		.address = addr,
		.bytecode = c.bytecode,
		.checksum = c.checksum,
		.file = code_index_intern(ix, c.file),
		.function = code_index_intern(ix, c.qualname),
		.first_line = c.first_line,
		.flags = c.flags,
	};
	interp_code_deinit(&c);
	if (!e.file || !e.function)
		return -ENOMEM;
	return vec_push(&ix->codes, e);
}

static int index_code_cmp(const void *a, const void *b)
{
	const struct index_code *x = a, *y = b;
	int r;

	r = x->file == y->file ? 0 : strcmp(x->file, y->file);
	if (r)
		return r;
	if (x->first_line != y->first_line)
		return x->first_line < y->first_line ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void code_index_clear(struct code_index *ix)
{
	code_index_drop_places(ix);
	code_index_forget_names(ix);
	ix->codes.n = ix->files.n = ix->functions.n = 0;
	ix->time_ns = 0;
}

int code_index_read(struct code_index *ix, uint64_t code, bool tree)
{
	int r;

	code_index_clear(ix);
	r = tree ? ix->in->ops->code_tree(ix->in, code, code_index_add, ix)
		 : code_index_add(ix, code);
	if (!r && !ix->codes.n)
		r = -EINVAL;
	if (r)
		return r;
	qsort(ix->codes.data, ix->codes.n, sizeof(*ix->codes.data), index_code_cmp);
	ix->time_ns = clock_ns();
	return 0;
}

int code_index_scan(struct code_index *ix, index_progress_fn progress, void *priv)
{
	int r;

	code_index_clear(ix);
	r = ix->in->ops->scan_code(ix->in, code_index_add, ix, progress, priv);
	if (r)
		return r;
	if (ix->codes.n)
		qsort(ix->codes.data, ix->codes.n, sizeof(*ix->codes.data), index_code_cmp);
	ix->time_ns = clock_ns();
	return 0;
}

uint64_t code_index_time(const struct code_index *ix)
{
	return ix->time_ns;
}

size_t code_index_all(const struct code_index *ix, const struct index_code **ret)
{
	*ret = ix->codes.data;
	return ix->codes.n;
}

static int str_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t code_index_files(struct code_index *ix, const char *const **ret)
{
	size_t i;

	if (!ix->files.n)
		for (i = 0; i < ix->codes.n; i++)
			if (!i || ix->codes.data[i].file != ix->codes.data[i - 1].file)
				if (vec_push(&ix->files, ix->codes.data[i].file))
					break;
	*ret = ix->files.data;
	return ix->files.n;
}

size_t code_index_functions(struct code_index *ix, const char *const **ret)
{
	size_t i, n = 0;

	if (!ix->functions.n) {
		for (i = 0; i < ix->codes.n; i++)
			if (vec_push(&ix->functions, ix->codes.data[i].function))
				break;
		if (ix->functions.n)
			qsort(ix->functions.data, ix->functions.n, sizeof(char *), str_cmp);
		for (i = 0; i < ix->functions.n; i++)
			if (!n || ix->functions.data[i] != ix->functions.data[n - 1])
				ix->functions.data[n++] = ix->functions.data[i];
		ix->functions.n = n;
	}
	*ret = ix->functions.data;
	return ix->functions.n;
}

static int index_place_cmp(const void *a, const void *b)
{
	const struct index_place *x = a, *y = b;

	if (x->place->line != y->place->line)
		return x->place->line < y->place->line ? -1 : 1;
	if (x->code->address != y->code->address)
		return x->code->address < y->code->address ? -1 : 1;
	return x->place->offset < y->place->offset ? -1 : x->place->offset > y->place->offset;
}

int code_index_places(struct code_index *ix, const char *file, const struct index_place **ret,
		      size_t *ret_n)
{
	size_t i, j, n;
	int r;

	if (ix->places_file != file) {
		code_index_drop_places(ix);
		for (i = 0; i < ix->codes.n; i++) {
			const struct index_code *c = &ix->codes.data[i];
			struct interp_place *block;

			if (c->file != file)
				continue;
			r = ix->in->ops->places(ix->in, c->address, &block, &n);
			if (r == -ENOMEM)
				goto fail;
			if (r)
				continue; /* freed since the scan */
			r = vec_push(&ix->place_blocks, block);
			if (r) {
				free(block);
				goto fail;
			}
			for (j = 0; j < n; j++) {
				r = vec_push(&ix->places, (struct index_place){ c, &block[j] });
				if (r)
					goto fail;
			}
		}
		if (ix->places.n)
			qsort(ix->places.data, ix->places.n, sizeof(*ix->places.data),
			      index_place_cmp);
		ix->places_file = file;
	}
	*ret = ix->places.data;
	*ret_n = ix->places.n;
	return 0;
fail:
	code_index_drop_places(ix);
	return r;
}

int code_index_names(struct code_index *ix, uint64_t code, const char **ret_file,
		     const char **ret_function)
{
	struct interp_code c;
	struct named *nm;
	int r;

	HASH_FIND(hh, ix->names, &code, sizeof(code), nm);
	if (!nm) {
		r = ix->in->ops->code(ix->in, code, &c);
		if (r)
			return r == -ENOMEM ? r : -EINVAL;
		nm = calloc(1, sizeof(*nm));
		if (nm) {
			nm->code = code;
			nm->file = code_index_intern(ix, c.file);
			nm->function = code_index_intern(ix, c.qualname);
		}
		interp_code_deinit(&c);
		if (!nm || !nm->file || !nm->function) {
			free(nm);
			return -ENOMEM;
		}
		HASH_ADD(hh, ix->names, code, sizeof(nm->code), nm);
	}
	*ret_file = nm->file;
	*ret_function = nm->function;
	return 0;
}
