// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the kernel is told of a breakpoint: its condition and hit counts, once for each code object
 * it lies in. What the kernel cannot decide is judged here, with the same counts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "bpf/expr_abi.h"
#include "engine/data.h"
#include "engine/expr.h"
#include "engine/kexpr.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"
#include "trace/pidns.h"
#include "trace/trace.h"

/*
 * Numbers are handed out in turn, so that a record that is still on its way is not taken for that
 * of whoever gets its number next. 0: none is left.
 */
static uint32_t pool_take(struct index_pool *p, uint32_t max)
{
	for (uint32_t i = 0; i < max; i++) {
		uint32_t n = (p->last + i) % (max - 1) + 1;

		if (p->used[n / 64] & 1ull << n % 64)
			continue;
		p->used[n / 64] |= 1ull << n % 64;
		p->last = n;
		return n;
	}
	return 0;
}

static void pool_give(struct index_pool *p, uint32_t n)
{
	p->used[n / 64] &= ~(1ull << n % 64);
}

/* Without memory the text is not kept. */
static void keep_text(const char **text, const char *now)
{
	if (*text && now && !strcmp(*text, now))
		return;
	free((char *)*text);
	*text = now ? strdup(now) : NULL;
}

struct abi_rule_state *rules_state(struct session *s, const struct bp_priv *b)
{
	return s->trace && b->state ? &trace_rule_states(s->trace)[b->state] : NULL;
}

/* The expression as a program for frames of this code; 0 in *ret: it is judged here, and why. */
static int compile(struct session *s, const struct expr *e, uint64_t code, struct err *why,
		   uint32_t *ret)
{
	struct abi_prog prog;
	uint32_t n;
	int r = kexpr_compile(e, s->in, code, why, &prog);

	*ret = 0;
	if (r)
		return r;
	n = pool_take(&s->pools.progs, ABI_PROGS_MAX);
	if (!n)
		return err_set(why, -EOPNOTSUPP, "no more than %d expressions fit into the kernel",
			       ABI_PROGS_MAX - 1);
	r = trace_prog_set(s->trace, n, &prog);
	if (r)
		pool_give(&s->pools.progs, n);
	else
		*ret = n;
	return r;
}

/* The same for a text, kept with the rule. */
static int compile_text(struct session *s, struct bp_rule *r, const char *text, struct err *why,
			uint32_t *ret)
{
	struct expr *e = NULL;
	int q = expr_parse(text, why, &e);

	if (!q)
		q = compile(s, e, r->code, why, ret);
	expr_free(e);
	return q ? q : vec_push(&r->progs, *ret);
}

static void rule_free(struct session *s, struct bp_rule *r)
{
	if (s->trace)
		(void)trace_rule_set(s->trace, r->rule, &(struct abi_rule){ 0 });
	pool_give(&s->pools.rules, r->rule);
	for (size_t i = 0; i < r->progs.n; i++)
		pool_give(&s->pools.progs, r->progs.data[i]);
	if (r->capture)
		pool_give(&s->pools.captures, r->capture);
	vec_deinit(&r->progs);
}

/* For expr_names() */
static int is_old(void *priv, const char *name, unsigned levels, bool call)
{
	(void)priv;
	(void)levels;
	return !call && strcmp(name, "old") == 0;
}

/* What only user space can tell at a write, or tells better where the thread may stop. -EOPNOTSUPP,
 * 0. */
static int ask_at_write(const struct bp_priv *b, struct err *why)
{
	bool item = b->data->st.kind == STORAGE_ITEM, stop = b->pub.action == BP_STOP;
	const struct value *now = b->data->now;

	if (item && (stop || expr_names(b->cond, is_old, NULL)))
		return err_set(why, -EOPNOTSUPP, "old, which the list may have lost before");
	if (stop && now && now->kind == VALUE_STR)
		return err_set(why, -EOPNOTSUPP, "a text that is changed in place");
	return 0;
}

/* The condition of a rule: in the kernel if it can be there, else asked for. */
static int rule_condition(struct session *s, struct bp_priv *b, struct bp_rule *r, struct err *err,
			  struct abi_rule *abi)
{
	struct err why = { 0 };
	int q = 0;

