// SPDX-License-Identifier: BSD-2-Clause
/* What a process says of itself: _Py_DebugOffsets (first byte: which minor), and the text of
 * Py_GetVersion(). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_version(const uint8_t *data, size_t size)
{
	char buf[24];
	size_t used = 0;
	unsigned hex = cpython_version_parse((const char *)data, size, &used);

	if (!hex)
		return;
	if (used > size || hex >> 24 < 2 || hex >> 24 > 3)
		abort();
	cpython_version_text(hex, buf, sizeof(buf));
	/* What is written of it is read as the same. */
	if (cpython_version_parse(buf, strlen(buf), &used) != hex || used != strlen(buf))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct interp_info info = { .version = "3.x" };
	struct py_offsets off;
	uint64_t interp_size;
	struct err err = { 0 };
	uint8_t *copy;
	int r;

	check_version(data, size);
	if (size < 2)
		return 0;
	info.minor = 13 + data[0] % 3;
	info.hexversion = 0x030000f0 | info.minor << 16;
	off = *py_offsets_of(info.minor);
	copy = malloc(size - 1); /* of the exact size: a read past its end is seen */
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	r = cpython_debug_offsets(copy, size - 1, 1, &info, &off, &interp_size, &err);
	if (r && (r != -ENOTSUP || !err.text[0]))
		abort();
	/* Accepted: nothing but what may move differs from the table. */
	if (!r) {
		const struct py_offsets *table = py_offsets_of(info.minor);

		off.interp_modules = table->interp_modules;
		off.interp_sysdict = table->interp_sysdict;
		off.interp_builtins = table->interp_builtins;
		if (memcmp(&off, table, sizeof(off)))
			abort();
	}
	free(copy);
	return 0;
}
