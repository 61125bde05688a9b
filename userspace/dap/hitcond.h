/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PYBPFDBG_DAP_HITCOND_H
#define PYBPFDBG_DAP_HITCOND_H

struct bp_spec;
struct err;

/*
 * A hitCondition: "N" and "== N" the N-th hit, "> N", ">= N", "< N", "<= N", "% N" each N-th. Fills in
 * ignore, every and limit. -EINVAL with a line.
 */
int hitcond_parse(const char *text, struct err *err, struct bp_spec *ret);

#endif