	if (b->pub.when != CATCH_RAISED)
		abi->flags |= ABI_RULE_ASK; /* see catch_judge() */
	if (!b->cond)
		return 0;
	if (b->data)
		q = ask_at_write(b, &why);
	else if (b->pub.when != CATCH_RAISED)
		q = err_set(&why, -EOPNOTSUPP, "its names are those of a frame that was left");
	if (!q)
		q = compile(s, b->cond, r->code, &why, &abi->cond);
	if (q == -EOPNOTSUPP && b->pub.action != BP_STOP)
		return err_set(
			err, q,
			"%s: the condition '%s' cannot be evaluated in the kernel, and nothing "
			"shall be stopped: %s",
			s->label, b->pub.condition, why.text);
	if (q == -EOPNOTSUPP) {
		abi->flags |= ABI_RULE_ASK;
		b->pub.in_kernel = false;
		keep_text(&b->pub.why_user, why.text);
		return 0;
	}
	if (!q)
		q = vec_push(&r->progs, abi->cond);
	return q ? err_set(err, q, "%s: cannot give the kernel a condition: %s", s->label,
			   strerror(-q))
		 : 0;
}

static int rule_set(struct session *s, struct bp_priv *b, struct bp_rule *r, struct err *err)
{
	static const uint32_t actions[] = {
		[BP_STOP] = ABI_ACT_STOP,
		[BP_COUNT] = ABI_ACT_COUNT,
		[BP_LOG] = ABI_ACT_LOG,
		[BP_SNAP] = ABI_ACT_SNAP,
	};
	struct abi_rule abi = {
		.action = actions[b->pub.action],
		.state = b->state,
		.capture = r->capture,
		.tid = (uint32_t)b->inner_tid,
		.ignore = b->ignore_until,
		.every = b->pub.every,
		.limit = b->pub.limit,
		.code_id = r->code_id,
	};
	int q;

	for (size_t i = 0; i < r->progs.n; i++)
		pool_give(&s->pools.progs, r->progs.data[i]);
	r->progs.n = 0;
	q = rule_condition(s, b, r, err, &abi);
	if (!q && r->capture)
		q = capture_rule(s, b, r, compile_text, err);
	if (q)
		return q;
	q = trace_rule_set(s->trace, r->rule, &abi);
	return q ? err_set(err, q, "%s: cannot give the kernel a breakpoint: %s", s->label,
			   strerror(-q))
		 : 0;
}

int rules_sync(struct session *s, struct bp_priv *b, struct err *err)
{
	int r = 0;

	b->pub.in_kernel = b->cond != NULL;
	keep_text(&b->pub.why_user, NULL);
	for (size_t i = 0; !r && s->trace && i < b->rules.n; i++) {
		struct process *was = process_visit(s, b->rules.data[i].process);

		r = rule_set(s, b, &b->rules.data[i], err);
		process_back(s, was);
	}
	return r;
}

uint32_t rules_of(const struct bp_priv *b, uint64_t code)
{
	for (size_t i = 0; i < b->rules.n; i++)
		if (b->rules.data[i].code == code)
			return b->rules.data[i].rule;
	return 0;
}

/*
 * Which code object a breakpoint means that waits for code. Code of modules and classes is freed
 * when it has run, and the next module's may lie there, with a line at the same place. 0: it does
 * not matter, or cannot be told; or there are several processes, and each may have loaded its own
 * there: bps_judge() tells by what lies there.
 */
static uint64_t code_id(struct session *s, const struct bp_priv *b, uint64_t code)
{
	struct mem *mem = target_mem(s->target);
	struct abi_py py = { 0 };
	uint64_t first, second = 0;
	int r;

	if (!b->waited || !code || b->data || processes_many(s))
		return 0;
	s->in->ops->kernel(s->in, &py);
	if (py.code_id[1] == ABI_NONE)
		r = mem_u64(mem, code + py.code_id[0], &first);
	else
		r = mem_u64(mem, code + py.code_filename, &first) ||
		    mem_u64(mem, code + py.code_name, &second);
	return r ? 0 : abi_rule_code_id(first, second);
}

