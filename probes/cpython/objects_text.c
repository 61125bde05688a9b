// SPDX-License-Identifier: BSD-2-Clause
/* Objects without children: int, float, complex, str, bytes, bytearray. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a str's characters are. */
struct str_data {
	uint64_t addr;
	unsigned kind; /* bytes per character: 1, 2, 4 */
	bool wchar;    /* kind 4, not made ready (up to 3.11): ASCII not promised */
	uint64_t length;
};

/*
 * Include/cpython/unicodeobject.h: state is interned:2 kind:3 compact:1 ascii:1 [ready:1 up
 * to 3.11]; 3.12+ puts statically_allocated in place of ready.
 */
static int str_open(struct obj_rd *rd, uint64_t addr, struct str_data *s)
{
	const struct py_offsets *off = rd->off;
	struct obj_type *t;
	uint8_t buf[96];
	uint32_t state;
	int r = -EINVAL;

	t = obj_type_of(rd, addr, &r);
	if (!t)
		return r;
	if (!(t->flags & TPF_UNICODE))
		return -EINVAL;
	if (off->str_ascii_size > sizeof(buf))
		return -EINVAL;
	r = mem_read(rd->mem, addr, buf, off->str_ascii_size);
	if (r < 0)
		return r;
	memcpy(&s->length, buf + off->str_length, 8);
	memcpy(&state, buf + off->str_state, 4);
	s->kind = state >> 2 & 7;
	s->wchar = false;
	if (s->kind == 0 && off->str_wstr != OFF_NONE) {
		/* A legacy string that nobody has looked into yet. */
		memcpy(&s->addr, buf + off->str_wstr, 8);
		r = mem_u64(rd->mem, addr + off->str_wstr_length, &s->length);
		if (r < 0)
			return r;
		s->kind = 4;
		s->wchar = true;
	} else if (state & 1u << 5) {
		s->addr = addr + (state & 1u << 6 ? off->str_ascii_size : off->str_compact_size);
	} else {
		r = mem_u64(rd->mem, addr + off->str_data, &s->addr);
		if (r < 0)
			return r;
	}
	if ((s->kind != 1 && s->kind != 2 && s->kind != 4) || s->length > 1ull << 48)
		return -EINVAL;
	return 0;
}

int obj_str_read(struct obj_rd *rd, uint64_t addr, size_t max, struct strbuf *out, int64_t *ret_len)
{
	uint8_t buf[4096];
	struct str_data s;
	uint64_t done = 0;
	size_t base = out->len;
	int r;

	r = str_open(rd, addr, &s);
	if (r < 0)
		return r;
	if (ret_len)
		*ret_len = (int64_t)s.length;
	while (done < s.length) {
		uint64_t n = s.length - done, there;
		bool cut = false;

		if (n > sizeof(buf) / s.kind)
			n = sizeof(buf) / s.kind;
		if (n > max + 1) /* no character is shorter than a byte */
			n = max + 1;
		/* Of a long one a record has the beginning. */
		there = rd->mem->live ? n
				      : mem_recorded_len(rd->mem, s.addr + done * s.kind) / s.kind;
		if (there < n && there) {
			n = there;
			cut = true;
		}
		r = mem_read(rd->mem, s.addr + done * s.kind, buf, n * s.kind);
		if (r < 0)
			return r;
		for (uint64_t i = 0; i < n; i++) {
			size_t before = out->len;
			uint32_t cp = 0;

			memcpy(&cp, buf + i * s.kind, s.kind);
			if (cp > 0x10ffff)
				return -EINVAL;
			strbuf_add_utf8(out, cp);
			if (out->failed) {
				rd->nomem = true;
				return -ENOMEM;
			}
			if (out->len - base > max) {
				out->len = before;
				out->data[before] = '\0';
				return 1;
			}
		}
		if (cut)
			return 1;
		done += n;
	}
	return 0;
}

char *obj_str_dup(struct obj_rd *rd, uint64_t addr)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	char *s;

	if (!addr || obj_str_read(rd, addr, OBJ_NAME_MAX, &sb, NULL) < 0)
		return NULL;
	/* C strings from here on: a name with a NUL in it ends there. */
	s = strdup(strbuf_str(&sb));
	if (!s)
		rd->nomem = true;
	return s;
}

bool obj_str_is(struct obj_rd *rd, uint64_t addr, const char *name)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const struct py_offsets *off = rd->off;
	size_t len = strlen(name);
	uint64_t type, length;
	uint8_t buf[64];

	/* Most keys differ in their length: one look at the head decides. */
	if (off->str_length + 8 > sizeof(buf) ||
	    mem_read(rd->mem, addr, buf, off->str_length + 8) < 0)
		return false;
	memcpy(&type, buf + off->ob_type, 8);
	memcpy(&length, buf + off->str_length, 8);
	if (type == rd->py->types.str && (length > len || length * 4 < len) &&
	    (off->str_wstr == OFF_NONE || length))
		return false;
	if (obj_str_read(rd, addr, len, &sb, NULL) != 0)
		return false;
	return sb.len == len && memcmp(strbuf_str(&sb), name, len) == 0;
}

