/* SPDX-License-Identifier: BSD-2-Clause */
/* What `attach` and `run` share: their options, and a session from its start to its end. */
#ifndef PYBPFDBG_CLI_ATTACH_H
#define PYBPFDBG_CLI_ATTACH_H

#include <stdbool.h>

#include "base/vec.h"
#include "cli/out.h"
#include "trace/trace.h"

struct err;
struct program;
struct session;
struct session_options;

struct attach_options {
	VEC(struct source_arg {
		bool file; /* -x */
		const char *text;
	})
	args;		    /* -c and -x in their order */
	VEC(char *) script; /* the lines of them all */
	bool has_max_pause, json;
	unsigned max_pause_ms;
	enum trace_scope scope;
	bool uprobe; /* --engine */
	bool children;
	enum out_color_mode color;
};
void attach_options_deinit(struct attach_options *o);

enum { ATTACH_JSON = 256, ATTACH_SCOPE, ATTACH_ENGINE, ATTACH_MAX_PAUSE, ATTACH_COLOR, ATTACH_CHILDREN, ATTACH_OPTIONS };
#define ATTACH_SHORT_OPTIONS "c:x:h"
#define ATTACH_LONG_OPTIONS                                                                        \
	{ "json", no_argument, NULL, ATTACH_JSON }, { "scope", required_argument, NULL, ATTACH_SCOPE }, \
		{ "engine", required_argument, NULL, ATTACH_ENGINE },                              \
		{ "max-pause", required_argument, NULL, ATTACH_MAX_PAUSE },                        \
		{ "children", no_argument, NULL, ATTACH_CHILDREN },                                \
		{ "color", required_argument, NULL, ATTACH_COLOR }, { "help", no_argument, NULL, 'h' }

/* Take what getopt_long() found. 0, or an exit status after the usage was printed; -1: done (help). */
int attach_option(const struct program *p, char **argv, int c, struct attach_options *o,
		  struct err *err);
/* Commands are read from a person at a terminal. */
bool attach_has_prompt(const struct attach_options *o);

/* Make the session: 0, or a negative errno with a line. */
typedef int attach_begin_fn(void *priv, const struct session_options *so, struct err *err,
			    struct session **ret);
/* The whole of the program; returns its exit status. */
int attach_main(struct attach_options *o, attach_begin_fn *begin, void *priv);

#endif
