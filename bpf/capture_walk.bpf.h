/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Copies objects, and what they hold, out of the target: breadth first, so that a limit cuts what is deepest. Pure, as
 * py_walk.bpf.h is; whoever includes this gives it besides
 *   lay                    the facts, a struct abi_layout
 *   cap_recipe_at()        the recipe of a class (an address), ABI_RECIPE_NONE where there is none
 * All state lies in *c, map memory: kernels before 6.7 forget what a loop's body does to the stack.
 */
#ifndef PYBPFDBG_CAPTURE_WALK_BPF_H
#define PYBPFDBG_CAPTURE_WALK_BPF_H

#include "bpf/capture_abi.h"
#include "bpf/py_walk.bpf.h"

#define CAP_PIECE     8192u /* longest chunk */
#define CAP_BODY      512u  /* of an object whose class says that it is longer, so much */
#define CAP_QUEUE     1024u
#define CAP_SEEN      2048u /* twice as many as fit into a record */
#define CAP_PROBES    8u
#define CAP_ROUNDS    8192u
#define CAP_BASES     8u
#define CAP_CHAIN     128u  /* nodes of a linked list */
#define CAP_LEVEL_MAX ABI_CAPTURE_DEPTH

/* tp_flags (Include/object.h) */
#define CAP_TPF_INLINE_VALUES (1u << 2) /* 3.13+ */
#define CAP_TPF_MANAGED_DICT  (1u << 4) /* 3.11+ */
#define CAP_TPF_HEAPTYPE      (1u << 9)
#define CAP_TPF_TYPE	      (1u << 31) /* a class of classes */

#define CAP_PRE 32u /* bytes before an object that keep its dict or values (3.11+) */

enum cap_kind {
	CAP_OBJECT,  /* the one at `at` */
	CAP_WORDS,   /* left words of buf from `at` on */
	CAP_ENTRIES, /* the same, hash, key, value: not the hashes */
	CAP_PAIRS,   /* the same, key, hash: not the hashes */
	CAP_BLOCKS,  /* a deque's: left elements from the block at `at` on */
	CAP_NODES,   /* an OrderedDict's: left nodes from `at` on */
};

/* Something still to be looked at. */
struct cap_item {
	u64 at; /* an address, or where in buf */
	__u16 left;
	__u16 skip;  /* BLOCKS: elements of the first block that are not the deque's */
	__u16 level; /* of the objects it leads to; 0: they are the last */
	__u16 kind;
};

struct cap {
	u64 busy; /* somebody fills it */
	u32 rule, snap; /* for whom */
	u32 exc;     /* levels of the exception that is raised */
	u32 missing; /* a path led to no object */
	u64 epoch; /* of `seen` */
	u32 used;  /* bytes of buf */
	u32 limit;
	u32 nchunks, truncated;
	u32 items, value_bytes;
	u32 head, tail; /* of queue; they only grow */
	u32 phase;	/* words of the first item that are done */
	u32 nframes, frames_max, at, nvars; /* while frames are walked */
	u64 frame;
	u64 addr; /* the object in work */
	u64 type, flags, basicsize;
	u64 word;  /* what is being read: not on the stack, of which there is little */
	u32 body, level; /* its body in buf */
	struct {
		u64 addr, epoch;
	} seen[CAP_SEEN];
	struct cap_item queue[CAP_QUEUE];
	u8 buf[ABI_CAPTURE_MAX + CAP_PIECE + 256] __attribute__((aligned(8)));
};

static __always_inline u32 cap_recipe_at(u64 type);

/* The word at off in buf, 0 where there is none. */
static __always_inline u64 cap_word(const struct cap *c, u32 off)
{
	if (off > ABI_CAPTURE_MAX + CAP_PIECE)
		return 0;
	return *(const u64 *)(c->buf + (off & ~7u));
}

static __always_inline u8 cap_byte(const struct cap *c, u32 off)
{
	if (off > ABI_CAPTURE_MAX + CAP_PIECE)
		return 0;
	return c->buf[off];
}

