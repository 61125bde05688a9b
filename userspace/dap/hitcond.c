// SPDX-License-Identifier: BSD-2-Clause
#include "dap/hitcond.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/session.h"

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

int hitcond_parse(const char *text, struct err *err, struct bp_spec *ret)
{
	static const char *const ops[] = { "==", ">=", "<=", ">", "<", "%", "" };
	const char *s = skip_blanks(text);
	unsigned long long n;
	size_t i = 0;
	char *end;

	while (strncmp(s, ops[i], strlen(ops[i])))
		i++;
	s = skip_blanks(s + strlen(ops[i]));
	errno = 0;
	n = isdigit((unsigned char)*s) ? strtoull(s, &end, 10) : 0;
	if (!isdigit((unsigned char)*s) || errno || *skip_blanks(end) || n > INT64_MAX)
		return err_set(err, -EINVAL,
			       "hit condition '%.40s': it is N, == N, > N, >= N, < N, <= N or %% N",
			       text);
	switch (*ops[i]) {
	case '>':
		ret->ignore = ops[i][1] ? (n ? n - 1 : 0) : n;
		return 0;
	case '<':
		ret->limit = ops[i][1] ? n : n ? n - 1 : 0;
		break;
	case '%':
		ret->ignore = n ? n - 1 : 0;
		ret->every = ret->limit = n; /* 0 is refused below */
		break;
	default:
		ret->ignore = n ? n - 1 : 0;
		ret->limit = n ? 1 : 0;
	}
	/* a limit of 0 would be none */
	if (!ret->limit)
		return err_set(err, -EINVAL, "hit condition '%.40s' is never true", text);
	if (*ops[i] == '%')
		ret->limit = 0;
	return 0;
}
