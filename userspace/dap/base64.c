// SPDX-License-Identifier: BSD-2-Clause
#include "dap/base64.h"

#include <stdlib.h>

char *base64_encode(const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; text && i < len; i += 3) {
		unsigned n = in[i] << 16u | (i + 1 < len ? in[i + 1] << 8u : 0) |
			     (i + 2 < len ? in[i + 2] : 0u);

		*out++ = digits[n >> 18];
		*out++ = digits[n >> 12 & 63];
		*out++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[n & 63] : '=';
	}
	if (text)
		*out = '\0';
	return text;
}
