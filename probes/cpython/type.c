// SPDX-License-Identifier: BSD-2-Clause
/* Classes of the target: their facts, their kind, their MRO. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* PyTypeObject is some 400 bytes in all versions. */
#define TYPE_SIZE_MAX 1024

/*
 * Layouts by tp_name. Only classes made by C have it in this form: static ones, and heap types from
 * a spec, whose name has the module in front; a class statement's tp_name is its bare __name__ and
 * it is always a heap type.
 */
static const struct {
	const char *name;
	enum obj_class cls;
} known[] = {
	{ "NoneType", OBJ_NONE },
	{ "ellipsis", OBJ_ELLIPSIS },
	{ "NotImplementedType", OBJ_NOT_IMPLEMENTED },
	{ "bool", OBJ_BOOL },
	{ "float", OBJ_FLOAT },
	{ "complex", OBJ_COMPLEX },
	{ "bytearray", OBJ_BYTEARRAY },
	{ "memoryview", OBJ_MEMORYVIEW },
	{ "set", OBJ_SET },
	{ "frozenset", OBJ_FROZENSET },
	{ "collections.deque", OBJ_DEQUE },
	{ "collections.OrderedDict", OBJ_ODICT },
	{ "collections.defaultdict", OBJ_DEFAULTDICT },
	{ "frozendict", OBJ_FROZENDICT },
	{ "mappingproxy", OBJ_MAPPINGPROXY },
	{ "dict_keys", OBJ_DICT_VIEW },
	{ "dict_values", OBJ_DICT_VIEW },
	{ "dict_items", OBJ_DICT_VIEW },
	{ "odict_keys", OBJ_DICT_VIEW },
	{ "odict_values", OBJ_DICT_VIEW },
	{ "odict_items", OBJ_DICT_VIEW },
	{ "range", OBJ_RANGE },
	{ "slice", OBJ_SLICE },
	{ "function", OBJ_FUNCTION },
	{ "method", OBJ_METHOD },
	{ "builtin_function_or_method", OBJ_CFUNCTION },
	{ "builtin_method", OBJ_CFUNCTION },
	{ "method_descriptor", OBJ_METHOD_DESCR },
	{ "wrapper_descriptor", OBJ_WRAPPER_DESCR },
	{ "method-wrapper", OBJ_METHOD_WRAPPER },
	{ "member_descriptor", OBJ_MEMBER_DESCR },
	{ "getset_descriptor", OBJ_GETSET_DESCR },
	{ "classmethod_descriptor", OBJ_CLASSMETHOD_DESCR },
	{ "property", OBJ_PROPERTY },
	{ "classmethod", OBJ_CLASSMETHOD },
	{ "staticmethod", OBJ_STATICMETHOD },
	{ "generator", OBJ_GENERATOR },
	{ "coroutine", OBJ_COROUTINE },
	{ "async_generator", OBJ_ASYNC_GENERATOR },
	{ "code", OBJ_CODE },
	{ "frame", OBJ_FRAME },
	{ "traceback", OBJ_TRACEBACK },
	{ "cell", OBJ_CELL },
	{ "module", OBJ_MODULE },
	{ "weakref", OBJ_WEAKREF },
	{ "weakref.ReferenceType", OBJ_WEAKREF },
	{ "types.SimpleNamespace", OBJ_NAMESPACE },
	{ "functools.partial", OBJ_PARTIAL },
	{ "datetime.date", OBJ_DATE },
	{ "datetime.datetime", OBJ_DATETIME },
	{ "datetime.time", OBJ_TIME },
	{ "datetime.timedelta", OBJ_TIMEDELTA },
	{ "datetime.timezone", OBJ_TIMEZONE },
	{ "decimal.Decimal", OBJ_DECIMAL },
	{ "re.Pattern", OBJ_PATTERN },
	{ "_sre.SRE_Pattern", OBJ_PATTERN },
	{ "array.array", OBJ_ARRAY },
	{ "lazy_import", OBJ_LAZY_IMPORT },
};

static enum obj_class class_by_name(const struct obj_type *t)
{
	if (t->heap && !strchr(t->tp_name, '.'))
		return OBJ_INSTANCE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, t->tp_name) == 0)
			return known[i].cls;
	return OBJ_INSTANCE;
}

