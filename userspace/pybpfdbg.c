// SPDX-License-Identifier: BSD-2-Clause
/* The program: hands over to the command line, or to the Debug Adapter Protocol. */
#include <string.h>

#include "cli/cli.h"
#include "dap/server.h"

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "dap"))
		return dap_main(argc - 1, argv + 1);
	return cli_main(argc, argv);
}
