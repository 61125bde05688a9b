// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does a frame handle the exception that passes it? Told from its bytecode, before the handler has
 * run: which handler the position leads to, and whether that can end otherwise than by raising the
 * same exception again. `except CLASS` is looked up as the code would (names, attributes, tuples of
 * them; no code runs), `finally` and `with` raise again unless a return, break or continue says
 * otherwise. What __exit__() of a `with` answers is not known: it is taken for false.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/code.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/objects.h"

#define EXC_MATCH   10 /* argument of COMPARE_OP up to 3.8 (Include/opcode.h, PyCmp_EXC_MATCH) */
#define CLASSES_MAX 64 /* in the tuples of one `except` */
#define NESTED_MAX  8  /* attributes of attributes, tuples in tuples */

struct handlers {
	struct obj_rd *rd;
	const struct flow *f;
	uint64_t frame, code;
	struct obj_type *type; /* of the exception */
	bool *seen;	       /* instructions that were gone through */
	uint8_t *entered;      /* of each instruction: BY_JUMP, BY_EXCEPTION */
	uint32_t *todo, ntodo;
};
#define BY_JUMP	     1
#define BY_EXCEPTION 2
#define ROUNDS_MAX   4 /* until nothing new is entered */

/* ---- what an `except` names ---- */

static uint64_t tuple_item(struct handlers *h, uint64_t tuple, uint64_t i)
{
	uint64_t n;

	if (!tuple || mem_u64(h->rd->mem, tuple + h->rd->off->ob_size, &n) || i >= n)
		return 0;
	return obj_ptr(h->rd, tuple + h->rd->off->tuple_items + 8 * i);
}

static uint64_t in_dict(struct handlers *h, uint64_t dict, const char *name)
{
	uint64_t addr;

	return dict && !cpython_dict_get(&h->rd->py->base, dict, name, &addr) ? addr : 0;
}

