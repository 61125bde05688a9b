/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the command line shows. Text for people goes to standard output, or to standard error with
 * --json, where standard output holds one object a line and nothing else. All text is escaped here
 * before it is written.
 */
#ifndef PYBPFDBG_CLI_OUT_H
#define PYBPFDBG_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/strbuf.h"

struct err;

enum out_color { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_RED, OUT_GREEN, OUT_CYAN, OUT_COLORS };
enum out_color_mode { OUT_COLOR_AUTO, OUT_COLOR_ALWAYS, OUT_COLOR_NEVER };

struct out {
	FILE *text;
	bool json, color;
	pid_t process; /* said in each event that does not say which; 0: there is one only */
	const char *prefix; /* of errors */
	struct strbuf line; /* what out_add() collected */
	bool hold;	    /* keep lines back */
	struct strbuf held, held_json;
	bool progress;		/* a progress line stands on the terminal */
	uint64_t progress_from; /* CLOCK_MONOTONIC, ms; 0: no long work under way */
};

void out_init(struct out *o, bool json, enum out_color_mode mode);
void out_deinit(struct out *o);
/* "auto", "always", "never": 0 or -EINVAL. */
int out_color_mode(const char *text, enum out_color_mode *ret);

/* Add a piece to the line; what it holds is escaped. */
void out_add(struct out *o, enum out_color color, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Write the line that was collected. */
void out_end(struct out *o);
/* A plain line at once. */
void out_line(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keep what is written back until out_release(): while the target stands still nobody waits for a
 * terminal. */
void out_hold(struct out *o);
void out_release(struct out *o);

/* The line of an error on standard error, and with --json an `error` event too. */
void out_error(struct out *o, const char *text);
/* A remark on standard error. */
void out_note(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Write obj as one line on standard output and free it; NULL (out of memory) is an error that is
 * said. */
void out_json(struct out *o, json_t *obj);

/* Nobody reads any more (a closed pipe, a full disk): -EPIPE with a line, else 0. */
int out_check(struct out *o, struct err *err);

/* done of total (bytes): a line on a terminal once the work takes over a second. */
void out_progress(struct out *o, const char *what, uint64_t done, uint64_t total);

#endif
