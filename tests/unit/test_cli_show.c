// SPDX-License-Identifier: BSD-2-Clause
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/js.h"
#include "cli/pretty.h"
#include "lib_cu.h"
#include "probes/value.h"

static struct value *text(const char *s)
{
	return value_new_str(s, strlen(s));
}

/* {'name': [1, 2, 3], 'other': ('x',)} */
static struct value *sample(void)
{
	struct value *d = value_new(VALUE_DICT, "dict"), *l = value_new(VALUE_LIST, "list"),
		     *t = value_new(VALUE_TUPLE, "tuple");

	for (int i = 1; i <= 3; i++)
		value_add(l, value_new_long(i));
	l->length = 3;
	value_add(t, text("x"));
	t->length = 1;
	value_add(d, text("name"));
	value_add(d, l);
	value_add(d, text("other"));
	value_add(d, t);
	d->length = 2;
	return d;
}

static void check_pretty(const struct value *v, size_t width, const char *expected)
{
	struct strbuf sb = STRBUF_INIT;

	pretty_value(v, width, &sb);
	CU_ASSERT_STRING_EQUAL(strbuf_str(&sb), expected);
	strbuf_deinit(&sb);
}

static void test_pretty(void)
{
	struct value *v = sample();

	check_pretty(v, 80, "{'name': [1, 2, 3], 'other': ('x',)}");
	check_pretty(v, 20, "{'name': [1, 2, 3],\n 'other': ('x',)}");
	check_pretty(v, 10, "{'name': [1,\n          2,\n          3],\n 'other': ('x',)}");
	value_free(v);
}

static void test_pretty_cut(void)
{
	struct value *v = value_new(VALUE_LIST, "list");

	value_add(v, text("aaaaaaaaaa"));
	value_add(v, text("bbbbbbbbbb"));
	v->length = 500;
	v->truncated = true;
	check_pretty(v, 10, "['aaaaaaaaaa',\n 'bbbbbbbbbb',\n ... (500 in all)]");
	value_free(v);
}

static void test_pretty_instance(void)
{
	struct value *v = value_new(VALUE_INSTANCE, "Cls"), *a = value_new_long(7);
	struct strbuf repr = STRBUF_INIT, all = STRBUF_INIT;

	a->name = strdup("a");
	value_add(v, a);
	value_repr(v, &repr);
	pretty_value(v, 80, &all);
	strbuf_adds(&repr, "\n    .a = 7");
	CU_ASSERT_STRING_EQUAL(strbuf_str(&all), strbuf_str(&repr));
	strbuf_deinit(&repr);
	strbuf_deinit(&all);
	value_free(v);
}

/* The attributes of an instance, not those of the instances among them: they lead anywhere. */
static void test_pretty_instance_once(void)
{
	struct value *v = value_new(VALUE_INSTANCE, "Cls"), *a = value_new(VALUE_INSTANCE, "Inner"),
		     *b = value_new_long(7);

	value_set_text(v, "<Cls object>");
	value_set_text(a, "<Inner object>");
	a->name = strdup("a");
	b->name = strdup("b");
	value_add(a, b);
	value_add(v, a);
	check_pretty(v, 80, "<Cls object>\n    .a = <Inner object>");
	value_free(v);
}

static void check_json(json_t *j, const char *expected)
{
	char *s = j ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	CU_ASSERT_STRING_EQUAL(s ? s : "(null)", expected);
	free(s);
	json_decref(j);
}

static void test_json_value(void)
{
	struct value *v = sample();

	check_json(js_value("v", v, 1),
		   "{\"name\":\"v\",\"type\":\"dict\",\"repr\":\"{'name': [1, 2, 3], 'other': "
		   "('x',)}\","
		   "\"length\":2,\"children\":["
		   "{\"name\":\"'name'\",\"type\":\"list\",\"repr\":\"[1, 2, 3]\",\"length\":3},"
		   "{\"name\":\"'other'\",\"type\":\"tuple\",\"repr\":\"('x',)\",\"length\":1}]}");
	check_json(js_value("0", v->items[1]->items[0], 1),
		   "{\"name\":\"0\",\"type\":\"int\",\"repr\":\"1\"}");
	value_free(v);
}

static void test_json_text(void)
{
	check_json(js_text("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
	check_json(js_text("\xff/x\xc3"), "\"\\\\xff/x\\\\xc3\"");
	check_json(js_text("\xed\xb2\x80"), "\"\\\\xed\\\\xb2\\\\x80\"");
	check_json(js_text("a\"\x1b[0m"), "\"a\\\"\\u001B[0m\"");
	check_json(js_text(NULL), "null");
}

static void test_json_status(void)
{
	check_json(js_status(0), "0");
	check_json(js_status(3 << 8), "3");
	check_json(js_status(9), "-9");
	check_json(js_status(-1), "null");
}

static const struct cu_test tests[] = {
	CU_T(test_pretty),	    CU_T(test_pretty_cut),
	CU_T(test_pretty_instance), CU_T(test_pretty_instance_once),
	CU_T(test_json_value),	    CU_T(test_json_text),
	CU_T(test_json_status),
};

int main(int argc, char **argv)
{
	return CU_MAIN("cli_show", tests, argc, argv);
}