static uint64_t load_variable(struct handlers *h, const char *name)
{
	struct interp_var *vars;
	uint64_t value = 0;
	size_t n;

	if (cpython_frame_vars(&h->rd->py->base, h->frame, &vars, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(vars[i].name, name))
			value = vars[i].value;
	interp_vars_free(vars, n);
	return value;
}

static uint64_t load_attribute(struct handlers *h, uint64_t obj, const char *name)
{
	static const struct value_limits lim = { .depth = 0, .items = 0, .bytes = 64, .total = 1 };
	struct value *v = NULL;
	uint64_t addr;

	if (!obj || cpython_attr(&h->rd->py->base, obj, name, &lim, NULL, &v))
		return 0;
	addr = v->address;
	value_free(v);
	return addr;
}

/* The name that the argument stands for, malloc'ed; NULL: not known. */
static char *name_of(struct handlers *h, const struct instr *in)
{
	const struct py_offsets *o = h->rd->off;
	uint32_t tuple = o->code_names, i = in->arg;

	if ((in->role == OPR_GLOBAL && o->minor >= 11) || (in->role == OPR_ATTR && o->minor >= 12))
		i >>= 1;
	else if (in->role == OPR_FAST || in->role == OPR_DEREF)
		tuple = o->minor >= 11 ? o->code_localsplusnames : o->code_varnames;
	if (in->role == OPR_DEREF && o->minor <= 10)
		return NULL;
	return obj_str_dup(h->rd, tuple_item(h, obj_ptr(h->rd, h->code + tuple), i));
}

static uint64_t load_name(struct handlers *h, const struct instr *in, const char *name)
{
	uint64_t globals, builtins, locals, addr = 0;

	if (in->role == OPR_FAST || in->role == OPR_DEREF)
		return load_variable(h, name);
	if (cpython_frame_dicts(&h->rd->py->base, h->frame, &globals, &builtins, &locals))
		return 0;
	if (in->role == OPR_NAME)
		addr = in_dict(h, locals, name);
	if (!addr)
		addr = in_dict(h, globals, name);
	return addr ? addr : in_dict(h, builtins, name);
}

/* Is the exception of that class, or of one in that tuple? 1, 0 or -1: it is not known. */
static int is_of(struct handlers *h, uint64_t addr, unsigned depth)
{
	struct obj_type *t = addr ? obj_type_of(h->rd, addr, NULL) : NULL, *base;
	int r = 0;

	if (!t || depth > NESTED_MAX)
		return -1;
	for (uint64_t i = 0; t->cls == OBJ_TUPLE && r <= 0 && i < CLASSES_MAX; i++) {
		uint64_t item = tuple_item(h, addr, i);
		int q;

		if (!item)
			return r;
		q = is_of(h, item, depth + 1);
		r = q ? q : r;
	}
	for (unsigned i = 0; t->cls != OBJ_TUPLE && (base = obj_type_mro(h->rd, h->type, i)); i++)
		r |= base->addr == addr;
	return r;
}

/*
 * The expression whose last instruction is *at: the object in *ret_addr (0: not known), or for a
 * tuple display how it compares in *ret_is; *at becomes the instruction before it. -1: not
 * understood.
 */
static int expression(struct handlers *h, int64_t *at, unsigned depth, uint64_t *ret_addr,
		      int *ret_is)
{
	const struct instr *in = *at >= 0 ? &h->f->ins[(*at)--] : NULL;
	_cleanup_free_ char *name = NULL;
	int is;

	if (!in || depth > NESTED_MAX)
		return -1;
	*ret_addr = 0;
	if (in->role == OPR_TUPLE && in->arg <= CLASSES_MAX) {
		*ret_is = 0;
		for (uint32_t i = 0; i < in->arg; i++) {
			if (expression(h, at, depth + 1, ret_addr, &is))
				return -1;
			*ret_is = is == 1 || *ret_is == 1 ? 1 : is ? is : *ret_is;
		}
		return 0;
	}
	if (in->role < OPR_GLOBAL || in->role > OPR_ATTR)
		return -1;
	name = name_of(h, in);
	if (!name)
		return -1;
	if (in->role != OPR_ATTR)
		*ret_addr = load_name(h, in, name);
	else if (!expression(h, at, depth + 1, ret_addr, &is))
		*ret_addr = load_attribute(h, *ret_addr, name);
	else
		return -1;
	*ret_is = is_of(h, *ret_addr, 0);
	return 0;
}

/* Does the `except` that is decided by instruction i take it? In doubt it does not. */
static bool matches(struct handlers *h, uint32_t i)
{
	int64_t at = (int64_t)i - 1;
	uint64_t addr;
	int is;

	return !expression(h, &at, 0, &addr, &is) && is == 1;
}

/* ---- the way through handlers ---- */

static void enter(struct handlers *h, int64_t i, uint8_t how)
{
	if (i < 0 || i >= h->f->n)
		return;
	h->entered[i] |= how;
	if (h->seen[i])
		return;
	h->seen[i] = true;
	h->todo[h->ntodo++] = (uint32_t)i;
}

/* The conditional jump that instruction i decides, itself or one of the next two; -1: there is
 * none. */
static int64_t jump_of(const struct flow *f, uint32_t i)
{
	for (uint32_t j = i; j < f->n && j <= i + 2; j++)
		if (f->ins[j].kind == OPK_COND || f->ins[j].kind == OPK_COND_ABS)
			return j;
	return -1;
}

static bool is_match(const struct flow *f, uint32_t i)
{
	const struct instr *in = &f->ins[i];

	return in->role == OPR_MATCH ||
	       (f->minor <= 8 && in->role == OPR_COMPARE && in->arg == EXC_MATCH);
}

/* The same exception goes on from here. */
static bool raises_again(const struct instr *in)
{
	return in->flags & OPF_RERAISES ||
	       (in->kind == OPK_EXIT && in->flags & OPF_RAISES && !in->arg);
}

static void go_on(struct handlers *h, uint32_t i)
{
	const struct flow *f = h->f;

	for (uint32_t e = f->out_first[i]; e < f->out_first[i + 1]; e++)
		if (!f->out[e].raised)
			enter(h, f->out[e].to, BY_JUMP);
}

/* Up to 3.8: raises again if its body was entered by an exception; a `finally` body runs when all
 * went well, too. */
static void end_finally(struct handlers *h, uint32_t i)
{
	const struct flow *f = h->f;
	uint8_t how = f->body && f->body[i] >= 0 ? h->entered[f->body[i]] : BY_JUMP;

	if (how & BY_EXCEPTION)
		enter(h, f->handler[i], BY_EXCEPTION);
	if (how & BY_JUMP)
		go_on(h, i);
}

/* One instruction of a handler. Is the exception dealt with there? */
static bool ends_at(struct handlers *h, uint32_t i)
{
	const struct flow *f = h->f;
	const struct instr *in = &f->ins[i];
	bool again = i + 1 < f->n && f->ins[i + 1].flags & OPF_RERAISES;
	int64_t jump;

	if (in->kind == OPK_END_FINALLY) {
		end_finally(h, i);
		return false;
	}
	if (raises_again(in)) {
		enter(h, f->handler[i], BY_EXCEPTION);
		return false;
	}
	if (in->kind == OPK_EXIT || in->role == OPR_POP_FINALLY ||
	    (in->role == OPR_POP_EXCEPT && !again))
		return true;
	jump = is_match(f, i) || in->role == OPR_WITH ? jump_of(f, i) : -1;
	if (jump >= 0) {
		enter(h, in->role == OPR_WITH || matches(h, i) ? jump + 1 : f->ins[jump].target,
		      BY_JUMP);
		return false;
	}
	go_on(h, i);
	return false;
}

static int follow(struct handlers *h, uint32_t offset)
{
	const struct flow *f = h->f;
	int32_t i = flow_at(f, offset);
	bool ends = false;

	if (i < 0)
		return -EINVAL;
	/* how a `finally` body can be entered is known when all ways were gone: then they are gone
	 * again */
	for (unsigned round = 0; !ends && round < (f->minor <= 8 ? ROUNDS_MAX : 1); round++) {
		memset(h->seen, 0, f->n * sizeof(*h->seen));
		enter(h, f->handler[i], BY_EXCEPTION);
		while (h->ntodo && !ends)
			ends = ends_at(h, h->todo[--h->ntodo]);
	}
	return ends;
}

static int handles(struct handlers *h, const struct flow *f, uint32_t offset)
{
	_cleanup_free_ bool *seen = calloc(f->n, sizeof(*seen));
	_cleanup_free_ uint8_t *entered = calloc(f->n, sizeof(*entered));
	_cleanup_free_ uint32_t *todo = calloc(f->n, sizeof(*todo));

	if (!seen || !entered || !todo)
		return -ENOMEM;
	h->f = f;
	h->seen = seen;
	h->entered = entered;
	h->todo = todo;
	return follow(h, offset);
}

int cpython_handles(struct interp *in, uint64_t type, const struct interp_frame *frame)
{
	struct cpython *py = cpython_of(in);
	struct handlers h = { .frame = frame->frame, .code = frame->code };
	struct flow_input fi;
	struct code_parts p;
	struct obj_rd rd;
	struct flow f;
	int r;

	if (frame->offset < 0)
		return 0;
	r = code_parts_read(py, frame->code, &p);
	if (r)
		return r;
	fi = flow_input_of(py, &p);
	r = flow_init(&f, &fi);
	if (!r) {
		obj_rd_init(&rd, in, NULL);
		h.rd = &rd;
		h.type = obj_type_at(&rd, type, &r);
		r = h.type ? handles(&h, &f, (uint32_t)frame->offset) : r ? r : -EINVAL;
		obj_rd_deinit(&rd);
		flow_deinit(&f);
	}
	code_parts_deinit(&p);
	return r;
}
