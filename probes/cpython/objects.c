// SPDX-License-Identifier: BSD-2-Clause
/* Objects to values: what every kind shares, and the choice of the maker. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t obj_ptr(struct obj_rd *rd, uint64_t addr)
{
	uint64_t p;

	return mem_u64(rd->mem, addr, &p) < 0 ? 0 : p;
}

char *obj_fmt(struct obj_rd *rd, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		rd->nomem = true;
		return NULL;
	}
	return s;
}

int obj_textf(struct obj_rd *rd, struct value *v, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		rd->nomem = true;
		return -ENOMEM;
	}
	free(v->text);
	v->text = s;
	return 0;
}

struct value *obj_new(struct obj_rd *rd, enum value_kind kind, uint64_t addr, struct obj_type *t)
{
	struct value *v = value_new(kind, t ? t->name : "?");
	const char *module;

	if (!v) {
		rd->nomem = true;
		return NULL;
	}
	v->address = addr;
	v->minor = (uint8_t)rd->minor;
	if (!t)
		return v;
	v->type_address = t->addr;
	v->subclass = t->distance > 0 && t->cls != OBJ_INSTANCE;
	v->truthy = t->truthy;
	module = obj_type_module(rd, t);
	v->module = module ? strdup(module) : NULL;
	if (module && !v->module) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	return v;
}

struct value *obj_unreadable(struct obj_rd *rd, uint64_t addr, int err)
{
	struct value *v = obj_new(rd, VALUE_UNREADABLE, addr, NULL);
	int r;

	if (!v)
		return NULL;
	if (addr < 4096)
		r = obj_textf(rd, v, "<unreadable: NULL>");
	else if (rd->mem->record)
		r = obj_textf(rd, v, "..."); /* not in the record */
	else if (err == -EFAULT || err == -ENODATA || err == -EADDRNOTAVAIL)
		r = obj_textf(rd, v, "<unreadable: memory of the object at 0x%" PRIx64 ">", addr);
	else
		r = obj_textf(rd, v, "<unreadable: no valid object at 0x%" PRIx64 ">", addr);
	if (r < 0) {
		value_free(v);
		return NULL;
	}
	return v;
}

bool obj_add(struct obj_rd *rd, struct value *parent, uint64_t addr, unsigned depth,
	     const char *name)
{
	struct value *child;

	if (rd->nomem)
		return false;
	if (!rd->left) {
		parent->truncated = true;
		return false;
	}
	child = obj_value(rd, addr, depth);
	if (!child) {
		rd->nomem = true;
		return false;
	}
	if (name && !(child->name = strdup(name)))
		rd->nomem = true;
	if (value_add(parent, child) < 0)
		rd->nomem = true;
	return !rd->nomem;
}

int obj_default_text(struct obj_rd *rd, struct value *v, struct obj_type *t)
{
	const char *module = obj_type_module(rd, t);

	if (!module || strcmp(module, "builtins") == 0)
		return obj_textf(rd, v, "<%s object at 0x%" PRIx64 ">", t->tp_name, v->address);
	return obj_textf(rd, v, "<%s.%s object at 0x%" PRIx64 ">", module, t->qualname, v->address);
}

char *obj_repr(struct obj_rd *rd, uint64_t addr, unsigned depth)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct value *v = obj_value(rd, addr, depth);

	if (!v)
		return NULL;
	value_repr(v, &sb);
	value_free(v);
	if (!sb.failed)
		return strbuf_take(&sb);
	rd->nomem = true;
	return NULL;
}

int obj_own_repr(struct obj_rd *rd, struct obj_type *t, uint64_t *ret_func,
		 struct obj_type **ret_owner)
{
	struct obj_type *owner, *ft;
	uint64_t func;

	if (!t->own_repr) {
		t->own_repr = -1;
		if (obj_type_lookup(rd, t, "__repr__", &func, &owner) == 0 && owner->heap) {
			obj_live(rd);
			ft = obj_type_of(rd, func, NULL);
			obj_live_end(rd);
			if (ft && ft->cls == OBJ_FUNCTION) {
				t->own_repr = 1;
				t->own_repr_func = func;
				t->own_repr_owner = owner;
			}
		}
	}
	if (t->own_repr < 0)
		return -ENOENT;
	*ret_func = t->own_repr_func;
	*ret_owner = t->own_repr_owner;
	return 0;
}

/* Does a subclass of a built-in class decide in Python what bool() of it is? */
static bool own_truth(struct obj_rd *rd, struct obj_type *t)
{
	if (!t->own_truth)
		t->own_truth =
			obj_type_special(rd, t, "__bool__") || obj_type_special(rd, t, "__len__")
				? 1
				: -1;
	return t->own_truth > 0;
}

void obj_func_origin(struct obj_rd *rd, uint64_t func, char **ret_name, char **ret_file)
{
	uint64_t code;

	obj_live(rd);
	code = obj_ptr(rd, func + rd->off->func_code);
	*ret_name = obj_str_dup(rd, obj_ptr(rd, code + rd->off->code_name));
	*ret_file = obj_str_dup(rd, obj_ptr(rd, code + rd->off->code_filename));
	obj_live_end(rd);
}

