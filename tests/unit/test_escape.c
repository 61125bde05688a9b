// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "lib_cu.h"

static void check(const char *text, unsigned flags, const char *want)
{
	char *got = escape_dup(text, flags);

	CU_ASSERT_PTR_NOT_NULL(got);
	if (got)
		CU_ASSERT_STRING_EQUAL(got, want);
	free(got);
}

static void test_controls(void)
{
	check("plain 'text' \\n \"x\"", ESCAPE_ALL, "plain 'text' \\n \"x\"");
	check("a\x1b[31mred\x1b]0;t\a", ESCAPE_ALL, "a\\x1b[31mred\\x1b]0;t\\x07");
	check("a\nb\tc\rd", ESCAPE_ALL, "a\\nb\\tc\\rd");
	check("a\nb\tc\rd", ESCAPE_KEEP_NEWLINE, "a\nb\\tc\\rd");
	check("a\nb\tc\rd", ESCAPE_KEEP_TAB, "a\\nb\tc\\rd");
	check("a\nb\tc\rd", ESCAPE_KEEP_NEWLINE | ESCAPE_KEEP_TAB, "a\nb\tc\\rd");
	check("\x7f\x01\b", ESCAPE_ALL, "\\x7f\\x01\\x08");
	check("\xc2\x9b"
	      "31m\xc2\x80\xc2\x9f\xc2\xa0",
	      ESCAPE_ALL, "\\x9b31m\\x80\\x9f\xc2\xa0");
}

static void test_unicode(void)
{
	check("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", ESCAPE_ALL,
	      "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	/* right-to-left override, isolate, mark; zero width space; byte order mark; line separator
	 */
	check("\xe2\x80\xae"
	      "abc\xe2\x81\xa7\xe2\x80\x8f",
	      ESCAPE_ALL, "\\u202eabc\\u2067\\u200f");
	check("\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8", ESCAPE_ALL, "\\u200b\\ufeff\\u2028");
	check("\xd8\x9c\xc2\xad", ESCAPE_ALL, "\\u061c\\xad");
	check("\xf3\xa0\x81\x81", ESCAPE_ALL, "\\U000e0041");
	check("\xed\xa0\x80", ESCAPE_ALL, "\\ud800");
}

static void test_invalid(void)
{
	check("\xff", ESCAPE_ALL, "\\xff");
	check("\x80", ESCAPE_ALL, "\\x80");
	check("a\xc3", ESCAPE_ALL, "a\\xc3");
	check("\xc3(", ESCAPE_ALL, "\\xc3(");
	check("\xe2\x82", ESCAPE_ALL, "\\xe2\\x82");
	check("\xc0\x9b", ESCAPE_ALL, "\\xc0\\x9b");
	check("\xe0\x82\x9b", ESCAPE_ALL, "\\xe0\\x82\\x9b");
	check("\xf4\x90\x80\x80", ESCAPE_ALL, "\\xf4\\x90\\x80\\x80");
	check("\xc3\x1b", ESCAPE_ALL, "\\xc3\\x1b");
}

static void test_length(void)
{
	struct strbuf sb = STRBUF_INIT;

	escape_text(&sb, "a\0b\xe2\x82\xac", 5, ESCAPE_ALL);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), "a\\x00b\\xe2\\x82");
	strbuf_deinit(&sb);
	check("", ESCAPE_ALL, "");
}

/* Whatever goes in, no control character comes out. */
static void test_all_bytes(void)
{
	char text[3] = "";

	for (int a = 1; a < 256; a++)
		for (int b = 1; b < 256; b++) {
			char *got;

			text[0] = (char)a;
			text[1] = (char)b;
			got = escape_dup(text, ESCAPE_ALL);
			for (const char *p = got; p && *p; p++)
				if ((unsigned char)*p < 0x20 || *p == 0x7f ||
				    ((unsigned char)*p == 0xc2 && (unsigned char)p[1] < 0xa0))
					CU_FAIL("a control character came through");
			CU_ASSERT_PTR_NOT_NULL(got);
			free(got);
		}
}

static const struct cu_test tests[] = {
	CU_T(test_controls), CU_T(test_unicode),   CU_T(test_invalid),
	CU_T(test_length),   CU_T(test_all_bytes),
};

int main(int argc, char **argv)
{
	return CU_MAIN("escape", tests, argc, argv);
}
