// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a step must know of each code unit of a frame: where line events happen (the rules of
 * places.c, put to the edge that the kernel sees), where the frame is left, and which stores of a
 * position are no execution.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probes/cpython/code.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/places.h"

#define YIELD_FROM	 72 /* up to 3.10; Include/opcode.h */
#define INTERPRETER_EXIT 3  /* 3.12+: of a frame that no code of Python's is in */

struct unit_maker {
	const struct flow *f;
	const struct flow_input *in;
	const uint8_t *candidate;
	struct abi_step_unit *units;
};

/* As the place where an edge ends: when is a line event there? */
static uint32_t line_flags(const struct unit_maker *m, uint32_t i)
{
	const struct instr *in = &m->f->ins[i];
	unsigned minor = m->f->minor;

	if (minor <= 9)
		return ABI_UNIT_LINE | (m->f->begins[i] ? ABI_UNIT_ALWAYS : 0);
	if (!m->f->line[i])
		return 0;
	if (minor == 10)
		return ABI_UNIT_LINE | ABI_UNIT_BY_LINE;
	if (minor >= 12)
		return m->candidate[i] ? ABI_UNIT_LINE | ABI_UNIT_BY_LINE : 0;
	if (in->kind == OPK_RESUME || in->at < m->in->first_traceable)
		return 0;
	return ABI_UNIT_LINE | ABI_UNIT_BY_LINE | (in->kind == OPK_SEND ? ABI_UNIT_NOT_BACK : 0);
}

/* What it does to the frame. */
static uint32_t exit_flags(const struct unit_maker *m, uint32_t i)
{
	const struct flow *f = m->f;
	const struct instr *in = &f->ins[i];

	if (in->flags & OPF_RERAISES)
		return (f->handler[i] < 0 ? ABI_UNIT_LEAVES : 0) |
		       (in->arg && f->minor >= 10 ? ABI_UNIT_REWINDS : 0);
	/* a bare `raise` goes to its handler without a word (do_raise() of Python/ceval.c) */
	if (in->kind == OPK_EXIT && in->flags & OPF_RAISES && !in->arg)
		return f->handler[i] < 0 ? ABI_UNIT_LEAVES : 0;
	if (in->kind == OPK_EXIT && !(in->flags & OPF_RAISES))
		return f->minor >= 12 && in->op == INTERPRETER_EXIT   ? 0
		       : f->finally && f->minor <= 7 && f->finally[i] ? 0
								      : ABI_UNIT_RETURNS;
	if (in->kind == OPK_END_FINALLY)
		return ABI_UNIT_MAY_LEAVE;
	/* 3.13 moves the position on to the RESUME behind it, and a compiler may store only that */
	if (in->kind == OPK_YIELD ||
	    (f->minor >= 13 && in->kind == OPK_RESUME && i > 0 && f->ins[i - 1].kind == OPK_YIELD))
		return ABI_UNIT_YIELDS;
	return f->minor <= 10 && in->op == YIELD_FROM ? ABI_UNIT_DELEGATES : 0;
}

/* As the place where an edge begins. */
static uint32_t from_flags(const struct unit_maker *m, uint32_t i)
{
	const struct flow *f = m->f;
	const struct instr *in = &f->ins[i];
	struct flow_edge e = { .from = i, .raised = true };
	uint32_t flags = 0;

	if (f->minor <= 11 || in->kind == OPK_JUMP_BACK)
		flags |= ABI_UNIT_FROM_BACK;
	if ((f->minor >= 12 && in->kind == OPK_RESUME) ||
	    (f->minor == 11 && in->at <= m->in->first_traceable))
		flags |= ABI_UNIT_NO_LINE;
	if (f->handler[i] < 0)
		return flags;
	e.to = (uint32_t)f->handler[i];
	flags |= ABI_UNIT_CAUGHT;
	if (rule_event(f, m->in, m->candidate, &e) && !rule_ignored(f, &e))
		flags |= ABI_UNIT_RAISE_LINE;
	return flags;
}

/*
 * 3.12: where a generator ends that FOR_ITER or SEND runs, the position is moved on to the unit
 * before the target; see places_frame.c.
 */
static int32_t quiet_store(const struct flow *f, uint32_t i)
{
	const struct instr *in = &f->ins[i];

	if (f->minor != 12 || (in->kind != OPK_FOR_ITER && in->kind != OPK_SEND) || in->target <= 0)
		return -1;
	return (int32_t)f->ins[in->target].start - 2;
}

/* Two plain instructions of one unit each before it: 3.12 may run them as one (_PyCode_Quicken). */
static bool behind_pair(const struct flow *f, uint32_t i)
{
	return f->minor == 12 && i >= 2 && f->ins[i].start == f->ins[i - 2].start + 4 &&
	       f->ins[i - 1].kind == OPK_PLAIN && f->ins[i - 2].kind == OPK_PLAIN;
}

