// SPDX-License-Identifier: BSD-2-Clause
/* Attributes that C code of CPython computes, and that are as easily read: a fixed list. */
#include "probes/cpython/objects.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Attributes that are a pointer in the object. */
static const struct {
	enum obj_class cls;
	const char *name;
	size_t offset; /* of the member of struct py_offsets */
	bool null_is_none;
} pointers[] = {
#define P(cls, name, member, none)                                   \
	{                                                            \
		cls, name, offsetof(struct py_offsets, member), none \
	}
	P(OBJ_FUNCTION, "__code__", func_code, false),
	P(OBJ_FUNCTION, "__globals__", func_globals, false),
	P(OBJ_FUNCTION, "__builtins__", func_builtins, false),
	P(OBJ_FUNCTION, "__name__", func_name, false),
	P(OBJ_FUNCTION, "__qualname__", func_qualname, false),
	P(OBJ_FUNCTION, "__module__", func_module, true),
	P(OBJ_FUNCTION, "__doc__", func_doc, true),
	P(OBJ_FUNCTION, "__defaults__", func_defaults, true),
	P(OBJ_FUNCTION, "__kwdefaults__", func_kwdefaults, true),
	P(OBJ_FUNCTION, "__closure__", func_closure, true),
	P(OBJ_FUNCTION, "__dict__", func_dict, false),
	P(OBJ_METHOD, "__func__", method_func, false),
	P(OBJ_METHOD, "__self__", method_self, false),
	P(OBJ_CFUNCTION, "__self__", cfunc_self, true),
	P(OBJ_CFUNCTION, "__module__", cfunc_module, true),
	P(OBJ_METHOD_DESCR, "__name__", descr_name, false),
	P(OBJ_METHOD_DESCR, "__objclass__", descr_type, false),
	P(OBJ_WRAPPER_DESCR, "__name__", descr_name, false),
	P(OBJ_MEMBER_DESCR, "__name__", descr_name, false),
	P(OBJ_GETSET_DESCR, "__name__", descr_name, false),
	P(OBJ_CLASSMETHOD, "__func__", classmethod_callable, false),
	P(OBJ_STATICMETHOD, "__func__", staticmethod_callable, false),
	P(OBJ_EXCEPTION, "args", exc_args, true),
	P(OBJ_EXCEPTION, "__traceback__", exc_traceback, true),
	P(OBJ_EXCEPTION, "__context__", exc_context, true),
	P(OBJ_EXCEPTION, "__cause__", exc_cause, true),
	P(OBJ_RANGE, "start", range_start, false),
	P(OBJ_RANGE, "stop", range_stop, false),
	P(OBJ_RANGE, "step", range_step, false),
	P(OBJ_SLICE, "start", slice_start, false),
	P(OBJ_SLICE, "stop", slice_stop, false),
	P(OBJ_SLICE, "step", slice_step, false),
	P(OBJ_GENERATOR, "__name__", gen_name, false),
	P(OBJ_GENERATOR, "__qualname__", gen_qualname, false),
	P(OBJ_GENERATOR, "gi_code", gen_code, false),
	P(OBJ_GENERATOR, "gi_frame", gen_frame, true),
	P(OBJ_COROUTINE, "__name__", gen_name, false),
	P(OBJ_COROUTINE, "__qualname__", gen_qualname, false),
	P(OBJ_COROUTINE, "cr_code", gen_code, false),
	P(OBJ_COROUTINE, "cr_frame", gen_frame, true),
	P(OBJ_ASYNC_GENERATOR, "__name__", gen_name, false),
	P(OBJ_ASYNC_GENERATOR, "__qualname__", gen_qualname, false),
	P(OBJ_ASYNC_GENERATOR, "ag_code", gen_code, false),
	P(OBJ_ASYNC_GENERATOR, "ag_frame", gen_frame, true),
	P(OBJ_CODE, "co_name", code_name, false),
	P(OBJ_CODE, "co_qualname", code_qualname, false),
	P(OBJ_CODE, "co_filename", code_filename, false),
	P(OBJ_CODE, "co_consts", code_consts, false),
	P(OBJ_CODE, "co_names", code_names, false),
	P(OBJ_CODE, "co_varnames", code_varnames, false),
	P(OBJ_CODE, "co_freevars", code_freevars, false),
	P(OBJ_CODE, "co_cellvars", code_cellvars, false),
	P(OBJ_CELL, "cell_contents", cell_ref, false),
	P(OBJ_TRACEBACK, "tb_next", tb_next, true),
	P(OBJ_TRACEBACK, "tb_frame", tb_frame, false),
	P(OBJ_FRAME, "f_back", frame_back, true),
	P(OBJ_FRAME, "f_globals", frame_globals, false),
	P(OBJ_FRAME, "f_builtins", frame_builtins, false),
	P(OBJ_MODULE, "__dict__", module_dict, false),
	P(OBJ_DEFAULTDICT, "default_factory", defaultdict_factory, true),
	P(OBJ_TYPE, "__base__", type_base, true),
	P(OBJ_TYPE, "__bases__", type_bases, false),
	P(OBJ_TYPE, "__mro__", type_mro, false),
	P(OBJ_TYPE, "__dict__", type_dict, false),
#undef P
};

