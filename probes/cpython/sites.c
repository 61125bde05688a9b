// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where in the interpreter's text a uprobe sees what happens (interp_ops.sites). At a function's
 * entry the arguments are in their registers. The handlers of the RESUME instructions (3.11+) are
 * found through the dispatch table, and read: which instruction does every pass execute exactly
 * once, and which register holds the frame? Every handler begins by storing where the frame stands
 * (Python/ceval_macros.h, INSTRUCTION_START; from 3.13 on Tools/cases_generator writes it):
 *	mov %next_instr,iframe_instr(%frame)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/vec.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"
#include "probes/cpython/machine.h"

#define CHAIN_MAX    32	 /* instructions looked at from an entry to the first fork */
#define REACH_MAX    512 /* instructions that are followed from an entry */
#define HANDLERS_MAX 8

/* The instructions that every pass from an entry executes, in their order. */
struct chain {
	struct machine_instr in[CHAIN_MAX];
	size_t n;
};

struct addresses {
	VEC(uint64_t) v;
};

static int decode(struct cpython *py, uint64_t at, struct machine_instr *ret)
{
	uint8_t data[MACHINE_MAX];
	int r = sym_text(py->sym, py->info.module, at, data, sizeof(data));

	return r < 0 ? r : machine_decode(data, (size_t)r, at, ret);
}

static int chain_from(struct cpython *py, uint64_t entry, struct chain *ret)
{
	struct machine_instr *in;
	int r;

	ret->n = 0;
	do {
		in = &ret->in[ret->n];
		r = decode(py, entry, in);
		if (r)
			return ret->n ? 0 : r;
		ret->n++;
		entry = in->flow == MACHINE_JUMP ? in->target : in->at + in->len;
	} while (ret->n < CHAIN_MAX && !in->call && in->flow != MACHINE_COND &&
		 in->flow != MACHINE_END);
	/* The last one may be executed or not: a return or an indirect jump is not worth a probe.
	 */
	return 0;
}

static bool holds(const struct addresses *set, uint64_t addr)
{
	for (size_t i = 0; i < set->v.n; i++)
		if (set->v.data[i] == addr)
			return true;
	return false;
}

static int add(struct addresses *set, uint64_t addr)
{
	return holds(set, addr) ? 0 : vec_push(&set->v, addr);
}

/*
 * All instructions that can be reached from start without going through the dispatch table, the
 * nearest first, up to a limit.
 */
static int reach(struct cpython *py, uint64_t start, struct addresses *ret)
{
	struct machine_instr in;
	int r = add(ret, start);

	for (size_t i = 0; !r && i < ret->v.n && i < REACH_MAX; i++) {
		if (decode(py, ret->v.data[i], &in) || in.flow == MACHINE_END)
			continue;
		if (in.flow != MACHINE_JUMP)
			r = add(ret, in.at + in.len);
		if (!r && in.flow != MACHINE_NEXT)
			r = add(ret, in.target);
	}
	return r;
}

/* Can the instruction be reached once more from where it leads? 1, 0 or -errno. */
static int loops(struct cpython *py, const struct machine_instr *in)
{
	struct addresses set = { 0 };
	int r = 0;

	if (in->flow != MACHINE_JUMP)
		r = reach(py, in->at + in->len, &set);
	if (!r && in->flow != MACHINE_NEXT)
		r = reach(py, in->target, &set);
	if (!r)
		r = holds(&set, in->at);
	vec_deinit(&set.v);
	return r;
}

/* Is one of the registers in mask changed by in[from] to in[to - 1]? */
static bool changes(const struct chain *c, size_t from, size_t to, unsigned mask)
{
	for (size_t i = from; i < to; i++)
		if (c->in[i].writes & mask)
			return true;
	return false;
}

/* The store of the position; c->n when there is none. */
static size_t find_store(const struct cpython *py, const struct chain *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->in[i].store_value != ABI_REG_NONE && c->in[i].store_base != ABI_REG_NONE &&
		    c->in[i].store_base != ABI_REG_SP &&
		    c->in[i].store_offset == (int32_t)py->off->iframe_instr)
			break;
	return i;
}

