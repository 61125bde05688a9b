// SPDX-License-Identifier: BSD-2-Clause
/* int() float() str() repr() ascii() ord() chr() hex() oct() bin() round() on built-in values. */
#include "engine/expr_eval.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "engine/expr_text.h"

static bool is_text(const struct value *v)
{
	return v->kind == VALUE_STR || eval_is_bytes(v);
}

/* ---- numbers from text ---- */

static const char *repr_of(const struct value *v, struct strbuf *sb)
{
	value_repr_max(v, sb, 200);
	return strbuf_str(sb);
}

/* The text without white space around it, NUL-terminated. Text beyond ASCII is refused: it may hold
 * other digits. */
static int number_text(struct eval *ev, const struct value *v, struct strbuf *out)
{
	const char *s, *end;
	int r;

	r = eval_full(ev, v, &v);
	if (r)
		return r;
	s = v->bytes;
	end = s + v->nbytes;
	for (const char *p = s; p < end; p++)
		if (*p & 0x80)
			return v->kind == VALUE_STR
				       ? err_set(ev->err, -EOPNOTSUPP,
						 "numbers in text beyond ASCII are not "
						 "supported")
				       : 0;
	/* Python's white space includes the separators 0x1c to 0x1f in str. */
	while (s < end &&
	       (isspace((unsigned char)*s) || (v->kind == VALUE_STR && *s >= 0x1c && *s <= 0x1f)))
		s++;
	while (end > s && (isspace((unsigned char)end[-1]) ||
			   (v->kind == VALUE_STR && end[-1] >= 0x1c && end[-1] <= 0x1f)))
		end--;
	if (memchr(s, '\0', end - s))
		return 0;
	strbuf_add(out, s, end - s);
	return out->failed ? err_set(ev->err, -ENOMEM, "out of memory") : 0;
}

/* Drop single underscores between alphanumerics; false: one is elsewhere. */
static bool drop_underscores(char *s, bool hexdigits)
{
	char *to = s, before = 0;

	for (; *s; before = *s++) {
		if (*s != '_') {
			*to++ = *s;
			continue;
		}
		if (!(hexdigits ? isalnum((unsigned char)before) && isalnum((unsigned char)s[1])
				: isdigit((unsigned char)before) && isdigit((unsigned char)s[1])))
			return false;
	}
	*to = '\0';
	return true;
}

/* Parse an int literal as int() does; false: it is none. base 0: by its prefix. */
static bool parse_int(char *s, int base, mpz_t z)
{
	bool neg = *s == '-';
	int prefix = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1]) {
		int c = tolower((unsigned char)s[1]);

		prefix = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
	}
	if (prefix && (base == 0 || base == prefix)) {
		base = prefix;
		s += 2;
		if (*s == '_')
			s++;
	} else if (base == 0) {
		base = 10;
		if (*s == '0' && s[strspn(s, "0_")])
			return false;
	}
	if (!isalnum((unsigned char)*s) || !drop_underscores(s, true))
		return false;
	for (const char *p = s; *p; p++) {
		int c = tolower((unsigned char)*p), digit = isdigit(c)	 ? c - '0'
							    : isalpha(c) ? c - 'a' + 10
									 : 99;

		if (digit >= base)
			return false;
	}
	if (mpz_set_str(z, s, base))
		return false;
	if (neg)
		mpz_neg(z, z);
	return true;
}

static int int_from_text(struct eval *ev, const struct value *v, int base, const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, shown = STRBUF_INIT;
	struct value quoted = *v;
	mpz_t z;
	int r;

	if (v->kind == VALUE_BYTEARRAY)
		quoted.kind = VALUE_BYTES; /* int() says it so */
	r = number_text(ev, v, &sb);
	if (r)
		return r;
	mpz_init(z);
	if (sb.len && parse_int(sb.data, base, z))
		r = mpz_sizeinbase(z, 2) > EVAL_INT_BITS
			    ? err_set(ev->err, -ERANGE, "the number is too large")
			    : eval_keep(ev, value_new_int(z), ret);
	else
		r = err_set(ev->err, -EINVAL,
			    "ValueError: invalid literal for int() with base %d: %s", base,
			    repr_of(&quoted, &shown));
	mpz_clear(z);
	return r;
}

