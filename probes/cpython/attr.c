// SPDX-License-Identifier: BSD-2-Clause
/*
 * obj.name as object.__getattribute__, type's and module's find it, but without running a
 * descriptor: what would run code is refused by name.
 */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFS_MAX 1024 /* entries of a PyMemberDef, PyGetSetDef or PyMethodDef array */

/* What a name means in a class. */
enum found_kind { FOUND_NONE, FOUND_OBJECT, FOUND_MEMBER, FOUND_GETSET, FOUND_METHOD };
struct found {
	enum found_kind kind;
	uint64_t addr;		/* the object in the class's dict; 0: only the C array is there */
	uint64_t def;		/* PyMemberDef, PyMethodDef */
	struct obj_type *owner; /* class that has it */
	struct obj_type *type;	/* class of the object, FOUND_OBJECT */
	struct obj_type
		*blind; /* FOUND_NONE: a class whose dict is out of reach: it may have the name */
};

/* A name in an array of definitions that start with a C string; 0. */
static uint64_t find_def(struct obj_rd *rd, uint64_t array, uint64_t size, const char *name)
{
	size_t len = strlen(name) + 1;
	char buf[128];

	if (!array || len > sizeof(buf))
		return 0;
	for (unsigned i = 0; i < DEFS_MAX; i++) {
		uint64_t def = array + i * size, s = obj_ptr(rd, def);

		if (!s)
			return 0;
		if (mem_read(rd->mem, s, buf, len) == 0 && memcmp(buf, name, len) == 0)
			return def;
	}
	return 0;
}

/*
 * From 3.12 on the dict of a static built-in class is the interpreter's, not the class's; its C
 * arrays say the same (PyMethodDef is 32 bytes, PyGetSetDef 40: Include/methodobject.h,
 * descrobject.h, unchanged in all versions).
 */
static bool find_in_arrays(struct obj_rd *rd, struct obj_type *c, const char *name, struct found *f)
{
	uint64_t def;

	if ((def = find_def(rd, c->members, rd->off->member_size, name)))
		*f = (struct found){ .kind = FOUND_MEMBER, .def = def, .owner = c };
	else if ((def = find_def(rd, c->getset, 40, name)))
		*f = (struct found){ .kind = FOUND_GETSET, .def = def, .owner = c };
	else if ((def = find_def(rd, c->methods, 32, name)))
		*f = (struct found){ .kind = FOUND_METHOD, .def = def, .owner = c };
	else
		return false;
	return true;
}

static void find_in(struct obj_rd *rd, struct obj_type *t, const char *name, struct found *f)
{
	struct obj_type *c;
	uint64_t addr;

	*f = (struct found){ 0 };
	for (unsigned i = 0; (c = obj_type_mro(rd, t, i)); i++) {
		if (!c->dict) {
			if (!c->heap && find_in_arrays(rd, c, name, f))
				return;
			f->blind = c;
			continue;
		}
		if (obj_dict_get(rd, c->dict, name, &addr) < 0)
			continue;
		*f = (struct found){ .kind = FOUND_OBJECT, .addr = addr, .owner = c };
		f->type = obj_type_of(rd, addr, NULL);
		if (!f->type)
			return;
		if (f->type->cls == OBJ_MEMBER_DESCR) {
			f->kind = FOUND_MEMBER;
			f->def = obj_ptr(rd, addr + rd->off->member_descr_member);
		} else if (f->type->cls == OBJ_GETSET_DESCR) {
			f->kind = FOUND_GETSET;
		} else if (f->type->cls == OBJ_METHOD_DESCR) {
			f->kind = FOUND_METHOD;
			f->def = obj_ptr(rd, addr + rd->off->method_descr_method);
		}
		return;
	}
}

static void find(struct obj_rd *rd, struct obj_type *t, const char *name, struct found *f)
{
	obj_live(rd);
	find_in(rd, t, name, f);
	obj_live_end(rd);
}

/* Includes the classes made by C: tp_descr_get of the object's class. */
static bool has_slot(struct obj_rd *rd, struct obj_type *t, uint32_t slot)
{
	uint64_t fn;
	int r;

	obj_live(rd);
	r = mem_u64(rd->mem, t->addr + slot, &fn);
	obj_live_end(rd);
	return r < 0 || fn;
}

