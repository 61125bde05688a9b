/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * x.name as object.__getattribute__ finds it, without running a descriptor: what the class says first (its version tells when that
 * was looked up before), then the instance, then the class. Part of expr.bpf.h.
 */
#ifndef PYBPFDBG_EXPR_ATTR_BPF_H
#define PYBPFDBG_EXPR_ATTR_BPF_H

#include "bpf/expr_dict.bpf.h"

#define MRO_MAX 64

/* What a class and its bases have by a name. */
enum abi_descr {
	DESCR_NONE = 0,
	DESCR_SLOT,   /* arg: offset in the instance (__slots__) */
	DESCR_VALUE,  /* arg: an object that is its own value */
	DESCR_METHOD, /* code runs unless the instance has the name itself */
	DESCR_DATA,   /* code runs */
	/* What isinstance() says of its instances; the name is the address of the class that is asked for. */
	DESCR_DERIVED,
	DESCR_OTHER,
};

/* Of a class and a name. Another program may come in between at any point, but what is kept under one key is always the same. */
static __always_inline struct expr_cache *cache_of(const struct expr_state *st)
{
	return cache_place(st->cls, st->hash);
}

static __always_inline int cache_get(struct expr_state *st, u64 *ret_index)
{
	struct expr_cache *c;
	u32 process, has_index;

	*ret_index = ~0ull;
	if (!st->version)
		return 0;
	c = cache_of(st);
	process = expr_process();
	if (!c || c->type != st->cls || c->name != st->hash || c->version != st->version || c->process != process)
		return 0;
	st->what = c->what;
	st->arg = c->arg;
	has_index = c->has_index;
	if (has_index)
		*ret_index = c->index;
	barrier_here();
	return c->type == st->cls && c->name == st->hash && c->version == st->version && c->process == process;
}

/* What st->what and st->arg say holds for this version of the class. 0 */
EXPR_FN int expr_cache_put(const struct expr_state *st, u64 index)
{
	struct expr_cache *c;

	if (!st || !st->version)
		return 0;
	c = cache_of(st);
	if (!c)
		return 0;
	c->type = 0;
	barrier_here();
	c->name = st->hash;
	c->version = st->version;
	c->process = expr_process();
	c->what = st->what;
	c->arg = st->arg;
	c->tflags = st->tflags;
	c->basicsize = st->basicsize;
	c->dictoffset = st->dictoffset;
	c->has_index = index != ~0ull;
	c->index = index;
	barrier_here();
	c->type = st->cls;
	return 0;
}

/* The version that the class st->cls has now, without reading more of it; 0: it has none, or it cannot be read. */
static __always_inline u32 version_now(struct expr_state *st)
{
	u32 bytes = obj.version_flag ? obj.type_version_tag + 8 - obj.type_flags : 8;
	u32 first = obj.version_flag ? obj.type_flags : obj.type_version_tag;

	if (bytes > EXPR_CLASS || bytes < 8 || read_user(st->class_block, bytes, st->cls + first))
		return 0;
	if (obj.version_flag && !((u32)st->class_block[0] & obj.version_flag))
		return 0;
	return *(const u32 *)((const u8 *)st->class_block + ((bytes - 8) & 511));
}

/* What was learnt before of the class st->cls and the name holds: all that its instances are asked by. 1 or 0 */
static __always_inline int cache_holds(struct expr_state *st, u64 *ret_index)
{
	struct expr_cache *c = cache_of(st);

	if (!c || c->type != st->cls || c->name != st->hash)
		return 0;
	st->version = version_now(st);
	if (!cache_get(st, ret_index))
		return 0;
	st->tflags = c->tflags;
	st->basicsize = c->basicsize;
	st->dictoffset = c->dictoffset;
	barrier_here();
	return c->type == st->cls && c->version == st->version;
}

