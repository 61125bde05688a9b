/* SPDX-License-Identifier: BSD-2-Clause */
/* Where `line` events of sys.settrace happen, from the bytes of a code object alone.
 * docs/LINE_EVENTS.md. */
#ifndef PYBPFDBG_CPYTHON_PLACES_H
#define PYBPFDBG_CPYTHON_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/probe.h"

struct flow;
struct flow_edge;
struct flow_input;

/* As interp_ops.places: ascending by line, then offset; malloc'ed. 0, -EINVAL, -ENOMEM. */
int places_find(const struct flow_input *in, struct interp_place **ret, size_t *ret_n);

/*
 * Does the tracer report a line event when control takes this edge? `candidate` (3.12+; one flag
 * for each instruction) is from rule_candidates(), NULL before.
 */
bool rule_event(const struct flow *f, const struct flow_input *in, const uint8_t *candidate,
		const struct flow_edge *e);
/* Edges too rare to spend a watch on: in 3.9 a missing name at the start of a line. */
bool rule_ignored(const struct flow *f, const struct flow_edge *e);
/* Does it when the frame is entered at instruction 0? */
bool rule_entry_event(const struct flow *f);
/* The instructions that 3.12+ would put INSTRUMENTED_LINE on; malloc'ed, NULL: no memory. */
uint8_t *rule_candidates(const struct flow *f, const struct flow_input *in);

/* places_state.c: the places of versions whose previous position is the last watched place (up
 * to 3.10). */
struct places_vec {
	struct interp_place *data;
	size_t n, cap;
};
int places_by_state(const struct flow *f, const struct flow_input *in, struct places_vec *out);
/* places_frame.c: of those where it is what the frame says (3.11+). */
int places_by_frame(const struct flow *f, const struct flow_input *in, struct places_vec *out);

#endif
