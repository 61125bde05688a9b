// SPDX-License-Identifier: BSD-2-Clause
/* Is there a CPython in this process, which, and is it one that we know exactly? */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/detect.h"

#define DEBUG_OFFSETS_SIZE 2048 /* more than any _Py_DebugOffsets */
#define TRACE_REFS_SIZE	   16	/* _ob_next and _ob_prev before ob_refcnt (Include/object.h) */
#define START_TRIES	   50	/* of 1 ms each: an interpreter starts in some 10 ms */

void cpython_free(struct interp *in)
{
	struct cpython *py = cpython_of(in);

	if (!py)
		return;
	free(py->cwd);
	free(py->code_cache);
	free(py->value_cache);
	free(py->greenlet_cache);
	free(py);
}

static void cleanup_py(struct cpython **py)
{
	if (*py)
		cpython_free(&(*py)->base);
}

int cpython_refuse(struct err *err, int pid, const char *version, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -ENOTSUP, "pid %d: Python %s %s; nothing was attached", pid, version,
		       text);
}

static bool has(struct cpython *py, size_t module, const char *name)
{
	uint64_t addr, size;

	return !sym_lookup(py->sym, module, name, &addr, &size);
}

/* A name in the order in which the dynamic linker looks: an executable may hold a copy of a
 * library's data. */
static uint64_t symbol(struct cpython *py, const char *name)
{
	uint64_t addr, size;

	if (!sym_lookup(py->sym, 0, name, &addr, &size))
		return addr;
	if (py->info.module && !sym_lookup(py->sym, py->info.module, name, &addr, &size))
		return addr;
	return 0;
}

