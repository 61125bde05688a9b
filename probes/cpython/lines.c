// SPDX-License-Identifier: BSD-2-Clause
/* The lines of a code object of the target. */
#include <errno.h>

#include "base/cleanup.h"
#include "probes/cpython/code.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/linetable.h"
#include "probes/cpython/places.h"

int cpython_line_of(struct interp *in, uint64_t code, int32_t offset)
{
	struct cpython *py = cpython_of(in);
	_cleanup_free_ uint8_t *tab = NULL;
	struct linetable lt;
	struct code_head h;
	size_t len;
	int r;

	r = code_head_read(py, code, &h);
	if (r)
		return r;
	if (offset < 0) /* not started: its first line, as frame.f_lineno says */
		return h.first_line;
	if ((uint32_t)offset >= h.size)
		return -EINVAL;
	r = code_bytes(py, h.linetable, &tab, &len);
	if (r)
		return r;
	linetable_init(&lt, py->off->minor, tab, len, h.first_line, h.size);
	return linetable_find(&lt, (uint32_t)offset);
}

struct flow_input flow_input_of(const struct cpython *py, const struct code_parts *p)
{
	return (struct flow_input){
		.minor = py->off->minor,
		.bytes = p->bytes,
		.size = p->head.size,
		.lines = p->lines,
		.lines_len = p->lines_len,
		.exceptions = p->exceptions,
		.exceptions_len = p->exceptions_len,
		.first_line = p->head.first_line,
		.first_traceable = p->head.first_traceable,
	};
}

int cpython_places(struct interp *in, uint64_t code, struct interp_place **ret, size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	struct code_parts p;
	struct flow_input fi;
	int r;

	r = code_parts_read(py, code, &p);
	if (r)
		return r;
	fi = flow_input_of(py, &p);
	r = places_find(&fi, ret, ret_n);
	code_parts_deinit(&p);
	return r;
}
