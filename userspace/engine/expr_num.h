/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside expr_num.c and expr_complex.c only: a number of any kind, and what both need. */
#ifndef PYBPFDBG_ENGINE_EXPR_NUM_H
#define PYBPFDBG_ENGINE_EXPR_NUM_H

#include <errno.h>
#include <stdbool.h>

#include "engine/expr_eval.h"

struct num {
	enum value_kind kind; /* INT, FLOAT or COMPLEX */
	bool is_bool;
	mpz_t z;
	double re, im;
};

static inline int num_zero_division(struct eval *ev, const char *what)
{
	return err_set(ev->err, -EDOM, "ZeroDivisionError: %s", what);
}

static inline int num_overflow(struct eval *ev, const char *what)
{
	return err_set(ev->err, -ERANGE, "OverflowError: %s", what);
}

int num_new_complex(struct eval *ev, double re, double im, const struct value **ret);
/* Both operands with re and im filled in, one of them complex at least; op: one of + - * / **. */
int num_complex_arith(struct eval *ev, enum expr_op op, const struct num *a, const struct num *b,
		      const struct value **ret);
/* (are + aim j) ** (bre + bim j); ZeroDivisionError is -EDOM, OverflowError -ERANGE, each with its line. */
int num_complex_pow(struct eval *ev, double are, double aim, double bre, double bim, const struct value **ret);

#endif
