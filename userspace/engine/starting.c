// SPDX-License-Identifier: BSD-2-Clause
/* The way of a program from its execve to its first line. */
#include "engine/starting.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/sym.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/ptrace.h"
#include "target/target.h"
#include "trace/halt.h"

#define INSN_MAX  15 /* bytes of an x86 instruction */
#define EVAL_CODE "PyEval_EvalCode"

int starting_open(struct starting *st, struct err *err)
{
	struct target *t;
	int r = target_open(st->pid, err, &t);

	if (r)
		return r;
	if (st->ts)
		tracees_set_target(st->ts, t);
	target_free(st->target);
	st->target = t;
	return 0;
}

/* The entry point of the executable, as the kernel told it the program. */
static int entry_point(const struct starting *st, uint64_t *ret)
{
	_cleanup_close_ int fd = -1;
	Elf64_auxv_t aux[64];
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)st->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, aux, sizeof(aux));
	if (n < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)n / sizeof(*aux); i++) {
		if (aux[i].a_type != AT_ENTRY)
			continue;
		*ret = aux[i].a_un.a_val;
		return 0;
	}
	return -ENOENT;
}

static int find_eval_code(struct starting *st)
{
	struct sym *sym = target_sym(st->target);
	uint64_t size;
	size_t module;
	int r;

	target_refresh(st->target);
	r = sym_find_module(sym, EVAL_CODE, &module);
	return r ? r : sym_lookup(sym, module, EVAL_CODE, &st->eval_code, &size);
}

static int halt_next(struct starting *st, uint64_t addr, struct err *err)
{
	st->entry = addr;
	return halt_at(st->halt, st->pid, addr, err);
}

int starting_exec(struct starting *st, struct err *err)
{
	uint64_t addr;
	int r;

	session_free(st->early);
	st->early = NULL;
	st->eval_code = 0;
	st->foreign = false;
	r = starting_open(st, err);
	if (r)
		return r;
	r = entry_point(st, &addr);
	if (r)
		return err_set(err, r, "pid %d: its entry point is not known: %s", (int)st->pid,
			       strerror(-r));
	return halt_next(st, addr, err);
}

/* Everything is mapped: is it Python? What is not may execute it yet. */
static int on_entry(struct starting *st, struct err *err)
{
	int r = find_eval_code(st);

	if (!r)
		return halt_next(st, st->eval_code, err);
	halt_off(st->halt);
	st->entry = 0;
	st->foreign = true;
	return r == -ENOENT ? 0
			    : err_set(err, r, "pid %d: its symbols cannot be read: %s",
				      (int)st->pid, strerror(-r));
}

/* Does the module that these globals are of run as the program? */
static bool is_main(struct interp *in, uint64_t globals)
{
	const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 64, .total = 1 };
	struct value *v = NULL;
	uint64_t addr;
	bool is;

	if (in->ops->dict_get(in, globals, "__name__", &addr) || in->ops->value(in, addr, &lim, &v))
		return false;
	is = v->kind == VALUE_STR && v->bytes && !strcmp(v->bytes, "__main__");
	value_free(v);
	return is;
}

static int on_eval_code(struct starting *st, pid_t tid, struct err *err)
{
	uint64_t args[2];
	int r;

	r = tracees_args(st->ts, tid, args);
	if (r)
		return 0; /* killed: its end is the next event */
	if (!st->early) {
		r = session_open(st->pid, st->opt, true, err, &st->early);
		if (r)
			return r == -EAGAIN ? 0
					    : r; /* importlib, before the interpreter is whole */
	}
	if (tid == st->pid && is_main(session_interp(st->early), args[1])) {
		st->code = args[0];
		st->there = true;
	}
	return 0;
}

int starting_stop(struct starting *st, pid_t tid, struct err *err)
{
	uint64_t ip;

	/* A signal of the kernel's own, or one that came late: nothing of ours. */
	if (tracees_ip(st->ts, tid, &ip) || !st->entry || ip < st->entry ||
	    (st->entry == st->eval_code && ip > st->entry + INSN_MAX))
		return 0;
	return st->entry == st->eval_code ? on_eval_code(st, tid, err) : on_entry(st, err);
}

void starting_deinit(struct starting *st)
{
	halt_free(st->halt);
	session_free(st->early);
	tracees_free(st->ts);
	target_free(st->target);
	memset(st, 0, sizeof(*st));
}
