// SPDX-License-Identifier: BSD-2-Clause
/*
 * Dicts of all forms, in insertion order (Objects/dictobject.c of each version):
 * - up to 3.10: indices of 1, 2, 4 or 8 bytes, then entries {hash, key, value};
 * - from 3.11 on: the same, or {key, value} where all keys are str (dk_kind);
 * - split tables: the keys belong to the class, the values to the instance (ma_values, or inline).
 */
#include "probes/cpython/objects.h"

#include <errno.h>
#include <string.h>

enum { KEYS_GENERAL, KEYS_UNICODE, KEYS_SPLIT }; /* dk_kind */

/* Entries, their number and form, from the keys object. */
static int keys_open(struct obj_rd *rd, uint64_t keys, struct obj_dict *d)
{
	const struct py_offsets *off = rd->off;
	uint64_t nentries, limit, indices;
	uint8_t buf[64];
	int r;

	r = mem_read(rd->mem, keys, buf, off->keys_indices <= sizeof(buf) ? off->keys_indices : 0);
	if (r < 0)
		return r;
	memcpy(&nentries, buf + off->keys_nentries, 8);
	if (off->keys_size != OFF_NONE) {
		memcpy(&limit, buf + off->keys_size, 8);
		if (limit == 0 || limit > 1ull << 40)
			return -EINVAL;
		indices = limit * (limit <= 0xff	 ? 1
				   : limit <= 0xffff	 ? 2
				   : limit <= 0xffffffff ? 4
							 : 8);
		d->entry_size = 24;
	} else {
		uint8_t log2 = buf[off->keys_log2_size],
			log2_bytes = buf[off->keys_log2_index_bytes];

		if (log2 > 40 || log2_bytes > 44)
			return -EINVAL;
		limit = 1ull << log2;
		indices = 1ull << log2_bytes;
		if (buf[off->keys_kind] > KEYS_SPLIT)
			return -EINVAL;
		d->entry_size = buf[off->keys_kind] == KEYS_GENERAL ? 24 : 16;
	}
	if (nentries > limit)
		return -EINVAL;
	d->key_at = d->entry_size - 16;
	d->value_at = d->entry_size - 8;
	d->nentries = nentries;
	d->entries = keys + off->keys_indices + indices;
	return 0;
}

/* Where the values of a split table are, and in which order they were set. */
static int values_open(struct obj_rd *rd, uint64_t values, struct obj_dict *d)
{
	const struct py_offsets *off = rd->off;
	uint8_t head[8], prefix[256];
	int r;

	d->values = values + (off->values_values == OFF_NONE ? 0 : off->values_values);
	if (rd->minor <= 10) /* a bare array; it stays in the order of the keys */
		return 0;
	d->ordered = true;
	if (rd->minor >= 13) {
		r = mem_read(rd->mem, values, head, 4);
		if (r < 0)
			return r;
		d->norder = head[off->values_size];
		if (d->norder > head[off->values_capacity])
			return -EINVAL;
		/* One byte each, right behind the values. */
		return d->norder ? mem_read(rd->mem,
					    d->values + 8 * (uint64_t)head[off->values_capacity],
					    d->order, d->norder)
				 : 0;
	}
	/* 3.11 and 3.12 keep them in front, backwards: [-1] their number of bytes, [-2] how many
	 * are used. */
	r = mem_read(rd->mem, values - 8, head, 8);
	if (r < 0)
		return r;
	d->norder = head[6];
	if (d->norder + 2u > sizeof(prefix))
		return -EINVAL;
	r = mem_read(rd->mem, values - 2 - d->norder, prefix, d->norder + 2u);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < d->norder; i++)
		d->order[i] = prefix[d->norder - 1 - i];
	return 0;
}

int obj_dict_open_values(struct obj_rd *rd, uint64_t keys, uint64_t values, struct obj_dict *d)
{
	int r;

	memset(d, 0, offsetof(struct obj_dict, buf));
	d->rd = rd;
	r = keys_open(rd, keys, d);
	if (r == 0)
		r = values_open(rd, values, d);
	d->used = d->norder;
	return r;
}

int obj_dict_open_table(struct obj_rd *rd, uint64_t keys, uint64_t values, struct obj_dict *d)
{
	memset(d, 0, offsetof(struct obj_dict, buf));
	d->rd = rd;
	if (values)
		d->values =
			values + (rd->off->values_values == OFF_NONE ? 0 : rd->off->values_values);
	return keys_open(rd, keys, d);
}

int obj_dict_open(struct obj_rd *rd, uint64_t addr, struct obj_dict *d)
{
	const struct py_offsets *off = rd->off;
	uint64_t used, keys, values;
	struct obj_type *t;
	int r = -EINVAL;

	t = obj_type_of(rd, addr, &r);
	if (!t)
		return r;
	if (!(t->flags & TPF_DICT) && t->cls != OBJ_FROZENDICT)
		return -EINVAL;
	memset(d, 0, offsetof(struct obj_dict, buf));
	d->rd = rd;
	if ((r = mem_u64(rd->mem, addr + off->dict_used, &used)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->dict_keys, &keys)) < 0 ||
	    (r = mem_u64(rd->mem, addr + off->dict_values, &values)) < 0)
		return r;
	r = keys_open(rd, keys, d);
	if (r == 0 && values)
		r = values_open(rd, values, d);
	if (r == 0 && (used > INT64_MAX || used > d->nentries))
		r = -EINVAL;
	d->used = (int64_t)used;
	return r;
}

