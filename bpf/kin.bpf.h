/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The processes that are looked after, by their numbers as the debugger sees them: made by procs.bpf.c, looked at by execs.bpf.c. */
#ifndef PYBPFDBG_KIN_BPF_H
#define PYBPFDBG_KIN_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} kin SEC(".maps");

#endif
