// SPDX-License-Identifier: BSD-2-Clause
/* Exceptions on their way, and the classes they can be of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/objects.h"

void cpython_kernel_exc(const struct cpython *py, struct abi_exc *ret)
{
	const struct py_offsets *o = py->off;

	*ret = (struct abi_exc){
		.tstate_type = o->tstate_curexc_type,
		.tstate_value = o->tstate_curexc_value,
		.tstate_traceback = o->tstate_curexc_traceback,
		.exc_traceback = o->exc_traceback,
		.ob_type = o->ob_type,
		.type_mro = o->type_mro,
		.tuple_size = o->ob_size,
		.tuple_items = o->tuple_items,
		.frame_iframe = o->minor <= 10 ? OFF_NONE : o->frame_iframe,
		.code_code = o->minor <= 10 ? o->code_code : OFF_NONE,
		.bytes_data = o->bytes_data,
		.raise_op = bytecode_raise(o->minor),
		.frame_iblock = o->frame_iblock,
		.frame_blockstack = o->frame_blockstack,
		.frame_valuestack = o->frame_valuestack,
		.end_finally = o->minor <= 8,
	};
}

/* ---- where it has been ---- */

#define LEFT_MAX 1000 /* entries of a traceback */

/* The frame that an entry of a traceback keeps. */
static int left_frame(struct cpython *py, uint64_t tb, struct interp_frame *ret)
{
	const struct py_offsets *o = py->off;
	int r = cpython_ptr(py, tb + o->tb_frame, &ret->frame);

	if (!r && o->minor >= 11)
		r = cpython_ptr(py, ret->frame + o->frame_iframe, &ret->frame);
	if (!r)
		r = cpython_frame_code(py, ret->frame, &ret->code);
	/* int tb_lasti; int tb_lineno (Include/cpython/traceback.h); bytes in all versions. The
	 * line is made when it is asked for from 3.12 on. */
	if (!r)
		r = cpython_s32(py, tb + o->tb_lineno - 4, &ret->offset);
	if (r)
		return r;
	r = cpython_line_of(&py->base, ret->code, ret->offset);
	ret->line = r > 0 ? r : 0;
	return 0;
}

int cpython_left_frames(struct interp *in, uint64_t tstate, struct interp_frame **ret,
			size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	const struct py_offsets *o = py->off;
	VEC(struct interp_frame) v = { 0 };
	struct interp_frame f;
	uint64_t tb;
	int r;

	if (o->tstate_curexc_traceback != OFF_NONE) {
		r = cpython_ptr(py, tstate + o->tstate_curexc_traceback, &tb);
	} else {
		r = cpython_ptr(py, tstate + o->tstate_curexc_value, &tb);
		if (!r && tb)
			r = cpython_ptr(py, tb + o->exc_traceback, &tb);
	}
	while (!r && tb && v.n < LEFT_MAX && !(r = left_frame(py, tb, &f))) {
		r = vec_push(&v, f);
		if (!r)
			r = cpython_ptr(py, tb + o->tb_next, &tb);
	}
	if (r) {
		vec_deinit(&v);
		return r;
	}
	/* the entries go inwards */
	for (size_t i = 0; i < v.n / 2; i++) {
		f = v.data[i];
		v.data[i] = v.data[v.n - 1 - i];
		v.data[v.n - 1 - i] = f;
	}
	*ret = v.data;
	*ret_n = v.n;
	return 0;
}

/* ---- the exception that is raised ---- */

/*
 * Up to 3.11 C code leaves a class and what to call it with (Python/errors.c, PyErr_SetObject):
 * nothing, a tuple of arguments, or the one argument.
 */
static struct value *pending_exception(struct obj_rd *rd, struct obj_type *t, uint64_t arg,
				       unsigned depth)
{
	struct value *v = obj_new(rd, VALUE_EXCEPTION, 0, t), *args;
	struct obj_type *at = arg ? obj_type_of(rd, arg, NULL) : NULL;

	if (!v)
		return NULL;
	if (at && at->cls == OBJ_TUPLE) {
		args = obj_value(rd, arg, depth + 1);
	} else {
		args = value_new(VALUE_TUPLE, "tuple");
		if (args && arg && arg != rd->py->none)
			obj_add(rd, args, arg, depth, NULL);
		if (args)
			args->length = (int64_t)args->nitems;
	}
	if (!args || value_add(v, args)) {
		value_free(v);
		return NULL;
	}
	free(args->name);
	args->name = strdup("args");
	if (obj_type_derived(rd, t, "builtins", "KeyError") && obj_key_error_str(v))
		rd->nomem = true;
	if (!args->name || rd->nomem) {
		value_free(v);
		return NULL;
	}
	return v;
}

int cpython_raised(struct interp *in, uint64_t tstate, const struct value_limits *lim,
		   uint64_t *ret_addr, struct value **ret)
{
	struct cpython *py = cpython_of(in);
	uint64_t type = 0, value = 0;
	struct obj_type *t, *vt;
	struct value *v = NULL;
	struct obj_rd rd;
	int r;

	r = mem_u64(py->mem, tstate + py->off->tstate_curexc_value, &value);
	if (!r && py->off->tstate_curexc_type != OFF_NONE)
		r = mem_u64(py->mem, tstate + py->off->tstate_curexc_type, &type);
	else if (!r && value)
		r = cpython_type_of(py, value, &type);
	if (r)
		return r;
	if (!type)
		return -ENOENT;
	obj_rd_init(&rd, in, lim);
	vt = value ? obj_type_of(&rd, value, NULL) : NULL;
	if (vt && vt->flags & TPF_EXC) {
		*ret_addr = value;
		v = obj_value(&rd, value, rd.lim.depth);
	} else {
		t = obj_type_at(&rd, type, &r);
		*ret_addr = 0;
		if (t)
			v = pending_exception(&rd, t, value, rd.lim.depth);
	}
	if (rd.nomem) {
		value_free(v);
		v = NULL;
	}
	obj_rd_deinit(&rd);
	if (!v)
		return r ? r : -ENOMEM;
	*ret = v;
	return 0;
}

