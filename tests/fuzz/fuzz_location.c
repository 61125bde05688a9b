// SPDX-License-Identifier: BSD-2-Clause
/* A location as typed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/location.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct location loc = { 0 };
	struct err err = { 0 };

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (location_parse(text, &err, &loc)) {
		if (!err.text[0] || loc.file || loc.module || loc.qualname)
			abort();
	} else if (loc.kind == LOCATION_FUNCTION ? !loc.qualname || !loc.qualname[0] || loc.file
						 : loc.line < 1 || loc.qualname || loc.module) {
		abort();
	}
	location_deinit(&loc);
	free(text);
	return 0;
}
