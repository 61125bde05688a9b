// SPDX-License-Identifier: BSD-2-Clause
/* Expressions over constants: what they give, and what is refused. The oracle test compares with
 * CPython itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/expr.h"
#include "lib_cu.h"
#include "probes/value.h"

/* repr of the result, or the message; *ret_code: 0 or -errno. */
static char *evaluate(const char *text, int *ret_code)
{
	struct strbuf sb = STRBUF_INIT;
	struct err err = { 0 };
	struct expr *e = NULL;
	struct value *v = NULL;

	*ret_code = expr_parse(text, &err, &e);
	if (!*ret_code)
		*ret_code = expr_eval(e, NULL, &VALUE_LIMITS_DEFAULT, &err, &v);
	if (*ret_code)
		strbuf_adds(&sb, err.text);
	else
		value_repr(v, &sb);
	value_free(v);
	expr_free(e);
	return strbuf_take(&sb);
}

struct fact {
	const char *text, *want;
	int code;
};

static void check(const struct fact *facts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int code;
		char *got = evaluate(facts[i].text, &code);

		if (code != facts[i].code ||
		    strncmp(got, facts[i].want, code ? strlen(facts[i].want) : 1000))
			fprintf(stderr, "%s: %s (%d), not %s (%d)\n", facts[i].text, got, code,
				facts[i].want, facts[i].code);
		CU_ASSERT_EQUAL(code, facts[i].code);
		if (code)
			CU_ASSERT_NSTRING_EQUAL(got, facts[i].want, strlen(facts[i].want));
		if (!code)
			CU_ASSERT_STRING_EQUAL(got, facts[i].want);
		free(got);
	}
}

#define CHECK(facts) check(facts, sizeof(facts) / sizeof((facts)[0]))

static void test_literals(void)
{
	static const struct fact facts[] = {
		{ "0", "0", 0 },
		{ "1_000_000", "1000000", 0 },
		{ "0xFf + 0o17 + 0b1_1", "273", 0 },
		{ "00", "0", 0 },
		{ "1.5e3, .5, 5., 1e-400, 1e999", "(1500.0, 0.5, 5.0, 0.0, inf)", 0 },
		{ "2j", "2j", 0 },
		{ "'a' \"b\" r'\\n' '\\x41\\u00e9\\101'",
		  "'ab\\\\nA\xc3\xa9"
		  "A'",
		  0 },
		{ "b'\\xff' B\"a\" rb'\\d'", "b'\\xffa\\\\d'", 0 },
		{ "'''a\n'b''c'''", "\"a\\n'b''c\"", 0 },
		{ "'\\d'", "'\\\\d'", 0 },
		{ "None, True, False, ...", "(None, True, False, Ellipsis)", 0 },
		{ "()", "()", 0 },
		{ "(1)", "1", 0 },
		{ "1,", "(1,)", 0 },
		{ "[1, 2, ]", "[1, 2]", 0 },
		{ "{}", "{}", 0 },
		{ "{1: 2, 1.0: 3}", "{1: 3}", 0 },
		{ "{1, 1, True}", "{1}", 0 },
		{ "1 # a comment", "1", 0 },
		{ "(1 +\n 2)", "3", 0 },
		{ "1if 1else 2", "1", 0 },
		{ "01", "SyntaxError: leading zeros", -EINVAL },
		{ "1__0", "SyntaxError: invalid decimal", -EINVAL },
		{ "0x", "SyntaxError: invalid hexadecimal", -EINVAL },
		{ "'a", "SyntaxError: unterminated string", -EINVAL },
		{ "'a' b'b'", "SyntaxError: cannot mix", -EINVAL },
		{ "b'\xc3\xa9'", "SyntaxError: bytes can only", -EINVAL },
		{ "\xff", "SyntaxError: the expression is not valid UTF-8", -EINVAL },
	};

	CHECK(facts);
}

