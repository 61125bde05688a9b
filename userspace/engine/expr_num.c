// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic of bool, int and float as CPython's Objects/longobject.c and floatobject.c define it;
 * where an operand is complex, expr_complex.c does it. Wordings are those of 3.11 unless the
 * version is asked for.
 */
#include "engine/expr_num.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

static void num_init(struct num *n, const struct value *v)
{
	*n = (struct num){ .kind = v->kind, .re = v->re, .im = v->im };
	mpz_init(n->z);
	if (v->kind == VALUE_INT) {
		mpz_set(n->z, v->z);
	} else if (v->kind == VALUE_BOOL) {
		mpz_set_ui(n->z, v->b);
		n->kind = VALUE_INT;
		n->is_bool = true;
	} else if (v->kind == VALUE_FLOAT) {
		n->im = 0;
	}
}

static void num_deinit(struct num *n)
{
	mpz_clear(n->z);
}

const char *eval_op_text(enum expr_op op)
{
	static const char *const text[] = {
		[OP_ADD] = "+",
		[OP_SUB] = "-",
		[OP_MUL] = "*",
		[OP_DIV] = "/",
		[OP_FLOORDIV] = "//",
		[OP_MOD] = "%",
		[OP_POW] = "** or pow()",
		[OP_LSHIFT] = "<<",
		[OP_RSHIFT] = ">>",
		[OP_AND] = "&",
		[OP_OR] = "|",
		[OP_XOR] = "^",
		[OP_MATMUL] = "@",
		[OP_POS] = "+",
		[OP_NEG] = "-",
		[OP_INVERT] = "~",
		[OP_NOT] = "not",
		[OP_LT] = "<",
		[OP_LE] = "<=",
		[OP_EQ] = "==",
		[OP_NE] = "!=",
		[OP_GT] = ">",
		[OP_GE] = ">=",
		[OP_IN] = "in",
		[OP_NOT_IN] = "not in",
		[OP_IS] = "is",
		[OP_IS_NOT] = "is not",
	};

	return text[op] ? text[op] : "?";
}

static int too_large(struct eval *ev)
{
	return err_set(ev->err, -ERANGE,
		       "the result is too large: integers are limited to %d bits here",
		       EVAL_INT_BITS);
}

static int new_int(struct eval *ev, const mpz_t z, const struct value **ret)
{
	if (mpz_sizeinbase(z, 2) > EVAL_INT_BITS + 64)
		return too_large(ev);
	return eval_keep(ev, value_new_int(z), ret);
}

/* ---- int and float ---- */

/* |z| * 2^exp, rounded half to even (sticky: something non-zero was cut off below z); false on
 * overflow. */
static bool round_to_double(const mpz_t z, long exp, bool sticky, double *ret)
{
	long bits = (long)mpz_sizeinbase(z, 2), e = bits + exp, keep, drop;
	bool neg = mpz_sgn(z) < 0, half, below;
	mpz_t q;
	double d;

	if (!mpz_sgn(z)) {
		*ret = 0;
		return true;
	}
	if (e > DBL_MAX_EXP + 1)
		return false;
	/* A subnormal result has fewer bits than 53. */
	keep = e - (DBL_MIN_EXP - DBL_MANT_DIG);
	if (keep > DBL_MANT_DIG)
		keep = DBL_MANT_DIG;
	if (keep < 0) {
		*ret = neg ? -0.0 : 0.0;
		return true;
	}
	mpz_init(q);
	mpz_abs(q, z);
	drop = bits - keep;
	if (drop > 0) {
		half = mpz_tstbit(q, drop - 1);
		below = sticky || (drop > 1 && mpz_scan1(q, 0) < (mp_bitcnt_t)drop - 1);
		mpz_fdiv_q_2exp(q, q, drop);
		if (half && (below || mpz_odd_p(q)))
			mpz_add_ui(q, q, 1);
		exp += drop;
	}
	d = ldexp(mpz_get_d(q), (int)exp);
	mpz_clear(q);
	if (isinf(d))
		return false;
	*ret = neg ? -d : d;
	return true;
}

int eval_int_to_double(struct eval *ev, const mpz_t z, double *ret)
{
	if (round_to_double(z, 0, false, ret))
		return 0;
	return num_overflow(ev, "int too large to convert to float");
}

