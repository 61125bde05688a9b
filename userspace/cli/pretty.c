// SPDX-License-Identifier: BSD-2-Clause
#include "cli/pretty.h"

#include <stdbool.h>
#include <string.h>

#include "base/strbuf.h"
#include "probes/value.h"

#define DEPTH_MAX 64

struct brackets {
	const char *open, *close;
};

static bool brackets_of(const struct value *v, struct brackets *ret)
{
	if (v->subclass || v->cycle || !v->nitems)
		return false;
	switch (v->kind) {
	case VALUE_LIST:
		*ret = (struct brackets){ "[", "]" };
		return true;
	case VALUE_TUPLE:
		*ret = (struct brackets){ "(", v->nitems == 1 ? ",)" : ")" };
		return true;
	case VALUE_SET:
		*ret = (struct brackets){ "{", "}" };
		return true;
	case VALUE_FROZENSET:
		*ret = (struct brackets){ "frozenset({", "})" };
		return true;
	case VALUE_DICT:
		*ret = (struct brackets){ "{", "}" };
		return true;
	default:
		return false;
	}
}

static void newline(struct strbuf *out, size_t indent)
{
	strbuf_addc(out, '\n');
	for (size_t i = 0; i < indent; i++)
		strbuf_addc(out, ' ');
}

/* attributes: of instances, too; once, as theirs may lead anywhere in the program. */
static void add(const struct value *v, size_t width, size_t indent, int depth, bool attributes,
		struct strbuf *out);

static void add_items(const struct value *v, const struct brackets *b, size_t width, size_t indent,
		      int depth, bool attributes, struct strbuf *out)
{
	size_t step = v->kind == VALUE_DICT ? 2 : 1;

	strbuf_adds(out, b->open);
	indent += strlen(b->open);
	for (size_t i = 0; i + step <= v->nitems; i += step) {
		if (i) {
			strbuf_addc(out, ',');
			newline(out, indent);
		}
		if (step == 2) {
			size_t from = out->len;

			value_repr(v->items[i], out);
			strbuf_adds(out, ": ");
			add(v->items[i + 1], width, indent + (out->len - from), depth + 1,
			    attributes, out);
		} else {
			add(v->items[i], width, indent, depth + 1, attributes, out);
		}
	}
	if (v->truncated) {
		strbuf_addc(out, ',');
		newline(out, indent);
		strbuf_addf(out, "... (%lld in all)", (long long)v->length);
	}
	strbuf_adds(out, b->close);
}

static void add_attributes(const struct value *v, size_t width, size_t indent, int depth,
			   struct strbuf *out)
{
	for (size_t i = 0; i < v->nitems; i++) {
		const struct value *item = v->items[i];

		if (!item->name)
			continue;
		newline(out, indent + 4);
		strbuf_addf(out, ".%s = ", item->name);
		add(item, width, indent + 8, depth + 1, false, out);
	}
	if (v->truncated) {
		newline(out, indent + 4);
		strbuf_adds(out, "...");
	}
}

static void add(const struct value *v, size_t width, size_t indent, int depth, bool attributes,
		struct strbuf *out)
{
	struct brackets b;
	size_t from = out->len;
	bool containers = brackets_of(v, &b);

	value_repr(v, out);
	if (depth >= DEPTH_MAX || out->failed)
		return;
	if (!containers) {
		if (attributes && !v->cycle &&
		    (v->kind == VALUE_INSTANCE || v->kind == VALUE_EXCEPTION))
			add_attributes(v, width, indent, depth, out);
		return;
	}
	if (indent + (out->len - from) <= width)
		return;
	out->len = from;
	out->data[from] = '\0';
	add_items(v, &b, width, indent, depth, attributes, out);
}

void pretty_value(const struct value *v, size_t width, struct strbuf *out)
{
	add(v, width, 0, 0, true, out);
}