static int int_from_double(struct eval *ev, double d, const struct value **ret)
{
	mpz_t z;
	int r;

	if (isnan(d))
		return err_set(ev->err, -EINVAL, "ValueError: cannot convert float NaN to integer");
	if (isinf(d))
		return err_set(ev->err, -ERANGE,
			       "OverflowError: cannot convert float infinity to integer");
	mpz_init_set_d(z, d);
	r = eval_keep(ev, value_new_int(z), ret);
	mpz_clear(z);
	return r;
}

int eval_call_int(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	const struct value *v = n ? args[0].v : NULL;
	int base = 10, r;

	if (n == 1 && args[0].keyword)
		return eval_type_error(ev, "int() missing string argument");
	if (n == 2) {
		int64_t b;

		if (args[0].keyword)
			return eval_type_error(ev, "'%s' is an invalid keyword argument for int()",
					       args[0].keyword);
		if (!eval_is_int(args[1].v))
			return eval_type_error(ev,
					       "'%s' object cannot be interpreted as an integer",
					       args[1].v->type);
		b = eval_clamp(args[1].v);
		if (!is_text(v))
			return eval_type_error(ev,
					       "int() can't convert non-string with explicit base");
		if (b && (b < 2 || b > 36))
			return err_set(ev->err, -EINVAL,
				       "ValueError: int() base must be >= 2 and <= 36, or 0");
		base = (int)b;
	}
	if (!v)
		return eval_new_long(ev, 0, ret);
	if (is_text(v))
		return int_from_text(ev, v, base, ret);
	r = eval_plain(ev, v, "__int__");
	if (!r)
		r = eval_plain(ev, v, "__index__");
	if (!r)
		r = eval_plain(ev, v, "__trunc__");
	if (r)
		return r;
	if (v->kind == VALUE_INT && !v->subclass) {
		*ret = v;
		return 0;
	}
	if (v->kind == VALUE_INT)
		return eval_keep(ev, value_new_int(v->z), ret);
	if (v->kind == VALUE_BOOL)
		return eval_new_long(ev, v->b, ret);
	if (v->kind == VALUE_FLOAT)
		return int_from_double(ev, v->re, ret);
	if (v->kind == VALUE_COMPLEX && ev->minor < 10)
		return eval_type_error(ev, "can't convert complex to int");
	return eval_type_error(
		ev, "int() argument must be a string, a bytes-like object or a %s, not '%s'",
		ev->minor >= 10 ? "real number" : "number", v->type);
}

static bool parse_float(char *s, double *ret)
{
	const char *p = s + (*s == '-' || *s == '+');
	char *end;

	if (!strcasecmp(p, "nan") || !strcasecmp(p, "inf") || !strcasecmp(p, "infinity")) {
		*ret = tolower((unsigned char)*p) == 'n' ? NAN : INFINITY;
		if (*s == '-')
			*ret = copysign(*ret, -1.0);
		return true;
	}
	/* strtod() takes more than Python does: hexadecimal, "nan(...)". */
	if (!drop_underscores(s, false) || !*s || s[strspn(s, "0123456789+-.eE")])
		return false;
	*ret = expr_strtod(s, &end);
	return !*end;
}

