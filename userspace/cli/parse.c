// SPDX-License-Identifier: BSD-2-Clause
#include "cli/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"

#define LIST_CONTEXT 5 /* lines above and below, as in pdb */

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* Is word (len bytes) one of the blank-separated words of list? */
static bool word_in(const char *word, size_t len, const char *list)
{
	while (list && *list) {
		size_t n = strcspn(list, " ");

		if (n == len && !memcmp(list, word, len))
			return true;
		list += n;
		list += strspn(list, " ");
	}
	return false;
}

static int ambiguous(const char *word, size_t len, const struct parse_name *names, size_t n,
		     struct err *err)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i].name, word, len))
			continue;
		strbuf_addf(&list, "%s%s", list.len ? ", " : "", names[i].name);
	}
	return err_set(err, -ENOTUNIQ, "'%.*s' is ambiguous: %s", (int)len, word,
		       strbuf_str(&list));
}

int parse_command(const char *line, const struct parse_name *names, size_t n, struct err *err,
		  size_t *ret_index, const char **ret_args)
{
	size_t len = 0, found = n, matches = 0;

	line = skip_blanks(line);
	if (!*line || *line == '#')
		return -ENODATA;
	while (isalnum((unsigned char)line[len]) || line[len] == '_')
		len++;
	if (!len && *line == '?')
		len = 1;
	if (!len)
		return err_set(
			err, -ENOENT,
			"'%.40s' is no command: `help` lists them, `p EXPRESSION` prints a value",
			line);
	for (size_t i = 0; i < n; i++) {
		bool exact = strlen(names[i].name) == len && !memcmp(names[i].name, line, len);

		if (exact || word_in(line, len, names[i].alias)) {
			found = i;
			matches = 1;
			break;
		}
		if (!strncmp(names[i].name, line, len)) {
			found = i;
			matches++;
		}
	}
	if (!matches)
		return err_set(
			err, -ENOENT,
			"'%.*s' is no command: `help` lists them, `p EXPRESSION` prints a value",
			len > 40 ? 40 : (int)len, line);
	if (matches > 1)
		return ambiguous(line, len, names, n, err);
	*ret_index = found;
	*ret_args = skip_blanks(line + len);
	return 0;
}

/* Where the location ends: at the first comma or the first " if " that stands alone. */
static size_t location_end(const char *args, size_t *ret_skip)
{
	for (size_t i = 0; args[i]; i++) {
		if (args[i] == ',') {
			*ret_skip = 1;
			return i;
		}
		if (isspace((unsigned char)args[i]) && !strncmp(args + i + 1, "if", 2) &&
		    (!args[i + 3] || isspace((unsigned char)args[i + 3]) || args[i + 3] == '(')) {
			*ret_skip = 3;
			return i;
		}
	}
	*ret_skip = 0;
	return strlen(args);
}

static char *trimmed(const char *s, size_t len)
{
	while (len && isspace((unsigned char)*s))
		s++, len--;
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	return strndup(s, len);
}

int parse_break(const char *args, struct err *err, char **ret_location, char **ret_condition)
{
	_cleanup_free_ char *location = NULL, *condition = NULL;
	size_t skip, end = location_end(args, &skip);

	location = trimmed(args, end);
	if (!location)
		return -ENOMEM;
	if (!*location)
		return err_set(err, -EINVAL, "a location is missing: FILE:LINE, LINE or FUNCTION");
	if (skip) {
		condition = trimmed(args + end + skip, strlen(args + end + skip));
		if (!condition)
			return -ENOMEM;
		if (!*condition)
			return err_set(err, -EINVAL, "a condition is missing after '%s'",
				       skip == 1 ? "," : "if");
	}
	*ret_location = take_ptr(location);
	*ret_condition = take_ptr(condition);
	return 0;
}

/* Where " if " begins that no bracket or quote holds; the end if there is none. */
static const char *find_if(const char *p)
{
	unsigned depth = 0;
	char quote = 0;

	for (; *p; p++) {
		if (quote) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == quote)
				quote = 0;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (strchr("([{", *p)) {
			depth++;
		} else if (strchr(")]}", *p)) {
			depth -= depth > 0;
		} else if (!depth && isspace((unsigned char)*p) && !strncmp(p + 1, "if", 2) &&
			   (!p[3] || isspace((unsigned char)p[3]))) {
			break;
		}
	}
	return p;
}

int parse_watch(const char *args, struct err *err, char **ret_expression, char **ret_condition)
{
	const char *end = find_if(args);
	_cleanup_free_ char *expression = trimmed(args, (size_t)(end - args)), *condition = NULL;

	if (!expression)
		return -ENOMEM;
	if (!*expression)
		return err_set(err, -EINVAL,
			       "an expression is missing: NAME, OBJ.ATTR or OBJ[KEY]");
	if (*end) {
		condition = trimmed(end + 3, strlen(end + 3));
		if (!condition)
			return -ENOMEM;
		if (!*condition)
			return err_set(err, -EINVAL, "a condition is missing after 'if'");
	}
	*ret_expression = take_ptr(expression);
	*ret_condition = take_ptr(condition);
	return 0;
}

/* The last word of text before `end`, and where it ends. */
static char *last_word(char *text, char *end, char **ret_end)
{
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*ret_end = end;
	while (end > text && !isspace((unsigned char)end[-1]))
		end--;
	return end;
}

