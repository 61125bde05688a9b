// SPDX-License-Identifier: BSD-2-Clause
/* `log` and `snap` with --children: the records of a process and of all below it. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "cli/captures.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/js.h"
#include "engine/capture.h"
#include "engine/family.h"
#include "target/target.h"

struct below {
	struct captures *cs;
	int (*prepare)(struct captures *cs, struct err *err);
	VEC(struct mem *) cached; /* since events were taken */
};

static int prepare(void *priv, struct session *s, struct err *err)
{
	struct below *b = ((struct follow *)priv)->priv;

	b->cs->s = b->cs->bound = s;
	return b->prepare(b->cs, err);
}

/* As long as the records of one call are shown, what else is read of a process does not change. */
static void cache(struct below *b, struct mem *mem)
{
	for (size_t i = 0; i < b->cached.n; i++)
		if (b->cached.data[i] == mem)
			return;
	if (!vec_push(&b->cached, mem))
		mem_cache_on(mem);
}

static bool is_complete(const struct captures *cs)
{
	return cs->hits.limit && cs->shown >= cs->hits.limit;
}

static void captured(void *priv, struct session *bound, struct session *reader, pid_t pid,
		     const struct abi_captured *rec, size_t size)
{
	struct below *b = ((struct follow *)priv)->priv;
	struct captures *cs = b->cs;
	struct capture c;
	int r;

	if (cs->failed || is_complete(cs))
		return;
	cs->s = reader;
	cs->bound = bound;
	cs->process = pid;
	cache(b, target_mem(session_target(reader)));
	r = capture_open(rec, size, &c);
	if (!r) {
		r = cs->show(cs, &c, cs->err);
		capture_deinit(&c);
	} else {
		r = err_set(cs->err, r, "pid %d: a record cannot be read: %s", pid, strerror(-r));
	}
	cs->shown++;
	cs->failed = r;
}

bool captures_read_again(struct captures *cs)
{
	if (!cs->bound || cs->s == cs->bound || target_has_memory(session_target(cs->s)))
		return false;
	cs->s = cs->bound;
	return true;
}

static void on_event(struct follow *f, const struct session_event *ev)
{
	const struct below *b = f->priv;

	if (ev->kind == SESSION_LOST)
		captures_unseen(b->cs, ev->lost);
}

static int on_taken(struct follow *f, struct err *err)
{
	struct below *b = f->priv;

	for (size_t i = 0; i < b->cached.n; i++)
		mem_cache_off(b->cached.data[i]);
	b->cached.n = 0;
	captures_clock(b->cs);
	f->done = is_complete(b->cs);
	return b->cs->failed ? b->cs->failed : out_check(f->out, err);
}

static int on_second(struct follow *f, struct err *err)
{
	const struct below *b = f->priv;

	captures_tell_dropped(b->cs);
	return out_check(f->out, err);
}

static int begin(struct follow *f, struct err *err)
{
	const struct below *b = f->priv;
	const struct bp *bp;

	for (size_t i = 0; f->out->json && (bp = family_bp(f->family, 0, i)) != NULL; i++)
		out_json(f->out, js_bound(bp));
	captures_lifetime(b->cs);
	return out_check(f->out, err);
}

/* Nothing more hits; what was sent until now is shown. */
static int finish(struct follow *f, struct err *err)
{
	const struct below *b = f->priv;
	bool ended = f->ended;
	uint64_t before;
	int r;

	family_disarm(f->family);
	do {
		before = b->cs->shown;
		r = follow_events(f, err);
	} while (!r && b->cs->shown > before);
	f->ended = ended;
	return r;
}

static int work(struct follow *f, struct err *err)
{
	const struct below *b = f->priv;
	int r;

	b->cs->err = err;
	b->cs->family = f->family;
	r = begin(f, err);
	if (!r)
		r = follow_wait(f, err);
	if (!r)
		r = finish(f, err);
	if (!r)
		captures_tell_end(b->cs);
	return r;
}

int captures_run_children(struct captures *cs, int (*of_each)(struct captures *cs, struct err *err))
{
	struct below b = { .cs = cs, .prepare = of_each };
	struct follow f = {
		.pid = cs->pid,
		.for_ms = cs->for_ms,
		.for_given = cs->for_given,
		.interval_ms = 1000,
		.event = on_event,
		.taken = on_taken,
		.tick = on_second,
		.out = cs->out,
		.priv = &b,
	};
	const struct family_options opt = {
		.session = { .scope = cs->scope },
		.specs = &cs->hits,
		.nspecs = 1,
		.prepare = prepare,
		.captured = captured,
		.max_records = cs->max_rate,
		.max_bytes = cs->max_bytes,
	};
	int r;

	cs->hits.capture = &cs->what;
	cs->sigfd = -1;
	captures_clock(cs);
	r = follow_run_family(&f, &opt, work);
	vec_deinit(&b.cached);
	captures_end(cs);
	return r == CLI_DONE && f.timeout && !f.done && cs->required ? CLI_TIMEOUT : r;
}
