// SPDX-License-Identifier: BSD-2-Clause
#include "dap/handles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "probes/value.h"

void handles_init(struct handles *h)
{
	*h = (struct handles){ .frame_base = 1, .value_base = 1 };
}

void handles_clear(struct handles *h)
{
	for (size_t i = 0; i < h->values.n; i++)
		free(h->values.data[i].eval_name);
	for (size_t i = 0; i < h->kept.n; i++)
		value_free(h->kept.data[i]);
	h->frame_base += (int64_t)h->frames.n;
	h->value_base += (int64_t)h->values.n;
	h->frames.n = h->values.n = h->kept.n = 0;
}

void handles_deinit(struct handles *h)
{
	handles_clear(h);
	vec_deinit(&h->frames);
	vec_deinit(&h->values);
	vec_deinit(&h->kept);
}

int64_t handles_frame(struct handles *h, pid_t tid, const struct interp_frame *f)
{
	/* The same frame asked for again is the same. */
	for (size_t i = 0; i < h->frames.n; i++)
		if (h->frames.data[i].tid == tid && h->frames.data[i].frame.frame == f->frame)
			return h->frame_base + (int64_t)i;
	if (vec_push(&h->frames, (struct frame_handle){ .tid = tid, .frame = *f }))
		return 0;
	return h->frame_base + (int64_t)h->frames.n - 1;
}

int64_t handles_value(struct handles *h, const struct value_handle *v)
{
	struct value_handle copy = *v;

	copy.eval_name = v->eval_name ? strdup(v->eval_name) : NULL;
	if (vec_push(&h->values, copy)) {
		free(copy.eval_name);
		return 0;
	}
	return h->value_base + (int64_t)h->values.n - 1;
}

int handles_keep(struct handles *h, struct value *v)
{
	int r = v ? vec_push(&h->kept, v) : 0;

	if (r)
		value_free(v);
	return r;
}

const struct frame_handle *handles_find_frame(const struct handles *h, int64_t id, struct err *err)
{
	if (id >= h->frame_base && id < h->frame_base + (int64_t)h->frames.n)
		return &h->frames.data[id - h->frame_base];
	err_set(err, -ENOENT,
		id > 0 && id < h->frame_base ? "frame %" PRId64
					       " is of an earlier stop: the target has run since"
					     : "there is no frame %" PRId64,
		id);
	return NULL;
}

const struct value_handle *handles_find_value(const struct handles *h, int64_t id, struct err *err)
{
	if (id >= h->value_base && id < h->value_base + (int64_t)h->values.n)
		return &h->values.data[id - h->value_base];
	err_set(err, -ENOENT,
		id > 0 && id < h->value_base ? "variable %" PRId64
					       " is of an earlier stop: the target has run since"
					     : "there is no variable %" PRId64,
		id);
	return NULL;
}
