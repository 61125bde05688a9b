/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps, inside the engine; what the front ends call is in session.h. */
#ifndef PYBPFDBG_ENGINE_STEP_H
#define PYBPFDBG_ENGINE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/session.h"

struct abi_hit;

/* The step is over: its watch is off. What it needs of uprobes stays for a moment, as the next step may want it. */
void step_end(struct session *s);
/* The target goes on without a step: everything is off, or about to be. */
void step_forget(struct session *s);
/* At every turn of the loop: the moment may be over. */
void step_idle(struct session *s);
void step_deinit(struct session *s);

/* A record of a step: does its thread stop there? (What the kernel could not tell is told here.) */
bool step_judge(struct session *s, const struct abi_hit *hit);
enum step_at step_at(const struct abi_hit *hit);
int32_t step_line(struct session *s, const struct abi_hit *hit); /* 0: none */
/* Is that code the user's: not the standard library's, nor an installed package's? */
bool step_is_mine(struct session *s, uint64_t code);
/* The object that is about to be returned there; 0: none, or not known. */
uint64_t step_value(struct session *s, const struct abi_hit *hit);

/* ---- loan.c: a breakpoint where a function begins lends its slot and is seen by a uprobe ---- */
/* While the target stands: free one slot for the step. 0, or -ENOSPC: none can be lent without losing hits. */
int loans_take(struct session *s);
/* Why it was not taken, and what to do about it. */
const char *loans_refusal(struct session *s);
/* Give back what can be: while the target stands, else nothing. What cannot stays with the uprobe. */
void loans_return(struct session *s);
/* The target goes on without a step: no uprobe for loans any more, unless one is still out. */
void loans_over(struct session *s);
/* A step ended without a stop (its thread did): give back. */
void loans_check(struct session *s);
bool loans_any(const struct session *s);

#endif