/* Set the key to a constant name. */
static __always_inline int name_key(struct expr_state *st, const struct abi_prog *p, u32 name)
{
	int r = expr_const_opnd(p, name, &st->a);

	if (!r)
		st->hash = st->a.hash;
	return r;
}

/* Begin to look through the bases of st->cls, which expr_class() has read. */
static __always_inline int mro_begin(struct expr_state *st)
{
	st->mro = class_at(st, obj.type_mro);
	if (!st->mro || read_user(&st->nmro, 8, st->mro + obj.ob_size))
		return -EFAULT;
	if (st->nmro > MRO_MAX)
		return -EOPNOTSUPP;
	st->imro = 0;
	st->phase = PHASE_MRO;
	return 0;
}

static __always_inline void class_version(struct expr_state *st)
{
	u32 flags = (u32)class_at(st, obj.type_flags);

	st->version = (u32)class_at(st, obj.type_version_tag);
	if (obj.version_flag && !(flags & obj.version_flag))
		st->version = 0;
}

/* The attributes of an instance that are kept before it or in it: *ret_values (an array), *ret_dict, or neither. -EFAULT */
static __always_inline int managed(struct expr_state *st, u64 *ret_values, u64 *ret_dict)
{
	u64 word[2] = { 0 };
	u32 at = 32 + st->basicsize + obj.values_valid;
	u8 valid = 0;

	*ret_values = *ret_dict = 0;
	if (st->naround) {
		word[0] = st->around[0];
		word[1] = st->around[1];
	} else if (read_user(word, sizeof(word), st->self - 32)) {
		return -EFAULT;
	}
	if (obj.managed == ABI_MANAGED_TAGGED && word[1] & 1)
		*ret_values = word[1] + 1;
	else if (word[1])
		*ret_dict = word[1];
	else if (obj.managed == ABI_MANAGED_POINTERS)
		*ret_values = word[0];
	if (obj.managed != ABI_MANAGED_INLINE || *ret_dict || !(st->tflags & 1u << 2))
		return 0;
	if (st->naround && st->basicsize < EXPR_AROUND && at < sizeof(st->around))
		valid = ((const u8 *)st->around)[at & (EXPR_AROUND - 1)];
	else if (read_user(&valid, 1, st->self + st->basicsize + obj.values_valid))
		return -EFAULT;
	if (valid)
		*ret_values = st->self + st->basicsize;
	return 0;
}

/* A word of the instance or of what is near it, into st->found. */
static __always_inline int read_value(struct expr_state *st, u64 addr)
{
	u64 at = addr - (st->self - 32);

	if (!obj.managed || !st->naround || at > sizeof(st->around) - 8 || at & 7)
		return read_user(&st->found, 8, addr);
	st->found = st->around[(at / 8) & (EXPR_AROUND / 8 - 1)];
	return 0;
}

/* The instance has no such attribute: what the class has. 1: st->found; -errno */
static __always_inline int attr_of_class(struct expr_state *st)
{
	st->found = st->arg;
	return st->what == DESCR_VALUE ? 1 : st->what == DESCR_NONE ? -ENOENT : -EOPNOTSUPP;
}

