/* SPDX-License-Identifier: BSD-2-Clause */
/* `count --children`: in a process and in all below it. */
#ifndef PYBPFDBG_CLI_COUNT_CHILDREN_H
#define PYBPFDBG_CLI_COUNT_CHILDREN_H

struct bp_spec;
struct follow;
struct session_options;

/*
 * Count until the end: an exit status (enum cli_status). What failed was printed. f: its options; hits: which ones count, its
 * location is not used.
 */
int count_children(struct follow *f, const struct session_options *so, const struct bp_spec *hits, char **locations,
		   int nlocations);

#endif
