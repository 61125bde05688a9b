/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of an interpreter: bytes in (base/mem.h, base/sym.h), facts out. No ptrace, no BPF, no
 * printing. One ops struct for each kind of interpreter; probes.c holds the table.
 * How to add one: docs/HOWTO_ADD_PYTHON.md.
 */
#ifndef PYBPFDBG_PROBES_PROBE_H
#define PYBPFDBG_PROBES_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct abi_layout;
struct abi_obj;
struct err;
struct mem;
struct sym;
struct sym_range;
struct value;
struct value_limits;
struct interp; /* an interpreter in a process; opaque here, made by ops->open */

/* What an interpreter needs to know of its process besides memory and symbols. */
struct probe_env {
	int pid;                 /* for messages only */
	const char *cwd;         /* absolute; to complete relative file names */
	const char *python_jit;  /* PYTHON_JIT of its environment, NULL if unset */
	bool still;              /* it stands: to wait for what is not there yet is of no use */
};

struct interp_info {
	char version[24];   /* "3.11.2", "3.15.0a7" */
	unsigned hexversion; /* PY_VERSION_HEX */
	unsigned minor;     /* 11 */
	const char *kind;   /* "CPython" */
	bool debug;         /* Py_DEBUG / Py_TRACE_REFS build */
	size_t module;      /* the ELF file that holds it, index into sym_modules() */
};

/* A Python thread (a PyThreadState). */
struct interp_thread {
	uint64_t tstate;    /* address */
	uint64_t thread_id; /* pthread_self(), = fs_base on glibc and musl */
	int tid;            /* kernel tid in the target's own pid namespace; 0 when not known */
	uint64_t frame;     /* innermost frame (interpreter frame or PyFrameObject), 0: none */
	bool holds_gil;
	uint64_t gil, gil_end; /* where the lock lies that it waits on for the GIL; 0: not known (3.6) */
	char name[64];      /* threading.Thread.name, "" when unknown; UTF-8, cut */
};

/* A Python frame. */
struct interp_frame {
	uint64_t frame; /* address */
	uint64_t code;  /* address of its code object */
	int32_t offset; /* byte offset of its instruction in the bytecode; -1: not started */
	int32_t line;   /* 0: unknown */
	bool entry;     /* the last, going outwards, of those that one C call of the eval loop runs */
};

/* The lock that a thread waits for. */
struct interp_lock {
	uint64_t futex;  /* what it sleeps on */
	uint64_t object; /* the lock object; 0: it is none of Python's */
	bool recursive;  /* a threading.RLock, which knows who holds it */
	uint64_t owner;  /* interp_thread.thread_id; 0: not known, or nobody */
};

/* A task of an event loop. */
enum interp_task_state {
	TASK_RUNNING,   /* its coroutine is on a thread's stack */
	TASK_WAITING,   /* for .waiter */
	TASK_READY,     /* it is the loop's turn to run it, or has not begun */
	TASK_FINISHED, TASK_FAILED, TASK_CANCELLED,
};
struct interp_task {
	uint64_t task; /* address of the object */
	uint64_t loop;
	char *name;    /* UTF-8; NULL: it has none (before 3.8) */
	char *coro;    /* qualified name of its coroutine; NULL: it is not one of Python's */
	enum interp_task_state state;
	/* Suspended coroutines, outermost first, each awaiting the next; only the first where TASK_RUNNING. */
	struct interp_frame *frames;
	size_t nframes;
	uint64_t waiter; /* what it waits for, a future: address; 0: nothing */
	char *awaits;    /* the same for people: "sleep(10)", "Lock.acquire() of <...>"; NULL: nothing */
	uint64_t *by;    /* tasks that wait for this one: directly, in a gather, a group ... */
	size_t nby;
};

/* A greenlet that has not ended. */
enum interp_greenlet_state { GREENLET_NEW, GREENLET_SUSPENDED, GREENLET_RUNNING };
struct interp_greenlet {
	uint64_t greenlet; /* address of the object */
	char *type;        /* full name of its class */
	char *run;         /* GREENLET_NEW: repr of what it will call; else NULL */
	enum interp_greenlet_state state;
	bool main;         /* that which a thread has from the beginning */
	uint64_t tstate;   /* GREENLET_RUNNING: thread state of its thread; 0: not known, a main one */
	struct interp_frame *frames; /* GREENLET_SUSPENDED, innermost first */
	size_t nframes;
};

