// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "lib_cu.h"

static void test_set(void)
{
	struct err e = { 0 };

	CU_ASSERT_EQUAL(err_set(&e, -ESRCH, "pid %d: gone", 42), -ESRCH);
	CU_ASSERT_EQUAL(e.code, -ESRCH);
	CU_ASSERT_STRING_EQUAL(e.text, "pid 42: gone");
	CU_ASSERT_EQUAL(err_set(NULL, -EPERM, "%s", "x"), -EPERM);
}

static void test_long_text_is_cut(void)
{
	struct err e = { 0 };
	char big[2 * ERR_TEXT_SIZE];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, -EINVAL, "%s", big);
	CU_ASSERT_EQUAL(strlen(e.text), ERR_TEXT_SIZE - 1);
	err_prefix(&e, "%s", "where");
	CU_ASSERT_EQUAL(strlen(e.text), ERR_TEXT_SIZE - 1);
	CU_ASSERT_EQUAL(strncmp(e.text, "where: aaa", 10), 0);
}

static void test_prefix(void)
{
	struct err e = { 0 };

	err_set(&e, -ENOENT, "no such line");
	CU_ASSERT_EQUAL(err_prefix(&e, "line %d", 3), -ENOENT);
	CU_ASSERT_STRING_EQUAL(e.text, "line 3: no such line");
	CU_ASSERT_EQUAL(err_prefix(NULL, "x"), 0);
}

static const struct cu_test tests[] = {
	CU_T(test_set),
	CU_T(test_long_text_is_cut),
	CU_T(test_prefix),
};

int main(int argc, char **argv)
{
	return CU_MAIN("err", tests, argc, argv);
}
