// SPDX-License-Identifier: BSD-2-Clause
/* What the module threading calls the threads of an interpreter: its _active maps identifiers to
 * Thread objects. */
#include <string.h>

#include "base/strbuf.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/objects.h"

static struct interp_thread *thread_of(struct interp_thread *threads, size_t n, uint64_t id,
				       size_t *hint)
{
	size_t i;

	/* _active is in the order of start, the list of thread states the other way round. */
	for (i = 0; i < n; i++) {
		struct interp_thread *t = &threads[(*hint + n - 1 - i) % n];

		if (t->thread_id == id) {
			*hint = (size_t)(t - threads);
			return t;
		}
	}
	return NULL;
}

/* Thread._name of the object at addr; *ret_text is empty when it cannot be read. */
static void read_name(struct obj_rd *rd, uint64_t addr, struct strbuf *text)
{
	struct obj_type *type = obj_type_of(rd, addr, NULL);
	struct obj_dict attrs;
	uint64_t dict, name;
	int64_t len;

	strbuf_reset(text);
	if (!type || obj_instance_dict(rd, addr, type, &attrs, &dict) != 1 ||
	    obj_dict_find(&attrs, "_name", &name) ||
	    obj_str_read(rd, name, sizeof(((struct interp_thread *)0)->name), text, &len) < 0)
		strbuf_reset(text);
}

static void copy_name(const struct strbuf *text, char *buf, size_t size)
{
	size_t n = text->len < size ? text->len : size - 1;

	while (n && n < text->len && ((unsigned char)text->data[n] & 0xc0) == 0x80)
		n--; /* between characters */
	if (n)
		memcpy(buf, text->data, n);
	buf[n] = '\0';
}

static void read_active(struct obj_rd *rd, uint64_t active, struct interp_thread *threads, size_t n)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct interp_thread *t;
	struct obj_dict d;
	uint64_t key, value;
	size_t hint = 0, i;
	int64_t id;

	if (obj_dict_open(rd, active, &d))
		return;
	for (i = 0; i < CPYTHON_THREADS_MAX && obj_dict_next(&d, &key, &value) == 1; i++) {
		if (obj_long_read(rd, key, &id))
			continue;
		t = thread_of(threads, n, (uint64_t)id, &hint);
		if (!t)
			continue;
		read_name(rd, value, &text);
		copy_name(&text, t->name, sizeof(t->name));
	}
}

void cpython_thread_names(struct cpython *py, uint64_t interp, struct interp_thread *threads,
			  size_t n)
{
	uint64_t modules, threading, dict, active;
	struct obj_rd rd;

	/* A program that never imported threading has no names. */
	if (!n || mem_u64(py->mem, interp + py->off->interp_modules, &modules) ||
	    cpython_dict_get(&py->base, modules, "threading", &threading) ||
	    mem_u64(py->mem, threading + py->off->module_dict, &dict) ||
	    cpython_dict_get(&py->base, dict, "_active", &active))
		return;
	obj_rd_init(&rd, &py->base, NULL);
	read_active(&rd, active, threads, n);
	obj_rd_deinit(&rd);
}