/* A code object, read and checked. Strings are UTF-8. */
struct interp_code {
	uint64_t address;
	char *file;      /* co_filename, made absolute against the target's directory unless "<...>" */
	char *name;      /* co_name */
	char *qualname;  /* co_qualname (3.11+); before that found out through its parents, else co_name */
	int32_t first_line;
	uint32_t flags;  /* co_flags */
	uint64_t bytecode; /* address of the first code unit */
	uint32_t size;   /* bytes of bytecode */
	uint64_t checksum; /* of name, filename, linetable and consts pointers: tells a reused address */
	/* local variable names in slot order are asked for with frame_vars */
};

/*
 * A place where a line begins, as sys.settrace sees it: a `line` event happens when the code unit at
 * `offset` is about to run, unless the frame's observed previous position lies in one of `drop`.
 * "Observed": see docs/LINE_EVENTS.md; from 3.11 on the position stored in the frame, before that the
 * last place of this same code object and line that was watched and hit in this frame (so all places of
 * a line are armed together, those with `event` false too).
 */
#define INTERP_DROP_MAX 8
struct interp_place {
	uint32_t offset; /* bytes into the bytecode (an EXTENDED_ARG prefix counts as the start) */
	int32_t line;
	uint32_t ndrop;
	struct {
		int32_t lo, hi; /* bytes, inclusive; -1..-1: not started */
	} drop[INTERP_DROP_MAX];
	bool event;  /* false: only watched because another place of the line needs it (before 3.11) */
	bool inexact; /* the two may differ from settrace here; docs say why */
};

/* An instruction of the interpreter for a uprobe. */
struct interp_site {
	uint64_t addr;
	struct abi_site site; /* what happens there, and which registers hold what */
	bool emulated; /* a hit is one trap, and about ten times cheaper: the kernel emulates the instruction */
};

/* How calls of a code object begin and end. Offsets in bytes into its bytecode. */
struct interp_exits {
	uint32_t entry;    /* runs once when a call begins (but for ABI_TIMED_LOOPS); of a generator: when it first goes on */
	uint32_t *returns; /* return instructions, malloc'ed */
	size_t nreturns;
	bool generator;    /* or a coroutine: it is left and entered again in between */
	struct abi_timed timed; /* how exceptions leave it */
};

/* A class of the target. */
struct interp_class {
	uint64_t type; /* address */
	char *name;    /* "ValueError" for a built-in one, else "pkg.module.Qual.Name" */
};

enum interp_var_kind { VAR_LOCAL, VAR_CELL, VAR_FREE };
struct interp_var {
	char *name;
	enum interp_var_kind kind;
	bool arg;       /* a parameter */
	uint64_t value; /* address of the object (cells are looked through); 0: not bound */
};

/* How the kernel copies the instances of a class: enum abi_recipe of bpf/capture_abi.h. */
struct interp_recipe {
	uint64_t type;
	uint32_t recipe;
};

/* A variable in a slot of a frame. */
struct interp_slot {
	char *name;
	enum interp_var_kind kind;
	uint32_t slot;
	bool maybe_bare; /* CELL: the slot may still hold the object itself */
};

/* A reference that can be watched: a variable, an attribute, an item. It stays the same while what holds it moves. */
enum interp_ref_kind {
	REF_LOCAL, /* variable .name of frame .owner, which runs .code */
	REF_ATTR,  /* object .owner's .name */
	REF_ITEM,  /* .owner[.key], a list or a dict */
};
struct interp_ref {
	enum interp_ref_kind kind;
	uint64_t owner, code;
	const char *name;
	const struct value *key;
};

/* A word of memory: (*addr & mask) == value, or != where `differs`. */
struct interp_guard {
	uint64_t addr, mask, value;
	bool differs;
};

