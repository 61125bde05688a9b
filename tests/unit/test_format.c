// SPDX-License-Identifier: BSD-2-Clause
/* format() of generated values and specifications, against every interpreter of this machine. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/format.h"
#include "lib_cu.h"
#include "lib_hex.h"
#include "lib_interpreters.h"
#include "probes/value.h"

#define SHOWN 12
#define LINE  8192

static struct value *make(const char *kind, const char *text)
{
	_cleanup_free_ char *bytes = NULL;
	struct value *v;

	switch (kind[0]) {
	case 'i':
		v = value_new_long(0);
		mpz_set_str(v->z, text, 10);
		return v;
	case 'b':
		return value_new_bool(text[0] == '1');
	case 'f':
		return value_new_float(strtod(text, NULL));
	case 's':
		bytes = unhex(text);
		return value_new_str(bytes, strlen(text) / 2);
	default:
		return value_new_none();
	}
}

/* One line of format_cases.py. */
static bool check(const struct interpreter *it, char *line, unsigned *wrong, unsigned *raised)
{
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	_cleanup_free_ char *spec = NULL, *want = NULL;
	char *f[4] = { 0 };
	struct err err = { 0 };
	struct value *v;
	bool same;
	int r;

	for (int i = 0; i < 4; i++)
		f[i] = strsep(&line, "\t");
	if (!f[3])
		return false;
	spec = unhex(f[2]);
	v = make(f[0], f[1]);
	r = format_value(v, spec, it->minor, &got, &err);
	value_free(v);
	if (f[3][0] == '!') {
		(*raised)++;
		same = r == -EINVAL && err.text[0];
	} else {
		want = unhex(f[3]);
		same = r == 0 && got.len == strlen(f[3]) / 2 &&
		       memcmp(strbuf_str(&got), want, got.len) == 0;
	}
	if (!same && (*wrong)++ < SHOWN)
		printf("%s: format(%s %s, '%s'): want '%s', got '%s' (%d %s)\n", it->name, f[0],
		       f[1], spec, want ? want : "an error", strbuf_str(&got), r, err.text);
	return true;
}

static void run(const struct interpreter *it, const char *seed)
{
	char script[8192] = "", line[LINE];
	const char *argv[] = { "-c", script, seed, NULL };
	FILE *f = fopen("tests/targets/format_cases.py", "r");
	unsigned n = 0, wrong = 0, raised = 0;
	int out = -1;
	pid_t pid;

	/* As text: an interpreter in another root has no such file. */
	CU_ASSERT_FATAL(f != NULL);
	CU_ASSERT(fread(script, 1, sizeof(script) - 1, f) > 1000);
	fclose(f);
	pid = interpreter_start(it, argv, &out);
	CU_ASSERT(pid > 0);
	if (pid <= 0)
		return;
	while (interpreter_line(out, line, sizeof(line), 20000) == 0 && strcmp(line, "end") != 0)
		n += check(it, line, &wrong, &raised);
	interpreter_end(pid, out);
	if (wrong)
		printf("%s: seed %s: %u of %u wrong\n", it->name, seed, wrong, n);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(n >= 2000);
	CU_ASSERT(raised > 100 && raised < n / 2);
}

static void test_every_interpreter(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	const char *seed = getenv("SEED");
	char text[24];
	size_t n = 0;

	snprintf(text, sizeof(text), "%ld", (long)time(NULL));
	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	CU_ASSERT(n > 0);
	for (size_t i = 0; i < n; i++)
		if (its[i].supported)
			run(&its[i], seed ? seed : text);
}

/* What other classes do is their own code. */
static void test_refused(void)
{
	static const enum value_kind own[] = { VALUE_INSTANCE, VALUE_COMPLEX, VALUE_OPAQUE };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct err err = { 0 };
	struct value *v;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		v = value_new(own[i], "thing");
		CU_ASSERT_EQUAL(format_value(v, ">10", 13, &out, &err), -EOPNOTSUPP);
		value_free(v);
	}
	v = value_new_long(1);
	CU_ASSERT_EQUAL(format_value(v, "99999999", 13, &out, &err), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(format_value(v, "99999999999999999999999", 13, &out, &err), -EOPNOTSUPP);
	v->subclass = true;
	CU_ASSERT_EQUAL(format_value(v, "d", 13, &out, &err), -EOPNOTSUPP);
	value_free(v);
	CU_ASSERT_EQUAL(out.len, 0);
}

static const struct cu_test tests[] = {
	CU_T(test_every_interpreter),
	CU_T(test_refused),
};

int main(int argc, char **argv)
{
	return CU_MAIN("format", tests, argc, argv);
}
