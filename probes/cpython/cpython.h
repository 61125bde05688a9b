/* SPDX-License-Identifier: BSD-2-Clause */
/* CPython 3.6 to 3.15 (builds with a GIL, x86-64): what the files of this directory share. */
#ifndef PYBPFDBG_CPYTHON_H
#define PYBPFDBG_CPYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/sym.h"
#include "bpf/abi.h"
#include "probes/cpython/offsets.h"
#include "probes/probe.h"

struct err;

/* Loops over what the target's memory links together end after this many steps. */
#define CPYTHON_INTERPS_MAX 1024
#define CPYTHON_THREADS_MAX 65536
#define CPYTHON_FRAMES_MAX 1000000

/* The exported type objects; 0 when this version does not export it. X(member, symbol) */
#define CPYTHON_TYPES(X)                           \
	X(type, "PyType_Type")                     \
	X(object, "PyBaseObject_Type")             \
	X(none, "_PyNone_Type")                    \
	X(boolean, "PyBool_Type")                  \
	X(integer, "PyLong_Type")                  \
	X(floating, "PyFloat_Type")                \
	X(complex_, "PyComplex_Type")              \
	X(str, "PyUnicode_Type")                   \
	X(bytes, "PyBytes_Type")                   \
	X(bytearray, "PyByteArray_Type")           \
	X(list, "PyList_Type")                     \
	X(tuple, "PyTuple_Type")                   \
	X(dict, "PyDict_Type")                     \
	X(odict, "PyODict_Type")                   \
	X(set, "PySet_Type")                       \
	X(frozenset, "PyFrozenSet_Type")           \
	X(slice, "PySlice_Type")                   \
	X(range, "PyRange_Type")                   \
	X(ellipsis, "PyEllipsis_Type")             \
	X(not_implemented, "_PyNotImplemented_Type") \
	X(code, "PyCode_Type")                     \
	X(frame, "PyFrame_Type")                   \
	X(function, "PyFunction_Type")             \
	X(method, "PyMethod_Type")                 \
	X(cfunction, "PyCFunction_Type")           \
	X(module, "PyModule_Type")                 \
	X(cell, "PyCell_Type")                     \
	X(generator, "PyGen_Type")                 \
	X(coroutine, "PyCoro_Type")                \
	X(async_generator, "PyAsyncGen_Type")      \
	X(property, "PyProperty_Type")             \
	X(classmethod, "PyClassMethod_Type")       \
	X(staticmethod, "PyStaticMethod_Type")     \
	X(member_descr, "PyMemberDescr_Type")      \
	X(getset_descr, "PyGetSetDescr_Type")      \
	X(method_descr, "PyMethodDescr_Type")      \
	X(wrapper_descr, "PyWrapperDescr_Type")    \
	X(dict_proxy, "PyDictProxy_Type")          \
	X(traceback, "PyTraceBack_Type")

struct cpython {
	struct interp base; /* first: a struct interp * is a struct cpython * */
	struct mem *mem;
	struct sym *sym;
	struct interp_info info;
	int pid;    /* for messages */
	char *cwd;  /* absolute, never NULL */
	const struct py_offsets *off; /* of this version and build; points to `offsets` below */
	struct py_offsets offsets;
	uint64_t runtime;      /* _PyRuntime; 0 in 3.6 */
	uint64_t interp_head;  /* address of the pointer to the first PyInterpreterState */
	struct {
#define X(member, symbol) uint64_t member;
		CPYTHON_TYPES(X)
#undef X
	} types; /* addresses */
	uint64_t none, true_, false_; /* addresses of the singletons; 0 when unknown */
	uint64_t hash_secret; /* _Py_HashSecret */
	struct sym_range eval[ABI_EVAL_RANGES];
	size_t eval_n;
	uint64_t targets[256]; /* the dispatch table: where the handler of each opcode begins */
	uint32_t code_tag_mask;  /* low bits to clear in f_executable and localsplus slots (3.14+: 3) */
	/* Room for what the other files keep; freed with the interp by free(). */
	void *code_cache, *value_cache, *greenlet_cache;
};