enum interp_storage_kind {
	STORAGE_LOCAL, /* a slot of a frame */
	STORAGE_CELL,  /* what a closure shares */
	STORAGE_SLOT,  /* a member of the object itself */
	STORAGE_VALUE, /* one of an instance's values, whose names its class keeps */
	STORAGE_ENTRY, /* an entry of a dict */
	STORAGE_ITEM,  /* of a list */
};

/* Why it is stored nowhere just now. */
enum interp_gone {
	GONE_MOVING, /* what holds it is being made anew; nothing is written */
	GONE_ABSENT, /* deleted, or not there yet: when it appears it is written */
	GONE_SHORT,  /* the list ends before it; when it grows that far, the item is stored afterwards */
	GONE_LENT,   /* all was taken away to be changed at once: what differs when it is back was written */
};

/*
 * Where a reference is stored now. Who writes the 8 bytes at .slot while all guards hold (and, for a local, while the frame is on the
 * writer's stack) writes the reference. Where a guard does not hold the holder is gone, or the slot is no longer its own.
 */
#define INTERP_GUARDS_MAX 8
#define INTERP_SKIPS_MAX 24
struct interp_storage {
	enum interp_storage_kind kind;
	uint64_t slot;  /* address; 0: nowhere just now, see .gone and .moves */
	enum interp_gone gone;
	uint64_t value; /* address of the object; 0: not bound, deleted */
	uint64_t mask;  /* of the bits of the word that are the address */
	uint64_t frame; /* STORAGE_LOCAL */
	uint64_t code;  /* the same */
	bool detached;  /* the frame may live without being on a stack: a generator's, or one that is an object */
	uint32_t ob_refcnt, ob_type, type_flags; /* members of any object; of a class: its flags, bit 31: its instances are classes */
	uint64_t text, text_end; /* if not 0: code outside of it that writes the same value again moves memory (memmove) */
	/*
	 * A field: after a write to it, ask again. It is written whenever the reference moves to other memory, and sometimes when it
	 * does not. 0: it never moves.
	 */
	uint64_t moves;
	uint64_t also; /* the same, for what is stored nowhere: either may be written before all is there */
	unsigned nguards, nalive; /* the first nalive say that what holds it lives */
	struct interp_guard guards[INTERP_GUARDS_MAX];
	/* STORAGE_LOCAL: bytes into the code; what the frame writes there is another variable that uses the same slot (3.12+:
	 * a comprehension's, and what is put back after it). */
	unsigned nskip;
	struct {
		int32_t lo, hi; /* inclusive */
		bool restores;  /* there only the same value again is no write */
	} skip[INTERP_SKIPS_MAX];
};

/* Called every so often during a long scan with bytes done and in all; non-zero stops it (-ECANCELED). */
typedef int (*interp_progress_fn)(void *priv, uint64_t done, uint64_t total);

struct interp_ops {
	const char *name; /* "cpython" */
	/*
	 * Is this interpreter in that process? -ENOENT: no (try the next probe). Any other failure is final
	 * and has its line in *err: unsupported version (with the supported range), free-threaded, JIT on.
	 */
	int (*open)(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		    struct interp **ret);
	void (*free)(struct interp *in);
	const struct interp_info *(*info)(const struct interp *in);
	/* Where the eval loop's code lies: the readers of bytecode that count. Owned by in. */
	void (*eval_ranges)(const struct interp *in, const struct sym_range **ret, size_t *ret_n);
	/* The facts that the BPF side needs (bpf/abi.h). */
	void (*kernel)(const struct interp *in, struct abi_py *ret);

	/*
	 * Where the uprobe engine looks on; kinds: a bit (1 << kind) for each enum abi_site_kind that is wanted (RESUME gives none
	 * before 3.11). Every event of a kind executes exactly one of its sites once, with the exceptions that
	 * docs/ARCHITECTURE.md names. Malloc'ed array. -ENOTSUP with its line in *err: this build's machine code is not understood.
	 */
	int (*sites)(struct interp *in, unsigned kinds, struct err *err, struct interp_site **ret, size_t *ret_n);
	/* How objects lie in memory, for the BPF side (bpf/capture_abi.h). */
	void (*layout)(const struct interp *in, struct abi_layout *ret);
	/* The classes that it must know besides; how many of at most max. */
	size_t (*recipes)(struct interp *in, struct interp_recipe *ret, size_t max);

