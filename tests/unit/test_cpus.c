// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib_cu.h"
#include "trace/cpus.h"

static void test_lists(void)
{
	static const int expected[] = { 0, 1, 2, 5, 7, 8 };
	int *cpus = NULL;
	size_t n = 0;

	CU_ASSERT_EQUAL(cpus_parse("0-2,5,7-8\n", &cpus, &n), 0);
	CU_ASSERT_EQUAL(n, 6);
	CU_ASSERT(n == 6 && !memcmp(cpus, expected, sizeof(expected)));
	free(cpus);
	CU_ASSERT_EQUAL(cpus_parse("8191", &cpus, &n), 0);
	CU_ASSERT(n == 1 && cpus[0] == 8191);
	free(cpus);
}

static void test_bad_lists(void)
{
	static const char *const bad[] = {
		"",	"\n",	  "a",	 "1-",	 "-1",
		"1,",	"1,,2",	  "3-2", "2,1",	 "0-2,2",
		"8192", "0-8192", "1 2", "1\n2", "99999999999999999999"
	};
	int *cpus = NULL;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(cpus_parse(bad[i], &cpus, &n), -EINVAL);
	CU_ASSERT_PTR_NULL(cpus);
}

static void test_online(void)
{
	int *cpus = NULL;
	size_t n = 0;

	CU_ASSERT_EQUAL(cpus_online(&cpus, &n), 0);
	CU_ASSERT(n >= 1 && (long)n == sysconf(_SC_NPROCESSORS_ONLN));
	free(cpus);
}

#define PARSE(text, ev) cpus_parse_uevent(text, sizeof(text), ev)

static void test_uevents(void)
{
	struct cpu_event ev = { 0 };

	CU_ASSERT_EQUAL(PARSE("online@/devices/system/cpu/cpu12\0ACTION=online", &ev), 1);
	CU_ASSERT(ev.cpu == 12 && ev.online);
	CU_ASSERT_EQUAL(PARSE("offline@/devices/system/cpu/cpu0", &ev), 1);
	CU_ASSERT(ev.cpu == 0 && !ev.online);
	CU_ASSERT_EQUAL(PARSE("add@/devices/system/cpu/cpu1", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("online@/devices/system/cpu/cpu", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("online@/devices/system/cpu/cpu1x", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("online@/devices/system/cpu/cpu99999", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("online@/devices/system/memory/memory1", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("online", &ev), 0);
	CU_ASSERT_EQUAL(PARSE("", &ev), 0);
	CU_ASSERT_EQUAL(cpus_parse_uevent("online@/devices/system/cpu/cpu1", 20, &ev), 0); /* cut */
	CU_ASSERT_EQUAL(cpus_parse_uevent("", 0, &ev), 0);
}

static const struct cu_test tests[] = {
	CU_T(test_lists),
	CU_T(test_bad_lists),
	CU_T(test_online),
	CU_T(test_uevents),
};

int main(int argc, char **argv)
{
	return CU_MAIN("cpus", tests, argc, argv);
}
