/* SPDX-License-Identifier: BSD-2-Clause */
/* A Python value as read from memory: a tree with limits. Nothing here reads memory. */
#ifndef PYBPFDBG_PROBES_VALUE_H
#define PYBPFDBG_PROBES_VALUE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum value_kind {
	VALUE_NONE, VALUE_ELLIPSIS, VALUE_NOT_IMPLEMENTED,
	VALUE_BOOL,      /* .b */
	VALUE_INT,       /* .z */
	VALUE_FLOAT,     /* .re */
	VALUE_COMPLEX,   /* .re, .im */
	VALUE_STR,       /* .bytes: UTF-8, surrogates as WTF-8; .length: code points in the target */
	VALUE_BYTES, VALUE_BYTEARRAY, /* .bytes; .length: bytes in the target */
	VALUE_LIST, VALUE_TUPLE, VALUE_SET, VALUE_FROZENSET, VALUE_DEQUE, /* .items: children, name NULL */
	VALUE_DICT,      /* .items: key, value, key, value, ... */
	VALUE_RANGE, VALUE_SLICE, /* .items: start, stop, step */
	VALUE_TYPE,      /* a class: .text its qualified name, .module its own; .bytes: repr if not "<class ...>" */
	VALUE_FUNCTION,  /* functions, methods, built-in ones too: .text is the whole repr */
	VALUE_MODULE,    /* .text its name, .bytes the whole repr */
	VALUE_INSTANCE,  /* anything with attributes: .items in order, each child has .name */
	VALUE_EXCEPTION, /* .items: [0] the args tuple, then attributes by name */
	VALUE_OPAQUE,    /* shown as .text, e.g. "<T object at 0x7f..>"; also datetime & co (.text is the repr) */
	VALUE_UNREADABLE, /* .text says why ("<unreadable: ...>") */
};

/* How value_repr() writes a container. */
enum value_form {
	FORM_PLAIN,  /* as the built-in type does; an instance: .text */
	FORM_CALL,   /* .text, the plain form, .bytes, ")": "defaultdict(<class 'int'>, {1: 2})", "deque([], maxlen=3)" */
	FORM_PAIRS,  /* VALUE_DICT: the same with a list of pairs (OrderedDict before 3.12) */
	FORM_FIELDS, /* .text "(" the first .nfields items as name=repr ")": named tuples, dataclasses;
			an exception: the items after the arguments likewise (ImportError from 3.15 on) */
};

struct value {
	enum value_kind kind;
	enum value_form form;
	uint8_t minor;      /* of the Python 3.x it was read from; 0: made here, repr as the newest does */
	uint64_t address;   /* of the object in the target; 0 when computed here */
	uint64_t type_address;
	char *type;         /* type(x).__name__, UTF-8, never NULL */
	char *module;       /* type(x).__module__ or NULL when not known */
	char *name;         /* attribute name when a child of an instance; else NULL */
	bool subclass;      /* a built-in's memory layout, but a subclass of it */
	bool truncated;     /* fewer items/bytes/digits than .length because of a limit */
	bool cycle;         /* an ancestor is this very object: no children */
	bool b;
	bool truthy;        /* INSTANCE, EXCEPTION, OPAQUE ...: has neither __bool__ nor __len__, so it is true */
	bool own_truth;     /* a subclass of a built-in class with its own __bool__ or __len__: not known */
	mpz_t z;            /* initialised only for VALUE_INT, always exact; truncated: show .nbytes digits */
	double re, im;
	char *bytes;        /* NUL-terminated besides nbytes */
	size_t nbytes;
	char *text;         /* also a STR, INT, FLOAT: repr that is not the built-in one (a member of an enumeration) */
	char *str;          /* str(x) where it is neither repr nor what the built-in type gives; else NULL */
	int64_t length;     /* len(x) in the target, -1 when it has none */
	struct value **items;
	size_t nitems;
	size_t nfields;     /* FORM_FIELDS */
};

struct value_limits {
	unsigned depth;  /* levels of children; 0: none */
	unsigned items;  /* children of one container */
	unsigned bytes;  /* of one string, and decimal digits of one int */
	unsigned total;  /* nodes of the whole tree */
};

#define VALUE_LIMITS_DEFAULT ((struct value_limits){ .depth = 4, .items = 100, .bytes = 4096, .total = 10000 })

/* Heap values; NULL when out of memory. type is copied. */
struct value *value_new(enum value_kind kind, const char *type);
void value_free(struct value *v); /* NULL is fine; frees the children */
int value_add(struct value *parent, struct value *child); /* takes child over, also on failure; 0/-ENOMEM */
struct value *value_new_bool(bool b);
struct value *value_new_int(const mpz_t z);
struct value *value_new_long(int64_t i);
struct value *value_new_float(double d);
struct value *value_new_str(const char *utf8, size_t len); /* .length is counted */
struct value *value_new_none(void);
/*
 * What Python's own repr() prints for built-in values (3.6 and later agree on them); "..." marks what a limit
 * cut. User classes: "<mod.Cls object at 0x...>" is never computed by running code: it is
 * `Cls(a=1, b=...)`-like only for dataclasses/namedtuples/enums, where it equals the generated repr.
 */
void value_repr(const struct value *v, struct strbuf *out);
/* The same, cut to at most max bytes on a character boundary (then ends in "..."). 0: no limit. */
void value_repr_max(const struct value *v, struct strbuf *out, size_t max);
/* Python's str(): differs from repr for str (no quotes) and exceptions. */
void value_str(const struct value *v, struct strbuf *out);
/* The value's .text / .str / .bytes, copied; 0 or -ENOMEM (then nothing has changed). */
int value_set_text(struct value *v, const char *text);
int value_set_str(struct value *v, const char *str);
int value_set_bytes(struct value *v, const char *data, size_t len);
/* Is code point cp printable for str.isprintable() of Python 3.minor (0: the newest known)? */
bool value_printable(unsigned cp, unsigned minor);
/* repr() of a float, as a string of at most 32 bytes. */
void value_float_repr(double d, char out[static 32]);
/* The same, of a part of a complex number: "1" instead of "1.0" unless add_dot_0; sign: "+1" instead of "1". */
void value_float_text(double d, bool add_dot_0, bool sign, char out[static 32]);
/* bool(x) of built-in kinds: 0, 1, or -1 when it is not known without running code. */
int value_truth(const struct value *v);

#endif
