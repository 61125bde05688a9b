/* SPDX-License-Identifier: BSD-2-Clause */
/* One client of the Debug Adapter Protocol: what the request families share. */
#ifndef PYBPFDBG_DAP_DAP_H
#define PYBPFDBG_DAP_DAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/vec.h"
#include "dap/handles.h"
#include "probes/probe.h"

struct err;
struct dap_log;
struct session;
struct session_event;
struct source_cache;
struct wire;

/* "pathMappings": what the client calls local, the target calls remote. */
struct path_map {
	char *local, *remote;
};

/* A breakpoint as the client knows it; bp is the session's id of it, 0 when it is not there. */
struct dap_bp {
	int id, bp;
	int64_t line;
	char *name, *condition, *hit, *log; /* NULL: not said; name: of a function */
	char *message;			    /* why it is not verified */
	struct dap_log *logs;		    /* with log */
	bool keep;
};

/* All breakpoints of one source; path NULL: function breakpoints. */
struct dap_bps {
	char *path; /* as the client gave it */
	VEC(struct dap_bp) v;
};

/* A data breakpoint; id_text is the "dataId" that we gave out for it. */
struct dap_data {
	int id, bp;
	char *id_text, *condition, *hit;
	bool keep;
};

/* Who asks, in the server of a unix socket: files are opened with these rights. */
struct dap_peer {
	bool known; /* else: the rights of the process itself */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const char *token; /* what `attach` must bring along; NULL: nothing */
};

struct dap {
	struct wire *wire;
	int64_t seq;
	struct dap_peer peer;
	struct session *s; /* NULL until attached and after the end */
	struct source_cache *sources;
	pid_t pid;
	bool terminated; /* told */
	bool done;	 /* the client said goodbye, or is gone */
	bool just_my_code;
	bool lines_at_1, columns_at_1;
	bool progress, var_type; /* what the client can do with */
	struct handles handles;
	VEC(struct path_map) maps;
	VEC(struct dap_bps) bps;
	int next_bp;
	VEC(struct dap_data) data;
	struct interp_frame looking; /* the frame that what is shown now was found in */
	VEC(int) exceptions; /* session ids of what setExceptionBreakpoints has set */
	char *exception;     /* repr of the one that it stopped for, NULL: none */
	const char *break_mode; /* of that stop, an ExceptionBreakMode */

	int output;	      /* of a program that was launched; -1: none */
	bool configured;      /* configurationDone came */
	bool stop_on_entry, at_entry; /* launched: it stands before its first line */

	/* progress of the request that is worked on */
	int64_t working;       /* its seq */
	uint64_t began_ms;
	bool progress_shown, canceled;
	unsigned percent;
};

enum dap_need { NEED_NOTHING, NEED_SESSION, NEED_STOP };

/*
 * args: the request's arguments, an object (empty when there are none). *ret_body: the response's body, may stay NULL.
 * 0, or a negative errno with a line for the person.
 */
typedef int (*dap_request_fn)(struct dap *d, const json_t *args, json_t **ret_body, struct err *err);

struct dap_request {
	const char *command;
	dap_request_fn run;
	enum dap_need need;
};

/* ---- loop.c ---- */
/* Serve one client until it leaves; the target runs on. in, out: descriptors, stay the caller's. */
int dap_serve(int in, int out, const struct dap_peer *peer); /* 0 or -errno */
/* Send an event; body is taken over, may be NULL. */
void dap_event(struct dap *d, const char *event, json_t *body);
/* Forget d->maps. */
void dap_maps_clear(struct dap *d);
/* session_options.progress. */
int dap_progress(void *priv, const char *what, uint64_t done, uint64_t total);

/* ---- events.c: what happened in the target ---- */
void dap_on_event(struct dap *d, const struct session_event *ev);
/* "terminated", once. */
void dap_terminated(struct dap *d);
/* It stands before its first line, and the client is ready: stop there or go on. */
void dap_enter(struct dap *d);

/* ---- args.c: arguments, checked ---- */
const char *arg_text(const json_t *args, const char *key); /* NULL: not there, or no string */
int64_t arg_int(const json_t *args, const char *key, int64_t missing);
bool arg_bool(const json_t *args, const char *key, bool missing);
const json_t *arg_object(const json_t *args, const char *key); /* NULL: not there, or no object */
/* Paths between client and target; malloc'ed, NULL: out of memory. */
char *path_to_target(const struct dap *d, const char *path);
char *path_to_client(const struct dap *d, const char *path);
/* A Source for a file of the target. */
json_t *source_json(const struct dap *d, const char *file);

/* ---- values.c ---- */
struct value;
/*
 * A Variable: what it is called, its repr cut to a line, and a reference if there is something inside. eval_name: an expression
 * that gives it, or NULL. v may be freed afterwards unless it has no address: then it is copied by value into the handle's
 * keep (root, taken over by the caller with handles_keep()).
 */
json_t *variable_json(struct dap *d, const char *name, const struct value *v, const char *eval_name, bool hex);
/*
 * An expression for what is called `name` inside the value with that number, malloc'ed, and the frame it is of. -ENOENT with a
 * line: there is none.
 */
int child_expression_of(struct dap *d, int64_t reference, const char *name, struct err *err, char **ret,
			struct interp_frame *ret_frame);
/* The text of a value as it is shown. NULL: out of memory. */
char *value_text(const struct value *v, bool hex, size_t max);

/* ---- the request families ---- */
extern const struct dap_request dap_life[], dap_breaks[], dap_excepts[], dap_datas[], dap_run[], dap_look[], dap_values[];
extern const size_t dap_nlife, dap_nbreaks, dap_nexcepts, dap_ndatas, dap_nrun, dap_nlook, dap_nvalues;
/* What `initialize` says of exceptions: exceptionBreakpointFilters. NULL: out of memory. */
json_t *dap_exception_filters(void);
struct bp;
/* The ExceptionBreakMode of what stopped; NULL is fine. */
const char *dap_break_mode(const struct bp *bp);
/* Free what breaks.c and data.c keep. */
void dap_bps_deinit(struct dap *d);
void dap_data_deinit(struct dap *d);
/* The client's number of a breakpoint of the session, 0: it has none. */
int dap_bp_id(const struct dap *d, int bp);
/* A breakpoint of the session was bound or could not be: the client is told, if it is one of its. */
void dap_bp_changed(struct dap *d, int bp);

#endif
