// SPDX-License-Identifier: BSD-2-Clause
/* repr() and str() of values, as Python writes them. */
#include "probes/value.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <math.h>
#include <string.h>

/* Deeper trees are not built (value_limits.depth is a handful); a hand-made one must not eat the
 * stack. */
#define REPR_DEPTH_MAX 200
/* A tree shares nothing, so its text is bounded by its nodes; this bounds value_repr_max()'s work
 * too. */
#define REPR_BYTES_MAX (64u << 20)

static const struct {
	uint32_t lo, hi;
	uint32_t since;
} nonprintable[] = {
#include "probes/value_printable.h"
};

bool value_printable(unsigned cp, unsigned minor)
{
	size_t lo = 0, hi = sizeof(nonprintable) / sizeof(nonprintable[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (cp > nonprintable[mid].hi)
			lo = mid + 1;
		else if (cp < nonprintable[mid].lo)
			hi = mid;
		else
			return minor ? minor >= nonprintable[mid].since
				     : nonprintable[mid].since != 255;
	}
	return cp <= 0x10ffff;
}

static void repr_complex(const struct value *v, struct strbuf *out)
{
	char re[32], im[32];

	if (v->re == 0.0 && !signbit(v->re)) {
		value_float_text(v->im, false, false, im);
		strbuf_addf(out, "%sj", im);
		return;
	}
	value_float_text(v->re, false, false, re);
	value_float_text(v->im, false, true, im);
	strbuf_addf(out, "(%s%sj)", re, im);
}

/* Decode one WTF-8 code point; a stray byte counts as itself so that nothing is skipped. */
static unsigned next_cp(const char *s, size_t n, size_t *pos)
{
	const unsigned char *p = (const unsigned char *)s + *pos;
	size_t left = n - *pos, need;
	unsigned cp;

	if (p[0] < 0x80)
		need = 1, cp = p[0];
	else if (p[0] >= 0xc2 && p[0] < 0xe0)
		need = 2, cp = p[0] & 0x1f;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		need = 3, cp = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		need = 4, cp = p[0] & 0x07;
	else
		need = 1, cp = p[0];
	if (need > left)
		need = 1, cp = p[0];
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			need = 1, cp = p[0];
			break;
		}
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*pos += need;
	return cp;
}

/* Python prefers single quotes, unless only those occur inside. */
static char quote_for(const char *s, size_t n)
{
	return n && memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
}

static void repr_str(const char *s, size_t n, unsigned minor, struct strbuf *out)
{
	char quote = quote_for(s, n);

	strbuf_addc(out, quote);
	for (size_t i = 0; i < n;) {
		unsigned cp = next_cp(s, n, &i);

		if (cp == (unsigned char)quote || cp == '\\')
			strbuf_addf(out, "\\%c", cp);
		else if (cp == '\t')
			strbuf_adds(out, "\\t");
		else if (cp == '\n')
			strbuf_adds(out, "\\n");
		else if (cp == '\r')
			strbuf_adds(out, "\\r");
		else if (cp >= 0x20 && cp < 0x7f)
			strbuf_addc(out, (char)cp);
		else if (value_printable(cp, minor))
			strbuf_add_utf8(out, cp);
		else if (cp <= 0xff)
			strbuf_addf(out, "\\x%02x", cp);
		else if (cp <= 0xffff)
			strbuf_addf(out, "\\u%04x", cp);
		else
			strbuf_addf(out, "\\U%08x", cp);
	}
	strbuf_addc(out, quote);
}

/* Up to 3.14 a bytearray escapes single quotes even between double ones
 * (Objects/bytearrayobject.c). */
static void repr_bytes(const char *s, size_t n, bool array, struct strbuf *out)
{
	char quote = quote_for(s, n);

	strbuf_addc(out, 'b');
	strbuf_addc(out, quote);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = s[i];

		if (c == (unsigned char)quote || c == '\\' || (array && c == '\''))
			strbuf_addf(out, "\\%c", c);
		else if (c == '\t')
			strbuf_adds(out, "\\t");
		else if (c == '\n')
			strbuf_adds(out, "\\n");
		else if (c == '\r')
			strbuf_adds(out, "\\r");
		else if (c < 0x20 || c >= 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_addc(out, (char)c);
	}
	strbuf_addc(out, quote);
}

