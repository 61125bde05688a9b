// SPDX-License-Identifier: BSD-2-Clause
/* The list of interpreters itself: that they start, tell their version and end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib_cu.h"
#include "lib_interpreters.h"

static void test_find_and_start(void)
{
	const char *const argv[] = { "-u", "-c",
				     "import sys; print(sys.hexversion); sys.stdin.read()", NULL };
	struct interpreter *v;
	size_t n;

	CU_ASSERT_EQUAL(interpreters_find(&v, &n), 0);
	if (n == 0)
		cu_skip("no Python on this machine");
	for (size_t i = 0; i < n; i++) {
		char line[64] = "";
		int out = -1;
		pid_t pid = interpreter_start(&v[i], argv, &out);

		CU_ASSERT(pid > 0);
		CU_ASSERT_EQUAL(interpreter_line(out, line, sizeof(line), 20000), 0);
		CU_ASSERT_EQUAL(strtoul(line, NULL, 10), v[i].hexversion);
		interpreter_end(pid, out);
		CU_ASSERT_EQUAL(kill(pid, 0), -1);
	}
	free(v);
}

static const struct cu_test tests[] = { CU_T(test_find_and_start) };

int main(int argc, char **argv)
{
	return CU_MAIN("interpreters", tests, argc, argv);
}