static void test_numbers(void)
{
	static const struct fact facts[] = {
		{ "7 // -2, 7 % -2, -7 // 2, -7 % 2", "(-4, -1, -4, 1)", 0 },
		{ "7.5 // -2, 7.5 % -2, -0.0 % 3", "(-4.0, -0.5, 0.0)", 0 },
		{ "2 ** 100", "1267650600228229401496703205376", 0 },
		{ "2 ** -1, (-8) ** 0.5", "(0.5, (1.7319121124709868e-16+2.8284271247461903j))",
		  0 },
		{ "-2 ** 2, 2 ** 3 ** 2", "(-4, 512)", 0 },
		{ "0.1 + 0.2", "0.30000000000000004", 0 },
		{ "True + True, True & False, True ^ 1", "(2, False, 0)", 0 },
		{ "~5, -(-5), +True", "(-6, 5, 1)", 0 },
		{ "1 << 70 >> 69", "2", 0 },
		{ "-1 >> 1000000000000000000000", "-1", 0 },
		{ "10 ** 25 == 1e25, 2 ** 53 + 1 == 2.0 ** 53", "(False, False)", 0 },
		{ "2 ** 53 + 1 > 2.0 ** 53", "True", 0 },
		{ "10 ** 400 / 10 ** 399", "10.0", 0 },
		{ "1 / 3, 0 / -5", "(0.3333333333333333, -0.0)", 0 },
		{ "(1 + 2j) * (3 - 1j), (1 + 2j) / 2, abs(3 + 4j)", "((5+5j), (0.5+1j), 5.0)", 0 },
		{ "1 / 0", "ZeroDivisionError: division by zero", -EDOM },
		{ "0.0 ** -1", "ZeroDivisionError: ", -EDOM },
		{ "10 ** 400 / 3.0", "OverflowError: int too large to convert to float", -ERANGE },
		{ "2.0 ** 5000", "OverflowError: (34, 'Numerical result out of range')", -ERANGE },
		{ "2 ** 10 ** 9", "the result is too large", -ERANGE },
		{ "1 << 10 ** 9", "the result is too large", -ERANGE },
		{ "10 ** 200000 * 10 ** 200000", "the result is too large", -ERANGE },
		{ "1 << -1", "ValueError: negative shift count", -EINVAL },
		{ "1 + 'a'", "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
		  -EINVAL },
		{ "1.5 & 1", "TypeError: unsupported operand type(s) for &: 'float' and 'int'",
		  -EINVAL },
		{ "-'a'", "TypeError: bad operand type for unary -: 'str'", -EINVAL },
	};

	CHECK(facts);
}

static void test_sequences(void)
{
	static const struct fact facts[] = {
		{ "'ab' + 'c', 2 * 'ab', b'a' * 3, [1] * 2 + [2]",
		  "('abc', 'abab', b'aaa', [1, 1, 2])", 0 },
		{ "'h\xc3\xa9llo'[1], 'h\xc3\xa9llo'[::-1], 'h\xc3\xa9llo'[-2:]",
		  "('\xc3\xa9', 'oll\xc3\xa9h', 'lo')", 0 },
		{ "[0, 1, 2, 3, 4][1:4:2], (1, 2, 3)[:-1], b'abc'[1]", "([1, 3], (1, 2), 98)", 0 },
		{ "range(10)[2:8:3], range(10)[-1], len(range(0, 10, 3))", "(range(2, 8, 3), 9, 4)",
		  0 },
		{ "'b' in 'abc', '' in '', 97 in b'a', b'c' in b'abc'", "(True, True, True, True)",
		  0 },
		{ "1 in [3, 1.0], 2 not in (1,), 'a' in {'a': 1}, 5 in range(0, 10, 5)",
		  "(True, True, True, True)", 0 },
		{ "{'a': [1, {2: 'x'}]}['a'][1][2]", "'x'", 0 },
		{ "[1, [2, (3,)]] == [1.0, [2, (3,)]], {1: 2} == {1: 2.0}, (1, 2) < (1, 3)",
		  "(True, True, True)", 0 },
		{ "[1] == (1,), 'a' == b'a', [] < [0], 'b' > 'abc'", "(False, False, True, True)",
		  0 },
		{ "{1, 2} <= {1, 2, 3}, {1} | {2}, {1, 2} - {2}, {1, 2} & {2, 3}, {1, 2} ^ {2, 3}",
		  "(True, {1, 2}, {1}, {2}, {1, 3})", 0 },
		{ "[1][1]", "IndexError: list index out of range", -ENOENT },
		{ "()[0]", "IndexError: tuple index out of range", -ENOENT },
		{ "{'a': 1}['b']", "KeyError: 'b'", -ENOENT },
		{ "{}[[]]", "TypeError: unhashable type: 'list'", -EINVAL },
		{ "{[]}", "TypeError: unhashable type: 'list'", -EINVAL },
		{ "{([], 1): 2}", "TypeError: unhashable type: 'list'", -EINVAL },
		{ "[1]['a']", "TypeError: list indices must be integers or slices, not str",
		  -EINVAL },
		{ "'abc'['a']", "TypeError: string indices must be integers, not 'str'", -EINVAL },
		{ "[1][::0]", "ValueError: slice step cannot be zero", -EINVAL },
		{ "1[0]", "TypeError: 'int' object is not subscriptable", -EINVAL },
		{ "'a' * 10 ** 9", "the result is too large", -ERANGE },
		{ "[0] * 10 ** 9", "the result is too large", -ERANGE },
		{ "'a' + 1", "TypeError: can only concatenate str (not \"int\") to str", -EINVAL },
		{ "[] + ()", "TypeError: can only concatenate list (not \"tuple\") to list",
		  -EINVAL },
		{ "1 in 2", "TypeError: argument of type 'int' is not iterable", -EINVAL },
		{ "1 in 'a'", "TypeError: 'in <string>' requires string as left operand, not int",
		  -EINVAL },
		{ "1 < 'a'", "TypeError: '<' not supported between instances of 'int' and 'str'",
		  -EINVAL },
		{ "'%d' % 1", "formatting with % is not supported", -EOPNOTSUPP },
	};

	CHECK(facts);
}

