/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function of the test as a process to debug: a grandchild, so that its parent is not the
 * debugger, as with a real target. It ends when the test does.
 */
#ifndef TESTS_SUPPORT_LIB_SPAWN_H
#define TESTS_SUPPORT_LIB_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Shared memory between the test and the process (and its children): whatever the test likes. */
struct spawn_shared {
	volatile uint64_t ready; /* see spawn() */
	volatile uint64_t n[32];
};

struct spawned {
	pid_t pid;
	pid_t parent;
	int statuses; /* pipe: wait statuses as the parent saw them */
	struct spawn_shared *shared;
};

/* Start it and wait until fn has called spawn_ready() (at most 20 s). Returns 0 or -errno. */
int spawn(struct spawned *s, void (*fn)(struct spawn_shared *sh));
void spawn_ready(struct spawn_shared *sh);
/* The next status (stopped, continued, ended) that its parent was told: 0, -ETIMEDOUT, -EPIPE. */
int spawn_status(struct spawned *s, int timeout_ms, int *ret_status);
/* Wait until *what >= value, yielding; false after timeout_ms. */
bool spawn_wait(const volatile uint64_t *what, uint64_t value, int timeout_ms);
/* Kill and wait. */
void spawn_end(struct spawned *s);

#endif
