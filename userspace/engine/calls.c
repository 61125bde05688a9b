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
#include "target/target.h"
#include "trace/trace.h"

/* What is needed to name what was called. */
struct calls {
	struct abi_py py;
	struct session_call *last; /* as it was when the target ended; else NULL */
	size_t nlast;
	bool over;
};

/* Is the code object still the one that was called? */
static bool is_there(struct session *s, struct session *by, const struct abi_code_key *key)
{
	struct mem *mem = target_mem(by->target);
	const struct abi_py *py = &s->calls->py;
	uint64_t first, second = 0;

	if (mem_u64(mem, key->code + py->code_id[0], &first) ||
	    (py->code_id[1] != ABI_NONE && mem_u64(mem, key->code + py->code_id[1], &second)))
		return false;
	return abi_code_id(first, second) == key->id;
}

/* By itself, if it is still there; as process `by` has it. */
static bool name_now(struct session *s, struct session *by, const struct abi_code_key *key,
		     struct session_call *c)
{
	struct interp_code code;

	if (!is_there(s, by, key) || by->in->ops->code(by->in, key->code, &code))
		return false;
	c->file = code_index_intern(s->index, code.file);
	c->function = code_index_intern(s->index, code.qualname);
	c->line = code.first_line;
	interp_code_deinit(&code);
	/* It may have been freed while it was read. */
	return c->file && c->function && is_there(s, by, key);
}

/* A str, of which the kernel kept the beginning, as text that lives as long as the session; NULL:
 * it is none, or longer. */
static const char *text_of(struct session *s, const struct abi_text *raw, bool is_file)
{
	struct mem_chunk chunk = { .addr = raw->addr, .data = raw->data, .len = sizeof(raw->data) };
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;
	int r;

	if (!raw->addr)
		return NULL;
	mem_record_on(target_mem(s->target), &chunk, 1);
	r = s->in->ops->text(s->in, raw->addr, ABI_TEXT_MAX, &text);
	mem_record_off(target_mem(s->target));
	if (r)
		return NULL;
	if (is_file && text[0] != '/' && text[0] != '<')
		strbuf_addf(&sb, "%s/", target_cwd(s->target));
	strbuf_adds(&sb, text);
	return code_index_intern(s->index, strbuf_str(&sb));
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

static int know_names(struct session *s, struct err *err)
{
	/* Before 3.11 a code object does not know its qualified name: what holds it does. */
	return s->in->ops->info(s->in)->minor <= 10 ? bps_index(s, false, err) : 0;
}

int session_calls_begin(struct session *s, struct err *err)
{
	int r = session_over(s, err);

	if (!r)
		r = session_need_trace(s, err);
	if (!r)
		r = know_names(s, err);
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
	if (s->calls)
		free(s->calls->last);
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
	if (!r)
		r = text_cmp(a->function, b->function);
	return r ? r : (a->pid > b->pid) - (a->pid < b->pid);
}

static int by_hits(const void *pa, const void *pb)
{
	const struct session_call *a = pa, *b = pb;

	if (a->hits != b->hits)
		return a->hits < b->hits ? 1 : -1;
	return by_function(pa, pb);
}

size_t session_calls_merge(struct session_call *calls, size_t n)
{
	size_t i, to = 0;

	if (!n)
		return 0;
	qsort(calls, n, sizeof(*calls), by_function);
	for (i = 1; i < n; i++) {
		if (by_function(&calls[to], &calls[i]))
			calls[++to] = calls[i];
		else
			calls[to].hits += calls[i].hits;
	}
	return to + 1;
}

void session_calls_sort(struct session_call *calls, size_t n)
{
	if (n)
		qsort(calls, n, sizeof(*calls), by_hits);
}

struct gathered {
	struct session *s;
	struct session *(*reader)(void *priv, pid_t pid);
	void *priv;
	VEC(struct session_call) calls;
};

/* Is it the function whose strings the kernel has kept? The qualified name ends in the other. */
static bool is_same(const struct session_call *now, const struct session_call *then)
{
	const char *dot = now->function ? strrchr(now->function, '.') : NULL;

	return now->function && then->function && now->line == then->line &&
	       !strcmp(now->file, then->file) &&
	       !strcmp(dot ? dot + 1 : now->function, then->function);
}

/*
 * With children: what s has there is asked first, as most processes are forked from it; the process
 * itself if that is another function (both have loaded something since) or what the kernel kept
 * does not tell.
 */
static void name_of_child(const struct gathered *g, const struct abi_code_key *key,
			  const struct abi_calls *count, struct session_call *c)
{
	struct session_call now = *c, then = *c;
	struct session *by;

	name_then(g->s, count, &then);
	if (name_now(g->s, g->s, key, &now) &&
	    (is_same(&now, &then) || c->pid == target_pid(g->s->target))) {
		*c = now;
		return;
	}
	by = g->reader(g->priv, c->pid);
	now = *c;
	*c = by && !know_names(by, NULL) && name_now(g->s, by, key, &now) ? now : then;
}

static int gather(void *priv, const void *key, const void *value)
{
	const struct abi_calls *count = value;
	struct gathered *g = priv;
	struct session_call c = { .hits = count->hits, .pid = (pid_t)count->ours };

	if (g->reader)
		name_of_child(g, key, count, &c);
	else if (!name_now(g->s, g->s, key, &c))
		name_then(g->s, count, &c);
	return vec_push(&g->calls, c);
}

int session_calls(struct session *s, struct session *(*reader)(void *priv, pid_t pid), void *priv,
		  struct session_call **ret, size_t *ret_n)
{
	struct gathered g = { .s = s, .reader = reader, .priv = priv };
	int r = -ENOENT;

	if (s->calls && s->calls->over) {
		*ret_n = s->calls->nlast;
		*ret = take_ptr(s->calls->last);
		s->calls->nlast = 0;
		return 0;
	}
	if (s->calls && s->trace)
		r = trace_program_each(s->trace, TRACE_PROGRAM_CALLS, "calls_map",
				       sizeof(struct abi_code_key), sizeof(struct abi_calls),
				       gather, &g);
	if (r) {
		vec_deinit(&g.calls);
		return r;
	}
	*ret_n = session_calls_merge(g.calls.data, g.calls.n);
	*ret = g.calls.data;
	return 0;
}

void calls_keep(struct session *s)
{
	/* With children nothing ends with the process. */
	if (s->calls && s->trace && !s->opt.children)
		s->calls->over = !session_calls(s, NULL, NULL, &s->calls->last, &s->calls->nlast);
}
