/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of `log`: 'charge {item.sku} {total:.2f} {x!r} {{literal}} {x=}', as the inside of an f-string. Names in it are looked
 * up by the kernel at the hit and what they stand for is captured; everything else is computed here, over the record.
 */
#ifndef PYBPFDBG_ENGINE_LOGTEXT_H
#define PYBPFDBG_ENGINE_LOGTEXT_H

#include <stddef.h>
#include <stdint.h>

struct capture;
struct expr_given;
struct err;
struct interp;
struct logtext; /* opaque */
struct mem;
struct strbuf;
struct value;
struct value_limits;

/*
 * Parse it for Python 3.minor; show: levels of containers in containers that its values are shown to. -EINVAL: no valid text,
 * expression or specification, with a line; -EOPNOTSUPP: valid but not done, with the reason (a nested specification, what
 * expr_parse() refuses); -E2BIG: too many names; -ENOMEM.
 */
int logtext_parse(const char *text, unsigned minor, unsigned show, struct err *err, struct logtext **ret);
void logtext_free(struct logtext *lt); /* NULL is fine */

/* What it needs, each once, in the order of the values of a record; owned by the text. */
struct logtext_names {
	const char *const *names;
	const unsigned *levels; /* of objects below each that are looked at; 0: it is only called */
	size_t n;
	size_t npaths; /* the first of them are fields that the kernel follows to their end: `order.items[0].sku` */
	size_t nspare; /* the last of them are needed only where it could not follow one */
};
struct logtext_names logtext_names(const struct logtext *lt);

/* A {field}. At most one of value and error is not NULL. */
struct logtext_field {
	const char *expression; /* as written */
	struct value *value;
	char *error; /* "NameError: name 'x' is not defined" */
};

/*
 * Fill in what a record holds (c NULL: memory as it is): the text, and the fields in their order (malloc'ed; free with
 * logtext_fields_free()). A field that cannot be computed is "<NameError: ...>" in the text. builtins: the dict of the
 * built-in names. given: not NULL: instead of the record's names there are these; a field that is one of them and stands
 * for nothing is "nothing" in the text, and neither value nor error. 0 or -ENOMEM.
 */
int logtext_render(const struct logtext *lt, struct interp *in, struct mem *mem, uint64_t builtins,
		   const struct capture *c, const struct expr_given *given, size_t ngiven,
		   const struct value_limits *lim, struct strbuf *out,
		   struct logtext_field **ret_fields, size_t *ret_n);
void logtext_fields_free(struct logtext_field *fields, size_t n);

#endif