/* Room for n bytes at the end of the record: where they are, or -ENOSPC. n: at most CAP_PIECE + 16. */
static __always_inline s32 cap_room(struct cap *c, u32 n)
{
	u32 off = c->used;

	n = (n + 7) & ~7u;
	if (off > ABI_CAPTURE_MAX || off + n > c->limit) {
		c->truncated = 1;
		return -ENOSPC;
	}
	c->used = off + n;
	return (s32)off;
}

/* Send len bytes at addr: where they are in buf, -ENOSPC, -EFAULT. Longer than a piece is cut. */
static __noinline s32 cap_copy(struct cap *c, u64 addr, u32 len)
{
	struct abi_chunk *ch;
	u32 off = c->used, last;

	if (len > CAP_PIECE) {
		len = CAP_PIECE;
		c->truncated = 1;
	}
	if (!len)
		return -ENOSPC;
	if (off > ABI_CAPTURE_MAX - sizeof(*ch) || off + sizeof(*ch) + ((len + 7) & ~7u) > c->limit) {
		c->truncated = 1;
		return -ENOSPC;
	}
	ch = (struct abi_chunk *)(c->buf + off);
	/* The bytes that fill it up to a multiple of 8: nothing of another record goes out with them. */
	last = len - 1;
	asm volatile("" : "+r"(last)); /* as in expr_insn() */
	*(u64 *)(c->buf + off + sizeof(*ch) + (last & (CAP_PIECE - 8))) = 0;
	if (read_user_by_helper(c->buf + off + sizeof(*ch), len, addr))
		return -EFAULT;
	ch->addr = addr;
	ch->len = len;
	ch->pad0 = 0;
	c->used = off + sizeof(*ch) + ((len + 7) & ~7u);
	c->nchunks++;
	return (s32)(off + sizeof(*ch));
}

static __noinline int cap_push(struct cap *c, u64 at, u32 left, u32 level, u32 kind)
{
	struct cap_item *it;

	if (!left)
		return 0;
	if (c->tail - c->head >= CAP_QUEUE) {
		c->truncated = 1;
		return -ENOSPC;
	}
	it = &c->queue[c->tail & (CAP_QUEUE - 1)];
	it->at = at;
	it->left = (__u16)left;
	it->skip = 0;
	it->level = (__u16)level;
	it->kind = (__u16)kind;
	c->tail++;
	return 0;
}

/* Was this address sent before? Notes it: else a cycle would fill the record. */
static __noinline int cap_seen(struct cap *c, u64 addr)
{
	u32 at = (u32)((addr >> 4) * 0x9e3779b1u >> 7), free = at;

	for (u32 k = 0; k < CAP_PROBES; k++) {
		u32 i = (at + k) & (CAP_SEEN - 1);

		if (c->seen[i].epoch != c->epoch) {
			free = i;
			break;
		}
		if (c->seen[i].addr == addr)
			return 1;
	}
	free &= CAP_SEEN - 1;
	c->seen[free].addr = addr;
	c->seen[free].epoch = c->epoch;
	return 0;
}

static __always_inline int cap_is_address(u64 addr)
{
	return !(addr & 7) && addr >= 4096 && !(addr >> 47);
}

/* Is there an object at addr: does its type's type say that it makes types? Fills in type, flags, basicsize. */
static __always_inline int cap_is_object(struct cap *c, u64 addr)
{
	u64 type, meta;

	if (!cap_is_address(addr) || py_read_u64(addr + lay.ob_type, &c->type))
		return 0;
	type = c->type;
	if (!cap_is_address(type) || py_read_u64(type + lay.ob_type, &c->word))
		return 0;
	meta = c->word;
	if (!cap_is_address(meta) || py_read_u64(meta + lay.type_flags, &c->word) || !(c->word & CAP_TPF_TYPE))
		return 0;
	c->addr = addr;
	return !py_read_u64(type + lay.type_flags, &c->flags) &&
	       !py_read_u64(type + lay.type_basicsize, &c->basicsize);
}

