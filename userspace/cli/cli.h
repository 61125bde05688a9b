/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line front end. */
#ifndef PYBPFDBG_CLI_CLI_H
#define PYBPFDBG_CLI_CLI_H

/* Exit status: 0 done, 1 failed, 2 usage, 3 the target ended, 124 --for ran out before a required hit. */
int cli_main(int argc, char **argv);

#endif
