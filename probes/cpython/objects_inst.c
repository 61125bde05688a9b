// SPDX-License-Identifier: BSD-2-Clause
/* Instances of classes: attributes, dataclasses, enumerations, exceptions. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 256

static bool has_child(const struct value *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (v->items[i]->name && strcmp(v->items[i]->name, name) == 0)
			return true;
	return false;
}

static char *member_name(struct obj_rd *rd, uint64_t def)
{
	char *name;

	obj_live(rd);
	name = obj_cstr(rd, obj_ptr(rd, def + rd->off->member_name));
	obj_live_end(rd);
	return name;
}

/* Slots of the classes written in Python, base classes first, as children. */
static void add_slots(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
		      unsigned depth, size_t nfields)
{
	const struct py_offsets *off = rd->off;
	unsigned n = 0;

	while (obj_type_mro(rd, t, n))
		n++;
	while (n--) {
		struct obj_type *c = obj_type_mro(rd, t, n);
		uint64_t count;

		if (!c || !c->heap || !c->members)
			continue;
		obj_live(rd);
		if (mem_u64(rd->mem, c->addr + off->ob_size, &count) < 0)
			count = 0;
		obj_live_end(rd);
		for (uint64_t i = 0; i < count && i < SLOTS_MAX; i++) {
			uint64_t def = c->members + i * off->member_size, child = 0;
			struct value *made = NULL;
			_cleanup_free_ char *name = member_name(rd, def);

			if (!name)
				break;
			if (has_child(v, nfields, name) ||
			    obj_member(rd, addr, def, &child, &made) < 0)
				continue;
			value_free(made);
			if (v->nitems >= rd->lim.items) {
				v->truncated = true;
				return;
			}
			if (child && !obj_add(rd, v, child, depth, name))
				return;
		}
	}
}

/* What is in the instance's dict (or inline values) as children. */
static void add_attributes(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
			   unsigned depth, size_t nfields)
{
	uint64_t dict, key, value;
	struct obj_dict d;

	if (obj_instance_dict(rd, addr, t, &d, &dict) <= 0)
		return;
	while (obj_dict_next(&d, &key, &value) > 0) {
		_cleanup_free_ char *name = NULL;

		/* Of a split table they live with the class. */
		if (d.values)
			obj_live(rd);
		name = obj_str_dup(rd, key);
		if (d.values)
			obj_live_end(rd);
		if (!name || has_child(v, nfields, name))
			continue;
		if (v->nitems >= rd->lim.items) {
			v->truncated = true;
			return;
		}
		if (!obj_add(rd, v, value, depth, name))
			return;
	}
}

/* The dict of fields of a dataclass whose __repr__ is the generated one; 0. */
static uint64_t dataclass_fields(struct obj_rd *rd, struct obj_type *t)
{
	_cleanup_free_ char *name = NULL, *file = NULL;
	uint64_t func, fields;
	struct obj_type *owner;
	const char *base;

	if (obj_own_repr(rd, t, &func, &owner) < 0)
		return 0;
	obj_live(rd);
	if (obj_dict_get(rd, owner->dict, "__dataclass_fields__", &fields) < 0)
		fields = 0;
	obj_live_end(rd);
	if (!fields)
		return 0;
	/* The generated function is wrapped against recursion: dataclasses._recursive_repr, later
	 * reprlib's. */
	obj_func_origin(rd, func, &name, &file);
	if (!name || !file || strcmp(name, "wrapper") != 0)
		return 0;
	base = strrchr(file, '/');
	base = base ? base + 1 : file;
	return strcmp(base, "dataclasses.py") == 0 || strcmp(base, "reprlib.py") == 0 ||
			       strcmp(file, "<frozen reprlib>") == 0
		       ? fields
		       : 0;
}