int eval_call_float(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, shown = STRBUF_INIT;
	const struct value *v = n ? args[0].v : NULL;
	double d;
	int r;

	if (!v)
		return eval_new_float(ev, 0.0, ret);
	if (is_text(v)) {
		r = number_text(ev, v, &sb);
		if (r)
			return r;
		if (sb.len && parse_float(sb.data, &d))
			return eval_new_float(ev, d, ret);
		return err_set(ev->err, -EINVAL,
			       "ValueError: could not convert string to float: %s",
			       repr_of(v, &shown));
	}
	r = eval_plain(ev, v, "__float__");
	if (!r)
		r = eval_plain(ev, v, "__index__");
	if (r)
		return r;
	if (v->kind == VALUE_FLOAT && !v->subclass) {
		*ret = v;
		return 0;
	}
	if (v->kind == VALUE_FLOAT)
		return eval_new_float(ev, v->re, ret);
	if (v->kind == VALUE_BOOL)
		return eval_new_float(ev, v->b, ret);
	if (v->kind == VALUE_INT) {
		r = eval_int_to_double(ev, v->z, &d);
		return r ? r : eval_new_float(ev, d, ret);
	}
	if (v->kind == VALUE_COMPLEX && ev->minor < 10)
		return eval_type_error(ev, "can't convert complex to float");
	return eval_type_error(ev, "float() argument must be a string or a %s, not '%s'",
			       ev->minor >= 10 ? "real number" : "number", v->type);
}

/* ---- text of values ---- */

/* Is the tree whole, and of kinds whose repr is no code of the target? */
static int check_text(struct eval *ev, const struct value *v, const char *method)
{
	int r;

	if (v->kind == VALUE_UNREADABLE)
		return err_set(ev->err, -EFAULT, "a value cannot be read: %s",
			       v->text ? v->text : "?");
	if (v->subclass || v->kind == VALUE_INSTANCE || v->kind == VALUE_EXCEPTION ||
	    v->kind == VALUE_OPAQUE)
		return err_set(ev->err, -EOPNOTSUPP,
			       "the text of a '%s' is not known without running the target's code "
			       "(its %s)",
			       v->type, method);
	if (v->truncated)
		return err_set(ev->err, -ERANGE, "a '%s' is too large to make text of it", v->type);
	r = eval_ordered(ev, v);
	if (r)
		return r;
	for (size_t i = 0; i < v->nitems; i++) {
		r = check_text(ev, v->items[i], "__repr__");
		if (r)
			return r;
	}
	return 0;
}

static int text_of(struct eval *ev, const struct value *v, bool str, struct strbuf *out)
{
	struct value_limits lim = {
		.depth = 60, .items = 100000, .bytes = 1 << 20, .total = 200000
	};
	const struct value *kept;
	struct value *deep = NULL;
	int r;

	r = eval_finish(ev, v, &lim, &deep);
	if (!r)
		r = eval_keep(ev, deep, &kept);
	if (!r)
		r = check_text(ev, kept, str ? "__str__" : "__repr__");
	if (r)
		return r;
	if (str)
		value_str(kept, out);
	else
		value_repr(kept, out);
	return out->failed ? err_set(ev->err, -ENOMEM, "out of memory") : 0;
}

int eval_call_str(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	if (!n)
		return eval_new_str(ev, "", 0, ret);
	if (args[0].v->kind == VALUE_STR && !args[0].v->subclass) {
		*ret = args[0].v;
		return 0;
	}
	r = text_of(ev, args[0].v, true, &sb);
	return r ? r : eval_new_str(ev, strbuf_str(&sb), sb.len, ret);
}

int eval_call_repr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	(void)n;
	r = text_of(ev, args[0].v, false, &sb);
	return r ? r : eval_new_str(ev, strbuf_str(&sb), sb.len, ret);
}

