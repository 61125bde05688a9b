// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cpython/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "probes/cpython/linetable.h"

#define NO_BLOCK     (-1)
#define UNSEEN	     (-2)
#define BLOCKS_MAX   64	 /* CO_MAXBLOCKS is 20 */
#define SETUP_EXCEPT 121 /* up to 3.7; Include/opcode.h */

struct build {
	struct flow *f;
	VEC(struct flow_edge) edges;
	/*
	 * Up to 3.10 blocks are pushed and popped as the code runs; the compiler makes sure that an
	 * instruction always has the same ones. A block is named by its SETUP's index i; n + i is
	 * what takes its place while its handler runs. block[i]: the innermost at instruction i;
	 * parent[i]: what SETUP i lies in.
	 */
	int32_t *block, *parent;
	uint64_t budget; /* steps that no real code object needs */
};

int32_t flow_at(const struct flow *f, uint32_t offset)
{
	uint32_t lo = 0, hi = f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->ins[mid].end <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n ? (int32_t)lo : -1;
}

/* ---- handlers ---- */

static uint32_t varint(const uint8_t *p, size_t len, size_t *pos)
{
	uint32_t v = 0;

	while (*pos < len) {
		uint8_t b = p[(*pos)++];

		v = v << 6 | (b & 63);
		if (!(b & 64))
			break;
	}
	return v;
}

/*
 * Objects/exception_handling_notes.txt: start, size, handler in units, then depth and a flag; the
 * ranges ascend and do not overlap.
 */
static void handlers_from_table(struct flow *f, const uint8_t *p, size_t len)
{
	uint64_t last = 0;
	size_t pos = 0;

	while (pos < len) {
		uint64_t start = 2 * (uint64_t)varint(p, len, &pos);
		uint64_t end = start + 2 * (uint64_t)varint(p, len, &pos);
		uint64_t target = 2 * (uint64_t)varint(p, len, &pos);
		uint32_t size = f->ins[f->n - 1].end;
		int32_t to, i;

		varint(p, len, &pos);
		if (start < last || start >= size || target >= size)
			return;
		last = end;
		to = flow_at(f, (uint32_t)target);
		for (i = flow_at(f, (uint32_t)start);
		     i >= 0 && i < (int32_t)f->n && f->ins[i].at < end; i++)
			f->handler[i] = to;
	}
}

static bool is_handler(const struct build *b, int32_t block)
{
	return block >= (int32_t)b->f->n;
}

static int32_t parent_of(const struct build *b, int32_t block)
{
	return b->parent[is_handler(b, block) ? block - (int32_t)b->f->n : block];
}

static int32_t handler_of(const struct build *b, int32_t block)
{
	uint32_t depth;

	for (depth = 0; block >= 0 && depth < BLOCKS_MAX; depth++) {
		if (!is_handler(b, block) && b->f->ins[block].kind == OPK_SETUP)
			return b->f->ins[block].target;
		block = parent_of(b, block);
	}
	return -1;
}

static int32_t depth_of(const struct build *b, int32_t block)
{
	int32_t depth;

	for (depth = 0; block >= 0 && depth < BLOCKS_MAX; depth++)
		block = parent_of(b, block);
	return depth;
}

/* Where the handler around begins that `block` stands for; -1: it is none. */
static int32_t body_of(const struct build *b, int32_t block)
{
	return block >= 0 && is_handler(b, block) ? b->f->ins[block - (int32_t)b->f->n].target : -1;
}

/* Does a return run a finally body first? (up to 3.7) */
static bool in_finally(const struct build *b, int32_t block)
{
	for (uint32_t depth = 0; block >= 0 && depth < BLOCKS_MAX; depth++) {
		if (!is_handler(b, block) && b->f->ins[block].kind == OPK_SETUP &&
		    b->f->ins[block].op != SETUP_EXCEPT)
			return true;
		block = parent_of(b, block);
	}
	return false;
}