/* v becomes Cls(a=1, b=2): the fields with repr=True come first. */
static int add_fields(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
		      uint64_t fields, unsigned depth)
{
	uint64_t key, field, kind;
	struct obj_dict d;

	v->form = FORM_FIELDS;
	if (obj_textf(rd, v, "%s", t->qualname) < 0)
		return -ENOMEM;
	obj_live(rd);
	if (obj_dict_open(rd, fields, &d) < 0) {
		obj_live_end(rd);
		return 0;
	}
	while (obj_dict_next(&d, &key, &field) > 0) {
		_cleanup_free_ char *name = obj_str_dup(rd, key);
		uint64_t child;

		/* Pseudo-fields (ClassVar, InitVar) have another _field_type. */
		kind = obj_attr_addr(rd, field, "_field_type");
		if (!name || !kind || !obj_str_is(rd, obj_attr_addr(rd, kind, "name"), "_FIELD") ||
		    obj_attr_addr(rd, field, "repr") != rd->py->true_)
			continue;
		v->nfields++;
		if (!depth || v->nitems >= rd->lim.items || v->cycle)
			continue;
		obj_live_end(rd);
		child = obj_attr_addr(rd, addr, name);
		obj_live(rd);
		obj_add(rd, v, child, depth - 1, name);
	}
	obj_live_end(rd);
	return 0;
}

struct value *obj_make_instance(struct obj_rd *rd, uint64_t addr, struct obj_type *t,
				unsigned depth)
{
	struct value *v = obj_new(rd, VALUE_INSTANCE, addr, t);
	uint64_t fields;
	size_t n;

	if (!v || obj_default_text(rd, v, t) < 0)
		goto fail;
	if (t->heap && obj_std_text(rd, v, addr, t) < 0)
		goto fail;
	fields = t->heap ? dataclass_fields(rd, t) : 0;
	if (fields && add_fields(rd, v, addr, t, fields, depth) < 0)
		goto fail;
	n = v->nitems;
	if (depth && rd->lim.items) {
		add_slots(rd, v, addr, t, depth - 1, n);
		add_attributes(rd, v, addr, t, depth - 1, n);
	} else {
		v->truncated = true;
	}
	if (t->cls == OBJ_NAMESPACE && t->distance == 0) {
		/* Sorted up to 3.8 (Objects/namespaceobject.c). */
		for (size_t i = 1; rd->minor <= 8 && i < v->nitems; i++)
			for (size_t j = i;
			     j && strcmp(v->items[j]->name, v->items[j - 1]->name) < 0; j--) {
				struct value *swap = v->items[j];

				v->items[j] = v->items[j - 1];
				v->items[j - 1] = swap;
			}
		v->form = FORM_FIELDS;
		v->nfields = v->nitems;
		if (v->truncated)
			v->nfields++;
		if (obj_textf(rd, v, "namespace") < 0)
			goto fail;
	}
	return v;
fail:
	value_free(v);
	return NULL;
}

/* Up to 3.10 a combined flag has no name: it is written with the names of its parts, the greatest
 * first. */
static char *flag_parts(struct obj_rd *rd, struct obj_type *t, int64_t value)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	uint64_t map, key, member;
	struct {
		int64_t bits;
		char *name;
	} part[64];
	size_t n = 0, first;
	struct obj_dict d;

	if (obj_type_lookup(rd, t, "_value2member_map_", &map, NULL) == 0 &&
	    obj_dict_open(rd, map, &d) == 0)
		while (n < 64 && obj_dict_next(&d, &key, &member) > 0) {
			int64_t bits;
			uint64_t name = obj_attr_addr(rd, member, "_name_");

			if (obj_long_read(rd, key, &bits) < 0 || !bits || (bits & value) != bits)
				continue;
			part[n].name = obj_str_dup(rd, name);
			part[n].bits = bits;
			if (part[n].name)
				n++;
		}
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j && part[j].bits > part[j - 1].bits; j--) {
			__auto_type swap = part[j];

			part[j] = part[j - 1];
			part[j - 1] = swap;
		}
	first = n > 1 && part[0].bits == value;
	for (size_t i = first; i < n; i++)
		strbuf_addf(&sb, "%s%s", i > first ? "|" : "", part[i].name);
	for (size_t i = 0; i < n; i++)
		free(part[i].name);
	if (!n)
		strbuf_addf(&sb, "%" PRId64, value);
	return strbuf_take(&sb);
}