int eval_call_ascii(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, out = STRBUF_INIT;
	int r;

	(void)n;
	r = text_of(ev, args[0].v, false, &sb);
	if (r)
		return r;
	for (size_t pos = 0; pos < sb.len;) {
		unsigned cp = expr_utf8_next(sb.data, sb.len, &pos);

		if (cp < 0x80)
			strbuf_addc(&out, (char)cp);
		else
			strbuf_addf(&out,
				    cp < 0x100	   ? "\\x%02x"
				    : cp < 0x10000 ? "\\u%04x"
						   : "\\U%08x",
				    cp);
	}
	return out.failed ? err_set(ev->err, -ENOMEM, "out of memory")
			  : eval_new_str(ev, strbuf_str(&out), out.len, ret);
}

int eval_call_ord(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	const struct value *v = args[0].v;
	size_t pos = 0;

	(void)n;
	if (!is_text(v))
		return eval_type_error(ev, "ord() expected string of length 1, but %s found",
				       v->type);
	if (v->length != 1)
		return eval_type_error(
			ev, "ord() expected a character, but string of length %lld found",
			(long long)v->length);
	return eval_new_long(ev,
			     v->kind == VALUE_STR ? expr_utf8_next(v->bytes, v->nbytes, &pos)
						  : (unsigned char)v->bytes[0],
			     ret);
}

static int want_int(struct eval *ev, const struct value *v)
{
	int r;

	if (eval_is_int(v))
		return 0;
	r = eval_plain(ev, v, "__index__");
	return r ? r
		 : eval_type_error(ev, "'%s' object cannot be interpreted as an integer", v->type);
}

int eval_call_chr(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int64_t cp;
	int r;

	(void)n;
	if (ev->minor < 10 && eval_is_builtin(args[0].v) && !eval_is_int(args[0].v))
		return args[0].v->kind == VALUE_FLOAT
			       ? eval_type_error(ev, "integer argument expected, got float")
			       : eval_type_error(ev, "an integer is required (got type %s)",
						 args[0].v->type);
	r = want_int(ev, args[0].v);
	if (r)
		return r;
	cp = eval_clamp(args[0].v);
	if (cp < INT32_MIN || cp > INT32_MAX)
		return ev->minor >= 13
			       ? err_set(ev->err, -EINVAL,
					 "ValueError: chr() arg not in range(0x110000)")
			       : err_set(ev->err, -ERANGE,
					 "OverflowError: Python int too large to convert to C int");
	if (cp < 0 || cp > 0x10ffff)
		return err_set(ev->err, -EINVAL, "ValueError: chr() arg not in range(0x110000)");
	strbuf_add_utf8(&sb, (unsigned)cp);
	return eval_new_str(ev, strbuf_str(&sb), sb.len, ret);
}

static int in_base(struct eval *ev, const struct value *v, int base, const char *prefix,
		   const struct value **ret)
{
	_cleanup_free_ char *digits = NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	bool neg;
	mpz_t z;
	int r;

	r = want_int(ev, v);
	if (r)
		return r;
	if (v->kind == VALUE_BOOL)
		mpz_init_set_ui(z, v->b);
	else
		mpz_init_set(z, v->z);
	neg = mpz_sgn(z) < 0;
	mpz_abs(z, z);
	digits = mpz_get_str(NULL, base, z);
	mpz_clear(z);
	if (!digits)
		return err_set(ev->err, -ENOMEM, "out of memory");
	strbuf_addf(&sb, "%s%s", neg ? "-" : "", prefix);
	strbuf_adds(&sb, digits);
	return eval_new_str(ev, strbuf_str(&sb), sb.len, ret);
}

int eval_call_hex(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	(void)n;
	return in_base(ev, args[0].v, 16, "0x", ret);
}

int eval_call_oct(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	(void)n;
	return in_base(ev, args[0].v, 8, "0o", ret);
}

int eval_call_bin(struct eval *ev, const struct eval_arg *args, size_t n, const struct value **ret)
{
	(void)n;
	return in_base(ev, args[0].v, 2, "0b", ret);
}

/* ---- round() ---- */