static void test_logic(void)
{
	static const struct fact facts[] = {
		{ "1 < 2 < 3, 1 < 2 > 5, 3 > 2 == 2 != 1", "(True, False, True)", 0 },
		{ "0 or 'a', 1 and [], '' and 1 / 0, 1 or 1 / 0", "('a', [], '', 1)", 0 },
		{ "1 > 2 > 1 / 0", "False", 0 },
		{ "'y' if [0] else 1 / 0", "'y'", 0 },
		{ "not [], not not 0.1, not 1 == 2", "(True, True, True)", 0 },
		{ "None is None, () is (), 1 is 1, 1 is not 2, [] is [], None is not 0",
		  "(True, True, True, True, False, True)", 0 },
		{ "'abc' is 'abc'", "whether the two are one object is not known", -EOPNOTSUPP },
		{ "1 == 1.0 == True, float('nan') == float('nan')", "(True, False)", 0 },
	};

	CHECK(facts);
}

static void test_calls(void)
{
	static const struct fact facts[] = {
		{ "len('h\xc3\xa9'), len([1, 2]), len({}), len(b'abc')", "(2, 2, 0, 3)", 0 },
		{ "int('-0x1F', 16), int(' 1_0 '), int(-2.7), int('0b11', 0), int()",
		  "(-31, 10, -2, 3, 0)", 0 },
		{ "float('1e3'), float(' -inf '), float(2), float('1_0.5')",
		  "(1000.0, -inf, 2.0, 10.5)", 0 },
		{ "str(1.0), str('a'), repr('a'), str([1, 'a'])",
		  "('1.0', 'a', \"'a'\", \"[1, 'a']\")", 0 },
		{ "ord('\xe2\x82\xac'), chr(8364), hex(-255), oct(8), bin(5)",
		  "(8364, '\xe2\x82\xac', '-0xff', '0o10', '0b101')", 0 },
		{ "min(3, 1, 2), max([1, 5.5]), max([], default=0), sum([1, 2.5]), sum([[1], [2]], "
		  "[])",
		  "(1, 5.5, 0, 3.5, [1, 2])", 0 },
		{ "sorted([3, 1, 2]), sorted('bca', reverse=True), sorted((2, True, 1.0))",
		  "([1, 2, 3], ['c', 'b', 'a'], [True, 1.0, 2])", 0 },
		{ "isinstance(1, int), isinstance(True, int), isinstance('a', (int, str)), "
		  "isinstance(1, str)",
		  "(True, True, True, False)", 0 },
		{ "type(1), type(1) == int, type('') is str", "(<class 'int'>, True, True)", 0 },
		{ "round(2.5), round(-1.5), round(2.675, 2), round(1234, -2), round(0.5, 0)",
		  "(2, -2, 2.67, 1200, 0.0)", 0 },
		{ "abs(-3), abs(-0.0), bool([]), any([0, 1]), all([]), divmod(-7, 2)",
		  "(3, 0.0, False, True, True, (-4, 1))", 0 },
		{ "list('ab'), tuple([1]), list({1: 2}), list(range(3))",
		  "(['a', 'b'], (1,), [1], [0, 1, 2])", 0 },
		{ "(5).real, 2j.imag, (1).denominator", "(5, 2.0, 1)", 0 },
		{ "len(1)", "TypeError: object of type 'int' has no len()", -EINVAL },
		{ "int('x')", "ValueError: invalid literal for int() with base 10: 'x'", -EINVAL },
		{ "float('x')", "ValueError: could not convert string to float: 'x'", -EINVAL },
		{ "int(float('inf'))", "OverflowError: cannot convert float infinity to integer",
		  -ERANGE },
		{ "max([])", "ValueError: max() iterable argument is empty", -EINVAL },
		{ "sorted([1, 'a'])",
		  "TypeError: '<' not supported between instances of 'str' and 'int'", -EINVAL },
		{ "chr(-1)", "ValueError: chr() arg not in range(0x110000)", -EINVAL },
		{ "sum('ab')", "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
		  -EINVAL },
		{ "len()", "TypeError: len() takes exactly 1 argument (0 given)", -EINVAL },
		{ "id(1)", "id() of a 'int' that was computed here", -EOPNOTSUPP },
		{ "x", "NameError: name 'x' is not defined", -ENOENT },
		{ "(1).foo", "AttributeError: 'int' object has no attribute 'foo'", -ENOENT },
	};

	CHECK(facts);
}

