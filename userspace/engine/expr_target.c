// SPDX-License-Identifier: BSD-2-Clause
/* Which reference an expression names. */
#include "engine/expr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/expr_eval.h"
#include "engine/expr_text.h"

/* Keys are compared as a whole. */
static const struct value_limits key_limits = {
	.depth = 32, .items = 1000, .bytes = 1 << 20, .total = 10000
};

static int read_key(struct eval *ev, uint32_t node, struct value **ret)
{
	struct value_limits lim = key_limits;
	const struct value *v;
	int r;

	if (ev->e->nodes.data[node].kind == NODE_SLICE)
		return err_set(ev->err, -EINVAL, "a slice is several items: watch one of them");
	r = eval_node(ev, node, &v);
	return r ? r : eval_finish(ev, v, &lim, ret);
}

int expr_target(const struct expr *e, const struct expr_scope *scope, struct err *err,
		struct expr_target *ret)
{
	const struct expr_node *n = &e->nodes.data[e->root];
	_cleanup_(eval_deinit) struct eval ev;
	struct expr_target t = { 0 };
	const struct value *owner;
	int r = 0;

	eval_init(&ev, e, scope, err);
	if (n->kind != NODE_NAME && n->kind != NODE_ATTR && n->kind != NODE_ITEM)
		return err_set(err, -EINVAL,
			       "'%s' is neither a variable nor an attribute nor an item", e->text);
	if (n->kind != NODE_NAME) {
		r = eval_node(&ev, e->kids.data[n->first], &owner);
		if (!r && !owner->address)
			r = err_set(err, -EINVAL,
				    "'%s' is computed here: the target holds no such "
				    "object",
				    e->text);
		if (r)
			return r;
		t.owner = owner->address;
	}
	if (n->kind == NODE_ITEM)
		r = read_key(&ev, e->kids.data[n->first + 1], &t.key);
	else if (!(t.name = strdup(n->name)))
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r)
		*ret = t;
	return r;
}

void expr_target_deinit(struct expr_target *t)
{
	free(t->name);
	value_free(t->key);
	*t = (struct expr_target){ 0 };
}
