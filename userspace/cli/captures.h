/* SPDX-License-Identifier: BSD-2-Clause */
/* What `log` and `snap` share: their options, their limits, the loop that takes records, and what is told at the end. */
#ifndef PYBPFDBG_CLI_CAPTURES_H
#define PYBPFDBG_CLI_CAPTURES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/out.h"
#include "engine/session.h"
#include "probes/value.h"

struct abi_captured;
struct capture;
struct err;
struct program;

struct captures {
	struct session *s;
	struct out *out;
	pid_t pid;
	struct bp_spec hits;
	struct bp_capture what;
	bool json, deep;
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
	void *priv;
	bool ended;	 /* the target */
	int failed;	 /* of show */
	struct err *err; /* its line */
	uint64_t shown, unseen, lost_told, limited_told;
	uint64_t mono_to_wall_ns;
	struct captures_threads {
		struct interp_thread *all;
		size_t n;
		uint64_t read_ms;
		char comm[64];
	} threads;
};

/*
 * Options and arguments: PID LOCATION, then more words in *ret_rest (NULL: there may be none). The limits must be preset. 0, -1
 * (help was printed), or an exit status.
 */
int captures_options(struct captures *cs, const struct program *p, int argc, char **argv, const char **ret_rest);
/* Attach, bind, take records until the end, tell what was lost: an exit status. prepare is called with the session open. */
int captures_run(struct captures *cs, int (*prepare)(struct captures *cs, struct err *err));

/* For a loop of one's own: signals, clock, thread names; captures_end() undoes it. sigfd may be -errno. */
void captures_begin(struct captures *cs);
void captures_end(struct captures *cs);

/* Say when it ends by itself, unless the user said it. */
void captures_lifetime(const struct captures *cs);
/* Tell of hits that nobody could look at (SESSION_LOST). */
void captures_unseen(struct captures *cs, uint64_t n);

/* Of a record: when ("2026-11-20T14:12:23.123456Z"; for people in local time without the day) and where. */
void captures_time(const struct captures *cs, uint64_t time_ns, bool json, char ret[static 40]);
/* The name of a thread, "" when not known; borrowed until the next call. */
const char *captures_thread(struct captures *cs, pid_t tid);

#endif
