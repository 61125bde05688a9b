/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading objects: what the files objects*.c, type.c, dict.c, attr*.c, item.c and vars.c share. Everything read from the
 * target may be garbage: every count is bounded, every pointer may fault, no chain is followed for ever.
 */
#ifndef PYBPFDBG_CPYTHON_OBJECTS_H
#define PYBPFDBG_CPYTHON_OBJECTS_H

#include "probes/cpython/cpython.h"
#include "probes/value.h"

struct strbuf;

/* Limits that hold whatever the caller asks for. */
#define OBJ_DEPTH_MAX 64         /* levels of a tree */
#define OBJ_MRO_MAX 256          /* classes in an MRO */
#define OBJ_NEST_MAX 100         /* questions within questions: a class's base, its name's class ... */
#define OBJ_NAME_MAX 1024        /* bytes of a name of the target */
#define OBJ_SCAN_MAX (1u << 20)  /* slots of a hash table looked at */
#define OBJ_DIGITS_MAX (1u << 14) /* 30-bit digits of an int: some 148,000 decimal ones */

/* What an object's memory layout is, by the nearest base class that we know. */
enum obj_class {
	OBJ_INSTANCE, /* nothing that we know: attributes only */
	OBJ_NONE, OBJ_ELLIPSIS, OBJ_NOT_IMPLEMENTED,
	OBJ_BOOL, OBJ_INT, OBJ_FLOAT, OBJ_COMPLEX,
	OBJ_STR, OBJ_BYTES, OBJ_BYTEARRAY, OBJ_MEMORYVIEW,
	OBJ_LIST, OBJ_TUPLE, OBJ_SET, OBJ_FROZENSET, OBJ_DEQUE,
	OBJ_DICT, OBJ_ODICT, OBJ_DEFAULTDICT, OBJ_FROZENDICT, OBJ_MAPPINGPROXY, OBJ_DICT_VIEW,
	OBJ_RANGE, OBJ_SLICE,
	OBJ_TYPE, OBJ_FUNCTION, OBJ_METHOD, OBJ_CFUNCTION, OBJ_METHOD_DESCR, OBJ_WRAPPER_DESCR,
	OBJ_METHOD_WRAPPER, OBJ_MEMBER_DESCR, OBJ_GETSET_DESCR, OBJ_CLASSMETHOD_DESCR,
	OBJ_PROPERTY, OBJ_CLASSMETHOD, OBJ_STATICMETHOD,
	OBJ_GENERATOR, OBJ_COROUTINE, OBJ_ASYNC_GENERATOR,
	OBJ_CODE, OBJ_FRAME, OBJ_TRACEBACK, OBJ_CELL, OBJ_MODULE, OBJ_WEAKREF,
	OBJ_EXCEPTION, OBJ_NAMESPACE, OBJ_PARTIAL,
	OBJ_DATE, OBJ_DATETIME, OBJ_TIME, OBJ_TIMEDELTA, OBJ_TIMEZONE, OBJ_DECIMAL,
	OBJ_PATTERN, OBJ_ARRAY, OBJ_LAZY_IMPORT,
};

/* Bits of tp_flags (Include/object.h of all versions). */
#define TPF_INLINE_VALUES (1u << 2) /* 3.13+ */
#define TPF_MANAGED_DICT (1u << 4)  /* 3.11+ */
#define TPF_HEAPTYPE (1u << 9)
#define TPF_LONG (1u << 24)
#define TPF_LIST (1u << 25)
#define TPF_TUPLE (1u << 26)
#define TPF_BYTES (1u << 27)
#define TPF_UNICODE (1u << 28)
#define TPF_DICT (1u << 29)
#define TPF_EXC (1u << 30)
#define TPF_TYPE (1u << 31)

