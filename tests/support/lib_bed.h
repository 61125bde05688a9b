/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that looks like an interpreter (lib_fake_py.h), and a watch on a byte of its first code object. Failures fail
 * the running test.
 */
#ifndef TESTS_SUPPORT_LIB_BED_H
#define TESTS_SUPPORT_LIB_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "lib_fake_py.h"
#include "trace/trace.h"

#define BED_OFFSET 10u /* of the instruction that most tests watch */

struct bed {
	struct fake_py *fp;
	struct fake_memory *m;
	struct abi_py py;
	struct trace *tr;
	uint64_t addr, code;
	struct abi_hit last;
	unsigned records;
};

/* A child; false: the test was skipped (no rights) or has failed. */
bool bed_init(struct bed *b);
/* Open it; false: it was freed. */
bool bed_open(struct bed *b, enum trace_scope scope);
void bed_deinit(struct bed *b);
/* A place with number 7 at BED_OFFSET. */
struct abi_place bed_place(enum abi_action action);
/* Watch the byte, with a place for code 0. */
bool bed_arm(struct bed *b, const struct abi_place *p);
/* All three; false: there is nothing to end. */
bool bed_armed(struct bed *b, enum trace_scope scope, const struct abi_place *p);
uint64_t bed_hits(struct bed *b);                      /* of that place */
uint64_t bed_stat(struct bed *b, enum abi_stat which);
/* Let the child do it n times, to the watched byte. */
void bed_reads(struct bed *b, enum fake_op op, uint64_t n);
/* Take the records that there are: the last of them into .last, how many more into .records. What trace_consume() returns. */
int bed_consume(struct bed *b);

#endif
