// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/parse.h"
#include "lib_cu.h"

static const struct parse_name names[] = {
	{ "break", "b" },     { "continue", "c cont" }, { "condition", "" }, { "p", "print" },
	{ "pp", "" },	      { "thread", "" },		{ "threads", "" },   { "list", "l" },
	{ "longlist", "ll" }, { "help", "h ?" },
};

static const char *command(const char *line, const char **ret_args)
{
	struct err err = { 0 };
	size_t i = 0;
	int r;

	*ret_args = "(none)";
	r = parse_command(line, names, sizeof(names) / sizeof(names[0]), &err, &i, ret_args);
	if (r == -ENODATA)
		return "(blank)";
	if (r == -ENOTUNIQ)
		return "(ambiguous)";
	return r ? "(unknown)" : names[i].name;
}

static void test_command(void)
{
	static const struct {
		const char *line, *name, *args;
	} cases[] = {
		{ "break a.py:12", "break", "a.py:12" },
		{ "  b\ta.py:12", "break", "a.py:12" },
		{ "bre x", "break", "x" },
		{ "c", "continue", "" },
		{ "cont", "continue", "" },
		{ "conti", "continue", "" },
		{ "con", "(ambiguous)", "(none)" },
		{ "co", "(ambiguous)", "(none)" },
		{ "cond 1 x > 2", "condition", "1 x > 2" },
		{ "p x", "p", "x" },
		{ "p(x)", "p", "(x)" },
		{ "p\"x\"", "p", "\"x\"" },
		{ "pp x", "pp", "x" },
		{ "pr x", "(unknown)", "(none)" },
		{ "print x", "p", "x" },
		{ "thread", "thread", "" },
		{ "threads", "threads", "" },
		{ "thr", "(ambiguous)", "(none)" },
		{ "l", "list", "" },
		{ "ll", "longlist", "" },
		{ "li 3", "list", "3" },
		{ "? list", "help", "list" },
		{ "", "(blank)", "(none)" },
		{ " \t", "(blank)", "(none)" },
		{ "# break x", "(blank)", "(none)" },
		{ "nonsense", "(unknown)", "(none)" },
		{ "breaks", "(unknown)", "(none)" },
		{ "(x)", "(unknown)", "(none)" },
		{ "\xc3\xa9", "(unknown)", "(none)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *args;

		CU_ASSERT_STRING_EQUAL(command(cases[i].line, &args), cases[i].name);
		CU_ASSERT_STRING_EQUAL(args, cases[i].args);
	}
}

static void test_ambiguous_lists_names(void)
{
	struct err err = { 0 };
	const char *args;
	size_t i;

	CU_ASSERT_EQUAL(parse_command("con", names, 10, &err, &i, &args), -ENOTUNIQ);
	CU_ASSERT_STRING_EQUAL(err.text, "'con' is ambiguous: continue, condition");
}

static void check_break(const char *text, const char *location, const char *condition)
{
	char *l = NULL, *c = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(parse_break(text, &err, &l, &c), location ? 0 : -EINVAL);
	if (location)
		CU_ASSERT_STRING_EQUAL(l ? l : "(null)", location);
	if (location)
		CU_ASSERT_STRING_EQUAL(c ? c : "(null)", condition ? condition : "(null)");
	if (!location)
		CU_ASSERT_NOT_EQUAL(err.text[0], 0);
	free(l);
	free(c);
}

static void check_hits(const char *text, const char *location, struct parse_hits want)
{
	char *copy = strdup(text);
	struct parse_hits got = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(parse_hits(copy, &err, &got), location ? 0 : -EINVAL);
	if (location) {
		CU_ASSERT_STRING_EQUAL(copy, location);
		CU_ASSERT(!memcmp(&got, &want, sizeof(got)));
	} else {
		CU_ASSERT_NOT_EQUAL(err.text[0], 0);
	}
	free(copy);
}

static void test_hits(void)
{
	check_hits("a.py:12", "a.py:12", (struct parse_hits){ 0 });
	check_hits("a.py:12 every 3", "a.py:12", (struct parse_hits){ .every = 3 });
	check_hits("f  ignore 7\tfirst 2 thread 99 ", "f",
		   (struct parse_hits){ .ignore = 7, .first = 2, .thread = 99 });
	check_hits("my file.py:12", "my file.py:12", (struct parse_hits){ 0 });
	check_hits("every 3", "every 3", (struct parse_hits){ 0 });
	check_hits("a.py:12 every", "a.py:12 every", (struct parse_hits){ 0 });
	check_hits("a.py:12 every 0", NULL, (struct parse_hits){ 0 });
	check_hits("a.py:12 every x", NULL, (struct parse_hits){ 0 });
	check_hits("", "", (struct parse_hits){ 0 });
}

static void test_break(void)
{
	check_break("a.py:12", "a.py:12", NULL);
	check_break("  a.py:12  ", "a.py:12", NULL);
	check_break("a.py:12 if x > 3", "a.py:12", "x > 3");
	check_break("a.py:12\tif\tx", "a.py:12", "x");
	check_break("12 if(x)", "12", "(x)");
	check_break("a.py:12, x > 3", "a.py:12", "x > 3");
	check_break("a.py:12, 1 if x else 0", "a.py:12", "1 if x else 0");
	check_break("a.py:12 if x in (1, 2)", "a.py:12", "x in (1, 2)");
	check_break("my file.py:12", "my file.py:12", NULL);
	check_break("gift.py:1", "gift.py:1", NULL);
	check_break("iffy", "iffy", NULL);
	check_break("a.py:1 iffy", "a.py:1 iffy", NULL);
	check_break("", NULL, NULL);
	check_break(" if x", NULL, NULL);
	check_break(", x", NULL, NULL);
	check_break("a.py:12 if", NULL, NULL);
	check_break("a.py:12,", NULL, NULL);
}

static void check_watch(const char *text, const char *expression, const char *condition)
{
	char *e = NULL, *c = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(parse_watch(text, &err, &e, &c), expression ? 0 : -EINVAL);
	if (expression) {
		CU_ASSERT_STRING_EQUAL(e ? e : "(null)", expression);
		CU_ASSERT_STRING_EQUAL(c ? c : "(null)", condition ? condition : "(null)");
	} else {
		CU_ASSERT_NOT_EQUAL(err.text[0], 0);
	}
	free(e);
	free(c);
}

static void test_watch(void)
{
	check_watch("x", "x", NULL);
	check_watch(" x.y if new > 1 ", "x.y", "new > 1");
	check_watch("x if a if b else c", "x", "a if b else c");
	check_watch("d['a if b']", "d['a if b']", NULL);
	check_watch("d[\"it's if\"] if old", "d[\"it's if\"]", "old");
	check_watch("d['\\' if '] if x", "d['\\' if ']", "x");
	check_watch("d[1 if a else 2] if b", "d[1 if a else 2]", "b");
	check_watch("verify.ifs", "verify.ifs", NULL);
	check_watch("x if", NULL, NULL);
	check_watch(" if x", NULL, NULL);
	check_watch("", NULL, NULL);
}

static void test_numbers(void)
{
	const char *args = " 1, 22 3,x";
	struct err err = { 0 };
	int64_t n = 0;

	CU_ASSERT_EQUAL(parse_next_number(&args, &err, &n), 1);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(parse_next_number(&args, &err, &n), 1);
	CU_ASSERT_EQUAL(n, 22);
	CU_ASSERT_EQUAL(parse_next_number(&args, &err, &n), 1);
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(parse_next_number(&args, &err, &n), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "'x' is not a number");
	args = " , ";
	CU_ASSERT_EQUAL(parse_next_number(&args, &err, &n), 0);

	CU_ASSERT_EQUAL(parse_number("7", "it", 1, 9, &err, &n), 0);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT_EQUAL(parse_number("0", "it", 1, 9, &err, &n), -EINVAL);
	CU_ASSERT_EQUAL(parse_number("10", "it", 1, 9, &err, &n), -EINVAL);
	CU_ASSERT_EQUAL(parse_number("7 8", "it", 1, 9, &err, &n), -EINVAL);
	CU_ASSERT_EQUAL(parse_number("7,", "it", 1, 9, &err, &n), -EINVAL);
	CU_ASSERT_EQUAL(parse_number("", "it", 1, 9, &err, &n), -EINVAL);
	CU_ASSERT_EQUAL(parse_number("99999999999999999999", "it", 1, INT64_MAX, &err, &n),
			-EINVAL);
}

static void check_seconds(const char *text, long ms)
{
	struct err err = { 0 };
	unsigned n = 0;

	CU_ASSERT_EQUAL(parse_seconds(text, "--for", &err, &n), ms < 0 ? -EINVAL : 0);
	if (ms >= 0)
		CU_ASSERT_EQUAL(n, ms);
}

static void test_seconds(void)
{
	check_seconds("10", 10000);
	check_seconds("0.5", 500);
	check_seconds(".25", 250);
	check_seconds("250ms", 250);
	check_seconds("10s", 10000);
	check_seconds("2m", 120000);
	check_seconds("1h", 3600000);
	check_seconds("", -1);
	check_seconds("0", -1);
	check_seconds("-1", -1);
	check_seconds("+1", -1);
	check_seconds("inf", -1);
	check_seconds("nan", -1);
	check_seconds("0x10", -1);
	check_seconds("1e99", -1);
	check_seconds("10 s", -1);
	check_seconds("10days", -1);
}

static void test_pid(void)
{
	struct err err = { 0 };
	pid_t pid = 0;

	CU_ASSERT_EQUAL(parse_pid("4242", &err, &pid), 0);
	CU_ASSERT_EQUAL(pid, 4242);
	CU_ASSERT_EQUAL(parse_pid("0", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("-1", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("12x", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("99999999999", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("2147483648", &err, &pid), -EINVAL);
	CU_ASSERT_EQUAL(parse_pid("2147483647", &err, &pid), 0);
}

static void check_list(const char *text, int r, int32_t first, int32_t last)
{
	struct err err = { 0 };
	int32_t f = 0, l = 0;

	CU_ASSERT_EQUAL(parse_list(text, &err, &f, &l), r);
	if (!r) {
		CU_ASSERT_EQUAL(f, first);
		CU_ASSERT_EQUAL(l, last);
	}
}

static void test_list(void)
{
	check_list("", 0, 0, 0);
	check_list(" . ", 0, -1, -1);
	check_list("20", 0, 15, 25);
	check_list("3", 0, 1, 8);
	check_list("10, 20", 0, 10, 20);
	check_list("10 20", 0, 10, 20);
	check_list("10, 5", 0, 10, 15);
	check_list("0", -EINVAL, 0, 0);
	check_list("-3", -EINVAL, 0, 0);
	check_list("x", -EINVAL, 0, 0);
	check_list("1, 2, 3", -EINVAL, 0, 0);
	check_list("2147483647", -EINVAL, 0, 0);
	check_list("1, 2147483647", -EINVAL, 0, 0);
}

static void test_engine(void)
{
	static const char *const bad[] = { "--engine ", "--engine magic f", "--engine uprobes f",
					   "--engine=x f" };
	struct err err = { 0 };
	bool uprobe = false;

	CU_ASSERT_STRING_EQUAL(parse_engine("f", &err, &uprobe), "f");
	CU_ASSERT_FALSE(uprobe);
	CU_ASSERT_STRING_EQUAL(parse_engine("--engine uprobe  a.py:3 if x", &err, &uprobe),
			       "a.py:3 if x");
	CU_ASSERT_TRUE(uprobe);
	CU_ASSERT_STRING_EQUAL(parse_engine("f", &err, &uprobe), "f");
	CU_ASSERT_TRUE(uprobe);
	CU_ASSERT_STRING_EQUAL(parse_engine("--engine=watch f", &err, &uprobe), "f");
	CU_ASSERT_FALSE(uprobe);
	CU_ASSERT_STRING_EQUAL(parse_engine("--engine uprobe", &err, &uprobe), "");
	CU_ASSERT_STRING_EQUAL(parse_engine("--engines f", &err, &uprobe), "--engines f");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_PTR_NULL(parse_engine(bad[i], &err, &uprobe));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "watch or uprobe"));
	}
}

static const struct cu_test tests[] = {
	CU_T(test_engine), CU_T(test_command), CU_T(test_ambiguous_lists_names),
	CU_T(test_break),  CU_T(test_hits),    CU_T(test_numbers),
	CU_T(test_watch),  CU_T(test_seconds), CU_T(test_pid),
	CU_T(test_list),
};

int main(int argc, char **argv)
{
	return CU_MAIN("cli_parse", tests, argc, argv);
}
