// SPDX-License-Identifier: BSD-2-Clause
/* What is refused, and with which words: on processes made up of a few symbols and a little memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sym.h"
#include "lib_cu.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

#define BASE	  0x100000u
#define SIZE	  0x10000u
#define RUNTIME	  (BASE + 0x100)
#define TYPE	  (BASE + 0x2000)
#define VERSION	  (BASE + 0x4000)
#define TEXT	  (BASE + 0x5000) /* .bss */
#define TEXT_SIZE 0x200
#define INTERP	  (BASE + 0x6000)
#define TSTATE	  (BASE + 0x9000)

struct fake {
	uint8_t data[SIZE];
	struct {
		const char *name;
		uint64_t addr;
	} symbols[32];
	size_t n;
	struct sym_module module;
	struct mem mem;
	struct sym sym;
	struct err err;
};

static void fake_read(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done)
{
	struct fake *f = priv;

	*ret_done = 0;
	if (addr < BASE || addr >= BASE + SIZE)
		return;
	if (len > BASE + SIZE - addr)
		len = BASE + SIZE - addr;
	memcpy(buf, f->data + (addr - BASE), len);
	*ret_done = len;
}

static int fake_regions(void *priv, const struct mem_region **ret, size_t *ret_n)
{
	(void)priv;
	*ret = NULL;
	*ret_n = 0;
	return 0;
}

static int fake_modules(void *priv, const struct sym_module **ret, size_t *ret_n)
{
	struct fake *f = priv;

	f->module.path = "/usr/bin/thing";
	*ret = &f->module;
	*ret_n = 1;
	return 0;
}

static int fake_lookup(void *priv, size_t module, const char *name, uint64_t *ret_addr,
		       uint64_t *ret_size)
{
	struct fake *f = priv;
	size_t i;

	for (i = 0; !module && i < f->n; i++) {
		if (strcmp(f->symbols[i].name, name))
			continue;
		*ret_addr = f->symbols[i].addr;
		*ret_size = 0;
		return 0;
	}
	return -ENOENT;
}

static int fake_section(void *priv, size_t module, const char *name, struct sym_range *ret)
{
	(void)priv, (void)module;
	if (strcmp(name, ".bss"))
		return -ENOENT;
	*ret = (struct sym_range){ TEXT, TEXT + TEXT_SIZE };
	return 0;
}

static int fake_function_at(void *priv, size_t module, uint64_t addr, struct sym_range *ret)
{
	(void)priv, (void)module, (void)addr, (void)ret;
	return -ENOENT;
}

static const struct mem_ops mem_ops = { .read = fake_read, .regions = fake_regions };
static const struct sym_ops sym_ops = {
	.modules = fake_modules,
	.lookup = fake_lookup,
	.section = fake_section,
	.function_at = fake_function_at,
};

static void put(struct fake *f, uint64_t addr, uint64_t v)
{
	memcpy(f->data + (addr - BASE), &v, 8);
}

static void add(struct fake *f, const char *name, uint64_t addr)
{
	f->symbols[f->n].name = name;
	f->symbols[f->n++].addr = addr;
}

/* A process with an eval loop and types, that is all. */
static struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->mem = (struct mem){ .ops = &mem_ops, .priv = f };
	f->sym = (struct sym){ .ops = &sym_ops, .priv = f };
	add(f, "PyEval_EvalCode", BASE + 0x10);
	add(f, "PyType_Type", TYPE);
	add(f, "PyCode_Type", TYPE + 0x200);
	add(f, "PyDict_Type", TYPE + 0x400);
	add(f, "PyUnicode_Type", TYPE + 0x600);
	put(f, TYPE + 8, TYPE);
	return f;
}