static void repr_int(const struct value *v, struct strbuf *out)
{
	_cleanup_free_ char *text = mpz_get_str(NULL, 10, v->z);
	size_t len;

	if (!text) {
		out->failed = true;
		return;
	}
	len = strlen(text);
	if (v->truncated && v->nbytes + (text[0] == '-') < len) {
		strbuf_add(out, text, v->nbytes + (text[0] == '-'));
		strbuf_adds(out, "...");
		return;
	}
	strbuf_add(out, text, len);
}

static void repr_any(const struct value *v, unsigned depth, struct strbuf *out);

static void repr_items(const struct value *v, size_t n, unsigned depth, struct strbuf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_adds(out, ", ");
		repr_any(v->items[i], depth, out);
	}
	if (v->truncated || v->cycle)
		strbuf_adds(out, n ? ", ..." : "...");
}

static void repr_list(const struct value *v, unsigned depth, struct strbuf *out)
{
	strbuf_addc(out, '[');
	repr_items(v, v->nitems, depth, out);
	strbuf_addc(out, ']');
}

static void repr_tuple(const struct value *v, unsigned depth, struct strbuf *out)
{
	strbuf_addc(out, '(');
	repr_items(v, v->nitems, depth, out);
	if (v->nitems == 1 && !v->truncated && !v->cycle)
		strbuf_addc(out, ',');
	strbuf_addc(out, ')');
}

/* {k: v}, or [(k, v)] for pairs. */
static void repr_dict(const struct value *v, bool pairs, unsigned depth, struct strbuf *out)
{
	size_t n = v->nitems / 2;

	strbuf_addc(out, pairs ? '[' : '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_adds(out, ", ");
		if (pairs)
			strbuf_addc(out, '(');
		repr_any(v->items[2 * i], depth, out);
		strbuf_adds(out, pairs ? ", " : ": ");
		repr_any(v->items[2 * i + 1], depth, out);
		if (pairs)
			strbuf_addc(out, ')');
	}
	if (v->truncated || v->cycle)
		strbuf_adds(out, n ? ", ..." : "...");
	strbuf_addc(out, pairs ? ']' : '}');
}

static void repr_fields(const struct value *v, unsigned depth, struct strbuf *out)
{
	size_t n = v->nfields < v->nitems ? v->nfields : v->nitems;

	/* A dataclass that is inside itself is just dots; types.SimpleNamespace says its name. */
	if (v->cycle && v->text && strcmp(v->text, "namespace") != 0) {
		strbuf_adds(out, "...");
		return;
	}
	strbuf_adds(out, v->text ? v->text : v->type);
	strbuf_addc(out, '(');
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_adds(out, ", ");
		if (v->items[i]->name)
			strbuf_addf(out, "%s=", v->items[i]->name);
		repr_any(v->items[i], depth, out);
	}
	if (n < v->nfields || v->cycle)
		strbuf_adds(out, n ? ", ..." : "...");
	strbuf_addc(out, ')');
}

static void repr_set(const struct value *v, unsigned depth, struct strbuf *out)
{
	bool plain = v->kind == VALUE_SET && !v->subclass;
	const char *name = v->subclass ? v->type : v->kind == VALUE_SET ? "set" : "frozenset";

	if (v->cycle) {
		strbuf_addf(out, "%s(...)", name);
		return;
	}
	if (!v->nitems && !v->truncated) {
		strbuf_addf(out, "%s()", name);
		return;
	}
	if (!plain)
		strbuf_addf(out, "%s(", name);
	strbuf_addc(out, '{');
	repr_items(v, v->nitems, depth, out);
	strbuf_addc(out, '}');
	if (!plain)
		strbuf_addc(out, ')');
}