/* A class of the target. */
struct obj_type {
	uint64_t addr;
	uint64_t meta;    /* its own type */
	uint64_t flags;
	uint64_t base, mro, dict; /* addresses; 0: none */
	uint64_t members, getset, methods; /* C arrays of static types; 0: none */
	uint64_t cached_keys; /* ht_cached_keys, 0: none */
	int64_t basicsize, itemsize, dictoffset;
	bool heap;
	bool truthy;      /* instances have neither __bool__ nor __len__ */
	bool getattro_known; /* tp_getattro is object's, type's or module's: no code of Python behind it */
	enum obj_class cls;
	unsigned distance; /* steps up to the class that decided cls; 0: it is that class */
	char *name;       /* __name__ */
	char *tp_name;    /* as C has it: "collections.deque" for static types, __name__ for others */
	char *qualname;
	char *module;     /* NULL until obj_type_module(), or when it has none */
	bool module_read;
	int own_repr;     /* what obj_own_repr() found: 0 not asked, 1 yes, -1 none */
	uint64_t own_repr_func;
	struct obj_type *own_repr_owner;
	int own_truth;    /* 0 not asked, 1: __bool__ or __len__ in Python, -1: none */
	struct obj_type *next; /* in the list of struct obj_rd */
};

/* One question: reads at most what the limits allow. */
struct obj_rd {
	struct cpython *py;
	struct mem *mem;
	const struct py_offsets *off;
	unsigned minor;
	struct value_limits lim;
	unsigned left;          /* nodes that may still be made */
	uint64_t chain[OBJ_DEPTH_MAX]; /* objects that are being read, outermost first */
	unsigned nchain;
	unsigned nest;
	struct obj_type *types[64]; /* read so far, hashed by address */
	bool nomem;             /* an allocation failed: the whole question fails */
};

/* lim NULL: the default. */
void obj_rd_init(struct obj_rd *rd, struct interp *in, const struct value_limits *lim);
void obj_rd_deinit(struct obj_rd *rd);

/*
 * What follows is read as it is now, also while a record is read (base/mem.h): classes, code, and the names of both.
 * Nests; obj_value() begins anew with the record.
 */
static inline void obj_live(struct obj_rd *rd)
{
	mem_live(rd->mem);
}

static inline void obj_live_end(struct obj_rd *rd)
{
	mem_live_end(rd->mem);
}

/* type.c */
/* The class at addr, owned by rd; NULL when there is none (*ret_err: negative errno, may be NULL). */
struct obj_type *obj_type_at(struct obj_rd *rd, uint64_t addr, int *ret_err);
/* The class of the object at addr. */
struct obj_type *obj_type_of(struct obj_rd *rd, uint64_t addr, int *ret_err);
/* __module__ of a class, NULL when it has none that is a str. */
const char *obj_type_module(struct obj_rd *rd, struct obj_type *t);
/* Class number i of the MRO; NULL past its end. */
struct obj_type *obj_type_mro(struct obj_rd *rd, struct obj_type *t, unsigned i);
/* A name in the classes' dicts along the MRO: address of the object, and the class it was found in. -ENOENT. */
int obj_type_lookup(struct obj_rd *rd, struct obj_type *t, const char *name, uint64_t *ret_addr,
		    struct obj_type **ret_owner);
/* A special method written in Python: the class that has it; NULL when it is C's or absent. */
struct obj_type *obj_type_special(struct obj_rd *rd, struct obj_type *t, const char *name);
/* Is t, or a class of its MRO, called name, of that module (NULL: any)? The class, or NULL. */
struct obj_type *obj_type_derived(struct obj_rd *rd, struct obj_type *t, const char *module,
				  const char *name);
/* A NUL-terminated C string of the target, at most OBJ_NAME_MAX bytes; malloc'ed. NULL: unreadable or no memory. */
char *obj_cstr(struct obj_rd *rd, uint64_t addr);

