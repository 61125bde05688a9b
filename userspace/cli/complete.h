/* SPDX-License-Identifier: BSD-2-Clause */
/* What could stand where the cursor is. */
#ifndef PYBPFDBG_CLI_COMPLETE_H
#define PYBPFDBG_CLI_COMPLETE_H

#include <stddef.h>

struct shell;

/*
 * Completions of word, which starts at byte start of line: commands, files and functions after
 * `break`, names and attributes after `p`. NULL-terminated, malloc'ed; NULL when there are none.
 */
char **complete(struct shell *sh, const char *line, size_t start, const char *word);
void complete_free(char **list);
/* The characters that part words in this line: a location is one word, an expression is not. */
const char *complete_breaks(const char *line);

#endif