	/* What the BPF side needs to look at code objects; the others of its members are 0. */
	void (*modules)(const struct interp *in, struct abi_modules *ret);

	/* All Python threads of all interpreters, malloc'ed array. 0 or -errno. */
	int (*threads)(struct interp *in, struct interp_thread **ret, size_t *ret_n);
	/* Frames, innermost first, at most max (shims skipped), malloc'ed array. */
	int (*frames)(struct interp *in, uint64_t tstate, size_t max, struct interp_frame **ret, size_t *ret_n);

	/*
	 * The tasks of all event loops, with those that have ended and are still referred to; malloc'ed, free with
	 * interp_tasks_free(). The target must not run. current: only those that an event loop is running just now, without
	 * their .by: they are few. None where there is no event loop. 0 or -errno.
	 */
	int (*tasks)(struct interp *in, bool current, struct interp_task **ret, size_t *ret_n);

	/*
	 * The greenlets of all threads, ascending by address, malloc'ed, free with interp_greenlets_free(); none where there is no
	 * such module. The target must not run; its memory is searched through. -ENOTSUP with its line in *err: a version of
	 * greenlet that is not known.
	 */
	int (*greenlets)(struct interp *in, struct err *err, struct interp_greenlet **ret, size_t *ret_n);
	/*
	 * The greenlet that a standing thread runs and its class (malloc'ed). -ENOENT: none, but for the thread's main one, or it is
	 * not known. Memory is searched through when the first one, or a new thread, is asked for.
	 */
	int (*greenlet_of)(struct interp *in, uint64_t tstate, uint64_t *ret, char **ret_type);

	/* All live code objects. cb: non-zero stops and is returned. Unreadable pieces are skipped. */
	int (*scan_code)(struct interp *in, int (*cb)(void *priv, uint64_t code), void *priv,
			 interp_progress_fn progress, void *progress_priv);
	/* Read one code object; -EINVAL when there is none at addr. Free with interp_code_deinit(). */
	int (*code)(struct interp *in, uint64_t addr, struct interp_code *ret);
	/* Line of a byte offset; 0 when it has none. Negative errno. */
	int (*line_of)(struct interp *in, uint64_t code, int32_t offset);
	/*
	 * The places where lines of this code begin, ascending by line then offset, malloc'ed.
	 * Lines that never give a `line` event (a def line inside its own body) are absent.
	 */
	int (*places)(struct interp *in, uint64_t code, struct interp_place **ret, size_t *ret_n);
	/* For stepping (bpf/abi.h): each code unit of the code object, malloc'ed. */
	int (*step_units)(struct interp *in, uint64_t code, struct abi_step_unit **ret, size_t *ret_n);
	/*
	 * The frame stands before an ABI_UNIT_MAY_LEAVE at offset: does that leave it, by return or exception? 1, 0 or
	 * -errno.
	 */
	int (*step_leaves)(struct interp *in, uint64_t frame, uint64_t code, int32_t offset);
	/* The object that a frame before the ABI_UNIT_RETURNS at offset returns. -ENODATA: it is not known. */
	int (*return_value)(struct interp *in, uint64_t frame, uint64_t code, int32_t offset, uint64_t *ret);
	/* Children: code objects in co_consts, malloc'ed array of addresses. */
	int (*code_children)(struct interp *in, uint64_t code, uint64_t **ret, size_t *ret_n);

	/*
	 * A code object, then all that lie in it (so many at most). Before 3.11 qualified names come from a scan or from here.
	 * cb: non-zero stops and is returned. -EINVAL: there is none.
	 */
	int (*code_tree)(struct interp *in, uint64_t code, int (*cb)(void *priv, uint64_t code), void *priv);

	/* Locals, cells and free variables of a frame in slot order; free with interp_vars_free(). */
	int (*frame_vars)(struct interp *in, uint64_t frame, struct interp_var **ret, size_t *ret_n);
	/* Address of the frame's globals / builtins dict / f_locals mapping (module and class bodies; 0 if none). */
	int (*frame_dicts)(struct interp *in, uint64_t frame, uint64_t *ret_globals, uint64_t *ret_builtins,
			   uint64_t *ret_locals);