int obj_enum_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
		  unsigned depth)
{
	_cleanup_free_ char *name = NULL, *repr = NULL, *str = NULL, *module = NULL;
	uint64_t func, value, name_addr;
	struct obj_type *owner;
	int64_t bits;

	if (v->kind != VALUE_INT && v->kind != VALUE_FLOAT && v->kind != VALUE_STR &&
	    v->kind != VALUE_INSTANCE)
		return 0;
	if (v->form != FORM_PLAIN || obj_own_repr(rd, t, &func, &owner) < 0)
		return 0;
	/* Enumerations mixed with a data type get a copy of the method in their own dict. */
	obj_live(rd);
	module = obj_str_dup(rd, obj_ptr(rd, func + rd->off->func_module));
	obj_live_end(rd);
	if (!module || strcmp(module, "enum") != 0)
		return 0;
	value = obj_attr_addr(rd, addr, "_value_");
	name_addr = obj_attr_addr(rd, addr, "_name_");
	if (!value || !name_addr)
		return 0;
	name = obj_str_dup(rd, name_addr);
	repr = obj_repr(rd, value, depth ? depth - 1 : 0);
	obj_live(rd);
	if (!name && rd->minor <= 10 && obj_long_read(rd, value, &bits) == 0)
		name = flag_parts(rd, t, bits);
	obj_live_end(rd);
	if (rd->nomem || !repr)
		return -ENOMEM;
	if (obj_textf(rd, v, "<%s%s%s: %s>", t->name, name ? "." : "", name ? name : "", repr) < 0)
		return -ENOMEM;
	/* 3.11+: IntEnum and its like print as the number. */
	if (rd->minor >= 11 && obj_type_derived(rd, t, "enum", "ReprEnum"))
		return 1;
	str = obj_fmt(rd, !name && rd->minor >= 11 ? "%s(%s)" : "%s.%s", t->name,
		      name ? name : repr);
	if (!str || value_set_str(v, str) < 0)
		return -ENOMEM;
	return 1;
}

/* str() of a member of an exception, malloc'ed; "None" when it is NULL. */
static char *member_str(struct obj_rd *rd, uint64_t addr, bool repr)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct value *v;

	if (!addr)
		return strdup("None");
	v = obj_value(rd, addr, 1);
	if (!v)
		return NULL;
	if (repr)
		value_repr(v, &sb);
	else
		value_str(v, &sb);
	value_free(v);
	return strbuf_take(&sb);
}

int obj_key_error_str(struct value *v)
{
	const struct value *args = v->nitems ? v->items[0] : NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;

	if (!args || args->kind != VALUE_TUPLE || args->length != 1 || args->nitems != 1)
		return 0;
	value_repr(args->items[0], &sb);
	text = strbuf_take(&sb);
	return text && value_set_str(v, text) == 0 ? 0 : -ENOMEM;
}

/* The exceptions whose str() is more than their arguments (Objects/exceptions.c). 0 or -ENOMEM. */
static int exception_str(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *text = NULL;
	uint64_t f1 = 0, f2 = 0;

	if (obj_type_derived(rd, t, "builtins", "OSError")) {
		uint64_t no = obj_ptr(rd, addr + rd->off->oserror_errno);
		uint64_t msg = obj_ptr(rd, addr + rd->off->oserror_strerror);

		f1 = obj_ptr(rd, addr + rd->off->oserror_filename);
		f2 = obj_ptr(rd, addr + rd->off->oserror_filename2);
		if (!f1 && !(no && msg))
			return 0;
		a = member_str(rd, no, false);
		b = member_str(rd, msg, false);
		c = member_str(rd, f1, true);
		d = member_str(rd, f2, true);
		if (!a || !b || !c || !d)
			return -ENOMEM;
		text = f1 && f2 ? obj_fmt(rd, "[Errno %s] %s: %s -> %s", a, b, c, d)
		       : f1	? obj_fmt(rd, "[Errno %s] %s: %s", a, b, c)
				: obj_fmt(rd, "[Errno %s] %s", a, b);
	} else if (obj_type_derived(rd, t, "builtins", "SyntaxError")) {
		const char *base;
		uint64_t line;

		f1 = obj_attr_addr(rd, addr, "filename");
		line = obj_attr_addr(rd, addr, "lineno");
		a = member_str(rd, obj_attr_addr(rd, addr, "msg"), false);
		b = f1 ? obj_str_dup(rd, f1) : NULL;
		c = member_str(rd, line, false);
		if (!a || !c)
			return -ENOMEM;
		base = b && strrchr(b, '/') ? strrchr(b, '/') + 1 : b;
		if (line && strcmp(c, "None") == 0)
			line = 0;
		text = base && line ? obj_fmt(rd, "%s (%s, line %s)", a, base, c)
		       : base	    ? obj_fmt(rd, "%s (%s)", a, base)
		       : line	    ? obj_fmt(rd, "%s (line %s)", a, c)
				    : obj_fmt(rd, "%s", a);
	} else if (obj_type_derived(rd, t, "builtins", "ImportError")) {
		f1 = obj_attr_addr(rd, addr, "msg");
		text = f1 ? obj_str_dup(rd, f1) : NULL;
		if (!text)
			return rd->nomem ? -ENOMEM : 0;
	} else if (obj_type_derived(rd, t, "builtins", "KeyError")) {
		return obj_key_error_str(v);
	} else if (obj_type_derived(rd, t, "builtins", "BaseExceptionGroup")) {
		uint64_t excs = obj_attr_addr(rd, addr, "exceptions"), n;

		if (!excs || mem_u64(rd->mem, excs + rd->off->ob_size, &n) < 0)
			return 0;
		a = member_str(rd, obj_attr_addr(rd, addr, "message"), false);
		if (!a)
			return -ENOMEM;
		text = obj_fmt(rd, "%s (%" PRIu64 " sub-exception%s)", a, n, n == 1 ? "" : "s");
	} else {
		return 0;
	}
	return text && value_set_str(v, text) == 0 ? 0 : -ENOMEM;
}