/* The innermost loop around, up to 3.7; -1: none. */
static int32_t loop_of(const struct build *b, int32_t block)
{
	uint32_t depth;

	for (depth = 0; block >= 0 && depth < BLOCKS_MAX; depth++) {
		if (!is_handler(b, block) && b->f->ins[block].kind == OPK_SETUP_LOOP)
			return block;
		block = parent_of(b, block);
	}
	return -1;
}

struct todo {
	uint32_t *data;
	uint32_t n;
};

/* Each instruction is entered once, so the list never holds more than f->n. */
static void enter(struct build *b, struct todo *todo, int64_t i, int32_t block)
{
	if (i < 0 || i >= b->f->n || b->block[i] != UNSEEN)
		return;
	b->block[i] = block;
	todo->data[todo->n++] = (uint32_t)i;
}

static void follow_blocks(struct build *b, struct todo *todo, uint32_t i)
{
	const struct instr *in = &b->f->ins[i];
	int32_t block = b->block[i], loop;

	switch (in->kind) {
	case OPK_SETUP:
		b->parent[i] = block;
		enter(b, todo, in->target, (int32_t)(b->f->n + i));
		enter(b, todo, i + 1ll, (int32_t)i);
		break;
	case OPK_SETUP_LOOP:
		b->parent[i] = block;
		enter(b, todo, in->target, block);
		enter(b, todo, i + 1ll, (int32_t)i);
		break;
	case OPK_POP_BLOCK:
		enter(b, todo, i + 1ll, block >= 0 ? parent_of(b, block) : block);
		break;
	case OPK_END_FINALLY:
		enter(b, todo, i + 1ll,
		      block >= 0 && is_handler(b, block) ? parent_of(b, block) : block);
		break;
	case OPK_BREAK_LOOP:
		loop = loop_of(b, block);
		if (loop >= 0)
			enter(b, todo, b->f->ins[loop].target, b->parent[loop]);
		break;
	case OPK_CALL_FINALLY:
		/* the code behind it runs when the finally body is done, in the block of here */
		enter(b, todo, in->target, block);
		enter(b, todo, i + 1ll, block);
		break;
	case OPK_EXIT:
		break;
	case OPK_JUMP:
	case OPK_JUMP_ABS:
	case OPK_CONTINUE_LOOP:
		enter(b, todo, in->target, block);
		break;
	default:
		enter(b, todo, in->target, block);
		enter(b, todo, i + 1ll, block);
	}
}

static int handlers_from_blocks(struct build *b)
{
	struct flow *f = b->f;
	struct todo todo = { .data = calloc(f->n, sizeof(uint32_t)) };
	uint32_t i;

	if (!todo.data)
		return -ENOMEM;
	for (i = 0; i < f->n; i++) {
		b->block[i] = UNSEEN;
		b->parent[i] = NO_BLOCK;
	}
	enter(b, &todo, 0, NO_BLOCK);
	while (todo.n)
		follow_blocks(b, &todo, todo.data[--todo.n]);
	free(todo.data);
	f->depth = calloc(f->n, sizeof(*f->depth));
	f->body = calloc(f->n, sizeof(*f->body));
	f->finally = calloc(f->n, sizeof(*f->finally));
	if (!f->depth || !f->body || !f->finally)
		return -ENOMEM;
	for (i = 0; i < f->n; i++) {
		f->handler[i] = handler_of(b, b->block[i]);
		f->body[i] = body_of(b, b->block[i]);
		f->depth[i] = depth_of(b, b->block[i]);
		f->finally[i] = in_finally(b, b->block[i]);
	}
	return 0;
}

/* ---- edges ---- */

static int edge(struct build *b, uint32_t from, int64_t to, bool raised)
{
	if (to < 0 || to >= b->f->n)
		return 0;
	return vec_push(&b->edges,
			(struct flow_edge){ .from = from, .to = (uint32_t)to, .raised = raised });
}

/*
 * Where a finally body goes when it is done. 3.8: behind the CALL_FINALLY that led here. Before
 * that, to the target of a `continue` or behind the loop of a `break` that ran through it.
 */