/* Attributes that are a 32-bit int in the object. */
static const struct {
	enum obj_class cls;
	const char *name;
	size_t offset;
} ints[] = {
#define I(cls, name, member)                                   \
	{                                                      \
		cls, name, offsetof(struct py_offsets, member) \
	}
	I(OBJ_TIMEDELTA, "days", delta_days),
	I(OBJ_TIMEDELTA, "seconds", delta_seconds),
	I(OBJ_TIMEDELTA, "microseconds", delta_microseconds),
	I(OBJ_CODE, "co_firstlineno", code_firstlineno),
	I(OBJ_CODE, "co_argcount", code_argcount),
	I(OBJ_CODE, "co_posonlyargcount", code_posonlyargcount),
	I(OBJ_CODE, "co_kwonlyargcount", code_kwonlyargcount),
	I(OBJ_CODE, "co_nlocals", code_nlocals),
	I(OBJ_CODE, "co_stacksize", code_stacksize),
	I(OBJ_CODE, "co_flags", code_flags),
	I(OBJ_TRACEBACK, "tb_lineno", tb_lineno),
#undef I
};

static uint32_t offset_in(const struct py_offsets *off, size_t member)
{
	uint32_t v;

	memcpy(&v, (const char *)off + member, sizeof(v));
	return v;
}

static int given(struct obj_rd *rd, struct value *v, struct value **ret)
{
	if (!v) {
		rd->nomem = true;
		return -ENOMEM;
	}
	v->minor = (uint8_t)rd->minor;
	*ret = v;
	return 0;
}

static int given_str(struct obj_rd *rd, const char *s, struct value **ret)
{
	return given(rd, value_new_str(s, strlen(s)), ret);
}

/* Big-endian bytes of a date or time at `at`. */
static int given_bytes(struct obj_rd *rd, uint64_t at, int n, struct value **ret)
{
	uint8_t b[4];
	int64_t v = 0;

	if (mem_read(rd->mem, at, b, n) < 0)
		return -EFAULT;
	for (int i = 0; i < n; i++)
		v = v << 8 | b[i];
	return given(rd, value_new_long(v), ret);
}

static int clock_attr(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name,
		      uint64_t *ret_addr, struct value **ret)
{
	static const struct {
		const char *name;
		int at, n; /* in a datetime; a time has no date in front */
	} fields[] = {
		{ "year", 0, 2 },   { "month", 2, 1 },	{ "day", 3, 1 },	 { "hour", 4, 1 },
		{ "minute", 5, 1 }, { "second", 6, 1 }, { "microsecond", 7, 3 },
	};
	const struct py_offsets *off = rd->off;
	bool time = t->cls == OBJ_TIME, date = t->cls == OBJ_DATE;
	uint64_t data = obj + (time ? off->time_data : date ? off->date_data : off->datetime_data);
	uint8_t byte;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(name, fields[i].name) == 0 && (time ? i >= 3 : date ? i < 3 : true))
			return given_bytes(rd, data + fields[i].at - (time ? 4 : 0), fields[i].n,
					   ret);
	if (date)
		return -ENOSYS;
	if (strcmp(name, "tzinfo") == 0) {
		if (mem_u8(rd->mem, obj + off->time_hastzinfo, &byte) < 0)
			return -EFAULT;
		*ret_addr =
			byte ? obj_ptr(rd, obj + (time ? off->time_tzinfo : off->datetime_tzinfo))
			     : rd->py->none;
		return *ret_addr ? 0 : -EFAULT;
	}
	if (strcmp(name, "fold") == 0) {
		if (mem_u8(rd->mem, obj + (time ? off->time_fold : off->datetime_fold), &byte) < 0)
			return -EFAULT;
		return given(rd, value_new_long(byte), ret);
	}
	return -ENOSYS;
}