/* The bits are inherited and cannot lie about the layout. */
static enum obj_class class_by_flags(uint64_t flags)
{
	static const struct {
		uint64_t bit;
		enum obj_class cls;
	} fast[] = {
		{ TPF_LONG, OBJ_INT },	    { TPF_LIST, OBJ_LIST },   { TPF_TUPLE, OBJ_TUPLE },
		{ TPF_BYTES, OBJ_BYTES },   { TPF_UNICODE, OBJ_STR }, { TPF_DICT, OBJ_DICT },
		{ TPF_EXC, OBJ_EXCEPTION }, { TPF_TYPE, OBJ_TYPE },
	};

	for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++)
		if (flags & fast[i].bit)
			return fast[i].cls;
	return OBJ_INSTANCE;
}

/* The names of the built-in classes that class_by_flags() stands for, to count the distance to
 * them. */
static bool is_fast_base(const struct obj_type *t)
{
	static const char *const names[] = { "int", "list", "tuple",	     "bytes",
					     "str", "dict", "BaseException", "type" };

	if (t->heap)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], t->tp_name) == 0)
			return true;
	return false;
}

void obj_rd_init(struct obj_rd *rd, struct interp *in, const struct value_limits *lim)
{
	*rd = (struct obj_rd){ .py = cpython_of(in) };
	rd->mem = rd->py->mem;
	rd->off = rd->py->off;
	rd->minor = rd->py->info.minor;
	rd->lim = lim ? *lim : VALUE_LIMITS_DEFAULT;
	if (rd->lim.depth > OBJ_DEPTH_MAX - 2)
		rd->lim.depth = OBJ_DEPTH_MAX - 2;
	rd->left = rd->lim.total ? rd->lim.total : 1;
}

static void type_free(struct obj_type *t)
{
	if (!t)
		return;
	free(t->name);
	free(t->tp_name);
	free(t->qualname);
	free(t->module);
	free(t);
}

void obj_rd_deinit(struct obj_rd *rd)
{
	for (size_t i = 0; i < sizeof(rd->types) / sizeof(rd->types[0]); i++)
		while (rd->types[i]) {
			struct obj_type *t = rd->types[i];

			rd->types[i] = t->next;
			type_free(t);
		}
}

char *obj_cstr(struct obj_rd *rd, uint64_t addr)
{
	char buf[OBJ_NAME_MAX];
	size_t n = 0;
	char *s;

	/* By pieces: the string may end right before a hole. */
	while (n < sizeof(buf)) {
		size_t piece = 64 - ((addr + n) & 63);

		if (piece > sizeof(buf) - n)
			piece = sizeof(buf) - n;
		if (mem_read(rd->mem, addr + n, buf + n, piece) < 0)
			return NULL;
		if (memchr(buf + n, 0, piece)) {
			s = strdup(buf);
			if (!s)
				rd->nomem = true;
			return s;
		}
		n += piece;
	}
	return NULL;
}

static uint64_t u64_in(const uint8_t *buf, size_t size, uint32_t at)
{
	uint64_t v = 0;

	if (at != OFF_NONE && at + sizeof(v) <= size)
		memcpy(&v, buf + at, sizeof(v));
	return v;
}

/* Neither nb_bool nor mp_length nor sq_length (both first in their tables): bool(x) is True. */
static bool always_true(struct obj_rd *rd, uint64_t number, uint64_t sequence, uint64_t mapping)
{
	uint64_t slot;

	if (number && (mem_u64(rd->mem, number + rd->off->number_bool, &slot) < 0 || slot))
		return false;
	if (sequence && (mem_u64(rd->mem, sequence, &slot) < 0 || slot))
		return false;
	if (mapping && (mem_u64(rd->mem, mapping, &slot) < 0 || slot))
		return false;
	return true;
}

/* Give up on t; returns NULL. */
static struct obj_type *type_fail(struct obj_type *t, int err, int *ret_err)
{
	type_free(t);
	if (ret_err)
		*ret_err = err;
	return NULL;
}

static struct obj_type *type_read(struct obj_rd *rd, uint64_t addr, int *ret_err);