static int edges_end_finally(struct build *b, uint32_t i)
{
	struct flow *f = b->f;
	int32_t block = b->block[i], loop;
	uint32_t setup, c, stop;
	int r = 0;

	if (block < 0 || !is_handler(b, block))
		return 0;
	setup = (uint32_t)block - f->n;
	if (f->ins[setup].target < (int32_t)setup)
		return 0;
	stop = (uint32_t)f->ins[setup].target;
	if (stop - setup > b->budget)
		return -EINVAL;
	b->budget -= stop - setup;
	for (c = setup; !r && c < stop; c++) {
		const struct instr *in = &f->ins[c];

		if (in->kind == OPK_CALL_FINALLY && in->target == (int32_t)stop)
			r = edge(b, i, c + 1ll, false);
		else if (in->kind == OPK_CONTINUE_LOOP && in->target >= 0 &&
			 in->target < (int32_t)setup)
			r = edge(b, i, in->target, false);
		else if (in->kind == OPK_BREAK_LOOP) {
			loop = loop_of(b, b->block[c]);
			if (loop >= 0 && loop < (int32_t)setup)
				r = edge(b, i, f->ins[loop].target, false);
		}
	}
	return r;
}

static int edges_from(struct build *b, uint32_t i)
{
	struct flow *f = b->f;
	const struct instr *in = &f->ins[i];
	bool next = true, jump = true, raises = in->flags & OPF_RAISES;
	int32_t loop;
	int r = 0;

	switch (in->kind) {
	case OPK_EXIT:
		next = jump = false;
		raises |= f->minor <=
			  7; /* a return runs the finally body first, by the block stack */
		break;
	case OPK_JUMP:
	case OPK_JUMP_ABS:
	case OPK_JUMP_BACK:
	case OPK_JUMP_BACK_QUIET:
	case OPK_CALL_FINALLY:
		next = false;
		break;
	case OPK_CONTINUE_LOOP:
		next = false;
		raises = true;
		break;
	case OPK_BREAK_LOOP:
		next = jump = false;
		raises = true;
		loop = loop_of(b, b->block[i]);
		if (loop >= 0)
			r = edge(b, i, f->ins[loop].target, false);
		break;
	case OPK_SETUP:
	case OPK_SETUP_LOOP:
		jump = false; /* its target is a handler, or behind the loop */
		break;
	case OPK_FOR_ITER:
		/* From 3.12 on it leaps over the END_FOR that it points at, unless a generator
		 * ended (FOR_ITER_GEN). */
		if (in->target >= 0 && f->ins[in->target].kind == OPK_END_FOR)
			r = edge(b, i, in->target + 1ll, false);
		break;
	case OPK_END_FINALLY:
		r = edges_end_finally(b, i);
		break;
	default:
		break;
	}
	if (!r && next)
		r = edge(b, i, i + 1ll, false);
	if (!r && jump)
		r = edge(b, i, in->target, false);
	if (!r && raises)
		r = edge(b, i, f->handler[i], true);
	return r;
}

/* Sort the edges by one end (counting sort); first has n + 1 entries. */
static struct flow_edge *by_end(const struct flow *f, const struct flow_edge *edges, size_t n,
				bool to, uint32_t *first)
{
	struct flow_edge *out = malloc((n + 1) * sizeof(*out));
	uint32_t *at = calloc(f->n + 1, sizeof(*at));
	size_t i;

	if (!out || !at) {
		free(out);
		free(at);
		return NULL;
	}
	for (i = 0; i < n; i++)
		first[(to ? edges[i].to : edges[i].from) + 1]++;
	for (i = 0; i < f->n; i++)
		first[i + 1] += first[i];
	memcpy(at, first, f->n * sizeof(*at));
	for (i = 0; i < n; i++)
		out[at[to ? edges[i].to : edges[i].from]++] = edges[i];
	free(at);
	return out;
}

