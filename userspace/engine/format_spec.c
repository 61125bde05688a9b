// SPDX-License-Identifier: BSD-2-Clause
/* The format specification mini language (Python/formatter_unicode.c): its text into a struct. */
#include "engine/format_spec.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "engine/format.h"

int format_invalid(struct err *err, const char *what)
{
	return err_set(err, -EINVAL, "ValueError: %s", what);
}

/* Bytes of the character at s. */
static size_t char_len(const char *s)
{
	size_t n = 1;

	while (s[0] && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return s[0] ? n : 0;
}

static bool is_align(char c)
{
	return c == '<' || c == '>' || c == '=' || c == '^';
}

/* A run of digits as a number; 0 when there is none, -EOPNOTSUPP when it is too large. */
static int read_number(const char **p, long *ret, struct err *err)
{
	long n = 0;

	if (**p < '0' || **p > '9')
		return 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (**p - '0');
		if (n > FORMAT_WIDTH_MAX)
			return err_set(err, -EOPNOTSUPP, "a width or precision above %d is refused",
				       FORMAT_WIDTH_MAX);
	}
	*ret = n;
	return 0;
}

static int read_separator(const char **p, char *ret, struct err *err)
{
	if (**p != ',' && **p != '_')
		return 0;
	*ret = *(*p)++;
	if (**p == *ret)
		return format_invalid(err, *ret == ',' ? "Cannot specify both ',' and ','."
						       : "Cannot specify both '_' and '_'.");
	if (**p == ',' || **p == '_')
		return format_invalid(err, "Cannot specify both ',' and '_'.");
	return 0;
}

/* Fill, alignment, sign and the flags behind it. */
static const char *parse_head(const char *p, unsigned minor, bool number, struct format_spec *s)
{
	size_t n = char_len(p);

	if (n && is_align(p[n])) {
		memcpy(s->fill, p, n);
		s->fill[n] = '\0';
		s->align = p[n];
		s->fill_given = s->align_given = true;
		p += n + 1;
	} else if (is_align(p[0])) {
		s->align = *p++;
		s->align_given = true;
	}
	if (*p == '+' || *p == '-' || *p == ' ')
		s->sign = *p++;
	if (minor >= 11 && *p == 'z') {
		s->no_neg_zero = true;
		p++;
	}
	if (*p == '#') {
		s->alternate = true;
		p++;
	}
	if (!s->fill_given && *p == '0') {
		strcpy(s->fill, "0");
		/* 3.10+: not for what is aligned to the left (str) */
		if (!s->align_given && (number || minor < 10))
			s->align = '=';
		p++;
	}
	return p;
}

/* Does the type go with separators? */
static int check_separator(const struct format_spec *s, struct err *err)
{
	char c = s->type[0];

	if (s->separator2 && c == 'n')
		return err_set(err, -EINVAL, "ValueError: Cannot specify '%c' with 'n'.",
			       s->separator2);
	if (!s->separator || !c || strchr("defgEG%F", c))
		return 0;
	if (s->separator == '_' && strchr("boxX", c))
		return 0;
	return err_set(err, -EINVAL, "ValueError: Cannot specify '%c' with '%s'.", s->separator,
		       s->type);
}

int format_spec_parse(const char *text, unsigned minor, bool number, struct format_spec *ret,
		      struct err *err)
{
	struct format_spec s = {
		.fill = " ", .align = number ? '>' : '<', .width = -1, .precision = -1
	};
	const char *p = parse_head(text, minor, number, &s), *dot;
	size_t n;
	int r;

	r = read_number(&p, &s.width, err);
	if (!r)
		r = read_separator(&p, &s.separator, err);
	if (r)
		return r;
	if (*p == '.') {
		dot = ++p;
		r = read_number(&p, &s.precision, err);
		if (!r && minor >= 14)
			r = read_separator(&p, &s.separator2, err);
		if (!r && p == dot)
			r = format_invalid(err, "Format specifier missing precision");
		if (r)
			return r;
	}
	n = char_len(p);
	if (n && p[n])
		return format_invalid(err, "Invalid format specifier");
	memcpy(s.type, p, n);
	s.type[n] = '\0';
	r = check_separator(&s, err);
	if (!r)
		*ret = s;
	return r;
}

int format_check(const char *spec, unsigned minor, struct err *err)
{
	struct format_spec s;

	return spec[0] ? format_spec_parse(spec, minor, true, &s, err) : 0;
}