/* Types of PyMemberDef (Include/structmember.h, the same everywhere). */
enum {
	SHORT,
	INT,
	LONG,
	FLOAT,
	DOUBLE,
	STRING,
	OBJECT,
	CHAR,
	BYTE,
	UBYTE,
	USHORT,
	UINT,
	ULONG,
	STRING_INPLACE,
	BOOL,
	OBJECT_EX = 16,
	LONGLONG,
	ULONGLONG,
	SSIZE,
};
#define RELATIVE_OFFSET 8 /* a flag, 3.12+ */

/* Bytes of a member that is a number, or a pointer to text; 0: it is none of them. */
static const uint8_t member_bytes[] = {
	[CHAR] = 1,	[BYTE] = 1,	 [UBYTE] = 1, [BOOL] = 1,   [SHORT] = 2, [USHORT] = 2,
	[INT] = 4,	[UINT] = 4,	 [FLOAT] = 4, [DOUBLE] = 8, [LONG] = 8,	 [ULONG] = 8,
	[LONGLONG] = 8, [ULONGLONG] = 8, [SSIZE] = 8, [STRING] = 8,
};

/* The number that the bytes of a member stand for; NULL: out of memory. */
static struct value *member_number(uint32_t type, uint64_t raw)
{
	char c = (char)(raw & 0x7f);
	struct value *v;
	float f;
	double d;

	switch (type) {
	case BYTE:
		return value_new_long((int8_t)raw);
	case SHORT:
		return value_new_long((int16_t)raw);
	case INT:
		return value_new_long((int32_t)raw);
	case FLOAT:
		memcpy(&f, &raw, sizeof(f));
		return value_new_float(f);
	case DOUBLE:
		memcpy(&d, &raw, sizeof(d));
		return value_new_float(d);
	case BOOL:
		return value_new_bool(raw);
	case CHAR:
		return value_new_str(&c, 1);
	case ULONG:
	case ULONGLONG:
		v = value_new_long(0);
		if (v)
			mpz_set_ui(v->z, raw);
		return v;
	default:
		return value_new_long((int64_t)raw);
	}
}

/* The object that a member holds; one without _EX is None where the pointer is NULL. */
static int member_object(struct obj_rd *rd, uint64_t at, uint32_t type, uint64_t *ret_addr)
{
	if (mem_u64(rd->mem, at, ret_addr) < 0)
		return -EFAULT;
	if (!*ret_addr && type == OBJECT)
		*ret_addr = rd->py->none;
	return *ret_addr ? 0 : -ENOENT;
}

int obj_member(struct obj_rd *rd, uint64_t obj, uint64_t def, uint64_t *ret_addr,
	       struct value **ret_value)
{
	_cleanup_free_ char *text = NULL;
	uint64_t offset, raw = 0;
	uint32_t type, flags;
	bool read;

	*ret_addr = 0;
	*ret_value = NULL;
	obj_live(rd);
	read = mem_u32(rd->mem, def + rd->off->member_type, &type) == 0 &&
	       mem_u32(rd->mem, def + rd->off->member_flags, &flags) == 0 &&
	       mem_u64(rd->mem, def + rd->off->member_offset, &offset) == 0;
	obj_live_end(rd);
	if (!read)
		return -EFAULT;
	if ((rd->minor >= 12 && flags & RELATIVE_OFFSET) || offset > 1u << 20)
		return -EOPNOTSUPP;
	if (type == OBJECT || type == OBJECT_EX)
		return member_object(rd, obj + offset, type, ret_addr);
	if (type != STRING_INPLACE) {
		if (type >= sizeof(member_bytes) || !member_bytes[type])
			return -EOPNOTSUPP;
		if (mem_read(rd->mem, obj + offset, &raw, member_bytes[type]) < 0)
			return -EFAULT;
	}
	if (type == STRING && !raw) {
		*ret_addr = rd->py->none;
		return *ret_addr ? 0 : -ENOENT;
	}
	if (type == STRING || type == STRING_INPLACE) {
		text = obj_cstr(rd, type == STRING ? raw : obj + offset);
		if (!text)
			return -EFAULT;
		*ret_value = value_new_str(text, strlen(text));
	} else {
		*ret_value = member_number(type, raw);
	}
	if (!*ret_value)
		rd->nomem = true;
	return *ret_value ? 0 : -ENOMEM;
}

