/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that a client is given for frames and values. They mean something only while the target
 * stands: all die on resume, and no number is given out twice.
 */
#ifndef PYBPFDBG_DAP_HANDLES_H
#define PYBPFDBG_DAP_HANDLES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"
#include "engine/vars.h"
#include "probes/probe.h"

struct err;
struct value;

struct frame_handle {
	pid_t tid;
	struct interp_frame frame;
};

enum handle_kind { HANDLE_SCOPE, HANDLE_ADDRESS, HANDLE_VALUE };

struct value_handle {
	enum handle_kind kind;
	struct interp_frame frame; /* it was looked at from */
	enum vars_scope scope;	   /* SCOPE */
	uint64_t address;	   /* ADDRESS: of the object */
	const struct value *value; /* VALUE: computed, kept by handles_keep() */
	char *eval_name;	   /* an expression for it, NULL: none */
};

struct handles {
	int64_t frame_base, value_base; /* numbers below are dead */
	VEC(struct frame_handle) frames;
	VEC(struct value_handle) values;
	VEC(struct value *) kept;
};

void handles_init(struct handles *h);
void handles_deinit(struct handles *h);
void handles_clear(struct handles *h);

/* A number, or 0 when out of memory. */
int64_t handles_frame(struct handles *h, pid_t tid, const struct interp_frame *f);
/* h->eval_name is copied. */
int64_t handles_value(struct handles *h, const struct value_handle *v);
/* v lives as long as the handles; NULL is fine. 0 or -ENOMEM (v is then freed). */
int handles_keep(struct handles *h, struct value *v);

/* Borrowed until the next number is given out. NULL with a line: no such number, or no more. */
const struct frame_handle *handles_find_frame(const struct handles *h, int64_t id, struct err *err);
const struct value_handle *handles_find_value(const struct handles *h, int64_t id, struct err *err);

#endif
