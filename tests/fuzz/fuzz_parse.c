// SPDX-License-Identifier: BSD-2-Clause
/* What a person types at the prompt. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct parse_name names[] = {
		{ "break", "b" }, { "continue", "c cont" }, { "where", "w bt" },
		{ "print", "p" }, { "list", "l" },
	};
	char *text = malloc(size + 1), *location = NULL, *condition = NULL;
	const char *args;
	struct err err;
	int64_t number;
	int32_t first, last;
	unsigned ms;
	size_t index;
	pid_t pid;
	int r;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';

	err.text[0] = '\0';
	r = parse_command(text, names, sizeof(names) / sizeof(names[0]), &err, &index, &args);
	if (r >= 0 &&
	    (index >= sizeof(names) / sizeof(names[0]) || args < text || args > text + size))
		abort();
	r = parse_break(text, &err, &location, &condition);
	if (r >= 0 && !location)
		abort();
	free(location);
	free(condition);
	args = text;
	while (parse_next_number(&args, &err, &number) == 1)
		if (args > text + size)
			abort();
	if (parse_number(text, "count", -5, 1000, &err, &number) == 0 &&
	    (number < -5 || number > 1000))
		abort();
	if (parse_seconds(text, "--for", &err, &ms) == 0 && ms == 0)
		abort();
	if (parse_pid(text, &err, &pid) == 0 && pid <= 0)
		abort();
	parse_list(text, &err, &first, &last);
	free(text);
	return 0;
}