/* Which registers hold what at instruction i of a handler; false: not all that is needed. */
static bool describe(const struct chain *c, size_t store, size_t i, struct interp_site *ret)
{
	const struct machine_instr *st = &c->in[store];
	bool before = i <= store;
	unsigned needed = 1u << st->store_base;

	if (before)
		needed |= 1u << st->store_value;
	if (before ? changes(c, i, store, needed) : changes(c, store, i, needed))
		return false;
	*ret = (struct interp_site){
		.addr = c->in[i].at,
		.emulated = c->in[i].emulated,
		.site = {
			.kind = ABI_SITE_RESUME,
			.frame = st->store_base,
			.instr = before ? st->store_value : ABI_REG_NONE,
			.tstate = ABI_REG_NONE,
			.code = ABI_REG_NONE,
			.throwflag = ABI_REG_NONE,
		},
	};
	return true;
}

/* The best instruction of one handler; others: what can be reached from the other handlers.
 * -ENOENT. */
static int choose(struct cpython *py, const struct chain *c, const struct addresses *others,
		  struct interp_site *ret)
{
	size_t store = find_store(py, c);
	struct interp_site s;
	bool found = false;
	int r;

	if (store == c->n)
		return -ENOENT;
	for (size_t i = 0; i < c->n; i++) {
		if (c->in[i].flow == MACHINE_END || c->in[i].forbidden ||
		    (found && !c->in[i].emulated) || holds(others, c->in[i].at) ||
		    !describe(c, store, i, &s))
			continue;
		r = loops(py, &c->in[i]);
		if (r < 0)
			return r;
		if (r)
			continue;
		*ret = s;
		found = true;
		if (s.emulated)
			break;
	}
	return found ? 0 : -ENOENT;
}

/* Is that one of the opcodes that the site is about? */
static bool is_opcode(unsigned minor, uint8_t op, enum abi_site_kind kind)
{
	enum op_kind k = bytecode_kind(minor, op);
	uint8_t flags = bytecode_flags(minor, op);

	switch (kind) {
	case ABI_SITE_RESUME:
		return k == OPK_RESUME;
	case ABI_SITE_RETURN:
		return k == OPK_EXIT && !flags;
	case ABI_SITE_RERAISE:
		return k == OPK_END_FINALLY || (k == OPK_EXIT && flags & OPF_RERAISES);
	case ABI_SITE_RAISE:
		return k == OPK_EXIT && flags == OPF_RAISES;
	default:
		return false;
	}
}

/* The different handlers of those opcodes, in all their forms. */
static size_t handlers_of(const struct cpython *py, enum abi_site_kind kind,
			  uint64_t ret[static HANDLERS_MAX])
{
	size_t n = 0, k;

	for (unsigned op = 0; op < 256; op++) {
		if (!is_opcode(py->info.minor, (uint8_t)op, kind))
			continue;
		for (k = 0; k < n && ret[k] != py->targets[op]; k++)
			;
		if (k == n && n < HANDLERS_MAX)
			ret[n++] = py->targets[op];
	}
	return n;
}

/*
 * Up to 3.10 the frame holds its position before the handler begins, and the thread state the
 * frame: any instruction will do that runs once.
 */
static int choose_any(struct cpython *py, const struct chain *c, const struct addresses *others,
		      struct interp_site *ret)
{
	bool found = false;
	int r;

	for (size_t i = 0; i < c->n; i++) {
		if (c->in[i].flow != MACHINE_NEXT || c->in[i].forbidden || c->in[i].call ||
		    (found && !c->in[i].emulated) || holds(others, c->in[i].at))
			continue;
		r = loops(py, &c->in[i]);
		if (r < 0)
			return r;
		if (r)
			continue;
		*ret = (struct interp_site){
			.addr = c->in[i].at,
			.emulated = c->in[i].emulated,
			.site = { .frame = ABI_REG_NONE,
				  .instr = ABI_REG_NONE,
				  .tstate = ABI_REG_NONE,
				  .code = ABI_REG_NONE,
				  .throwflag = ABI_REG_NONE },
		};
		found = true;
		if (c->in[i].emulated)
			break;
	}
	return found ? 0 : -ENOENT;
}

static int handler_site(struct cpython *py, const uint64_t *handlers, size_t n, size_t which,
			struct interp_site *ret)
{
	struct addresses others = { 0 };
	struct chain c;
	int r = chain_from(py, handlers[which], &c);

	for (size_t i = 0; !r && i < n; i++)
		if (i != which)
			r = reach(py, handlers[i], &others);
	if (!r)
		r = py->info.minor >= 11 ? choose(py, &c, &others, ret)
					 : choose_any(py, &c, &others, ret);
	vec_deinit(&others.v);
	return r;
}