static int to_double(struct eval *ev, struct num *n)
{
	int r = 0;

	if (n->kind == VALUE_INT)
		r = eval_int_to_double(ev, n->z, &n->re);
	n->im = n->kind == VALUE_COMPLEX ? n->im : 0;
	return r;
}

static int int_true_divide(struct eval *ev, const mpz_t a, const mpz_t b, const struct value **ret)
{
	bool neg = (mpz_sgn(a) < 0) != (mpz_sgn(b) < 0), sticky, ok;
	long shift;
	mpz_t x, y, q, rem;
	double d;

	if (!mpz_sgn(b))
		return num_zero_division(ev, "division by zero");
	if (!mpz_sgn(a))
		return eval_new_float(ev, neg ? -0.0 : 0.0, ret);
	mpz_inits(x, y, q, rem, NULL);
	mpz_abs(x, a);
	mpz_abs(y, b);
	/* A quotient of 66 bits at least: two more than any rounding looks at. */
	shift = 66 - ((long)mpz_sizeinbase(x, 2) - (long)mpz_sizeinbase(y, 2));
	if (shift > 0)
		mpz_mul_2exp(x, x, shift);
	else
		mpz_mul_2exp(y, y, -shift);
	mpz_tdiv_qr(q, rem, x, y);
	sticky = mpz_sgn(rem);
	ok = round_to_double(q, -shift, sticky, &d);
	mpz_clears(x, y, q, rem, NULL);
	if (!ok)
		return num_overflow(ev, "integer division result too large for a float");
	return eval_new_float(ev, neg ? -d : d, ret);
}

static int int_pow(struct eval *ev, const struct num *a, const struct num *b,
		   const struct value **ret);
static int float_pow(struct eval *ev, double v, double w, const struct value **ret);

static int int_shift(struct eval *ev, enum expr_op op, const mpz_t a, const mpz_t b, mpz_t z)
{
	if (mpz_sgn(b) < 0)
		return err_set(ev->err, -EINVAL, "ValueError: negative shift count");
	if (op == OP_LSHIFT) {
		if (!mpz_sgn(a))
			mpz_set_ui(z, 0);
		else if (mpz_cmp_ui(b, EVAL_INT_BITS) > 0 ||
			 mpz_sizeinbase(a, 2) + mpz_get_ui(b) > EVAL_INT_BITS)
			return too_large(ev);
		else
			mpz_mul_2exp(z, a, mpz_get_ui(b));
	} else if (!mpz_fits_ulong_p(b)) {
		mpz_set_si(z, mpz_sgn(a) < 0 ? -1 : 0);
	} else {
		mpz_fdiv_q_2exp(z, a, mpz_get_ui(b));
	}
	return 0;
}

static int int_arith(struct eval *ev, enum expr_op op, const struct num *a, const struct num *b,
		     const struct value **ret)
{
	mpz_t z;
	int r = 0;

	if (op == OP_DIV)
		return int_true_divide(ev, a->z, b->z, ret);
	if (op == OP_POW)
		return int_pow(ev, a, b, ret);
	if ((op == OP_FLOORDIV || op == OP_MOD) && !mpz_sgn(b->z))
		return num_zero_division(ev, ev->minor >= 14 ? "division by zero"
					     : op == OP_MOD && ev->minor >= 11
						     ? "integer modulo by zero"
						     : "integer division or modulo by zero");
	if (op == OP_MUL && mpz_sizeinbase(a->z, 2) + mpz_sizeinbase(b->z, 2) > EVAL_INT_BITS + 64)
		return too_large(ev);
	mpz_init(z);
	switch (op) {
	case OP_ADD:
		mpz_add(z, a->z, b->z);
		break;
	case OP_SUB:
		mpz_sub(z, a->z, b->z);
		break;
	case OP_MUL:
		mpz_mul(z, a->z, b->z);
		break;
	case OP_FLOORDIV:
		mpz_fdiv_q(z, a->z, b->z);
		break;
	case OP_MOD:
		mpz_fdiv_r(z, a->z, b->z);
		break;
	case OP_AND:
		mpz_and(z, a->z, b->z);
		break;
	case OP_OR:
		mpz_ior(z, a->z, b->z);
		break;
	case OP_XOR:
		mpz_xor(z, a->z, b->z);
		break;
	default:
		r = int_shift(ev, op, a->z, b->z, z);
		break;
	}
	if (!r && a->is_bool && b->is_bool && (op == OP_AND || op == OP_OR || op == OP_XOR))
		r = eval_new_bool(ev, mpz_sgn(z) != 0, ret);
	else if (!r)
		r = new_int(ev, z, ret);
	mpz_clear(z);
	return r;
}

