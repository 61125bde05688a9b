/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Python expressions that the kernel evaluates: the program, and what it must know of the interpreter's objects. A program is made for one
 * code object, or for frames of any (userspace/engine/kexpr.h), and run by bpf/expr.bpf.h. Jumps go forward only.
 */
#ifndef PYBPFDBG_EXPR_ABI_H
#define PYBPFDBG_EXPR_ABI_H

#include <linux/types.h>

#define ABI_EXPR_INSNS 64
#define ABI_EXPR_CONSTS 32
#define ABI_EXPR_STACK 16
#define ABI_EXPR_TEXT 128  /* bytes of a text that are looked at, 1, 2 or 4 a character */
#define ABI_EXPR_POOL 1024 /* bytes of all constant texts of a program */
#define ABI_EXPR_MANY 8    /* classes of one isinstance() */

enum abi_expr_op {
	ABI_OP_END = 0,    /* the value on top is the result */
	ABI_OP_CONST,      /* push constant b */
	ABI_OP_LOCAL,      /* push the object in slot b; a: go to c when it is there, else on; !a: -ENOENT when it is not */
	ABI_OP_CELL,       /* the same with the object in the cell in slot b */
	ABI_OP_NAME,       /* push the local by the name constant b of a frame without slots and go to c; else on; a: see ABI_OP_VAR */
	ABI_OP_GLOBAL,     /* push the global or built-in by the name constant b; a: and go to c, else on */
	ABI_OP_VAR,        /* of whatever code the frame is: push the variable by the name constant b and go to c; else on; a: ABI_VAR_* */
	ABI_OP_EXC,        /* push the exception that is raised */
	ABI_OP_ATTR,       /* x -> x.name, constant b; a: enum abi_exc_name */
	ABI_OP_ITEM,       /* x, key -> x[key] */
	ABI_OP_LEN, ABI_OP_TYPE, ABI_OP_NOT, ABI_OP_NEG, ABI_OP_POS,
	ABI_OP_ADD, ABI_OP_SUB, ABI_OP_MUL,
	ABI_OP_CMP,        /* x, y -> bool; a: enum abi_expr_cmp */
	ABI_OP_CMP_CONST,  /* x -> bool: with constant b */
	ABI_OP_CHAIN,      /* x, y -> y when x a y is true; else -> False and go to c */
	ABI_OP_IN_CONST,   /* x -> True and go to c when x equals constant b, else x; a: x must be hashable */
	ABI_OP_ISINSTANCE, /* x, T1 .. Ta -> bool; constant b: "__class__" */
	ABI_OP_STARTSWITH, /* x -> bool: a str that begins with constant b */
	ABI_OP_JUMP,
	ABI_OP_AND,        /* go to c when x is false, else drop it */
	ABI_OP_OR,         /* go to c when x is true, else drop it */
	ABI_OP_UNLESS,     /* drop x; go to c when it was false */
	ABI_OP_SET_FALSE,  /* x -> False */
	ABI_OP_REQUIRE,    /* drop x; -EOPNOTSUPP when it is not the object that constant b is */
	ABI_OP_GIVEN,      /* push what a write puts there (a: 1) or what was there before (0); -ENOENT when that is nothing */
	ABI_OP_MAX,
};

/*
 * A name of a frame whose code is not known beforehand is VAR, NAME with a = 1, VAR with CELL, GLOBAL. The second VAR ends it where the
 * name is a variable of a function and not bound; with SOFT it goes on behind the next instruction instead.
 */
#define ABI_VAR_CELL 1u
#define ABI_VAR_SOFT 2u

/* Is the name one that BaseException has? Its dict is out of reach from 3.12 on. */
enum abi_exc_name {
	ABI_EXC_NAME_NONE = 0,
	ABI_EXC_NAME_ARGS,
	ABI_EXC_NAME_METHOD,
};

enum abi_expr_cmp {
	ABI_CMP_LT, ABI_CMP_LE, ABI_CMP_EQ, ABI_CMP_NE, ABI_CMP_GT, ABI_CMP_GE,
	ABI_CMP_IS, ABI_CMP_IS_NOT, ABI_CMP_IN, ABI_CMP_NOT_IN,
};

struct abi_insn {
	__u8 op, a;
	__u16 b;
	__u32 c;
};

enum abi_const_kind { ABI_CONST_OBJECT = 1, ABI_CONST_INT, ABI_CONST_BOOL, ABI_CONST_FLOAT, ABI_CONST_STR, ABI_CONST_BYTES };
struct abi_const {
	__u32 kind;
	__u32 width; /* STR: bytes of a character; BYTES: 1 */
	__u32 len;   /* STR: characters; BYTES: bytes */
	__u32 text;  /* in the pool, a multiple of 8, zeros after it */
	__u64 bits;  /* address of an OBJECT; int; 0 or 1; bits of a double */
	__u64 hash;  /* what hash() is in the target */
	__u64 hint;  /* STR: the one that the code object itself holds; 0: none */
};

