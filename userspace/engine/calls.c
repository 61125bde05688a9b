// SPDX-License-Identifier: BSD-2-Clause
/* Counting calls: the kernel counts by code object, here they get their names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "engine/index.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/trace.h"

/* What is needed to name what was called. */
struct calls {
	struct abi_py py;
};

/* Is the code object still the one that was called? */
static bool is_there(struct session *s, const struct abi_code_key *key)
{
	struct mem *mem = target_mem(s->target);
	const struct abi_py *py = &s->calls->py;
	uint64_t first, second = 0;

	if (mem_u64(mem, key->code + py->code_id[0], &first) ||
	    (py->code_id[1] != ABI_NONE && mem_u64(mem, key->code + py->code_id[1], &second)))
		return false;
	return abi_code_id(first, second) == key->id;
}

/* By itself, if it is still there. */
static bool name_now(struct session *s, const struct abi_code_key *key, struct session_call *c)
{
	struct interp_code code;

	if (!is_there(s, key) || s->in->ops->code(s->in, key->code, &code))
		return false;
	c->file = code_index_intern(s->index, code.file);
	c->function = code_index_intern(s->index, code.qualname);
	c->line = code.first_line;
	interp_code_deinit(&code);
	/* It may have been freed while it was read. */
	return c->file && c->function && is_there(s, key);
}

/* A str, of which the kernel kept the beginning, as text that lives as long as the session; NULL:
 * it is none, or longer. */
static const char *text_of(struct session *s, const struct abi_text *raw, bool is_file)
{
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 4096, .total = 1 };
	struct mem_chunk chunk = { .addr = raw->addr, .data = raw->data, .len = sizeof(raw->data) };
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const char *text = NULL;
	struct value *v;
	int r;

	if (!raw->addr)
		return NULL;
	mem_record_on(target_mem(s->target), &chunk, 1);
	r = s->in->ops->value(s->in, raw->addr, &lim, &v);
	mem_record_off(target_mem(s->target));
	if (r)
		return NULL;
	if (v->kind == VALUE_STR && v->bytes) {
		if (is_file && v->bytes[0] != '/' && v->bytes[0] != '<')
			strbuf_addf(&sb, "%s/", target_cwd(s->target));
		strbuf_adds(&sb, v->bytes);
		text = code_index_intern(s->index, strbuf_str(&sb));
	}
	value_free(v);
	return text;
}

/* It is gone: by what the kernel saw of it. */
static void name_then(struct session *s, const struct abi_calls *rec, struct session_call *c)
{
	c->function = text_of(s, &rec->name, false);
	c->file = c->function ? text_of(s, &rec->file, true) : NULL;
	if (!c->file)
		c->function = NULL;
	c->line = c->file ? rec->first_line : 0;
}

int session_calls_begin(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (!r)
		r = session_need_trace(s, err);
	/* Before 3.11 a code object does not know its qualified name: what holds it does. */
	if (!r && s->in->ops->info(s->in)->minor <= 10)
		r = bps_index(s, false, err);
	if (r)
		return r;
	if (!s->calls) {
		s->calls = calloc(1, sizeof(*s->calls));
		if (!s->calls)
			return err_set(err, -ENOMEM, "out of memory");
		s->in->ops->kernel(s->in, &s->calls->py);
	}
	return session_program_on(s, TRACE_PROGRAM_CALLS, err);
}

void session_calls_end(struct session *s)
{
	if (s->trace)
		trace_program_off(s->trace, TRACE_PROGRAM_CALLS);
}

void calls_deinit(struct session *s)
{
	free(s->calls);
	s->calls = NULL;
}

static int text_cmp(const char *a, const char *b)
{
	return a == b ? 0 : !a ? 1 : !b ? -1 : strcmp(a, b);
}

static int by_function(const void *pa, const void *pb)
{
	const struct session_call *a = pa, *b = pb;
	int r = text_cmp(a->file, b->file);

	if (!r)
		r = (a->line > b->line) - (a->line < b->line);
	return r ? r : text_cmp(a->function, b->function);
}

static int by_hits(const void *pa, const void *pb)
{
	const struct session_call *a = pa, *b = pb;

	if (a->hits != b->hits)
		return a->hits < b->hits ? 1 : -1;
	return by_function(pa, pb);
}

/* All of one function become one; n shrinks. */
static size_t merge(struct session_call *calls, size_t n)
{
	size_t i, to = 0;

	qsort(calls, n, sizeof(*calls), by_function);
	for (i = 1; i < n; i++) {
		if (by_function(&calls[to], &calls[i]))
			calls[++to] = calls[i];
		else
			calls[to].hits += calls[i].hits;
	}
	qsort(calls, n ? to + 1 : 0, sizeof(*calls), by_hits);
	return n ? to + 1 : 0;
}

struct gathered {
	struct session *s;
	VEC(struct session_call) calls;
};

static int gather(void *priv, const void *key, const void *value)
{
	const struct abi_calls *count = value;
	struct gathered *g = priv;
	struct session_call c = { .hits = count->hits };

	if (!name_now(g->s, key, &c))
		name_then(g->s, count, &c);
	return vec_push(&g->calls, c);
}

int session_calls(struct session *s, struct session_call **ret, size_t *ret_n)
{
	struct gathered g = { .s = s };
	int r = -ENOENT;

	if (s->calls && s->trace)
		r = trace_program_each(s->trace, TRACE_PROGRAM_CALLS, "calls_map",
				       sizeof(struct abi_code_key), sizeof(struct abi_calls),
				       gather, &g);
	if (r) {
		vec_deinit(&g.calls);
		return r;
	}
	*ret_n = merge(g.calls.data, g.calls.n);
	*ret = g.calls.data;
	return 0;
}
