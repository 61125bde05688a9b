// SPDX-License-Identifier: BSD-2-Clause
/*
 * Values as a format specification wants them (Python/formatter_unicode.c): first how digits are
 * laid out, then the digits.
 */
#include "engine/format.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/expr_eval.h"
#include "engine/format_spec.h"
#include "probes/value.h"

static size_t count_chars(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static int unknown_code(const struct format_spec *s, const char *type, struct err *err)
{
	return err_set(err, -EINVAL, "ValueError: Unknown format code '%s' for object of type '%s'",
		       s->type, type);
}

/* ---- laying out ---- */

/* A number in pieces. */
struct number {
	char sign; /* 0: none */
	char prefix[3];
	const char *digits; /* of the integral part; "" for nan and inf */
	size_t ndigits;
	const char *rest; /* the point and what follows, or "nan", "%" ... */
	size_t nrest;
	unsigned group; /* digits between separators, 0: none */
};

static void add_fill(struct strbuf *out, const struct format_spec *s, long n)
{
	for (long i = 0; i < n; i++)
		strbuf_adds(out, s->fill);
}

/*
 * Digits with separators, filled up with zeros to `width` characters; the same loop as
 * _PyUnicode_InsertThousandsGrouping()'s, from the right.
 */
static int add_grouped(struct strbuf *out, const struct number *n, char separator, long width)
{
	long left = (long)n->ndigits, group = n->group ? n->group : LONG_MAX;
	size_t size = (n->ndigits + (width > 0 ? (size_t)width : 0)) * 2 + 2, at = size;
	_cleanup_free_ char *buf = malloc(size);

	if (!buf)
		return -ENOMEM;
	for (bool first = true; first || left > 0 || width > 0; first = false) {
		long len;

		if (!first) {
			width--;
			buf[--at] = separator;
		}
		len = left > width ? left : width;
		len = len > 1 ? len : 1;
		len = len < group ? len : group;
		for (long i = 0; i < len; i++)
			buf[--at] = left > 0 ? n->digits[--left] : '0';
		width -= len;
	}
	strbuf_add(out, buf + at, size - at);
	return 0;
}

static int add_number(struct strbuf *out, const struct format_spec *s, const struct number *n)
{
	long other = (n->sign != 0) + (long)strlen(n->prefix) +
		     (long)count_chars(n->rest, n->nrest),
	     zeros = s->fill[0] == '0' && !s->fill[1] && s->align == '=' ? s->width - other : 0,
	     pad, before = 0, inner = 0, after = 0;
	_cleanup_strbuf_ struct strbuf digits = STRBUF_INIT;
	int r = n->ndigits ? add_grouped(&digits, n, s->separator, zeros) : 0;

	if (r)
		return r;
	pad = s->width - other - (long)digits.len;
	if (pad > 0)
		switch (s->align) {
		case '<':
			after = pad;
			break;
		case '^':
			before = pad / 2;
			after = pad - before;
			break;
		case '=':
			inner = pad;
			break;
		default:
			before = pad;
		}
	add_fill(out, s, before);
	if (n->sign)
		strbuf_addc(out, n->sign);
	strbuf_adds(out, n->prefix);
	add_fill(out, s, inner);
	strbuf_add(out, strbuf_str(&digits), digits.len);
	strbuf_add(out, n->rest, n->nrest);
	add_fill(out, s, after);
	return 0;
}

static char sign_char(const struct format_spec *s, bool negative)
{
	if (negative)
		return '-';
	return s->sign == '+' || s->sign == ' ' ? s->sign : 0;
}

/* ---- float ---- */

/* 'g' and no type at all, by hand: where C's %g has no flag for "at least one digit after the
 * point". */
static void general(struct strbuf *out, double d, const struct format_spec *s, long precision,
		    bool dot_zero)
{
	bool upper = s->type[0] == 'G';
	char mark = upper ? 'E' : 'e';
	_cleanup_free_ char *text = NULL;
	char *digits, *e;
	long point, n;

	if (precision == 0)
		precision = 1;
	if (asprintf(&text, "%.*e", (int)(precision - 1), d) < 0) {
		out->failed = true;
		return;
	}
	e = strchr(text, 'e');
	point = strtol(e + 1, NULL, 10) + 1;
	*e = '\0';
	digits = text;
	if (digits[1] == '.')
		memmove(digits + 1, digits + 2, strlen(digits + 2) + 1);
	n = (long)strlen(digits);
	while (!s->alternate && n > 1 && digits[n - 1] == '0')
		n--;
	if (point <= -4 || point > precision - (dot_zero ? 1 : 0)) {
		strbuf_addc(out, digits[0]);
		if (n > 1 || s->alternate)
			strbuf_addc(out, '.');
		strbuf_add(out, digits + 1, (size_t)n - 1);
		strbuf_addf(out, "%c%c%02ld", mark, point - 1 < 0 ? '-' : '+', labs(point - 1));
		return;
	}
	if (point <= 0) {
		strbuf_adds(out, "0.");
		for (long i = point; i < 0; i++)
			strbuf_addc(out, '0');
		strbuf_add(out, digits, (size_t)n);
		return;
	}
	for (long i = 0; i < point; i++)
		strbuf_addc(out, i < n ? digits[i] : '0');
	if (n > point) {
		strbuf_addc(out, '.');
		strbuf_add(out, digits + point, (size_t)(n - point));
	} else if (dot_zero) {
		strbuf_adds(out, ".0");
	} else if (s->alternate) {
		strbuf_addc(out, '.');
	}
}

/* |d| without its sign (finite). */
static void float_digits(struct strbuf *out, double d, const struct format_spec *s)
{
	long precision = s->precision < 0 ? 6 : s->precision;
	_cleanup_free_ char *text = NULL;
	char repr[32];
	int n;

	if (!s->type[0] && s->precision < 0) {
		value_float_repr(d, repr);
		/* repr() with '#': a point also before an exponent */
		n = (int)strcspn(repr, ".e");
		strbuf_add(out, repr, (size_t)n);
		if (s->alternate && repr[n] == 'e')
			strbuf_addc(out, '.');
		strbuf_adds(out, repr + n);
		return;
	}
	switch (s->type[0] ? s->type[0] : 'r') {
	case 'e':
	case 'E':
		n = asprintf(&text, s->alternate ? "%#.*e" : "%.*e", (int)precision, d);
		break;
	case 'f':
	case 'F':
	case '%':
		n = asprintf(&text, s->alternate ? "%#.*f" : "%.*f", (int)precision, d);
		break;
	default:
		general(out, d, s, precision, !s->type[0]);
		return;
	}
	if (n < 0) {
		text = NULL;
		out->failed = true;
		return;
	}
	for (char *p = text; s->type[0] == 'E' && *p; p++)
		if (*p == 'e')
			*p = 'E';
	strbuf_adds(out, text);
}

/* 3.14+: separators in the fraction, from the left. */
static int group_fraction(struct strbuf *digits, const struct format_spec *s)
{
	const char *text = strbuf_str(digits), *p = strchr(text, '.');
	struct strbuf out = STRBUF_INIT;
	size_t n;

	if (!s->separator2 || !p)
		return 0;
	n = strspn(p + 1, "0123456789");
	strbuf_add(&out, text, (size_t)(p - text) + 1);
	for (size_t i = 0; i < n; i++) {
		if (i && i % 3 == 0)
			strbuf_addc(&out, s->separator2);
		strbuf_addc(&out, p[1 + i]);
	}
	strbuf_adds(&out, p + 1 + n);
	strbuf_deinit(digits);
	*digits = out;
	return out.failed ? -ENOMEM : 0;
}

static bool all_zero(const char *s)
{
	for (; *s && *s != 'e' && *s != 'E'; s++)
		if (*s >= '1' && *s <= '9')
			return false;
	return true;
}

static int format_float(double d, const char *type, const struct format_spec *s, struct strbuf *out,
			struct err *err)
{
	_cleanup_strbuf_ struct strbuf digits = STRBUF_INIT;
	bool negative = signbit(d) && !isnan(d), upper = strchr("EFG", s->type[0]) && s->type[0];
	struct number n = { .group = s->separator ? 3 : 0 };
	int r;

	if (s->type[0] && (!strchr("eEfFgGn%", s->type[0]) || s->type[1]))
		return unknown_code(s, type, err);
	d = fabs(d);
	if (s->type[0] == '%')
		d *= 100;
	if (isnan(d) || isinf(d))
		strbuf_adds(&digits, isnan(d) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf"));
	else
		float_digits(&digits, d, s);
	r = group_fraction(&digits, s);
	if (r)
		return r;
	if (s->type[0] == '%')
		strbuf_addc(&digits, '%');
	if (s->no_neg_zero && !isnan(d) && !isinf(d) && all_zero(strbuf_str(&digits)))
		negative = false;
	if (digits.failed)
		return -ENOMEM;
	n.sign = sign_char(s, negative);
	n.digits = strbuf_str(&digits);
	n.ndigits = strspn(n.digits, "0123456789");
	n.rest = n.digits + n.ndigits;
	n.nrest = digits.len - n.ndigits;
	return add_number(out, s, &n);
}

/* ---- int ---- */

static int format_char(const mpz_t z, const struct format_spec *s, struct strbuf *out,
		       struct err *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct number n = { 0 };

	if (s->sign)
		return format_invalid(err, "Sign not allowed with integer format specifier 'c'");
	if (s->alternate)
		return format_invalid(
			err, "Alternate form (#) not allowed with integer format specifier 'c'");
	if (mpz_sgn(z) < 0 || mpz_cmp_ui(z, 0x10ffff) > 0)
		return err_set(err, -EINVAL, "OverflowError: %%c arg not in range(0x110000)");
	strbuf_add_utf8(&text, (uint32_t)mpz_get_ui(z));
	n.rest = strbuf_str(&text);
	n.nrest = text.len;
	n.digits = "";
	return add_number(out, s, &n);
}

static int format_int(const mpz_t z, const char *type, const struct format_spec *s,
		      struct strbuf *out, struct err *err)
{
	char c = s->type[0] ? s->type[0] : 'd';
	int base = c == 'b' ? 2 : c == 'o' ? 8 : c == 'x' || c == 'X' ? 16 : 10, r;
	_cleanup_free_ char *digits = NULL;
	struct number n = { .rest = "" };
	struct eval ev = { .err = err };
	double d;

	if (s->type[1] || !strchr("bcdoxXneEfFgG%", c))
		return unknown_code(s, type, err);
	if (strchr("eEfFgG%", c)) {
		r = eval_int_to_double(&ev, z, &d);
		return r ? -EINVAL : format_float(d, type, s, out, err);
	}
	if (s->precision >= 0)
		return format_invalid(err, "Precision not allowed in integer format specifier");
	if (s->no_neg_zero)
		return format_invalid(
			err, "Negative zero coercion (z) not allowed in integer format specifier");
	if (c == 'c')
		return format_char(z, s, out, err);
	digits = mpz_get_str(NULL, c == 'X' ? -base : base, z);
	if (!digits)
		return -ENOMEM;
	n.sign = sign_char(s, mpz_sgn(z) < 0);
	n.digits = digits + (digits[0] == '-');
	n.ndigits = strlen(n.digits);
	if (s->alternate && base != 10) {
		n.prefix[0] = '0';
		n.prefix[1] = c;
	}
	n.group = !s->separator ? 0 : base == 10 ? 3 : 4;
	return add_number(out, s, &n);
}

/* ---- str ---- */

static int format_str(const char *text, size_t len, const char *type, const struct format_spec *s,
		      struct strbuf *out, struct err *err)
{
	long chars, pad, before = 0;

	if (s->sign)
		return format_invalid(err, "Sign not allowed in string format specifier");
	if (s->no_neg_zero)
		return format_invalid(
			err, "Negative zero coercion (z) not allowed in string format specifier");
	if (s->alternate)
		return format_invalid(err,
				      "Alternate form (#) not allowed in string format specifier");
	if (s->align == '=')
		return format_invalid(err, "'=' alignment not allowed in string format specifier");
	if (s->separator)
		return err_set(err, -EINVAL, "ValueError: Cannot specify '%c' with 's'.",
			       s->separator);
	if (s->type[0] && strcmp(s->type, "s") != 0)
		return unknown_code(s, type, err);
	chars = (long)count_chars(text, len);
	if (s->precision >= 0 && chars > s->precision) {
		size_t full = len;

		for (chars = 0, len = 0; chars < s->precision; chars++)
			do
				len++;
			while (len < full && ((unsigned char)text[len] & 0xc0) == 0x80);
	}
	pad = s->width > chars ? s->width - chars : 0;
	before = s->align == '>' ? pad : s->align == '^' ? pad / 2 : 0;
	add_fill(out, s, before);
	strbuf_add(out, text, len);
	add_fill(out, s, pad - before);
	return 0;
}

/* ---- all ---- */

static int format_as(const struct value *v, const char *text, unsigned minor, struct strbuf *out,
		     struct err *err)
{
	bool number = v->kind != VALUE_STR;
	struct format_spec s;
	mpz_t z;
	int r;

	r = format_spec_parse(text, minor, number, &s, err);
	if (r)
		return r;
	switch (v->kind) {
	case VALUE_STR:
		return format_str(v->bytes, v->nbytes, v->type, &s, out, err);
	case VALUE_FLOAT:
		return format_float(v->re, v->type, &s, out, err);
	case VALUE_BOOL:
		mpz_init_set_ui(z, v->b);
		r = format_int(z, v->type, &s, out, err);
		mpz_clear(z);
		return r;
	default:
		return format_int(v->z, v->type, &s, out, err);
	}
}

int format_value(const struct value *v, const char *spec, unsigned minor, struct strbuf *out,
		 struct err *err)
{
	int r = 0;

	if (!spec[0]) {
		value_str(v, out);
		return out->failed ? -ENOMEM : 0;
	}
	switch (v->kind) {
	case VALUE_INT:
	case VALUE_BOOL:
	case VALUE_FLOAT:
	case VALUE_STR:
		/* A class of its own may have a __format__ (an enumeration has). */
		if (v->subclass)
			return err_set(err, -EOPNOTSUPP,
				       "'%s' may have a __format__ of its own, which is code",
				       v->type);
		r = format_as(v, spec, minor, out, err);
		break;
	case VALUE_NONE:
	case VALUE_ELLIPSIS:
	case VALUE_NOT_IMPLEMENTED:
	case VALUE_BYTES:
	case VALUE_BYTEARRAY:
	case VALUE_LIST:
	case VALUE_TUPLE:
	case VALUE_SET:
	case VALUE_FROZENSET:
	case VALUE_DEQUE:
	case VALUE_DICT:
	case VALUE_RANGE:
	case VALUE_SLICE:
	case VALUE_FUNCTION:
		if (v->subclass)
			return err_set(err, -EOPNOTSUPP,
				       "'%s' may have a __format__ of its own, which is code",
				       v->type);
		return err_set(err, -EINVAL,
			       "TypeError: unsupported format string passed to %s.__format__",
			       v->type);
	default:
		return err_set(err, -EOPNOTSUPP,
			       "the format of a '%s' is a matter of its class's code", v->type);
	}
	return r ? r : out->failed ? -ENOMEM : 0;
}
