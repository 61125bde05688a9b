/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `attach`: their state, how a line is run and how events are shown. */
#ifndef PYBPFDBG_CLI_SHELL_H
#define PYBPFDBG_CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/out.h"
#include "engine/session.h"
#include "probes/probe.h"

struct err;
struct images;
struct session;
struct session_event;
struct source;
struct source_cache;
struct shell_stops;
struct terminal;
struct value;

struct shell {
	struct images *im;
	struct session *from; /* whose the last event is; NULL: nobody's */
	struct session *s; /* that is looked at: shell_sync_process() */
	struct out *out;
	pid_t pid;
	int sigfd;    /* readable on Ctrl-C */
	bool launched; /* the target was started by us: it ends with the session */
	struct terminal *terminal; /* NULL: there is none to share with the target */
	bool prompt;  /* a person sits there */
	bool uprobe;  /* breakpoints are set with the uprobe engine where nothing else is said */
	bool stopped; /* as far as was shown: a stop that nobody has seen yet is not one */
	bool over;    /* no more commands: detached, or the target ended */
	int status;   /* exit status of the program when over */

	int process;		     /* number of the one that is looked at, see shell_sync_process() */
	pid_t tid;		     /* selected thread, 0: none */
	size_t frame;		     /* selected frame, 0 is the innermost; while stopped */
	struct interp_frame *frames; /* of the selected thread while stopped; NULL: not read yet */
	size_t nframes;

	struct source_cache *sources;
	char *list_file; /* where the last `list` ended */
	int32_t list_next;
	const struct command *last; /* for the empty line, NULL: none */
	char *last_args;
	uint64_t condition_errors; /* told so far */
	int told_ended;		   /* data breakpoints up to this number were told to have ended */

	struct shell_stops *stops; /* commands_stop.c: display, commands; NULL: none yet */
	uint64_t stop_count;	   /* stops that were shown */
	bool all_code;	       /* `set just-my-code off` */
	enum step_at at;       /* of the stop that was shown last */
	bool has_retval;
	struct value *retval; /* what was returned last, if has_retval */
};

/* What completion offers for the argument. */
enum complete_kind {
	COMPLETE_NONE,
	COMPLETE_LOCATION,
	COMPLETE_EXPRESSION,
	COMPLETE_COMMAND,
	COMPLETE_INFO
};

struct command {
	const char *name, *alias; /* as in struct parse_name */
	const char *args;	  /* for help */
	const char *help;	  /* one line */
	int (*run)(struct shell *sh, const char *args, struct err *err);
	enum complete_kind complete;
	bool repeat; /* by an empty line */
};
extern const struct command commands[];
extern const size_t ncommands;

/* Run one line. 0, or a negative errno after the error was shown. */
int shell_line(struct shell *sh, const char *line);
/* Take the next event without waiting (SESSION_NONE: there is none). 0 or a negative errno with a
 * line. */
int shell_next_event(struct shell *sh, struct err *err, struct session_event *ret);
/* Show it and take note of it. */
void shell_on_event(struct shell *sh, const struct session_event *ev);
/* Wait until the target stops or ends. A Ctrl-C stops it, or without a prompt gives -EINTR. */
int shell_wait(struct shell *sh, struct err *err);
/* Take the signals that wait: true when there was a Ctrl-C; SIGTERM and SIGHUP end the session. */
bool shell_interrupted(struct shell *sh);
/* As session_options.progress, priv is the struct shell: a Ctrl-C ends the work. */
int shell_progress(void *priv, const char *what, uint64_t done, uint64_t total);
/* After sh->s and sh->im were made. */
void shell_init(struct shell *sh);
/* Detach and say so, once. */
void shell_detach(struct shell *sh);
/* The end of the commands: detach, or kill what we started. */
void shell_end(struct shell *sh);
void shell_deinit(struct shell *sh);

/* Frames handed out are only good while the target is still. -EBUSY with a line unless it is
 * stopped. */
