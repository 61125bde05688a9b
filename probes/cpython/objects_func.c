// SPDX-License-Identifier: BSD-2-Clause
/* Functions, methods, built-in ones, descriptors, generators, classes, modules; and what has no
 * kind of its own. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "%s" of a str object that may be missing. */
static const char *or_unknown(const char *s)
{
	return s ? s : "?";
}

/* Name of the class of an object as C prints it. */
static const char *tp_name_of(struct obj_rd *rd, uint64_t addr)
{
	struct obj_type *t = obj_type_of(rd, addr, NULL);

	return t ? t->tp_name : "?";
}

static int method_text(struct obj_rd *rd, struct value *v, uint64_t addr, unsigned depth)
{
	uint64_t func = obj_ptr(rd, addr + rd->off->method_func);
	uint64_t self = obj_ptr(rd, addr + rd->off->method_self);
	_cleanup_free_ char *name = NULL, *repr = NULL;
	struct obj_type *ft = obj_type_of(rd, func, NULL);
	struct value *made = NULL;
	uint64_t text = 0;

	if (ft && ft->cls == OBJ_FUNCTION)
		text = obj_ptr(rd, func + rd->off->func_qualname);
	else if (obj_attr(rd, func, "__qualname__", NULL, &text, &made) < 0)
		text = 0;
	if (made && made->kind == VALUE_STR)
		name = strdup(made->bytes);
	value_free(made);
	if (!name)
		name = obj_str_dup(rd, text);
	repr = obj_repr(rd, self, depth ? depth - 1 : 0);
	return repr ? obj_textf(rd, v, "<bound method %s of %s>", or_unknown(name), repr) : -ENOMEM;
}

static int cfunction_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t ml = obj_ptr(rd, addr + rd->off->cfunc_ml);
	uint64_t self = obj_ptr(rd, addr + rd->off->cfunc_self);
	_cleanup_free_ char *name = obj_cstr(rd, obj_ptr(rd, ml + rd->off->method_def_name));
	struct obj_type *t = self ? obj_type_of(rd, self, NULL) : NULL;

	if (!self || (t && t->cls == OBJ_MODULE))
		return obj_textf(rd, v, "<built-in function %s>", or_unknown(name));
	return obj_textf(rd, v, "<built-in method %s of %s object at 0x%" PRIx64 ">",
			 or_unknown(name), tp_name_of(rd, self), self);
}

/* <WHAT 'name' of 'type' objects> */
static int descr_text(struct obj_rd *rd, struct value *v, uint64_t addr, const char *what)
{
	_cleanup_free_ char *name = obj_str_dup(rd, obj_ptr(rd, addr + rd->off->descr_name));
	struct obj_type *t = obj_type_at(rd, obj_ptr(rd, addr + rd->off->descr_type), NULL);

	return obj_textf(rd, v, "<%s '%s' of '%s' objects>", what, or_unknown(name),
			 t ? t->tp_name : "?");
}

static int wrapper_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t descr = obj_ptr(rd, addr + rd->off->wrapper_base);
	uint64_t self = obj_ptr(rd, addr + rd->off->wrapper_self);
	_cleanup_free_ char *name = obj_str_dup(rd, obj_ptr(rd, descr + rd->off->descr_name));

	return obj_textf(rd, v, "<method-wrapper '%s' of %s object at 0x%" PRIx64 ">",
			 or_unknown(name), tp_name_of(rd, self), self);
}

/* From 3.10 on these show what they wrap. */
static int wrapped_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
			unsigned depth)
{
	uint32_t at = t->cls == OBJ_CLASSMETHOD ? rd->off->classmethod_callable
						: rd->off->staticmethod_callable;
	_cleanup_free_ char *repr = NULL;

	if (rd->minor < 10)
		return obj_default_text(rd, v, t);
	repr = obj_repr(rd, obj_ptr(rd, addr + at), depth ? depth - 1 : 0);
	return repr ? obj_textf(rd, v, "<%s(%s)>", t->name, repr) : -ENOMEM;
}

