// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Which processes descend from one, Python or not: tells user space when one begins, executes
 * another program, ends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/abi.h"
#include "bpf/kin.bpf.h"
#include "bpf/task.bpf.h"

typedef __u32 u32;

const volatile __u64 our_ns_ino = 0; /* the debugger's pid namespace: all numbers are of it */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} process_records SEC(".maps");

/* Records that found no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} process_lost SEC(".maps");

static __always_inline void lost(void)
{
	u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&process_lost, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline void tell(u32 kind, u32 pid, u32 parent)
{
	struct abi_process *rec = bpf_ringbuf_reserve(&process_records, sizeof(*rec), 0);

	if (!rec) {
		lost();
		return;
	}
	*rec = (struct abi_process){
		.time_ns = bpf_ktime_get_ns(), .kind = kind, .pid = pid, .parent = parent
	};
	bpf_ringbuf_submit(rec, 0);
}

static __always_inline u32 number_of(struct task_struct *task)
{
	int inner = 0;

	return task_number(BPF_CORE_READ(task, group_leader), our_ns_ino, &inner);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(kin_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 from, nr, one = 1;

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0; /* a thread */
	from = number_of(parent);
	if (!from || !bpf_map_lookup_elem(&kin, &from))
		return 0;
	nr = number_of(child);
	if (bpf_map_update_elem(&kin, &nr, &one, BPF_ANY))
		lost();
	else
		tell(ABI_PROCESS_FORK, nr, from);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(kin_exec, struct task_struct *task)
{
	u32 nr = number_of(task);

	if (nr && bpf_map_lookup_elem(&kin, &nr))
		tell(ABI_PROCESS_EXEC, nr, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(kin_exit, struct task_struct *task)
{
	u32 nr;

	if (!task_is_last(task))
		return 0;
	nr = number_of(task);
	if (nr && !bpf_map_delete_elem(&kin, &nr))
		tell(ABI_PROCESS_EXIT, nr, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