/* By what nobody can inherit wrongly: the bits of the built-in classes; else by the nearest class that is known. */
static __always_inline u32 cap_recipe(struct cap *c)
{
	u32 r;

	c->word = c->type;
	r = cap_recipe_at(c->word);
	if (r)
		return r;
	if (c->flags & 1u << 24)
		return ABI_RECIPE_INT;
	if (c->flags & 1u << 25)
		return ABI_RECIPE_LIST;
	if (c->flags & 1u << 26)
		return ABI_RECIPE_TUPLE;
	if (c->flags & 1u << 27)
		return ABI_RECIPE_BYTES;
	if (c->flags & 1u << 28)
		return ABI_RECIPE_STR;
	if (c->flags & 1u << 31)
		return ABI_RECIPE_LEAF;
	for (u32 i = 0; i < CAP_BASES && !r; i++) {
		if (py_read_u64(c->word + lay.type_base, &c->word) || !c->word)
			break;
		r = cap_recipe_at(c->word);
	}
	if (!r && c->flags & 1u << 29)
		return ABI_RECIPE_DICT;
	return r ? r : ABI_RECIPE_INSTANCE;
}

/* ---- how long an object is ---- */

static __always_inline u64 cap_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

static __always_inline u64 cap_abs_size(struct cap *c)
{
	u64 n = 0;

	if (py_read_u64(c->addr + lay.ob_size, &n))
		return 0;
	return (s64)n < 0 ? -n : n;
}

static __always_inline u64 cap_int_size(struct cap *c)
{
	u64 n = 0;

	if (py_read_u64(c->addr + lay.long_size, &n))
		return 0;
	/* 3.12+: lv_tag (Include/internal/pycore_long.h); before, the sign is that of ob_size. */
	if (lay.minor >= 12)
		n >>= 3;
	else if ((s64)n < 0)
		n = -n;
	return lay.long_digits + 4 * cap_min(n, c->value_bytes / 4 + 1);
}

/* A str in one piece, or one whose characters lie elsewhere (up to 3.11; a subclass's): these are sent, too. */
static __always_inline u64 cap_str_size(struct cap *c)
{
	u64 n = 0, data = 0;
	u32 state = 0, kind;

	if (py_read_u64(c->addr + lay.str_length, &n) ||
	    read_user(&state, sizeof(state), c->addr + lay.str_state))
		return 0;
	kind = state >> 2 & 7;
	n = cap_min(n, c->value_bytes + 1);
	if (state & 1u << 5)
		return (state & 1u << 6 ? lay.str_ascii_size : lay.str_compact_size) + n * (kind & 7) + 1;
	if (!kind && lay.str_wstr != ABI_NONE) {
		kind = 4;
		if (py_read_u64(c->addr + lay.str_wstr, &data) ||
		    py_read_u64(c->addr + lay.str_wstr_length, &n))
			return 0;
		n = cap_min(n, c->value_bytes + 1);
	} else if (py_read_u64(c->addr + lay.str_data, &data)) {
		return 0;
	}
	cap_copy(c, data, (u32)(n * kind));
	return lay.str_data + 8;
}

/* Inline values lie behind the object (3.13+): a head, the values, one byte each of their order. */
static __always_inline u64 cap_inline_size(struct cap *c)
{
	u8 capacity = 0;

	if (!(c->flags & CAP_TPF_INLINE_VALUES) || lay.values_values == ABI_NONE ||
	    lay.values_capacity == ABI_NONE)
		return 0;
	if (read_user(&capacity, 1, c->addr + c->basicsize + lay.values_capacity))
		return 0;
	return lay.values_values + 9ul * capacity;
}