static struct value *simple(struct obj_rd *rd, enum value_kind kind, uint64_t addr,
			    struct obj_type *t)
{
	return obj_new(rd, kind, addr, t);
}

/* Does Python's repr of this kind guard against itself? Then an ancestor shows as "..." */
static bool guarded(const struct obj_type *t)
{
	switch (t->cls) {
	case OBJ_LIST:
	case OBJ_TUPLE:
	case OBJ_DICT:
	case OBJ_ODICT:
	case OBJ_DEFAULTDICT:
	case OBJ_FROZENDICT:
	case OBJ_SET:
	case OBJ_FROZENSET:
	case OBJ_DEQUE:
	case OBJ_NAMESPACE:
	case OBJ_PARTIAL:
	case OBJ_INSTANCE:
	case OBJ_EXCEPTION:
		return true;
	default:
		return false;
	}
}

static struct value *make(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	switch (t->cls) {
	case OBJ_NONE:
		return simple(rd, VALUE_NONE, addr, t);
	case OBJ_ELLIPSIS:
		return simple(rd, VALUE_ELLIPSIS, addr, t);
	case OBJ_NOT_IMPLEMENTED:
		return simple(rd, VALUE_NOT_IMPLEMENTED, addr, t);
	case OBJ_BOOL:
	case OBJ_INT:
		return obj_make_int(rd, addr, t);
	case OBJ_FLOAT:
	case OBJ_COMPLEX:
		return obj_make_float(rd, addr, t);
	case OBJ_STR:
		return obj_make_str(rd, addr, t);
	case OBJ_BYTES:
	case OBJ_BYTEARRAY:
		return obj_make_bytes(rd, addr, t);
	case OBJ_LIST:
	case OBJ_TUPLE:
		return obj_make_seq(rd, addr, t, depth);
	case OBJ_SET:
	case OBJ_FROZENSET:
		return obj_make_set(rd, addr, t, depth);
	case OBJ_DEQUE:
		return obj_make_deque(rd, addr, t, depth);
	case OBJ_RANGE:
	case OBJ_SLICE:
		return obj_make_range(rd, addr, t, depth);
	case OBJ_DICT:
	case OBJ_ODICT:
	case OBJ_DEFAULTDICT:
	case OBJ_FROZENDICT:
	case OBJ_MAPPINGPROXY:
	case OBJ_DICT_VIEW:
		return obj_make_dict(rd, addr, t, depth);
	case OBJ_TYPE:
		return obj_make_type(rd, addr, t);
	case OBJ_MODULE:
		return obj_make_module(rd, addr, t, depth);
	case OBJ_EXCEPTION:
		return obj_make_exception(rd, addr, t, depth);
	case OBJ_INSTANCE:
	case OBJ_NAMESPACE:
		return obj_make_instance(rd, addr, t, depth);
	case OBJ_MEMORYVIEW:
	case OBJ_WEAKREF:
	case OBJ_PARTIAL:
	case OBJ_DATE:
	case OBJ_DATETIME:
	case OBJ_TIME:
	case OBJ_TIMEDELTA:
	case OBJ_TIMEZONE:
	case OBJ_DECIMAL:
	case OBJ_PATTERN:
	case OBJ_ARRAY:
	case OBJ_TRACEBACK:
	case OBJ_CELL:
	case OBJ_FRAME:
	case OBJ_CODE:
		return obj_make_lib(rd, addr, t, depth);
	default:
		return obj_make_callable(rd, addr, t, depth);
	}
}

/* What is beyond the limits. */
static struct value *too_deep(struct obj_rd *rd, uint64_t addr)
{
	struct value *v = obj_new(rd, VALUE_OPAQUE, addr, NULL);

	if (v && obj_textf(rd, v, "...") < 0) {
		value_free(v);
		return NULL;
	}
	return v;
}

/* What is in no record and yet as it was: the singletons, and the classes that are no heap objects.
 */
static bool is_fixed(struct obj_rd *rd, uint64_t addr)
{
	struct obj_type *t;
	bool fixed = false;

	if (addr == rd->py->none || addr == rd->py->true_ || addr == rd->py->false_)
		return true;
	obj_live(rd);
	t = addr & 7 ? NULL : obj_type_of(rd, addr, NULL);
	if (t && t->cls == OBJ_TYPE) {
		t = obj_type_at(rd, addr, NULL);
		fixed = t && !t->heap;
	}
	obj_live_end(rd);
	return fixed;
}

static struct value *value_here(struct obj_rd *rd, uint64_t addr, unsigned depth)
{
	struct obj_type *t;
	struct value *v;
	int err = -EINVAL;
	bool seen = false;
	int r;