static void test_refused(void)
{
	static const struct fact facts[] = {
		{ "f(1)", "f() is refused: calls run the target's code (column 1)", -EOPNOTSUPP },
		{ "'a'.upper()", ".upper() is refused: calls run the target's code (column 5)",
		  -EOPNOTSUPP },
		{ "f(1)(2)", "f() is refused", -EOPNOTSUPP },
		{ "(1)(2)", "a call is refused: calls run the target's code", -EOPNOTSUPP },
		{ "lambda: 1", "'lambda' is not supported", -EOPNOTSUPP },
		{ "[x for x in y]", "comprehensions are not supported (column 4)", -EOPNOTSUPP },
		{ "{x: 1 for x in y}", "comprehensions are not supported", -EOPNOTSUPP },
		{ "sum(x for x in y)", "comprehensions are not supported", -EOPNOTSUPP },
		{ "f'{x}'", "f-strings are not supported", -EOPNOTSUPP },
		{ "await x", "'await' is refused", -EOPNOTSUPP },
		{ "(yield)", "'yield' is refused", -EOPNOTSUPP },
		{ "(x := 1)", "':=' is refused", -EOPNOTSUPP },
		{ "[*x]", "unpacking with * is not supported", -EOPNOTSUPP },
		{ "a @ b", "NameError", -ENOENT },
		{ "1 @ 2", "'@' is refused", -EOPNOTSUPP },
		{ "sorted([1], key=2)", "sorted(key=...) is refused", -EOPNOTSUPP },
		{ "", "SyntaxError: the expression is empty", -EINVAL },
		{ "1 +", "SyntaxError: unexpected end of the expression (column 4)", -EINVAL },
		{ "(1", "SyntaxError: ')' is missing", -EINVAL },
		{ "1 2", "SyntaxError: invalid syntax (column 3)", -EINVAL },
		{ "x = 1", "SyntaxError: an assignment is no expression", -EINVAL },
		{ "1 if 2", "SyntaxError: 'else' is missing", -EINVAL },
		{ "a.1", "SyntaxError: invalid syntax", -EINVAL },
		{ "a..b", "SyntaxError: invalid syntax", -EINVAL },
		{ "import x", "SyntaxError: invalid syntax (column 1)", -EINVAL },
		{ "1\n2", "SyntaxError: one expression is expected, on one line", -EINVAL },
		{ "a b c", "SyntaxError: invalid syntax (column 3)", -EINVAL },
		{ "x[]", "SyntaxError: invalid syntax (column 3)", -EINVAL },
		{ "1 not 2", "SyntaxError: invalid syntax", -EINVAL },
		{ "$", "SyntaxError: invalid character '$' (column 1)", -EINVAL },
		{ "'\xc3\xa9' $", "SyntaxError: invalid character '$' (column 5)", -EINVAL },
	};

	CHECK(facts);
}

