// SPDX-License-Identifier: BSD-2-Clause
/* The format is that of the Linux Standard Base, "Exception Frames". */
#include "target/ehframe.h"

#include <dwarf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/sym.h"
#include "base/vec.h"

/* Bytes with a position; every getter fails at the end. */
struct bytes {
	const uint8_t *data;
	size_t pos, end;
	uint64_t addr; /* of data[0] when loaded */
};

static bool get(struct bytes *b, size_t size, uint64_t *ret)
{
	uint64_t v = 0;

	if (size > 8 || b->end - b->pos < size)
		return false;
	memcpy(&v, b->data + b->pos, size);
	b->pos += size;
	*ret = v;
	return true;
}

/* A LEB128 number of either sign: only its length matters to us, and its value when it is small. */
static bool get_leb(struct bytes *b, uint64_t *ret)
{
	uint64_t v = 0, byte;
	unsigned shift;

	for (shift = 0; shift < 70; shift += 7) {
		if (!get(b, 1, &byte))
			return false;
		if (shift < 63)
			v |= (byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool get_encoded(struct bytes *b, unsigned encoding, bool plain, uint64_t *ret)
{
	uint64_t at = b->addr + b->pos, v;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		if (!get(b, 8, &v))
			return false;
		break;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		if (!get(b, 4, &v))
			return false;
		if ((encoding & 0x0f) == DW_EH_PE_sdata4 && !plain)
			v = (uint64_t)(int64_t)(int32_t)v;
		break;
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		if (!get(b, 2, &v))
			return false;
		if ((encoding & 0x0f) == DW_EH_PE_sdata2 && !plain)
			v = (uint64_t)(int64_t)(int16_t)v;
		break;
	default:
		return false;
	}
	if (!plain) {
		switch (encoding & 0xf0) {
		case 0:
			break;
		case DW_EH_PE_pcrel:
			v += at;
			break;
		default:
			return false;
		}
	}
	*ret = v;
	return true;
}

/* How the CIE at `pos` (its length field) has its FDEs write addresses. */
static bool cie_encoding(struct bytes all, size_t pos, unsigned *ret)
{
	uint64_t len, id, version, v;
	const char *aug;
	size_t aug_len;
	struct bytes b = all;

	b.pos = pos;
	if (!get(&b, 4, &len) || len == 0xffffffff || len > b.end - b.pos)
		return false;
	b.end = b.pos + len;
	if (!get(&b, 4, &id) || id || !get(&b, 1, &version) || (version != 1 && version != 3))
		return false;
	aug = (const char *)b.data + b.pos;
	aug_len = strnlen(aug, b.end - b.pos);
	if (aug_len == b.end - b.pos)
		return false;
	b.pos += aug_len + 1;
	/* Code and data alignment, return address register. */
	if (!get_leb(&b, &v) || !get_leb(&b, &v))
		return false;
	if (version == 1 ? !get(&b, 1, &v) : !get_leb(&b, &v))
		return false;
	*ret = DW_EH_PE_absptr;
	if (aug[0] != 'z')
		return aug_len == 0;
	if (!get_leb(&b, &v))
		return false;
	for (aug++; *aug; aug++) {
		switch (*aug) {
		case 'R':
			if (!get(&b, 1, &v))
				return false;
			*ret = v;
			return true;
		case 'L':
			if (!get(&b, 1, &v))
				return false;
			break;
		case 'P':
			if (!get(&b, 1, &v) || !get_encoded(&b, v, true, &v))
				return false;
			break;
		case 'S':
		case 'B':
			break;
		default:
			return false;
		}
	}
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct sym_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int ehframe_parse(const uint8_t *data, size_t len, uint64_t addr, struct ehframe *ret)
{
	struct bytes b = { .data = data, .end = len, .addr = addr };
	size_t cie = SIZE_MAX; /* the last one looked at: FDEs of one CIE follow each other */
	bool cie_ok = false;
	unsigned encoding = 0;
	VEC(struct sym_range) v = { 0 };

	for (;;) {
		uint64_t size, id, start, n, end;
		struct bytes fde = b;
		size_t id_pos;

		/* A length of 0 ends the section, 64-bit lengths are not made for x86-64. */
		if (!get(&fde, 4, &size) || !size || size == 0xffffffff || size > fde.end - fde.pos)
			break;
		id_pos = fde.pos;
		fde.end = fde.pos + size;
		b.pos = fde.end;
		if (!get(&fde, 4, &id) || !id || id > id_pos)
			continue;
		if (id_pos - id != cie) {
			cie = id_pos - id;
			cie_ok = cie_encoding(b, cie, &encoding);
		}
		if (!cie_ok || !get_encoded(&fde, encoding, false, &start) ||
		    !get_encoded(&fde, encoding, true, &n) || !n ||
		    __builtin_add_overflow(start, n, &end))
			continue;
		if (vec_push(&v, (struct sym_range){ start, end })) {
			vec_deinit(&v);
			return -ENOMEM;
		}
	}
	if (v.n)
		qsort(v.data, v.n, sizeof(*v.data), by_start);
	*ret = (struct ehframe){ v.data, v.n };
	return 0;
}

int ehframe_find(const struct ehframe *e, uint64_t addr, struct sym_range *ret)
{
	size_t lo = 0, hi = e->n;

	/* The last range that starts at or below addr. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->ranges[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr >= e->ranges[lo - 1].end)
		return -ENOENT;
	*ret = e->ranges[lo - 1];
	return 0;
}

void ehframe_deinit(struct ehframe *e)
{
	free(e->ranges);
	*e = (struct ehframe){ 0 };
}
