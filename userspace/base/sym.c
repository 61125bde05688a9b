// SPDX-License-Identifier: BSD-2-Clause
#include "base/sym.h"

#include <errno.h>

int sym_modules(struct sym *s, const struct sym_module **ret, size_t *ret_n)
{
	return s->ops->modules(s->priv, ret, ret_n);
}

int sym_lookup(struct sym *s, size_t module, const char *name, uint64_t *ret_addr,
	       uint64_t *ret_size)
{
	return s->ops->lookup(s->priv, module, name, ret_addr, ret_size);
}

int sym_section(struct sym *s, size_t module, const char *name, struct sym_range *ret)
{
	return s->ops->section(s->priv, module, name, ret);
}

int sym_text(struct sym *s, size_t module, uint64_t addr, uint8_t *buf, size_t len)
{
	return s->ops->text ? s->ops->text(s->priv, module, addr, buf, len) : -ENOSYS;
}

int sym_function_at(struct sym *s, size_t module, uint64_t addr, struct sym_range *ret)
{
	return s->ops->function_at(s->priv, module, addr, ret);
}

int sym_find_module(struct sym *s, const char *name, size_t *ret_module)
{
	const struct sym_module *mods;
	uint64_t addr, size;
	size_t n, i;
	int r, first = -ENOENT;

	r = sym_modules(s, &mods, &n);
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		r = sym_lookup(s, i, name, &addr, &size);
		if (!r) {
			*ret_module = i;
			return 0;
		}
		/* A file that cannot be opened matters only when no other has the name. */
		if (first == -ENOENT)
			first = r;
	}
	return first;
}
