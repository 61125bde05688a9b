// SPDX-License-Identifier: BSD-2-Clause
#include "engine/location.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

#define TEXT_MAX 4096

void location_deinit(struct location *loc)
{
	free(loc->file);
	free(loc->module);
	free(loc->qualname);
	*loc = (struct location){ 0 };
}

static bool all_digits(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

/* The line number in s, which is all digits. */
static int parse_line(const char *s, const char *text, struct err *err, int32_t *ret)
{
	int64_t n = 0;

	for (; *s && n <= INT32_MAX; s++)
		n = n * 10 + (*s - '0');
	if (n < 1 || n > INT32_MAX)
		return err_set(err, -EINVAL, "location '%.200s': lines are numbered from 1 to %d",
			       text, INT32_MAX);
	*ret = (int32_t)n;
	return 0;
}

static bool is_ident_char(unsigned char c)
{
	return isalnum(c) || c == '_' || c >= 0x80;
}

/* One part of a dotted name: an identifier, or what the compiler names in angle brackets
 * ("<lambda>", "<locals>"). */
static size_t part_len(const char *s)
{
	size_t n = 0;

	if (*s == '<') {
		for (n = 1; isalpha((unsigned char)s[n]); n++)
			;
		return n > 1 && s[n] == '>' ? n + 1 : 0;
	}
	if (isdigit((unsigned char)*s))
		return 0;
	while (is_ident_char(s[n]))
		n++;
	return n;
}

static bool is_dotted(const char *s, size_t len)
{
	const char *end = s + len;

	for (;;) {
		size_t n = part_len(s);

		if (!n || s + n > end)
			return false;
		s += n;
		if (s == end)
			return true;
		if (*s++ != '.')
			return false;
	}
}

static int parse_function(char *s, const char *text, struct err *err, struct location *loc)
{
	char *colon = strchr(s, ':'), *name = colon ? colon + 1 : s;
	size_t len = strlen(name);

	/* As people write a call. */
	if (len > 2 && !strcmp(name + len - 2, "()"))
		name[len -= 2] = '\0';
	if ((colon && !is_dotted(s, colon - s)) || !is_dotted(name, len))
		return err_set(err, -EINVAL,
			       "location '%.200s' is neither FILE:LINE nor MODULE:FUNCTION nor "
			       "FUNCTION nor a line number",
			       text);
	loc->kind = LOCATION_FUNCTION;
	loc->qualname = strdup(name);
	if (colon)
		loc->module = strndup(s, colon - s);
	return loc->qualname && (loc->module || !colon) ? 0
							: err_set(err, -ENOMEM, "out of memory");
}

static int parse(char *s, const char *text, struct err *err, struct location *loc)
{
	char *colon = strrchr(s, ':');

	if (!*s)
		return err_set(err, -EINVAL,
			       "the location is empty: give FILE:LINE, MODULE:FUNCTION, FUNCTION "
			       "or a line number");
	if (all_digits(s)) {
		loc->kind = LOCATION_LINE;
		return parse_line(s, text, err, &loc->line);
	}
	if (colon && all_digits(colon + 1)) {
		if (colon == s)
			return err_set(err, -EINVAL,
				       "location '%.200s': the file's name is missing", text);
		loc->kind = LOCATION_FILE_LINE;
		loc->file = strndup(s, colon - s);
		if (!loc->file)
			return err_set(err, -ENOMEM, "out of memory");
		return parse_line(colon + 1, text, err, &loc->line);
	}
	if (colon && (!colon[1] || (strchr(s, '/') && !strchr(s, '<')) ||
		      (colon - s > 3 && !strncmp(colon - 3, ".py", 3))))
		return err_set(err, -EINVAL,
			       "location '%.200s': a line number must follow the last colon", text);
	return parse_function(s, text, err, loc);
}

int location_parse(const char *text, struct err *err, struct location *ret)
{
	_cleanup_free_ char *copy = NULL;
	struct location loc = { 0 };
	char *s;
	int r;

	if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
		return err_set(err, -EINVAL, "the location is longer than %d bytes", TEXT_MAX);
	copy = strdup(text);
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	s = copy;
	while (isspace((unsigned char)*s))
		s++;
	for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	r = parse(s, text, err, &loc);
	if (r) {
		location_deinit(&loc);
		return r;
	}
	*ret = loc;
	return 0;
}
