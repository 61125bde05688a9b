// SPDX-License-Identifier: BSD-2-Clause
/* The watch slots: what is armed, in which scope, with which program. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "trace/arm.h"
#include "trace/cpus.h"
#include "trace/handlers.h"
#include "trace/trace_priv.h"

static int perf_err(int r, pid_t pid, struct err *err)
{
	switch (-r) {
	case EACCES:
	case EPERM:
		return err_set(err, -EPERM,
			       "pid %d: hardware watchpoints are not allowed: run as root or with "
			       "CAP_PERFMON "
			       "(and see the sysctl kernel.perf_event_paranoid)",
			       pid);
	case ENOSYS:
		return err_set(err, r,
			       "pid %d: this kernel has no perf events (CONFIG_PERF_EVENTS)", pid);
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		return err_set(err, -EOPNOTSUPP,
			       "pid %d: this machine or kernel has no hardware breakpoints", pid);
	case EMFILE:
	case ENFILE:
		return err_set(err, r,
			       "pid %d: out of file descriptors: raise the limit (ulimit -n)", pid);
	case ESRCH:
		return err_set(err, r, "pid %d: the process is gone", pid);
	case EAGAIN:
		return err_set(
			err, r,
			"pid %d: its threads come and go too fast for the scope 'task'; use 'cpu'",
			pid);
	default:
		return err_set(err, r, "pid %d: cannot arm a watchpoint: %s", pid, strerror(-r));
	}
}

/* Is a watchpoint in this scope allowed at all? Tried on a byte of our own that nobody watches. */
static int try_scope(const struct trace *tr, enum trace_scope scope)
{
	static char byte;
	const struct arm_watch w = { .addr = (uintptr_t)&byte, .len = 1 };
	_cleanup_free_ int *cpus = NULL;
	size_t n;
	int r, fd;

	r = cpus_online(&cpus, &n);
	if (r)
		return r;
	fd = scope == TRACE_SCOPE_CPU ? arm_open_event(&w, -1, cpus[0])
				      : arm_open_event(&w, tr->pid, -1);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -ENOSPC ? 0 : fd;
}

int slots_choose_scope(struct trace *tr, enum trace_scope wanted, struct err *err)
{
	int r;

	tr->scope = wanted == TRACE_SCOPE_TASK ? TRACE_SCOPE_TASK : TRACE_SCOPE_CPU;
	r = try_scope(tr, tr->scope);
	if ((r == -EACCES || r == -EPERM) && wanted == TRACE_SCOPE_AUTO) {
		tr->scope = TRACE_SCOPE_TASK;
		r = try_scope(tr, tr->scope);
	}
	return r ? perf_err(r, tr->pid, err) : 0;
}

void slots_free(struct trace *tr)
{
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		arm_free(tr->slots[i].arm);
}

static struct slot *slot_of(struct trace *tr, enum trace_handler handler, uint64_t addr)
{
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		if (tr->slots[i].arm && tr->slots[i].handler == handler &&
		    arm_addr(tr->slots[i].arm) == addr)
			return &tr->slots[i];
	return NULL;
}

static struct slot *free_slot(struct trace *tr)
{
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		if (!tr->slots[i].arm)
			return &tr->slots[i];
	return NULL;
}

static unsigned slots_used(const struct trace *tr)
{
	unsigned n = 0;

	for (size_t i = 0; i < TRACE_SLOTS; i++)
		n += tr->slots[i].arm != NULL;
	return n;
}

static bool asks_rules(enum trace_handler handler)
{
	return handler == TRACE_HANDLER_PLACE || handler == TRACE_HANDLER_DATA;
}

int slots_judge(struct trace *tr)
{
	tr->judging = true;
	for (size_t i = 0; i < TRACE_SLOTS; i++)
		if (tr->slots[i].arm && asks_rules(tr->slots[i].handler))
			return handlers_judge(tr->handlers, NULL);
	return 0;
}

/* The program, and what it ends in. A descriptor or -errno. */
static int program_of(struct trace *tr, enum trace_handler handler, struct err *err)
{
	int r = tr->judging && asks_rules(handler) ? handlers_judge(tr->handlers, err) : 0;

	return r ? r : handlers_fd(tr->handlers, handler, err);
}

int trace_arm(struct trace *tr, const struct trace_spec *spec, struct err *err)
{
	const struct arm_watch w = {
		.addr = spec->addr,
		.len = spec->len,
		.write = spec->write,
		.one_thread = spec->tid != 0,
	};
	pid_t pid = spec->tid ? spec->tid : tr->scope == TRACE_SCOPE_CPU ? -1 : tr->pid;
	struct slot *slot;
	int r = -ENOSPC, prog;

	if (slot_of(tr, spec->handler, spec->addr))
		return 0;
	prog = program_of(tr, spec->handler, err);
	if (prog < 0)
		return prog;
	slot = free_slot(tr);
	if (slot)
		r = arm_new(&w, pid, prog, &slot->arm);
	if (!r)
		slot->handler = spec->handler;
	if (r == -ENOSPC) {
		unsigned used = slots_used(tr);

		return err_set(
			err, r,
			"pid %d: no watch slot is free: %u of %u are its own%s; clear or disable "
			"a breakpoint",
			tr->pid, used, TRACE_SLOTS,
			used < TRACE_SLOTS
				? ", another program of the session, another debugger or the "
				  "kernel holds the rest"
				: "");
	}
	return r ? perf_err(r, tr->pid, err) : 0;
}

int trace_disarm(struct trace *tr, enum trace_handler handler, uint64_t addr)
{
	struct slot *slot = slot_of(tr, handler, addr);

	if (!slot)
		return -ENOENT;
	arm_free(slot->arm);
	slot->arm = NULL;
	return 0;
}

int trace_watch(struct trace *tr, uint64_t addr, struct err *err)
{
	const struct trace_spec spec = { .handler = TRACE_HANDLER_PLACE, .addr = addr, .len = 1 };

	return trace_arm(tr, &spec, err);
}

int trace_unwatch(struct trace *tr, uint64_t addr)
{
	return trace_disarm(tr, TRACE_HANDLER_PLACE, addr);
}

int trace_slots(struct trace *tr, unsigned *ret_used, unsigned *ret_free)
{
	pid_t pid = tr->scope == TRACE_SCOPE_CPU ? -1 : tr->pid;
	unsigned used = slots_used(tr);
	int r = arm_slots_free(pid, TRACE_SLOTS - used, ret_free);

	if (!r)
		*ret_used = used;
	return r;
}

int slots_follow_cpus(struct trace *tr)
{
	struct cpu_event ev;
	int r, q, ret = 0;

	while ((r = cpus_next(tr->uevents, &ev)) != 0) {
		if (r < 0 && r != -ENOBUFS)
			return r;
		for (size_t i = 0; i < TRACE_SLOTS; i++) {
			if (!tr->slots[i].arm)
				continue;
			q = 0;
			if (r < 0)
				q = arm_cpus_again(tr->slots[i].arm);
			else if (ev.online)
				q = arm_cpu_online(tr->slots[i].arm, ev.cpu);
			else
				arm_cpu_offline(tr->slots[i].arm, ev.cpu);
			if (q && !ret)
				ret = q;
		}
	}
	return ret;
}
