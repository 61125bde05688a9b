// SPDX-License-Identifier: BSD-2-Clause
#include "lib_kexpr.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"

static struct abi_obj obj;
static struct abi_py py;
static struct kexpr_host *host;
static struct abi_prog *program;

static int read_user(void *dst, uint32_t size, uint64_t addr)
{
	if (++host->reads == host->fail_at)
		return -14; /* -EFAULT */
	return mem_read(host->mem, addr, dst, size) ? -14 : 0;
}

#define read_user_by_helper read_user

static long read_loop(uint32_t n, long (*fn)(uint32_t, void *), void *ctx)
{
	uint32_t i = 0;

	while (i < n && !fn(i, ctx))
		i++;
	return i;
}

#define EXPR_CACHE_SIZE 256
#include "bpf/py_walk.bpf.h"

static __always_inline int py_walk_wants(const struct py_walk *w, u64 code)
{
	(void)w;
	(void)code;
	return 0;
}

#include "bpf/expr.bpf.h"

static struct expr_state state;
static struct expr_cache cache[EXPR_CACHE_SIZE];

static __always_inline struct abi_prog *expr_prog(u32 i)
{
	return i ? program : NULL;
}

static __always_inline struct expr_state *expr_get(void)
{
	if (state.busy)
		return NULL;
	state.busy = 1;
	return &state;
}

static __always_inline void expr_put(struct expr_state *st)
{
	st->busy = 0;
}

static __always_inline const struct abi_write *expr_write(void)
{
	return NULL;
}

static __always_inline int expr_frame_known(u64 frame, u32 off, u64 *ret)
{
	(void)frame;
	(void)off;
	(void)ret;
	return 0;
}

static __always_inline struct expr_cache *expr_cache_at(u32 i)
{
	return &cache[i];
}

static __always_inline u32 expr_process(void)
{
	return 1;
}

static void enter(struct kexpr_host *h, const struct abi_prog *p)
{
	host = h;
	obj = *h->obj;
	program = (struct abi_prog *)(uintptr_t)p;
}

int kexpr_host_truth(struct kexpr_host *h, const struct abi_prog *p, uint64_t frame)
{
	struct py_frame f = { .frame = frame };

	enter(h, p);
	return expr_truth(1, &f);
}

int kexpr_host_run(struct kexpr_host *h, const struct abi_prog *p, uint64_t frame,
		   struct abi_value *ret)
{
	struct py_frame f = { .frame = frame };

	enter(h, p);
	return expr_run(1, &f, ret);
}

void kexpr_host_forget(void)
{
	memset(cache, 0, sizeof(cache));
}