/* "<bound method F of SELF>" for a function found in the class, or a C method likewise. */
static int make_bound(struct obj_rd *rd, const struct found *f, uint64_t func, uint64_t self,
		      const char *name, struct value **ret)
{
	struct obj_type *ft = func ? obj_type_of(rd, func, NULL) : NULL;
	struct obj_type *st = obj_type_of(rd, self, NULL);
	_cleanup_free_ char *qualname = NULL, *repr = NULL;
	struct value *v = value_new(
		VALUE_FUNCTION, f->kind == FOUND_METHOD ? "builtin_function_or_method" : "method");
	int r;

	if (!v) {
		rd->nomem = true;
		return -ENOMEM;
	}
	v->minor = (uint8_t)rd->minor;
	if (f->kind == FOUND_METHOD) {
		r = obj_textf(rd, v, "<built-in method %s of %s object at 0x%" PRIx64 ">", name,
			      st ? st->tp_name : "?", self);
	} else {
		if (ft && ft->cls == OBJ_FUNCTION)
			qualname = obj_str_dup(rd, obj_ptr(rd, func + rd->off->func_qualname));
		repr = obj_repr(rd, self, 1);
		r = repr ? obj_textf(rd, v, "<bound method %s of %s>", qualname ? qualname : name,
				     repr)
			 : -ENOMEM;
	}
	if (r < 0) {
		value_free(v);
		return -ENOMEM;
	}
	*ret = v;
	return 0;
}

static int refuse(struct err *err, const char *what, const char *name, const struct obj_type *owner)
{
	return err_set(err, -EOPNOTSUPP, "%s '%s' of %s runs code", what, name, owner->name);
}

/* Position of name in the class's _fields, or -1: the attributes of named tuples read an item and
 * do nothing else. */
static int64_t field_index(struct obj_rd *rd, const struct found *f, const char *name)
{
	uint64_t fields, n;

	if (!f->owner->heap || !(f->owner->flags & TPF_TUPLE) ||
	    obj_dict_get(rd, f->owner->dict, "_fields", &fields) < 0 ||
	    mem_u64(rd->mem, fields + rd->off->ob_size, &n) < 0)
		return -1;
	/* property(itemgetter(i)) up to 3.7, then a C type */
	if (f->type->cls != OBJ_PROPERTY && strcmp(f->type->name, "_tuplegetter") != 0)
		return -1;
	for (uint64_t i = 0; i < n && i < 4096; i++)
		if (obj_str_is(rd, obj_ptr(rd, fields + rd->off->tuple_items + 8 * i), name))
			return (int64_t)i;
	return -1;
}

/* A data descriptor of the class goes before the instance's dict. 1: done (*ret_err has the
 * result); 0: it is none. */
static int data_descriptor(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name,
			   const struct found *f, struct err *err, uint64_t *ret_addr,
			   struct value **ret_value, int *ret_err)
{
	const char *module;
	int64_t index;

	switch (f->kind) {
	case FOUND_MEMBER:
		*ret_err = obj_member(rd, obj, f->def, ret_addr, ret_value);
		if (*ret_err == -EOPNOTSUPP)
			refuse(err, "descriptor", name, f->owner);
		return 1;
	case FOUND_GETSET:
		*ret_err = obj_attr_c(rd, obj, t, name, ret_addr, ret_value);
		if (*ret_err == -ENOSYS)
			*ret_err = refuse(err, "attribute", name, f->owner);
		return 1;
	case FOUND_OBJECT:
		break;
	default:
		return 0;
	}
	if (!f->type)
		return 0;
	obj_live(rd);
	index = field_index(rd, f, name);
	obj_live_end(rd);
	if (index >= 0) {
		*ret_addr = obj_ptr(rd, obj + rd->off->tuple_items + 8 * (uint64_t)index);
		*ret_err = *ret_addr ? 0 : -EFAULT;
		return 1;
	}
	/* name and value of enumerations are properties of a kind of their own. */
	module = obj_type_module(rd, f->owner);
	if (module && strcmp(module, "enum") == 0 &&
	    (strcmp(name, "name") == 0 || strcmp(name, "value") == 0)) {
		*ret_addr = obj_attr_addr(rd, obj, name[0] == 'n' ? "_name_" : "_value_");
		if (*ret_addr) {
			*ret_err = 0;
			return 1;
		}
	}
	if (f->type->cls == OBJ_PROPERTY) {
		*ret_err = refuse(err, "property", name, f->owner);
		return 1;
	}
	if (has_slot(rd, f->type, rd->off->type_descr_set) &&
	    has_slot(rd, f->type, rd->off->type_descr_get)) {
		*ret_err = refuse(err, "descriptor", name, f->owner);
		return 1;
	}
	return 0;
}

/* What a class attribute gives when looked up on an instance (instance != 0) or on the class
 * itself. */
