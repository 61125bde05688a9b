// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Stops the thread that comes to an address, in a process whose interpreter is not known yet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile int stop_signal = 0;

SEC("uprobe")
int halt(void *ctx)
{
	(void)ctx;
	bpf_send_signal_thread(stop_signal);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
