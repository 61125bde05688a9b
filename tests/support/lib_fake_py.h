/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process that looks to the BPF side like an interpreter: thread states, frames, code, and an
 * "eval loop" that reads bytecode, all in memory that it shares with the test.
 */
#ifndef TESTS_SUPPORT_LIB_FAKE_PY_H
#define TESTS_SUPPORT_LIB_FAKE_PY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct abi_py;

struct fake_interp {
	uint64_t next, tstate_head;
};
struct fake_tstate {
	uint64_t next, interp, thread_id, frame;
};
struct fake_frame {
	uint64_t code, prev, previous; /* prev: an address, or an int32_t */
};
struct fake_code {
	uint64_t type;
	uint8_t bytecode[120];
};

struct fake_memory {
	uint64_t interp_head;
	struct fake_interp interps[2];
	struct fake_tstate tstates[4];
	struct fake_frame frames[4];
	struct fake_code codes[4];
	uint64_t reads;      /* the child counts what it read in the eval loop */
	uint64_t after_read; /* 0 before each read; the first instruction after it stores 1 */
};

enum fake_op {
	FAKE_READ,    /* n reads in the eval loop */
	FAKE_PEEK,    /* n reads by other code */
	FAKE_THREAD,  /* a new thread with thread state 1 does n reads and ends */
	FAKE_CHAIN,   /* a thread that starts a thread that starts a thread ...: the last of 4 does n reads */
	FAKE_FORK,    /* a forked child does n reads and ends */
	FAKE_PIN,     /* run on CPU n only */
	FAKE_WRITE,   /* n words are stored at addr, one each time */
	FAKE_SIGNALS, /* n reads with SIGURG caught; the count is added to `reads` in the upper half */
};

struct fake_py; /* opaque */

/* Start the child: thread state 0 runs frame 0 of code 0. NULL on failure. */
struct fake_py *fake_py_new(void);
void fake_py_free(struct fake_py *fp); /* kills it */

struct fake_memory *fake_py_memory(struct fake_py *fp); /* the same addresses in the child */
pid_t fake_py_pid(const struct fake_py *fp);
/* The facts of it: position in the frame as in 3.11+ (frame_prev an address), redispatch filter on. */
void fake_py_facts(const struct fake_py *fp, struct abi_py *ret);
/* Address of the byte at offset of code i that the eval loop reads. */
uint64_t fake_py_byte(const struct fake_py *fp, unsigned code, unsigned offset);

/* Let it do something to byte addr; returns when it is done. False: it died. */
bool fake_py_do(struct fake_py *fp, enum fake_op op, uint64_t n, uint64_t addr);
/* The two halves of it. */
void fake_py_begin(struct fake_py *fp, enum fake_op op, uint64_t n, uint64_t addr);
bool fake_py_wait(struct fake_py *fp);

#endif
