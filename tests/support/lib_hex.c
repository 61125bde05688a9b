// SPDX-License-Identifier: BSD-2-Clause
#include "lib_hex.h"

#include <stdlib.h>
#include <string.h>

char *unhex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *s = calloc(1, n + 1);

	for (size_t i = 0; s && i < n; i++) {
		const char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		s[i] = (char)strtoul(pair, NULL, 16);
	}
	return s;
}