static inline struct cpython *cpython_of(struct interp *in)
{
	return (struct cpython *)in;
}

static inline const struct cpython *cpython_of_const(const struct interp *in)
{
	return (const struct cpython *)in;
}

extern const struct interp_ops cpython_ops;

/* Read a pointer, a signed 32-bit int; the results of mem_read(). */
static inline int cpython_ptr(struct cpython *py, uint64_t addr, uint64_t *ret)
{
	return mem_u64(py->mem, addr, ret);
}

static inline int cpython_s32(struct cpython *py, uint64_t addr, int32_t *ret)
{
	return mem_u32(py->mem, addr, (uint32_t *)ret);
}

/* ob_type of the object at addr. */
static inline int cpython_type_of(struct cpython *py, uint64_t addr, uint64_t *ret)
{
	return mem_u64(py->mem, addr + py->off->ob_type, ret);
}

/* detect.c: see interp_ops.open */
int cpython_open(struct mem *mem, struct sym *sym, const struct probe_env *env, struct err *err,
		 struct interp **ret);
void cpython_free(struct interp *in);

/* reread.c: see abi_py.reread_ip; 3.10 only. 0: not found. */
uint64_t cpython_reread_ip(const struct cpython *py);

/* threads.c, frames.c: see struct interp_ops in probe.h for all that follows */
int cpython_threads(struct interp *in, struct interp_thread **ret, size_t *ret_n);
int cpython_frames(struct interp *in, uint64_t tstate, size_t max, struct interp_frame **ret, size_t *ret_n);
/* names.c: fill in the names of n threads of an interpreter, as its module threading knows them. */
void cpython_thread_names(struct cpython *py, uint64_t interp, struct interp_thread *threads, size_t n);
/* The innermost real frame of a thread state, shims skipped; 0 in *ret: none. */
int cpython_top_frame(struct cpython *py, uint64_t tstate, uint64_t *ret);
/* Code object of a frame (tag bits cleared, type checked); -EINVAL when it holds none. */
int cpython_frame_code(struct cpython *py, uint64_t frame, uint64_t *ret);
/* A frame and those below it, as cpython_frames(). */
int cpython_frames_from(struct cpython *py, uint64_t frame, size_t max, struct interp_frame **ret, size_t *ret_n);
/* A frame wherever it is, a suspended coroutine's too. -EINVAL, -EFAULT ...: there is none. */
int cpython_frame_at(struct cpython *py, uint64_t frame, struct interp_frame *ret);

/* tasks.c */
int cpython_tasks(struct interp *in, bool current, struct interp_task **ret, size_t *ret_n);

/* greenlets.c */
int cpython_greenlets(struct interp *in, struct err *err, struct interp_greenlet **ret, size_t *ret_n);
int cpython_greenlet_of(struct interp *in, uint64_t tstate, uint64_t *ret, char **ret_type);

/* sites.c */
int cpython_sites(struct interp *in, unsigned kinds, struct err *err, struct interp_site **ret, size_t *ret_n);
/* layout.c */
void cpython_layout(const struct interp *in, struct abi_layout *ret);
size_t cpython_recipes(struct interp *in, struct interp_recipe *ret, size_t max);

/* scan.c, code.c, lines.c */
int cpython_scan_code(struct interp *in, int (*cb)(void *priv, uint64_t code), void *priv,
		      interp_progress_fn progress, void *progress_priv);
/* Addresses of all objects of exactly that type that pass check, malloc'ed array. 0 or -errno. */
int cpython_scan_objects(struct cpython *py, uint64_t type, bool (*check)(struct cpython *py, uint64_t obj),
			 interp_progress_fn progress, void *priv, uint64_t **ret, size_t *ret_n);
/* The same of any of n >= 1 types, which are sorted. */
int cpython_scan_types(struct cpython *py, uint64_t *types, size_t n,
		       bool (*check)(struct cpython *py, uint64_t obj), uint64_t **ret, size_t *ret_n);