/* What the class says is known: 1: st->found is the attribute; 0: more steps; -errno */
EXPR_FN int expr_attr_instance(struct expr_state *st, u64 index)
{
	u64 values, dict = 0;

	if (!st)
		return -EINVAL;
	if (st->ninstance)
		return st->what == DESCR_NONE ? 1 : -EOPNOTSUPP;
	if (st->what == DESCR_SLOT) {
		if (read_user(&st->found, 8, st->self + st->arg))
			return -EFAULT;
		return st->found ? 1 : -ENOENT;
	}
	if (st->what == DESCR_DATA)
		return -EOPNOTSUPP;
	if (st->of_class)
		return attr_of_class(st);
	if (obj.managed && st->tflags & 1u << 4) {
		if (managed(st, &values, &dict))
			return -EFAULT;
		if (values && index != ~0ull) {
			if (read_value(st, values + obj.values_values + 8 * index))
				return -EFAULT;
			return st->found ? 1 : attr_of_class(st);
		}
		if (values) {
			if (read_user(&st->keys, 8, st->cls + obj.type_cached_keys))
				return -EFAULT;
			st->values = values + obj.values_values;
			st->noting = 0;
			st->cached = 1;
			st->then = THEN_INSTANCE;
			st->phase = PHASE_KEYS;
			return 0;
		}
	} else if ((s64)st->dictoffset > 0) {
		if (!obj.managed && st->naround && st->dictoffset <= sizeof(st->around) - 8)
			dict = py_load_u64((const u8 *)st->around + (st->dictoffset & (EXPR_AROUND - 1)));
		else if (read_user(&dict, 8, st->self + st->dictoffset))
			return -EFAULT;
	} else if (st->dictoffset) {
		return -EOPNOTSUPP; /* counted from the end of an object of variable size */
	}
	if (!dict)
		return attr_of_class(st);
	dict_begin(st, dict, THEN_INSTANCE);
	return 0;
}

/* BaseException is next: what it has besides names with underscores is `args` and methods. As expr_attr_instance(). */
static __always_inline int attr_of_exception(struct expr_state *st)
{
	if (st->exc_name == ABI_EXC_NAME_NONE)
		return 0;
	if (st->exc_name != ABI_EXC_NAME_ARGS || st->of_class)
		return -EOPNOTSUPP;
	st->what = DESCR_SLOT; /* its getter returns just that (Objects/exceptions.c, BaseException_get_args) */
	st->arg = obj.exc_args;
	expr_cache_put(st, ~0ull);
	st->phase = PHASE_RUN;
	return expr_attr_instance(st, ~0ull);
}

/* A class without a dict: 0 if it was made with names with underscores only, as most of the built-in exceptions. */
static __always_inline int attr_static(u64 cls)
{
	u64 methods = 0, members = 0, getset = 0;

	if (read_user(&methods, 8, cls + obj.type_methods) || read_user(&members, 8, cls + obj.type_members) ||
	    read_user(&getset, 8, cls + obj.type_getset))
		return -EFAULT;
	return methods || members || getset ? -EOPNOTSUPP : 0;
}

/* The next class of the MRO. As expr_attr_instance(). */
EXPR_FN int expr_attr_mro(struct expr_state *st)
{
	u64 cls = 0, dict = 0;

	if (!st)
		return -EINVAL;
	if (st->imro >= st->nmro) {
		st->what = DESCR_NONE;
		expr_cache_put(st, ~0ull);
		st->phase = PHASE_RUN;
		return expr_attr_instance(st, ~0ull);
	}
	if (read_user(&cls, 8, st->mro + obj.tuple_items + 8 * st->imro++))
		return -EFAULT;
	/* What object has are all names with underscores, which are not asked for. */
	if (cls == obj.types[ABI_CLS_OBJECT])
		return 0;
	if (cls == obj.base_exception && obj.base_exception)
		return attr_of_exception(st);
	if (read_user(&dict, 8, cls + obj.type_dict))
		return -EFAULT;
	/* From 3.12 on the dict of a built-in class is the interpreter's. */
	if (!dict)
		return attr_static(cls);
	dict_begin(st, dict, THEN_CLASS);
	return 0;
}

