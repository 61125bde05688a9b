// SPDX-License-Identifier: BSD-2-Clause
/* repr, str and truth of values that are made here. What Python prints on 3.11 unless a minor is
 * given. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "lib_cu.h"
#include "probes/value.h"

static void expect(struct value *v, const char *repr, const char *str)
{
	struct strbuf sb = STRBUF_INIT;

	CU_ASSERT_PTR_NOT_NULL(v);
	if (!v)
		return;
	value_repr(v, &sb);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), repr);
	if (strcmp(strbuf_str(&sb), repr) != 0)
		printf("got %s, not %s\n", strbuf_str(&sb), repr);
	strbuf_reset(&sb);
	value_str(v, &sb);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), str ? str : repr);
	strbuf_deinit(&sb);
	value_free(v);
}

static struct value *str(const char *s)
{
	return value_new_str(s, strlen(s));
}

static struct value *list(enum value_kind kind, const char *type, size_t n, struct value **items)
{
	struct value *v = value_new(kind, type);

	for (size_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(value_add(v, items[i]), 0);
	v->length = (int64_t)n;
	return v;
}

#define LIST(kind, type, ...)                                                                \
	list(kind, type, sizeof((struct value *[]){ __VA_ARGS__ }) / sizeof(struct value *), \
	     (struct value *[]){ __VA_ARGS__ })

static void test_floats(void)
{
	static const struct {
		double d;
		const char *repr;
	} cases[] = {
		{ 0.0, "0.0" },
		{ -0.0, "-0.0" },
		{ 1.0, "1.0" },
		{ 0.1, "0.1" },
		{ 1e15, "1000000000000000.0" },
		{ 1e16, "1e+16" },
		{ 123456789012345678.0, "1.2345678901234568e+17" },
		{ 0.0001, "0.0001" },
		{ 0.00001, "1e-05" },
		{ -1.5e-7, "-1.5e-07" },
		{ 1e22, "1e+22" },
		{ 1e100, "1e+100" },
		{ 5e-324, "5e-324" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
		{ 0x1p-44, "5.684341886080802e-14" },
		{ 9007199254740993.0, "9007199254740992.0" },
		{ 0x1p-1017,
		  "7.120236347223045e-307" }, /* its rounded 16 digits do not read back */
		{ INFINITY, "inf" },
		{ -INFINITY, "-inf" },
		{ NAN, "nan" },
		{ -NAN, "nan" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(value_new_float(cases[i].d), cases[i].repr, NULL);
}