static int int_pow(struct eval *ev, const struct num *a, const struct num *b,
		   const struct value **ret)
{
	size_t bits = mpz_sizeinbase(a->z, 2);
	double x, y;
	mpz_t z;
	int r;

	if (mpz_sgn(b->z) < 0) {
		r = eval_int_to_double(ev, a->z, &x);
		if (!r)
			r = eval_int_to_double(ev, b->z, &y);
		return r ? r : float_pow(ev, x, y, ret);
	}
	if (mpz_cmpabs_ui(a->z, 1) > 0 &&
	    (!mpz_fits_ulong_p(b->z) || mpz_get_ui(b->z) > EVAL_INT_BITS ||
	     (bits - 1) * mpz_get_ui(b->z) > EVAL_INT_BITS))
		return too_large(ev);
	mpz_init(z);
	if (mpz_cmpabs_ui(a->z, 1) > 0)
		mpz_pow_ui(z, a->z, mpz_get_ui(b->z));
	else if (!mpz_sgn(b->z))
		mpz_set_ui(z, 1);
	else if (mpz_odd_p(b->z))
		mpz_set(z, a->z);
	else
		mpz_abs(z, a->z);
	r = new_int(ev, z, ret);
	mpz_clear(z);
	return r;
}

static int float_pow(struct eval *ev, double v, double w, const struct value **ret)
{
	bool odd = fmod(fabs(w), 2.0) == 1.0;
	double x;

	if (v == 0 && w < 0)
		return num_zero_division(ev, ev->minor >= 14
						     ? "zero to a negative power"
						     : "0.0 cannot be raised to a negative power");
	if (v == 0 && w > 0 && !isnan(w))
		return eval_new_float(ev, odd ? v : 0.0, ret);
	if (isfinite(v) && isfinite(w) && v < 0 && w != floor(w))
		return num_complex_pow(ev, v, 0, w, 0, ret);
	x = pow(v, w); /* C99's special cases are Python's */
	if (isinf(x) && isfinite(v) && isfinite(w))
		return num_overflow(ev, "(34, 'Numerical result out of range')");
	return eval_new_float(ev, x, ret);
}

/* Quotient and remainder with the divisor's sign. w is not 0. */
static void float_divmod(double v, double w, double *ret_div, double *ret_mod)
{
	double mod = fmod(v, w), div = (v - mod) / w, floordiv;

	if (mod) {
		if ((w < 0) != (mod < 0)) {
			mod += w;
			div -= 1.0;
		}
	} else {
		mod = copysign(0.0, w);
	}
	if (div) {
		floordiv = floor(div);
		if (div - floordiv > 0.5)
			floordiv += 1.0;
	} else {
		floordiv = copysign(0.0, v / w);
	}
	*ret_div = floordiv;
	*ret_mod = mod;
}

static const char *float_zero_text(const struct eval *ev, enum expr_op op)
{
	if (ev->minor >= 14)
		return "division by zero";
	if (op == OP_DIV)
		return "float division by zero";
	if (op == OP_FLOORDIV)
		return ev->minor >= 9 ? "float floor division by zero" : "float divmod()";
	return ev->minor >= 13 ? "float modulo by zero" : "float modulo";
}

static int unsupported(struct eval *ev, enum expr_op op, const struct value *a,
		       const struct value *b)
{
	return eval_type_error(ev, "unsupported operand type(s) for %s: '%s' and '%s'",
			       eval_op_text(op), a->type, b->type);
}