static int bind_found(struct obj_rd *rd, uint64_t instance, uint64_t cls, const char *name,
		      const struct found *f, struct err *err, uint64_t *ret_addr,
		      struct value **ret_value)
{
	uint64_t func;

	if (f->kind == FOUND_METHOD && instance)
		return make_bound(rd, f, 0, instance, name, ret_value);
	if (f->kind != FOUND_OBJECT && !f->addr)
		return refuse(err, "attribute", name, f->owner);
	*ret_addr = f->addr;
	if (!f->type)
		return 0;
	switch (f->type->cls) {
	case OBJ_FUNCTION:
		if (!instance)
			return 0;
		*ret_addr = 0;
		return make_bound(rd, f, f->addr, instance, name, ret_value);
	case OBJ_CLASSMETHOD:
		*ret_addr = 0;
		func = obj_ptr(rd, f->addr + rd->off->classmethod_callable);
		return make_bound(rd, f, func, cls, name, ret_value);
	case OBJ_STATICMETHOD:
		*ret_addr = obj_ptr(rd, f->addr + rd->off->staticmethod_callable);
		return *ret_addr ? 0 : -EFAULT;
	case OBJ_PROPERTY:
	case OBJ_MEMBER_DESCR:
	case OBJ_GETSET_DESCR:
	case OBJ_METHOD_DESCR:
		return 0; /* looked up on the class, they give themselves */
	case OBJ_WRAPPER_DESCR:
	case OBJ_CLASSMETHOD_DESCR:
		if (instance || f->type->cls == OBJ_CLASSMETHOD_DESCR) {
			struct found method = *f;

			*ret_addr = 0;
			method.kind = FOUND_METHOD;
			return make_bound(rd, &method, 0, instance ? instance : cls, name,
					  ret_value);
		}
		return 0;
	default:
		break;
	}
	if (has_slot(rd, f->type, rd->off->type_descr_get) && f->type->cls != OBJ_CFUNCTION) {
		*ret_addr = 0;
		return refuse(err, "descriptor", name, f->owner);
	}
	return 0;
}

static int bind(struct obj_rd *rd, uint64_t instance, uint64_t cls, const char *name,
		const struct found *f, struct err *err, uint64_t *ret_addr,
		struct value **ret_value)
{
	int r;

	obj_live(rd);
	r = bind_found(rd, instance, cls, name, f, err, ret_addr, ret_value);
	obj_live_end(rd);
	return r;
}

static int attr_of_type(struct obj_rd *rd, uint64_t obj, struct obj_type *meta, const char *name,
			struct err *err, uint64_t *ret_addr, struct value **ret_value)
{
	struct obj_type *self = obj_type_at(rd, obj, NULL), *owner;
	struct found in_meta, in_self;
	uint64_t members;
	int r;

	if (!self)
		return err_set(err, -EFAULT, "the class at 0x%" PRIx64 " cannot be read", obj);
	find(rd, meta, name, &in_meta);
	if (in_meta.kind &&
	    data_descriptor(rd, obj, meta, name, &in_meta, err, ret_addr, ret_value, &r))
		return r;
	if (obj_type_derived(rd, meta, "enum", rd->minor >= 11 ? "EnumType" : "EnumMeta") &&
	    self->dict && obj_dict_get(rd, self->dict, "_member_map_", &members) == 0 &&
	    obj_dict_get(rd, members, name, ret_addr) == 0)
		return 0;
	find(rd, self, name, &in_self);
	if (in_self.kind)
		return bind(rd, 0, obj, name, &in_self, err, ret_addr, ret_value);
	if (in_meta.kind)
		return bind(rd, obj, meta->addr, name, &in_meta, err, ret_addr, ret_value);
	/* EnumMeta's, up to 3.11, looks into the same map. */
	owner = obj_type_special(rd, meta, "__getattr__");
	if (owner && strcmp(owner->name, "EnumMeta") != 0 && strcmp(owner->name, "EnumType") != 0)
		return refuse(err, "method", "__getattr__", owner);
	if (in_self.blind)
		return refuse(err, "attribute", name, in_self.blind);
	return err_set(err, -ENOENT, "AttributeError: type object '%s' has no attribute '%s'",
		       self->name, name);
}

