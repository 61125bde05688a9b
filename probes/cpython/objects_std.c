// SPDX-License-Identifier: BSD-2-Clause
/*
 * Classes of the standard library whose repr is known although it is code: Fraction, UUID and
 * paths, which are written in Python; array and compiled patterns, which are C.
 */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fraction_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	uint64_t n = obj_attr_addr(rd, addr, "_numerator"),
		 d = obj_attr_addr(rd, addr, "_denominator");
	_cleanup_free_ char *num = NULL, *den = NULL, *str = NULL;

	if (!n || !d)
		return 0;
	num = obj_repr(rd, n, 0);
	den = obj_repr(rd, d, 0);
	if (!num || !den)
		return -ENOMEM;
	str = strcmp(den, "1") == 0 ? strdup(num) : obj_fmt(rd, "%s/%s", num, den);
	if (!str || value_set_str(v, str) < 0)
		return -ENOMEM;
	return obj_textf(rd, v, "%s(%s, %s)", t->name, num, den);
}

static int uuid_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	char hex[64], str[40];
	mpz_t z;
	int r;

	mpz_init(z);
	r = obj_int_read(rd, obj_attr_addr(rd, addr, "int"), z);
	if (r == 0 && (mpz_sgn(z) < 0 || mpz_sizeinbase(z, 2) > 128))
		r = -EINVAL;
	if (r == 0) {
		gmp_snprintf(hex, sizeof(hex), "%032Zx", z);
		snprintf(str, sizeof(str), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
			 hex + 16, hex + 20);
	}
	mpz_clear(z);
	if (r < 0)
		return 0;
	return value_set_str(v, str) < 0 ? -ENOMEM : obj_textf(rd, v, "%s('%s')", t->name, str);
}

#define PARTS_MAX 256

/* The strings of a list, each but the first after a slash. */
static bool join(struct obj_rd *rd, uint64_t list, bool leading, struct strbuf *out)
{
	struct obj_type *t = list ? obj_type_of(rd, list, NULL) : NULL;
	uint64_t n, items;

	if (!t || t->cls != OBJ_LIST || mem_u64(rd->mem, list + rd->off->ob_size, &n) < 0 ||
	    n > PARTS_MAX)
		return false;
	items = obj_ptr(rd, list + rd->off->list_items);
	for (uint64_t i = 0; i < n; i++) {
		size_t before = out->len;

		/* The first part of an absolute path is its root. */
		if (i > (leading ? 1u : 0u))
			strbuf_addc(out, '/');
		before = out->len;
		if (obj_str_read(rd, obj_ptr(rd, items + 8 * i), OBJ_NAME_MAX, out, NULL) != 0)
			return false;
		/* 3.12+: an absolute raw path starts anew. */
		if (!leading && i && out->len > before && out->data[before] == '/') {
			memmove(out->data, out->data + before, out->len - before + 1);
			out->len -= before;
		}
	}
	return true;
}

/* What PurePosixPath makes of a text: no empty parts, no "." */
static void normalise(const char *raw, struct strbuf *out)
{
	bool first = true;

	if (raw[0] == '/')
		strbuf_adds(out, raw[1] == '/' && raw[2] != '/' ? "//" : "/");
	while (*raw) {
		size_t n = strcspn(raw, "/");

		if (n && !(n == 1 && raw[0] == '.')) {
			if (!first)
				strbuf_addc(out, '/');
			strbuf_add(out, raw, n);
			first = false;
		}
		raw += n + (raw[n] == '/');
	}
	if (!out->len)
		strbuf_addc(out, '.');
}

/* A path remembers its text once it was asked for (_str); before that, its parts, or from 3.12 on
 * what it was given. */
static int path_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	_cleanup_strbuf_ struct strbuf raw = STRBUF_INIT, path = STRBUF_INIT, repr = STRBUF_INIT;
	uint64_t known = obj_attr_addr(rd, addr, "_str"), root;
	struct value *s;

	if (strstr(t->name, "Windows"))
		return 0;
	if (known && obj_str_read(rd, known, rd->lim.bytes, &path, NULL) >= 0) {
		;
	} else if (rd->minor <= 11) {
		root = obj_attr_addr(rd, addr, "_root");
		if (!root ||
		    !join(rd, obj_attr_addr(rd, addr, "_parts"), !obj_str_is(rd, root, ""), &path))
			return 0;
		if (!path.len)
			strbuf_addc(&path, '.');
	} else {
		if (!join(rd, obj_attr_addr(rd, addr, "_raw_paths"), false, &raw))
			return 0;
		normalise(strbuf_str(&raw), &path);
	}
	s = value_new_str(strbuf_str(&path), path.len);
	if (!s)
		return -ENOMEM;
	s->minor = (uint8_t)rd->minor;
	value_repr(s, &repr);
	value_free(s);
	if (raw.failed || path.failed || repr.failed || value_set_str(v, strbuf_str(&path)) < 0)
		return -ENOMEM;
	return obj_textf(rd, v, "%s(%s)", t->name, strbuf_str(&repr));
}

int obj_std_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	static const struct {
		const char *module; /* its beginning: pathlib is a package in some versions */
		const char *name;
		int (*fn)(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t);
	} classes[] = {
		{ "fractions", "Fraction", fraction_text },
		{ "uuid", "UUID", uuid_text },
		{ "pathlib", "PurePath", path_text },
	};
	struct obj_type *owner;
	const char *module;
	uint64_t func;

	if (obj_own_repr(rd, t, &func, &owner) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strcmp(owner->name, classes[i].name) != 0)
			continue;
		module = obj_type_module(rd, owner);
		if (module && strncmp(module, classes[i].module, strlen(classes[i].module)) == 0)
			return classes[i].fn(rd, v, addr, t);
	}
	return 0;
}

