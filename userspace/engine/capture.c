// SPDX-License-Identifier: BSD-2-Clause
#include "engine/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bpf/abi.h"
#include "engine/catch.h"

static int by_address(const void *a, const void *b)
{
	const struct mem_chunk *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The chunks, which begin at data. */
static int read_chunks(const uint8_t *data, size_t left, size_t n, struct mem_chunk *ret)
{
	for (size_t i = 0; i < n; i++) {
		struct abi_chunk head;
		size_t padded;

		if (left < sizeof(head))
			return -EINVAL;
		memcpy(&head, data, sizeof(head));
		data += sizeof(head);
		left -= sizeof(head);
		padded = ((size_t)head.len + 7) & ~(size_t)7;
		if (padded > left)
			return -EINVAL;
		ret[i] = (struct mem_chunk){ head.addr, head.len, data };
		data += padded;
		left -= padded;
	}
	return 0;
}

int capture_open(const struct abi_captured *rec, size_t size, struct capture *ret)
{
	struct capture c = { .rec = rec };
	const uint8_t *at = (const uint8_t *)(rec + 1);
	size_t left;
	int r;

	if (size < sizeof(*rec))
		return -EINVAL;
	left = size - sizeof(*rec);
	if (rec->nvalues > left / sizeof(*c.values))
		return -EINVAL;
	c.values = (const struct abi_value *)at;
	at += rec->nvalues * sizeof(*c.values);
	left -= rec->nvalues * sizeof(*c.values);
	if (rec->nframes > left / sizeof(*c.frames))
		return -EINVAL;
	c.frames = (const struct abi_captured_frame *)at;
	at += rec->nframes * sizeof(*c.frames);
	left -= rec->nframes * sizeof(*c.frames);
	if (rec->nchunks > left / sizeof(struct abi_chunk))
		return -EINVAL;
	c.nchunks = rec->nchunks;
	c.chunks = calloc(c.nchunks ? c.nchunks : 1, sizeof(*c.chunks));
	if (!c.chunks)
		return -ENOMEM;
	r = read_chunks(at, left, c.nchunks, c.chunks);
	if (r) {
		free(c.chunks);
		return r;
	}
	qsort(c.chunks, c.nchunks, sizeof(*c.chunks), by_address);
	*ret = c;
	return 0;
}

void capture_deinit(struct capture *c)
{
	free(c->chunks);
	c->chunks = NULL;
	c->nchunks = 0;
}

void capture_begin(const struct capture *c, struct mem *m)
{
	mem_record_on(m, c->chunks, c->nchunks);
}

char *capture_exception(const struct capture *c, struct interp *in, struct mem *m)
{
	char *text;

	if (c->rec->hit.place != ABI_PLACE_RAISE)
		return NULL;
	capture_begin(c, m);
	text = catch_text(in, c->rec->hit.tstate);
	capture_end(m);
	return text;
}

void capture_end(struct mem *m)
{
	mem_record_off(m);
}
