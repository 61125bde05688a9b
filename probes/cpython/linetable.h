/* SPDX-License-Identifier: BSD-2-Clause */
/* The line tables of CPython as bytes in, ranges out. Any bytes are safe to give. */
#ifndef PYBPFDBG_CPYTHON_LINETABLE_H
#define PYBPFDBG_CPYTHON_LINETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A walk over the ranges of a table, in ascending order and without gaps. */
struct linetable {
	/* The current range, after linetable_next() gave true: */
	uint32_t start, end; /* bytes of bytecode, [start, end) */
	int32_t line;	     /* 0: none */
	bool begins;	     /* up to 3.9: the tracer takes start for the start of a line */
	/* private */
	unsigned minor;
	const uint8_t *tab;
	size_t len, pos;
	uint32_t size, addr;
	uint32_t cur; /* line so far, wrapping */
	bool pending, done;
};

/*
 * tab: co_lnotab (up to 3.9) or co_linetable of 3.minor, len bytes; first_line: co_firstlineno;
 * size: bytes of bytecode. tab must outlive the walk.
 */
void linetable_init(struct linetable *lt, unsigned minor, const uint8_t *tab, size_t len,
		    int32_t first_line, uint32_t size);
/* The next range that is not empty and begins before `size`; false at the end. */
bool linetable_next(struct linetable *lt);

/* Line of a byte offset; 0 when it has none. Consumes lt. */
int32_t linetable_find(struct linetable *lt, uint32_t offset);
/*
 * Line of every code unit (2 bytes): ret_line has size/2 entries; ret_begins (may be NULL) gets 1
 * where the tracer of <= 3.9 sees the start of a line. Consumes lt.
 */
void linetable_fill(struct linetable *lt, int32_t *ret_line, uint8_t *ret_begins);

#endif
