/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CUnit main for one test binary:
 *
 *	static const struct cu_test tests[] = { CU_T(test_a), CU_T(test_b) };
 *	int main(int argc, char **argv) { return CU_MAIN("err", tests, argc, argv); }
 *
 * Arguments select tests whose name contains one of them; -l lists the names. Output: one line for
 *each failed assertion and each skip, and last "N passed, N failed, N skipped". Returns failed
 *tests plus failed suites, at most 125. A test without any assertion counts as failed: it could not
 *fail otherwise.
 */
#ifndef TESTS_SUPPORT_LIB_CU_H
#define TESTS_SUPPORT_LIB_CU_H

#include <stddef.h>

#include <CUnit/CUnit.h>

struct cu_test {
	const char *name;
	void (*fn)(void);
};

#define CU_T(fn_)         \
	{                 \
#fn_, fn_ \
	}
#define CU_MAIN(suite, tests, argc, argv) \
	cu_main(suite, tests, sizeof(tests) / sizeof((tests)[0]), argc, argv)

int cu_main(const char *suite, const struct cu_test *tests, size_t n, int argc, char **argv);

/* The running test cannot be done here: say why; return from the test afterwards. A failure still
 * counts. */
void cu_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
