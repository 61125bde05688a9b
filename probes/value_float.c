// SPDX-License-Identifier: BSD-2-Clause
/* Floats as Python writes them: the shortest digits that read back as the same number. */
#include "probes/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Add one to the last digit of "d.ddde-xx"; false where that carries out of the first digit. */
static bool bump(char *text)
{
	for (char *p = strchr(text, 'e'); p-- > text;) {
		if (*p < '0' || *p > '9')
			continue;
		if (*p < '9') {
			(*p)++;
			return true;
		}
		*p = '0';
	}
	return false;
}

/*
 * The shortest digits that read back as d (d finite and positive), with the decimal point after
 * *point digits. Where several have that length the nearest to d is taken, as Python's does.
 */
static void shortest_digits(double d, char digits[static 20], int *point)
{
	int exp;
	/* Doubles lie closer below a power of two than above: its successor may read back where it
	 * does not. */
	bool uneven = frexp(d, &exp) == 0.5;
	char text[40];

	for (int prec = 0; prec < 17; prec++) {
		char *e, *out = digits;

		snprintf(text, sizeof(text), "%.*e", prec, d);
		if (prec < 16 && strtod(text, NULL) != d &&
		    !(uneven && bump(text) && strtod(text, NULL) == d))
			continue;
		e = strchr(text, 'e');
		*point = atoi(e + 1) + 1;
		for (char *p = text; p < e; p++)
			if (*p >= '0' && *p <= '9') /* the point's look is the locale's */
				*out++ = *p;
		while (out > digits + 1 && out[-1] == '0')
			out--;
		*out = '\0';
		return;
	}
}

void value_float_text(double d, bool add_dot_0, bool sign, char out[static 32])
{
	char digits[20] = "0", *o = out;
	int point = 1, n;

	if (isnan(d)) {
		strcpy(out, sign ? "+nan" : "nan");
		return;
	}
	if (signbit(d))
		*o++ = '-';
	else if (sign)
		*o++ = '+';
	if (isinf(d)) {
		strcpy(o, "inf");
		return;
	}
	d = fabs(d);
	if (d != 0.0)
		shortest_digits(d, digits, &point);
	n = (int)strlen(digits);
	if (point > 16 || point < -3) {
		int exp = abs(point - 1) % 1000;

		*o++ = digits[0];
		if (n > 1) {
			*o++ = '.';
			memcpy(o, digits + 1, n - 1);
			o += n - 1;
		}
		snprintf(o, 8, "e%c%02d", point - 1 < 0 ? '-' : '+', exp);
		return;
	}
	if (point <= 0) {
		*o++ = '0';
		*o++ = '.';
		for (int i = point; i < 0; i++)
			*o++ = '0';
		memcpy(o, digits, n + 1);
		return;
	}
	for (int i = 0; i < point; i++)
		*o++ = i < n ? digits[i] : '0';
	if (n > point) {
		*o++ = '.';
		memcpy(o, digits + point, n - point);
		o += n - point;
	} else if (add_dot_0) {
		*o++ = '.';
		*o++ = '0';
	}
	*o = '\0';
}

void value_float_repr(double d, char out[static 32])
{
	value_float_text(d, true, false, out);
}
