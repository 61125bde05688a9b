// SPDX-License-Identifier: BSD-2-Clause
/* Text to a program for the kernel, and the program run over memory that holds nothing but noise.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bpf/abi.h"
#include "bpf/expr_abi.h"
#include "engine/expr.h"
#include "engine/kexpr.h"
#include "lib_kexpr.h"
#include "probes/probe.h"
#include "probes/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int objects(struct interp *in, struct abi_obj *ret)
{
	(void)in;
	memset(ret, 0, sizeof(*ret));
	ret->none = 0x1000;
	return 0;
}

static int slots(struct interp *in, uint64_t code, bool *ret_optimized, struct interp_slot **ret,
		 size_t *ret_n)
{
	struct interp_slot *s = calloc(3, sizeof(*s));

	(void)in;
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < 3; i++)
		s[i] = (struct interp_slot){ .name = strdup(i ? "a" : "b"),
					     .kind = i == 2 ? VAR_CELL : VAR_LOCAL,
					     .slot = (uint32_t)i };
	*ret_optimized = code & 1;
	*ret = s;
	*ret_n = 3;
	return 0;
}

static int hash(struct interp *in, const struct value *v, const void *data, size_t n, uint64_t *ret)
{
	(void)in;
	(void)v;
	(void)data;
	*ret = n;
	return 0;
}

static uint64_t code_str(struct interp *in, uint64_t code, const char *text)
{
	(void)in;
	(void)code;
	return strlen(text) % 2 * 4096;
}

static int builtins(struct interp *in, uint64_t *ret)
{
	(void)in;
	*ret = 4096;
	return 0;
}

static int dict_get(struct interp *in, uint64_t dict, const char *key, uint64_t *ret)
{
	(void)in;
	(void)dict;
	*ret = 8192 + 8 * strlen(key);
	return 0;
}

/* Every address holds something made of the input. */
static void noise(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done)
{
	const uint8_t *seed = priv;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (addr + i) % 8 < 2 ? seed[(addr + i) % 251] : 0;
	*ret_done = len;
}

static void check(const struct abi_prog *p)
{
	if (!p->ninsns || p->ninsns > ABI_EXPR_INSNS || p->insns[p->ninsns - 1].op != ABI_OP_END)
		abort();
	for (uint32_t i = 0; i < p->ninsns; i++)
		if (p->insns[i].op >= ABI_OP_MAX || p->insns[i].c > p->ninsns ||
		    (p->insns[i].c && p->insns[i].c <= i))
			abort();
	for (uint32_t i = 0; i < ABI_EXPR_CONSTS; i++)
		if (p->consts[i].text + (uint64_t)p->consts[i].len * p->consts[i].width >
		    ABI_EXPR_POOL)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct interp_ops ops = { .kernel_objects = objects,
					       .code_slots = slots,
					       .hash = hash,
					       .code_str = code_str,
					       .builtins = builtins,
					       .dict_get = dict_get };
	struct interp in = { .ops = &ops };
	struct mem_ops mem_ops = { .read = noise };
	uint8_t seed[251] = { 0 };
	struct mem mem = { .ops = &mem_ops, .priv = seed };
	struct abi_obj obj = { 0 };
	struct kexpr_host host = { .mem = &mem, .obj = &obj };
	char *text = malloc(size + 1);
	struct expr *e = NULL;
	struct err err = { 0 };
	struct abi_prog prog;
	int r;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	memcpy(seed, data, size < sizeof(seed) ? size : sizeof(seed));
	if (!expr_parse(text, &err, &e)) {
		err.text[0] = '\0';
		r = kexpr_compile(e, &in, size & 1, &err, &prog);
		if (r && !err.text[0])
			abort();
		if (!r) {
			check(&prog);
			r = kexpr_host_truth(&host, &prog, 0x10000);
			if (r > 1)
				abort();
		}
	}
	expr_free(e);
	free(text);
	return 0;
}
