/* SPDX-License-Identifier: BSD-2-Clause */
/* `pybpfdbg dap`: the Debug Adapter Protocol over standard input and output, TCP or a unix socket. */
#ifndef PYBPFDBG_DAP_SERVER_H
#define PYBPFDBG_DAP_SERVER_H

/* argv[0] is "dap"; an exit status (0 done, 1 failed, 2 usage). */
int dap_main(int argc, char **argv);

#endif
