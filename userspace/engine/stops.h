/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of stopping share: hits.c (records), shown.c (what becomes of them), stops.c (all that happens, in order). */
#ifndef PYBPFDBG_ENGINE_STOPS_H
#define PYBPFDBG_ENGINE_STOPS_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/session_priv.h"

/* ---- hits.c ---- */
/* Take some of the records that wait: how many, or -errno. */
int hits_consume(struct session *s);
/* Take the oldest record of a thread out of s->hits; false: there is none. */
bool hits_take(struct session *s, pid_t tid, struct pending_hit *ret);
/*
 * Was tid told to stop? The record was written before the signal was sent, but behind as many captures as the ring buffer
 * holds, more than are taken at a time. One that was lost is not waited for longer than that.
 */
bool hits_await(struct session *s, pid_t tid);
/* Its thread was not traced when it hit. */
bool hit_is_free(const struct abi_hit *hit);
/* Losses since the last look become an event. 0 or -ENOMEM. */
int hits_tell_losses(struct session *s);

/* ---- shown.c ---- */
/*
 * Is there a hit that can be shown now? It is in front then. A step is not ended by what other processes hit, unless it takes
 * long: it may wait for one of them.
 */
bool shown_may(struct session *s);
bool shown_steps_alone(const struct session *s); /* it steps, and not for so long */
/* The next thread that stands at a hit: shown, if it stops there, else it goes on. 0 or -errno. */
int shown_next(struct session *s);
/* Does the thread stand at another hit, which was not judged yet? */
bool shown_waits(const struct session *s, pid_t tid);

/* ---- stops.c ---- */
/* 0 or -ENOMEM. */
int stops_event(struct session *s, struct session_event ev);
/* One thread goes on, if it is still there. */
void stops_resume_one(struct session *s, pid_t tid);
/* In so many ms the target goes on by itself; 0: it does not. */
void stops_limit(struct session *s, unsigned ms);

#endif