static void fill_unit(const struct unit_maker *m, uint32_t i)
{
	const struct flow *f = m->f;
	const struct instr *in = &f->ins[i];
	uint32_t from = from_flags(m, i), out = exit_flags(m, i);
	/* the prefix is stored, and from 3.11 on the instruction behind it as well */
	uint32_t acts = f->minor >= 11 ? in->at : in->start;

	for (uint32_t at = in->start; at < in->end; at += 2) {
		struct abi_step_unit *u = &m->units[at / 2];

		u->line = f->line[i];
		u->flags |=
			from | (out & (ABI_UNIT_LEAVES | ABI_UNIT_REWINDS | ABI_UNIT_DELEGATES));
		u->quiet = quiet_store(f, i);
		if (f->minor == 12 && in->flags & OPF_INLINES && at > in->at)
			u->flags |= ABI_UNIT_NO_LINE;
		/* before 3.11 only the instruction itself is left or rewound from */
		if (at != acts)
			u->flags &= ~(ABI_UNIT_LEAVES | ABI_UNIT_REWINDS);
	}
	m->units[acts / 2].flags |= out;
	m->units[in->start / 2].flags |= line_flags(m, i);
	if (behind_pair(f, i))
		m->units[in->start / 2].flags |= ABI_UNIT_PAIRED;
	if (f->handler[i] >= 0)
		m->units[f->ins[f->handler[i]].start / 2].flags |= ABI_UNIT_HANDLER;
}

static int units_make(const struct flow_input *in, struct abi_step_unit **ret, size_t *ret_n)
{
	_cleanup_free_ struct abi_step_unit *units = calloc(in->size / 2 + 1, sizeof(*units));
	_cleanup_free_ uint8_t *candidate = NULL;
	struct unit_maker m = { .in = in, .units = units };
	struct flow f;
	int r;

	if (!units)
		return -ENOMEM;
	r = flow_init(&f, in);
	if (r)
		return r;
	m.f = &f;
	if (in->minor >= 12) {
		m.candidate = candidate = rule_candidates(&f, in);
		r = candidate ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; !r && i < f.n; i++)
		fill_unit(&m, i);
	flow_deinit(&f);
	if (r)
		return r;
	*ret = take_ptr(units);
	*ret_n = in->size / 2;
	return 0;
}

/* The flow of a code object of the target; the parts must outlive *ret_in. */
static int input_read(struct cpython *py, uint64_t code, struct code_parts *p,
		      struct flow_input *ret_in)
{
	int r = code_parts_read(py, code, p);

	if (r)
		return r;
	*ret_in = flow_input_of(py, p);
	return 0;
}

int cpython_step_units(struct interp *in, uint64_t code, struct abi_step_unit **ret, size_t *ret_n)
{
	struct code_parts p;
	struct flow_input fi;
	int r = input_read(cpython_of(in), code, &p, &fi);

	if (r)
		return r;
	r = units_make(&fi, ret, ret_n);
	code_parts_deinit(&p);
	return r;
}

/* ---- frames that may be left ---- */

/* f_blockstack: how deep the value stack was when the block was begun (PyTryBlock.b_level). */
static int block_level(struct cpython *py, uint64_t frame, int32_t block, int32_t *ret)
{
	uint64_t at = frame + py->off->frame_blockstack + (uint64_t)block * 12 + 8;

	return block < 0 || block >= 20 ? -EINVAL : cpython_s32(py, at, ret);
}

#define WITH_CLEANUP_FINISH 82 /* up to 3.8, Include/opcode.h */

/* What 3.6 and 3.7 leave on the stack for END_FINALLY to go on with (Python/ceval.c, enum
 * why_code). */
#define WHY_RETURN   0x08
#define WHY_SILENCED 0x80

/* Is the item at `above` the level where a block began the number `why`? 1, 0 or -errno. */
static int is_why(struct cpython *py, uint64_t frame, int32_t block, int32_t above, uint32_t why)
{
	uint64_t stack, item, word;
	int32_t level;
	uint32_t digit;
	int r = block_level(py, frame, block, &level);

	if (!r)
		r = cpython_ptr(py, frame + py->off->frame_valuestack, &stack);
	if (!r && (level < 0 || level > 1 << 20))
		r = -EINVAL;
	if (!r)
		r = cpython_ptr(py, stack + 8 * (uint64_t)(level + above), &item);
	if (r)
		return r;
	if (!item || cpython_type_of(py, item, &word) || word != py->types.integer ||
	    mem_u64(py->mem, item + py->off->long_size, &word) || word != 1 ||
	    mem_u32(py->mem, item + py->off->long_digits, &digit))
		return 0;
	return digit == why;
}

