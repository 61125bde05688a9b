// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cpython/bytecode.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/opcodes_gen.h"

static const struct op_info *table(unsigned minor)
{
	return minor < sizeof(ops_of_minor) / sizeof(ops_of_minor[0]) ? ops_of_minor[minor] : NULL;
}

bool bytecode_supported(unsigned minor)
{
	return table(minor) != NULL;
}

enum op_kind bytecode_kind(unsigned minor, uint8_t op)
{
	const struct op_info *ops = table(minor);

	return ops ? (enum op_kind)ops[op].kind : OPK_UNKNOWN;
}

uint8_t bytecode_flags(unsigned minor, uint8_t op)
{
	const struct op_info *ops = table(minor);

	return ops ? ops[op].flags : 0;
}

uint8_t bytecode_raise(unsigned minor)
{
	const struct op_info *ops = table(minor);
	unsigned op;

	/* what leaves the frame by an exception of its own */
	for (op = 0; ops && op < 256; op++)
		if (ops[op].base == op && ops[op].kind == OPK_EXIT && ops[op].flags == OPF_RAISES)
			return (uint8_t)op;
	return 0;
}

/* One opcode may lie over another that lies over a third: INSTRUMENTED_LINE over
 * INSTRUMENTED_INSTRUCTION. */
#define LAYERS_MAX 4

static int restore_unit(const struct op_info *ops, uint8_t *unit, uint32_t index,
			const struct bytecode_originals *o)
{
	uint8_t pair[2];
	int i;

	for (i = 0; i < LAYERS_MAX; i++) {
		switch (ops[unit[0]].kind) {
		case OPK_INSTRUMENTED_LINE:
			if (!o->lines)
				return -EINVAL;
			unit[0] = o->lines[o->lines_skip + index * o->lines_stride];
			break;
		case OPK_INSTRUMENTED_INSTRUCTION:
			if (!o->opcodes)
				return -EINVAL;
			unit[0] = o->opcodes[index];
			break;
		case OPK_ENTER_EXECUTOR:
			if (!o->executor || o->executor(o->priv, unit[1], pair))
				return -EINVAL;
			unit[0] = pair[0];
			unit[1] = pair[1];
			break;
		default:
			return 0;
		}
	}
	return -EINVAL;
}

int bytecode_restore(unsigned minor, uint8_t *code, uint32_t size,
		     const struct bytecode_originals *o)
{
	const struct op_info *ops = table(minor);
	uint32_t i, n = size / 2;
	int r;

	if (!ops)
		return -EINVAL;
	for (i = 0; i < n; i += 1u + ops[ops[code[2 * i]].base].caches) {
		r = restore_unit(ops, code + 2 * i, i, o);
		if (r)
			return r;
	}
	return 0;
}

static int64_t jump_to(unsigned minor, const struct instr *in)
{
	/* From 3.10 on arguments count code units (bpo-27129), before that bytes. */
	int64_t arg = minor >= 10 ? (int64_t)in->arg * 2 : in->arg;

	switch (in->kind) {
	case OPK_JUMP:
	case OPK_COND:
	case OPK_FOR_ITER:
	case OPK_SEND:
	case OPK_SETUP:
	case OPK_SETUP_LOOP:
	case OPK_CALL_FINALLY:
		return in->end + arg;
	case OPK_JUMP_BACK:
	case OPK_JUMP_BACK_QUIET:
	case OPK_COND_BACK:
		return in->end - arg;
	case OPK_JUMP_ABS:
	case OPK_COND_ABS:
	case OPK_CONTINUE_LOOP:
		return arg;
	default:
		return -1;
	}
}

/* The first instruction that starts or lies at offset; -1: none. */
static int32_t index_of(const struct instr *ins, uint32_t n, int64_t offset)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ins[mid].at < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < n && ins[lo].start <= offset && offset <= ins[lo].at)
		return (int32_t)lo;
	return -1;
}

int bytecode_decode(unsigned minor, const uint8_t *code, uint32_t size, struct instr **ret,
		    uint32_t *ret_n)
{
	const struct op_info *ops = table(minor);
	VEC(struct instr) v = { 0 };
	uint32_t at = 0, start = 0, arg = 0, i;
	int r = 0;

	if (!ops || size & 1)
		return -EINVAL;
	while (!r && at < size) {
		const struct op_info *op = &ops[ops[code[at]].base];

		if (op->kind == OPK_UNKNOWN || op->caches > (size - at) / 2 - 1) {
			r = -EINVAL;
			break;
		}
		arg = arg << 8 | code[at + 1];
		if (op->kind == OPK_EXTENDED_ARG) {
			at += 2;
			continue;
		}
		r = vec_push(&v, (struct instr){ .start = start,
						 .at = at,
						 .end = at + 2u + 2u * op->caches,
						 .arg = arg,
						 .op = op->base,
						 .kind = op->kind,
						 .flags = op->flags,
						 .role = op->role,
						 .target = -1 });
		at += 2u + 2u * op->caches;
		start = at;
		arg = 0;
	}
	if (!r && (!v.n || start != size || v.n > UINT32_MAX / 2))
		r = -EINVAL; /* nothing, or an EXTENDED_ARG at the end */
	if (r) {
		vec_deinit(&v);
		return r;
	}
	for (i = 0; i < v.n; i++) {
		int64_t to = jump_to(minor, &v.data[i]);

		if (to >= 0 && to < size)
			v.data[i].target = index_of(v.data, (uint32_t)v.n, to);
	}
	*ret = v.data;
	*ret_n = (uint32_t)v.n;
	return 0;
}