static int generator_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	_cleanup_free_ char *name = obj_str_dup(rd, obj_ptr(rd, addr + rd->off->gen_qualname));
	const char *what = t->cls == OBJ_GENERATOR   ? "generator"
			   : t->cls == OBJ_COROUTINE ? "coroutine"
						     : "async_generator";

	return obj_textf(rd, v, "<%s object %s at 0x%" PRIx64 ">", what, or_unknown(name), addr);
}

static struct value *make_callable(struct obj_rd *rd, uint64_t addr, struct obj_type *t,
				   unsigned depth)
{
	_cleanup_free_ char *name = NULL;
	enum value_kind kind = VALUE_FUNCTION;
	struct value *v;
	int r;

	switch (t->cls) {
	case OBJ_PROPERTY:
	case OBJ_CLASSMETHOD:
	case OBJ_STATICMETHOD:
	case OBJ_GENERATOR:
	case OBJ_COROUTINE:
	case OBJ_ASYNC_GENERATOR:
	case OBJ_MEMBER_DESCR:
	case OBJ_GETSET_DESCR:
		kind = VALUE_OPAQUE;
		break;
	default:
		break;
	}
	v = obj_new(rd, kind, addr, t);
	if (!v)
		return NULL;
	switch (t->cls) {
	case OBJ_FUNCTION:
		name = obj_str_dup(rd, obj_ptr(rd, addr + rd->off->func_qualname));
		r = obj_textf(rd, v, "<function %s at 0x%" PRIx64 ">", or_unknown(name), addr);
		break;
	case OBJ_METHOD:
		r = method_text(rd, v, addr, depth);
		break;
	case OBJ_CFUNCTION:
		r = cfunction_text(rd, v, addr);
		break;
	case OBJ_METHOD_DESCR:
	case OBJ_CLASSMETHOD_DESCR:
		r = descr_text(rd, v, addr, "method");
		break;
	case OBJ_WRAPPER_DESCR:
		r = descr_text(rd, v, addr, "slot wrapper");
		break;
	case OBJ_MEMBER_DESCR:
		r = descr_text(rd, v, addr, "member");
		break;
	case OBJ_GETSET_DESCR:
		r = descr_text(rd, v, addr, "attribute");
		break;
	case OBJ_METHOD_WRAPPER:
		r = wrapper_text(rd, v, addr);
		break;
	case OBJ_CLASSMETHOD:
	case OBJ_STATICMETHOD:
		r = wrapped_text(rd, v, addr, t, depth);
		break;
	case OBJ_GENERATOR:
	case OBJ_COROUTINE:
	case OBJ_ASYNC_GENERATOR:
		r = generator_text(rd, v, addr, t);
		break;
	default:
		r = obj_default_text(rd, v, t);
		break;
	}
	if (r == 0)
		return v;
	rd->nomem = true;
	value_free(v);
	return NULL;
}

struct value *obj_make_callable(struct obj_rd *rd, uint64_t addr, struct obj_type *t,
				unsigned depth)
{
	struct value *v;

	obj_live(rd); /* names */
	v = make_callable(rd, addr, t, depth);
	obj_live_end(rd);
	return v;
}

static struct value *make_type(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	struct obj_type *self = obj_type_at(rd, addr, NULL);
	_cleanup_free_ char *repr = NULL;
	const char *module;
	struct value *v;

	if (!self)
		return obj_unreadable(rd, addr, -EINVAL);
	v = obj_new(rd, VALUE_TYPE, addr, t);
	if (!v)
		return NULL;
	free(v->module);
	v->module = NULL;
	module = obj_type_module(rd, self);
	v->subclass = false;
	if ((module && !(v->module = strdup(module))) || obj_textf(rd, v, "%s", self->qualname) < 0)
		goto fail;
	/* Classes without a module of their own show their C name. */
	if (!module || strcmp(module, "builtins") == 0)
		repr = obj_fmt(rd, "<class '%s'>", self->tp_name);
	else if (t->distance &&
		 obj_type_derived(rd, t, "enum", rd->minor >= 11 ? "EnumType" : "EnumMeta"))
		repr = obj_fmt(rd, "<%s '%s'>",
			       rd->minor >= 11 && obj_type_derived(rd, self, "enum", "Flag")
				       ? "flag"
				       : "enum",
			       self->name);
	else
		return v;
	if (!repr || value_set_bytes(v, repr, strlen(repr)) < 0)
		goto fail;
	return v;
fail:
	rd->nomem = true;
	value_free(v);
	return NULL;
}

