// SPDX-License-Identifier: BSD-2-Clause
/* The program: hands over to the command line. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