struct sites {
	VEC(struct interp_site) v;
};

static int add_handlers(struct cpython *py, enum abi_site_kind kind, struct sites *out)
{
	uint64_t handlers[HANDLERS_MAX];
	size_t n = handlers_of(py, kind, handlers);
	struct interp_site s;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = handler_site(py, handlers, n, i, &s);
		s.site.kind = (uint8_t)kind;
		if (!r)
			r = vec_push(&out->v, s);
	}
	return r;
}

/* The first instruction of function `symbol` that is emulated, while the arguments are where they
 * were; else the first. */
static int add_entry(struct cpython *py, const char *symbol, struct abi_site site,
		     struct sites *out)
{
	unsigned args = 1u << ABI_REG_DI | 1u << ABI_REG_SI | 1u << ABI_REG_DX;
	uint64_t addr, size;
	struct chain c;
	size_t i;
	int r;

	r = sym_lookup(py->sym, py->info.module, symbol, &addr, &size);
	if (!r)
		r = chain_from(py, addr, &c);
	if (r)
		return r;
	/* no jump: where a thread that stops there stands is then known (engine/stops.c) */
	for (i = 0; i < c.n && (!c.in[i].emulated || c.in[i].flow != MACHINE_NEXT); i++)
		;
	if (i == c.n || c.in[i].call || changes(&c, 0, i, args))
		i = c.in[0].forbidden;
	if (i == c.n)
		return -ENOENT;
	return vec_push(&out->v, (struct interp_site){
					 .addr = c.in[i].at,
					 .emulated = c.in[i].emulated,
					 .site = site,
				 });
}

static int add_eval_entry(struct cpython *py, struct sites *out)
{
	struct abi_site site = {
		.kind = ABI_SITE_EVAL_ENTRY,
		.tstate = ABI_REG_NONE,
		.frame = ABI_REG_DI,
		.throwflag = ABI_REG_SI,
		.code = ABI_REG_NONE,
		.instr = ABI_REG_NONE,
	};

	/* 3.9 put the thread state in front (Include/internal/pycore_ceval.h, bpo-38500) */
	if (py->info.minor >= 9) {
		site.tstate = ABI_REG_DI;
		site.frame = ABI_REG_SI;
		site.throwflag = ABI_REG_DX;
	}
	return add_entry(py, "_PyEval_EvalFrameDefault", site, out);
}

static int add_function(struct cpython *py, const char *symbol, enum abi_site_kind kind,
			struct sites *out)
{
	struct abi_site site = {
		.kind = (uint8_t)kind,
		.tstate = ABI_REG_NONE,
		.frame = kind == ABI_SITE_TRACEBACK ? ABI_REG_DI : ABI_REG_NONE,
		.code = kind == ABI_SITE_EVAL_CODE ? ABI_REG_DI : ABI_REG_NONE,
		.throwflag = ABI_REG_NONE,
		.instr = ABI_REG_NONE,
	};

	return add_entry(py, symbol, site, out);
}

int cpython_sites(struct interp *in, unsigned kinds, struct err *err, struct interp_site **ret,
		  size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	struct sites out = { 0 };
	int r = 0;

	if (kinds & 1u << ABI_SITE_EVAL_ENTRY)
		r = add_eval_entry(py, &out);
	if (!r && kinds & 1u << ABI_SITE_RESUME && py->info.minor >= 11)
		r = add_handlers(py, ABI_SITE_RESUME, &out);
	for (unsigned kind = ABI_SITE_RETURN; !r && kind <= ABI_SITE_RAISE; kind++)
		if (kinds & 1u << kind)
			r = add_handlers(py, (enum abi_site_kind)kind, &out);
	if (!r && kinds & 1u << ABI_SITE_EVAL_CODE)
		r = add_function(py, "PyEval_EvalCode", ABI_SITE_EVAL_CODE, &out);
	if (!r && kinds & 1u << ABI_SITE_TRACEBACK)
		r = add_function(py, "PyTraceBack_Here", ABI_SITE_TRACEBACK, &out);
	if (r) {
		vec_deinit(&out.v);
		return r == -ENOMEM
			       ? r
			       : err_set(err, -ENOTSUP,
					 "pid %d: the uprobe engine cannot find its way through "
					 "the eval loop of this Python %s",
					 py->pid, py->info.version);
	}
	*ret = out.v.data;
	*ret_n = out.v.n;
	return 0;
}