int obj_int_read(struct obj_rd *rd, uint64_t addr, mpz_t z)
{
	const struct py_offsets *off = rd->off;
	_cleanup_free_ uint32_t *digits = NULL;
	struct obj_type *t;
	uint64_t tag, n;
	bool negative;
	int r = -EINVAL;

	t = obj_type_of(rd, addr, &r);
	if (!t)
		return r;
	if (!(t->flags & TPF_LONG))
		return -EINVAL;
	r = mem_u64(rd->mem, addr + off->long_size, &tag);
	if (r < 0)
		return r;
	if (rd->minor >= 12) {
		/* lv_tag (Include/internal/pycore_long.h): sign in the two low bits, 1 is zero, 2
		 * negative */
		negative = (tag & 3) == 2;
		n = (tag & 3) == 1 ? 0 : tag >> 3;
	} else {
		negative = (int64_t)tag < 0;
		n = negative ? -tag : tag;
	}
	if (n > OBJ_DIGITS_MAX)
		return n > 1ull << 40 ? -EINVAL : -E2BIG;
	mpz_set_ui(z, 0);
	if (!n)
		return 0;
	digits = malloc(n * sizeof(*digits));
	if (!digits) {
		rd->nomem = true;
		return -ENOMEM;
	}
	r = mem_read(rd->mem, addr + off->long_digits, digits, n * sizeof(*digits));
	if (r < 0)
		return r;
	mpz_import(z, n, -1, sizeof(*digits), -1, 2, digits); /* two nails: 30 bits each */
	if (negative)
		mpz_neg(z, z);
	return 0;
}

int obj_long_read(struct obj_rd *rd, uint64_t addr, int64_t *ret)
{
	mpz_t z;
	int r;

	mpz_init(z);
	r = obj_int_read(rd, addr, z);
	if (r == 0 && !mpz_fits_slong_p(z))
		r = -ERANGE;
	if (r == 0)
		*ret = mpz_get_si(z);
	mpz_clear(z);
	return r;
}

struct value *obj_make_int(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	struct value *v = obj_new(rd, t->cls == OBJ_BOOL ? VALUE_BOOL : VALUE_INT, addr, t);
	size_t digits;
	mpz_t z;
	int r;

	if (!v)
		return NULL;
	mpz_init(z);
	r = obj_int_read(rd, addr, z);
	if (r < 0) {
		mpz_clear(z);
		value_free(v);
		if (r == -E2BIG) {
			v = obj_new(rd, VALUE_OPAQUE, addr, t);
			if (v && obj_textf(rd, v, "<int with more than %u digits>",
					   OBJ_DIGITS_MAX * 9) < 0) {
				value_free(v);
				return NULL;
			}
			return v;
		}
		return obj_unreadable(rd, addr, r);
	}
	if (v->kind == VALUE_BOOL) {
		v->b = mpz_sgn(z) != 0;
	} else {
		mpz_swap(v->z, z);
		digits = mpz_sizeinbase(v->z, 10);
		if (digits > rd->lim.bytes) {
			v->truncated = true;
			v->nbytes = rd->lim.bytes;
		}
	}
	mpz_clear(z);
	return v;
}

struct value *obj_make_float(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	bool complex_ = t->cls == OBJ_COMPLEX;
	double d[2] = { 0, 0 };
	struct value *v;
	int r;

	r = mem_read(rd->mem, addr + (complex_ ? rd->off->complex_value : rd->off->float_value), d,
		     complex_ ? 16 : 8);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, complex_ ? VALUE_COMPLEX : VALUE_FLOAT, addr, t);
	if (!v)
		return NULL;
	v->re = d[0];
	v->im = d[1];
	return v;
}

struct value *obj_make_str(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int64_t length = -1;
	struct value *v;
	int r;

	r = obj_str_read(rd, addr, rd->lim.bytes, &sb, &length);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, VALUE_STR, addr, t);
	if (!v)
		return NULL;
	v->length = length;
	v->truncated = r > 0;
	if (value_set_bytes(v, strbuf_str(&sb), sb.len) < 0) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	return v;
}

struct value *obj_make_bytes(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	bool array = t->cls == OBJ_BYTEARRAY;
	_cleanup_free_ char *buf = NULL;
	uint64_t size, at, n;
	struct value *v;
	int r;

	r = mem_u64(rd->mem, addr + rd->off->ob_size, &size);
	at = addr + rd->off->bytes_data;
	if (r == 0 && size > 1ull << 48)
		r = -EINVAL;
	if (r == 0 && array && size)
		r = mem_u64(rd->mem, addr + rd->off->bytearray_start, &at);
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	n = size < rd->lim.bytes ? size : rd->lim.bytes;
	if (n > mem_recorded_len(rd->mem, at) && !rd->mem->live)
		n = mem_recorded_len(rd->mem, at);
	buf = malloc(n + 1);
	if (!buf) {
		rd->nomem = true;
		return NULL;
	}
	r = n ? mem_read(rd->mem, at, buf, n) : 0;
	if (r < 0)
		return obj_unreadable(rd, addr, r);
	v = obj_new(rd, array ? VALUE_BYTEARRAY : VALUE_BYTES, addr, t);
	if (!v)
		return NULL;
	v->length = (int64_t)size;
	v->truncated = n < size;
	if (value_set_bytes(v, buf, n) < 0) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	return v;
}