/* The file that holds the interpreter: the one that has its eval loop. -ENOENT. */
static int find_module(struct cpython *py, struct err *err)
{
	const struct sym_module *mods;
	size_t n, i;
	int r;

	r = sym_modules(py->sym, &mods, &n);
	if (r)
		return err_set(err, r, "pid %d: cannot read which files it has mapped: %s", py->pid,
			       strerror(-r));
	for (i = 0; i < n; i++) {
		/* PyPy's library has the C API too, by other names and for other structures. */
		if (has(py, i, "pypy_main_startup") || has(py, i, "rpython_startup_code"))
			return err_set(err, -ENOTSUP,
				       "pid %d: PyPy is not supported (CPython 3.%d-3.%d is); "
				       "nothing was attached",
				       py->pid, CPYTHON_MINOR_MIN, CPYTHON_MINOR_MAX);
		/* Every Python since 2.2 exports it; extensions only import it. */
		if (has(py, i, "PyEval_EvalFrameEx") || has(py, i, "PyEval_EvalCode")) {
			py->info.module = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int unsupported(struct cpython *py, struct err *err, const char *why)
{
	return cpython_refuse(err, py->pid, py->info.version, "is not supported (%s3.%d-3.%d)", why,
			      CPYTHON_MINOR_MIN, CPYTHON_MINOR_MAX);
}

/* Its table, when it is a version that we know. */
static int choose_offsets(struct cpython *py, struct err *err)
{
	const struct py_offsets *table;
	unsigned level = py->info.hexversion >> 4 & 0xf;

	if (py->info.hexversion >> 24 != 3)
		return unsupported(py, err, "");
	table = py_offsets_of(py->info.minor);
	if (!table)
		return unsupported(py, err, "");
	/* Structures are settled with the first release candidate. */
	if (level != 0xf && level != 0xc)
		return unsupported(py, err, "a pre-release; ");
	py->offsets = *table;
	py->off = &py->offsets;
	return 0;
}

static void find_objects(struct cpython *py)
{
#define X(member, name) py->types.member = symbol(py, name);
	CPYTHON_TYPES(X)
#undef X
	py->none = symbol(py, "_Py_NoneStruct");
	py->true_ = symbol(py, "_Py_TrueStruct");
	py->false_ = symbol(py, "_Py_FalseStruct");
	py->hash_secret = symbol(py, "_Py_HashSecret");
}

/*
 * type(type) is type, in the file already: so it tells where ob_type is. -EAGAIN: it is 0, the
 * dynamic linker has not been there yet.
 */
static int check_object_head(struct cpython *py, struct err *err)
{
	uint64_t type = py->types.type, word;
	const struct py_offsets *table = py_offsets_of(py->info.minor);

	if (!type || !py->types.code || !py->types.dict || !py->types.str)
		return cpython_refuse(err, py->pid, py->info.version,
				      "exports no types, which is not supported");
	if (!mem_u64(py->mem, type + table->ob_type, &word) && word == type)
		return 0;
	if (!mem_u64(py->mem, type + table->ob_type + TRACE_REFS_SIZE, &word) && word == type) {
		py_offsets_shift(table, TRACE_REFS_SIZE, &py->offsets);
		return 0;
	}
	if (!mem_u64(py->mem, type + table->ob_type, &word) && !word)
		return -EAGAIN;
	return cpython_refuse(
		err, py->pid, py->info.version,
		"has objects of another layout (a free-threaded build?), which is not supported");
}

/*
 * 3.6 keeps the head of its interpreters in a local variable; PyInterpreterState_Head() returns it
 * (Python/pystate.c): decode its first `mov rax, [...]`.
 */
static int find_head_in_code(struct cpython *py, uint64_t *ret)
{
	uint64_t addr, size;
	uint8_t code[48];
	int32_t d;
	size_t i;
	int r;

	r = sym_lookup(py->sym, py->info.module, "PyInterpreterState_Head", &addr, &size);
	if (!r)
		r = mem_read(py->mem, addr, code, sizeof(code));
	if (r)
		return r;
	for (i = 0; i + 8 <= sizeof(code); i++) {
		if (code[i] == 0x48 && code[i + 1] == 0x8b && code[i + 2] == 0x05) {
			memcpy(&d, code + i + 3, 4);
			*ret = addr + i + 7 + (uint64_t)(int64_t)d;
			return 0;
		}
		/* The same by absolute address, in an executable with a fixed place. */
		if (!memcmp(code + i, "\x48\x8b\x04\x25", 4)) {
			memcpy(&d, code + i + 4, 4);
			*ret = (uint64_t)(int64_t)d;
			return 0;
		}
		if (code[i] == 0xc3)
			break;
	}
	return -ENOENT;
}

static int find_runtime(struct cpython *py, struct err *err)
{
	struct sym_range sec;
	int r;

	if (py->info.minor == 6) {
		r = find_head_in_code(py, &py->interp_head);
		if (r)
			return cpython_refuse(err, py->pid, py->info.version, "hides its state");
		return 0;
	}
	py->runtime = symbol(py, "_PyRuntime");
	if (!py->runtime && !sym_section(py->sym, py->info.module, ".PyRuntime", &sec))
		py->runtime = sec.start;
	if (!py->runtime)
		return cpython_refuse(
			err, py->pid, py->info.version,
			"hides its state (no symbol _PyRuntime), which is not supported");
	py->interp_head = py->runtime + py->off->runtime_interp_head;
	return 0;
}

/* 0: it runs; -EAGAIN: not yet, or no more. */
static int check_running(struct cpython *py)
{
	const struct py_offsets *o = py->off;
	uint64_t interp, tstate, back, ending = 0, addr;
	uint32_t initialized = 1;

	if (py->runtime) {
		if (mem_u32(py->mem, py->runtime + o->runtime_initialized, &initialized) ||
		    mem_u64(py->mem, py->runtime + o->runtime_finalizing, &ending))
			return -EAGAIN;
	} else {
		addr = symbol(py, "_Py_Finalizing");
		if (addr && mem_u64(py->mem, addr, &ending))
			return -EAGAIN;
	}
	if (!initialized || ending)
		return -EAGAIN;
	if (mem_u64(py->mem, py->interp_head, &interp) || !interp ||
	    mem_u64(py->mem, interp + o->interp_tstate_head, &tstate))
		return -EAGAIN;
	if (!tstate) /* the head may be a sub-interpreter that has no thread any more */
		return 0;
	if (mem_u64(py->mem, tstate + o->tstate_interp, &back) || back != interp)
		return -EAGAIN;
	return 0;
}

static int read_debug_offsets(struct cpython *py, uint64_t *ret_interp_size, struct err *err)
{
	uint8_t data[DEBUG_OFFSETS_SIZE];
	int r;

	*ret_interp_size = 0;
	if (py->info.minor < 13)
		return 0;
	r = mem_read(py->mem, py->runtime, data, sizeof(data));
	if (r)
		return err_set(err, r, "pid %d: cannot read the state of its interpreter: %s",
			       py->pid, strerror(-r));
	return cpython_debug_offsets(data, sizeof(data), py->pid, &py->info, &py->offsets,
				     ret_interp_size, err);
}

static int wait_for(int (*step)(struct cpython *py, struct err *err), struct cpython *py,
		    bool still, struct err *err)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };
	int r, i;

	for (i = 0;; i++) {
		r = step(py, err);
		if (r != -EAGAIN)
			return r;
		if (i == START_TRIES || still)
			break;
		nanosleep(&ms, NULL);
	}
	return err_set(err, -EAGAIN,
		       "pid %d: its Python%s%s is still starting, or ending; try again (nothing "
		       "was attached)",
		       py->pid, *py->info.version ? " " : "", py->info.version);
}

static int running_step(struct cpython *py, struct err *err)
{
	(void)err;
	return check_running(py);
}

int cpython_open(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		 struct interp **ret)
{
	_cleanup_(cleanup_py) struct cpython *py = NULL;
	uint64_t interp_size;
	int r;

	py = calloc(1, sizeof(*py));
	if (!py)
		return err_set(err, -ENOMEM, "out of memory");
	py->base.ops = &cpython_ops;
	py->mem = mem;
	py->sym = sym;
	py->pid = env->pid;
	py->info.kind = "CPython";
	py->cwd = strdup(env->cwd ? env->cwd : "/");
	if (!py->cwd)
		return err_set(err, -ENOMEM, "out of memory");

	r = find_module(py, err);
	if (!r)
		r = wait_for(cpython_find_version, py, env->still, err);
	if (!r)
		r = choose_offsets(py, err);
	if (r)
		return r;
	find_objects(py);
	r = find_runtime(py, err);
	if (!r)
		r = read_debug_offsets(py, &interp_size, err);
	if (!r)
		r = wait_for(check_object_head, py, env->still, err);
	if (!r)
		r = wait_for(running_step, py, env->still, err);
	if (!r)
		r = cpython_check_jit(py, env->python_jit, interp_size, err);
	if (!r)
		r = cpython_find_eval(py, err);
	if (r)
		return r;
	/* Only a build that counts references in all has this (Py_REF_DEBUG, Include/object.h). */
	py->info.debug = symbol(py, "_Py_RefTotal") || symbol(py, "_Py_INCREF_IncRefTotal") ||
			 py->off->ob_type != py_offsets_of(py->info.minor)->ob_type;
	if (py->info.minor >= 14)
		py->code_tag_mask = 3; /* _PyStackRef (Include/internal/pycore_stackref.h) */
	*ret = &take_ptr(py)->base;
	return 0;
}
