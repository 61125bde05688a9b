// SPDX-License-Identifier: BSD-2-Clause
/* Text of a target on its way to a terminal: valid UTF-8 without control characters comes out, and
 * escaping it again changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf once = STRBUF_INIT, twice = STRBUF_INIT;

	for (unsigned flags = 0; flags < 4; flags++) {
		strbuf_reset(&once);
		strbuf_reset(&twice);
		escape_text(&once, (const char *)data, size, flags);
		for (size_t i = 0; i < once.len; i++) {
			unsigned char c = once.data[i];

			if (c == 0x7f || (c < 0x20 && !(c == '\n' && flags & ESCAPE_KEEP_NEWLINE) &&
					  !(c == '\t' && flags & ESCAPE_KEEP_TAB)))
				abort();
		}
		escape_text(&twice, strbuf_str(&once), once.len, flags);
		if (once.failed || twice.failed || once.len != twice.len ||
		    (once.len && memcmp(once.data, twice.data, once.len)))
			abort();
	}
	strbuf_deinit(&once);
	strbuf_deinit(&twice);
	return 0;
}