	/* Read the object at addr into a tree. Never fails but for -ENOMEM: what cannot be read is VALUE_UNREADABLE. */
	int (*value)(struct interp *in, uint64_t addr, const struct value_limits *lim, struct value **ret);
	/* dict[key] by str key, in a dict of any form: *ret_addr; -ENOENT; -EINVAL not a dict; -EFAULT. */
	int (*dict_get)(struct interp *in, uint64_t dict, const char *key, uint64_t *ret_addr);
	/*
	 * obj.name without running code: instance dict, inline values, slots, class attributes through the MRO,
	 * module and function attributes; a fixed list of C members (__class__, __name__, __dict__, func.__code__,
	 * int.real, exception.args ...). *ret is a tree read with lim.
	 * -ENOENT: AttributeError; -EOPNOTSUPP with the reason in *err: property, descriptor, __getattr__.
	 */
	int (*attr)(struct interp *in, uint64_t obj, const char *name, const struct value_limits *lim,
		    struct err *err, struct value **ret);
	/*
	 * obj[key] for list, tuple, str, bytes, bytearray, range, deque (int key), dict and its subclasses (hashable built-in key), without
	 * running code. -ENOENT: IndexError/KeyError; -EOPNOTSUPP with the reason: __getitem__ in Python, and all else.
	 */
	int (*item)(struct interp *in, uint64_t obj, const struct value *key, const struct value_limits *lim,
		    struct err *err, struct value **ret);
	/*
	 * Where a reference is stored; the target must not run. -EAGAIN: just now nowhere, or it is being moved; only .moves and .gone are
	 * filled in, and the line says what is ("the key is not there"). Else it cannot be watched, or no longer, with a line: -ENOENT (no
	 * such name, attribute, index; of a local: -ENXIO, it is none of the frame's), -ESTALE (what held it is gone), -EOPNOTSUPP
	 * (a property, a tuple's item), -EFAULT.
	 */
	int (*storage)(struct interp *in, const struct interp_ref *ref, struct err *err, struct interp_storage *ret);
	/*
	 * x += "text" first empties the variable, up to 3.10 (Python/ceval.c, unicode_concatenate) and again in 3.15: a NULL written while
	 * the frame stands on one of these opcodes is no deletion. *ret_code: member of a code object that points to its bytecode
	 * (ABI_NONE: it is in the code object); *ret_data: bytes from there to its first code unit. How many opcodes, perhaps 0.
	 */
	size_t (*half_writes)(const struct interp *in, uint8_t ret[static 4], uint32_t *ret_code, uint32_t *ret_data);
	/* Is type `type` (address) a class named `name` or derived from one (by MRO names)? 1, 0, -errno. */
	int (*type_is)(struct interp *in, uint64_t type, const char *name, bool derived);
	/*
	 * A name in the dicts of a class and its bases, in the order of the MRO: the object as it lies there (nothing
	 * is bound), and the class it was found in. -ENOENT: in none.
	 */
	int (*type_lookup)(struct interp *in, uint64_t type, const char *name, uint64_t *ret_addr,
			   uint64_t *ret_owner);
	/* Free returns. -EINVAL: no code object; -E2BIG: it has more than struct abi_timed can hold. */
	int (*exits)(struct interp *in, uint64_t code, struct interp_exits *ret);
	/*
	 * Does every frame of this code run the instruction at offset (bytes) exactly once, as the first behind what begins
	 * the frame? 1, 0 or -errno. *ret_from: a frame that stands there or behind it, and before offset, has passed its
	 * ABI_SITE_EVAL_ENTRY or ABI_SITE_RESUME.
	 */
	int (*begins)(struct interp *in, uint64_t code, uint32_t offset, int32_t *ret_from);
	/*
	 * The exception that thread state tstate is about to propagate, as a tree. *ret_addr: the instance; 0 where C code
	 * raised it and nobody has made the instance yet (before 3.12): then *ret is what it will be. -ENOENT: there is none.
	 */
	int (*raised)(struct interp *in, uint64_t tstate, const struct value_limits *lim, uint64_t *ret_addr,
		      struct value **ret);
	/*
	 * The frames that the exception of tstate has been raised in or has come out of so far, innermost first, malloc'ed; their
	 * variables live as long as it does. None: 0 and NULL.
	 */
	int (*left_frames)(struct interp *in, uint64_t tstate, struct interp_frame **ret, size_t *ret_n);
	/*
	 * Will the frame handle the exception of class `type` (address) that passes it at frame->offset? 1, or 0: it leaves the
	 * frame. What no bytecode tells counts as no: whether a `with` suppresses it, an `except` of an expression that is no name,
	 * attribute or tuple of them. A handler that raises it again only sometimes counts as yes. Negative errno.
	 */
	int (*handles)(struct interp *in, uint64_t type, const struct interp_frame *frame);
	/*
	 * The exception classes that `name` can mean, malloc'ed, free with interp_classes_free(): a built-in one by its
	 * bare name (aliases such as IOError too), MODULE.NAME as MODULE knows it or where it was defined, else every class of
	 * that name or qualified name in memory. Several of one full name: a module was reloaded. -ENOENT: none; -EINVAL:
	 * it means something that is no exception class; -ECANCELED by progress.
	 */
	int (*exception_classes)(struct interp *in, const char *name, interp_progress_fn progress, void *priv,
				 struct interp_class **ret, size_t *ret_n);
	/*
	 * For expressions in the kernel. Its objects (bpf/expr_abi.h): 0, or -EOPNOTSUPP when something is missing.
	 */
	int (*kernel_objects)(struct interp *in, struct abi_obj *ret);
	/*
	 * The variables that frames of this code have in slots, in the order in which a name is looked for; free with
	 * interp_slots_free(). *ret_optimized: a name that is none of them is no local; else the locals are a dict.
	 */
	int (*code_slots)(struct interp *in, uint64_t code, bool *ret_optimized, struct interp_slot **ret, size_t *ret_n);
	/*
	 * hash() of a number, or of a text: of a str `data` holds its characters, 1, 2 or 4 bytes each as its largest needs.
	 * -EOPNOTSUPP: how this interpreter does it is not known.
	 */
	int (*hash)(struct interp *in, const struct value *v, const void *data, size_t n, uint64_t *ret);
	/*
	 * The text of a str (no subclass) of at most max characters, as UTF-8, malloc'ed; nothing but the object itself is read. -EINVAL:
	 * it is none, or longer, or holds a NUL or a lone surrogate; or -errno.
	 */
	int (*text)(struct interp *in, uint64_t addr, size_t max, char **ret);
	/* A str among the names and constants of the code that equals UTF-8 `text`; it lives as long as the code. 0: none. */
	uint64_t (*code_str)(struct interp *in, uint64_t code, const char *text);
	/* The dict of the built-in names. */
	int (*builtins)(struct interp *in, uint64_t *ret_dict);
	/* Given .futex of n locks, find the rest; .object 0 where there is none. Long: memory may be searched. 0 or -errno. */
	int (*locks)(struct interp *in, struct interp_lock *locks, size_t n);
	/* Names of sys.modules as an address of the dict of module `name`'s globals; -ENOENT. */
	int (*module_globals)(struct interp *in, const char *name, uint64_t *ret_dict);
};

/* Fields that every interp starts with. */
struct interp {
	const struct interp_ops *ops;
};

void interp_code_deinit(struct interp_code *c);
void interp_vars_free(struct interp_var *vars, size_t n);
void interp_classes_free(struct interp_class *classes, size_t n);
void interp_tasks_free(struct interp_task *tasks, size_t n);
void interp_greenlets_free(struct interp_greenlet *g, size_t n);
void interp_slots_free(struct interp_slot *slots, size_t n);

/*
 * Try every probe of the table. -ENOENT with a line in *err: no interpreter that we know
 * ("pid 42: /usr/bin/bash is not a Python process").
 */
int probes_open(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		struct interp **ret);
void probes_close(struct interp *in); /* NULL is fine */

#endif