int cpython_code(struct interp *in, uint64_t addr, struct interp_code *ret);
int cpython_line_of(struct interp *in, uint64_t code, int32_t offset);
int cpython_places(struct interp *in, uint64_t code, struct interp_place **ret, size_t *ret_n);
int cpython_code_tree(struct interp *in, uint64_t code, int (*cb)(void *priv, uint64_t code), void *priv);
/* units.c */
int cpython_step_units(struct interp *in, uint64_t code, struct abi_step_unit **ret, size_t *ret_n);
int cpython_step_leaves(struct interp *in, uint64_t frame, uint64_t code, int32_t offset);
int cpython_return_value(struct interp *in, uint64_t frame, uint64_t code, int32_t offset, uint64_t *ret);
int cpython_code_children(struct interp *in, uint64_t code, uint64_t **ret, size_t *ret_n);

/* exits.c */
int cpython_exits(struct interp *in, uint64_t code, struct interp_exits *ret);
int cpython_begins(struct interp *in, uint64_t code, uint32_t offset, int32_t *ret_from);
/* exceptions.c */
int cpython_raised(struct interp *in, uint64_t tstate, const struct value_limits *lim, uint64_t *ret_addr,
		   struct value **ret);
int cpython_exception_classes(struct interp *in, const char *name, interp_progress_fn progress, void *priv,
			      struct interp_class **ret, size_t *ret_n);
int cpython_left_frames(struct interp *in, uint64_t tstate, struct interp_frame **ret, size_t *ret_n);
/* handlers.c */
int cpython_handles(struct interp *in, uint64_t type, const struct interp_frame *frame);
/* What the kernel needs to know of exceptions (bpf/abi.h). */
void cpython_kernel_exc(const struct cpython *py, struct abi_exc *ret);

/* vars.c, objects */
int cpython_frame_vars(struct interp *in, uint64_t frame, struct interp_var **ret, size_t *ret_n);
int cpython_frame_dicts(struct interp *in, uint64_t frame, uint64_t *ret_globals, uint64_t *ret_builtins,
			uint64_t *ret_locals);
int cpython_value(struct interp *in, uint64_t addr, const struct value_limits *lim, struct value **ret);
int cpython_dict_get(struct interp *in, uint64_t dict, const char *key, uint64_t *ret_addr);
int cpython_attr(struct interp *in, uint64_t obj, const char *name, const struct value_limits *lim,
		 struct err *err, struct value **ret);
int cpython_item(struct interp *in, uint64_t obj, const struct value *key, const struct value_limits *lim,
		 struct err *err, struct value **ret);
/* storage.c */
int cpython_storage(struct interp *in, const struct interp_ref *ref, struct err *err, struct interp_storage *ret);
size_t cpython_half_writes(const struct interp *in, uint8_t ret[static 4], uint32_t *ret_code, uint32_t *ret_data);
int cpython_type_is(struct interp *in, uint64_t type, const char *name, bool derived);
/* static_types.c: the __dict__ of a static type (3.12+), 0 when there is none. index: its tp_subclasses. */
uint64_t cpython_static_dict(struct cpython *py, uint64_t type, uint64_t index);

int cpython_type_lookup(struct interp *in, uint64_t type, const char *name, uint64_t *ret_addr,
			uint64_t *ret_owner);
/* kernel.c, slots.c, hash.c: see struct interp_ops */
int cpython_kernel_objects(struct interp *in, struct abi_obj *ret);
int cpython_code_slots(struct interp *in, uint64_t code, bool *ret_optimized, struct interp_slot **ret,
		       size_t *ret_n);
int cpython_hash(struct interp *in, const struct value *v, const void *data, size_t n, uint64_t *ret);
int cpython_text(struct interp *in, uint64_t addr, size_t max, char **ret);
uint64_t cpython_code_str(struct interp *in, uint64_t code, const char *text);
int cpython_builtins(struct interp *in, uint64_t *ret_dict);
int cpython_locks(struct interp *in, struct interp_lock *locks, size_t n);
int cpython_module_globals(struct interp *in, const char *name, uint64_t *ret_dict);

#endif
