// SPDX-License-Identifier: BSD-2-Clause
/*
 * 3.10 looks at a code unit twice when another thread waits for the GIL or a signal came: before it
 * sees to that, and again afterwards (Python/ceval.c, eval_frame: eval_breaker). The second look is
 * code of its own, out of the way: it loads the unit as the first one did and jumps to where that
 * goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sym.h"
#include "probes/cpython/cpython.h"
#include "probes/cpython/machine.h"

#define RANGE_MAX  (1u << 20) /* bytes of one part of the eval loop */
#define LOOKS_MAX  16	      /* loads of a unit that may be the first look */
#define AHEAD_COND 8	      /* instructions to the test of eval_breaker */
#define AHEAD_JUMP 3	      /* from the second look to its jump */
#define AHEAD_BYTES \
	64 /* from the first look to the comparisons with the opcodes that do not wait */

struct look {
	uint8_t bytes[MACHINE_MAX];
	size_t len;
	uint64_t at, go_on;
};

struct text {
	const uint8_t *data;
	size_t len;
	uint64_t at; /* address of data[0] */
};

static int decode(const struct text *t, size_t off, struct machine_instr *ret)
{
	return off < t->len ? machine_decode(t->data + off, t->len - off, t->at + off, ret)
			    : -EINVAL;
}

/* movzwl (%reg),%reg32 */
static bool loads_unit(const uint8_t *p, size_t len)
{
	size_t i = len && (p[0] & 0xf0) == 0x40;

	return len == i + 3 && p[i] == 0x0f && p[i + 1] == 0xb7 && p[i + 2] < 0x40 &&
	       (p[i + 2] & 7) != 4 && (p[i + 2] & 7) != 5;
}

/* Where the first branch (a jump for which `flow` stands) among the next n instructions goes; 0:
 * there is none. */
static uint64_t branch(const struct text *t, size_t off, size_t n, enum machine_flow flow)
{
	struct machine_instr in;

	for (size_t i = 0; i < n; i++) {
		if (decode(t, off, &in) || in.call)
			return 0;
		if (in.flow == flow)
			return in.target;
		if (in.flow != MACHINE_NEXT)
			return 0;
		off += in.len;
	}
	return 0;
}

/* Is it compared with SETUP_WITH and BEFORE_ASYNC_WITH, which run first? */
static bool compares(const struct text *t, size_t off)
{
	static const uint8_t with[] = { 143, 0, 0, 0 };
	size_t n = t->len - off < AHEAD_BYTES ? t->len - off : AHEAD_BYTES;

	return memmem(t->data + off, n, with, sizeof(with)) && memchr(t->data + off, 52, n);
}

/* Call fn for each load of a unit. */
static void each_load(const struct text *t,
		      void (*fn)(const struct text *t, size_t off, size_t len, void *priv),
		      void *priv)
{
	struct machine_instr in;
	size_t off = 0;

	while (off < t->len) {
		if (decode(t, off, &in)) {
			off++; /* data between the code: it falls into step again */
			continue;
		}
		if (loads_unit(t->data + off, in.len))
			fn(t, off, in.len, priv);
		off += in.len;
	}
}

struct found {
	struct look looks[LOOKS_MAX];
	size_t n;
	uint64_t again[2]; /* ip after a second look */
	size_t nagain;
};

static void first_look(const struct text *t, size_t off, size_t len, void *priv)
{
	struct found *f = priv;
	struct look *l = &f->looks[f->n];

	if (f->n == LOOKS_MAX || !compares(t, off + len))
		return;
	l->go_on = branch(t, off + len, AHEAD_COND, MACHINE_COND);
	if (!l->go_on)
		return;
	memcpy(l->bytes, t->data + off, len);
	l->len = len;
	l->at = t->at + off;
	f->n++;
}

static void second_look(const struct text *t, size_t off, size_t len, void *priv)
{
	struct found *f = priv;
	uint64_t to = branch(t, off + len, AHEAD_JUMP, MACHINE_JUMP);

	for (size_t i = 0; to && i < f->n; i++) {
		const struct look *l = &f->looks[i];

		if (l->go_on == to && l->at != t->at + off && l->len == len &&
		    !memcmp(l->bytes, t->data + off, len) && f->nagain < 2)
			f->again[f->nagain++] = t->at + off + len;
	}
}

uint64_t cpython_reread_ip(const struct cpython *py)
{
	struct found f = { 0 };

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < py->eval_n; i++) {
			size_t len = py->eval[i].end - py->eval[i].start;
			_cleanup_free_ uint8_t *data = len <= RANGE_MAX ? malloc(len) : NULL;
			struct text t = { .data = data, .len = len, .at = py->eval[i].start };

			if (data && sym_text(py->sym, py->info.module, t.at, data, len) == (int)len)
				each_load(&t, pass ? second_look : first_look, &f);
		}
	}
	return f.nagain == 1 ? f.again[0] : 0;
}
