/* SPDX-License-Identifier: BSD-2-Clause */
/* A code object's parts, copied out of the target and checked. */
#ifndef PYBPFDBG_CPYTHON_CODE_H
#define PYBPFDBG_CPYTHON_CODE_H

#include <stddef.h>
#include <stdint.h>

struct cpython;

#define CODE_SIZE_MAX	(64u << 20) /* bytes of bytecode, of a line or exception table */
#define CODE_CONSTS_MAX (1u << 20)

/* The fixed part: cheap, read for every code object of the target. */
struct code_head {
	uint64_t address;
	uint64_t bytecode; /* address of the first code unit */
	uint32_t size;	   /* bytes of bytecode */
	uint32_t flags;
	int32_t first_line;
	uint32_t first_traceable;      /* bytes; 0 before 3.11 */
	uint64_t file, name, qualname; /* addresses of str; qualname 0 before 3.11 */
	uint64_t consts, linetable, exceptions, monitoring, executors; /* addresses, 0: none */
};

/* -EINVAL: no code object there (or a freed one); else the results of mem_read(). */
int code_head_read(struct cpython *py, uint64_t addr, struct code_head *ret);

/* What the analysis of its lines needs. */
struct code_parts {
	struct code_head head;
	uint8_t *bytes; /* head.size bytes of the live bytecode, instrumentation taken back */
	uint8_t *lines; /* the line table */
	size_t lines_len;
	uint8_t *exceptions; /* the exception table (3.11+) */
	size_t exceptions_len;
};

/* lines.c: as flow_init() takes them; borrowed from p */
struct flow_input;
struct flow_input flow_input_of(const struct cpython *py, const struct code_parts *p);

int code_parts_read(struct cpython *py, uint64_t addr, struct code_parts *ret);
void code_parts_deinit(struct code_parts *p);

/* Copy a bytes object of at most CODE_SIZE_MAX bytes, malloc'ed. -EINVAL: not one, or a longer one.
 */
int code_bytes(struct cpython *py, uint64_t obj, uint8_t **ret, size_t *ret_len);
/* A str of at most max code points as UTF-8, malloc'ed. -EINVAL: not a str, or a longer one. */
int code_str(struct cpython *py, uint64_t addr, size_t max, char **ret);

/* scan.c: who holds `code` in its co_consts, as the last scan found it; 0 when unknown. */
uint64_t code_parent(struct cpython *py, uint64_t code);

#endif
