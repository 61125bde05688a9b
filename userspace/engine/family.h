/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same breakpoints, of those that do not stop, in a process and in every Python process below it, also in those that come
 * later. Forked processes share the watch slots of the one that they come from as long as the code is where that has it.
 */
#ifndef PYBPFDBG_ENGINE_FAMILY_H
#define PYBPFDBG_ENGINE_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/session.h"

struct abi_captured;
struct bp;
struct err;
struct family; /* opaque */

/*
 * What is counted instead of breakpoints: calls, or how long they take. nspecs is 1 then and specs is not looked at. 0 or negative errno
 * with a line; priv: family_options.priv.
 */
struct family_work {
	int (*find)(void *priv, struct session *s, struct err *err); /* what it is about, in that process: -ENOENT etc. */
	bool (*is_same)(const struct session *a, const struct session *b); /* both have found it: at the same addresses? */
	int (*begin)(void *priv, struct session *s, struct err *err);
	void (*end)(struct session *s);
	/* Process pid began meanwhile, and is counted from now on; s: it, until this returns. */
	void (*begun)(void *priv, pid_t pid, struct session *s);
};

struct family_options {
	struct session_options session; /* of each process; .captured and .children are set by the family */
	const struct bp_spec *specs;	/* what to count or to capture; borrowed until family_free() */
	size_t nspecs;
	const struct family_work *work; /* NULL: specs */
	/* Called before anything is bound in a process that is looked at by itself; may be NULL. 0 or negative errno with a line. */
	int (*prepare)(void *priv, struct session *s, struct err *err);
	/*
	 * A record of process pid (0: not known); its memory is read through `reader`, which is its own unless it has ended: then
	 * what it was forked from. bound: the session that was prepared.
	 */
	void (*captured)(void *priv, struct session *bound, struct session *reader, pid_t pid, const struct abi_captured *rec,
			 size_t size);
	uint64_t max_records, max_bytes; /* a second, in processes that share what is bound; 0: no limit */
	/* In a process that began meanwhile this breakpoint is counted from now on. */
	void (*bound)(void *priv, pid_t pid, const struct bp *bp);
	/* What there is to say of a process, a line. */
	void (*note)(void *priv, const char *text);
	void *priv; /* of these, and of session.progress */
};

/*
 * Bind and arm in all processes that there are. Fails as session_break() where a location is bound in none of them, with a line.
 * A process in which it cannot be armed (no slot is left) is told of by note.
 */
int family_open(pid_t pid, const struct family_options *opt, struct err *err, struct family **ret);
void family_free(struct family *f); /* NULL is fine */

int family_fd(const struct family *f); /* for poll; owned by f */
int family_timeout(struct family *f);  /* after so many ms family_take() has something to do in any case; -1: never */
/* Take what has happened. 0 or negative errno with a line; *ret_lost: hits that were lost since the last call. */
int family_take(struct family *f, struct err *err, uint64_t *ret_lost);
bool family_is_over(const struct family *f); /* all processes have ended */
/* Nothing hits any more; what was recorded until now is still handed out. */
void family_disarm(struct family *f);

/* A breakpoint as the i-th of the sessions that have it bound shows it; NULL: there are no more. Borrowed as session_bp(). */
const struct bp *family_bp(struct family *f, size_t spec, size_t i);
struct family_hits {
	pid_t pid; /* 0: a process whose number is not known any more */
	uint64_t hits;
};
/* By process, ascending, malloc'ed; *ret_all: of all together. 0 or -ENOMEM. */
int family_hits(struct family *f, size_t spec, struct family_hits **ret, size_t *ret_n, uint64_t *ret_all);

/* ---- family_options.work ---- */
/* The i-th of the sessions that count; NULL: there are no more. Borrowed. */
struct session *family_session(struct family *f, size_t i);
/* session_calls_begin() was begun: all calls by function and process, sorted so; malloc'ed, names borrowed. 0 or -errno. */
int family_calls(struct family *f, struct session_call **ret, size_t *ret_n);
/* session_latency_begin() was: of all processes together, and by process, ascending, malloc'ed. 0 or -errno. */
int family_latency(struct family *f, struct latency *ret, struct latency_process **ret_each, size_t *ret_n);

size_t family_size(const struct family *f); /* processes that live, Python or not */

#endif