int parse_hits(char *location, struct err *err, struct parse_hits *ret)
{
	const struct {
		const char *word, *what;
		int64_t *n;
	} words[] = {
		{ "ignore", "the count after 'ignore'", &ret->ignore },
		{ "every", "the count after 'every'", &ret->every },
		{ "first", "the count after 'first'", &ret->first },
		{ "thread", "the number after 'thread'", &ret->thread },
	};
	size_t i, n = sizeof(words) / sizeof(words[0]);

	for (;;) {
		char *number_end, *word_end;
		char *number = last_word(location, location + strlen(location), &number_end);
		char *word = last_word(location, number, &word_end);
		int r;

		for (i = 0; i < n; i++)
			if (word_end - word == (ptrdiff_t)strlen(words[i].word) &&
			    !memcmp(word, words[i].word, strlen(words[i].word)))
				break;
		if (i == n || word == location)
			return 0;
		*number_end = '\0';
		r = parse_number(number, words[i].what, 1, INT32_MAX, err, words[i].n);
		if (r)
			return r;
		(void)last_word(location, word, &word_end);
		*word_end = '\0';
	}
}

const char *parse_engine(const char *args, struct err *err, bool *ret_uprobe)
{
	static const char option[] = "--engine";
	size_t len = sizeof(option) - 1, word;

	if (strncmp(args, option, len) || (args[len] != '=' && !isspace((unsigned char)args[len])))
		return args;
	args += len + 1;
	args += strspn(args, " \t");
	word = strcspn(args, " \t");
	if (word == 5 && !memcmp(args, "watch", word))
		*ret_uprobe = false;
	else if (word == 6 && !memcmp(args, "uprobe", word))
		*ret_uprobe = true;
	else {
		err_set(err, -EINVAL, "--engine is watch or uprobe, not '%.*s'",
			(int)(word < 40 ? word : 40), args);
		return NULL;
	}
	return args + word + strspn(args + word, " \t");
}

int parse_next_number(const char **args, struct err *err, int64_t *ret)
{
	const char *s = *args;
	char *end;
	long long n;

	while (isspace((unsigned char)*s) || *s == ',')
		s++;
	if (!*s) {
		*args = s;
		return 0;
	}
	errno = 0;
	n = strtoll(s, &end, 10);
	if (end == s || errno || (*end && *end != ',' && !isspace((unsigned char)*end)))
		return err_set(err, -EINVAL, "'%.*s' is not a number", (int)strcspn(s, " \t\n,"),
			       s);
	*args = end;
	*ret = n;
	return 1;
}

int parse_number(const char *text, const char *what, int64_t min, int64_t max, struct err *err,
		 int64_t *ret)
{
	const char *p = text;
	int64_t n;

	if (parse_next_number(&p, NULL, &n) != 1 || *skip_blanks(p) || strchr(text, ','))
		return err_set(err, -EINVAL, "%s is a number, not '%.60s'", what, text);
	if (n < min || n > max)
		return err_set(err, -EINVAL, "%s lies between %lld and %lld, not %lld", what,
			       (long long)min, (long long)max, (long long)n);
	*ret = n;
	return 0;
}

int parse_seconds(const char *text, const char *what, struct err *err, unsigned *ret_ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60e3 }, { "h", 3600e3 } };
	char *end;
	double n;

	/* strtod() also takes "inf", "nan", hexadecimal and signs: a digit or a point has to come
	 * first. */
	n = strtod(text, &end);
	if ((isdigit((unsigned char)*text) || *text == '.') && end != text &&
	    !strpbrk(text, "xX")) {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strcmp(end, units[i].unit))
				continue;
			n *= units[i].ms;
			if (n < 1 || n > 2e9)
				return err_set(err, -EINVAL,
					       "%s lies between 1ms and 500h, not '%.60s'", what,
					       text);
			*ret_ms = (unsigned)n;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "%s is a time in seconds (10, 0.5, 250ms, 2m), not '%.60s'",
		       what, text);
}

int parse_pid(const char *text, struct err *err, pid_t *ret)
{
	size_t len = strspn(text, "0123456789");
	long long n;

	if (!len || text[len] || len > 10)
		return err_set(err, -EINVAL, "'%.60s' is not a process id", text);
	n = strtoll(text, NULL, 10);
	if (n < 1 || n > INT32_MAX)
		return err_set(err, -EINVAL, "'%.60s' is not a process id", text);
	*ret = (pid_t)n;
	return 0;
}

int parse_list(const char *args, struct err *err, int32_t *ret_first, int32_t *ret_last)
{
	int64_t first, last, rest;
	int r;

	args = skip_blanks(args);
	if (!*args) {
		*ret_first = *ret_last = 0;
		return 0;
	}
	if (*args == '.' && !*skip_blanks(args + 1)) {
		*ret_first = *ret_last = -1;
		return 0;
	}
	r = parse_next_number(&args, err, &first);
	if (r < 0)
		return r;
	if (!r || first < 1 || first > INT32_MAX - 1000)
		return err_set(err, -EINVAL, "a line number from 1 is needed");
	r = parse_next_number(&args, err, &last);
	if (r < 0)
		return r;
	if (!r) {
		last = first + LIST_CONTEXT;
		first = first > LIST_CONTEXT ? first - LIST_CONTEXT : 1;
	} else if (last < 0 || last > INT32_MAX - 1000) {
		return err_set(err, -EINVAL, "the last line is a number from 1");
	} else if (last < first) {
		last += first;
	}
	r = parse_next_number(&args, err, &rest);
	if (r)
		return r < 0 ? r : err_set(err, -EINVAL, "list takes at most two numbers");
	*ret_first = (int32_t)first;
	*ret_last = (int32_t)last;
	return 0;
}