static int number_attr(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name,
		       uint64_t *ret_addr, struct value **ret)
{
	bool integer = t->cls == OBJ_INT || t->cls == OBJ_BOOL;
	bool real = strcmp(name, "real") == 0 || (integer && strcmp(name, "numerator") == 0);
	uint64_t raw;
	double d = 0;

	if (!real && strcmp(name, "imag") != 0 && !(integer && strcmp(name, "denominator") == 0))
		return -ENOSYS;
	if (integer) {
		if (t->cls == OBJ_INT && real && !t->distance) {
			*ret_addr = obj;
			return 0;
		}
		*ret = NULL;
		if (real) {
			struct value *v = value_new_long(0);

			if (v && obj_int_read(rd, obj, v->z) < 0) {
				value_free(v);
				return -EFAULT;
			}
			return given(rd, v, ret);
		}
		return given(rd, value_new_long(name[0] == 'd'), ret);
	}
	if (t->cls == OBJ_COMPLEX || real) {
		uint64_t at = t->cls == OBJ_COMPLEX ? obj + rd->off->complex_value + (real ? 0 : 8)
						    : obj + rd->off->float_value;

		if (mem_u64(rd->mem, at, &raw) < 0)
			return -EFAULT;
		memcpy(&d, &raw, sizeof(d));
	}
	return given(rd, value_new_float(d), ret);
}

/* The state of a generator's frame (3.11+): 0 is executing in 3.11 to 3.14, 4 in 3.15
 * (pycore_frame.h). */
static int generator_attr(struct obj_rd *rd, uint64_t obj, const char *name, uint64_t *ret_addr,
			  struct value **ret)
{
	const struct py_offsets *off = rd->off;
	const char *what = strchr(name, '_');
	uint8_t state;

	if (what && strcmp(what, "_running") == 0 && rd->minor == 10) {
		uint64_t frame = obj_ptr(rd, obj + off->gen_frame);

		if (frame && mem_u8(rd->mem, frame + off->frame_state, &state) < 0)
			return -EFAULT;
		return given(rd, value_new_bool(frame && state == 0), ret);
	}
	if (!what || off->gen_frame_state == OFF_NONE)
		return -ENOSYS;
	if (mem_u8(rd->mem, obj + off->gen_frame_state, &state) < 0)
		return -EFAULT;
	if (strcmp(what, "_running") == 0)
		return given(rd, value_new_bool(state == (rd->minor >= 15 ? 4 : 0)), ret);
	if (strcmp(what, "_code") == 0 && off->gen_iframe != OFF_NONE)
		return cpython_frame_code(rd->py, obj + off->gen_iframe, ret_addr) < 0 ? -ENOSYS
										       : 0;
	return -ENOSYS;
}

static int type_attr(struct obj_rd *rd, uint64_t obj, const char *name, uint64_t *ret_addr,
		     struct value **ret)
{
	struct obj_type *self = obj_type_at(rd, obj, NULL);
	const char *module;

	if (!self)
		return -EFAULT;
	if (strcmp(name, "__name__") == 0)
		return given_str(rd, self->name, ret);
	if (strcmp(name, "__qualname__") == 0)
		return given_str(rd, self->qualname, ret);
	if (strcmp(name, "__module__") == 0) {
		module = obj_type_module(rd, self);
		return module ? given_str(rd, module, ret) : -ENOENT;
	}
	if (strcmp(name, "__doc__") == 0 && self->heap && self->dict)
		return obj_dict_get(rd, self->dict, "__doc__", ret_addr);
	return -ENOSYS;
}

/* __dict__ of an instance whose attributes are inline: made here. */
static int dict_attr(struct obj_rd *rd, uint64_t obj, struct obj_type *t, uint64_t *ret_addr,
		     struct value **ret)
{
	struct obj_dict d;
	uint64_t key, value;
	struct value *v;
	int r = obj_instance_dict(rd, obj, t, &d, ret_addr);

