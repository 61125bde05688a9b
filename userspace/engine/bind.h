/* SPDX-License-Identifier: BSD-2-Clause */
/* From what a person wrote to the places in memory where that line begins. */
#ifndef PYBPFDBG_ENGINE_BIND_H
#define PYBPFDBG_ENGINE_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_index;
struct err;
struct interp;
struct location;

struct bind_place {
	uint64_t code, bytecode;
	uint64_t checksum; /* of the code object, see interp_code */
	bool entry; /* not the line: where a frame of the code begins, see bind_entry() */
	struct interp_place *place; /* a copy, owned by the binding */
};

struct binding {
	const char *file;	   /* interned in the index */
	const char *function;	   /* of the first place */
	int32_t line;		   /* where it is bound */
	struct bind_place *places; /* all places of the line, those that only note included */
	size_t n;
};

/*
 * Resolve loc in a scanned index. default_file: for a bare line; may be NULL. target: "pid 42", for
 * messages. -ENOENT, -ENODATA (the file is there, but no code at or after the line), -ENOTUNIQ, -EINVAL with the
 * line in *err, -ENOMEM.
 */
int bind_location(struct code_index *ix, struct interp *in, const struct location *loc,
		  const char *text, const char *default_file, const char *target, struct err *err,
		  struct binding *ret);
/* The first line event of a code object that is in ix. As bind_location(). */
int bind_code(struct code_index *ix, uint64_t code, const char *target, struct err *err, struct binding *ret);
/*
 * Make of a binding to a line one to the functions that begin with it, for the uprobe engine: one place for each code
 * object. -EINVAL with a line: the line is inside a function.
 */
int bind_entry(struct code_index *ix, const char *target, struct err *err, struct binding *b);
bool binding_has_place(const struct binding *b, const struct bind_place *p);
/* A copy of p at the end of b, which owns it; 0 or -ENOMEM. */
int binding_copy_place(struct binding *b, const struct bind_place *p);
/* Without what comes after the first n places. */
void binding_cut(struct binding *b, size_t n);
void binding_deinit(struct binding *b);
/* The file that a path or an unambiguous tail of one names. -ENOENT, -ENOTUNIQ with the line in *err. */
int bind_file(struct code_index *ix, const char *asked, const char *target, struct err *err,
	      const char **ret);

/* Is file (of a code object) where module "pkg.mod" comes from, by its name? */
bool file_is_module(const char *file, const char *module);

#endif