/* objects_text.c */
/* Read a str object's text as UTF-8, at most max bytes. *ret_len: code points in all. 1: cut; 0; -errno. */
int obj_str_read(struct obj_rd *rd, uint64_t addr, size_t max, struct strbuf *out, int64_t *ret_len);
/* The text of a str object of at most OBJ_NAME_MAX bytes, malloc'ed; NULL when it is none. */
char *obj_str_dup(struct obj_rd *rd, uint64_t addr);
/* Is the str object at addr equal to UTF-8 name? */
bool obj_str_is(struct obj_rd *rd, uint64_t addr, const char *name);
/* An int object's value; -EINVAL when it is none, -E2BIG when it has too many digits. z is initialised. */
int obj_int_read(struct obj_rd *rd, uint64_t addr, mpz_t z);
/* The same where it must fit; -ERANGE. */
int obj_long_read(struct obj_rd *rd, uint64_t addr, int64_t *ret);
/* Makers of the kinds; NULL: out of memory. */
struct value *obj_make_int(struct obj_rd *rd, uint64_t addr, struct obj_type *t);
struct value *obj_make_float(struct obj_rd *rd, uint64_t addr, struct obj_type *t);
struct value *obj_make_str(struct obj_rd *rd, uint64_t addr, struct obj_type *t);
struct value *obj_make_bytes(struct obj_rd *rd, uint64_t addr, struct obj_type *t);

/* dict.c: iterating over all forms of dicts in insertion order */
struct obj_dict {
	struct obj_rd *rd;
	uint64_t entries;
	uint64_t nentries;
	uint32_t entry_size, key_at, value_at;
	uint64_t values;     /* split table: array of value pointers; else 0 */
	uint8_t order[256];  /* split table: indexes in insertion order */
	unsigned norder;
	bool ordered;
	int64_t used;        /* len(dict) */
	uint64_t pos, buf_first, buf_n;
	uint8_t buf[24 * 32];
};
/* -EINVAL: no dict (nor a subclass); -EFAULT ... */
int obj_dict_open(struct obj_rd *rd, uint64_t addr, struct obj_dict *d);
/* A dict that is not materialised: shared keys and a values block (inline values). */
int obj_dict_open_values(struct obj_rd *rd, uint64_t keys, uint64_t values, struct obj_dict *d);
/* A table alone, for obj_dict_slot(): no order, no length. */
int obj_dict_open_table(struct obj_rd *rd, uint64_t keys, uint64_t values, struct obj_dict *d);
/* 1 and the next entry; 0 at the end; -errno. */
int obj_dict_next(struct obj_dict *d, uint64_t *ret_key, uint64_t *ret_value);
/* Entry number i, set or not, its key and where its value is stored (dk_nentries itself: what the next one will take). 0 or -errno. */
int obj_dict_slot(struct obj_dict *d, uint64_t i, uint64_t *ret_key, uint64_t *ret_slot);
/* Value of a str key; -ENOENT. */
int obj_dict_find(struct obj_dict *d, const char *key, uint64_t *ret_value);
int obj_dict_get(struct obj_rd *rd, uint64_t addr, const char *key, uint64_t *ret_value);
/* The attributes of an instance: *d is ready to iterate (1); it has none (0); -errno. *ret_dict: its dict object or 0. */
int obj_instance_dict(struct obj_rd *rd, uint64_t addr, struct obj_type *t, struct obj_dict *d,
		      uint64_t *ret_dict);

/* objects.c */
/* The object at addr as a tree with `depth` levels of children; NULL: out of memory. */
struct value *obj_value(struct obj_rd *rd, uint64_t addr, unsigned depth);
/* A bare value of that class with type, module, addresses filled in; NULL: out of memory. */
struct value *obj_new(struct obj_rd *rd, enum value_kind kind, uint64_t addr, struct obj_type *t);
struct value *obj_unreadable(struct obj_rd *rd, uint64_t addr, int err);
/*
 * Add the child at addr (0: shown as unreadable "<NULL>"). name may be NULL. False: stop (no nodes left: parent is
 * marked truncated; or out of memory).
 */