/* re.compile('...', re.FLAG|...): Modules/_sre.c */
int obj_pattern_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	static const char *const names[] = { "TEMPLATE",  "IGNORECASE", "LOCALE",
					     "MULTILINE", "DOTALL",	"UNICODE",
					     "VERBOSE",	  "DEBUG",	"ASCII" };
	enum { LOCALE = 4, UNICODE = 32, ASCII = 256 };
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *repr = NULL;
	struct value *made = NULL;
	struct obj_type *pt;
	uint64_t pattern = obj_attr_addr(rd, addr, "pattern"), ignored;
	long flags = 0;
	size_t cut = 0;

	if (!pattern)
		return -EINVAL;
	repr = obj_repr(rd, pattern, 0);
	if (!repr)
		return -ENOMEM;
	if (obj_attr(rd, addr, "flags", NULL, &ignored, &made) == 0 && made &&
	    made->kind == VALUE_INT)
		flags = mpz_get_si(made->z);
	value_free(made);
	pt = obj_type_of(rd, pattern, NULL);
	/* Of a str pattern UNICODE goes without saying. */
	if (pt && pt->cls == OBJ_STR && (flags & (LOCALE | UNICODE | ASCII)) == UNICODE)
		flags &= ~UNICODE;
	/* Python shows at most 200 characters. */
	for (unsigned n = 0; repr[cut] && n < 200; n++)
		for (cut++; (repr[cut] & 0xc0) == 0x80; cut++)
			;
	strbuf_adds(&sb, "re.compile(");
	strbuf_add(&sb, repr, cut);
	for (unsigned i = 0, n = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & 1 << i) {
			/* From 3.13 on TEMPLATE is gone, its bit is just a number. */
			if (i == 0 && rd->minor >= 13)
				continue;
			strbuf_addf(&sb, "%sre.%s", n++ ? "|" : ", ", names[i]);
			flags &= ~(1 << i);
		}
	if (flags)
		strbuf_addf(&sb, "%s0x%lx", strstr(strbuf_str(&sb) + cut, ", re.") ? "|" : ", ",
			    (unsigned long)flags);
	strbuf_addc(&sb, ')');
	return sb.failed ? -ENOMEM : obj_textf(rd, v, "%s", strbuf_str(&sb));
}

/* One element of an array.array of a type code; false: a code that we do not know. */
static bool array_element(char code, const uint8_t *p, struct strbuf *out)
{
	char text[32];
	int64_t i = 0;
	uint64_t u = 0;
	double d;
	float f;

	switch (code) {
	case 'b':
		strbuf_addf(out, "%d", (int8_t)p[0]);
		return true;
	case 'B':
		strbuf_addf(out, "%u", p[0]);
		return true;
	case 'h':
		strbuf_addf(out, "%d", (int16_t)(p[0] | p[1] << 8));
		return true;
	case 'H':
		strbuf_addf(out, "%u", p[0] | p[1] << 8);
		return true;
	case 'i':
		memcpy(&i, p, 4);
		strbuf_addf(out, "%d", (int32_t)i);
		return true;
	case 'I':
		memcpy(&u, p, 4);
		strbuf_addf(out, "%" PRIu64, u);
		return true;
	case 'l':
	case 'q':
		memcpy(&i, p, 8);
		strbuf_addf(out, "%" PRId64, i);
		return true;
	case 'L':
	case 'Q':
		memcpy(&u, p, 8);
		strbuf_addf(out, "%" PRIu64, u);
		return true;
	case 'f':
		memcpy(&f, p, 4);
		value_float_repr(f, text);
		strbuf_adds(out, text);
		return true;
	case 'd':
		memcpy(&d, p, 8);
		value_float_repr(d, text);
		strbuf_adds(out, text);
		return true;
	default:
		return false;
	}
}

static unsigned element_size(char code)
{
	return strchr("bB", code) ? 1 : strchr("hH", code) ? 2 : strchr("iIf", code) ? 4 : 8;
}

/* arrayobject: ob_item, allocated, ob_descr behind the head; a descr begins with its type code
 * (Modules/arraymodule.c) */
int obj_array_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	uint64_t at = addr + rd->off->var_object_size, n, size;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	uint8_t code, buf[8];
	int r;

	r = mem_u64(rd->mem, addr + rd->off->ob_size, &n);
	if (r < 0)
		return r;
	obj_live(rd); /* a table of the module */
	r = mem_u8(rd->mem, obj_ptr(rd, at + 16), &code);
	obj_live_end(rd);
	if (r < 0)
		return r;
	if (!code || !strchr("bBhHiIlLqQfd", code))
		return obj_default_text(rd, v, t);
	v->length = n <= 1ull << 48 ? (int64_t)n : -1;
	size = element_size((char)code);
	strbuf_addf(&sb, "%s('%c'", t->name, code);
	if (n)
		strbuf_adds(&sb, ", [");
	at = obj_ptr(rd, at);
	for (uint64_t i = 0; i < n; i++) {
		strbuf_adds(&sb, i ? ", " : "");
		if (i >= rd->lim.items) {
			strbuf_adds(&sb, "...");
			v->truncated = true;
			break;
		}
		r = mem_read(rd->mem, at + i * size, buf, size);
		if (r < 0)
			return r;
		array_element((char)code, buf, &sb);
	}
	strbuf_adds(&sb, n ? "])" : ")");
	return sb.failed ? -ENOMEM : obj_textf(rd, v, "%s", strbuf_str(&sb));
}