static __noinline u32 cap_size(struct cap *c, u32 recipe)
{
	u64 n;

	switch (recipe) {
	case ABI_RECIPE_INT:
		n = cap_int_size(c);
		break;
	case ABI_RECIPE_STR:
		n = cap_str_size(c);
		break;
	case ABI_RECIPE_BYTES:
		n = lay.bytes_data + cap_min(cap_abs_size(c), c->value_bytes) + 1;
		break;
	case ABI_RECIPE_TUPLE:
		return (u32)cap_min(lay.tuple_items + 8 * cap_min(cap_abs_size(c), c->items), CAP_PIECE);
	default:
		n = cap_min(c->basicsize, CAP_BODY);
		n += cap_inline_size(c);
		break;
	}
	return (u32)cap_min(n < 16 ? 16 : n, CAP_PIECE - CAP_PRE);
}

/* ---- dicts ---- */

/* The head and the first n entries of a keys object; level 0: what they hold is not followed. */
static __noinline void cap_entries(struct cap *c, u64 keys, u32 n, u32 level)
{
	u64 indices, size;
	u32 entry = 24;
	s32 off, head;

	if (lay.keys_indices > 64)
		return;
	head = cap_copy(c, keys, lay.keys_indices);
	if (head < 0)
		return;
	if (lay.keys_size != ABI_NONE) {
		size = cap_word(c, (u32)head + lay.keys_size);
		indices = size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
	} else {
		indices = 1ull << (cap_byte(c, (u32)head + lay.keys_log2_index_bytes) & 63);
		entry = cap_byte(c, (u32)head + lay.keys_kind) ? 16 : 24;
	}
	off = cap_copy(c, keys + lay.keys_indices + indices, n * entry);
	if (off >= 0 && level)
		cap_push(c, (u32)off, n * (entry / 8), level - 1, entry == 24 ? CAP_ENTRIES : CAP_WORDS);
}

/*
 * A keys object: its head and its entries (Objects/dictobject.c; forms as in probes/cpython/dict.c). values: of a split
 * table, 0 otherwise; the keys are then the class's and need not be followed.
 */
static __noinline void cap_keys(struct cap *c, u64 keys, u64 values, u32 level)
{
	u64 nentries = 0;
	u32 n, prefix = 0;
	u8 byte = 0;
	s32 off;

	if (keys < 4096 || py_read_u64(keys + lay.keys_nentries, &nentries))
		return;
	n = (u32)cap_min(nentries, cap_min(CAP_PIECE / 24, c->items + c->items / 4));
	if (!values || !cap_seen(c, keys))
		cap_entries(c, keys, n, values ? 0 : level);
	if (!values)
		return;
	if (lay.values_capacity != ABI_NONE) {
		/* 3.13+: a head before, the order behind them */
		if (read_user(&byte, 1, values + lay.values_capacity))
			return;
		off = cap_copy(c, values, lay.values_values + 9u * byte);
		n = byte;
		prefix = lay.values_values;
	} else if (lay.minor >= 11) {
		/* 3.11, 3.12: [-1] says how many bytes of order lie before them */
		if (read_user(&byte, 1, values - 1))
			return;
		prefix = (byte + 7u) & ~7u;
		off = cap_copy(c, values - prefix, prefix + 8 * n);
	} else {
		off = cap_copy(c, values, 8 * n);
	}
	if (off >= 0 && level)
		cap_push(c, (u32)off + prefix, n, level - 1, CAP_WORDS);
}

