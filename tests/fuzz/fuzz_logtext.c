// SPDX-License-Identifier: BSD-2-Clause
/* The text of a log as typed; and, as a format specification, applied to a value of each kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/format.h"
#include "engine/logtext.h"
#include "probes/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void format_all(const char *spec, unsigned minor)
{
	struct value *values[] = { value_new_long(-1234567), value_new_bool(true),
				   value_new_float(1.0e23), value_new_str("n\xc3\xa4h", 4),
				   value_new_none() };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct strbuf out = STRBUF_INIT;
		struct err err = { 0 };

		if (format_value(values[i], spec, minor, &out, &err) && !err.text[0])
			abort();
		strbuf_deinit(&out);
		value_free(values[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned minor = 6 + (size ? data[0] % 10 : 0);
	struct logtext *lt = NULL;
	struct err err = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (logtext_parse(text, minor, 3, &err, &lt)) {
		if (lt || !err.text[0])
			abort();
	} else if (logtext_names(lt).n > 16) {
		abort();
	}
	logtext_free(lt);
	format_all(text, minor);
	free(text);
	return 0;
}
