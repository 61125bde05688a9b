/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the capture of values (capture.bpf.h) must know of an interpreter's objects. */
#ifndef PYBPFDBG_CAPTURE_ABI_H
#define PYBPFDBG_CAPTURE_ABI_H

#include <linux/types.h>

#include "bpf/abi.h"

/* Instead of a program in abi_capture.progs: the object in this slot of the frame, cells looked through. */
#define ABI_PROG_SLOT 0x80000000u
/* With a program: the exception that is raised has this name where nothing else has. */
#define ABI_PROG_EXC 0x40000000u
/* With a program: what a write puts there, or what was there before; it may be nothing, which is no error. */
#define ABI_PROG_WRITE 0x20000000u
/* With a program, or none: a part of what values behind it stand for. It fails: no error, those marked SPARE are needed. */
#define ABI_PROG_PATH 0x10000000u
/* With a program or a slot: only if a PATH before it led to no object. */
#define ABI_PROG_SPARE 0x08000000u
#define ABI_PROG_NUMBER 0x07ffffffu /* the program or the slot itself */

#define ABI_CAPTURE_FRAMES 64       /* at most of one SNAP */
#define ABI_CAPTURE_ITEMS 512       /* abi_capture.items at most */
#define ABI_CAPTURE_VALUE_BYTES 2000 /* abi_capture.value_bytes at most */
#define ABI_CAPTURE_DEPTH 32        /* abi_capture.depth at most */

/* What of an object is sent and what of it is followed: a class's own, else that of its nearest base. */
enum abi_recipe {
	ABI_RECIPE_NONE = 0, /* not known: its base's */
	ABI_RECIPE_INSTANCE, /* its body, its dict, and whatever its body points to */
	ABI_RECIPE_LEAF,     /* its body */
	ABI_RECIPE_THROUGH,  /* its body and what that points to, as if that were in its place: a cell, a range */
	ABI_RECIPE_SET,
	ABI_RECIPE_BYTEARRAY,
	ABI_RECIPE_ARRAY,    /* array.array */
	ABI_RECIPE_DECIMAL,
	ABI_RECIPE_DEQUE,
	ABI_RECIPE_ODICT,
	/* by tp_flags */
	ABI_RECIPE_INT,
	ABI_RECIPE_LIST,
	ABI_RECIPE_TUPLE,
	ABI_RECIPE_BYTES,
	ABI_RECIPE_STR,
	ABI_RECIPE_DICT,
};

/* Offsets in bytes, ABI_NONE where this version has no such member; see probes/cpython/offsets.def. */
struct abi_layout {
	__u32 size;
	__u32 minor;
	__u32 ob_type, ob_size;
	__u32 type_flags, type_basicsize, type_itemsize, type_dictoffset, type_base, heap_cached_keys;
	__u32 long_size, long_digits;
	__u32 str_length, str_state, str_ascii_size, str_compact_size, str_data, str_wstr, str_wstr_length;
	__u32 bytes_data, bytearray_start, tuple_items, list_items;
	__u32 array_items; /* of array.array */
	__u32 decimal_len, decimal_data;
	__u32 dict_keys, dict_values;
	__u32 keys_size, keys_log2_size, keys_log2_index_bytes, keys_kind, keys_nentries, keys_indices;
	__u32 values_values, values_capacity, values_valid;
	__u32 set_mask, set_table;
	__u32 deque_leftblock, deque_leftindex, deque_block_right;
	__u32 odict_first, odict_node_next;
	__u32 cell_ref;
	__u32 code_flags;
	__u32 code_nlocalsplus;                             /* 3.11+ */
	__u32 code_nlocals, code_cellvars, code_freevars;   /* before */
	__u32 frame_localsplus, frame_locals;
	__u32 frame_owner, frame_owner_shim; /* owners from this one on are no Python frames; ABI_NONE: all are */
	__u64 cell_type;
};

_Static_assert(sizeof(struct abi_layout) % 8 == 0, "abi");

#endif