int shell_need_stop(struct shell *sh, const char *what, struct err *err);
/* Forget frames: after a resume or when another thread is selected. */
void shell_forget(struct shell *sh);
/* File of the selected frame while stopped, NULL otherwise; borrowed. */
const char *shell_current_file(struct shell *sh);

/*
 * While the target runs: make it stand still, and keep output back so that it does not wait for a
 * terminal. Nothing to do while it is stopped. *still says which; shell_still_end() takes it back,
 * once.
 */
int shell_still_begin(struct shell *sh, struct err *err, bool *still);
void shell_still_end(struct shell *sh, bool *still, uint64_t *ret_pause_us);

/* A thread looked at, its frames with it; while the target runs it stands still from begin to end.
 */
struct look {
	pid_t tid;
	char name[64];
	const struct interp_frame *frames; /* innermost first */
	size_t nframes, frame;		   /* frame: selected */
	struct interp_frame *owned;
	bool still;
};
/* 0 or negative errno with a line. A thread without Python frames is -ENOENT unless may_be_empty.
 */
int look_begin(struct shell *sh, bool may_be_empty, struct err *err, struct look *ret);
/* Ends the stillness and says for how long it was. */
void look_end(struct shell *sh, struct look *lk);

/* In the order of their ids, the main thread first as a rule: numbers then mean the same each time.
 */
void shell_sort_threads(struct interp_thread *threads, size_t n);
/* Name of a thread ("" when unknown) from those of session_threads(), or the kernel's. */
void shell_thread_name(struct shell *sh, const struct interp_thread *threads, size_t n, pid_t tid,
		       char buf[static 64]);

/* ---- shown by several commands ---- */
/* The source of a file as the target sees it; NULL when it cannot be read. Borrowed. */
struct source *shell_source(struct shell *sh, const char *file);
/* "-> 87  source"; nothing when the file cannot be read. */
void shell_show_source(struct shell *sh, const char *file, int32_t line);
/* " function() at file:line" of a frame, without end of line. */
void shell_add_place(struct shell *sh, const char *function, const char *file, int32_t line);
/* File and qualified name of a frame; "?" when they cannot be read. */
void shell_frame_names(struct shell *sh, const struct interp_frame *f, const char **ret_file,
		       const char **ret_function);

/* commands_process.c: the session may look at another process now: what was kept of the one before is forgotten. */
void shell_sync_process(struct shell *sh);
/* "process 3 (PID 4711), " where there may be several, without end of line. */
void shell_add_process(struct shell *sh);
/* Show SESSION_PROCESS and the others of its kind. */
void shell_process_event(struct shell *sh, const struct session_event *ev);
void shell_show_follow_fork(struct shell *sh);
int shell_set_follow_fork(struct shell *sh, const char *value, struct err *err);

/* commands_watch.c: what a data breakpoint has seen (ended: that it is over, and why; else NULL) */
struct bp;
void shell_show_write(struct shell *sh, const struct bp *bp, const char *ended);
void shell_show_watch(struct shell *sh, const struct bp *bp);
/* Data breakpoints that have ended unnoticed, but for number `but`: each is told once. */
void shell_tell_ended(struct shell *sh, int but);
/* commands_stop.c: a line of a list that is being typed (`commands`) is taken */
bool shell_collects(struct shell *sh, const char *line);
bool shell_is_collecting(const struct shell *sh);
/* commands.c: does the command let the target go on, or end the session? */
bool shell_goes_on(const char *line);
/* Is the stop at breakpoint bp not to be shown? */
bool shell_is_silent(struct shell *sh, int bp);
/* After a stop was shown: what is displayed; the list of breakpoint bp (0: none) is run by shell_run_lists(). */
void shell_at_stop(struct shell *sh, int bp);
void shell_run_lists(struct shell *sh);
void shell_stops_free(struct shell_stops *st);

