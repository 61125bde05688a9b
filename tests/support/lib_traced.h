/* SPDX-License-Identifier: BSD-2-Clause */
/* A process of lib_spawn.h that the test traces, and what the tests of target/ptrace.h do with it. Failures fail the running test. */
#ifndef TESTS_SUPPORT_LIB_TRACED_H
#define TESTS_SUPPORT_LIB_TRACED_H

#include <stdbool.h>
#include <stdint.h>

#include "lib_spawn.h"
#include "target/ptrace.h"

#define TRACED_WAIT_MS 10000

struct err;
struct target;

struct traced {
	struct spawned s;
	struct target *t;
	struct tracees *ts; /* NULL: it was left */
};

/* Start it and seize it; false: there is nothing to end. */
bool traced_start(struct traced *f, void (*fn)(struct spawn_shared *));
bool traced_start_seizing(struct traced *f, void (*fn)(struct spawn_shared *),
			  int (*seize)(struct target *t, struct err *err, struct tracees **ret));
void traced_leave(struct traced *f);
void traced_end(struct traced *f);

/* The next event within ms; TRACEE_NONE. */
struct tracee_event traced_next(struct traced *f, int ms);
/* Take events until *what >= value; false: not within TRACED_WAIT_MS. */
bool traced_pump_until(struct traced *f, const volatile uint64_t *what, uint64_t value);
/* Its state as in /proc/PID/stat; wait for one, or false after TRACED_WAIT_MS. */
char traced_state(struct traced *f);
bool traced_wait_state(struct traced *f, char want);
/* The next status that its parent is told, as from wait(2), is one of these. */
void traced_expect_status(struct traced *f, bool (*is)(int), const char *what);
bool status_is_killed(int s); /* by SIGKILL */
bool status_is_exit7(int s);

/* For processes: count in *arg (a volatile uint64_t) for ever; three threads that do so, in n[0], n[1] and n[2]. */
void *traced_spin(void *arg);
void traced_three_threads(struct spawn_shared *sh);

#endif
