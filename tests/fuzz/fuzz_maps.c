// SPDX-License-Identifier: BSD-2-Clause
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "target/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t low = 0;
	struct maps m;
	size_t i;

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (maps_parse(text, size, &m)) {
		free(text);
		return 0;
	}
	for (i = 0; i < m.n; i++) {
		const struct mem_region *r = &m.regions[i];

		if (r->start < low || r->end <= r->start || !r->path || strlen(r->path) > size)
			abort();
		low = r->end;
	}
	maps_deinit(&m);
	return 0;
}