int rules_identify(struct session *s, struct bp_priv *b, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < b->rules.n; i++) {
		struct bp_rule *rule = &b->rules.data[i];
		uint64_t id = code_id(s, b, rule->code);

		if (rule->process != s->now->pid || id == rule->code_id)
			continue;
		rule->code_id = id;
		r = rule_set(s, b, rule, err);
	}
	return r;
}

static int rule_new(struct session *s, struct bp_priv *b, uint64_t code)
{
	struct bp_rule r = { .code = code, .process = s->now->pid };
	int q;

	r.code_id = code_id(s, b, code);

	r.rule = pool_take(&s->pools.rules, ABI_RULES_MAX);
	if (b->capture)
		r.capture = pool_take(&s->pools.captures, ABI_CAPTURES_MAX);
	q = r.rule && (r.capture || !b->capture) ? vec_push(&b->rules, r) : -ENOSPC;
	if (q && r.rule)
		pool_give(&s->pools.rules, r.rule);
	if (q && r.capture)
		pool_give(&s->pools.captures, r.capture);
	return q;
}

int rules_make(struct session *s, struct bp_priv *b, struct err *err)
{
	int r = 0;

	if (!b->state) {
		b->state = pool_take(&s->pools.states, ABI_RULES_MAX);
		if (!b->state)
			return err_set(err, -ENOSPC, "%s: no more than %d breakpoints", s->label,
				       ABI_RULES_MAX - 1);
		memset(rules_state(s, b), 0, sizeof(struct abi_rule_state));
	}
	b->inner_tid = b->pub.tid ? pidns_inner(target_pid(s->target), b->pub.tid) : 0;
	if (b->pub.tid && !b->inner_tid)
		return err_set(err, -ESRCH, "%s: it has no thread %d", s->label, b->pub.tid);
	if (b->data && !b->rules.n)
		r = rule_new(s, b, KEXPR_AT_WRITE);
	for (size_t i = 0; !r && i < b->where.n; i++)
		if (b->where.places[i].place->event && !rules_of(b, b->where.places[i].code))
			r = rule_new(s, b, b->where.places[i].code);
	if (!r && b->pub.exception)
		r = rule_new(s, b, 0);
	if (r)
		return err_set(err, r, "%s: no more than %d breakpoints", s->label,
			       ABI_RULES_MAX - 1);
	return rules_sync(s, b, err);
}

int rules_more(struct session *s, struct bp_priv *b, struct err *err)
{
	size_t had = b->rules.n;
	int r = 0;

	for (size_t i = 0; !r && i < b->where.n; i++)
		if (b->where.places[i].place->event && !rules_of(b, b->where.places[i].code))
			r = rule_new(s, b, b->where.places[i].code);
	if (r)
		return err_set(err, r, "%s: no more than %d breakpoints", s->label,
			       ABI_RULES_MAX - 1);
	for (size_t i = had; !r && i < b->rules.n; i++)
		r = rule_set(s, b, &b->rules.data[i], err);
	return r;
}

void rules_trim(struct session *s, struct bp_priv *b)
{
	for (size_t i = b->rules.n; i-- > 0 && !b->data && !b->pub.exception;) {
		size_t k = 0;

		while (k < b->where.n && b->where.places[k].code != b->rules.data[i].code)
			k++;
		if (k < b->where.n)
			continue;
		rule_free(s, &b->rules.data[i]);
		b->rules.data[i] = b->rules.data[--b->rules.n];
	}
}

void rules_drop(struct session *s, struct bp_priv *b)
{
	for (size_t i = 0; i < b->rules.n; i++)
		rule_free(s, &b->rules.data[i]);
	vec_deinit(&b->rules);
}

void rules_deinit(struct session *s, struct bp_priv *b)
{
	rules_drop(s, b);
	if (b->state)
		pool_give(&s->pools.states, b->state);
	b->state = 0;
}

