/* SPDX-License-Identifier: BSD-2-Clause */
/* What `log` and `snap` share: their options, their limits, the loop that takes records, and what is told at the end. */
#ifndef PYBPFDBG_CLI_CAPTURES_H
#define PYBPFDBG_CLI_CAPTURES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"
#include "cli/out.h"
#include "engine/session.h"
#include "probes/value.h"

struct abi_captured;
struct abi_hit;
struct capture;
struct err;
struct family;
struct program;

struct captures {
	struct session *s; /* through which what a record refers to is read */
	struct out *out;
	pid_t pid;
	bool children;
	struct family *family; /* with children; else NULL */
	struct session *bound; /* with children: in which the breakpoint is of which a record is; else NULL */
	pid_t process;         /* with children: whose record it is; else 0 */
	struct bp_spec hits;
	struct bp_capture what;
	bool json, deep;
	bool watch; /* hits.location is an expression, and its writes are the hits */
	enum out_color_mode color;
	enum trace_scope scope;
	bool for_given;
	bool required;          /* running out of time before hits.limit is an exit status */
	unsigned for_ms;        /* everything is disarmed then */
	unsigned max_pause_ms;  /* --deep */
	uint64_t max_rate, max_bytes; /* a second */
	struct value_limits limits;
	int bp;
	int sigfd;
	/* One record; c is open, the reading of memory is not on it. 0 or -errno with a line in *err. */
	int (*show)(struct captures *cs, const struct capture *c, struct err *err);
	/* The same for a write of the watch that has no record (session_options.written). */
	int (*show_write)(struct captures *cs, const struct abi_hit *hit, struct err *err);
	void *priv;
	bool ended;	 /* the target */
	int failed;	 /* of show */
	struct err *err; /* its line */
	uint64_t shown, unseen, lost_told, limited_told;
	uint64_t cut;        /* shown, but a limit left something out */
	uint64_t uncomputed; /* values of the text that could not be computed */
	uint64_t mono_to_wall_ns;
	struct captures_threads {
		struct interp_thread *all;
		size_t n;
		uint64_t read_ms;
		VEC(struct session *) read; /* whose are in there */
		char comm[64];
	} threads;
};

/*
 * Options and arguments: PID LOCATION (or what stands in its place), then more words in *ret_rest (NULL: there may be none).
 * The limits must be preset. 0, -1 (help was printed), or an exit status.
 */
int captures_options(struct captures *cs, const struct program *p, int argc, char **argv, const char **ret_rest);
/* Attach, bind, take records until the end, tell what was lost: an exit status. prepare is called with the session open. */
int captures_run(struct captures *cs, int (*prepare)(struct captures *cs, struct err *err));

/* The same in a process and in all below it; prepare is called for each session that something may be bound in (cs->bound). */
int captures_run_children(struct captures *cs, int (*prepare)(struct captures *cs, struct err *err));

/* For a loop of one's own: signals, clock, thread names; captures_end() undoes it. sigfd may be -errno. */
void captures_begin(struct captures *cs);
void captures_end(struct captures *cs);

/* Say when it ends by itself, unless the user said it. */
void captures_lifetime(const struct captures *cs);
/* Of what is bound: everywhere the same, and the sums. */
struct captures_sums {
	const char *location, *last_error; /* why the condition failed; NULL: it did not */
	int line;
	uint64_t hits, lost, limited, errors, undecided;
};
bool captures_sums(struct captures *cs, struct captures_sums *ret); /* false: nothing is bound (any more) */
void captures_tell_dropped(struct captures *cs); /* what was dropped since the last call */
void captures_tell_end(struct captures *cs);
void captures_clock(struct captures *cs); /* look at the clock for captures_time() */
/* Tell of hits that nobody could look at (SESSION_LOST). */
void captures_unseen(struct captures *cs, uint64_t n);

/*
 * What a record refers to was read through cs->s: did that process end meanwhile? Then cs->s is what it was forked from, and it
 * is to be read once more.
 */
bool captures_read_again(struct captures *cs);

/* Of a record: when ("2026-11-20T14:12:23.123456Z"; for people in local time without the day) and where. */
void captures_time(const struct captures *cs, uint64_t time_ns, bool json, char ret[static 40]);
/* The name of a thread, "" when not known; borrowed until the next call. */
const char *captures_thread(struct captures *cs, pid_t tid);

#endif