static int find_reached(struct flow *f)
{
	uint32_t *todo = calloc(f->n, sizeof(*todo)), n = 0, i, e;

	if (!todo)
		return -ENOMEM;
	f->reached[0] = true;
	todo[n++] = 0;
	while (n) {
		i = todo[--n];
		for (e = f->out_first[i]; e < f->out_first[i + 1]; e++) {
			if (f->reached[f->out[e].to])
				continue;
			f->reached[f->out[e].to] = true;
			todo[n++] = f->out[e].to;
		}
	}
	free(todo);
	return 0;
}

static int link_edges(struct build *b)
{
	struct flow *f = b->f;
	size_t i, n = 0;
	int r;

	if (b->edges.n > UINT32_MAX / 2)
		return -EINVAL;
	f->out_first = calloc(f->n + 1, sizeof(*f->out_first));
	f->in_first = calloc(f->n + 1, sizeof(*f->in_first));
	if (!f->out_first || !f->in_first)
		return -ENOMEM;
	f->out = by_end(f, b->edges.data, b->edges.n, false, f->out_first);
	if (!f->out)
		return -ENOMEM;
	r = find_reached(f);
	if (r)
		return r;
	for (i = 0; i < b->edges.n; i++)
		if (f->reached[b->edges.data[i].from])
			b->edges.data[n++] = b->edges.data[i];
	f->in = by_end(f, b->edges.data, n, true, f->in_first);
	return f->in ? 0 : -ENOMEM;
}

static int fill_lines(struct flow *f, const struct flow_input *in)
{
	uint32_t units = in->size / 2, i;
	_cleanup_free_ int32_t *line = calloc(units, sizeof(*line));
	_cleanup_free_ uint8_t *begins = calloc(units, 1);
	struct linetable lt;

	if (!line || !begins)
		return -ENOMEM;
	linetable_init(&lt, in->minor, in->lines, in->lines_len, in->first_line, in->size);
	linetable_fill(&lt, line, begins);
	for (i = 0; i < f->n; i++) {
		f->line[i] = line[f->ins[i].start / 2];
		f->begins[i] = begins[f->ins[i].start / 2];
	}
	return 0;
}

int flow_init(struct flow *f, const struct flow_input *in)
{
	struct build b = { .f = f };
	uint32_t i;
	int r;

	memset(f, 0, sizeof(*f));
	f->minor = in->minor;
	r = bytecode_decode(in->minor, in->bytes, in->size, &f->ins, &f->n);
	if (r)
		return r;
	b.budget = 64ull * f->n;
	f->line = calloc(f->n, sizeof(*f->line));
	f->begins = calloc(f->n, sizeof(*f->begins));
	f->handler = malloc(f->n * sizeof(*f->handler));
	f->reached = calloc(f->n, sizeof(*f->reached));
	b.block = malloc(f->n * sizeof(*b.block));
	b.parent = malloc(f->n * sizeof(*b.parent));
	r = f->line && f->begins && f->handler && f->reached && b.block && b.parent ? 0 : -ENOMEM;
	if (!r)
		r = fill_lines(f, in);
	for (i = 0; !r && i < f->n; i++) {
		f->handler[i] = -1;
		b.block[i] = NO_BLOCK;
	}
	if (!r && in->minor >= 11)
		handlers_from_table(f, in->exceptions, in->exceptions_len);
	else if (!r)
		r = handlers_from_blocks(&b);
	for (i = 0; !r && i < f->n; i++)
		r = edges_from(&b, i);
	if (!r)
		r = link_edges(&b);
	vec_deinit(&b.edges);
	free(b.block);
	free(b.parent);
	if (r)
		flow_deinit(f);
	return r;
}

void flow_deinit(struct flow *f)
{
	free(f->ins);
	free(f->line);
	free(f->begins);
	free(f->handler);
	free(f->body);
	free(f->reached);
	free(f->depth);
	free(f->finally);
	free(f->in);
	free(f->in_first);
	free(f->out);
	free(f->out_first);
	memset(f, 0, sizeof(*f));
}