static void fill_debug_offsets(struct fake *f, unsigned hex, uint64_t free_threaded)
{
	const struct py_offsets *o = py_offsets_of(hex >> 16 & 0xff);

	memcpy(f->data + (RUNTIME - BASE), "xdebugpy", 8);
	put(f, RUNTIME + o->dbg_version, hex);
	put(f, RUNTIME + o->dbg_free_threaded, free_threaded);
#define OFF(name, st, path)
#define OBJ(name, st, path)
#define SIZ(name, st)
#define OSZ(name, st)
#define DBG(field, path)                \
	if (o->dbg_##field != OFF_NONE) \
		put(f, RUNTIME + o->dbg_##field, o->field);
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
}

/* One that runs, of a version that has Py_Version; nothing is wrong with it but that it has no eval
 * loop. */
static struct fake *fake_running(unsigned hex)
{
	const struct py_offsets *o = py_offsets_of(hex >> 16 & 0xff);
	struct fake *f = fake_new();
	uint32_t one = 1;

	add(f, "Py_Version", VERSION);
	put(f, VERSION, hex);
	add(f, "_PyRuntime", RUNTIME);
	if (!o)
		return f;
	if (o->minor >= 13)
		fill_debug_offsets(f, hex, 0);
	memcpy(f->data + (RUNTIME - BASE) + o->runtime_initialized, &one, 4);
	put(f, RUNTIME + o->runtime_interp_head, INTERP);
	put(f, INTERP + o->interp_tstate_head, TSTATE);
	put(f, TSTATE + o->tstate_interp, INTERP);
	return f;
}

/* Opens it: must fail with code and with text in its line. Frees f. */
static void refused(struct fake *f, int code, const char *text)
{
	struct probe_env env = { .pid = 42, .cwd = "/" };
	struct interp *in = NULL;
	int r = probes_open(&f->mem, &f->sym, &env, &f->err, &in);

	CU_ASSERT_EQUAL(r, code);
	CU_ASSERT_EQUAL(f->err.code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(f->err.text, text));
	CU_ASSERT_EQUAL(strncmp(f->err.text, "pid 42: ", 8), 0);
	if (!strstr(f->err.text, text))
		fprintf(stderr, "got: %s\n", f->err.text);
	CU_ASSERT_PTR_NULL(in);
	free(f);
}

static void test_not_python(void)
{
	struct fake *f = fake_new();

	f->n = 0;
	refused(f, -ENOENT, "pid 42: /usr/bin/thing is not a Python process");
}

static void test_pypy(void)
{
	struct fake *f = fake_new();

	add(f, "pypy_main_startup", BASE);
	refused(f, -ENOTSUP, "PyPy is not supported");
}

static void test_versions(void)
{
	struct fake *f;

	refused(fake_running(0x031000f0), -ENOTSUP,
		"Python 3.16.0 is not supported (3.6-3.15); nothing was attached");
	refused(fake_running(0x030f00a3), -ENOTSUP,
		"Python 3.15.0a3 is not supported (a pre-release; 3.6-3.15)");
	refused(fake_running(0x030f00b1), -ENOTSUP,
		"Python 3.15.0b1 is not supported (a pre-release; 3.6-3.15)");
	/* Old ones are known by the text of Py_GetVersion(). */
	f = fake_new();
	strcpy((char *)f->data + (TEXT + 0x20 - BASE),
	       "2.7.18 (default, May  9 2026, 07:30:00) \n[GCC 12.2.0]");
	refused(f, -ENOTSUP, "Python 2.7.18 is not supported (3.6-3.15); nothing was attached");
	f = fake_new();
	strcpy((char *)f->data + (TEXT + 0x40 - BASE), "3.5.10+ (default)");
	refused(f, -ENOTSUP, "Python 3.5.10 is not supported");
	/* Which functions it has says 3.8, so a text with another version is not its own. */
	f = fake_new();
	add(f, "PyConfig_InitPythonConfig", BASE);
	strcpy((char *)f->data + (TEXT + 0x20 - BASE), "3.9.1 (default)");
	refused(f, -EAGAIN, "still starting");
}

static void test_free_threaded(void)
{
	struct fake *f = fake_running(0x030d01f0);

	fill_debug_offsets(f, 0x030d01f0, 1);
	refused(f, -ENOTSUP, "Python 3.13.1 is a free-threaded build, which is not supported");
	/* The same without debug offsets: objects are not where they should be. */
	f = fake_running(0x030c01f0);
	put(f, TYPE + 8, 0xffffffff00000000);
	refused(f, -ENOTSUP, "objects of another layout");
	/* What the dynamic linker has not filled in yet. */
	f = fake_running(0x030c01f0);
	put(f, TYPE + 8, 0);
	refused(f, -EAGAIN, "still starting");
}

static void test_not_running(void)
{
	const struct py_offsets *o = py_offsets_of(11);
	struct fake *f;

	f = fake_running(0x030b02f0);
	put(f, RUNTIME + o->runtime_initialized, 0);
	refused(f, -EAGAIN, "still starting, or ending");
	f = fake_running(0x030b02f0);
	put(f, RUNTIME + o->runtime_finalizing, TSTATE);
	refused(f, -EAGAIN, "still starting, or ending");
	f = fake_running(0x030b02f0);
	put(f, RUNTIME + o->runtime_interp_head, 0);
	refused(f, -EAGAIN, "still starting, or ending");
	f = fake_running(0x030b02f0);
	put(f, TSTATE + o->tstate_interp, INTERP + 8);
	refused(f, -EAGAIN, "still starting, or ending");
	f = fake_running(0x030b02f0);
	put(f, RUNTIME + o->runtime_interp_head, 0xdead000000000000);
	refused(f, -EAGAIN, "still starting, or ending");
}

/* Py_TRACE_REFS (debug builds up to 3.7): two words before every object, so all that is in one lies
 * further on. */
static void test_trace_refs(void)
{
	struct fake *f = fake_running(0x030b02f0);

	put(f, TYPE + 8, 0);
	put(f, TYPE + 24, TYPE);
	refused(f, -ENOTSUP, "hides its eval loop"); /* so far it is fine */
	f = fake_running(0x030b02f0);
	put(f, TYPE + 8, 1);
	put(f, TYPE + 16, TYPE);
	refused(f, -ENOTSUP, "objects of another layout");
}

static void test_hidden(void)
{
	struct fake *f = fake_running(0x030b02f0);

	refused(f, -ENOTSUP, "hides its eval loop");
	f = fake_running(0x030b02f0);
	f->symbols[1].name = "not_PyType_Type";
	refused(f, -ENOTSUP, "exports no types");
	f = fake_running(0x030b02f0);
	f->symbols[f->n - 1].name = "not_PyRuntime";
	refused(f, -ENOTSUP, "hides its state");
}

static int check_blob(const struct fake *f, unsigned hex, struct py_offsets *off, struct err *err)
{
	struct interp_info info = { .hexversion = hex, .minor = hex >> 16 & 0xff };
	uint64_t size;

	cpython_version_text(hex, info.version, sizeof(info.version));
	*off = *py_offsets_of(info.minor);
	return cpython_debug_offsets(f->data + (RUNTIME - BASE), 2048, 42, &info, off, &size, err);
}

/* Each member that is compared makes a difference; those that may move are taken over. */
static void test_debug_offsets(void)
{
	struct py_offsets off, table;
	struct fake *f = fake_new();
	struct err err = { 0 };
	unsigned minor, compared = 0, moved = 0;

	for (minor = 13; minor <= CPYTHON_MINOR_MAX; minor++) {
		unsigned hex = 0x030000f0 | minor << 16;

		table = *py_offsets_of(minor);
		fill_debug_offsets(f, hex, 0);
		CU_ASSERT_EQUAL(check_blob(f, hex, &off, &err), 0);
		CU_ASSERT_EQUAL(memcmp(&off, &table, sizeof(off)), 0);
		CU_ASSERT_EQUAL(check_blob(f, hex + 0x100, &off, &err), -ENOTSUP);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "calls itself"));
#define OFF(name, st, path)
#define OBJ(name, st, path)
#define SIZ(name, st)
#define OSZ(name, st)
#define DBG(field, path)                                                \
	if (table.dbg_##field != OFF_NONE && table.field != OFF_NONE) { \
		put(f, RUNTIME + table.dbg_##field, table.field + 8);   \
		if (!check_blob(f, hex, &off, &err)) {                  \
			CU_ASSERT_EQUAL(off.field, table.field + 8);    \
			moved++;                                        \
		} else {                                                \
			CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path)); \
		}                                                       \
		put(f, RUNTIME + table.dbg_##field, table.field);       \
		compared++;                                             \
	}
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
		CU_ASSERT_EQUAL(check_blob(f, hex, &off, &err), 0);
		f->data[RUNTIME - BASE] ^= 1; /* the cookie */
		CU_ASSERT_EQUAL(check_blob(f, hex, &off, &err), -ENOTSUP);
		f->data[RUNTIME - BASE] ^= 1;
	}
	CU_ASSERT_TRUE(compared > 100);
	CU_ASSERT_EQUAL(moved, 3 * 3);
	free(f);
}

