// SPDX-License-Identifier: BSD-2-Clause
/* Which version of Python a process runs. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

#define PIECE	    (256u << 10)
#define SECTION_MAX (64u << 20)
#define VERSION_LEN 40 /* longer than any "3.10.13rc1+ (" */

int cpython_scan_section(struct cpython *py, const char *name, size_t overlap,
			 int (*cb)(void *priv, uint64_t addr, const uint8_t *data, size_t len),
			 void *priv)
{
	_cleanup_free_ uint8_t *buf = NULL;
	struct sym_range sec;
	uint64_t at;
	int r;

	r = sym_section(py->sym, py->info.module, name, &sec);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (sec.end <= sec.start)
		return 0;
	if (sec.end - sec.start > SECTION_MAX)
		sec.end = sec.start + SECTION_MAX;
	buf = malloc(PIECE + overlap);
	if (!buf)
		return -ENOMEM;
	for (at = sec.start; at < sec.end; at += PIECE) {
		size_t len = sec.end - at < PIECE + overlap ? sec.end - at : PIECE + overlap;

		if (mem_read(py->mem, at, buf, len))
			continue;
		r = cb(priv, at, buf, len);
		if (r)
			return r;
	}
	return 0;
}

static bool number(const char **p, const char *end, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	if (*p == end || !isdigit((unsigned char)**p))
		return false;
	for (; *p < end && isdigit((unsigned char)**p); (*p)++) {
		v = v * 10 + (unsigned)(**p - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

unsigned cpython_version_parse(const char *text, size_t len, size_t *ret_len)
{
	const char *p = text, *end = text + len;
	unsigned major, minor, micro = 0, level = 0xf, serial = 0;

	if (!number(&p, end, 3, &major) || major < 2 || p == end || *p++ != '.' ||
	    !number(&p, end, 99, &minor))
		return 0;
	if (end - p >= 2 && *p == '.') {
		p++;
		if (!number(&p, end, 255, &micro))
			return 0;
	}
	if (p < end && (*p == 'a' || *p == 'b')) {
		level = *p++ == 'a' ? 0xa : 0xb;
		if (!number(&p, end, 15, &serial))
			return 0;
	} else if (p < end && (*p == 'r' || *p == 'c')) {
		if (*p++ == 'r' && (p == end || *p++ != 'c'))
			return 0;
		level = 0xc;
		if (!number(&p, end, 15, &serial))
			return 0;
	}
	if (p < end && *p == '+') /* a checkout behind that release */
		p++;
	*ret_len = (size_t)(p - text);
	return major << 24 | minor << 16 | micro << 8 | level << 4 | serial;
}

void cpython_version_text(unsigned hex, char *buf, size_t size)
{
	unsigned level = hex >> 4 & 0xf, serial = hex & 0xf;
	const char *name = level == 0xa ? "a" : level == 0xb ? "b" : "rc";
	int n;

	n = snprintf(buf, size, "%u.%u.%u", hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
	if (level != 0xf && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, "%s%u", name, serial);
}

struct text_search {
	unsigned want; /* major << 8 | minor, 0: any */
	unsigned hex;
};

/* Py_GetVersion() (Python/getversion.c) leaves "VERSION (BUILD) COMPILER" in a static buffer. */
static int search_text(void *priv, uint64_t addr, const uint8_t *data, size_t len)
{
	struct text_search *s = priv;
	size_t i, used;
	unsigned hex;

	/* The x86-64 ABI aligns arrays of 16 bytes and more to 16. */
	for (i = -addr % 16; i + VERSION_LEN <= len; i += 16) {
		if ((data[i] != '2' && data[i] != '3') || data[i + 1] != '.')
			continue;
		hex = cpython_version_parse((const char *)data + i, VERSION_LEN - 2, &used);
		if (!hex || memcmp(data + i + used, " (", 2) || (s->want && hex >> 16 != s->want))
			continue;
		s->hex = hex;
		return 1;
	}
	return 0;
}

/*
 * Before 3.11 no data symbol holds the version. Which functions are exported tells the minor: each
 * of these came with that version (Doc/data/stable_abi.dat and the "versionadded" of Doc/c-api).
 */
static unsigned minor_by_symbols(struct cpython *py)
{
	static const struct {
		const char *symbol;
		unsigned minor;
	} firsts[] = {
		{ "PyModule_AddObjectRef", 10 },
		{ "PyObject_GC_IsTracked", 9 },
		{ "PyConfig_InitPythonConfig", 8 },
		{ "_PyRuntime", 7 },
		{ "PyOS_FSPath", 6 },
	};
	uint64_t addr, size;
	size_t i;

	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		if (!sym_lookup(py->sym, py->info.module, firsts[i].symbol, &addr, &size))
			return firsts[i].minor;
	return 0;
}

int cpython_find_version(struct cpython *py, struct err *err)
{
	struct interp_info *info = &py->info;
	struct text_search s = { 0 };
	uint64_t addr, size, hex = 0;
	int r;

	if (!sym_lookup(py->sym, info->module, "Py_Version", &addr, &size) &&
	    !mem_u64(py->mem, addr, &hex) && hex >> 24 != 3)
		hex = 0;
	if (!hex) {
		unsigned minor = minor_by_symbols(py);

		s.want = minor ? 3 << 8 | minor : 0;
		r = cpython_scan_section(py, ".bss", VERSION_LEN, search_text, &s);
		if (r >= 0 && !s.hex)
			r = cpython_scan_section(py, ".data", VERSION_LEN, search_text, &s);
		if (r < 0)
			return r;
		hex = s.hex;
	}
	if (!hex)
		return -EAGAIN; /* the buffer is filled when the interpreter starts */
	(void)err;
	info->hexversion = (unsigned)hex;
	info->minor = (unsigned)hex >> 16 & 0xff;
	cpython_version_text(info->hexversion, info->version, sizeof(info->version));
	return 0;
}