/* Kind of t and the number of steps to the class that has it by birth. */
static void classify(struct obj_rd *rd, struct obj_type *t)
{
	struct obj_type *base;

	t->cls = class_by_name(t);
	if (t->cls != OBJ_INSTANCE || is_fast_base(t)) {
		if (t->cls == OBJ_INSTANCE)
			t->cls = class_by_flags(t->flags);
		return;
	}
	base = t->base ? type_read(rd, t->base, NULL) : NULL;
	if (!base) {
		t->cls = class_by_flags(t->flags);
		t->distance = t->cls == OBJ_INSTANCE ? 0 : 1;
		return;
	}
	t->cls = base->cls;
	t->distance = base->distance + 1;
	/* A garbage base must not turn a tuple into a float. */
	if (class_by_flags(t->flags) != class_by_flags(base->flags))
		t->cls = class_by_flags(t->flags);
}

static struct obj_type *type_read_new(struct obj_rd *rd, uint64_t addr, int *ret_err)
{
	const struct py_offsets *off = rd->off;
	uint8_t buf[TYPE_SIZE_MAX];
	size_t size = off->type_size;
	struct obj_type *t;
	uint64_t flags;
	char *dot;
	int r;

	if (addr & 7 || size > sizeof(buf))
		return type_fail(NULL, -EINVAL, ret_err);
	r = mem_read(rd->mem, addr, buf, size);
	if (r < 0)
		return type_fail(NULL, r, ret_err);
	t = calloc(1, sizeof(*t));
	if (!t) {
		rd->nomem = true;
		return type_fail(NULL, -ENOMEM, ret_err);
	}
	t->addr = addr;
	t->meta = u64_in(buf, size, off->ob_type);
	/* A class is an instance of a class of classes. */
	if (t->meta & 7 || mem_u64(rd->mem, t->meta + off->type_flags, &flags) < 0 ||
	    !(flags & TPF_TYPE))
		return type_fail(t, -EINVAL, ret_err);
	t->flags = u64_in(buf, size, off->type_flags);
	t->heap = t->flags & TPF_HEAPTYPE;
	t->base = u64_in(buf, size, off->type_base);
	t->mro = u64_in(buf, size, off->type_mro);
	t->dict = u64_in(buf, size, off->type_dict);
	if (!t->dict && !t->heap && off->interp_static_types != OFF_NONE)
		t->dict =
			cpython_static_dict(rd->py, addr, u64_in(buf, size, off->type_subclasses));
	t->members = u64_in(buf, size, off->type_members);
	t->getset = u64_in(buf, size, off->type_getset);
	t->methods = u64_in(buf, size, off->type_methods);
	t->basicsize = (int64_t)u64_in(buf, size, off->type_basicsize);
	t->itemsize = (int64_t)u64_in(buf, size, off->type_itemsize);
	t->dictoffset = (int64_t)u64_in(buf, size, off->type_dictoffset);
	t->tp_name = obj_cstr(rd, u64_in(buf, size, off->type_name));
	if (!t->tp_name || t->basicsize < 0 || t->itemsize < 0)
		return type_fail(t, -EINVAL, ret_err);
	t->truthy = always_true(rd, u64_in(buf, size, off->type_as_number),
				u64_in(buf, size, off->type_as_sequence),
				u64_in(buf, size, off->type_as_mapping));
	if (t->heap) {
		t->cached_keys = obj_ptr(rd, addr + off->heap_cached_keys);
		t->name = obj_str_dup(rd, obj_ptr(rd, addr + off->heap_name));
		t->qualname = obj_str_dup(rd, obj_ptr(rd, addr + off->heap_qualname));
	}
	dot = strrchr(t->tp_name, '.');
	if (!t->name)
		t->name = strdup(dot && !t->heap ? dot + 1 : t->tp_name);
	if (!t->qualname && t->name)
		t->qualname = strdup(t->name);
	if (!t->name || !t->qualname) {
		rd->nomem = true;
		return type_fail(t, -ENOMEM, ret_err);
	}
	classify(rd, t);
	return t;
}

static struct obj_type *type_read(struct obj_rd *rd, uint64_t addr, int *ret_err)
{
	size_t slot = (addr >> 4) % (sizeof(rd->types) / sizeof(rd->types[0]));
	struct obj_type *t;

