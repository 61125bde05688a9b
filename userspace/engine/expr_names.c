// SPDX-License-Identifier: BSD-2-Clause
/* Which names an expression uses, and how far below them it looks. */
#include <stdbool.h>

#include "engine/expr.h"
#include "engine/expr_ast.h"

struct names {
	const struct expr *e;
	int (*fn)(void *priv, const char *name, unsigned levels, bool is_call);
	void *priv;
};

static int each_name(const struct names *s, uint32_t index, unsigned levels)
{
	const struct expr_node *n = &s->e->nodes.data[index];
	int r = 0;

	if (n->kind == NODE_NAME)
		return s->fn(s->priv, n->name, levels, false);
	if (n->kind == NODE_CALL)
		r = s->fn(s->priv, n->name, 0, true);
	for (uint32_t i = 0; !r && i < n->n; i++) {
		uint32_t kid = s->e->kids.data[n->first + i];
		unsigned more = 1;

		if (n->kind == NODE_COMPARE && i % 2)
			continue; /* an operator */
		if (kid == EXPR_NO_KID)
			continue;
		if (n->kind == NODE_AND || n->kind == NODE_OR || n->kind == NODE_IF ||
		    n->kind == NODE_KEYWORD)
			more = 0;
		if ((n->kind == NODE_ATTR || n->kind == NODE_ITEM || n->kind == NODE_SLICE) &&
		    i == 0)
			r = each_name(s, kid, levels + 1);
		else
			/* What sorts, sums, compares looks at elements and at what these hold. */
			r = each_name(s, kid, more && levels < 2 ? 2 : levels);
	}
	return r;
}

static const struct expr_node *kid_of(const struct expr *e, const struct expr_node *n, uint32_t i)
{
	return &e->nodes.data[e->kids.data[n->first + i]];
}

static bool is_constant(const struct expr *e, const struct expr_node *n)
{
	if (n->kind == NODE_UNARY && n->op == OP_NEG)
		n = kid_of(e, n, 0);
	return n->kind == NODE_CONST;
}

bool expr_is_path(const struct expr *e)
{
	const struct expr_node *n = &e->nodes.data[e->root];

	if (n->kind == NODE_NAME)
		return false;
	while (n->kind == NODE_ATTR || n->kind == NODE_ITEM) {
		if (n->kind == NODE_ITEM && !is_constant(e, kid_of(e, n, 1)))
			return false;
		n = kid_of(e, n, 0);
	}
	return n->kind == NODE_NAME;
}

int expr_names(const struct expr *e,
	       int (*fn)(void *priv, const char *name, unsigned levels, bool is_call), void *priv)
{
	const struct names s = { e, fn, priv };

	return each_name(&s, e->root, 0);
}