bool obj_add(struct obj_rd *rd, struct value *parent, uint64_t addr, unsigned depth, const char *name);
/* "<mod.Cls object at 0x...>" into .text, as object.__repr__ writes it. */
int obj_default_text(struct obj_rd *rd, struct value *v, struct obj_type *t);
/* printf into .text; 0 or -ENOMEM (which is also noted in rd). */
int obj_textf(struct obj_rd *rd, struct value *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* repr() of another object, one level deep, malloc'ed; NULL: out of memory. */
char *obj_repr(struct obj_rd *rd, uint64_t addr, unsigned depth);
/* printf into malloc'ed text; NULL: out of memory (noted). */
char *obj_fmt(struct obj_rd *rd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Read the pointer at addr; 0 when it cannot be read. */
uint64_t obj_ptr(struct obj_rd *rd, uint64_t addr);
/* The class whose __repr__ counts for instances of t, and that object; -ENOENT: object's. */
int obj_own_repr(struct obj_rd *rd, struct obj_type *t, uint64_t *ret_func, struct obj_type **ret_owner);
/* A Python function's code: name and file (malloc'ed, may be NULL). */
void obj_func_origin(struct obj_rd *rd, uint64_t func, char **ret_name, char **ret_file);

/* objects_seq.c, objects_map.c, objects_inst.c, objects_func.c, objects_lib.c: one level; depth of their children */
struct value *obj_make_seq(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_set(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_deque(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_range(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_dict(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_instance(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
/* str() of a KeyError with one argument is that argument's repr: v, with its args. 0 or -ENOMEM. */
int obj_key_error_str(struct value *v);
struct value *obj_make_exception(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_callable(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_type(struct obj_rd *rd, uint64_t addr, struct obj_type *t);
struct value *obj_make_module(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
struct value *obj_make_lib(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth);
/* objects_std.c: .text and .str of a Fraction, a UUID, a path; 0 also when it is none of them, or -ENOMEM. */
int obj_std_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t);
/* The text of a compiled pattern, of an array.array; 0 or -errno. */
int obj_pattern_text(struct obj_rd *rd, struct value *v, uint64_t addr);
int obj_array_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t);
/* Is it an enum member? Then .text (repr) and .bytes (str) are set. 1, 0, -ENOMEM. */
int obj_enum_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t, unsigned depth);

/* item.c: is the object at addr equal to key, as keys of a dict are? */
bool obj_key_is(struct obj_rd *rd, uint64_t addr, const struct value *key);

/* storage.c, storage_frame.c */
/* Add a guard; there is always room (at most six are needed). */
void storage_guard(struct interp_storage *st, uint64_t addr, uint64_t mask, uint64_t value, bool differs);
/* The object is alive, of type t, and not one that is being made or taken apart. */
void storage_guard_object(struct obj_rd *rd, struct interp_storage *st, uint64_t obj, const struct obj_type *t);
int storage_local(struct obj_rd *rd, const struct interp_ref *ref, struct err *err, struct interp_storage *st);

/* attr.c */
/*
 * Address of obj.name where it is an object of the target: 0; or a value made here in *ret_value (then *ret_addr is 0).
 * See interp_ops.attr for the errors.
 */
int obj_attr(struct obj_rd *rd, uint64_t obj, const char *name, struct err *err, uint64_t *ret_addr,
	     struct value **ret_value);
/* The same as an address only; 0 when there is none, or it is no object of the target. */
uint64_t obj_attr_addr(struct obj_rd *rd, uint64_t obj, const char *name);
/* A slot described by a member descriptor: object's address, or a value made here. -ENOENT: empty. */
int obj_member(struct obj_rd *rd, uint64_t obj, uint64_t member_def, uint64_t *ret_addr,
	       struct value **ret_value);
/* attr_c.c: the fixed list of attributes that C code computes. -ENOENT: not in the list. */
int obj_attr_c(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name, uint64_t *ret_addr,
	       struct value **ret_value);

#endif
