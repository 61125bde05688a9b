/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data breakpoints: which memory is watched for a reference, and what a write to it means. Inside the engine only; the front
 * ends know session_watch() and the rest of session.h. docs/DATA_BREAKPOINTS.md says what follows what.
 */
#ifndef PYBPFDBG_ENGINE_DATA_H
#define PYBPFDBG_ENGINE_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "bpf/abi.h"
#include "engine/expr.h"
#include "probes/probe.h"

struct abi_hit;
struct bp_priv;
struct err;
struct session;
struct value;

/* Watched memory; several watches may share it. */
struct data_point {
	uint64_t addr; /* the watched byte: of a word the last, which is written when all of it is */
	unsigned users;
	struct abi_data abi;
};

struct data_watch {
	struct expr_target target;
	struct interp_ref ref; /* its name and key are target's */
	uint64_t globals;      /* where the names of conditions come from without a frame; 0 */
	struct interp_storage st;
	char *holder;          /* "the frame of f()", "the list": what ends the watch when it goes */
	bool nowhere;          /* st.slot is 0: see st.gone */
	bool quiet;            /* what was deleted is half a write */
	uint64_t last;         /* what was there when it was last seen */
	uint64_t serial;       /* the kernel's number of that write */
	uint64_t slot_point, moves_point, also_point; /* addresses of points that it uses; 0: none */
	/* read when it was armed and at the last hit; NULL: nothing was there */
	struct value *now;
	uint64_t now_serial; /* abi_data.serial of the write that put it there */
	/* of the hit that is judged or shown */
	struct value *old, *new;
	bool ending; /* the stop that is shown is its end */
};

/* Find out what `expression` refers to in frame (0: in the dict globals). A line on failure; see interp_ops.storage. */
int data_new(struct session *s, const struct expr *e, uint64_t frame, uint64_t globals, struct err *err,
	     struct data_watch **ret);
void data_free(struct data_watch *w); /* NULL is fine */

/* Find it again: it may have moved, or ended, while nobody watched. The target must not run. -ESTALE with a line: it has ended. */
int data_locate(struct session *s, struct data_watch *w, struct err *err);
/* Watch; the target must not run. b->rules is made. 0 or negative errno with a line. */
unsigned data_slots(const struct data_watch *w); /* how many watch slots its storage needs, those that it shares included */
int data_arm(struct session *s, struct bp_priv *b, struct err *err);
void data_disarm(struct session *s, struct bp_priv *b);
/* A write was judged here: the kernel takes w->last for what is there. */
void data_tell_last(struct session *s, const struct data_watch *w);
/* Watch nothing any more; what the session knows of points is freed. */
void data_points_deinit(struct session *s);
/* Does any watch need threads that can be stopped? */
bool data_needs_tracees(const struct session *s);

/* data_follow.c */
/* Read what is there now: the old value of the next write. */
void data_remember(struct session *s, struct data_watch *w);

/* The target has stopped: which local variables are no more, unnoticed? Their watches end. */
void data_check(struct session *s);

/* As bps_judge(), for a record ABI_REC_DATA. */
struct bp_priv *data_judge(struct session *s, const struct abi_hit *hit);

/* A guard of st, one of its first n, does not hold. */
bool data_guards_hold(struct session *s, const struct interp_storage *st, unsigned n);
bool data_frame_lives(struct session *s, const struct interp_storage *st);

#endif
