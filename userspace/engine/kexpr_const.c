// SPDX-License-Identifier: BSD-2-Clause
/* Constants of expressions for the kernel: in the form in which the target has such values. */
#include "engine/kexpr_priv.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/expr_text.h"
#include "probes/probe.h"
#include "probes/value.h"

/* The entry c, or one that is the same already. */
static int add(struct kexpr *k, const struct abi_const *c, uint32_t *ret)
{
	for (uint32_t i = 0; i < k->nconsts; i++)
		if (!memcmp(&k->p->consts[i], c, sizeof(*c))) {
			*ret = i;
			return 0;
		}
	if (k->nconsts == ABI_EXPR_CONSTS)
		return kexpr_refuse(k, "more than %d constants and names", ABI_EXPR_CONSTS);
	k->p->consts[k->nconsts] = *c;
	*ret = k->nconsts++;
	return 0;
}

/* Room in the pool for n bytes; the same bytes share it. */
static int pool(struct kexpr *k, const void *data, size_t n, uint32_t *ret)
{
	size_t padded = (n + 8) & ~(size_t)7;

	if (n > ABI_EXPR_TEXT)
		return kexpr_refuse(k, "a text of more than %d bytes", ABI_EXPR_TEXT);
	if (padded > ABI_EXPR_POOL - k->pool)
		return kexpr_refuse(k, "texts of more than %d bytes in all", ABI_EXPR_POOL);
	*ret = k->pool;
	memcpy(k->p->pool + k->pool, data, n);
	k->pool += (uint32_t)padded;
	return 0;
}

static int add_text(struct kexpr *k, struct abi_const *c, const struct value *v, const void *data,
		    size_t n, uint32_t *ret)
{
	uint32_t before = k->pool;
	uint64_t hash = 0;
	int r;

	for (uint32_t i = 0; i < k->nconsts; i++) {
		const struct abi_const *o = &k->p->consts[i];

		if (o->kind == c->kind && o->width == c->width && o->len == c->len &&
		    !memcmp(k->p->pool + o->text, data, n)) {
			*ret = i;
			return 0;
		}
	}
	r = k->in->ops->hash(k->in, v, data, n, &hash);
	c->hash = hash;
	if (r == -EOPNOTSUPP)
		return kexpr_refuse(k, "text: how this interpreter hashes it is not known");
	if (!r)
		r = pool(k, data, n, &c->text);
	if (!r)
		r = add(k, c, ret);
	if (r)
		k->pool = before;
	return r;
}

/* The characters of UTF-8 text, each as wide as the widest needs. Number of bytes, or -EOPNOTSUPP.
 */
static int narrowest(struct kexpr *k, const char *text, size_t n, uint32_t *ret_width,
		     uint32_t *ret_len, uint8_t buf[ABI_EXPR_TEXT])
{
	unsigned cp, max = 0;
	uint32_t len = 0, width;
	size_t pos;

	for (pos = 0; pos < n; len++) {
		cp = expr_utf8_next(text, n, &pos);
		max = cp > max ? cp : max;
	}
	width = max < 0x100 ? 1 : max < 0x10000 ? 2 : 4;
	if ((uint64_t)len * width > ABI_EXPR_TEXT)
		return kexpr_refuse(k, "a text of more than %d bytes", ABI_EXPR_TEXT);
	len = 0;
	for (pos = 0; pos < n; len++) {
		cp = expr_utf8_next(text, n, &pos);
		memcpy(buf + (size_t)len * width, &cp, width);
	}
	*ret_width = width;
	*ret_len = len;
	return (int)(len * width);
}

static int const_str(struct kexpr *k, const struct value *v, uint32_t *ret)
{
	struct abi_const c = { .kind = ABI_CONST_STR };
	uint8_t buf[ABI_EXPR_TEXT];
	int n = narrowest(k, v->bytes, v->nbytes, &c.width, &c.len, buf);

	if (n < 0)
		return n;
	if (k->code && !memchr(v->bytes, 0, v->nbytes))
		c.hint = k->in->ops->code_str(k->in, k->code, v->bytes);
	return add_text(k, &c, v, buf, (size_t)n, ret);
}

int kexpr_text(struct kexpr *k, const char *text, uint32_t *ret)
{
	struct value *v = value_new_str(text, strlen(text));
	int r = v ? const_str(k, v, ret) : -ENOMEM;

	value_free(v);
	return r;
}

int kexpr_object(struct kexpr *k, uint64_t address, uint32_t *ret)
{
	struct abi_const c = { .kind = ABI_CONST_OBJECT, .bits = address };

	return add(k, &c, ret);
}

static int const_number(struct kexpr *k, const struct value *v, struct abi_const *c, uint32_t *ret)
{
	uint64_t hash;

	c->hash = k->in->ops->hash(k->in, v, NULL, 0, &hash) ? (uint64_t)-1 : hash;
	return add(k, c, ret);
}

int kexpr_const(struct kexpr *k, const struct value *v, uint32_t *ret)
{
	struct abi_const c = { 0 };

	switch (v->kind) {
	case VALUE_NONE:
		return kexpr_object(k, k->obj.none, ret);
	case VALUE_BOOL:
		c.kind = ABI_CONST_BOOL;
		c.bits = v->b;
		return const_number(k, v, &c, ret);
	case VALUE_INT:
		if (!mpz_fits_slong_p(v->z))
			return kexpr_refuse(k, "an int beyond 64 bits");
		c.kind = ABI_CONST_INT;
		c.bits = (uint64_t)mpz_get_si(v->z);
		return const_number(k, v, &c, ret);
	case VALUE_FLOAT:
		c.kind = ABI_CONST_FLOAT;
		memcpy(&c.bits, &v->re, sizeof(c.bits));
		return const_number(k, v, &c, ret);
	case VALUE_STR:
		return const_str(k, v, ret);
	case VALUE_BYTES:
		if (v->nbytes > ABI_EXPR_TEXT)
			return kexpr_refuse(k, "a text of more than %d bytes", ABI_EXPR_TEXT);
		c.kind = ABI_CONST_BYTES;
		c.width = 1;
		c.len = (uint32_t)v->nbytes;
		return add_text(k, &c, v, v->bytes, v->nbytes, ret);
	default:
		return kexpr_refuse(k, "a constant of type %s", v->type);
	}
}
