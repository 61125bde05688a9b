/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the family share. Nobody else includes this. */
#ifndef PYBPFDBG_ENGINE_FAMILY_PRIV_H
#define PYBPFDBG_ENGINE_FAMILY_PRIV_H

#include "base/err.h"
#include "base/vec.h"
#include "engine/family.h"

/* A kernel side and the processes that it counts: all have this code where the first has it. */
struct group {
	struct family *family;
	struct session *s;
	int *ids; /* of each spec its breakpoint in s; 0: not bound here */
};

struct member {
	pid_t pid;
	struct group **groups; /* by which each spec is counted in it; NULL: none yet */
	uint64_t *
		since_ns; /* from then on; what it has forked before does not belong to the group */
	bool fresh;	  /* it began while we looked: what it lacks may come */
	uint64_t began_ns, again_ns, wait_ns; /* again_ns 0: it is not looked at again */
	struct session *reader;		      /* its memory; NULL: not opened */
};

struct family {
	struct family_options opt;
	struct procs *procs;
	VEC(struct group *) groups;
	VEC(struct member *) members;
	struct err why; /* of the first process in which something could not be bound */
	int why_r;
	int epoll;
	int failed; /* in a callback: -ENOMEM */
	uint64_t lost_seen;
};

/* family_bind.c */
struct member *member_find(struct family *f, pid_t pid); /* NULL: it is not known */
struct member *member_new(struct family *f, pid_t pid); /* NULL: no memory */
void member_free(struct member *m);
/* It begins, or another program begins in it. */
void member_begins(struct member *m);
/* Is every breakpoint counted in it? */
bool member_is_complete(const struct family *f, const struct member *m);
/*
 * Look at a process: what is loaded in it and not yet counted is from now on. 0, or negative errno with a line: then the family is at its
 * end.
 */
int member_look(struct family *f, struct member *m, struct err *err);
void group_free(struct group *g); /* NULL is fine */
/* A session that reads its memory; NULL: it has ended, or it cannot be read. */
struct session *member_reader(struct family *f, pid_t pid);

#endif
