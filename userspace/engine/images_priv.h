/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of engine/images.h share. Nobody else includes this. */
#ifndef PYBPFDBG_ENGINE_IMAGES_PRIV_H
#define PYBPFDBG_ENGINE_IMAGES_PRIV_H

#include "base/err.h"
#include "base/vec.h"
#include "engine/images.h"
#include "engine/session_priv.h"
#include "engine/starting.h"

/* A process that runs another program, until it is known which. */
struct image {
	pid_t pid;
	int number;	   /* in the list of processes; 0: not known yet */
	bool told;	   /* its session has told of the execve */
	bool last;	   /* and ended with it */
	bool kept;	   /* it waits in the kernel */
	bool seized;
	uint32_t key;	   /* for execs_release() */
	uint64_t since_ns; /* of .kept, .told */
	struct starting st;
};

/* What programs that are gone have counted of a breakpoint. */
struct ended_bp {
	int id;
	struct images_counts counts; /* last_error: below */
	char *last_error;
};

struct images {
	struct session_options opt, early; /* early: of sessions that are no process of the list */
	struct fellows all; /* the first one stays until the end */
	struct session *now;
	VEC(struct image *) images;
	VEC(struct session_event) events;
	VEC(struct ended_bp) ended;
	VEC(const struct bp *) pubs; /* see images_bps() */
	char *why[8]; /* of events that were handed out: freed in turn */
	size_t nwhy;
	struct execs *execs; /* NULL: whoever runs another program is left alone */
	int refused;	     /* -errno of execs_new(): that is why; 0: nobody asked for more */
	enum follow_fork follow;
	size_t turn; /* the session that is asked next */
	int last_number;
	int epoll_fd, timer_fd;
};

int images_poll(struct images *im, int op, int fd);
bool images_any_session(const struct images *im); /* some session has a process */
bool images_is_alive(const struct images *im);    /* or will have */
int images_add(struct images *im, struct session *s); /* 0 or -errno */

/* images_start.c */
/* From now on those that run another program are kept. No error: where it cannot be, they are left alone. */
void images_keep_execs(struct images *im);
/* A session told that its process runs another program. False: nobody takes it up, ev->image says why if that is known. */
bool images_execed(struct images *im, struct session_event *ev);
/* Take those that are starting further. */
void images_start(struct images *im);
void images_start_deinit(struct images *im);
/* A session for a process that runs already, and was forked by none that is followed. 0, -errno with a line. */
int images_join(struct images *im, pid_t pid, int number, struct err *err);

/* images_bps.c */
void images_give_bps(struct images *im, struct session *to);
/* s is about to be freed: what it has counted stays. */
void images_keep_counts(struct images *im, struct session *s);
void images_counts_deinit(struct images *im);
void images_bp_gone(struct images *im, struct session *from, int id);

#endif