static void test_version_text(void)
{
	static const struct {
		const char *text;
		unsigned hex;
		size_t used;
	} good[] = {
		{ "3.8.18 (default", 0x030812f0, 6 },  { "3.10.0rc2 (", 0x030a00c2, 9 },
		{ "3.15.0a7+ (heads", 0x030f00a7, 9 }, { "3.9.0b3 ", 0x030900b3, 7 },
		{ "2.7.18+ (", 0x020712f0, 7 },	       { "3.6 (", 0x030600f0, 3 },
	};
	static const char *const bad[] = { "",	      "3",	  "3.",	    "4.1.2 (", "1.2.13 (",
					   "3.x",     "3.8.300",  "3.8.1a", "3.8.1r",  "3.8.1rc",
					   "3.999.1", "3.8.1b99", "x3.8.1" };
	char buf[24];
	size_t i, used;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(cpython_version_parse(good[i].text, strlen(good[i].text), &used),
				good[i].hex);
		CU_ASSERT_EQUAL(used, good[i].used);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(cpython_version_parse(bad[i], strlen(bad[i]), &used), 0);
	cpython_version_text(0x030f00a7, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, "3.15.0a7");
	cpython_version_text(0x030a0df0, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, "3.10.13");
	cpython_version_text(0x030a00c2, buf, sizeof(buf));
	CU_ASSERT_STRING_EQUAL(buf, "3.10.0rc2");
}

static const struct cu_test tests[] = {
	CU_T(test_not_python),	  CU_T(test_pypy),	    CU_T(test_versions),
	CU_T(test_free_threaded), CU_T(test_not_running),   CU_T(test_trace_refs),
	CU_T(test_hidden),	  CU_T(test_debug_offsets), CU_T(test_version_text),
};

int main(int argc, char **argv)
{
	return CU_MAIN("refuse", tests, argc, argv);
}