/* n times `open`, then `mid`, then n times `close`. */
static char *nested(const char *open, const char *mid, const char *close, int n)
{
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < n; i++)
		strbuf_adds(&sb, open);
	strbuf_adds(&sb, mid);
	for (int i = 0; i < n; i++)
		strbuf_adds(&sb, close);
	return strbuf_take(&sb);
}

static void test_limits(void)
{
	static const struct {
		const char *open, *mid, *close;
		int n, code;
	} cases[] = {
		{ "(", "1", ")", 200, 0 },	    { "(", "1", ")", 201, -EINVAL },
		{ "-", "1", "", 200, 0 },	    { "-", "1", "", 201, -EINVAL },
		{ "not ", "1", "", 201, -EINVAL },  { "1 if 1 else ", "1", "", 199, 0 },
		{ "[", "", "]", 60000, -EINVAL },   { "1**", "1", "", 150, 0 },
		{ "1**", "1", "", 20000, -EINVAL }, { "1+", "1", "", 900, 0 },
		{ "1+", "1", "", 30000, -EINVAL },  { "", "x", ".a", 30000, -EINVAL },
		{ "x[", "1", "]", 199, -ENOENT },   { "1 or ", "1", "", 10000, 0 },
		{ "1,", "1", "", 30000, 0 },	    { "1<2<", "3", "", 1, 0 },
		{ "'' ", "''", "", 15000, 0 },	    { "1", "1", "1", 40000, -EINVAL },
	};
	char *text, *got;
	int code;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = nested(cases[i].open, cases[i].mid, cases[i].close, cases[i].n);
		got = evaluate(text, &code);
		CU_ASSERT_EQUAL(code, cases[i].code);
		if (code != cases[i].code)
			fprintf(stderr, "%s x %d: %.80s (%d), not %d\n", cases[i].open, cases[i].n,
				got, code, cases[i].code);
		free(got);
		free(text);
	}
}

/* The caller's limits hold for what is computed, too. */
static void test_result_limits(void)
{
	struct value_limits lim = { .depth = 1, .items = 3, .bytes = 4, .total = 100 };
	struct err err = { 0 };
	struct expr *e = NULL;
	struct value *v = NULL;

	CU_ASSERT_EQUAL(expr_parse("[[1, 2], 'abcdefgh', 3, 4, 5]", &err, &e), 0);
	CU_ASSERT_EQUAL(expr_eval(e, NULL, &lim, &err, &v), 0);
	CU_ASSERT_PTR_NOT_NULL(v);
	if (v && v->nitems == 3) {
		CU_ASSERT_TRUE(v->truncated);
		CU_ASSERT_EQUAL(v->length, 5);
		CU_ASSERT_EQUAL(v->items[0]->nitems, 0);
		CU_ASSERT_TRUE(v->items[0]->truncated);
		CU_ASSERT_EQUAL(v->items[1]->nbytes, 4);
		CU_ASSERT_TRUE(v->items[1]->truncated);
	} else {
		CU_FAIL("three items are expected");
	}
	value_free(v);
	expr_free(e);
}

static const struct cu_test tests[] = {
	CU_T(test_literals), CU_T(test_numbers), CU_T(test_sequences), CU_T(test_logic),
	CU_T(test_calls),    CU_T(test_refused), CU_T(test_limits),    CU_T(test_result_limits),
};

int main(int argc, char **argv)
{
	return CU_MAIN("expr", tests, argc, argv);
}