	if (r < 0 || *ret_addr)
		return r < 0 ? r : 0;
	if (!r && !(t->flags & TPF_MANAGED_DICT) && !t->dictoffset)
		return -ENOENT;
	v = value_new(VALUE_DICT, "dict");
	if (!v)
		return given(rd, NULL, ret);
	v->length = r ? d.used : 0;
	while (r && obj_dict_next(&d, &key, &value) > 0)
		if (!obj_add(rd, v, key, rd->lim.depth, NULL) ||
		    !obj_add(rd, v, value, rd->lim.depth, NULL))
			break;
	return given(rd, v, ret);
}

int obj_attr_c(struct obj_rd *rd, uint64_t obj, struct obj_type *t, const char *name,
	       uint64_t *ret_addr, struct value **ret)
{
	const struct py_offsets *off = rd->off;
	uint64_t frame, maxlen;
	uint8_t byte;
	int r = -ENOSYS;

	if (strcmp(name, "__class__") == 0) {
		*ret_addr = t->addr;
		return 0;
	}
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		uint32_t at = offset_in(off, pointers[i].offset);

		if (pointers[i].cls != t->cls || at == OFF_NONE ||
		    strcmp(pointers[i].name, name) != 0)
			continue;
		if (mem_u64(rd->mem, obj + at, ret_addr) < 0)
			return -EFAULT;
		if (!*ret_addr && pointers[i].null_is_none)
			*ret_addr = rd->py->none;
		if (*ret_addr)
			return 0;
		if (strcmp(name, "__dict__") != 0)
			return -ENOENT;
		break;
	}
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		uint32_t at = offset_in(off, ints[i].offset);
		int32_t v;

		if (ints[i].cls != t->cls || at == OFF_NONE || strcmp(ints[i].name, name) != 0)
			continue;
		if (cpython_s32(rd->py, obj + at, &v) < 0)
			return -EFAULT;
		return given(rd, value_new_long(v), ret);
	}
	switch (t->cls) {
	case OBJ_BOOL:
	case OBJ_INT:
	case OBJ_FLOAT:
	case OBJ_COMPLEX:
		r = number_attr(rd, obj, t, name, ret_addr, ret);
		break;
	case OBJ_DATE:
	case OBJ_TIME:
	case OBJ_DATETIME:
		r = clock_attr(rd, obj, t, name, ret_addr, ret);
		break;
	case OBJ_TYPE:
		r = type_attr(rd, obj, name, ret_addr, ret);
		break;
	case OBJ_GENERATOR:
	case OBJ_COROUTINE:
	case OBJ_ASYNC_GENERATOR:
		r = generator_attr(rd, obj, name, ret_addr, ret);
		break;
	case OBJ_EXCEPTION:
		if (strcmp(name, "__suppress_context__") == 0)
			r = mem_u8(rd->mem, obj + off->exc_suppress_context, &byte) < 0
				    ? -EFAULT
				    : given(rd, value_new_bool(byte), ret);
		break;
	case OBJ_DEQUE:
		if (strcmp(name, "maxlen") == 0) {
			if (mem_u64(rd->mem, obj + off->deque_maxlen, &maxlen) < 0)
				return -EFAULT;
			if ((int64_t)maxlen >= 0)
				return given(rd, value_new_long((int64_t)maxlen), ret);
			*ret_addr = rd->py->none;
			r = 0;
		}
		break;
	case OBJ_CFUNCTION:
		if (strcmp(name, "__name__") == 0) {
			char *s = obj_cstr(rd, obj_ptr(rd, obj_ptr(rd, obj + off->cfunc_ml) +
								   off->method_def_name));

			r = s ? given_str(rd, s, ret) : -EFAULT;
			free(s);
		}
		break;
	case OBJ_FRAME:
		frame = rd->minor >= 11 ? obj_ptr(rd, obj + off->frame_iframe) : obj;
		if (strcmp(name, "f_code") == 0)
			r = cpython_frame_code(rd->py, frame, ret_addr) < 0 ? -EFAULT : 0;
		else if (rd->minor >= 11 && strcmp(name, "f_globals") == 0)
			r = mem_u64(rd->mem, frame + off->iframe_globals, ret_addr) < 0 ? -EFAULT
											: 0;
		break;
	default:
		break;
	}
	if (r == -ENOSYS && strcmp(name, "__dict__") == 0)
		r = dict_attr(rd, obj, t, ret_addr, ret);
	return r;
}
