// SPDX-License-Identifier: BSD-2-Clause
#include "cli/mixed.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/js_text.h"
#include "cli/out.h"
#include "engine/mixed.h"

void show_native(struct out *out, const char *indent, const struct mixed_frame *f)
{
	out_add(out, OUT_DIM, "%snative 0x%" PRIx64, indent, f->pc);
	out_add(out, OUT_PLAIN, " %s", f->function ? f->function : "?");
	if (f->module[0])
		out_add(out, OUT_PLAIN, " of extension %s", f->module);
	out_add(out, OUT_DIM, " (%s)", f->file ? f->file : "?");
	out_end(out);
}

json_t *js_mixed(const struct mixed_frame *frames, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		const struct mixed_frame *f = &frames[i];
		char address[24];
		json_t *j;

		snprintf(address, sizeof(address), "0x%" PRIx64, f->pc);
		j = f->python ? json_pack("{sI}", "frame", (json_int_t)f->frame)
			      : json_pack("{ss so so}", "address", address, "function",
					  js_text(f->function), "file", js_text(f->file));
		if (j && f->module[0])
			json_object_set_new(j, "module", js_text(f->module));
		json_array_append_new(list, j);
	}
	return list;
}
