// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The uprobe engine: programs that run at an instruction of the interpreter (struct abi_site). Each
 * is loaded by itself when it is asked for (userspace/trace/programs.c has the table); the maps of
 * maps.bpf.h are those of the watch engine. A uprobe is in the memory of one process only, but a
 * forked child inherits the memory: the program asks whose call it is.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/abi.h"
#include "bpf/read.bpf.h"

const volatile struct abi_py py = { 0 };
const volatile __u64 ns_dev = 0, ns_ino = 0; /* the target's pid namespace */
const volatile __u32 stop_signal = 0;

#include "bpf/py_walk.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/site.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	return 0;
}

/* Is the running process one that we follow? */
static __always_inline int is_followed(struct bpf_pidns_info *ret)
{
	if (bpf_get_ns_current_pid_tgid(ns_dev, ns_ino, ret, sizeof(*ret)) ||
	    !bpf_map_lookup_elem(&followed, &ret->tgid)) {
		stat_add(ABI_STAT_FOREIGN);
		return 0;
	}
	stat_add(ABI_STAT_TRAPS);
	return 1;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, ABI_CALLS_MAX);
	__type(key, __u64);   /* code object */
	__type(value, __u64); /* calls */
} calls_map SEC(".maps");

/*
 * Count a call of the code object. Up to 3.10 each call enters the eval loop; from 3.11 on each
 * runs a RESUME, except where an exception is thrown into a generator.
 */
SEC("uprobe")
int calls(struct pt_regs *ctx)
{
	struct abi_site site = site_of(ctx);
	struct bpf_pidns_info who;
	u64 code = 0, *count, one = 1;

	if (!is_followed(&who))
		return 0;
	if (site.kind == ABI_SITE_EVAL_ENTRY && py.frame_kind != ABI_FRAME_OBJECT &&
	    !(u32)site_reg(ctx, site.throwflag))
		return 0;
	if (site_code_of(site_reg(ctx, site.frame), &code)) {
		stat_add(ABI_STAT_FAULT);
		return 0;
	}
	count = bpf_map_lookup_elem(&calls_map, &code);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&calls_map, &code, &one, BPF_NOEXIST))
		stat_add(ABI_STAT_LOST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