	if (rd->nomem)
		return NULL;
	/* Also what is shown as a part of a text, and so has no parent to be truncated. */
	if (!rd->left || rd->nchain >= OBJ_DEPTH_MAX)
		return too_deep(rd, addr);
	rd->left--;
	t = addr < 4096 ? NULL : obj_type_of(rd, addr, &err);
	if (!t)
		return rd->nomem ? NULL : obj_unreadable(rd, addr, err);
	for (unsigned i = 0; i < rd->nchain && guarded(t); i++)
		seen |= rd->chain[i] == addr;
	if (!seen) {
		rd->chain[rd->nchain++] = addr;
		v = make(rd, addr, t, depth);
		rd->nchain--;
	} else {
		/* The same without its children: they are an ancestor's. */
		struct value_limits lim = rd->lim;

		rd->lim.items = 0;
		v = make(rd, addr, t, 0);
		rd->lim = lim;
		if (v)
			v->cycle = seen;
	}
	if (!v || rd->nomem) {
		value_free(v);
		rd->nomem = true;
		return NULL;
	}
	v->own_truth = t->heap && v->subclass && own_truth(rd, t);
	/* Members of enumerations come in all layouts. */
	if (t->distance && t->heap && v->kind != VALUE_UNREADABLE) {
		r = obj_enum_text(rd, v, addr, t, depth);
		if (r < 0) {
			value_free(v);
			rd->nomem = true;
			return NULL;
		}
	}
	return v;
}

struct value *obj_value(struct obj_rd *rd, uint64_t addr, unsigned depth)
{
	unsigned live = rd->mem->live;
	struct value *v;

	if (!rd->mem->record)
		return value_here(rd, addr, depth);
	rd->mem->live = 0;
	if (mem_recorded(rd->mem, addr, rd->off->object_size)) {
		v = value_here(rd, addr, depth);
	} else if (addr >= 4096 && is_fixed(rd, addr)) {
		obj_live(rd);
		v = value_here(rd, addr, depth);
	} else {
		v = rd->nomem ? NULL : too_deep(rd, addr);
	}
	rd->mem->live = live;
	return v;
}

int cpython_value(struct interp *in, uint64_t addr, const struct value_limits *lim,
		  struct value **ret)
{
	struct obj_rd rd;
	struct value *v;

	obj_rd_init(&rd, in, lim);
	v = obj_value(&rd, addr, rd.lim.depth);
	obj_rd_deinit(&rd);
	if (!v)
		return -ENOMEM;
	*ret = v;
	return 0;
}

int cpython_dict_get(struct interp *in, uint64_t dict, const char *key, uint64_t *ret_addr)
{
	struct obj_rd rd;
	int r;

	obj_rd_init(&rd, in, NULL);
	r = obj_dict_get(&rd, dict, key, ret_addr);
	obj_rd_deinit(&rd);
	return rd.nomem ? -ENOMEM : r;
}

int cpython_type_is(struct interp *in, uint64_t type, const char *name, bool derived)
{
	struct obj_type *t;
	struct obj_rd rd;
	int r = -EINVAL;

	obj_rd_init(&rd, in, NULL);
	t = obj_type_at(&rd, type, &r);
	if (t && derived)
		r = obj_type_derived(&rd, t, NULL, name) != NULL;
	else if (t)
		r = strcmp(t->name, name) == 0;
	obj_rd_deinit(&rd);
	return rd.nomem ? -ENOMEM : r;
}

int cpython_type_lookup(struct interp *in, uint64_t type, const char *name, uint64_t *ret_addr,
			uint64_t *ret_owner)
{
	struct obj_type *t, *owner;
	struct obj_rd rd;
	uint64_t addr;
	int r = 0;

	obj_rd_init(&rd, in, NULL);
	t = obj_type_at(&rd, type, &r);
	r = t ? obj_type_lookup(&rd, t, name, &addr, &owner) : r;
	if (!r) {
		*ret_addr = addr;
		*ret_owner = owner->addr;
	}
	obj_rd_deinit(&rd);
	return r;
}

int cpython_module_globals(struct interp *in, const char *name, uint64_t *ret_dict)
{
	struct cpython *py = cpython_of(in);
	uint64_t is, modules, module;
	struct obj_type *t;
	struct obj_rd rd;
	int r = -ENOENT;

	obj_rd_init(&rd, in, NULL);
	if (mem_u64(py->mem, py->interp_head, &is) == 0)
		for (unsigned i = 0; is && i < CPYTHON_INTERPS_MAX; i++) {
			modules = obj_ptr(&rd, is + py->off->interp_modules);
			if (modules && obj_dict_get(&rd, modules, name, &module) == 0) {
				t = obj_type_of(&rd, module, NULL);
				r = t && t->cls == OBJ_MODULE
					    ? mem_u64(py->mem, module + py->off->module_dict,
						      ret_dict)
					    : -EINVAL;
				/* The list is newest first: the main interpreter is its last. */
			}
			is = obj_ptr(&rd, is + py->off->interp_next);
		}
	obj_rd_deinit(&rd);
	return rd.nomem ? -ENOMEM : r;
}
