// SPDX-License-Identifier: BSD-2-Clause
/* What this kernel and our rights allow, found out by doing it: on ourselves, with a fake
 * interpreter. */
#include "trace/trace.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "bpf/abi.h"
#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/arm.h"
#include "trace/pages.h"
#include "watch.skel.h"

/* The least that the BPF program takes for an interpreter: one thread that runs one frame. */
struct fake {
	uint64_t interp_head;
	struct {
		uint64_t next, tstate_head;
	} interp;
	struct {
		uint64_t next, thread_id, frame;
	} tstate;
	struct {
		uint64_t code, prev;
	} frame;
	uint8_t code[16];
};

#define OFFSET 8 /* of the watched instruction */

static void fake_init(struct fake *f, struct abi_py *py)
{
	*f = (struct fake){
		.interp_head = (uintptr_t)&f->interp,
		.interp.tstate_head = (uintptr_t)&f->tstate,
		.tstate.frame = (uintptr_t)&f->frame,
		.frame.code = (uintptr_t)f->code,
		.frame.prev = (uintptr_t)f->code,
	};
	syscall(SYS_arch_prctl, ARCH_GET_FS, &f->tstate.thread_id);
	*py = (struct abi_py){
		.size = sizeof(*py),
		.frame_kind = ABI_FRAME_CURRENT,
		.prev_kind = ABI_PREV_FRAME,
		.interp_head = (uintptr_t)&f->interp_head,
		.interp_next = offsetof(struct fake, interp.next) - offsetof(struct fake, interp),
		.interp_tstate_head =
			offsetof(struct fake, interp.tstate_head) - offsetof(struct fake, interp),
		.tstate_next = offsetof(struct fake, tstate.next) - offsetof(struct fake, tstate),
		.tstate_thread_id =
			offsetof(struct fake, tstate.thread_id) - offsetof(struct fake, tstate),
		.tstate_frame = offsetof(struct fake, tstate.frame) - offsetof(struct fake, tstate),
		.frame_code = offsetof(struct fake, frame.code) - offsetof(struct fake, frame),
		.frame_prev = offsetof(struct fake, frame.prev) - offsetof(struct fake, frame),
		.eval_n = 1,
	};
	py->eval[0].end = UINT64_MAX; /* every reader */
}

static void touch(const uint8_t *byte)
{
	(void)*(const volatile uint8_t *)byte;
}

/* A watchpoint on our own memory, without BPF: does reading it count? */
static void probe_perf(struct trace_features *f)
{
	static const uint8_t byte;
	const struct arm_watch w = { .addr = (uintptr_t)&byte, .len = 1 };
	_cleanup_close_ int fd = arm_open_event(&w, 0, -1);
	uint64_t count = 0;
	int r;

	f->perf_task = fd >= 0 || fd == -ENOSPC ? 0 : fd;
	f->watchpoint = fd < 0 ? fd : ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
	if (!f->watchpoint) {
		touch(&byte);
		if (read(fd, &count, sizeof(count)) != sizeof(count) || count != 1)
			f->watchpoint = -EOPNOTSUPP;
	}
	cleanup_close(&fd);
	fd = -1;
	r = arm_slots_free(-1, TRACE_SLOTS, &f->slots_free);
	f->perf_cpu_wide = r;
}

static int probe_load(void)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct watch_bpf *skel = watch_bpf__open();
	int r = skel ? watch_bpf__load(skel) : -errno;

	watch_bpf__destroy(skel);
	libbpf_set_print(print);
	return r;
}

static void got_record(void *priv, const struct abi_hit *hit)
{
	*(bool *)priv = hit->offset == OFFSET;
}

/* The whole way: trap, program, record, signal to this very thread. */
static void probe_stop(struct trace_features *f)
{
	struct abi_place place = { .action = ABI_ACT_STOP, .offset = OFFSET };
	struct trace_options opt = { .pid = getpid(),
				     .scope = TRACE_SCOPE_TASK,
				     .stop_signal = SIGURG };
	struct fake fake;
	struct abi_py py;
	uint64_t addr = (uintptr_t)&fake.code[OFFSET + 1];
	struct trace *tr = NULL;
	sigset_t urgent, before;
	bool recorded = false;
	int r;

	fake_init(&fake, &py);
	opt.py = &py;
	r = trace_open(&opt, NULL, &tr);
	if (!r)
		r = trace_place_set(tr, addr, (uintptr_t)fake.code, &place);
	if (!r)
		r = trace_watch(tr, addr, NULL);
	f->ringbuf = f->send_signal = r;
	if (!r) {
		sigemptyset(&urgent);
		sigaddset(&urgent, SIGURG);
		pthread_sigmask(SIG_BLOCK, &urgent, &before);
		touch(&fake.code[OFFSET + 1]);
		if (sigtimedwait(&urgent, NULL, &(struct timespec){ 0 }) != SIGURG)
			f->send_signal = -EOPNOTSUPP;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		r = trace_consume(tr, &(struct trace_sink){ .hit = got_record, .priv = &recorded });
		f->ringbuf = r < 0 ? r : recorded ? 0 : -EOPNOTSUPP;
	}
	trace_free(tr);
}

int trace_probe_features(struct trace_features *ret)
{
	struct trace_features f = { 0 };
	struct abi_pages pages;

	probe_perf(&f);
	f.page_tables = pages_find(&pages);
	f.bpf_load = probe_load();
	probe_stop(&f);
	*ret = f;
	return 0;
}
