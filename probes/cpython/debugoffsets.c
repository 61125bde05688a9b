// SPDX-License-Identifier: BSD-2-Clause
/* _Py_DebugOffsets (3.13+, Include/internal/pycore_debug_offsets.h): what the process says of
 * itself. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

static const char cookie[8] = "xdebugpy";

static bool word(const uint8_t *data, size_t len, uint32_t off, uint64_t *ret)
{
	uint64_t v;

	if (off == OFF_NONE || len < 8 || off > len - 8)
		return false;
	memcpy(&v, data + off, 8);
	*ret = le64toh(v);
	return true;
}

/* Late members of the interpreter's state move when a bug fix adds one before them: believe the
 * process. */
static bool may_move(const char *field)
{
	return !strcmp(field, "interp_modules") || !strcmp(field, "interp_sysdict") ||
	       !strcmp(field, "interp_builtins");
}

static int layout(struct err *err, int pid, const struct interp_info *info, const char *what,
		  uint64_t is, uint32_t expected)
{
	return cpython_refuse(err, pid, info->version,
			      "has another layout (%s at %" PRIu64
			      ", not %u), which is not supported",
			      what, is, expected);
}

int cpython_debug_offsets(const uint8_t *data, size_t len, int pid, const struct interp_info *info,
			  struct py_offsets *off, uint64_t *ret_interp_size, struct err *err)
{
	uint64_t version, free_threaded, v;
	const struct py_offsets table = *off;

	if (len < sizeof(cookie) || memcmp(data, cookie, sizeof(cookie)) ||
	    !word(data, len, table.dbg_version, &version) ||
	    !word(data, len, table.dbg_free_threaded, &free_threaded))
		return cpython_refuse(err, pid, info->version,
				      "does not describe itself as that version does");
	if (version != info->hexversion)
		return cpython_refuse(err, pid, info->version,
				      "calls itself %#" PRIx64 " elsewhere", version);
	if (free_threaded)
		return cpython_refuse(err, pid, info->version,
				      "is a free-threaded build, which is not supported");
#define OFF(name, st, path)
#define OBJ(name, st, path)
#define SIZ(name, st)
#define OSZ(name, st)
#define DBG(field, path)                                                         \
	if (table.field != OFF_NONE && word(data, len, table.dbg_##field, &v) && \
	    v != table.field) {                                                  \
		if (!may_move(#field) || v > UINT32_MAX / 2)                     \
			return layout(err, pid, info, path, v, table.field);     \
		off->field = (uint32_t)v;                                        \
	}
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
	*ret_interp_size = 0;
	if (word(data, len, table.dbg_interp_size, &v))
		*ret_interp_size = v;
	return 0;
}
