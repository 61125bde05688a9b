// SPDX-License-Identifier: BSD-2-Clause
/* What the module threading calls the threads of an interpreter: its _active maps identifiers to Thread objects. */
#include <stdio.h>
#include <string.h>

#include "probes/cpython/cpython.h"
#include "probes/value.h"

/* The text of str v into buf, cut between characters. */
static void copy_name(const struct value *v, char *buf, size_t size)
{
	size_t n = v->nbytes < size ? v->nbytes : size - 1;

	while (n && n < v->nbytes && ((unsigned char)v->bytes[n] & 0xc0) == 0x80)
		n--;
	memcpy(buf, v->bytes, n);
	buf[n] = '\0';
}

static void read_name(struct cpython *py, uint64_t active, struct interp_thread *t)
{
	static const struct value_limits bare = { .bytes = sizeof(t->name), .items = 1, .total = 1 };
	struct value *key = value_new_long((int64_t)t->thread_id), *thread = NULL, *name = NULL;

	if (key && !cpython_item(&py->base, active, key, &bare, NULL, &thread) && thread->address &&
	    !cpython_attr(&py->base, thread->address, "_name", &bare, NULL, &name) && name->kind == VALUE_STR)
		copy_name(name, t->name, sizeof(t->name));
	value_free(key);
	value_free(thread);
	value_free(name);
}

void cpython_thread_names(struct cpython *py, uint64_t interp, struct interp_thread *threads, size_t n)
{
	uint64_t modules, threading, dict, active;
	size_t i;

	/* A program that never imported threading has no names. */
	if (mem_u64(py->mem, interp + py->off->interp_modules, &modules) ||
	    cpython_dict_get(&py->base, modules, "threading", &threading) ||
	    mem_u64(py->mem, threading + py->off->module_dict, &dict) ||
	    cpython_dict_get(&py->base, dict, "_active", &active))
		return;
	for (i = 0; i < n; i++)
		read_name(py, active, &threads[i]);
}