struct abi_prog {
	__u32 size;
	__u32 ninsns;
	struct abi_insn insns[ABI_EXPR_INSNS];
	struct abi_const consts[ABI_EXPR_CONSTS];
	__u8 pool[ABI_EXPR_POOL];
};

/* Classes that are told apart. */
enum abi_cls {
	ABI_CLS_OTHER = 0,
	ABI_CLS_NONE, ABI_CLS_BOOL, ABI_CLS_INT, ABI_CLS_FLOAT, ABI_CLS_STR, ABI_CLS_BYTES,
	ABI_CLS_TUPLE, ABI_CLS_LIST, ABI_CLS_DICT, ABI_CLS_SET, ABI_CLS_FROZENSET,
	ABI_CLS_MODULE, ABI_CLS_TYPE, ABI_CLS_CELL, ABI_CLS_MEMBER, ABI_CLS_OBJECT,
	ABI_CLS_MAX,
};

/* Where an instance keeps its attributes when it has no dict of its own making. */
enum abi_managed {
	ABI_MANAGED_NONE = 0,
	ABI_MANAGED_POINTERS = 1, /* 3.11: a dict, or values, before the object */
	ABI_MANAGED_TAGGED = 2,   /* 3.12: one word for both */
	ABI_MANAGED_INLINE = 3,   /* 3.13+: the values lie in the object */
};

/* Facts about the objects of one interpreter; offsets in bytes, ABI_NONE where there is no such field. */
struct abi_obj {
	__u32 size;
	__u32 tag_mask;      /* low bits to clear in a slot; 3.14+ */
	__u32 frame_slots, frame_globals, frame_builtins, frame_locals;
	__u32 cell_ref, ob_type, ob_size;
	__u32 long_tagged;   /* 3.12+: ob_size holds (digits << 3 | sign) */
	__u32 long_size, long_digits, float_value;
	__u32 str_length, str_hash, str_state, str_ascii, str_compact, str_data, bytes_data;
	__u32 list_items, tuple_items, set_used, module_dict;
	__u32 dict_used, dict_keys, dict_values, values_values, values_valid;
	__u32 dict_version;  /* up to 3.13: a u64, another one after each change of any dict; ABI_NONE later */
	__u32 keys_version;  /* 3.13+: a u32, 0 or another one after each change of the keys */
	__u32 keys_size, keys_log2_size, keys_log2_index_bytes, keys_kind, keys_nentries, keys_indices;
	__u32 managed;       /* enum abi_managed */
	/* of a class: all but the last lie between type_first and type_first + 360 */
	__u32 type_first, type_basicsize, type_as_number, type_as_sequence, type_as_mapping, type_getattro, type_flags, type_richcompare;
	__u32 type_dict, type_descr_get, type_descr_set, type_dictoffset, type_mro, type_version_tag;
	__u32 type_cached_keys;
	__u32 version_flag;  /* the tag counts only with this flag (up to 3.12, but for 3.11); 0: it counts when it is not 0 */
	__u32 number_bool, sequence_length, mapping_length, mapping_subscript;
	__u32 member_descr_member, member_type, member_offset, member_flags;
	/* names of a frame's variables by slot; code_kinds: a byte for each (3.11+), else code_cells and code_frees go on */
	__u32 frame_code, code_flags, code_vars, code_kinds, code_cells, code_frees;
	__u32 tstate_exc;    /* the exception that is raised; up to 3.11 it may be what one will be made of */
	__u32 exc_args;
	__u32 type_methods, type_members, type_getset;
	__u32 pad0;
	__u64 base_exception; /* 0: not known */
	__u64 none, true_, false_;
	__u64 getattro;      /* object's */
	__u64 types[ABI_CLS_MAX];
	__u64 richcompare[ABI_CLS_MAX];
	__u64 length[ABI_CLS_MAX];    /* what len() calls; 0: none */
	__u64 subscript[ABI_CLS_MAX]; /* what x[] calls; 0: none */
	__u64 truth[ABI_CLS_MAX];     /* nb_bool; 0: none */
};

#ifdef __cplusplus
extern "C" {
#endif
_Static_assert(sizeof(struct abi_insn) == 8, "abi");
_Static_assert(sizeof(struct abi_const) == 40, "abi");
_Static_assert(sizeof(struct abi_prog) % 8 == 0, "abi");
_Static_assert(sizeof(struct abi_obj) % 8 == 0, "abi");
#ifdef __cplusplus
}
#endif

#endif
