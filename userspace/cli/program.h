/* SPDX-License-Identifier: BSD-2-Clause */
/* `pybpfdbg attach`, `dump`, ...: the table of programs and what their options share. */
#ifndef PYBPFDBG_CLI_PROGRAM_H
#define PYBPFDBG_CLI_PROGRAM_H

#include <sys/types.h>

#include "cli/out.h"
#include "trace/trace.h"

struct err;
struct session;
struct session_options;

struct program {
	const char *name, *args, *help;
	/* argv[0] is the program's name; the result is an exit status (enum cli_status). */
	int (*run)(const struct program *p, int argc, char **argv);
	const char *options; /* one line each */
};

int program_attach(const struct program *p, int argc, char **argv);
int program_dump(const struct program *p, int argc, char **argv);
int program_count(const struct program *p, int argc, char **argv);
int program_latency(const struct program *p, int argc, char **argv);
int program_run(const struct program *p, int argc, char **argv);
int program_log(const struct program *p, int argc, char **argv);
int program_snap(const struct program *p, int argc, char **argv);
int program_calls(const struct program *p, int argc, char **argv);
int program_doctor(const struct program *p, int argc, char **argv);

/* Say what is wrong with the arguments and how they go; returns CLI_USAGE. */
int program_usage(const struct program *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Print the help of one program on standard output; returns CLI_DONE. */
int program_help(const struct program *p);
/* What getopt_long() did not like. */
int program_bad_option(const struct program *p, char **argv, int c);

/*
 * Options that say which hits count, the same for all that do not stop: put PROGRAM_HITS into the table of long
 * options, and hand what getopt_long() returns to program_hits_option().
 */
enum { PROGRAM_IF = 512, PROGRAM_THREAD, PROGRAM_EVERY, PROGRAM_IGNORE, PROGRAM_PENDING };
#define PROGRAM_HITS                                            \
	{ "if", required_argument, NULL, PROGRAM_IF },          \
	{ "thread", required_argument, NULL, PROGRAM_THREAD },  \
	{ "every", required_argument, NULL, PROGRAM_EVERY },    \
	{ "ignore", required_argument, NULL, PROGRAM_IGNORE },  \
	{ "pending", no_argument, NULL, PROGRAM_PENDING }
#define PROGRAM_HITS_HELP                                                                   \
	"  --if EXPR           only where that is true (evaluated in the kernel)\n"         \
	"  --thread TID        only in that thread\n"                                       \
	"  --ignore N          not the first N\n"                                           \
	"  --every N           of the others each N-th only\n"                              \
	"  --pending           wait for what is not loaded yet, and count copies loaded later\n" \
	"                      (its threads are traced, and stop for moments)\n"
struct bp_spec;
/* 1: o was one of them (text is borrowed); 0: it was not; -EINVAL with a line. */
int program_hits_option(int o, const char *text, struct err *err, struct bp_spec *ret);

/* "42", or "42 [1]" for a process that is number 1 in a pid namespace of its own. */
#define PROGRAM_PID 32
struct target;
void program_pid(const struct target *t, char ret[static PROGRAM_PID]);

/* May --children go with these? 0 or -EINVAL with a line. */
int program_children(const struct bp_spec *spec, struct err *err);

/* session_break(), and what there is to say of it: that it is pending, or that --pending would wait for it. */
int program_break(struct session *s, const struct bp_spec *spec, struct out *out, struct err *err,
		  int *ret_id);
/* SESSION_BOUND or SESSION_UNBOUND, shown. */
struct bp;
void program_bound(struct out *out, const struct bp *bp);
/* What was watched is no more (bp->ended), shown. */
void program_watch_ended(struct out *out, const struct bp *bp);

/* cpu, task, auto: 0 or -EINVAL with a line. */
int program_scope(const char *text, struct err *err, enum trace_scope *ret);
/* watch, uprobe: 0 or -EINVAL with a line. */
int program_engine(const char *text, struct err *err, bool *ret_uprobe);
/* A non-blocking descriptor that is readable after SIGINT, SIGTERM or SIGHUP, which do nothing else
 * from then on. */
int program_signals(void);

#endif