/*
 * Before END_FINALLY: an exception that led here has left a block of its own, nothing else has. Up
 * to 3.7 `with` may have silenced it: then a number lies above the items of the exception; and
 * a `return` that runs the body has put its value and a number where the block that was left had
 * begun; at the end of a `with` both have moved down by one, over the __exit__ that was called
 * (Python/ceval.c, WITH_CLEANUP_START).
 */
static int end_finally_leaves(struct cpython *py, const struct flow *f, uint64_t frame, int32_t i)
{
	bool with = i > 0 && f->ins[i - 1].op == WITH_CLEANUP_FINISH;
	int32_t iblock;
	int r = cpython_s32(py, frame + py->off->frame_iblock, &iblock);

	if (r)
		return r;
	if (iblock == f->depth[i]) {
		if (f->handler[i] >= 0)
			return 0;
		return f->minor == 8 ? 1 : !is_why(py, frame, iblock - 1, 7, WHY_SILENCED);
	}
	if (f->minor == 8 || f->finally[i])
		return 0;
	return is_why(py, frame, iblock, with ? 0 : 1, WHY_RETURN);
}

int cpython_step_leaves(struct interp *in, uint64_t frame, uint64_t code, int32_t offset)
{
	struct cpython *py = cpython_of(in);
	struct code_parts p;
	struct flow_input fi;
	struct flow f;
	int32_t i;
	int r;

	if (py->off->minor > 8)
		return 0;
	r = input_read(py, code, &p, &fi);
	if (r)
		return r;
	r = flow_init(&f, &fi);
	if (!r) {
		i = flow_at(&f, (uint32_t)offset);
		r = i < 0			       ? -EINVAL
		    : f.ins[i].kind != OPK_END_FINALLY ? 0
						       : end_finally_leaves(py, &f, frame, i);
		flow_deinit(&f);
	}
	code_parts_deinit(&p);
	return r;
}

/* ---- what is returned ---- */

/* Where the frame's value stack begins: 0 or -errno. */
static int stack_base(struct cpython *py, uint64_t frame, uint64_t code, uint64_t *ret)
{
	int32_t slots;
	int r;

	if (py->off->minor <= 10)
		return cpython_ptr(py, frame + py->off->frame_valuestack, ret);
	r = cpython_s32(py, code + py->off->code_nlocalsplus, &slots);
	if (r)
		return r;
	if (slots < 0 || slots > 1 << 20)
		return -EINVAL;
	*ret = frame + py->off->iframe_localsplus + 8 * (uint64_t)slots;
	return 0;
}

static int const_at(struct cpython *py, uint64_t consts, uint32_t i, uint64_t *ret)
{
	uint64_t n;
	int r = mem_u64(py->mem, consts + py->off->ob_size, &n);

	if (!r && i >= n)
		r = -EINVAL;
	return r ? r : cpython_ptr(py, consts + py->off->tuple_items + 8 * (uint64_t)i, ret);
}

/*
 * A frame that is about to return has nothing else on its stack (3.8+: assert(EMPTY()) behind the
 * POP() of RETURN_VALUE in Python/ceval.c and bytecodes.c); before that, unless it is in a block.
 */
int cpython_return_value(struct interp *in, uint64_t frame, uint64_t code, int32_t offset,
			 uint64_t *ret)
{
	struct cpython *py = cpython_of(in);
	struct code_parts p;
	struct instr *ins;
	int32_t iblock = 0;
	uint64_t base;
	uint32_t n, i;
	int r = code_parts_read(py, code, &p);

	if (r)
		return r;
	r = bytecode_decode(py->off->minor, p.bytes, p.head.size, &ins, &n);
	if (!r) {
		for (i = 0; i < n && ins[i].end <= (uint32_t)offset; i++)
			;
		if (offset < 0 || i == n || ins[i].kind != OPK_EXIT || ins[i].flags & OPF_RAISES)
			r = -ENODATA;
		else if ((py->off->minor == 12 && ins[i].op == 121) ||
			 (py->off->minor == 13 && ins[i].op == 103)) /* RETURN_CONST */
			r = const_at(py, p.head.consts, ins[i].arg, ret);
		else {
			if (py->off->minor <= 7)
				r = cpython_s32(py, frame + py->off->frame_iblock, &iblock);
			if (!r && iblock)
				r = -ENODATA;
			if (!r)
				r = stack_base(py, frame, code, &base);
			if (!r)
				r = cpython_ptr(py, base, ret);
			if (!r)
				*ret &= ~(uint64_t)py->code_tag_mask;
			if (!r && !*ret)
				r = -ENODATA;
		}
		free(ins);
	}
	code_parts_deinit(&p);
	return r;
}