static void repr_call(const struct value *v, unsigned depth, struct strbuf *out)
{
	size_t n = v->text ? strlen(v->text) : 0;

	if (v->cycle && v->kind == VALUE_DEQUE) {
		strbuf_adds(out, "[...]");
		return;
	}
	/* A defaultdict guards only its dict. */
	if (v->cycle && n && v->text[n - 1] == '(') {
		strbuf_adds(out, "...");
		return;
	}
	strbuf_adds(out, v->text ? v->text : "(");
	if (v->kind == VALUE_LIST || v->kind == VALUE_DEQUE)
		repr_list(v, depth, out);
	else if (v->kind == VALUE_TUPLE)
		repr_tuple(v, depth, out);
	/* "Counter()" but "defaultdict(None, {})" */
	else if (v->nitems || v->truncated || v->cycle || (n && v->text[n - 1] != '('))
		repr_dict(v, v->form == FORM_PAIRS, depth, out);
	if (v->bytes)
		strbuf_add(out, v->bytes, v->nbytes);
	strbuf_addc(out, ')');
}

/* The repr of an exception: since 3.7 without the comma after a single argument. */
static void repr_exception(const struct value *v, unsigned depth, struct strbuf *out)
{
	const struct value *args = v->nitems ? v->items[0] : NULL;

	if (v->text) {
		strbuf_adds(out, v->text);
		return;
	}
	strbuf_adds(out, v->type);
	if (v->form == FORM_FIELDS && args && !v->cycle) {
		/* 3.15: ImportError adds name and path, where they were given */
		size_t n = 0;

		strbuf_addc(out, '(');
		for (size_t i = 0; i < args->nitems; i++, n++) {
			strbuf_adds(out, n ? ", " : "");
			repr_any(args->items[i], depth, out);
		}
		for (size_t i = 1; i < v->nfields && i < v->nitems; i++, n++) {
			strbuf_addf(out, "%s%s=", n ? ", " : "",
				    v->items[i]->name ? v->items[i]->name : "?");
			repr_any(v->items[i], depth, out);
		}
		strbuf_addc(out, ')');
		return;
	}
	if (!args || v->cycle) {
		strbuf_adds(out, "(...)");
		return;
	}
	if (args->kind == VALUE_TUPLE && args->nitems == 1 && !args->truncated && v->minor != 6) {
		strbuf_addc(out, '(');
		repr_any(args->items[0], depth, out);
		strbuf_addc(out, ')');
		return;
	}
	repr_any(args, depth, out);
}

static void repr_range(const struct value *v, unsigned depth, struct strbuf *out)
{
	bool slice = v->kind == VALUE_SLICE;
	size_t n = v->nitems;

	if (!slice && n == 3 && v->items[2]->kind == VALUE_INT &&
	    mpz_cmp_si(v->items[2]->z, 1) == 0)
		n = 2;
	strbuf_adds(out, slice ? "slice(" : "range(");
	repr_items(v, n, depth, out);
	strbuf_addc(out, ')');
}