/* ---- classes by name ---- */

struct classes {
	VEC(struct interp_class) v;
};

void interp_classes_free(struct interp_class *classes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(classes[i].name);
	free(classes);
}

/* A class that is ready to be used, and derived from BaseException (Objects/typeobject.c: the flag
 * is inherited). */
static bool is_exception_class(struct cpython *py, uint64_t addr)
{
	const struct py_offsets *o = py->off;
	uint64_t flags, mro, meta, refs, first;

	if (addr & 7 || mem_u64(py->mem, addr + o->type_flags, &flags) || !(flags & TPF_EXC) ||
	    mem_u64(py->mem, addr + o->type_mro, &mro) || !mro || mro & 7 ||
	    mem_u64(py->mem, addr + o->ob_refcnt, &refs) || !(uint32_t)refs ||
	    cpython_type_of(py, mro, &meta) || meta != py->types.tuple ||
	    mem_u64(py->mem, mro + o->tuple_items, &first))
		return false;
	return first == addr;
}

static int classes_add(struct classes *c, struct obj_rd *rd, struct obj_type *t)
{
	const char *module = obj_type_module(rd, t);
	struct interp_class new = { .type = t->addr };
	int r;

	for (size_t i = 0; i < c->v.n; i++)
		if (c->v.data[i].type == t->addr)
			return 0;
	if (!module || !strcmp(module, "builtins"))
		new.name = strdup(t->qualname);
	else
		new.name = obj_fmt(rd, "%s.%s", module, t->qualname);
	r = new.name ? vec_push(&c->v, new) : -ENOMEM;
	if (r)
		free(new.name);
	return r;
}

static bool is_named(struct obj_rd *rd, struct obj_type *t, const char *name)
{
	const char *module;
	size_t n;

	if (!strcmp(t->name, name) || !strcmp(t->qualname, name))
		return true;
	module = obj_type_module(rd, t);
	n = module ? strlen(module) : 0;
	return n && !strncmp(name, module, n) && name[n] == '.' &&
	       (!strcmp(name + n + 1, t->qualname) || !strcmp(name + n + 1, t->name));
}

/* What module `module` knows by that name: 1 and its address, 0: nothing. */
static int module_name(struct interp *in, const char *module, const char *name, uint64_t *ret)
{
	uint64_t dict;

	return !cpython_module_globals(in, module, &dict) && !cpython_dict_get(in, dict, name, ret);
}

/* 1: found; 0; -EINVAL: it is something else. */
static int by_module(struct cpython *py, struct obj_rd *rd, const char *name, struct classes *c)
{
	const char *dot = strrchr(name, '.');
	_cleanup_free_ char *module =
		dot ? strndup(name, (size_t)(dot - name)) : strdup("builtins");
	struct obj_type *t;
	uint64_t addr;
	int r;

	if (!module)
		return -ENOMEM;
	if (!module_name(&py->base, module, dot ? dot + 1 : name, &addr))
		return 0;
	t = is_exception_class(py, addr) ? obj_type_at(rd, addr, NULL) : NULL;
	if (!t)
		return -EINVAL;
	r = classes_add(c, rd, t);
	return r ? r : 1;
}

/* Those that exist besides: a bare name in any module, and what a reload has left behind. */
static int by_scan(struct cpython *py, struct obj_rd *rd, const char *name,
		   interp_progress_fn progress, void *priv, struct classes *c)
{
	_cleanup_free_ uint64_t *found = NULL;
	struct obj_type *t;
	size_t n, i;
	int r;

	r = cpython_scan_objects(py, py->types.type, is_exception_class, progress, priv, &found,
				 &n);
	for (i = 0; !r && i < n; i++) {
		t = obj_type_at(rd, found[i], NULL);
		if (t && is_named(rd, t, name))
			r = classes_add(c, rd, t);
	}
	return r;
}

/* Of several, those with the same full name as the first. */
static void keep_first_name(struct classes *c)
{
	size_t n = 1;

	for (size_t i = 1; i < c->v.n; i++) {
		if (!strcmp(c->v.data[i].name, c->v.data[0].name))
			c->v.data[n++] = c->v.data[i];
		else
			free(c->v.data[i].name);
	}
	c->v.n = n;
}

int cpython_exception_classes(struct interp *in, const char *name, interp_progress_fn progress,
			      void *priv, struct interp_class **ret, size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	struct classes c = { 0 };
	struct obj_rd rd;
	int r, known;

	obj_rd_init(&rd, in, NULL);
	r = known = by_module(py, &rd, name, &c);
	/* a built-in class has no second copy */
	if (r == 0 || (r == 1 && strchr(name, '.')))
		r = by_scan(py, &rd, name, progress, priv, &c);
	if (known == 1 && c.v.n > 1)
		keep_first_name(&c);
	if (r >= 0 && rd.nomem)
		r = -ENOMEM;
	obj_rd_deinit(&rd);
	if (r >= 0 && !c.v.n)
		r = -ENOENT;
	if (r < 0) {
		interp_classes_free(c.v.data, c.v.n);
		return r;
	}
	*ret = c.v.data;
	*ret_n = c.v.n;
	return 0;
}
