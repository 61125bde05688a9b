/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/targets/values.py, running on one interpreter, with all that it says of itself. */
#ifndef TESTS_SUPPORT_LIB_VALUES_H
#define TESTS_SUPPORT_LIB_VALUES_H

#include <stdint.h>
#include <sys/types.h>

struct interp;
struct interpreter;
struct target;

struct values_run {
	pid_t pid;
	int out;
	char *said; /* its lines, see values.py; the last is "end" */
	struct target *target; /* these by values_open() */
	struct interp *interp;
	uint64_t dict; /* VALUES of values.py */
};

/* Start it and wait for its end line: then its main thread sleeps in frames(). 0 or -errno. */
int values_start(const struct interpreter *it, struct values_run *ret);
/* The same, and open it, with its memory cached. 0 or -errno after saying why. */
int values_open(const struct interpreter *it, struct values_run *ret);
void values_end(struct values_run *r);

#endif
