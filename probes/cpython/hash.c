// SPDX-License-Identifier: BSD-2-Clause
/*
 * hash() as the target computes it: SipHash of texts with the secret of its process (2-4 up to
 * 3.10, 1-3 since; other builds may choose another function, so it is tried on a str whose hash the
 * target has computed), and numbers modulo 2^61 - 1 (Python/pyhash.c).
 */
#include "probes/cpython/objects.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MODULUS ((1ull << 61) - 1)

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

/* SipHash-c-d (Aumasson and Bernstein, 2012). */
static uint64_t siphash(const uint64_t key[2], unsigned c, unsigned d, const uint8_t *p, size_t n)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)n << 56, m;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&m, p + i, 8);
		v[3] ^= m;
		sip_rounds(v, c);
		v[0] ^= m;
	}
	m = 0;
	memcpy(&m, p + i, n - i);
	last |= m;
	v[3] ^= last;
	sip_rounds(v, c);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* -1 means an error in C. */
static uint64_t not_error(uint64_t h)
{
	return h == (uint64_t)-1 ? (uint64_t)-2 : h;
}

static int text_hash(const uint64_t key[2], unsigned c, unsigned d, const void *data, size_t n,
		     uint64_t *ret)
{
	*ret = n ? not_error(siphash(key, c, d, data, n)) : 0;
	return 0;
}

/* A str that the target has hashed: a name of a built-in function. */
static int sample(struct obj_rd *rd, uint64_t *ret_hash, char *text, size_t size, size_t *ret_n)
{
	uint64_t builtins, key, value, length, hash;
	struct obj_dict d;
	uint32_t state;
	int r;

	r = cpython_builtins(&rd->py->base, &builtins);
	if (!r)
		r = obj_dict_open(rd, builtins, &d);
	if (r)
		return r;
	for (unsigned i = 0; i < 1000 && (r = obj_dict_next(&d, &key, &value)) > 0; i++) {
		if (mem_u64(rd->mem, key + rd->off->str_length, &length) ||
		    mem_u64(rd->mem, key + rd->off->str_hash, &hash) ||
		    mem_u32(rd->mem, key + rd->off->str_state, &state))
			continue;
		/* compact and ASCII */
		if (hash == (uint64_t)-1 || (state >> 5 & 3) != 3 || length < 9 || length > size)
			continue;
		if (mem_read(rd->mem, key + rd->off->str_ascii_size, text, length))
			continue;
		*ret_hash = hash;
		*ret_n = length;
		return 0;
	}
	return -EOPNOTSUPP;
}

static int hash_text(struct interp *in, const void *data, size_t n, uint64_t *ret)
{
	static const unsigned rounds[][2] = { { 1, 3 }, { 2, 4 } };
	struct cpython *py = cpython_of(in);
	uint64_t key[2], want, got;
	struct obj_rd rd;
	char text[64];
	size_t len;
	int r;

	if (!py->hash_secret || mem_read(py->mem, py->hash_secret, key, sizeof(key)))
		return -EOPNOTSUPP;
	obj_rd_init(&rd, in, NULL);
	r = sample(&rd, &want, text, sizeof(text), &len);
	obj_rd_deinit(&rd);
	if (r)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		text_hash(key, rounds[i][0], rounds[i][1], text, len, &got);
		if (got == want)
			return text_hash(key, rounds[i][0], rounds[i][1], data, n, ret);
	}
	return -EOPNOTSUPP;
}

static uint64_t hash_int(const mpz_t z)
{
	uint64_t h = mpz_fdiv_ui(z, MODULUS);

	if (mpz_sgn(z) < 0) { /* the remainder of the magnitude, negated */
		h = h ? MODULUS - h : 0;
		h = -h;
	}
	return not_error(h);
}

static int hash_float(double d, uint64_t *ret)
{
	uint64_t m, h;
	int e, rot;

	if (isnan(d))
		return -EOPNOTSUPP; /* its address from 3.10 on */
	if (isinf(d)) {
		*ret = d > 0 ? 314159 : (uint64_t)-314159;
		return 0;
	}
	/* d is m * 2^e, and 2^61 is 1. */
	m = (uint64_t)ldexp(fabs(frexp(d, &e)), 53);
	e -= 53;
	rot = ((e % 61) + 61) % 61;
	h = rot ? ((m << rot) & MODULUS) | m >> (61 - rot) : m;
	*ret = not_error(d < 0 ? -h : h);
	return 0;
}

int cpython_hash(struct interp *in, const struct value *v, const void *data, size_t n,
		 uint64_t *ret)
{
	switch (v->kind) {
	case VALUE_BOOL:
		*ret = v->b;
		return 0;
	case VALUE_INT:
		*ret = hash_int(v->z);
		return 0;
	case VALUE_FLOAT:
		return hash_float(v->re, ret);
	case VALUE_STR:
	case VALUE_BYTES:
		return hash_text(in, data, n, ret);
	default:
		return -EOPNOTSUPP;
	}
}
