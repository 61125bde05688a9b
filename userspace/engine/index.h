/* SPDX-License-Identifier: BSD-2-Clause */
/* Every code object of a process, by file and by qualified name. */
#ifndef PYBPFDBG_ENGINE_INDEX_H
#define PYBPFDBG_ENGINE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_index; /* opaque */
struct interp;
struct interp_code;
struct interp_place;

struct index_code {
	uint64_t address;
	uint64_t bytecode;
	uint64_t checksum;
	const char *file;     /* interned: equal strings are equal pointers within one index */
	const char *function; /* qualified name, interned */
	int32_t first_line;
	uint32_t flags;
};

/* A place of a file where a line begins. */
struct index_place {
	const struct index_code *code;
	const struct interp_place *place;
};

typedef int (*index_progress_fn)(void *priv, uint64_t done, uint64_t total);

int code_index_new(struct interp *in, struct code_index **ret);
void code_index_free(struct code_index *ix);

/*
 * Scan the process (again). Strings handed out before stay valid; struct index_code and places do
 * not. 0 or -errno; -ECANCELED when progress says so.
 */
int code_index_scan(struct code_index *ix, index_progress_fn progress, void *priv);
/* Instead of a scan: one code object and, if tree, all that lie in it. 0, -EINVAL (there is none), -ENOMEM. */
int code_index_read(struct code_index *ix, uint64_t code, bool tree);
/* CLOCK_MONOTONIC of the last scan in ns, 0: never. */
uint64_t code_index_time(const struct code_index *ix);

/* All code objects, sorted by file, then first line. */
size_t code_index_all(const struct code_index *ix, const struct index_code **ret);
/* Distinct file names / qualified names, sorted; owned by ix until the next scan. */
size_t code_index_files(struct code_index *ix, const char *const **ret);
size_t code_index_functions(struct code_index *ix, const char *const **ret);

/*
 * The places of all code objects of a file (interned pointer), sorted by line, code and offset.
 * Kept for the file that was asked for last. Owned by ix until the next call with another file or
 * the next scan. 0 or -errno.
 */
int code_index_places(struct code_index *ix, const char *file, const struct index_place **ret,
		      size_t *ret_n);

/* Names of one code object, from the index or read now and remembered. -EINVAL: there is no code
 * object. */
int code_index_names(struct code_index *ix, uint64_t code, const char **ret_file,
		     const char **ret_function);
/* Names learnt by address may be stale once the target ran on: read them anew. Strings stay valid.
 */
void code_index_forget_names(struct code_index *ix);
/* A string that lives as long as ix; NULL when out of memory. */
const char *code_index_intern(struct code_index *ix, const char *s);

/* Does path end in tail at a component boundary (or equal it)? */
bool path_has_tail(const char *path, const char *tail);

#endif
