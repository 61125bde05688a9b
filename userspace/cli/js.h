/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON objects of docs/GUIDE.md, "JSON": shared pieces. Each result is new, NULL when out of
 * memory. */
#ifndef PYBPFDBG_CLI_JS_H
#define PYBPFDBG_CLI_JS_H

#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/js_text.h"

struct bp;
struct value;
struct vars;

/* {tid, name} */
json_t *js_thread(pid_t tid, const char *name);
/* {file, line, function}; file and function may be NULL. */
json_t *js_frame(const char *file, int32_t line, const char *function);
/* {name, type, repr} and for containers {length, children} down to depth levels; name may be NULL.
 */
json_t *js_value(const char *name, const struct value *v, unsigned depth);
/* An array of these. */
json_t *js_vars(const struct vars *vars, unsigned depth);
/* The `bound` event, or `pending` where it is bound to nothing. */
json_t *js_bound(const struct bp *bp);
/* The same with what has become of it: `enabled`, `hits`, of a condition `errors` ... */
json_t *js_breakpoint(const struct bp *bp);
struct session;
/* The `attached` event. */
json_t *js_attached(struct session *s, size_t threads);
/* What a data breakpoint has seen, added to a `stopped` event: expression, old, new, ended. */
void js_watch(json_t *j, const struct bp *bp, struct session *s, const char *ended);
/* The exit status of a wait(2) status: the code, minus the signal, null for -1. */
json_t *js_status(int status);

#endif