/* The C members of exceptions (errno, filename, name, value ...), where they are set. */
static void add_members(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
			unsigned depth)
{
	const struct py_offsets *off = rd->off;
	struct obj_type *c;

	for (unsigned i = 0; (c = obj_type_mro(rd, t, i)); i++) {
		if (c->heap || !c->members || strcmp(c->tp_name, "BaseException") == 0)
			continue;
		for (unsigned j = 0; j < SLOTS_MAX; j++) {
			uint64_t def = c->members + (uint64_t)j * off->member_size, child = 0;
			_cleanup_free_ char *name = member_name(rd, def);
			struct value *made = NULL;

			if (!name)
				break;
			if (has_child(v, v->nitems, name) ||
			    obj_member(rd, addr, def, &child, &made) < 0)
				continue;
			value_free(made);
			if (child && child != rd->py->none && !obj_add(rd, v, child, depth, name))
				return;
		}
	}
}

/* From 3.15 on the repr of an ImportError has name and path where they were given, be they None. */
static void add_import_fields(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	static const char *const names[] = { "name", "path" };
	uint64_t base = addr + rd->off->exc_suppress_context +
			8; /* msg, name, path: Include/cpython/pyerrors.h */

	for (int i = 0; i < 2; i++) {
		uint64_t child = obj_ptr(rd, base + 8 + 8 * (uint64_t)i);

		if (child && obj_add(rd, v, child, 0, names[i]))
			v->nfields = v->nitems;
	}
	if (v->nfields)
		v->form = FORM_FIELDS;
}

struct value *obj_make_exception(struct obj_rd *rd, uint64_t addr, struct obj_type *t,
				 unsigned depth)
{
	static const char *const linked_names[] = { "__cause__", "__context__" };
	const struct py_offsets *off = rd->off;
	struct value *v = obj_new(rd, VALUE_EXCEPTION, addr, t);
	uint64_t linked[2];

	if (!v)
		return NULL;
	/* The arguments are part of the exception, not a level of their own. */
	if (!obj_add(rd, v, obj_ptr(rd, addr + off->exc_args), depth, "args"))
		return v;
	if (exception_str(rd, v, addr, t) < 0) {
		rd->nomem = true;
		value_free(v);
		return NULL;
	}
	if (rd->minor >= 15 && obj_type_derived(rd, t, "builtins", "ImportError") && !v->cycle)
		add_import_fields(rd, v, addr);
	if (!depth || !rd->lim.items) {
		v->truncated = true;
		return v;
	}
	add_members(rd, v, addr, t, depth - 1);
	add_attributes(rd, v, addr, t, depth - 1, v->nitems);
	linked[0] = obj_ptr(rd, addr + off->exc_cause);
	linked[1] = obj_ptr(rd, addr + off->exc_context);
	for (int i = 0; i < 2; i++)
		if (linked[i] && !obj_add(rd, v, linked[i], depth - 1, linked_names[i]))
			break;
	return v;
}
