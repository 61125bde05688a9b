/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel side: load the BPF programs, arm hardware watchpoints, count, deliver records. */
#ifndef PYBPFDBG_TRACE_TRACE_H
#define PYBPFDBG_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/abi.h"

struct abi_layout;
struct abi_obj;
struct abi_prog;
struct err;
struct hold;
struct trace; /* opaque */

enum trace_scope { TRACE_SCOPE_AUTO, TRACE_SCOPE_CPU, TRACE_SCOPE_TASK };

struct trace_options {
	pid_t pid;                 /* the process to follow */
	enum trace_scope scope;    /* AUTO: cpu-wide, task-bound where that is not allowed */
	int stop_signal;           /* sent to the thread on ABI_ACT_STOP */
	bool hold;                 /* threads that nobody traces are told to trace_hold() instead */
	const struct abi_py *py;
	const struct abi_layout *layout; /* NULL: no LOG and SNAP rules will be made */
	size_t ring_bytes;               /* for records that wait, a power of two and of pages; 0: 256 KiB */
	const struct abi_obj *obj; /* NULL: expressions are all undecided */
	bool timed;                /* calls may be timed: trace_timed_code() */
	/*
	 * What pid forks is followed, too: needs the scope CPU, or -EOPNOTSUPP. trace_program_on() then puts the program into all
	 * processes that run the same file; those that are not followed take the trap, and nothing comes of it.
	 */
	bool children;
	bool may_follow; /* trace_follow_forks() may be called; children is not set */
};

/*
 * Load the programs; nothing is armed and the target is not touched. Failures have their line in *err:
 * -EPERM (needs root or CAP_BPF+CAP_PERFMON), -ENOSYS/-EOPNOTSUPP (kernel without BPF, perf or hardware breakpoints).
 */
int trace_open(const struct trace_options *opt, struct err *err, struct trace **ret);
void trace_free(struct trace *tr); /* disarms everything; NULL is fine */

/*
 * trace_options.children: follow one more process, which has each place where pid has it (forked from it, say), and what it forks.
 * -EXDEV: it lives in another pid namespace; -ESRCH; or -errno.
 */
int trace_follow(struct trace *tr, pid_t pid);
/* No more. What it has forked is followed on. -ESRCH: it was not; or -errno. */
int trace_unfollow(struct trace *tr, pid_t pid);
/*
 * trace_options.may_follow: from now on what a followed process forks is followed (or is not), and programs that are turned on look at
 * every process that runs the interpreter's file, those of the step excepted. -EOPNOTSUPP: scope TASK; or -errno.
 */
int trace_follow_forks(struct trace *tr, bool on);
/* Programs that are turned on are put into the file that this process has mapped; those of the step on this process. */
void trace_process(struct trace *tr, pid_t pid);
/* The same: each process in which that rule state (abi_rule.state) has hits; pid is our number, 0: not known. Non-zero from fn ends it. */
int trace_process_hits(struct trace *tr, uint32_t state, int (*fn)(void *priv, pid_t pid, uint64_t hits), void *priv);

#define TRACE_SLOTS 4 /* debug registers of x86 */

/*
 * Watch one byte at addr (reads by the target). Several places may share an address: the address takes one slot. To watch
 * what is watched already does nothing: one trace_unwatch() ends it.
 * -ENOSPC: no slot is free on this machine (the line says how many are its own and that others may hold the rest).
 */
int trace_watch(struct trace *tr, uint64_t addr, struct err *err);
int trace_unwatch(struct trace *tr, uint64_t addr); /* 0 or -ENOENT */

/* Which program of bpf/watch.bpf.c runs at a watchpoint. */
enum trace_handler {
	TRACE_HANDLER_PLACE, /* bytecode is read: trace_watch() */
	TRACE_HANDLER_STEP,  /* a frame moves on: trace_step_set() says what of it counts */
	TRACE_HANDLER_DATA,  /* a value is written: trace_data_set() */
	TRACE_HANDLER_MAX,
};
struct trace_spec {
	enum trace_handler handler;
	uint64_t addr; /* a multiple of len; with the handler it is the name of the watchpoint */
	unsigned len;  /* bytes: 1, 2, 4 or 8 */
	bool write;    /* writes alone, else reads too */
	pid_t tid;     /* this thread alone, not those it starts; 0: as trace_options.scope */
};
/*
 * Watch memory: takes one slot. What is armed already stays as it is. -ENOSPC as trace_watch(), -EINVAL (len, or addr is no
 * multiple of it), -ESRCH no such thread; the line in *err.
 */
int trace_arm(struct trace *tr, const struct trace_spec *spec, struct err *err);
int trace_disarm(struct trace *tr, enum trace_handler handler, uint64_t addr); /* 0 or -ENOENT */

