// SPDX-License-Identifier: BSD-2-Clause
/* From a line to the functions that begin with it. */
#include "engine/bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/index.h"
#include "probes/probe.h"

/* The line event that comes first in the bytecode of a code object; NULL: it has none. */
static const struct index_place *first_event(const struct index_place *ps, size_t n, uint64_t code)
{
	const struct index_place *first = NULL;

	for (size_t i = 0; i < n; i++)
		if (ps[i].code->address == code && ps[i].place->event &&
		    (!first || ps[i].place->offset < first->place->offset))
			first = &ps[i];
	return first;
}

/* Is place i the one that the code object begins with? Of several only one stays. */
static bool is_first(const struct binding *b, size_t i, const struct index_place *first)
{
	return first && b->places[i].place->event &&
	       b->places[i].place->offset == first->place->offset;
}

static bool begins(const struct binding *b, uint64_t code, const struct index_place *first)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->places[i].code == code && is_first(b, i, first))
			return true;
	return false;
}

int bind_entry(struct code_index *ix, const char *target, struct err *err, struct binding *b)
{
	/* Names are told apart by their address, and b's may be of another process's index. */
	const char *file = code_index_intern(ix, b->file);
	const struct index_place *ps;
	size_t n, to = 0;
	int r = file ? code_index_places(ix, file, &ps, &n) : -ENOMEM;

	if (r)
		return err_set(err, r, "%s: cannot read the line tables of %s: %s", target, b->file,
			       strerror(-r));
	for (size_t i = 0; i < b->n; i++) {
		const struct index_place *first = first_event(ps, n, b->places[i].code);

		if (!begins(b, b->places[i].code, first))
			return err_set(
				err, -EINVAL,
				"%s: the uprobe engine sees functions begin, not lines: %s:%d is "
				"inside %s, which begins at line %d",
				target, b->file, b->line, first ? first->code->function : "?",
				first ? first->place->line : 0);
	}
	for (size_t i = 0; i < b->n; i++) {
		struct bind_place p = b->places[i];

		if (!is_first(b, i, first_event(ps, n, p.code))) {
			free(p.place);
			continue;
		}
		p.entry = true;
		p.place->ndrop = 0;
		b->places[to++] = p;
	}
	b->n = to;
	return 0;
}
