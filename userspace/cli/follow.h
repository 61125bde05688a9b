/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `count`, `calls` and `latency` share, and `log` and `snap` with --children: a session in which nothing stops, or one in each
 * process of a family, until its time is over, the target ends, or a signal asks for the end.
 */
#ifndef PYBPFDBG_CLI_FOLLOW_H
#define PYBPFDBG_CLI_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/out.h"

struct err;
struct family;
struct family_options;
struct program;
struct session;
struct session_event;
struct session_options;

struct follow {
	/* Set before follow_run(), most of it by options. */
	pid_t pid;
	bool json, for_given;
	enum out_color_mode color;
	unsigned for_ms;      /* it ends after so long; unless given, follow_pid() sets it */
	unsigned interval_ms; /* 0: none */
	void (*event)(struct follow *f, const struct session_event *ev); /* each one; of a family only SESSION_LOST; NULL */
	int (*taken)(struct follow *f, struct err *err); /* after what waited of a family; NULL. 0 or -errno with a line */
	int (*tick)(struct follow *f, struct err *err); /* each interval_ms. 0 or -errno with a line */
	void *priv;
	struct out *out; /* NULL: follow_run() makes one of json and color */
	/* follow_run()'s */
	struct session *s;     /* NULL with a family */
	struct family *family; /* NULL with a session */
	bool done;             /* set in a callback: there is nothing more to wait for */
	bool timeout;          /* follow_wait() ended because of for_ms */
	bool ended;    /* the target; of a family all */
	uint64_t lost; /* hits (SESSION_LOST) */
	int sigfd;
};

/* Entries for the table of long options; what getopt_long() returns goes to follow_option(). */
enum { FOLLOW_JSON = 640, FOLLOW_FOR, FOLLOW_COLOR };
#define FOLLOW_OPTIONS                                   \
	{ "json", no_argument, NULL, FOLLOW_JSON },      \
	{ "for", required_argument, NULL, FOLLOW_FOR },  \
	{ "color", required_argument, NULL, FOLLOW_COLOR }
/* 1: o was one of them; 0: it was not; -EINVAL with a line. */
int follow_option(struct follow *f, int o, const char *text, struct err *err);
/* The process id, argv[optind], and the lifetime. 0, or an exit status after what is wrong was said. */
int follow_pid(struct follow *f, const struct program *p, int argc, char **argv);

/* Attach (so: the rest of its options), work, let go: an exit status. work: 0 or -errno with a line. */
int follow_run(struct follow *f, const struct session_options *so, int (*work)(struct follow *f, struct err *err));
/* The same in a family: what its processes have to say, and Ctrl-C, go through f. */
int follow_run_family(struct follow *f, const struct family_options *fo, int (*work)(struct follow *f, struct err *err));
/* Within work: wait for the end. 0 or -errno with a line. */
int follow_wait(struct follow *f, struct err *err);
/* The same, from the word that it has an end on: then everything is disarmed, and what was still on its way is taken. */
int follow_to_end(struct follow *f, void (*disarm)(struct session *s), struct err *err);
/* Take the events that there are. The same. */
int follow_events(struct follow *f, struct err *err);
/* Say when it ends by itself, unless the user said it. */
void follow_lifetime(const struct follow *f);
/* Hits were lost: a JSON event, or that so many `what` ("calls were not counted"). */
void follow_tell_lost(struct out *out, uint64_t n, const char *what);

#endif
