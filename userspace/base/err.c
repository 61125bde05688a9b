// SPDX-License-Identifier: BSD-2-Clause
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_SIZE];
	va_list ap;
	int n;

	if (!e)
		return 0;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	/* To be cut is fine (the sanitizer's build of gcc warns unless the result is looked at). */
	if (n >= 0 && (size_t)n < sizeof(e->text) &&
	    snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s", old) < 0)
		e->text[n] = '\0';
	return e->code;
}