/* What is sent of a write to addr (TRACE_HANDLER_DATA): set before it is armed. 0 or -errno. */
int trace_data_set(struct trace *tr, uint64_t addr, const struct abi_data *data);
int trace_data_get(struct trace *tr, uint64_t addr, struct abi_data *ret); /* as the kernel has changed it */
int trace_data_del(struct trace *tr, uint64_t addr);

/*
 * The step that is on (one at a time; serial 0: none), and the code units of its frame (n at most ABI_STEP_UNITS_MAX,
 * else -E2BIG). Set while its thread stands. 0 or -errno.
 */
int trace_step_set(struct trace *tr, const struct abi_step *step);
int trace_step_units(struct trace *tr, const struct abi_step_unit *units, size_t n);
/* A file whose functions are (1) or are not (0) stepped into, named by its str object, for the step of that serial. */
int trace_step_file(struct trace *tr, uint64_t file, uint32_t serial, bool mine);

/* How many of ours are in use, and how many more can be armed now (probed by trying). */
int trace_slots(struct trace *tr, unsigned *ret_used, unsigned *ret_free);

/*
 * What a trap at addr in a frame of code means; place->counter is ignored. A place without a watched address costs nothing. To set it
 * again changes it and keeps its count; to delete it forgets the count. 0 or -errno (-ENOSPC: ABI_PLACES_MAX).
 */
int trace_place_set(struct trace *tr, uint64_t addr, uint64_t code, const struct abi_place *place);
int trace_place_del(struct trace *tr, uint64_t addr, uint64_t code);
/*
 * A frame whose hit of the place with that id, which has ABI_LOAN_TOLD, is none: it was told already. id 0: take it out. What
 * the kernel has found is taken out. 0 or -errno (-ENOENT: it was not there).
 */
int trace_told_set(struct trace *tr, const struct abi_told *frame, uint32_t id);
bool trace_told_is(struct trace *tr, const struct abi_told *frame, uint32_t id);
int trace_place_hits(struct trace *tr, uint64_t addr, uint64_t code, uint64_t *ret_hits);

/*
 * Rules, captures (1 .. ABI_RULES_MAX - 1, ABI_CAPTURES_MAX - 1; the caller says which is which) and the limits that all
 * of them share. A rule that no place names does nothing. 0 or -errno.
 */
int trace_rule_set(struct trace *tr, uint32_t index, const struct abi_rule *rule);
/* An expression, 1 .. ABI_PROGS_MAX - 1; one that a rule names must not be changed. */
int trace_prog_set(struct trace *tr, uint32_t index, const struct abi_prog *prog);
int trace_capture_set(struct trace *tr, uint32_t index, const struct abi_capture *capture);
int trace_limits_set(struct trace *tr, const struct abi_limits *limits);
/* How instances of the class at address type are captured: enum abi_recipe. 0 or -errno (-E2BIG: too many). */
int trace_recipe_set(struct trace *tr, uint64_t type, uint32_t recipe);
/* What the kernel counts, ABI_RULES_MAX of them: shared memory, use atomics. Owned by tr. */
struct abi_rule_state *trace_rule_states(struct trace *tr);

/* Where records go. Those of a length or kind that is not known are skipped. */
struct trace_sink {
	void (*hit)(void *priv, const struct abi_hit *hit);
	/* size: bytes of the whole record, aligned to 8; NULL: captures are thrown away */
	void (*captured)(void *priv, const struct abi_captured *rec, size_t size);
	void *priv;
};

/* Readable when trace_consume() has something to do: records, CPUs that came or went. Owned by tr. */
int trace_fd(const struct trace *tr);
/*
 * Hand every waiting record to the sink; number handed, or -errno (a CPU that came could not be covered; the records
 * were handed nevertheless).
 */
int trace_consume(struct trace *tr, const struct trace_sink *sink);
/*
 * What is to be waited for so that threads are held at their first hit (trace/hold.h), and from now on trace_execed(). Owned by
 * tr. -EOPNOTSUPP: not with these options, or -errno.
 */
