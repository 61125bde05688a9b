// SPDX-License-Identifier: BSD-2-Clause
#include "lib_piped.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static void become(const char *root, char *const argv[], const int in[2], const int out[2])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in[0], 0);
	dup2(out[1], 1);
	close(in[0]), close(in[1]), close(out[0]), close(out[1]);
	if (*root && (chroot(root) || chdir("/")))
		_exit(127);
	unsetenv("PYTHONPATH");
	execv(argv[0], argv);
	_exit(127);
}

pid_t piped_start(const char *root, char *const argv[], FILE **ret_to, FILE **ret_from)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) || pipe(out))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become(root, argv, in, out);
	close(in[0]);
	close(out[1]);
	*ret_to = fdopen(in[1], "w");
	*ret_from = fdopen(out[0], "r");
	return *ret_to && *ret_from ? pid : -ENOMEM;
}