	for (t = rd->types[slot]; t; t = t->next)
		if (t->addr == addr)
			return t;
	/* A class whose name is an instance of it, a base that leads back: only garbage goes that
	 * deep. */
	if (rd->nest >= OBJ_NEST_MAX)
		return type_fail(NULL, -ELOOP, ret_err);
	rd->nest++;
	obj_live(rd);
	t = type_read_new(rd, addr, ret_err);
	obj_live_end(rd);
	rd->nest--;
	if (!t)
		return NULL;
	t->next = rd->types[slot];
	rd->types[slot] = t;
	return t;
}

struct obj_type *obj_type_at(struct obj_rd *rd, uint64_t addr, int *ret_err)
{
	return type_read(rd, addr, ret_err);
}

struct obj_type *obj_type_of(struct obj_rd *rd, uint64_t addr, int *ret_err)
{
	uint64_t type;
	int r;

	if (addr & 7)
		r = -EINVAL;
	else
		r = mem_u64(rd->mem, addr + rd->off->ob_type, &type);
	if (r < 0) {
		if (ret_err)
			*ret_err = r;
		return NULL;
	}
	return type_read(rd, type, ret_err);
}

const char *obj_type_module(struct obj_rd *rd, struct obj_type *t)
{
	uint64_t addr;
	char *dot;

	if (t->module_read)
		return t->module;
	t->module_read = true;
	obj_live(rd);
	if (t->dict && obj_dict_get(rd, t->dict, "__module__", &addr) == 0)
		t->module = obj_str_dup(rd, addr);
	obj_live_end(rd);
	if (t->module)
		return t->module;
	if (t->heap)
		return NULL;
	dot = strrchr(t->tp_name, '.');
	t->module = dot ? strndup(t->tp_name, dot - t->tp_name) : strdup("builtins");
	if (!t->module)
		rd->nomem = true;
	return t->module;
}

struct obj_type *obj_type_mro(struct obj_rd *rd, struct obj_type *t, unsigned i)
{
	uint64_t n, addr = 0;

	if (!t->mro)
		return i == 0 ? t : NULL;
	obj_live(rd);
	if (mem_u64(rd->mem, t->mro + rd->off->ob_size, &n) == 0 && i < n && i < OBJ_MRO_MAX)
		addr = obj_ptr(rd, t->mro + rd->off->tuple_items + 8 * (uint64_t)i);
	obj_live_end(rd);
	return addr ? obj_type_at(rd, addr, NULL) : NULL;
}

int obj_type_lookup(struct obj_rd *rd, struct obj_type *t, const char *name, uint64_t *ret_addr,
		    struct obj_type **ret_owner)
{
	struct obj_type *c;

	int r = -ENOENT;

	obj_live(rd);
	for (unsigned i = 0; r && (c = obj_type_mro(rd, t, i)); i++) {
		if (!c->dict || obj_dict_get(rd, c->dict, name, ret_addr) < 0)
			continue;
		if (ret_owner)
			*ret_owner = c;
		r = 0;
	}
	obj_live_end(rd);
	return r;
}

struct obj_type *obj_type_special(struct obj_rd *rd, struct obj_type *t, const char *name)
{
	struct obj_type *owner, *mt;
	uint64_t addr;

	if (!t->heap || obj_type_lookup(rd, t, name, &addr, &owner) < 0 || !owner->heap)
		return NULL;
	/* Heap types made by C have theirs as wrappers of slots. */
	obj_live(rd);
	mt = obj_type_of(rd, addr, NULL);
	obj_live_end(rd);
	if (mt &&
	    (mt->cls == OBJ_WRAPPER_DESCR || mt->cls == OBJ_METHOD_DESCR || mt->cls == OBJ_NONE))
		return NULL;
	return owner;
}

struct obj_type *obj_type_derived(struct obj_rd *rd, struct obj_type *t, const char *module,
				  const char *name)
{
	struct obj_type *c;

	for (unsigned i = 0; (c = obj_type_mro(rd, t, i)); i++) {
		const char *m;

		if (strcmp(c->name, name) != 0)
			continue;
		m = module ? obj_type_module(rd, c) : NULL;
		if (!module || (m && strcmp(m, module) == 0))
			return c;
	}
	return NULL;
}
