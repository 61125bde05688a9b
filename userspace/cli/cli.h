/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line front end. */
#ifndef PYBPFDBG_CLI_CLI_H
#define PYBPFDBG_CLI_CLI_H

/* Exit statuses: scripts rely on them. */
enum cli_status {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_ENDED = 3,	   /* the target ended */
	CLI_TIMEOUT = 124, /* --for ran out before a required hit */
};

int cli_main(int argc, char **argv);

#endif
