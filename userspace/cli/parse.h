/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person types, taken apart. Pure: text in, facts out. */
#ifndef PYBPFDBG_CLI_PARSE_H
#define PYBPFDBG_CLI_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* A name that can be typed; alias lists the other full spellings, separated by spaces ("cont c").
 */
struct parse_name {
	const char *name, *alias;
};

/*
 * The command at the start of a line and what follows it (a pointer into line, blanks skipped). A
 * word is an exact name, an alias, or the unambiguous start of a name. -ENODATA: the line is blank
 * or a # comment; -ENOENT, -ENOTUNIQ with a line in *err.
 */
int parse_command(const char *line, const struct parse_name *names, size_t n, struct err *err,
		  size_t *ret_index, const char **ret_args);

/*
 * "LOCATION", "LOCATION if CONDITION" or "LOCATION, CONDITION". Both results are malloc'ed; the
 * condition is NULL when there is none. -EINVAL with a line, -ENOMEM.
 */
int parse_break(const char *args, struct err *err, char **ret_location, char **ret_condition);

/*
 * "EXPRESSION [if CONDITION]": the `if` is the first one outside of brackets and quotes. As parse_break().
 */
int parse_watch(const char *args, struct err *err, char **ret_expression, char **ret_condition);

/* Which hits count, see struct bp_spec; 0: not said. */
struct parse_hits {
	int64_t ignore, every, first, thread;
};

/*
 * Take "ignore N", "every N", "first N" and "thread TID" off the end of a location (in place). -EINVAL with a
 * line.
 */
int parse_hits(char *location, struct err *err, struct parse_hits *ret);

/*
 * Take "--engine watch" or "--engine uprobe" off the start: what follows (a pointer into args); *ret_uprobe is left alone where
 * there is none. NULL with a line in *err: another engine.
 */
const char *parse_engine(const char *args, struct err *err, bool *ret_uprobe);

/* The next number of a list separated by blanks or commas: 1 and *args moves on, 0 at the end,
 * -EINVAL with a line. */
int parse_next_number(const char **args, struct err *err, int64_t *ret);

/* A whole text that is one number in [min, max]; what names it in the message. 0 or -EINVAL with a
 * line. */
int parse_number(const char *text, const char *what, int64_t min, int64_t max, struct err *err,
		 int64_t *ret);

/* "12", "1.5", "250ms", "10s", "2m", "1h" as milliseconds, at least 1. 0 or -EINVAL with a line. */
int parse_seconds(const char *text, const char *what, struct err *err, unsigned *ret_ms);

/* A process id. 0 or -EINVAL with a line. */
int parse_pid(const char *text, struct err *err, pid_t *ret);

/*
 * The argument of `list`: "" (first = last = 0), "." (first = -1), "N" (11 lines around N), "N, M"
 * (M below N is a count of lines, as in pdb). 0 or -EINVAL with a line.
 */
int parse_list(const char *args, struct err *err, int32_t *ret_first, int32_t *ret_last);

#endif
