/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The rules of a hit in a program of their own. To evaluate expressions and to copy objects is nine tenths of what the kernel has to
 * verify, and most breakpoints need neither. So the programs that see the hits judge what is simple themselves; for the rest they leave
 * the hit here and end in a tail call. User space loads `judge` before anything is armed whose rules need it.
 */
#ifndef PYBPFDBG_JUDGE_BPF_H
#define PYBPFDBG_JUDGE_BPF_H

#include "bpf/abi.h"
#include "bpf/action.bpf.h"
#include "bpf/maps.bpf.h"

/* On its way from one program to the other: a trap from user mode does not nest. */
struct judged {
	struct hit_at at;
	struct abi_hit hit;
	u32 rules[ABI_PLACE_RULES];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct judged);
} judgeds SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} judges SEC(".maps");

static __always_inline int judge_is_needed(const u32 *which)
{
	for (u32 i = 0; i < ABI_PLACE_RULES; i++) {
		u32 n = which[i];
		struct abi_rule *r;

		if (!n)
			continue;
		r = bpf_map_lookup_elem(&rules, &n);
		if (r && (r->cond || r->action == ABI_ACT_LOG || r->action == ABI_ACT_SNAP))
			return 1;
	}
	return 0;
}

/* Ask the rules. It may not come back: nothing is done after it. ctx: the program's argument. */
static __always_inline void judge_hit(void *ctx, const u32 *which, struct abi_hit *hit, const struct hit_at *at)
{
	struct judged *j;
	u32 zero = 0;

	if (!judge_is_needed(which)) {
		if (hit_judge(which, hit, at, 0))
			hit_stop(ctx, hit);
		return;
	}
	j = bpf_map_lookup_elem(&judgeds, &zero);
	if (!j)
		return;
	j->at = *at;
	j->hit = *hit;
	__builtin_memcpy(j->rules, which, sizeof(j->rules));
	bpf_tail_call(ctx, &judges, 0);
	stat_add(ABI_STAT_FAULT); /* it is not loaded: that is told */
}

SEC("perf_event")
int judge(struct bpf_perf_event_data *ctx)
{
	u32 zero = 0;
	struct judged *j = bpf_map_lookup_elem(&judgeds, &zero);
	struct py_look *look = bpf_map_lookup_elem(&looks, &zero);

	if (!j || !look)
		return 0;
	if (hit_judge(j->rules, &j->hit, &j->at, 1))
		hit_stop(ctx, &j->hit);
	look->frame = 0;
	return 0;
}

#endif
