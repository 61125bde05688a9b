// SPDX-License-Identifier: BSD-2-Clause
/* What a task waits for, in words: by the function of asyncio that stands there, and the future. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "probes/cpython/code.h"
#include "probes/cpython/tasks.h"

static bool is_asyncio(struct obj_rd *rd, const struct interp_frame *f, char **ret_name)
{
	_cleanup_free_ char *file = NULL;
	struct code_head h;
	const char *dir;

	if (code_head_read(rd->py, f->code, &h))
		return false;
	file = obj_str_dup(rd, h.file);
	dir = file ? strstr(file, "/asyncio/") : NULL;
	/* the package's own files lie directly in it */
	if (!dir || strchr(dir + strlen("/asyncio/"), '/'))
		return false;
	*ret_name = obj_str_dup(rd, h.name);
	return *ret_name != NULL;
}

/* The value of a variable of the frame; 0. */
static uint64_t local(struct obj_rd *rd, uint64_t frame, const char *name)
{
	struct interp_var *vars;
	uint64_t value = 0;
	size_t n;

	if (cpython_frame_vars(&rd->py->base, frame, &vars, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(vars[i].name, name))
			value = vars[i].value;
	interp_vars_free(vars, n);
	return value;
}

/* "Lock.acquire() of <asyncio.locks.Lock object at 0x...>", "sleep(10)", "gather()" */
static void add_call(struct obj_rd *rd, const struct interp_frame *f, const char *name,
		     struct strbuf *text)
{
	uint64_t self = local(rd, f->frame, "self"), delay;
	struct obj_type *t = self ? obj_type_of(rd, self, NULL) : NULL;
	_cleanup_free_ char *number = NULL;
	const char *module;

	if (t) {
		module = obj_type_module(rd, t);
		strbuf_addf(text, "%s.%s() of <%s.%s object at 0x%" PRIx64 ">", t->name, name,
			    module ? module : "?", t->qualname, self);
		return;
	}
	delay = !strcmp(name, "sleep") ? local(rd, f->frame, "delay") : 0;
	if (delay)
		number = obj_repr(rd, delay, 0);
	strbuf_addf(text, "%s(%s)", name, number ? number : "");
}

/* "task 'name'", "gather of 3", "future 0x..." */
static void add_future(struct obj_rd *rd, uint64_t fut, struct strbuf *text)
{
	_cleanup_free_ uint64_t *children = NULL;
	struct obj_type *t = obj_type_of(rd, fut, NULL);
	size_t n;

	if (task_is(rd, fut)) {
		_cleanup_free_ char *name = task_name(rd, fut);

		if (name)
			strbuf_addf(text, "task \"%s\"", name);
		else
			strbuf_addf(text, "task 0x%" PRIx64, fut);
	} else if (t && obj_type_derived(rd, t, "asyncio.tasks", "_GatheringFuture") &&
		   !task_seq_items(rd, obj_attr_addr(rd, fut, "_children"), 1u << 20, &children,
				   &n)) {
		strbuf_addf(text, "gather() of %zu", n);
	} else if (task_is_future(rd, fut)) {
		strbuf_addf(text, "future 0x%" PRIx64, fut);
	} else {
		strbuf_addf(text, "<%s object at 0x%" PRIx64 ">", t ? t->name : "?", fut);
	}
}

char *task_awaits(struct obj_rd *rd, const struct await_chain *c, uint64_t waiter)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *name = NULL;
	size_t first = c->n, call = 0;

	/* the outermost of the innermost frames that are asyncio's own; what `async with` and the
	 * __await__ of a Python future add says nothing */
	while (first > 0) {
		char *this = NULL;

		if (!is_asyncio(rd, &c->frames[first - 1], &this))
			break;
		first--;
		if (!strcmp(this, "__await__") || !strcmp(this, "__iter__") ||
		    (name && !strcmp(this, "__aenter__"))) {
			free(this);
			continue;
		}
		free(name);
		name = this;
		call = first;
	}
	if (!waiter)
		waiter = c->last;
	if (!name && !waiter)
		return NULL;
	if (name)
		add_call(rd, &c->frames[call], name, &text);
	if (waiter && (!name || task_is(rd, waiter) || !task_is_future(rd, waiter))) {
		if (name)
			strbuf_adds(&text, ": ");
		add_future(rd, waiter, &text);
	}
	return strbuf_take(&text);
}
