// SPDX-License-Identifier: BSD-2-Clause
/* The offset tables are what the debug information of the interpreters on this machine says. */
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "lib_cu.h"
#include "probes/cpython/offsets.h"

#define HEADER "probes/cpython/offsets_gen.h"

static bool read_all(FILE *f, struct strbuf *out)
{
	char buf[4096];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	return !out->failed;
}

static bool read_header(struct strbuf *out)
{
	FILE *f = fopen(HEADER, "r");
	bool ok = read_all(f, out);

	if (f)
		fclose(f);
	return ok;
}

static int run(const char *cmd, struct strbuf *out)
{
	FILE *p = popen(cmd, "r");
	bool ok = read_all(p, out);
	int status = p ? pclose(p) : -1;

	return ok && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_regenerated(void)
{
	_cleanup_strbuf_ struct strbuf now = STRBUF_INIT, kept = STRBUF_INIT;

	CU_ASSERT_EQUAL(run("tools/gen_offsets.sh --print 2>/dev/null", &now), 0);
	CU_ASSERT_TRUE(read_header(&kept));
	CU_ASSERT_STRING_EQUAL(strbuf_str(&now), strbuf_str(&kept));
}

/* The lines of one version in text: from "{ /" "* 3.N *" to its end. */
static char *block(const char *text, unsigned minor)
{
	char first[32], last[32];
	const char *a, *b;

	snprintf(first, sizeof(first), "\t{ /* 3.%u */", minor);
	snprintf(last, sizeof(last), "/* end 3.%u */", minor);
	a = strstr(text, first);
	b = a ? strstr(a, last) : NULL;
	return b ? strndup(a, (size_t)(b - a)) : NULL;
}

/* Lines that differ between two blocks, all but those that name one of `except`. */
static unsigned differences(char *a, char *b, const char *const except[], const char *what)
{
	char *sa, *sb, *la = strtok_r(a, "\n", &sa), *lb = strtok_r(b, "\n", &sb);
	unsigned n = 0, i;

	for (; la && lb; la = strtok_r(NULL, "\n", &sa), lb = strtok_r(NULL, "\n", &sb)) {
		bool allowed = false;

		for (i = 0; except[i]; i++)
			allowed |= strstr(la, except[i]) != NULL;
		if (!strcmp(la, lb) || allowed)
			continue;
		fprintf(stderr, "%s: table %s, file %s\n", what, la, lb);
		n++;
	}
	return n + (la || lb);
}

static void compare_file(unsigned minor, const char *path, const char *const except[])
{
	_cleanup_strbuf_ struct strbuf now = STRBUF_INIT, kept = STRBUF_INIT;
	_cleanup_free_ char *a = NULL, *b = NULL;
	char cmd[1024];

	snprintf(cmd, sizeof(cmd), "tools/gen_offsets.sh --of %u '%s' 2>/dev/null", minor, path);
	CU_ASSERT_EQUAL(run(cmd, &now), 0);
	CU_ASSERT_TRUE(read_header(&kept));
	a = block(strbuf_str(&kept), minor);
	b = block(strbuf_str(&now), minor);
	CU_ASSERT_TRUE(a && b);
	if (a && b)
		CU_ASSERT_EQUAL(differences(a, b, except, path), 0);
}

/* Debug builds have the same layout, but for what lies behind the counters of references. */
static void test_debug_builds(void)
{
	static const char *const except[] = { "interp_jit", "interp_static_types",
					      "interp_static_ext_types", "interp_executors",
					      "interp_size", "runtime_size", "interp_asyncio_tasks",
					      /* a file of its own */
					      ".task_", ".future_", NULL };
	const char *sid = getenv("PYBPFDBG_SID_ROOT");
	unsigned minor, done = 0;
	char path[1024];

	if (!sid || !*sid)
		sid = "/var/cache/pybpfdbg/sid";
	for (minor = 11; minor <= CPYTHON_MINOR_MAX; minor++) {
		snprintf(path, sizeof(path), "%s/usr/bin/python3.%ud", minor >= 14 ? sid : "",
			 minor);
		if (access(path, R_OK))
			continue;
		compare_file(minor, path, except);
		done++;
	}
	if (!done)
		cu_skip("no debug build with debug information here");
}

/* Every version has what no version can do without. */
static void test_tables(void)
{
	const struct py_offsets *o;
	unsigned minor;

	CU_ASSERT_PTR_NULL(py_offsets_of(CPYTHON_MINOR_MIN - 1));
	CU_ASSERT_PTR_NULL(py_offsets_of(CPYTHON_MINOR_MAX + 1));
	for (minor = CPYTHON_MINOR_MIN; minor <= CPYTHON_MINOR_MAX; minor++) {
		o = py_offsets_of(minor);
		CU_ASSERT_PTR_NOT_NULL(o);
		if (!o)
			continue;
		CU_ASSERT_EQUAL(o->minor, minor);
		CU_ASSERT_EQUAL(o->ob_type, 8);
		CU_ASSERT_NOT_EQUAL(o->tstate_frame, OFF_NONE);
		CU_ASSERT_NOT_EQUAL(o->tstate_thread_id, OFF_NONE);
		CU_ASSERT_NOT_EQUAL(o->interp_tstate_head, OFF_NONE);
		CU_ASSERT_NOT_EQUAL(o->interp_modules, OFF_NONE);
		CU_ASSERT_EQUAL(o->runtime_interp_head == OFF_NONE, minor == 6);
		CU_ASSERT_EQUAL(o->frame_code == OFF_NONE, minor >= 11);
		CU_ASSERT_EQUAL(o->iframe_code == OFF_NONE, minor < 11);
		CU_ASSERT_EQUAL(o->code_code == OFF_NONE, minor >= 11);
		CU_ASSERT_EQUAL(o->code_adaptive == OFF_NONE, minor < 11);
		CU_ASSERT_EQUAL(o->cframe_current_frame == OFF_NONE, minor < 11 || minor > 12);
		CU_ASSERT_EQUAL(o->dbg_version == OFF_NONE, minor < 13);
		CU_ASSERT_EQUAL(o->interp_jit == OFF_NONE, minor < 14);
	}
}

static void test_shift(void)
{
	const struct py_offsets *o = py_offsets_of(7);
	struct py_offsets s;

	py_offsets_shift(o, 16, &s);
	CU_ASSERT_EQUAL(s.ob_type, o->ob_type + 16);
	CU_ASSERT_EQUAL(s.object_size, o->object_size + 16);
	CU_ASSERT_EQUAL(s.code_code, o->code_code + 16);
	CU_ASSERT_EQUAL(s.tstate_frame, o->tstate_frame); /* no object */
	CU_ASSERT_EQUAL(s.keys_indices, o->keys_indices);
	CU_ASSERT_EQUAL(s.iframe_code, OFF_NONE); /* absent stays absent */
	CU_ASSERT_EQUAL(s.code_adaptive, OFF_NONE);
}

static const struct cu_test tests[] = {
	CU_T(test_regenerated),
	CU_T(test_debug_builds),
	CU_T(test_tables),
	CU_T(test_shift),
};

int main(int argc, char **argv)
{
	return CU_MAIN("offsets", tests, argc, argv);
}
