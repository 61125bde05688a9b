// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "engine/location.h"
#include "lib_cu.h"

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void test_good(void)
{
	static const struct {
		const char *text;
		enum location_kind kind;
		const char *file;
		int32_t line;
		const char *module, *qualname;
	} cases[] = {
		{ "a.py:12", LOCATION_FILE_LINE, "a.py", 12, NULL, NULL },
		{ "/srv/shop/orders.py:1", LOCATION_FILE_LINE, "/srv/shop/orders.py", 1, NULL,
		  NULL },
		{ "dir with space/a:b.py:7", LOCATION_FILE_LINE, "dir with space/a:b.py", 7, NULL,
		  NULL },
		{ "a:3", LOCATION_FILE_LINE, "a", 3, NULL, NULL },
		{ "<string>:3", LOCATION_FILE_LINE, "<string>", 3, NULL, NULL },
		{ "h\xc3\xa9.py:2147483647", LOCATION_FILE_LINE, "h\xc3\xa9.py", 2147483647, NULL,
		  NULL },
		{ "42", LOCATION_LINE, NULL, 42, NULL, NULL },
		{ " 7 ", LOCATION_LINE, NULL, 7, NULL, NULL },
		{ "main", LOCATION_FUNCTION, NULL, 0, NULL, "main" },
		{ "main()", LOCATION_FUNCTION, NULL, 0, NULL, "main" },
		{ "Class.method", LOCATION_FUNCTION, NULL, 0, NULL, "Class.method" },
		{ "pkg.mod:Class.method", LOCATION_FUNCTION, NULL, 0, "pkg.mod", "Class.method" },
		{ "mod:outer.<locals>.<lambda>", LOCATION_FUNCTION, NULL, 0, "mod",
		  "outer.<locals>.<lambda>" },
		{ "<lambda>", LOCATION_FUNCTION, NULL, 0, NULL, "<lambda>" },
		{ "__main__:<module>", LOCATION_FUNCTION, NULL, 0, "__main__", "<module>" },
		{ "\xc3\xa9t\xc3\xa9", LOCATION_FUNCTION, NULL, 0, NULL, "\xc3\xa9t\xc3\xa9" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location loc = { 0 };
		struct err err = { 0 };

		CU_ASSERT_EQUAL(location_parse(cases[i].text, &err, &loc), 0);
		CU_ASSERT_EQUAL(loc.kind, cases[i].kind);
		CU_ASSERT_EQUAL(loc.line, cases[i].line);
		CU_ASSERT_TRUE(equal(loc.file, cases[i].file));
		CU_ASSERT_TRUE(equal(loc.module, cases[i].module));
		CU_ASSERT_TRUE(equal(loc.qualname, cases[i].qualname));
		location_deinit(&loc);
	}
}

static void test_bad(void)
{
	static const char *const cases[] = {
		"",
		"   ",
		"a.py:0",
		"a.py:2147483648",
		"a.py:99999999999999999999",
		"0",
		":12",
		"a.py:",
		"a.py:x",
		"dir/a.py:main",
		"a.b.",
		".a",
		"a..b",
		"a b",
		"1a",
		"a:b:c",
		"a-b",
		"mod:",
		":f",
		"<>",
		"a.py:-3",
		"f(x)",
		"()",
		"a.<locals",
		"$",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location loc = { .line = 77 };
		struct err err = { 0 };

		CU_ASSERT_EQUAL(location_parse(cases[i], &err, &loc), -EINVAL);
		CU_ASSERT_EQUAL(loc.line, 77);
		CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
		CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
	}
}

static void test_long(void)
{
	struct location loc = { 0 };
	struct err err = { 0 };
	char *text = malloc(100001);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', 100000);
	text[100000] = '\0';
	CU_ASSERT_EQUAL(location_parse(text, &err, &loc), -EINVAL);
	text[1000] = '\0';
	CU_ASSERT_EQUAL(location_parse(text, &err, &loc), 0);
	location_deinit(&loc);
	free(text);
}

static const struct cu_test tests[] = { CU_T(test_good), CU_T(test_bad), CU_T(test_long) };

int main(int argc, char **argv)
{
	return CU_MAIN("location", tests, argc, argv);
}
