// SPDX-License-Identifier: BSD-2-Clause
/*
 * Formats: Objects/lnotab_notes.txt of 3.6 to 3.10, Objects/locations.md (3.11+). Arithmetic on
 * lines wraps, as the bytes are the target's and may say anything.
 */
#include "probes/cpython/linetable.h"

#include <string.h>

void linetable_init(struct linetable *lt, unsigned minor, const uint8_t *tab, size_t len,
		    int32_t first_line, uint32_t size)
{
	memset(lt, 0, sizeof(*lt));
	lt->minor = minor;
	lt->tab = tab;
	lt->len = len;
	lt->size = size;
	lt->cur = (uint32_t)first_line;
	lt->pending =
		true; /* offset 0 is always the start of a line (Python/ceval.c, 3.6 to 3.9) */
	lt->done = size == 0;
}

static int32_t line_of(uint32_t cur)
{
	return (int32_t)cur > 0 ? (int32_t)cur : 0;
}

static uint32_t add_capped(uint32_t a, uint32_t b)
{
	uint32_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

/* co_lnotab: pairs (bytes, signed lines); several pairs may be needed for one step. */
static bool next_lnotab(struct linetable *lt)
{
	bool begins = lt->pending;

	lt->start = lt->addr;
	while (lt->pos + 1 < lt->len && lt->tab[lt->pos] == 0) {
		int8_t dl = (int8_t)lt->tab[lt->pos + 1];

		lt->cur += (uint32_t)(int32_t)dl;
		begins |= dl != 0;
		lt->pos += 2;
	}
	lt->line = line_of(lt->cur);
	lt->begins = begins;
	if (lt->pos + 1 < lt->len) {
		int8_t dl = (int8_t)lt->tab[lt->pos + 1];

		lt->addr = add_capped(lt->addr, lt->tab[lt->pos]);
		lt->cur += (uint32_t)(int32_t)dl;
		lt->pending = dl != 0;
		lt->pos += 2;
		lt->end = lt->addr;
	} else {
		lt->end = lt->size;
		lt->done = true;
	}
	return true;
}

/* co_linetable of 3.10: pairs (bytes, signed lines), -128: no line. */
static bool next_pairs(struct linetable *lt)
{
	uint8_t bytes;
	int8_t dl;

	if (lt->pos + 1 >= lt->len)
		return false;
	bytes = lt->tab[lt->pos];
	dl = (int8_t)lt->tab[lt->pos + 1];
	lt->pos += 2;
	if (dl != -128)
		lt->cur += (uint32_t)(int32_t)dl;
	lt->line = dl == -128 ? 0 : line_of(lt->cur);
	lt->start = lt->addr;
	lt->addr = add_capped(lt->addr, bytes);
	lt->end = lt->addr;
	return true;
}

/* 6 bits a byte, least significant first, bit 6: more follow. */
static uint32_t varint(struct linetable *lt)
{
	uint32_t v = 0;
	unsigned shift = 0;

	while (lt->pos < lt->len) {
		uint8_t b = lt->tab[lt->pos++];

		if (shift < 32)
			v |= (uint32_t)(b & 63) << shift;
		shift += 6;
		if (!(b & 64))
			break;
	}
	return v;
}

static uint32_t svarint(struct linetable *lt)
{
	uint32_t u = varint(lt);

	return u & 1 ? 0 - (u >> 1) : u >> 1;
}

/* co_linetable of 3.11+: 1kkkklll, code k, l + 1 units. */
static bool next_location(struct linetable *lt)
{
	uint32_t units;
	uint8_t b;

	if (lt->pos >= lt->len)
		return false;
	b = lt->tab[lt->pos++];
	units = (b & 7) + 1;
	lt->start = lt->addr;
	lt->addr = add_capped(lt->addr, units * 2);
	lt->end = lt->addr;
	switch (b >> 3 & 15) {
	case 15: /* no location */
		lt->line = 0;
		return true;
	case 14: /* long form: line, end line, columns */
		lt->cur += svarint(lt);
		varint(lt), varint(lt), varint(lt);
		break;
	case 13: /* no columns */
		lt->cur += svarint(lt);
		break;
	case 10:
	case 11:
	case 12:
		lt->cur += (b >> 3 & 15) - 10u;
		lt->pos += 2;
		break;
	default:
		lt->pos += 1;
	}
	lt->line = line_of(lt->cur);
	return true;
}

bool linetable_next(struct linetable *lt)
{
	bool ok;

	do {
		if (lt->done || lt->addr >= lt->size)
			return false;
		if (lt->minor <= 9)
			ok = next_lnotab(lt);
		else if (lt->minor == 10)
			ok = next_pairs(lt);
		else
			ok = next_location(lt);
		if (!ok) {
			lt->done = true;
			return false;
		}
	} while (lt->end <= lt->start);
	return true;
}

int32_t linetable_find(struct linetable *lt, uint32_t offset)
{
	while (linetable_next(lt))
		if (offset < lt->end)
			return lt->line;
	return 0;
}

void linetable_fill(struct linetable *lt, int32_t *ret_line, uint8_t *ret_begins)
{
	uint32_t n = lt->size / 2, i;

	memset(ret_line, 0, n * sizeof(*ret_line));
	if (ret_begins)
		memset(ret_begins, 0, n);
	while (linetable_next(lt)) {
		uint32_t end = lt->end / 2 < n ? lt->end / 2 : n;

		for (i = lt->start / 2; i < end; i++)
			ret_line[i] = lt->line;
		if (ret_begins && lt->begins && lt->start / 2 < n)
			ret_begins[lt->start / 2] = 1;
	}
}