struct value *obj_make_type(struct obj_rd *rd, uint64_t addr, struct obj_type *t)
{
	struct value *v;

	obj_live(rd);
	v = make_type(rd, addr, t);
	obj_live_end(rd);
	return v;
}

/* Up to 3.11 this loader has a module_repr() of its own. */
static bool builtin_loader(struct obj_rd *rd, uint64_t loader)
{
	struct obj_type *t = obj_type_at(rd, loader, NULL);

	return t && rd->minor <= 11 && strcmp(t->name, "BuiltinImporter") == 0;
}

/* What a module's repr names as its origin: 'from ...', '(built-in)', or nothing
 * (importlib._bootstrap). */
static char *module_text(struct obj_rd *rd, uint64_t dict, const char *name, unsigned depth)
{
	_cleanup_free_ char *spec_name = NULL, *text = NULL;
	uint64_t spec = 0, origin, loader = 0, file = 0;

	if (obj_dict_get(rd, dict, "__spec__", &spec) == 0 && spec != rd->py->none) {
		spec_name = obj_str_dup(rd, obj_attr_addr(rd, spec, "name"));
		origin = obj_attr_addr(rd, spec, "origin");
		loader = obj_attr_addr(rd, spec, "loader");
		if (spec_name)
			name = spec_name;
		if (!origin || origin == rd->py->none) {
			if (!loader || loader == rd->py->none)
				return obj_fmt(rd, "<module '%s'>", name);
			if (builtin_loader(rd, loader))
				return obj_fmt(rd, "<module '%s' (built-in)>", name);
			text = obj_repr(rd, loader, depth ? depth - 1 : 0);
			return text ? obj_fmt(rd, "<module '%s' (%s)>", name, text) : NULL;
		}
		if (obj_attr_addr(rd, spec, "_set_fileattr") == rd->py->true_) {
			text = obj_repr(rd, origin, 0);
			return text ? obj_fmt(rd, "<module '%s' from %s>", name, text) : NULL;
		}
		text = obj_str_dup(rd, origin);
		return obj_fmt(rd, "<module '%s' (%s)>", name, text ? text : "?");
	}
	if (obj_dict_get(rd, dict, "__file__", &file) == 0) {
		text = obj_repr(rd, file, 0);
		return text ? obj_fmt(rd, "<module '%s' from %s>", name, text) : NULL;
	}
	if (obj_dict_get(rd, dict, "__loader__", &loader) == 0 && loader != rd->py->none) {
		if (builtin_loader(rd, loader))
			return obj_fmt(rd, "<module '%s' (built-in)>", name);
		text = obj_repr(rd, loader, depth ? depth - 1 : 0);
		return text ? obj_fmt(rd, "<module '%s' (%s)>", name, text) : NULL;
	}
	return obj_fmt(rd, "<module '%s'>", name);
}

struct value *obj_make_module(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	struct value *v = obj_new(rd, VALUE_MODULE, addr, t);
	_cleanup_free_ char *name = NULL, *text = NULL;
	uint64_t dict, name_addr;

	if (!v)
		return NULL;
	obj_live(rd);
	dict = obj_ptr(rd, addr + rd->off->module_dict);
	if (obj_dict_get(rd, dict, "__name__", &name_addr) == 0)
		name = obj_str_dup(rd, name_addr);
	text = module_text(rd, dict, or_unknown(name), depth);
	obj_live_end(rd);
	if (text && obj_textf(rd, v, "%s", or_unknown(name)) == 0 &&
	    value_set_bytes(v, text, strlen(text)) == 0)
		return v;
	rd->nomem = true;
	value_free(v);
	return NULL;
}