/* Take note of a stop: what is about to happen there, and the value that is returned. */
void shell_note_step(struct shell *sh, const struct session_event *ev);
/* The stop of a step: what JSON says of it besides; its line for people, as pdb has it. */
json_t *shell_step_json(struct shell *sh);
void shell_show_step(struct shell *sh, const char *function, const char *file, int32_t line,
		     const char *exception);

/* ---- commands ---- */
int cmd_watch(struct shell *sh, const char *args, struct err *err);
int cmd_break(struct shell *sh, const char *args, struct err *err);
int cmd_catch(struct shell *sh, const char *args, struct err *err);
int cmd_tbreak(struct shell *sh, const char *args, struct err *err);
int cmd_clear(struct shell *sh, const char *args, struct err *err);
int cmd_enable(struct shell *sh, const char *args, struct err *err);
int cmd_disable(struct shell *sh, const char *args, struct err *err);
int cmd_ignore(struct shell *sh, const char *args, struct err *err);
int cmd_condition(struct shell *sh, const char *args, struct err *err);
int cmd_continue(struct shell *sh, const char *args, struct err *err);
int cmd_step(struct shell *sh, const char *args, struct err *err);
int cmd_next(struct shell *sh, const char *args, struct err *err);
int cmd_return(struct shell *sh, const char *args, struct err *err);
int cmd_until(struct shell *sh, const char *args, struct err *err);
int cmd_display(struct shell *sh, const char *args, struct err *err);
int cmd_undisplay(struct shell *sh, const char *args, struct err *err);
int cmd_commands(struct shell *sh, const char *args, struct err *err);
int cmd_source(struct shell *sh, const char *args, struct err *err);
int cmd_retval(struct shell *sh, const char *args, struct err *err);
int cmd_set(struct shell *sh, const char *args, struct err *err);
int cmd_interrupt(struct shell *sh, const char *args, struct err *err);
int cmd_detach(struct shell *sh, const char *args, struct err *err);
int cmd_quit(struct shell *sh, const char *args, struct err *err);
int cmd_help(struct shell *sh, const char *args, struct err *err);
int cmd_where(struct shell *sh, const char *args, struct err *err);
int cmd_up(struct shell *sh, const char *args, struct err *err);
int cmd_down(struct shell *sh, const char *args, struct err *err);
int cmd_list(struct shell *sh, const char *args, struct err *err);
int cmd_longlist(struct shell *sh, const char *args, struct err *err);
int cmd_args(struct shell *sh, const char *args, struct err *err);
int cmd_locals(struct shell *sh, const char *args, struct err *err);
int cmd_globals(struct shell *sh, const char *args, struct err *err);
int cmd_p(struct shell *sh, const char *args, struct err *err);
int cmd_pp(struct shell *sh, const char *args, struct err *err);
int cmd_whatis(struct shell *sh, const char *args, struct err *err);
int cmd_threads(struct shell *sh, const char *args, struct err *err);
int cmd_greenlets(struct shell *sh, const char *args, struct err *err);
int cmd_tasks(struct shell *sh, const char *args, struct err *err);
int cmd_thread(struct shell *sh, const char *args, struct err *err);
int cmd_processes(struct shell *sh, const char *args, struct err *err);
int cmd_process(struct shell *sh, const char *args, struct err *err);
int cmd_info(struct shell *sh, const char *args, struct err *err);

/* SESSION_BOUND and SESSION_UNBOUND, shown. */
void break_bound(struct shell *sh, int id);
void break_unbound(struct shell *sh, int id);

/* Parts of `info`. */
int info_breakpoints(struct shell *sh, struct err *err);
int info_watchpoints(struct shell *sh, struct err *err);
/* One line of the list, and what more there is to say. 0 or -ENOMEM. */
int info_one(struct shell *sh, const struct bp *bp);
/* Its condition, and who evaluates it. */
void shell_show_judge(struct shell *sh, const struct bp *bp);
int info_slots(struct shell *sh, struct err *err);

#endif
