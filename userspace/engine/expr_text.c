// SPDX-License-Identifier: BSD-2-Clause
#include "engine/expr_text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static size_t seq_len(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

unsigned expr_utf8_next(const char *s, size_t n, size_t *pos)
{
	unsigned char c = (unsigned char)s[*pos];
	size_t len = seq_len(c), left = n - *pos;
	unsigned cp = len == 1 ? c : c & (0x7fU >> len);

	(*pos)++;
	if (len == 1)
		return c;
	if (c < 0xc2 || c > 0xf4 || left < len)
		return 0xfffd;
	for (size_t i = 1; i < len; i++) {
		c = (unsigned char)s[*pos];
		if ((c & 0xc0) != 0x80)
			return 0xfffd;
		cp = cp << 6 | (c & 0x3f);
		(*pos)++;
	}
	return cp;
}

bool expr_utf8_ok(const char *s, size_t n)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	for (size_t i = 0; i < n;) {
		size_t start = i;
		unsigned cp = expr_utf8_next(s, n, &i);

		if (cp == 0xfffd && !(i - start == 3 && !memcmp(s + start, "\xef\xbf\xbd", 3)))
			return false;
		if (cp < least[i - start] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
			return false;
	}
	return true;
}

size_t expr_utf8_at(const char *s, size_t n, size_t cp)
{
	size_t i = 0;

	while (i < n && cp--) {
		i++;
		while (i < n && ((unsigned char)s[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}

double expr_strtod(const char *s, char **ret_end)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	double d;

	if (!c)
		return strtod(s, ret_end);
	d = strtod_l(s, ret_end, c);
	freelocale(c);
	return d;
}

struct value *expr_new_bytes(enum value_kind kind, const char *data, size_t n)
{
	struct value *v = value_new(kind, kind == VALUE_BYTES ? "bytes" : "bytearray");

	if (!v)
		return NULL;
	v->bytes = malloc(n + 1);
	if (!v->bytes) {
		value_free(v);
		return NULL;
	}
	memcpy(v->bytes, data, n);
	v->bytes[n] = '\0';
	v->nbytes = n;
	v->length = (int64_t)n;
	return v;
}

static bool copy_str(char **dst, const char *src)
{
	if (!src)
		return true;
	free(*dst);
	*dst = strdup(src);
	return *dst;
}

struct value *expr_value_copy(const struct value *v)
{
	struct value *c = v->kind == VALUE_INT ? value_new_int(v->z) : value_new(v->kind, v->type);

	if (!c)
		return NULL;
	c->address = v->address;
	c->type_address = v->type_address;
	c->subclass = v->subclass;
	c->truncated = v->truncated;
	c->cycle = v->cycle;
	c->b = v->b;
	c->re = v->re;
	c->im = v->im;
	c->length = v->length;
	if (!copy_str(&c->type, v->type) || !copy_str(&c->module, v->module) ||
	    !copy_str(&c->name, v->name) || !copy_str(&c->text, v->text) ||
	    !copy_str(&c->str, v->str))
		goto fail;
	if (v->bytes) {
		free(c->bytes);
		c->bytes = malloc(v->nbytes + 1);
		if (!c->bytes)
			goto fail;
		memcpy(c->bytes, v->bytes, v->nbytes);
		c->bytes[v->nbytes] = '\0';
		c->nbytes = v->nbytes;
	}
	for (size_t i = 0; i < v->nitems; i++) {
		struct value *child = expr_value_copy(v->items[i]);

		if (!child || value_add(c, child))
			goto fail;
	}
	return c;
fail:
	value_free(c);
	return NULL;
}
