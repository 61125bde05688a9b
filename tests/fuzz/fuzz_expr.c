// SPDX-License-Identifier: BSD-2-Clause
/* An expression as typed: parsed, and evaluated over constants. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/expr.h"
#include "probes/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf sb = STRBUF_INIT;
	char *text = malloc(size + 1);
	struct value *v = NULL;
	struct expr *e = NULL;
	struct err err = { 0 };

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (expr_parse(text, &err, &e)) {
		if (e || !err.text[0] || strchr(err.text, '\n'))
			abort();
	} else {
		if (strcmp(expr_text(e), text))
			abort();
		err.text[0] = '\0';
		if (expr_eval(e, NULL, &VALUE_LIMITS_DEFAULT, &err, &v)) {
			if (v || !err.text[0])
				abort();
		} else {
			value_repr_max(v, &sb, 1000);
		}
	}
	strbuf_deinit(&sb);
	value_free(v);
	expr_free(e);
	free(text);
	return 0;
}