static void test_complex(void)
{
	static const struct {
		double re, im;
		const char *repr;
	} cases[] = {
		{ 0, 1, "1j" },
		{ 0, -1, "-1j" },
		{ 1, 2, "(1+2j)" },
		{ -0.0, 1, "(-0+1j)" },
		{ 0, -0.0, "-0j" },
		{ 1.5, -2.5e20, "(1.5-2.5e+20j)" },
		{ NAN, INFINITY, "(nan+infj)" },
		{ 1, -NAN, "(1+nanj)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct value *v = value_new(VALUE_COMPLEX, "complex");

		v->re = cases[i].re;
		v->im = cases[i].im;
		expect(v, cases[i].repr, NULL);
	}
}

static void test_strings(void)
{
	struct value *v;

	expect(str(""), "''", "");
	expect(str("a'b"), "\"a'b\"", "a'b");
	expect(str("a'b\""), "'a\\'b\"'", "a'b\"");
	expect(str("\\\t\n\r"), "'\\\\\\t\\n\\r'", "\\\t\n\r");
	expect(str("\x1b[31m\x7f"), "'\\x1b[31m\\x7f'", "\x1b[31m\x7f");
	expect(str("\xc2\xa0\xc2\xad\xc3\xa9"), "'\\xa0\\xad\xc3\xa9'", "\xc2\xa0\xc2\xad\xc3\xa9");
	expect(str("\xe2\x80\xa8\xe2\x82\xac"), "'\\u2028\xe2\x82\xac'",
	       "\xe2\x80\xa8\xe2\x82\xac");
	expect(str("\xed\xa0\x80"), "'\\ud800'", "\xed\xa0\x80");
	expect(str("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"), "'\xf0\x9f\x98\x80\\U0010ffff'",
	       "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
	/* What is no UTF-8 is shown byte by byte. */
	expect(str("\xff\xc3"), "'\xc3\xbf\xc3\x83'", "\xff\xc3");
	CU_ASSERT_EQUAL((v = str("\xc3\xa9"
				 "a\xf0\x9f\x98\x80"))
				->length,
			3);
	v->truncated = true;
	expect(v,
	       "'\xc3\xa9"
	       "a\xf0\x9f\x98\x80'...",
	       "\xc3\xa9"
	       "a\xf0\x9f\x98\x80...");

	/* U+1C8A came with Unicode 16: Python 3.14. */
	v = str("\xe1\xb2\x8a");
	v->minor = 13;
	expect(v, "'\\u1c8a'", "\xe1\xb2\x8a");
	v = str("\xe1\xb2\x8a");
	v->minor = 14;
	expect(v, "'\xe1\xb2\x8a'", "\xe1\xb2\x8a");
}

static void test_printable(void)
{
	CU_ASSERT_TRUE(value_printable('a', 0));
	CU_ASSERT_TRUE(value_printable(' ', 6));
	CU_ASSERT_FALSE(value_printable(0x7f, 0));
	CU_ASSERT_FALSE(value_printable(0xd800, 0));
	CU_ASSERT_FALSE(value_printable(0x10ffff, 15));
	CU_ASSERT_FALSE(value_printable(0x110000, 0));
	CU_ASSERT_FALSE(value_printable(0x1c8a, 13));
	CU_ASSERT_TRUE(value_printable(0x1c8a, 14));
	CU_ASSERT_TRUE(value_printable(0x1c8a, 0));
}

static void test_bytes(void)
{
	struct value *v = value_new(VALUE_BYTES, "bytes");

	value_set_bytes(v, "it's\0\xff\\", 7);
	expect(v, "b\"it's\\x00\\xff\\\\\"", NULL);
	v = value_new(VALUE_BYTEARRAY, "bytearray");
	v->minor = 11;
	value_set_bytes(v, "it's", 4);
	expect(v, "bytearray(b\"it\\'s\")", NULL);
	v = value_new(VALUE_BYTEARRAY, "bytearray");
	v->minor = 15;
	value_set_bytes(v, "it's", 4);
	expect(v, "bytearray(b\"it's\")", NULL);
}

static void test_ints(void)
{
	struct value *v;

	expect(value_new_long(0), "0", NULL);
	expect(value_new_long(INT64_MIN), "-9223372036854775808", NULL);
	v = value_new_long(0);
	mpz_set_str(v->z, "-123456789012345678901234567890", 10);
	v->truncated = true;
	v->nbytes = 5;
	expect(v, "-12345...", NULL);
	expect(value_new_bool(true), "True", NULL);
	expect(value_new_none(), "None", NULL);
}

static void test_containers(void)
{
	struct value *v;

	expect(LIST(VALUE_LIST, "list", value_new_long(1), str("a")), "[1, 'a']", NULL);
	expect(LIST(VALUE_TUPLE, "tuple", value_new_long(1)), "(1,)", NULL);
	expect(value_new(VALUE_TUPLE, "tuple"), "()", NULL);
	expect(value_new(VALUE_SET, "set"), "set()", NULL);
	expect(LIST(VALUE_SET, "set", value_new_long(1)), "{1}", NULL);
	expect(LIST(VALUE_FROZENSET, "frozenset", value_new_long(1)), "frozenset({1})", NULL);
	expect(LIST(VALUE_DICT, "dict", str("a"), value_new_long(1), value_new_none(),
		    value_new_bool(false)),
	       "{'a': 1, None: False}", NULL);
	expect(LIST(VALUE_RANGE, "range", value_new_long(0), value_new_long(3), value_new_long(1)),
	       "range(0, 3)", NULL);
	expect(LIST(VALUE_RANGE, "range", value_new_long(0), value_new_long(3), value_new_long(2)),
	       "range(0, 3, 2)", NULL);
	expect(LIST(VALUE_SLICE, "slice", value_new_none(), value_new_long(3), value_new_none()),
	       "slice(None, 3, None)", NULL);
	v = LIST(VALUE_LIST, "list", value_new_long(1));
	v->truncated = true;
	expect(v, "[1, ...]", NULL);
	v = value_new(VALUE_DICT, "dict");
	v->cycle = true;
	expect(v, "{...}", NULL);
	v = LIST(VALUE_DICT, "OrderedDict", str("a"), value_new_long(1));
	v->form = FORM_PAIRS;
	value_set_text(v, "OrderedDict(");
	expect(v, "OrderedDict([('a', 1)])", NULL);
	v = value_new(VALUE_DEQUE, "deque");
	v->form = FORM_CALL;
	value_set_text(v, "deque(");
	value_set_bytes(v, ", maxlen=3", 10);
	expect(v, "deque([], maxlen=3)", NULL);
	v = LIST(VALUE_TUPLE, "P", value_new_long(1));
	v->items[0]->name = strdup("x");
	v->form = FORM_FIELDS;
	v->nfields = 1;
	expect(v, "P(x=1)", NULL);
}

static void test_exceptions(void)
{
	struct value *args = LIST(VALUE_TUPLE, "tuple", str("x")), *v;

	expect(LIST(VALUE_EXCEPTION, "ValueError", args), "ValueError('x')", "x");
	v = LIST(VALUE_EXCEPTION, "ValueError", LIST(VALUE_TUPLE, "tuple", str("x")));
	v->minor = 6;
	expect(v, "ValueError('x',)", "x");
	expect(LIST(VALUE_EXCEPTION, "E", LIST(VALUE_TUPLE, "tuple", str("x"), value_new_long(2))),
	       "E('x', 2)", "('x', 2)");
	expect(LIST(VALUE_EXCEPTION, "E", value_new(VALUE_TUPLE, "tuple")), "E()", "");
}

static void test_truth(void)
{
	struct value *v = value_new_long(0);

	CU_ASSERT_EQUAL(value_truth(v), 0);
	value_free(v);
	v = value_new_float(NAN);
	CU_ASSERT_EQUAL(value_truth(v), 1);
	value_free(v);
	v = str("");
	CU_ASSERT_EQUAL(value_truth(v), 0);
	value_free(v);
	v = value_new(VALUE_LIST, "list");
	v->length = 7; /* none of them read */
	CU_ASSERT_EQUAL(value_truth(v), 1);
	value_free(v);
	v = value_new(VALUE_INSTANCE, "C");
	CU_ASSERT_EQUAL(value_truth(v), -1);
	v->truthy = true;
	CU_ASSERT_EQUAL(value_truth(v), 1);
	value_free(v);
	v = value_new(VALUE_UNREADABLE, "?");
	CU_ASSERT_EQUAL(value_truth(v), -1);
	value_free(v);
}

static void test_max(void)
{
	struct value *v = str("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
	struct strbuf sb = STRBUF_INIT;

	value_repr_max(v, &sb, 8);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), "'\xe2\x82\xac..."); /* not within a character */
	strbuf_reset(&sb);
	value_repr_max(v, &sb, 11);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), "'\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac'");
	strbuf_deinit(&sb);
	value_free(v);
	value_free(NULL);
}

static void test_deep(void)
{
	struct value *v = value_new_long(1), *outer;
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < 5000; i++) {
		outer = value_new(VALUE_LIST, "list");
		CU_ASSERT_EQUAL(value_add(outer, v), 0);
		v = outer;
	}
	value_repr(v, &sb);
	CU_ASSERT(sb.len < 1000 && strstr(strbuf_str(&sb), "...") != NULL);
	strbuf_deinit(&sb);
	value_free(v);
}

int main(int argc, char **argv)
{
	static const struct cu_test tests[] = {
		CU_T(test_floats), CU_T(test_complex), CU_T(test_strings),    CU_T(test_printable),
		CU_T(test_bytes),  CU_T(test_ints),    CU_T(test_containers), CU_T(test_exceptions),
		CU_T(test_truth),  CU_T(test_max),     CU_T(test_deep),
	};

	return CU_MAIN("value", tests, argc, argv);
}
