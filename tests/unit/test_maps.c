// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "lib_cu.h"
#include "target/maps.h"

static int parse(const char *text, struct maps *ret)
{
	char *copy = malloc(strlen(text) + 1);
	int r;

	*ret = (struct maps){ 0 };
	memcpy(copy, text, strlen(text));
	r = maps_parse(copy, strlen(text), ret);
	if (r)
		free(copy);
	return r;
}

static void test_fields(void)
{
	struct maps m;
	const struct mem_region *r;

	CU_ASSERT_EQUAL(parse("00400000-00402000 r-xp 00001000 fe:03 1048      /usr/bin/py thon \n"
			      "7f00-8000 -w-s 00000000 00:00 0 \n"
			      "01c4a000-01d2d000 rw-p 00000000 00:00 0                  [heap]\n"
			      "7ffff7fc1000-7ffff7fc3000 ---p 0 00:01 7 /memfd:x (deleted)\n"
			      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
			      &m),
			0);
	/* The second begins below the end of the first. */
	CU_ASSERT_EQUAL(m.n, 4);
	if (m.n != 4) {
		maps_deinit(&m);
		return;
	}
	r = &m.regions[0];
	CU_ASSERT_EQUAL(r->start, 0x400000);
	CU_ASSERT_EQUAL(r->end, 0x402000);
	CU_ASSERT_EQUAL(r->prot, PROT_READ | PROT_EXEC);
	CU_ASSERT_TRUE(r->private);
	CU_ASSERT_EQUAL(r->offset, 0x1000);
	CU_ASSERT_EQUAL(r->dev, makedev(0xfe, 3));
	CU_ASSERT_EQUAL(r->inode, 1048);
	CU_ASSERT_STRING_EQUAL(r->path, "/usr/bin/py thon ");
	CU_ASSERT_STRING_EQUAL(m.regions[1].path, "[heap]");
	CU_ASSERT_EQUAL(m.regions[1].prot, PROT_READ | PROT_WRITE);
	CU_ASSERT_STRING_EQUAL(m.regions[2].path, "/memfd:x (deleted)");
	CU_ASSERT_EQUAL(m.regions[2].prot, PROT_NONE);
	CU_ASSERT_EQUAL(m.regions[3].end, 0xffffffffff601000);
	maps_deinit(&m);
	CU_ASSERT_EQUAL(parse("1000-2000 rw-s 00000000 00:00 0", &m), 0);
	CU_ASSERT_EQUAL(m.n, 1);
	CU_ASSERT_FALSE(m.regions[0].private);
	CU_ASSERT_STRING_EQUAL(m.regions[0].path, "");
	maps_deinit(&m);
	CU_ASSERT_EQUAL(parse("", &m), 0);
	CU_ASSERT_EQUAL(m.n, 0);
	maps_deinit(&m);
}

static void test_escaped_newline(void)
{
	struct maps m;

	CU_ASSERT_EQUAL(parse("1000-2000 r--p 0 00:01 1 /a\\012b\\n\\01\\\\012\n", &m), 0);
	CU_ASSERT_STRING_EQUAL(m.regions[0].path, "/a\nb\\n\\01\\\n");
	maps_deinit(&m);
}

static void test_overlap_is_cut(void)
{
	struct maps m;

	CU_ASSERT_EQUAL(parse("1000-4000 r--p 00000000 00:01 1 /a\n"
			      "3000-6000 r--p 00001000 00:01 2 /b\n"
			      "2000-5000 r--p 00000000 00:01 3 /c\n",
			      &m),
			0);
	CU_ASSERT_EQUAL(m.n, 2);
	CU_ASSERT_EQUAL(m.regions[1].start, 0x4000);
	CU_ASSERT_EQUAL(m.regions[1].end, 0x6000);
	CU_ASSERT_EQUAL(m.regions[1].offset, 0x2000);
	maps_deinit(&m);
}

static void test_refused(void)
{
	static const char *const bad[] = {
		"\n",
		"1000",
		"1000-",
		"1000-2000",
		"-2000 r--p 0 00:01 1 /a",
		"1000-2000 r--p",
		"1000-2000 r-- 0 00:01 1 /a",
		"1000-2000 rwxq 0 00:01 1 /a",
		"1000-2000 wrxp 0 00:01 1 /a",
		"2000-2000 r--p 0 00:01 1 /a",
		"2000-1000 r--p 0 00:01 1 /a",
		"10000000000000000-20000000000000000 r--p 0 00:01 1 /a",
		"1000-2000 r--p 0 00:01 99999999999999999999 /a",
		"1000-2000 r--p 0 0001 1 /a",
		"1000-2000 r--p 0 100000000:01 1 /a",
		"1000-2000 r--p 0 00:01 1/a",
		"1000-2000 r--p 0 00:01 x",
		"1000-2000 r--p 0 00:01 1 /a\ngarbage\n",
		"0x1000-2000 r--p 0 00:01 1 /a",
		"1000-2000 r--P 0 00:01 1 /a",
		"1000-2000  r--p 0 00:01 1 /a",
	};
	struct maps m;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int r = parse(bad[i], &m);

		CU_ASSERT_EQUAL(r, -EBADMSG);
		if (r != -EBADMSG)
			printf("taken: %s\n", bad[i]);
		if (!r)
			maps_deinit(&m);
	}
}

static void test_nul_inside(void)
{
	static const char text[] = "1000-2000 r--p 0 00:01 1 /a\0b\n";
	char *copy = malloc(sizeof(text));
	struct maps m;

	memcpy(copy, text, sizeof(text));
	CU_ASSERT_EQUAL(maps_parse(copy, sizeof(text) - 1, &m), -EBADMSG);
	free(copy);
}

static const struct cu_test tests[] = {
	CU_T(test_fields),  CU_T(test_escaped_newline), CU_T(test_overlap_is_cut),
	CU_T(test_refused), CU_T(test_nul_inside),
};

int main(int argc, char **argv)
{
	return CU_MAIN("maps", tests, argc, argv);
}
