/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of cpython_open(), each in its own file. */
#ifndef PYBPFDBG_CPYTHON_DETECT_H
#define PYBPFDBG_CPYTHON_DETECT_H

#include <stddef.h>
#include <stdint.h>

struct cpython;
struct err;
struct interp_info;

/*
 * version.c: which Python the module py->info.module holds, from 2.0 on: fills info.version,
 * hexversion and minor. -ENOTSUP with a line in *err when it cannot be found out.
 */
int cpython_find_version(struct cpython *py, struct err *err);
/* PY_VERSION_HEX as people write it: 0x030f00a7 is "3.15.0a7". */
void cpython_version_text(unsigned hexversion, char *buf, size_t size);
/*
 * The reverse, of the start of a text ("3.8.18+ (default, ..."): PY_VERSION_HEX, or 0 when it is none.
 * *ret_len: characters used.
 */
unsigned cpython_version_parse(const char *text, size_t len, size_t *ret_len);

/*
 * debugoffsets.c: from 3.13 on the process itself says where things lie: compare the len bytes that
 * _PyRuntime begins with to the table *off, and take over what may move between micro versions.
 * -ENOTSUP with a line in *err: free-threaded, or something that matters lies elsewhere.
 */
int cpython_debug_offsets(const uint8_t *data, size_t len, int pid, const struct interp_info *info,
			  struct py_offsets *off, uint64_t *ret_interp_size, struct err *err);

/*
 * detect.c: -ENOTSUP with "pid PID: Python VERSION TEXT; nothing was attached".
 */
int cpython_refuse(struct err *err, int pid, const char *version, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* evalloop.c: fill py->eval. -ENOTSUP with a line in *err. */
int cpython_find_eval(struct cpython *py, struct err *err);

/* jit.c: -ENOTSUP with a line in *err when the JIT is on. interp_size: see above, 0: not known. */
int cpython_check_jit(struct cpython *py, const char *python_jit, uint64_t interp_size, struct err *err);

/* Call cb for pieces of section `name` (overlapping by `overlap` bytes); non-zero ends it and is returned. */
int cpython_scan_section(struct cpython *py, const char *name, size_t overlap,
			 int (*cb)(void *priv, uint64_t addr, const uint8_t *data, size_t len), void *priv);

#endif