/* A class has the name: st->found, into st->what and st->arg. */
static __always_inline int classify(struct expr_state *st)
{
	u64 type = 0, def = 0, offset = 0;
	u32 kind = 0, flags = 0;

	if (read_user(&type, 8, st->found + obj.ob_type))
		return -EFAULT;
	st->arg = st->found;
	st->what = DESCR_VALUE;
	if (type == obj.types[ABI_CLS_INT] || type == obj.types[ABI_CLS_STR] || type == obj.types[ABI_CLS_NONE])
		return 0;
	if (type == obj.types[ABI_CLS_MEMBER]) {
		if (read_user(&def, 8, st->found + obj.member_descr_member) || read_user(&kind, 4, def + obj.member_type) ||
		    read_user(&offset, 8, def + obj.member_offset) || read_user(&flags, 4, def + obj.member_flags))
			return -EFAULT;
		/* _Py_T_OBJECT_EX; an offset relative to something else has a flag (3.12+) */
		st->what = kind == 16 && !(flags & 8) && offset < 1u << 20 && !st->of_class ? DESCR_SLOT : DESCR_DATA;
		st->arg = offset;
		return 0;
	}
	if (expr_class(st, type))
		return -EFAULT;
	if (class_at(st, obj.type_descr_get))
		st->what = class_at(st, obj.type_descr_set) ? DESCR_DATA : DESCR_METHOD;
	return 0;
}

EXPR_FN int expr_attr_found(struct expr_state *st)
{
	int r;

	if (!st)
		return -EINVAL;
	r = classify(st);
	if (r)
		return r;
	expr_cache_put(st, ~0ull);
	st->phase = PHASE_RUN;
	return expr_attr_instance(st, ~0ull);
}

/* The class of st->self, with what lies near: from 3.11 on the words before it say where its attributes are. */
static __always_inline int read_self(struct expr_state *st, u64 *ret_type)
{
	u32 before = obj.managed ? 32 : 0, at = before + obj.ob_type;

	if (!read_user(st->around, sizeof(st->around), st->self - before)) {
		st->naround = sizeof(st->around);
		*ret_type = at <= sizeof(st->around) - 8 ? *(const u64 *)((const u8 *)st->around + at) : 0;
		return 0;
	}
	st->naround = 0;
	return read_user(ret_type, 8, st->self + obj.ob_type) ? -EFAULT : 0;
}

/* Begin with the object at `self`; st->a is the name. As expr_attr_instance(). */
EXPR_FN int expr_attr(struct expr_state *st, u64 self)
{
	u64 type = 0, dict = 0, index;

	if (!st)
		return -EINVAL;
	st->self = self;
	st->of_class = st->cached = st->ninstance = 0;
	if (self & 7 || read_self(st, &type))
		return -EFAULT;
	if (type == obj.types[ABI_CLS_MODULE]) {
		if (read_user(&dict, 8, self + obj.module_dict))
			return -EFAULT;
		dict_begin(st, dict, THEN_MODULE);
		return 0;
	}
	st->cls = type;
	if (type == obj.types[ABI_CLS_TYPE]) {
		st->of_class = 1;
		st->cls = self;
	}
	/* The class itself answers another question than its instances do. */
	if (!st->of_class && cache_holds(st, &index))
		return expr_attr_instance(st, index);
	if (expr_class(st, st->cls))
		return -EFAULT;
	st->tflags = class_at(st, obj.type_flags);
	/* A class whose own class is not `type` may answer by code. */
	if (!st->of_class && (st->tflags & 1u << 31 || class_at(st, obj.type_getattro) != obj.getattro))
		return -EOPNOTSUPP;
	st->basicsize = class_at(st, obj.type_basicsize);
	st->dictoffset = class_at(st, obj.type_dictoffset);
	class_version(st);
	if (st->of_class)
		st->version = 0;
	return mro_begin(st);
}

/* Does a class say of its instances what they are (the name in st->a, __class__)? n: operands of the isinstance() that asks. */
EXPR_FN int expr_attr_ask(struct expr_state *st, u64 type, u32 n)
{
	u64 index;

	if (!st || expr_class(st, type))
		return -EFAULT;
	st->cls = type;
	st->of_class = st->cached = 0;
	st->ninstance = n;
	st->exc_name = ABI_EXC_NAME_NONE;
	if (class_at(st, obj.type_getattro) != obj.getattro)
		return -EOPNOTSUPP;
	class_version(st);
	if (cache_get(st, &index))
		return expr_attr_instance(st, index);
	return mro_begin(st);
}

#endif
