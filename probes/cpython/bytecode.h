/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytecode as bytes in, instructions out, for 3.6 to 3.15: specialised and instrumented forms are
 * taken back to their plain ones. Any bytes are safe to give.
 */
#ifndef PYBPFDBG_CPYTHON_BYTECODE_H
#define PYBPFDBG_CPYTHON_BYTECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an opcode does to the flow of control. */
enum op_kind {
	OPK_UNKNOWN, /* not an opcode of this version, or a cache entry */
	OPK_PLAIN,   /* goes on with the next */
	OPK_EXTENDED_ARG,
	OPK_CACHE,
	OPK_RESUME,
	OPK_JUMP,	     /* forward by the argument */
	OPK_JUMP_ABS,	     /* to the argument */
	OPK_JUMP_BACK,	     /* back by the argument */
	OPK_JUMP_BACK_QUIET, /* the same, no event */
	OPK_COND,	     /* next, or forward */
	OPK_COND_ABS,
	OPK_COND_BACK,
	OPK_FOR_ITER, /* next, or forward (3.12+: past END_FOR) */
	OPK_SEND,     /* next, or forward (to END_SEND from 3.12 on) */
	OPK_EXIT,     /* leaves the frame, by return or exception */
	OPK_YIELD,    /* YIELD_VALUE */
	OPK_END_FOR,
	OPK_POP_ITER, /* 3.14+: behind END_FOR */
	OPK_END_SEND,
	OPK_END_ASYNC_FOR,
	OPK_SETUP,	/* up to 3.10: a block with a handler, forward by the argument */
	OPK_SETUP_LOOP, /* up to 3.7 */
	OPK_POP_BLOCK,
	OPK_CONTINUE_LOOP, /* up to 3.7 */
	OPK_BREAK_LOOP,	   /* up to 3.7 */
	OPK_END_FINALLY,   /* up to 3.8: goes on, raises, or follows CALL_FINALLY, `continue` */
	OPK_CALL_FINALLY, /* 3.8 */
	OPK_INSTRUMENTED_LINE,
	OPK_INSTRUMENTED_INSTRUCTION,
	OPK_ENTER_EXECUTOR,
};

#define OPF_RAISES 1 /* can raise (the others do not, but for signals and lack of memory) */

#define OPF_INLINES \
	2 /* 3.12: may run a Python function and come back with the position on its last cache */
#define OPF_RERAISES 4 /* with an argument the frame goes back to where the exception came from */

/* What it does in an exception handler (handlers.c). */
enum op_role {
	OPR_NONE,
	OPR_GLOBAL, /* LOAD_GLOBAL; from 3.11 on the argument is shifted by one */
	OPR_NAME,   /* LOAD_NAME */
	OPR_FAST,   /* LOAD_FAST and its kind */
	OPR_DEREF,
	OPR_ATTR, /* from 3.12 on shifted by one */
	OPR_TUPLE,
	OPR_COMPARE, /* up to 3.8 `except` compares */
	OPR_MATCH,   /* CHECK_EXC_MATCH, JUMP_IF_NOT_EXC_MATCH */
	OPR_WITH,    /* WITH_EXCEPT_START */
	OPR_POP_EXCEPT,
	OPR_POP_FINALLY, /* 3.8 */
};

struct op_info {
	uint8_t base;	/* its plain form */
	uint8_t caches; /* code units that follow */
	uint8_t kind;	/* enum op_kind */
	uint8_t flags;
	uint8_t role; /* enum op_role */
};

struct instr {
	uint32_t start; /* bytes; of the first EXTENDED_ARG prefix */
	uint32_t at;	/* of the opcode itself */
	uint32_t end;	/* of what follows, caches skipped */
	uint32_t arg;
	uint8_t op, kind, flags, role;
	int32_t target; /* index of the instruction it may jump to (for a block: its handler), -1:
			   none */
};

/* Originals that the interpreter keeps beside the bytecode (3.12+); each may be NULL. */
struct bytecode_originals {
	const uint8_t
		*lines; /* lines_skip bytes, then lines_stride for each unit, the opcode first */
	size_t lines_stride, lines_skip;
	const uint8_t *opcodes; /* one for each unit */
	/* What executor number `arg` stands for: opcode and argument. Non-zero: unknown. */
	int (*executor)(void *priv, uint8_t arg, uint8_t ret[2]);
	void *priv;
};

bool bytecode_supported(unsigned minor);
/* What the opcode (any of its forms) does in 3.minor. */
enum op_kind bytecode_kind(unsigned minor, uint8_t op);
uint8_t bytecode_flags(unsigned minor, uint8_t op); /* OPF_* */
/* The opcode of the `raise` statement (RAISE_VARARGS). */
uint8_t bytecode_raise(unsigned minor);
/* Put the originals back in place of INSTRUMENTED_LINE, INSTRUMENTED_INSTRUCTION and
 * ENTER_EXECUTOR. 0 or -EINVAL. */
int bytecode_restore(unsigned minor, uint8_t *code, uint32_t size,
		     const struct bytecode_originals *o);
/*
 * Instructions in order, malloc'ed; EXTENDED_ARG is part of the one that follows it. -EINVAL: a
 * byte that is no opcode of 3.minor, or an instruction that is cut off. A jump out of the code has
 * target -1.
 */
int bytecode_decode(unsigned minor, const uint8_t *code, uint32_t size, struct instr **ret,
		    uint32_t *ret_n);

#endif