static int float_arith(struct eval *ev, enum expr_op op, double a, double b,
		       const struct value **ret)
{
	double div, mod;

	switch (op) {
	case OP_ADD:
		return eval_new_float(ev, a + b, ret);
	case OP_SUB:
		return eval_new_float(ev, a - b, ret);
	case OP_MUL:
		return eval_new_float(ev, a * b, ret);
	case OP_POW:
		return float_pow(ev, a, b, ret);
	default:
		break;
	}
	if (b == 0)
		return num_zero_division(ev, float_zero_text(ev, op));
	if (op == OP_DIV)
		return eval_new_float(ev, a / b, ret);
	float_divmod(a, b, &div, &mod);
	return eval_new_float(ev, op == OP_MOD ? mod : div, ret);
}

/* ---- entry points ---- */

int eval_arith(struct eval *ev, enum expr_op op, const struct value *a, const struct value *b,
	       const struct value **ret)
{
	struct num x, y;
	bool bits =
		op == OP_LSHIFT || op == OP_RSHIFT || op == OP_AND || op == OP_OR || op == OP_XOR;
	int r;

	num_init(&x, a);
	num_init(&y, b);
	if (op == OP_MATMUL || (bits && (x.kind != VALUE_INT || y.kind != VALUE_INT))) {
		r = unsupported(ev, op, a, b);
	} else if (x.kind == VALUE_INT && y.kind == VALUE_INT) {
		r = int_arith(ev, op, &x, &y, ret);
	} else if (x.kind != VALUE_COMPLEX && y.kind != VALUE_COMPLEX) {
		r = to_double(ev, &x);
		if (!r)
			r = to_double(ev, &y);
		if (!r)
			r = float_arith(ev, op, x.re, y.re, ret);
	} else if (op == OP_FLOORDIV || op == OP_MOD) {
		if (ev->minor >= 10)
			r = unsupported(ev, op, a, b);
		else
			r = eval_type_error(ev, op == OP_MOD
							? "can't mod complex numbers."
							: "can't take floor of complex number.");
	} else {
		r = to_double(ev, &x);
		if (!r)
			r = to_double(ev, &y);
		if (!r)
			r = num_complex_arith(ev, op, &x, &y, ret);
	}
	num_deinit(&x);
	num_deinit(&y);
	return r;
}

int eval_num_unary(struct eval *ev, enum expr_op op, const struct value *a,
		   const struct value **ret)
{
	struct num x;
	int r;

	num_init(&x, a);
	if (x.kind == VALUE_INT) {
		if (op == OP_NEG)
			mpz_neg(x.z, x.z);
		else if (op == OP_INVERT)
			mpz_com(x.z, x.z);
		r = new_int(ev, x.z, ret);
	} else if (op == OP_INVERT) {
		r = eval_type_error(ev, "bad operand type for unary ~: '%s'", a->type);
	} else if (x.kind == VALUE_FLOAT) {
		r = eval_new_float(ev, op == OP_NEG ? -x.re : x.re, ret);
	} else {
		r = num_new_complex(ev, op == OP_NEG ? -x.re : x.re, op == OP_NEG ? -x.im : x.im,
				    ret);
	}
	num_deinit(&x);
	return r;
}

/* ---- comparison: an int and a float compare exactly ---- */

static int int_float_cmp(const mpz_t z, double d)
{
	if (isnan(d))
		return 2;
	if (isinf(d))
		return d > 0 ? -1 : 1;
	int c = mpz_cmp_d(z, d);

	return (c > 0) - (c < 0);
}

int eval_num_cmp(const struct value *a, const struct value *b)
{
	struct num x, y;
	int c;

	num_init(&x, a);
	num_init(&y, b);
	if (x.kind == VALUE_INT && y.kind == VALUE_INT) {
		c = mpz_cmp(x.z, y.z);
		c = (c > 0) - (c < 0);
	} else if (x.kind == VALUE_INT) {
		c = int_float_cmp(x.z, y.re);
	} else if (y.kind == VALUE_INT) {
		c = int_float_cmp(y.z, x.re);
		c = c == 2 ? 2 : -c;
	} else {
		c = isnan(x.re) || isnan(y.re) ? 2 : (x.re > y.re) - (x.re < y.re);
	}
	num_deinit(&x);
	num_deinit(&y);
	return c;
}

int eval_num_equal(const struct value *a, const struct value *b)
{
	if ((a->kind == VALUE_COMPLEX ? a->im : 0) != (b->kind == VALUE_COMPLEX ? b->im : 0))
		return 0;
	return eval_num_cmp(a, b) == 0;
}