/* Entry number i, through a small read-ahead buffer. */
static int entry(struct obj_dict *d, uint64_t i, uint64_t *ret_key, uint64_t *ret_value)
{
	const uint8_t *p;
	uint64_t n;
	int r;

	if (i < d->buf_first || i >= d->buf_first + d->buf_n) {
		n = d->nentries - i;
		if (n > sizeof(d->buf) / d->entry_size)
			n = sizeof(d->buf) / d->entry_size;
		d->buf_n = 0;
		r = mem_read(d->rd->mem, d->entries + i * d->entry_size, d->buf, n * d->entry_size);
		if (r < 0 && n > 1) { /* a record may end before them */
			n = 1;
			r = mem_read(d->rd->mem, d->entries + i * d->entry_size, d->buf,
				     d->entry_size);
		}
		if (r < 0)
			return r;
		d->buf_first = i;
		d->buf_n = n;
	}
	p = d->buf + (i - d->buf_first) * d->entry_size;
	memcpy(ret_key, p + d->key_at, 8);
	memcpy(ret_value, p + d->value_at, 8);
	if (d->values)
		return mem_u64(d->rd->mem, d->values + 8 * i, ret_value);
	return 0;
}

int obj_dict_next(struct obj_dict *d, uint64_t *ret_key, uint64_t *ret_value)
{
	uint64_t end = d->ordered ? d->norder : d->nentries;

	while (d->pos < end) {
		uint64_t i = d->pos++, key, value;
		int r;

		if (i >= OBJ_SCAN_MAX)
			return -E2BIG;
		if (d->ordered)
			i = d->order[i];
		if (i >= d->nentries)
			return -EINVAL;
		r = entry(d, i, &key, &value);
		if (r < 0)
			return r;
		if (!key || !value)
			continue;
		*ret_key = key;
		*ret_value = value;
		return 1;
	}
	return 0;
}

int obj_dict_slot(struct obj_dict *d, uint64_t i, uint64_t *ret_key, uint64_t *ret_slot)
{
	uint64_t at = d->entries + i * d->entry_size;

	*ret_slot = d->values ? d->values + 8 * i : at + d->value_at;
	return mem_u64(d->rd->mem, at + d->key_at, ret_key);
}

int obj_dict_find(struct obj_dict *d, const char *key, uint64_t *ret_value)
{
	uint64_t k, v;
	int r;

	while ((r = obj_dict_next(d, &k, &v)) > 0) {
		bool is;

		/* The keys of a split table are names that live with the class. */
		if (d->values)
			obj_live(d->rd);
		is = obj_str_is(d->rd, k, key);
		if (d->values)
			obj_live_end(d->rd);
		if (is) {
			*ret_value = v;
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

int obj_dict_get(struct obj_rd *rd, uint64_t addr, const char *key, uint64_t *ret_value)
{
	struct obj_dict d;
	int r = obj_dict_open(rd, addr, &d);

	return r < 0 ? r : obj_dict_find(&d, key, ret_value);
}

/* Classic layout: a pointer at tp_dictoffset, counted from the end when negative. */
static int classic_dict(struct obj_rd *rd, uint64_t addr, const struct obj_type *t, uint64_t *ret)
{
	int64_t off = t->dictoffset, size;
	uint64_t n;

	*ret = 0;
	if (off == 0)
		return 0;
	if (off < 0) {
		if (mem_u64(rd->mem, addr + rd->off->ob_size, &n) < 0)
			return -EFAULT;
		size = (int64_t)n;
		/* 3.12+: an int's size is in the upper bits of its tag. */
		if (t->flags & TPF_LONG && rd->minor >= 12)
			size = (int64_t)(n >> 3);
		if (size < 0)
			size = -size;
		if (size < 0 || size > 1ll << 40 || t->itemsize > 1 << 16 ||
		    t->basicsize > 1ll << 32)
			return -EINVAL;
		off += (t->basicsize + size * t->itemsize + 7) & ~7ll;
	}
	if (off < 16 || off > 1ll << 60)
		return -EINVAL;
	return mem_u64(rd->mem, addr + (uint64_t)off, ret);
}

/* From 3.11 on most instances keep their dict, or values without one, before the object. */
static int managed_dict(struct obj_rd *rd, uint64_t addr, const struct obj_type *t,
			struct obj_dict *d, uint64_t *ret_dict)
{
	uint64_t word, values = 0;
	uint8_t valid;
	int r;

	r = mem_u64(rd->mem, addr - 24, &word);
	if (r < 0)
		return r;
	if (rd->minor == 11) {
		r = word ? 0 : mem_u64(rd->mem, addr - 32, &values);
		if (r < 0)
			return r;
	} else if (rd->minor == 12) {
		if (word & 1) {
			values = word + 1;
			word = 0;
		}
	} else if (!word && t->flags & TPF_INLINE_VALUES) {
		values = addr + (uint64_t)t->basicsize;
		r = mem_u8(rd->mem, values + rd->off->values_valid, &valid);
		if (r < 0)
			return r;
		if (!valid)
			values = 0;
	}
	if (word) {
		*ret_dict = word;
		return (r = obj_dict_open(rd, word, d)) < 0 ? r : 1;
	}
	if (!values || !t->cached_keys)
		return 0;
	r = obj_dict_open_values(rd, t->cached_keys, values, d);
	return r < 0 ? r : 1;
}

int obj_instance_dict(struct obj_rd *rd, uint64_t addr, struct obj_type *t, struct obj_dict *d,
		      uint64_t *ret_dict)
{
	int r;

	*ret_dict = 0;
	if (rd->minor >= 11 && t->flags & TPF_MANAGED_DICT)
		return managed_dict(rd, addr, t, d, ret_dict);
	r = classic_dict(rd, addr, t, ret_dict);
	if (r < 0 || !*ret_dict)
		return r;
	r = obj_dict_open(rd, *ret_dict, d);
	return r < 0 ? r : 1;
}
