// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic of complex numbers as CPython's Objects/complexobject.c defines it. Wordings are those
 * of 3.11 unless the version is asked for.
 */
#include "engine/expr_num.h"

#include <errno.h>
#include <math.h>

#include "base/err.h"

int num_new_complex(struct eval *ev, double re, double im, const struct value **ret)
{
	struct value *v = value_new(VALUE_COMPLEX, "complex");

	if (v) {
		v->re = re;
		v->im = im;
	}
	return eval_keep(ev, v, ret);
}

struct cplx {
	double re, im;
};

static struct cplx c_mul(struct cplx a, struct cplx b)
{
	return (struct cplx){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

/* Smith's method, as Objects/complexobject.c has it; false: division by zero. */
static bool c_div(struct cplx a, struct cplx b, struct cplx *ret)
{
	double abs_re = fabs(b.re), abs_im = fabs(b.im), ratio, denom;

	if (abs_re >= abs_im) {
		if (abs_re == 0)
			return false;
		ratio = b.im / b.re;
		denom = b.re + b.im * ratio;
		*ret = (struct cplx){ (a.re + a.im * ratio) / denom,
				      (a.im - a.re * ratio) / denom };
	} else if (abs_im >= abs_re) {
		ratio = b.re / b.im;
		denom = b.re * ratio + b.im;
		*ret = (struct cplx){ (a.re * ratio + a.im) / denom,
				      (a.im * ratio - a.re) / denom };
	} else {
		*ret = (struct cplx){ NAN, NAN };
	}
	return true;
}

/* Small integer exponents are multiplied out. */
static struct cplx c_powu(struct cplx x, long n)
{
	struct cplx r = { 1, 0 }, p = x;

	for (long mask = 1; mask > 0 && n >= mask; mask <<= 1) {
		if (n & mask)
			r = c_mul(r, p);
		p = c_mul(p, p);
	}
	return r;
}

int num_complex_pow(struct eval *ev, double are, double aim, double bre, double bim,
		    const struct value **ret)
{
	struct cplx a = { are, aim }, r = { 0, 0 };
	double vabs, len, at, phase;
	int error;

	if (bre == 0 && bim == 0)
		return num_new_complex(ev, 1, 0, ret);
	/* Which error it is, CPython learns from errno as the C library's functions leave it. */
	errno = 0;
	if (are == 0 && aim == 0) {
		if (bim != 0 || bre < 0)
			errno = EDOM;
	} else if (bim == 0 && bre == floor(bre) && fabs(bre) <= 100) {
		long n = (long)bre;

		r = c_powu(a, n < 0 ? -n : n);
		if (n < 0 && !c_div((struct cplx){ 1, 0 }, r, &r))
			errno = EDOM;
	} else {
		vabs = hypot(are, aim);
		len = pow(vabs, bre);
		at = atan2(aim, are);
		phase = at * bre;
		if (bim != 0) {
			if (ev->minor >= 14)
				len *= exp(-at * bim);
			else
				len /= exp(at * bim);
			phase += bim * log(vabs);
		}
		r = (struct cplx){ len * cos(phase), len * sin(phase) };
	}
	error = errno;
	if (isinf(r.re) || isinf(r.im))
		error = error ? error : ERANGE;
	else if (error == ERANGE)
		error = 0;
	if (error == EDOM)
		return num_zero_division(ev, ev->minor >= 14
						     ? "zero to a negative or complex power"
						     : "0.0 to a negative or complex power");
	if (error)
		return num_overflow(ev, "complex exponentiation");
	return num_new_complex(ev, r.re, r.im, ret);
}

/* A real number by a complex one, not zero (3.14+). */
static int real_div(struct eval *ev, double a, struct cplx b, const struct value **ret)
{
	double ratio, denom;

	if (fabs(b.re) >= fabs(b.im)) {
		ratio = b.im / b.re;
		denom = b.re + b.im * ratio;
		return num_new_complex(ev, a / denom, -a * ratio / denom, ret);
	}
	ratio = b.re / b.im;
	denom = b.re * ratio + b.im;
	return num_new_complex(ev, a * ratio / denom, -a / denom, ret);
}

int num_complex_arith(struct eval *ev, enum expr_op op, const struct num *a, const struct num *b,
		      const struct value **ret)
{
	struct cplx x = { a->re, a->im }, y = { b->re, b->im }, r;
	/* 3.14 stopped making a complex number of a real operand (signs of zeros, infinities). */
	bool mixed = ev->minor >= 14, areal = mixed && a->kind != VALUE_COMPLEX,
	     breal = mixed && b->kind != VALUE_COMPLEX;

	switch (op) {
	case OP_ADD:
		return num_new_complex(ev, x.re + y.re,
				       areal   ? y.im
				       : breal ? x.im
					       : x.im + y.im,
				       ret);
	case OP_SUB:
		return num_new_complex(ev, x.re - y.re,
				       areal   ? -y.im
				       : breal ? x.im
					       : x.im - y.im,
				       ret);
	case OP_MUL:
		if (areal)
			return num_new_complex(ev, x.re * y.re, x.re * y.im, ret);
		if (breal)
			return num_new_complex(ev, x.re * y.re, x.im * y.re, ret);
		r = c_mul(x, y);
		if (mixed && isnan(r.re) && isnan(r.im) &&
		    (isinf(x.re) || isinf(x.im) || isinf(y.re) || isinf(y.im)))
			break;
		return num_new_complex(ev, r.re, r.im, ret);
	case OP_DIV:
		if (mixed &&
		    (!isfinite(x.re) || !isfinite(x.im) || !isfinite(y.re) || !isfinite(y.im)))
			break;
		if (breal && y.re != 0)
			return num_new_complex(ev, x.re / y.re, x.im / y.re, ret);
		if (areal && (y.re != 0 || y.im != 0))
			return real_div(ev, x.re, y, ret);
		if (!c_div(x, y, &r))
			return num_zero_division(ev, ev->minor >= 14 ? "division by zero"
								     : "complex division by zero");
		return num_new_complex(ev, r.re, r.im, ret);
	default:
		return num_complex_pow(ev, x.re, x.im, y.re, y.im, ret);
	}
	return err_set(ev->err, -EOPNOTSUPP, "arithmetic of complex infinities is not supported");
}
