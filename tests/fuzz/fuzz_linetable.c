// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bytes of a code object: u8 minor, u8 first traceable unit, u16 bytes of bytecode, u16 bytes
 * of line table, then bytecode, line table and exception table.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/cpython/flow.h"
#include "probes/cpython/linetable.h"
#include "probes/cpython/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *copy(const uint8_t *data, size_t size)
{
	void *p = malloc(size ? size : 1); /* of its own, so that a read behind its end is seen */

	if (p && size)
		memcpy(p, data, size);
	return p;
}

static void run(const struct flow_input *in)
{
	struct interp_place *places;
	struct linetable lt;
	uint32_t end = 0;
	size_t n, i;

	linetable_init(&lt, in->minor, in->lines, in->lines_len, in->first_line, in->size);
	while (linetable_next(&lt)) {
		if (lt.start < end || lt.end <= lt.start || lt.line < 0)
			abort();
		end = lt.end;
	}
	if (places_find(in, &places, &n))
		return;
	for (i = 0; i < n; i++)
		if (places[i].offset >= in->size || places[i].ndrop > INTERP_DROP_MAX ||
		    places[i].line <= 0)
			abort();
	free(places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_input in = { .first_line = 1 };
	size_t code, lines;
	uint8_t *a, *b, *c;

	if (size < 6)
		return 0;
	in.minor = data[0] % 20;
	in.first_traceable = data[1] * 2u;
	code = data[2] | data[3] << 8;
	lines = data[4] | data[5] << 8;
	data += 6;
	size -= 6;
	code = code < size ? code : size;
	lines = lines < size - code ? lines : size - code;
	a = copy(data, code);
	b = copy(data + code, lines);
	c = copy(data + code + lines, size - code - lines);
	if (a && b && c) {
		in.bytes = a;
		in.size = (uint32_t)code;
		in.lines = b;
		in.lines_len = lines;
		in.exceptions = c;
		in.exceptions_len = size - code - lines;
		run(&in);
	}
	free(a);
	free(b);
	free(c);
	return 0;
}