static void repr_any(const struct value *v, unsigned depth, struct strbuf *out)
{
	char text[32];

	if (depth >= REPR_DEPTH_MAX || out->len > REPR_BYTES_MAX) {
		strbuf_adds(out, "...");
		return;
	}
	depth++;
	if (v->form == FORM_FIELDS && v->kind != VALUE_EXCEPTION) {
		repr_fields(v, depth, out);
		return;
	}
	if (v->form == FORM_CALL || v->form == FORM_PAIRS) {
		repr_call(v, depth, out);
		return;
	}
	switch (v->kind) {
	case VALUE_NONE:
		strbuf_adds(out, "None");
		break;
	case VALUE_ELLIPSIS:
		strbuf_adds(out, "Ellipsis");
		break;
	case VALUE_NOT_IMPLEMENTED:
		strbuf_adds(out, "NotImplemented");
		break;
	case VALUE_BOOL:
		strbuf_adds(out, v->b ? "True" : "False");
		break;
	case VALUE_INT:
		if (v->text)
			strbuf_adds(out, v->text); /* a member of an IntEnum */
		else
			repr_int(v, out);
		break;
	case VALUE_FLOAT:
		value_float_repr(v->re, text);
		strbuf_adds(out, v->text ? v->text : text);
		break;
	case VALUE_COMPLEX:
		repr_complex(v, out);
		break;
	case VALUE_STR:
		if (v->text)
			strbuf_adds(out, v->text);
		else
			repr_str(v->bytes ? v->bytes : "", v->nbytes, v->minor, out);
		if (v->truncated)
			strbuf_adds(out, "...");
		break;
	case VALUE_BYTES:
		repr_bytes(v->bytes ? v->bytes : "", v->nbytes, false, out);
		if (v->truncated)
			strbuf_adds(out, "...");
		break;
	case VALUE_BYTEARRAY:
		strbuf_addf(out, "%s(", v->subclass && v->minor != 6 ? v->type : "bytearray");
		repr_bytes(v->bytes ? v->bytes : "", v->nbytes, v->minor && v->minor <= 14, out);
		strbuf_adds(out, v->truncated ? "...)" : ")");
		break;
	case VALUE_LIST:
		repr_list(v, depth, out);
		break;
	case VALUE_TUPLE:
		repr_tuple(v, depth, out);
		break;
	case VALUE_SET:
	case VALUE_FROZENSET:
		repr_set(v, depth, out);
		break;
	case VALUE_DEQUE:
		if (v->cycle) {
			strbuf_adds(out, "[...]");
			break;
		}
		strbuf_addf(out, "%s(", v->subclass && v->minor != 6 ? v->type : "deque");
		repr_list(v, depth, out);
		strbuf_addc(out, ')');
		break;
	case VALUE_DICT:
		repr_dict(v, false, depth, out);
		break;
	case VALUE_RANGE:
	case VALUE_SLICE:
		repr_range(v, depth, out);
		break;
	case VALUE_TYPE:
		if (v->bytes)
			strbuf_add(out, v->bytes, v->nbytes);
		else if (v->module && strcmp(v->module, "builtins") != 0)
			strbuf_addf(out, "<class '%s.%s'>", v->module, v->text ? v->text : "?");
		else
			strbuf_addf(out, "<class '%s'>", v->text ? v->text : "?");
		break;
	case VALUE_MODULE:
		if (v->bytes)
			strbuf_add(out, v->bytes, v->nbytes);
		else
			strbuf_addf(out, "<module '%s'>", v->text ? v->text : "?");
		break;
	case VALUE_EXCEPTION:
		repr_exception(v, depth, out);
		break;
	case VALUE_FUNCTION:
	case VALUE_INSTANCE:
	case VALUE_OPAQUE:
	case VALUE_UNREADABLE:
		if (v->text)
			strbuf_adds(out, v->text);
		else
			strbuf_addf(out, "<%s object at 0x%llx>", v->type,
				    (unsigned long long)v->address);
		break;
	}
}

void value_repr(const struct value *v, struct strbuf *out)
{
	repr_any(v, 0, out);
}

void value_repr_max(const struct value *v, struct strbuf *out, size_t max)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t n;

	repr_any(v, 0, &sb);
	if (sb.failed) {
		out->failed = true;
		return;
	}
	if (!max || sb.len <= max) {
		strbuf_add(out, strbuf_str(&sb), sb.len);
		return;
	}
	n = max > 3 ? max - 3 : 0;
	while (n && (sb.data[n] & 0xc0) == 0x80)
		n--;
	strbuf_add(out, sb.data, n);
	strbuf_add(out, "...", max < 3 ? max : 3);
}

void value_str(const struct value *v, struct strbuf *out)
{
	const struct value *args;

	if (v->str) {
		strbuf_adds(out, v->str);
		return;
	}
	switch (v->kind) {
	case VALUE_STR:
		strbuf_add(out, v->bytes ? v->bytes : "", v->nbytes);
		if (v->truncated)
			strbuf_adds(out, "...");
		return;
	case VALUE_INT:
		repr_int(v, out);
		return;
	case VALUE_EXCEPTION:
		args = v->nitems ? v->items[0] : NULL;
		if (!args || args->kind != VALUE_TUPLE || args->truncated || args->nitems > 1)
			value_repr(args ? args : v, out);
		else if (args->nitems == 1)
			value_str(args->items[0], out);
		return;
	default:
		value_repr(v, out);
		return;
	}
}
