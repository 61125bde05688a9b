/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs, and room for their evaluation. Whoever includes this defines expr_write(). */
#ifndef PYBPFDBG_EXPR_MAPS_BPF_H
#define PYBPFDBG_EXPR_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/expr_abi.h"
#include "bpf/maps.bpf.h"

#define EXPR_CACHE_SIZE 256

#include "bpf/expr.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_PROGS_MAX);
	__type(key, __u32);
	__type(value, struct abi_prog);
} progs SEC(".maps");

/* A program on a uprobe may be interrupted by another on the same CPU, and not in the order of a stack. */
#define EXPR_STATES 4
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EXPR_STATES);
	__type(key, __u32);
	__type(value, struct expr_state);
} expr_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EXPR_CACHE_SIZE);
	__type(key, __u32);
	__type(value, struct expr_cache);
} expr_cache SEC(".maps");

static __always_inline struct abi_prog *expr_prog(u32 i)
{
	return bpf_map_lookup_elem(&progs, &i);
}

static __always_inline struct expr_state *expr_get(void)
{
	struct expr_state *st;

	for (u32 i = 0; i < EXPR_STATES; i++) {
		u32 key = i;

		st = bpf_map_lookup_elem(&expr_states, &key);
		if (st && !__sync_lock_test_and_set(&st->busy, 1))
			return st;
	}
	return NULL;
}

static __always_inline void expr_put(struct expr_state *st)
{
	barrier_here();
	st->busy = 0;
}

static __always_inline int expr_frame_known(u64 frame, u32 off, u64 *ret)
{
	u32 zero = 0;
	struct py_look *l = bpf_map_lookup_elem(&looks, &zero);

	return l && look_frame_at(l, frame, off, ret);
}

static __always_inline struct expr_cache *expr_cache_at(u32 i)
{
	return bpf_map_lookup_elem(&expr_cache, &i);
}

static __always_inline u32 expr_process(void)
{
	return (u32)(bpf_get_current_pid_tgid() >> 32);
}

#endif
