// SPDX-License-Identifier: BSD-2-Clause
#include "cli/lifetime.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "cli/parse.h"

#define DEFAULT_MS (3600u * 1000)
#define VARIABLE   "PYBPFDBG_LIFETIME"

int lifetime_default(struct err *err, unsigned *ret_ms)
{
	const char *text = getenv(VARIABLE);

	*ret_ms = DEFAULT_MS;
	return text && *text ? parse_seconds(text, VARIABLE, err, ret_ms) : 0;
}

/* "60 minutes", "1 second", "0.2 seconds" */
static const char *spoken(unsigned ms, char *buf, size_t size)
{
	double n = ms / 1000.0;
	const char *unit = "second";

	if (ms >= 60000 && ms % 60000 == 0) {
		n /= 60;
		unit = "minute";
	}
	snprintf(buf, size, "%.10g %s%s", n, unit, n == 1 ? "" : "s");
	return buf;
}

void lifetime_will_end(struct out *out, unsigned ms)
{
	char buf[40];

	out_note(out, "everything is disarmed after %s (--for), or at Ctrl-C",
		 spoken(ms, buf, sizeof(buf)));
}

void lifetime_is_over(struct out *out, unsigned ms)
{
	char buf[40];

	out_note(out, "%s %s over (--for): everything is disarmed", spoken(ms, buf, sizeof(buf)),
		 ms == 1000 || ms == 60000 ? "is" : "are");
}
