/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that answers on its standard output what it is asked on its standard input. */
#ifndef TESTS_SUPPORT_LIB_PIPED_H
#define TESTS_SUPPORT_LIB_PIPED_H

#include <stdio.h>
#include <sys/types.h>

/* Start argv[0], as seen from root ("": our own); it is killed when we end. PID or -errno. */
pid_t piped_start(const char *root, char *const argv[], FILE **ret_to, FILE **ret_from);

#endif