/* The attributes of an instance, where its class keeps them; its body lies at c->body. */
static __noinline void cap_attributes(struct cap *c, u32 level)
{
	u64 word, values = 0, keys = 0, at = 0, n;
	s64 dictoffset = 0;

	if (!level)
		return;
	if (c->flags & CAP_TPF_MANAGED_DICT && lay.minor >= 11) {
		word = cap_word(c, c->body - 24);
		if (lay.minor == 11 && !word) {
			values = cap_word(c, c->body - 32);
		} else if (lay.minor == 12 && word & 1) {
			values = word + 1;
			word = 0;
		} else if (lay.minor >= 13 && !word && c->flags & CAP_TPF_INLINE_VALUES) {
			values = c->addr + c->basicsize;
		}
		if (word)
			cap_push(c, word, 1, level, CAP_OBJECT);
		else if (values && !py_read_u64(c->type + lay.heap_cached_keys, &keys))
			cap_keys(c, keys, values, level);
		return;
	}
	if (py_read_u64(c->type + lay.type_dictoffset, (u64 *)&dictoffset) || !dictoffset)
		return;
	if (dictoffset < 0) {
		/* from the end of an object of variable size (3.11 and before; _PyObject_GetDictPtr) */
		if (py_read_u64(c->type + lay.type_itemsize, &n))
			return;
		at = (c->basicsize + cap_min(cap_abs_size(c), 1 << 20) * (n & 0xff) + 7) & ~7ull;
	}
	at += (u64)dictoffset;
	if (at > 1 << 24 || cap_copy(c, c->addr + at, 8) < 0)
		return;
	cap_push(c, cap_word(c, c->used - 8), 1, level, CAP_OBJECT);
}

/* ---- objects ---- */

/* What an object that was sent leads to. level: of its children. */
static __noinline void cap_follow(struct cap *c, u32 recipe, u32 size)
{
	u32 body = c->body, level = c->level, words = size / 8;
	u64 n, ptr;
	s32 off;

	switch (recipe) {
	case ABI_RECIPE_LIST:
		n = cap_min(cap_word(c, body + lay.ob_size), c->items);
		if (!level)
			return;
		off = cap_copy(c, cap_word(c, body + lay.list_items), (u32)n * 8);
		if (off >= 0)
			cap_push(c, (u32)off, (u32)n, level - 1, CAP_WORDS);
		return;
	case ABI_RECIPE_TUPLE:
		if (level && size > lay.tuple_items)
			cap_push(c, body + lay.tuple_items, (size - lay.tuple_items) / 8, level - 1,
				 CAP_WORDS);
		return;
	case ABI_RECIPE_ODICT:
		cap_push(c, cap_word(c, body + lay.odict_first), (u32)cap_min(c->items + 1, CAP_CHAIN),
			 level, CAP_NODES);
		/* fallthrough */
	case ABI_RECIPE_DICT:
		cap_keys(c, cap_word(c, body + lay.dict_keys), cap_word(c, body + lay.dict_values), level);
		return;
	case ABI_RECIPE_SET:
		n = cap_min(cap_word(c, body + lay.set_mask) + 1, CAP_PIECE / 16);
		off = cap_copy(c, cap_word(c, body + lay.set_table), (u32)n * 16);
		if (off >= 0 && level)
			cap_push(c, (u32)off, (u32)n * 2, level - 1, CAP_PAIRS);
		return;
	case ABI_RECIPE_DEQUE:
		n = cap_min(cap_word(c, body + lay.ob_size), c->items);
		if (level && !cap_push(c, cap_word(c, body + lay.deque_leftblock), (u32)n, level - 1, CAP_BLOCKS) && n)
			c->queue[(c->tail - 1) & (CAP_QUEUE - 1)].skip =
				(__u16)cap_min(cap_word(c, body + lay.deque_leftindex), 0xffff);
		return;
	case ABI_RECIPE_DECIMAL:
		cap_copy(c, cap_word(c, body + lay.decimal_data),
			 (u32)cap_min(cap_word(c, body + lay.decimal_len), c->value_bytes / 8) * 8);
		return;
	case ABI_RECIPE_BYTEARRAY:
	case ABI_RECIPE_ARRAY:
		n = cap_word(c, body + lay.ob_size);
		ptr = cap_word(c, body + (recipe == ABI_RECIPE_ARRAY ? lay.array_items : lay.bytearray_start));
		if (recipe == ABI_RECIPE_ARRAY)
			n *= 8;
		cap_copy(c, ptr, (u32)cap_min(n, c->value_bytes));
		return;
	case ABI_RECIPE_THROUGH:
		cap_push(c, body + lay.ob_type + 8, words - lay.ob_type / 8 - 1, level, CAP_WORDS);
		return;
	case ABI_RECIPE_INSTANCE:
		/* slots, and the members of classes made by C */
		if (level && words > lay.ob_type / 8 + 1)
			cap_push(c, body + lay.ob_type + 8, words - lay.ob_type / 8 - 1, level - 1,
				 CAP_WORDS);
		return;
	default:
		return;
	}
}

