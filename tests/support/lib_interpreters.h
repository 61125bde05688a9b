/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Python interpreters of this machine, and how to start each; the C twin of interpreters.py:
 * Debian's, debug builds,
 * ~/.pyenv/versions, and the sid root's through chroot. PYBPFDBG_PYTHONS (paths separated by
 * colons) replaces the list.
 */
#ifndef TESTS_SUPPORT_LIB_INTERPRETERS_H
#define TESTS_SUPPORT_LIB_INTERPRETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct interpreter {
	char name[64];	/* "pyenv-3.8.18", "debian-3.11.2d" */
	char root[256]; /* "": this machine's own, else the folder to chroot to */
	char path[512]; /* as seen inside root */
	unsigned hexversion;
	unsigned minor;
	bool debug, free_threaded;
	bool supported;
};

/* All that are there, oldest first, malloc'ed; unsupported ones included. 0 or -errno. */
int interpreters_find(struct interpreter **ret, size_t *ret_n);

/*
 * Start it as `python ARGV...` (argv is NULL-terminated and begins with the first argument). Its
 * standard output is a pipe whose reading end is in *ret_out; it ends when the calling process
 * does. Files in argv are as seen inside root. PID or -errno.
 */
pid_t interpreter_start(const struct interpreter *it, const char *const argv[], int *ret_out);
/* Read one line (without newline) of at most size - 1 bytes within timeout_ms: 0, -ETIMEDOUT,
 * -EPIPE at its end. */
int interpreter_line(int out, char *buf, size_t size, int timeout_ms);
/* Kill it and wait for it. */
void interpreter_end(pid_t pid, int out);

#endif