int trace_hold(struct trace *tr, struct hold **ret);
/* Was there a record that a thread that nobody traces ran execve? */
bool trace_execed(const struct trace *tr);
/* Sums over the CPUs, indexed by enum abi_stat. */
int trace_stats(struct trace *tr, uint64_t ret[static 10]);
enum trace_scope trace_scope(const struct trace *tr); /* CPU or TASK, as it came out */
/* TASK scope only: threads came or went (called by the engine); no-op otherwise. */
int trace_threads_changed(struct trace *tr);
/* The programs of the uprobe engine (bpf/uprobe.bpf.c). */
enum trace_program {
	TRACE_PROGRAM_ENTER, /* places at ABI_ADDR_ENTRY: a frame of the code begins */
	TRACE_PROGRAM_CALLS, /* counts calls: calls_map, from struct abi_code_key to struct abi_calls */
	TRACE_PROGRAM_STEP_CALL,  /* the stepped thread calls a Python function */
	TRACE_PROGRAM_STEP_RAISE, /* an exception passes a frame of the stepped thread */
	TRACE_PROGRAM_TIMED, /* begins and ends of calls that are timed: trace_timed_code() */
	TRACE_PROGRAM_CATCH, /* exceptions where they are raised: bpf/catch.bpf.h, trace_catch_set() */
	TRACE_PROGRAM_EVAL_CODE, /* ABI_REC_MODULE for what struct abi_modules lets through */
	TRACE_PROGRAM_MAX,
};
/* The kinds of sites that it looks on from: a bit (1 << kind) for each enum abi_site_kind. */
unsigned trace_program_kinds(enum trace_program which);
/* An instruction of the target's interpreter (interp_ops.sites knows them). */
struct trace_site {
	uint64_t addr;
	struct abi_site site;
};
/*
 * Load the program if it is not yet, and put it on those of the n sites that are of its kinds; no other process is touched (but see
 * trace_options.children). To turn on
 * what is on does nothing. All or nothing: failures have their line in *err: -EPERM, -EOPNOTSUPP (kernel), -ESRCH, -ESTALE (the
 * interpreter's file cannot be reached), or -errno.
 */
int trace_program_on(struct trace *tr, enum trace_program which, const struct trace_site *sites, size_t n,
		     struct err *err);
void trace_program_off(struct trace *tr, enum trace_program which); /* its maps keep what they hold */
/* The same, but it comes back at once: the program may run for about 0.1 s for each of its sites. trace_free() waits for the last. */
void trace_program_off_later(struct trace *tr, enum trace_program which);
bool trace_program_is_on(const struct trace *tr, enum trace_program which);
/*
 * TRACE_PROGRAM_EVAL_CODE, which is on: what it lets through from now on. hashes: n of trace_module_hash(). 0 or -errno (-ENOSPC:
 * more than ABI_MODULES_MAX).
 */
int trace_modules_set(struct trace *tr, const struct abi_modules *what, const uint64_t *hashes, size_t n);
/* Of the last part of a file name. */
uint64_t trace_module_hash(const char *file);
/* A map of a program that was loaded, by name: a descriptor owned by tr, or -ENOENT. */
int trace_program_map(struct trace *tr, enum trace_program which, const char *name);
/*
 * Call fn for each entry of such a map, a hash from which nothing is deleted; key_size and value_size in bytes, as the map has them
 * (-EINVAL). Non-zero from fn ends it and is returned.
 */
int trace_program_each(struct trace *tr, enum trace_program which, const char *name, size_t key_size,
		       size_t value_size, int (*fn)(void *priv, const void *key, const void *value), void *priv);

/*
 * Who is asked where an exception is raised whose class is the one at address type, or derived from it: a bit of mask for each index
 * that has a rule (of those in one exception's classes the first ABI_PLACE_RULES). 0: nobody. Or -errno: -ENOENT
 * (TRACE_PROGRAM_CATCH was never on), -E2BIG (ABI_CATCH_CLASSES).
 */
int trace_catch_class(struct trace *tr, uint64_t type, uint32_t mask);
int trace_catch_rule(struct trace *tr, uint32_t index, uint32_t rule); /* index: below ABI_CATCH_MAX */
int trace_catch_when(struct trace *tr, const struct abi_catch_when *when);
int trace_catch_file(struct trace *tr, uint64_t file, bool mine); /* file: address of a co_filename */

#define TRACE_TIMED_CODES 16
#define TRACE_TIMED_RUNNING 16384 /* calls at a time */
/*
 * Time the calls of a code object (trace_options.timed). 0, -E2BIG (TRACE_TIMED_CODES), -errno. What ends and begins them: places with
 * ABI_ACT_ENTER (.group: abi_timed.flags) and ABI_ACT_LEAVE, or TRACE_PROGRAM_TIMED.
 */
int trace_timed_code(struct trace *tr, uint64_t code, const struct abi_timed *timed);
/* What came of it, of all code objects together; see enum abi_timed_sum and ABI_TIMED_BUCKETS. 0 or -errno. */
int trace_timed_read(struct trace *tr, uint64_t sums[static ABI_TIMED_SUMS],
		     uint64_t buckets[static ABI_TIMED_BUCKETS]);
/* With trace_options.children: the same by process. Non-zero from fn ends it and is returned. */
int trace_timed_processes(struct trace *tr, int (*fn)(void *priv, const struct abi_timed_process *t), void *priv);

/*
 * For `doctor`: can this kernel do it, with these rights? Each is tried on ourselves; 0 or -errno (-EPERM, -EACCES: the right is
 * missing; -ENOSPC: there was no free slot to try it with; else the kernel or the machine cannot). page_tables: as pages_find() of
 * trace/pages.h.
 */
struct trace_features {
	int bpf_load, perf_cpu_wide, perf_task, watchpoint, send_signal, ringbuf, page_tables;
	unsigned slots_free;
};
int trace_probe_features(struct trace_features *ret);

#endif