/* Send the object at addr. level: 0: nothing that it holds. */
static __noinline int cap_object(struct cap *c, u64 addr, u32 level)
{
	u32 recipe, size, pre = 0;
	s32 off;

	if (!cap_is_object(c, addr) || cap_seen(c, addr))
		return 0;
	c->level = level;
	recipe = cap_recipe(c);
	size = cap_size(c, recipe);
	if (c->flags & CAP_TPF_MANAGED_DICT && lay.minor >= 11)
		pre = CAP_PRE;
	off = cap_copy(c, addr - pre, pre + size);
	if (off < 0)
		return 0;
	c->body = (u32)off + pre;
	/* A subclass of a built-in class has a dict as well: a member of an enumeration. Not that of a class. */
	if ((recipe == ABI_RECIPE_INSTANCE || c->flags & CAP_TPF_HEAPTYPE) && !(c->flags & CAP_TPF_TYPE))
		cap_attributes(c, level);
	cap_follow(c, recipe, size);
	return 0;
}

/* The next node of a linked list in the target; the rest of it stays where it is in the queue. */
static __noinline void cap_chain(struct cap *c, struct cap_item *it)
{
	u64 addr = it->at;
	u32 kind = it->kind, left = it->left, n = 1, skip = it->skip;
	u32 per_block = lay.deque_block_right / 8 - 1;
	s32 off;

	off = addr < 4096 ? -EFAULT :
			    cap_copy(c, addr, kind == CAP_BLOCKS ? lay.deque_block_right + 8 : 32);
	if (off < 0 || skip > per_block) {
		c->head++;
		return;
	}
	if (kind == CAP_BLOCKS) {
		n = (u32)cap_min(per_block - skip, left);
		cap_push(c, (u32)off + 8 + 8 * skip, n, it->level, CAP_WORDS);
		it->skip = 0;
	}
	it->at = cap_word(c, (u32)off + (kind == CAP_BLOCKS ? lay.deque_block_right : lay.odict_node_next));
	it->left = (__u16)(left - n);
	if (left <= n)
		c->head++;
}

/* One step: one object, one word. ctx: struct cap **. 1 ends it. */
static long cap_step(u32 i, void *ctx)
{
	struct cap *c = *(struct cap **)ctx;
	struct cap_item *it;
	u32 phase = c->phase, kind, off, level;
	u64 addr;

	(void)i;
	if (c->head == c->tail)
		return 1;
	it = &c->queue[c->head & (CAP_QUEUE - 1)];
	kind = it->kind;
	if (kind >= CAP_BLOCKS) {
		cap_chain(c, it);
		return 0;
	}
	level = it->level;
	addr = it->at;
	off = (u32)addr + 8 * phase;
	c->phase = phase + 1;
	if (c->phase >= it->left) {
		c->phase = 0;
		c->head++;
	}
	if (kind != CAP_OBJECT) {
		if ((kind == CAP_ENTRIES && phase % 3 == 0) || (kind == CAP_PAIRS && phase & 1))
			return 0;
		addr = cap_word(c, off) & ~(u64)py.code_tag_mask;
	}
	cap_object(c, addr, level);
	return 0;
}

/* All that is in the queue, and all that it leads to. */
static __always_inline void cap_run(struct cap *c)
{
	read_loop(CAP_ROUNDS, cap_step, &c);
	if (c->head != c->tail)
		c->truncated = 1;
}

#endif
