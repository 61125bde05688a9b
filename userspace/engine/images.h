/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sessions of one command line. Processes that were forked by one another share a session (engine/session.h); one that runs another
 * program has other addresses, perhaps another Python, and gets a session of its own: breakpoints are set in each by what was asked
 * for, under one number. One stop is shown at a time, of whichever session.
 */
#ifndef PYBPFDBG_ENGINE_IMAGES_H
#define PYBPFDBG_ENGINE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/session.h"

struct bp;
struct bp_spec;
struct err;
struct images; /* opaque */
struct session;
struct session_event;
struct session_options;
struct session_process;

/* first is taken over, with what it was made with (copied). 0; -errno with a line: first is the caller's still. */
int images_new(struct session *first, const struct session_options *opt, struct err *err, struct images **ret);
void images_free(struct images *im); /* every session; NULL is fine */

int images_fd(const struct images *im); /* readable when images_next_event() may have something */
struct session *images_now(const struct images *im); /* that is looked at */
/* The session that has a stop which was shown; NULL: none. It is looked at from now on. */
struct session *images_standing(struct images *im);
bool images_is_standing(const struct images *im);
/* The next session that goes on, but for the one that is looked at, from *i (0 to begin with) on; NULL: that was all. */
struct session *images_other(const struct images *im, size_t *i);
struct session *images_first(const struct images *im); /* that it was made with */
bool images_first_is_over(const struct images *im);

/*
 * The next event, without waiting; *ret_from: whose it is (NULL: nobody's). With SESSION_STOPPED that session is looked at. Of the end of a
 * session that is not the last SESSION_PROCESS_ENDED is told. 0 or -errno.
 */
int images_next_event(struct images *im, struct session_event *ret, struct session **ret_from);

/* session_follow_forks() and session_children(), and from now on the same for those that run another program. */
int images_follow(struct images *im, enum follow_fork mode, struct err *err);
int images_children(struct images *im, struct err *err);

/* Those of all sessions, see session_processes(). */
int images_processes(struct images *im, struct session_process **ret, size_t *ret_n);
/* Look at that process, and so at its session. As session_process(). */
int images_process(struct images *im, int number, struct err *err);

/*
 * As session_break() and so on in the session that is looked at, whose result it is, then in the others: what cannot be done there is
 * said of the breakpoint (bp.why). A breakpoint for one thread is set in one.
 */
int images_break(struct images *im, const struct bp_spec *spec, struct err *err, int *ret_id);
int images_watch(struct images *im, const struct bp_spec *spec, uint64_t frame, struct err *err, int *ret_id);
/*
 * All breakpoints, ascending by id, each once: as the session that is looked at has it, if that does. Borrowed until the next call
 * that changes breakpoints or takes an event.
 */
size_t images_bps(struct images *im, const struct bp *const **ret);
const struct bp *images_bp(struct images *im, int id); /* NULL: there is none */
/* What a breakpoint has counted in one program. */
struct images_counts {
	int number;	/* its first process that lives; 0: those programs that have ended, together */
	pid_t pid;
	uint64_t hits, errors, undecided; /* as in struct bp */
	const char *last_error;		  /* borrowed, as the breakpoints */
};
/* In each program that has it, malloc'ed. 0 or -ENOMEM. */
int images_bp_counts(struct images *im, int id, struct images_counts **ret, size_t *ret_n);
/* From whichever program is looked at, in all that have it; the result is that of the first. */
int images_bp_clear(struct images *im, int id, struct err *err);
int images_bp_enable(struct images *im, int id, bool enable, struct err *err);
int images_bp_condition(struct images *im, int id, const char *condition, struct err *err);
int images_bp_ignore(struct images *im, int id, uint64_t count, struct err *err);
/* session_pause(), unless another session is stopped (-EBUSY). */
int images_pause(struct images *im, struct err *err);

#endif