/* What the kernel can tell of an error. */
static const char *kernel_error(int e)
{
	switch (e) {
	case ENOENT:
		return "a name, attribute, key or index in it is not there";
	case EINVAL:
		return "TypeError: its operands do not go together";
	case EFAULT:
		return "memory that it needs could not be read";
	default:
		return strerror(e);
	}
}

void rules_refresh(struct session *s, struct bp_priv *b)
{
	const struct abi_rule_state *st = rules_state(s, b);
	uint64_t accepted;

	if (!st)
		return; /* never armed, or the target has ended: what was counted stays */
	accepted = __atomic_load_n(&st->accepted, __ATOMIC_RELAXED);
	b->pub.ignore = b->ignore_until > accepted ? b->ignore_until - accepted : 0;
	/* as pdb counts: those that `ignore` lets pass, too */
	b->pub.hits =
		b->pub.action == BP_STOP ? accepted : __atomic_load_n(&st->hits, __ATOMIC_RELAXED);
	b->pub.errors = __atomic_load_n(&st->errors, __ATOMIC_RELAXED);
	if (b->pub.in_kernel && b->pub.errors)
		keep_text(&b->pub.last_error,
			  kernel_error((int)__atomic_load_n(&st->last_error, __ATOMIC_RELAXED)));
	else if (b->pub.errors && !b->pub.last_error)
		keep_text(&b->pub.last_error, "why is not known");
	b->pub.undecided = __atomic_load_n(&st->undecided, __ATOMIC_RELAXED);
	b->pub.lost = __atomic_load_n(&st->lost, __ATOMIC_RELAXED);
	b->pub.limited = __atomic_load_n(&st->limited, __ATOMIC_RELAXED);
}

/* ---- judging here ---- */

static uint64_t add(__u64 *n, int64_t by)
{
	return __atomic_fetch_add(n, (__u64)by, __ATOMIC_RELAXED);
}

/* 1, 0 or -1: it cannot be told, and the breakpoint knows why. */
static int condition_truth(struct session *s, struct bp_priv *b, const struct abi_hit *hit)
{
	const struct expr_given given[] = {
		{ "old", b->data ? b->data->old : NULL },
		{ "new", b->data ? b->data->new : NULL },
	};
	struct expr_scope scope = { .in = s->in,
				    .frame = b->pub.exception ? catch_frame(s, b, hit) : hit->frame,
				    .tstate = hit->place == ABI_PLACE_RAISE ? hit->tstate : 0,
				    .given = given,
				    .ngiven = b->data ? 2 : 0 };
	struct value_limits lim = VALUE_LIMITS_DEFAULT;
	struct err err = { 0 };
	struct value *v;
	int truth;

	lim.depth = 1;
	if (expr_eval(b->cond, &scope, &lim, &err, &v)) {
		keep_text(&b->pub.last_error, err.text);
		return -1;
	}
	truth = value_truth(v);
	if (truth < 0) {
		err_set(&err, -EOPNOTSUPP,
			"the truth of a '%s' object is not known without running its code",
			v->type);
		keep_text(&b->pub.last_error, err.text);
	}
	value_free(v);
	return truth;
}

bool rules_ask(struct session *s, struct bp_priv *b, const struct abi_hit *hit)
{
	struct abi_rule_state *st = rules_state(s, b);
	int truth = b->cond ? condition_truth(s, b, hit) : 1;
	uint64_t n;

	if (!st)
		return false;
	if (truth <= 0) {
		add(truth ? &st->errors : &st->unmet, 1);
		return false;
	}
	n = add(&st->accepted, 1); /* from here as rule_counts() of bpf/action.bpf.h */
	if (n < b->ignore_until || (b->pub.every > 1 && (n - b->ignore_until) % b->pub.every))
		return false;
	if (add(&st->hits, 1) < b->pub.limit || !b->pub.limit)
		return true;
	add(&st->hits, -1);
	return false;
}

void rules_unhit(struct session *s, struct bp_priv *b)
{
	struct abi_rule_state *st = rules_state(s, b);

	if (!st)
		return;
	add(&st->accepted, -1);
	add(&st->hits, -1);
}
