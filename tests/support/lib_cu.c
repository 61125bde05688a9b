// SPDX-License-Identifier: BSD-2-Clause
#include "lib_cu.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct {
	unsigned passed, failed, skipped;
	unsigned asserts; /* made before the running test */
	bool skip;
} cu;

void cu_skip(const char *fmt, ...)
{
	const CU_pTest test = CU_get_current_test();
	va_list ap;

	printf("SKIP %s: ", test ? test->pName : "?");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	cu.skip = true;
}

static void on_start(const CU_pTest test, const CU_pSuite suite)
{
	(void)test, (void)suite;
	cu.skip = false;
	cu.asserts = CU_get_number_of_asserts();
}

static void on_complete(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
	(void)suite;
	if (failure) {
		cu.failed++;
		for (CU_pFailureRecord f = failure; f; f = f->pNext)
			printf("FAIL %s: %s:%u: %s\n", test->pName, f->strFileName, f->uiLineNumber,
			       f->strCondition);
	} else if (cu.skip) {
		cu.skipped++;
	} else if (CU_get_number_of_asserts() == cu.asserts) {
		cu.failed++;
		printf("FAIL %s: the test asserted nothing\n", test->pName);
	} else {
		cu.passed++;
	}
	fflush(stdout);
}

static bool selected(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc < 2;
}

int cu_main(const char *suite, const struct cu_test *tests, size_t n, int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "-l") == 0;
	unsigned bad_suites, chosen = 0;
	CU_pSuite s;
	int r;

	if (CU_initialize_registry() != CUE_SUCCESS || !(s = CU_add_suite(suite, NULL, NULL))) {
		fprintf(stderr, "%s: CUnit: %s\n", suite, CU_get_error_msg());
		return 125;
	}
	for (size_t i = 0; i < n; i++) {
		if (list)
			puts(tests[i].name);
		else if (!selected(tests[i].name, argc, argv))
			continue;
		else if (!CU_add_test(s, tests[i].name, tests[i].fn)) {
			fprintf(stderr, "%s: %s: %s\n", suite, tests[i].name, CU_get_error_msg());
			CU_cleanup_registry();
			return 125;
		} else
			chosen++;
	}
	if (list) {
		CU_cleanup_registry();
		return 0;
	}
	if (chosen == 0) {
		fprintf(stderr, "%s: no test has such a name\n", suite);
		CU_cleanup_registry();
		return 125;
	}
	CU_set_test_start_handler(on_start);
	CU_set_test_complete_handler(on_complete);
	CU_run_all_tests();
	bad_suites = CU_get_number_of_suites_failed();
	CU_cleanup_registry();

	printf("%u passed, %u failed, %u skipped\n", cu.passed, cu.failed, cu.skipped);
	r = cu.failed + bad_suites;
	return r > 125 ? 125 : r;
}