static int attr_of(struct obj_rd *rd, uint64_t obj, const char *name, struct err *err,
		   uint64_t *ret_addr, struct value **ret_value)
{
	struct obj_type *t, *owner;
	struct obj_dict d;
	struct found f;
	uint64_t dict;
	int r = -EINVAL;

	t = obj < 4096 ? NULL : obj_type_of(rd, obj, &r);
	if (!t)
		return err_set(err, -EFAULT, "the object at 0x%" PRIx64 " cannot be read", obj);
	owner = obj_type_special(rd, t, "__getattribute__");
	if (owner)
		return refuse(err, "method", "__getattribute__", owner);
	if (t->cls == OBJ_TYPE) {
		obj_live(rd);
		r = attr_of_type(rd, obj, t, name, err, ret_addr, ret_value);
		obj_live_end(rd);
		return r;
	}
	if (t->cls == OBJ_LAZY_IMPORT)
		return err_set(err, -EOPNOTSUPP, "a lazy import: its first use runs code");
	find(rd, t, name, &f);
	if (f.kind && data_descriptor(rd, obj, t, name, &f, err, ret_addr, ret_value, &r)) {
		if (r != -ENOENT)
			return r;
		goto missing;
	}
	if (t->cls == OBJ_MODULE)
		r = obj_dict_get(rd, obj_ptr(rd, obj + rd->off->module_dict), name, ret_addr);
	else if ((r = obj_instance_dict(rd, obj, t, &d, &dict)) > 0)
		r = obj_dict_find(&d, name, ret_addr);
	else
		r = -ENOENT;
	if (r == 0)
		return 0;
	if (f.kind)
		return bind(rd, obj, t->addr, name, &f, err, ret_addr, ret_value);
	/* Some C classes have it in neither dict nor array; methods pass on to their function. */
	r = obj_attr_c(rd, obj, t, name, ret_addr, ret_value);
	if (r != -ENOSYS && r != -ENOENT)
		return r;
	if (t->cls == OBJ_METHOD)
		return obj_attr(rd, obj_ptr(rd, obj + rd->off->method_func), name, err, ret_addr,
				ret_value);
missing:
	owner = obj_type_special(rd, t, "__getattr__");
	if (owner)
		return refuse(err, "method", "__getattr__", owner);
	if (t->cls == OBJ_MODULE) {
		uint64_t addr;
		_cleanup_free_ char *module = NULL;

		dict = obj_ptr(rd, obj + rd->off->module_dict);
		if (obj_dict_get(rd, dict, "__name__", &addr) == 0)
			module = obj_str_dup(rd, addr);
		if (obj_dict_get(rd, dict, "__getattr__", &addr) == 0)
			return err_set(err, -EOPNOTSUPP,
				       "module '%s' has a __getattr__, which runs code",
				       module ? module : "?");
		return err_set(err, -ENOENT, "AttributeError: module '%s' has no attribute '%s'",
			       module ? module : "?", name);
	}
	if (f.blind)
		return refuse(err, "attribute", name, f.blind);
	return err_set(err, -ENOENT, "AttributeError: '%s' object has no attribute '%s'", t->name,
		       name);
}

int obj_attr(struct obj_rd *rd, uint64_t obj, const char *name, struct err *err, uint64_t *ret_addr,
	     struct value **ret_value)
{
	int r;

	*ret_addr = 0;
	*ret_value = NULL;
	/* A method of a method of a method ... that is itself */
	if (rd->nest >= OBJ_NEST_MAX)
		return err_set(err, -EFAULT, "the object at 0x%" PRIx64 " leads back to itself",
			       obj);
	rd->nest++;
	r = attr_of(rd, obj, name, err, ret_addr, ret_value);
	rd->nest--;
	return r;
}

uint64_t obj_attr_addr(struct obj_rd *rd, uint64_t obj, const char *name)
{
	struct value *made = NULL;
	uint64_t addr = 0;

	if (obj_attr(rd, obj, name, NULL, &addr, &made) < 0)
		return 0;
	value_free(made);
	return addr;
}

int cpython_attr(struct interp *in, uint64_t obj, const char *name, const struct value_limits *lim,
		 struct err *err, struct value **ret)
{
	struct value *v = NULL;
	struct obj_rd rd;
	uint64_t addr;
	int r;

	obj_rd_init(&rd, in, lim);
	r = obj_attr(&rd, obj, name, err, &addr, &v);
	if (r == 0 && !v)
		v = obj_value(&rd, addr, rd.lim.depth);
	if (r == 0 && v && !v->minor)
		v->minor = (uint8_t)rd.minor;
	obj_rd_deinit(&rd);
	if (rd.nomem || (r == 0 && !v)) {
		value_free(v);
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (r == 0)
		*ret = v;
	return r;
}
