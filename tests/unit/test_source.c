// SPDX-License-Identifier: BSD-2-Clause
/* Source lines, of files that this very process sees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "engine/source.h"
#include "lib_cu.h"
#include "target/target.h"

static struct target *target;
static struct source_cache *cache;
static char dir[] = "/tmp/pybpfdbg-source-XXXXXX";
static char path[sizeof(dir) + 16];

static void put(const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, data, n), (ssize_t)n);
	close(fd);
}

/* Line n of a file with that text is `want`, and it has `lines` lines. */
static void check(const char *text, size_t lines, int32_t n, const char *want)
{
	struct source *src = NULL;
	const char *line = NULL;

	put(text, strlen(text));
	CU_ASSERT_EQUAL(source_get(cache, path, &src), 0);
	if (!src)
		return;
	CU_ASSERT_EQUAL(source_lines(src), lines);
	CU_ASSERT_EQUAL(source_line(src, n, &line), want ? 0 : -ENOENT);
	if (want && line)
		CU_ASSERT_STRING_EQUAL(line, want);
}

static void test_lines(void)
{
	check("a\nb\nc\n", 3, 2, "b");
	check("a\nb\nlast", 3, 3, "last");
	check("a\r\nb\rc\n\nd", 5, 3, "c");
	check("a\r\nb\rc\n\nd", 5, 4, "");
	check("a\n", 1, 2, NULL);
	check("a\n", 1, 0, NULL);
	check("a\n", 1, -1, NULL);
	check("", 0, 1, NULL);
}

static void test_codings(void)
{
	check("# -*- coding: latin-1 -*-\nx = '\xe9'\n", 2, 2, "x = '\xc3\xa9'");
	check("#!/usr/bin/python3\n# vim: set fileencoding=iso-8859-15 :\nx = '\xa4'\n", 3, 3,
	      "x = '\xe2\x82\xac'");
	check("# coding: utf-8\nx = '\xc3\xa9'\n", 2, 2, "x = '\xc3\xa9'");
	check("x = 1\n# coding: latin-1\ny = '\xc3\xa9'\n", 3, 3, "y = '\xc3\xa9'");
	check("\xef\xbb\xbfx = '\xc3\xa9'\n", 1, 1, "x = '\xc3\xa9'");
	check("# coding: no-such-coding\nx = '\xc3\xa9'\n", 2, 2, "x = '\xc3\xa9'");
}

static void test_nul(void)
{
	struct source *src = NULL;
	const char *line = NULL;

	put("a\0b\nc\n", 6);
	CU_ASSERT_EQUAL(source_get(cache, path, &src), 0);
	CU_ASSERT_EQUAL(source_line(src, 1, &line), 0);
	CU_ASSERT_STRING_EQUAL(line, "a?b");
	CU_ASSERT_EQUAL(source_line(src, 2, &line), 0);
	CU_ASSERT_STRING_EQUAL(line, "c");
}

static void test_refused(void)
{
	struct source *src = NULL;
	char name[sizeof(path) + 8];

	snprintf(name, sizeof(name), "%s.none", path);
	CU_ASSERT_EQUAL(source_get(cache, name, &src), -ENOENT);
	CU_ASSERT_EQUAL(source_get(cache, dir, &src), -EINVAL);
	snprintf(name, sizeof(name), "%s.fifo", path);
	CU_ASSERT_EQUAL(mkfifo(name, 0600), 0);
	CU_ASSERT_EQUAL(source_get(cache, name, &src), -EINVAL);
	unlink(name);
	put("a\n", 2);
	CU_ASSERT_EQUAL(truncate(path, SOURCE_SIZE_MAX + 1), 0);
	CU_ASSERT_EQUAL(source_get(cache, path, &src), -EFBIG);
	CU_ASSERT_PTR_NULL(src);
}

static const struct cu_test tests[] = { CU_T(test_lines), CU_T(test_codings), CU_T(test_nul),
					CU_T(test_refused) };

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int r;

	if (!mkdtemp(dir) || target_open(getpid(), &err, &target) ||
	    source_cache_new(target, &cache)) {
		fprintf(stderr, "test_source: %s\n", err.text);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/a.py", dir);
	r = CU_MAIN("source", tests, argc, argv);
	source_cache_free(cache);
	target_free(target);
	unlink(path);
	rmdir(dir);
	return r;
}