/* q rounded to an integer, halves to the even one. */
static void round_half_even(const mpq_t q, mpz_t z)
{
	mpz_t twice, rem;
	int c;

	mpz_inits(twice, rem, NULL);
	mpz_fdiv_qr(z, rem, mpq_numref(q), mpq_denref(q));
	mpz_mul_2exp(twice, rem, 1);
	c = mpz_cmp(twice, mpq_denref(q));
	if (c > 0 || (!c && mpz_odd_p(z)))
		mpz_add_ui(z, z, 1);
	mpz_clears(twice, rem, NULL);
}

/* q rounded to a multiple of 10**-digits: z * 10**-digits for digits >= 0, z itself below. */
static void round_decimal(mpq_t q, int digits, mpz_t z)
{
	mpq_t power;

	mpq_init(power);
	mpz_ui_pow_ui(mpq_numref(power), 10, (unsigned)abs(digits));
	if (digits > 0)
		mpq_mul(q, q, power);
	else
		mpq_div(q, q, power);
	round_half_even(q, z);
	if (digits < 0)
		mpz_mul(z, z, mpq_numref(power));
	mpq_clear(power);
}

static int round_float(struct eval *ev, double d, int64_t digits, const struct value **ret)
{
	const struct value *num, *den, *res;
	mpq_t q;
	mpz_t z;
	int r;

	/* Beyond these a double has no digits, or all of them are cut. */
	if (!isfinite(d) || !d || digits > 323)
		return eval_new_float(ev, d, ret);
	if (digits < -308)
		return eval_new_float(ev, 0.0 * d, ret);
	mpq_init(q);
	mpz_init(z);
	mpq_set_d(q, d);
	round_decimal(q, (int)digits, z);
	r = eval_keep(ev, value_new_int(z), &num);
	mpz_ui_pow_ui(z, 10, digits > 0 ? (unsigned)digits : 0);
	if (!r)
		r = eval_keep(ev, value_new_int(z), &den);
	mpz_clear(z);
	mpq_clear(q);
	if (!r)
		r = eval_arith(ev, OP_DIV, num, den, &res);
	if (r == -ERANGE)
		return err_set(ev->err, r, "OverflowError: rounded value too large to represent");
	return r ? r : eval_new_float(ev, copysign(res->re, d), ret);
}

int eval_call_round(struct eval *ev, const struct eval_arg *args, size_t n,
		    const struct value **ret)
{
	const struct value *v = args[0].v, *nd = n > 1 ? args[1].v : NULL;
	int64_t digits = 0;
	mpq_t q;
	mpz_t z;
	int r;

	r = eval_plain(ev, v, "__round__");
	if (r)
		return r;
	if (!eval_is_int(v) && v->kind != VALUE_FLOAT)
		return eval_type_error(ev, "type %s doesn't define __round__ method", v->type);
	if (nd && nd->kind == VALUE_NONE)
		nd = NULL;
	if (nd) {
		r = want_int(ev, nd);
		if (r)
			return r;
		digits = eval_clamp(nd);
	}
	if (v->kind == VALUE_FLOAT && nd)
		return round_float(ev, v->re, digits, ret);
	if (v->kind == VALUE_FLOAT && !isfinite(v->re))
		return int_from_double(ev, v->re, ret);
	if (eval_is_int(v) && digits >= 0)
		return v->kind == VALUE_BOOL ? eval_new_long(ev, v->b, ret)
					     : eval_keep(ev, value_new_int(v->z), ret);
	if (digits < -1000000)
		return eval_new_long(ev, 0, ret);
	mpq_init(q);
	mpz_init(z);
	if (v->kind == VALUE_FLOAT)
		mpq_set_d(q, v->re);
	else if (v->kind == VALUE_BOOL)
		mpq_set_ui(q, v->b, 1);
	else
		mpq_set_z(q, v->z);
	round_decimal(q, (int)digits, z);
	r = eval_keep(ev, value_new_int(z), ret);
	mpz_clear(z);
	mpq_clear(q);
	return r;
}
