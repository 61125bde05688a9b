// SPDX-License-Identifier: BSD-2-Clause
#include "target/maps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "base/vec.h"

struct cursor {
	const char *p, *end;
};

/* At least one hexadecimal (or decimal) digit that fits 64 bits, then the character `after`. */
static bool number(struct cursor *c, unsigned base, char after, uint64_t *ret)
{
	const char *start = c->p;
	uint64_t v = 0;

	for (; c->p < c->end; c->p++) {
		unsigned d;

		if (*c->p >= '0' && *c->p <= '9')
			d = *c->p - '0';
		else if (base == 16 && *c->p >= 'a' && *c->p <= 'f')
			d = *c->p - 'a' + 10;
		else
			break;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (c->p == start)
		return false;
	*ret = v;
	if (!after)
		return true;
	if (c->p >= c->end || *c->p != after)
		return false;
	c->p++;
	return true;
}

static bool permissions(struct cursor *c, struct mem_region *r)
{
	static const char yes[4] = { 'r', 'w', 'x', 'p' };
	static const char no[4] = { '-', '-', '-', 's' };
	static const unsigned bit[3] = { PROT_READ, PROT_WRITE, PROT_EXEC };
	size_t i;

	if (c->end - c->p < 5 || c->p[4] != ' ')
		return false;
	for (i = 0; i < 4; i++) {
		if (c->p[i] != yes[i] && c->p[i] != no[i])
			return false;
		if (i < 3 && c->p[i] == yes[i])
			r->prot |= bit[i];
	}
	r->private = c->p[3] == 'p';
	c->p += 5;
	return true;
}

/* The kernel writes a newline in a path as \012 and nothing else so (fs/proc/task_mmu.c). */
static void unescape(char *path)
{
	char *from, *to;

	for (from = to = path; *from; to++) {
		if (!strncmp(from, "\\012", 4)) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* One line, ended by a NUL at end; its path stays where it is. */
static int parse_line(char *line, char *end, struct mem_region *r)
{
	struct cursor c = { line, end };
	uint64_t major, minor;
	char *path;

	memset(r, 0, sizeof(*r));
	if (memchr(line, '\0', end - line))
		return -EBADMSG;
	if (!number(&c, 16, '-', &r->start) || !number(&c, 16, ' ', &r->end) ||
	    !permissions(&c, r) || !number(&c, 16, ' ', &r->offset) ||
	    !number(&c, 16, ':', &major) || !number(&c, 16, ' ', &minor) ||
	    !number(&c, 10, '\0', &r->inode))
		return -EBADMSG;
	if (r->end <= r->start || major > UINT32_MAX || minor > UINT32_MAX)
		return -EBADMSG;
	if (c.p < end && *c.p != ' ')
		return -EBADMSG;
	r->dev = makedev(major, minor);
	path = line + (c.p - line);
	path += strspn(path, " ");
	unescape(path);
	r->path = path;
	return 0;
}

int maps_parse(char *text, size_t len, struct maps *ret)
{
	VEC(struct mem_region) v = { 0 };
	uint64_t low = 0;
	char *line, *nl;
	int r = 0;

	text[len] = '\0';
	for (line = text; line < text + len; line = nl + 1) {
		struct mem_region reg;

		nl = memchr(line, '\n', text + len - line);
		if (!nl)
			nl = text + len;
		*nl = '\0';
		r = parse_line(line, nl, &reg);
		if (r)
			goto fail;
		/*
		 * The text comes in several read calls, and a mapping may have grown downwards
		 * between two of them: keep the part that is new.
		 */
		if (reg.end <= low)
			continue;
		if (reg.start < low) {
			reg.offset += low - reg.start;
			reg.start = low;
		}
		low = reg.end;
		r = vec_push(&v, reg);
		if (r)
			goto fail;
	}
	*ret = (struct maps){ .regions = v.data, .n = v.n, .text = text };
	return 0;
fail:
	vec_deinit(&v);
	return r;
}

void maps_deinit(struct maps *m)
{
	free(m->regions);
	free(m->text);
	*m = (struct maps){ 0 };
}
