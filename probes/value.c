// SPDX-License-Identifier: BSD-2-Clause
/* Making and freeing values; the question bool(x). */
#include "probes/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct value *value_new(enum value_kind kind, const char *type)
{
	struct value *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->kind = kind;
	v->length = -1;
	v->type = strdup(type);
	if (!v->type) {
		free(v);
		return NULL;
	}
	if (kind == VALUE_INT)
		mpz_init(v->z);
	return v;
}

void value_free(struct value *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->nitems; i++)
		value_free(v->items[i]);
	free(v->items);
	if (v->kind == VALUE_INT)
		mpz_clear(v->z);
	free(v->type);
	free(v->module);
	free(v->name);
	free(v->bytes);
	free(v->text);
	free(v->str);
	free(v);
}

int value_add(struct value *parent, struct value *child)
{
	/* The array doubles when the count is a power of two, so no capacity is kept. */
	if ((parent->nitems & (parent->nitems - 1)) == 0) {
		size_t cap = parent->nitems ? parent->nitems * 2 : 1;
		struct value **items = realloc(parent->items, cap * sizeof(*items));

		if (!items) {
			value_free(child);
			return -ENOMEM;
		}
		parent->items = items;
	}
	parent->items[parent->nitems++] = child;
	return 0;
}

int value_set_text(struct value *v, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(v->text);
	v->text = copy;
	return 0;
}

int value_set_str(struct value *v, const char *str)
{
	char *copy = strdup(str);

	if (!copy)
		return -ENOMEM;
	free(v->str);
	v->str = copy;
	return 0;
}

int value_set_bytes(struct value *v, const char *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	free(v->bytes);
	v->bytes = copy;
	v->nbytes = len;
	return 0;
}

struct value *value_new_bool(bool b)
{
	struct value *v = value_new(VALUE_BOOL, "bool");

	if (v)
		v->b = b;
	return v;
}

struct value *value_new_int(const mpz_t z)
{
	struct value *v = value_new(VALUE_INT, "int");

	if (v)
		mpz_set(v->z, z);
	return v;
}

struct value *value_new_long(int64_t i)
{
	struct value *v = value_new(VALUE_INT, "int");

	if (v)
		mpz_set_si(v->z, i);
	return v;
}

struct value *value_new_float(double d)
{
	struct value *v = value_new(VALUE_FLOAT, "float");

	if (v)
		v->re = d;
	return v;
}

struct value *value_new_str(const char *utf8, size_t len)
{
	struct value *v = value_new(VALUE_STR, "str");

	if (!v)
		return NULL;
	if (value_set_bytes(v, utf8, len) < 0) {
		value_free(v);
		return NULL;
	}
	v->length = 0;
	for (size_t i = 0; i < len; i++)
		v->length += (utf8[i] & 0xc0) != 0x80;
	return v;
}

struct value *value_new_none(void)
{
	return value_new(VALUE_NONE, "NoneType");
}

int value_truth(const struct value *v)
{
	if (v->own_truth)
		return -1;
	switch (v->kind) {
	case VALUE_NONE:
		return 0;
	case VALUE_ELLIPSIS:
		return 1;
	case VALUE_NOT_IMPLEMENTED:
		/* True with a warning up to 3.13, a TypeError since. */
		return v->minor && v->minor < 14 ? 1 : -1;
	case VALUE_BOOL:
		return v->b;
	case VALUE_INT:
		return mpz_sgn(v->z) != 0;
	case VALUE_FLOAT:
		return v->re != 0.0;
	case VALUE_COMPLEX:
		return v->re != 0.0 || v->im != 0.0;
	case VALUE_STR:
	case VALUE_BYTES:
	case VALUE_BYTEARRAY:
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
	case VALUE_DICT:
	case VALUE_RANGE:
		return v->length < 0 ? -1 : v->length != 0;
	case VALUE_SLICE:
	case VALUE_FUNCTION:
	case VALUE_MODULE:
		return 1;
	case VALUE_TYPE:
	case VALUE_INSTANCE:
	case VALUE_EXCEPTION:
	case VALUE_OPAQUE:
		return v->truthy ? 1 : -1;
	case VALUE_UNREADABLE:
		break;
	}
	return -1;
}
