/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Could a code object that is about to run hold what is waited for (struct abi_modules)? In doubt it could: user space
 * looks again, and a stop too many costs some time, one too few a breakpoint.
 */
#ifndef PYBPFDBG_MODULE_BPF_H
#define PYBPFDBG_MODULE_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/py_walk.bpf.h"
#include "bpf/read.bpf.h"

/* One entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct abi_modules);
} modules SEC(".maps");

/* abi_module_hash() of the last part of each file name that is waited for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_MODULES_MAX);
	__type(key, __u64);
	__type(value, __u32);
} module_names SEC(".maps");

/* The hash of a file name's last part, from its last ABI_MODULE_TAIL characters. 0, or what it is not: readable, or ASCII. */
static __always_inline int module_hash(const struct abi_modules *m, u64 code, u64 *ret)
{
	u64 name = 0, len = 0, hash = ABI_MODULE_HASH;
	char tail[ABI_MODULE_TAIL];
	u32 state = 0, skip;

	if (py_read_u64(code + m->code_filename, &name) || py_read_u64(name + m->str_length, &len) ||
	    read_user(&state, sizeof(state), name + m->str_state))
		return -EFAULT;
	/* compact and ascii: bits 5 and 6 (Include/cpython/unicodeobject.h) */
	if ((state >> 5 & 3) != 3 || !len)
		return -EINVAL;
	name += m->str_ascii_size;
	skip = 0;
	if (len > ABI_MODULE_TAIL)
		name += len - ABI_MODULE_TAIL;
	else
		skip = ABI_MODULE_TAIL - (u32)len; /* what lies before the characters is of the object itself */
	if (read_user(tail, sizeof(tail), name - skip))
		return -EFAULT;
	for (u32 i = 0; i < ABI_MODULE_TAIL; i++) {
		if (i < skip)
			continue;
		if (tail[i] == '/')
			hash = ABI_MODULE_HASH;
		else
			hash = (hash ^ (u8)tail[i]) * ABI_MODULE_PRIME;
	}
	*ret = hash;
	return 0;
}

/* Does it define anything: is there a code object in its co_consts? */
static __always_inline int module_defines(const struct abi_modules *m, u64 code)
{
	u64 consts = 0, n = 0, item = 0, type = 0;

	if (py_read_u64(code + m->code_consts, &consts) || py_read_u64(consts + m->ob_size, &n))
		return 1;
	if (n > ABI_MODULE_CONSTS)
		return 1;
	for (u32 i = 0; i < ABI_MODULE_CONSTS; i++) {
		if (i >= n)
			break;
		if (py_read_u64(consts + m->tuple_items + 8 * i, &item) || py_read_u64(item + m->ob_type, &type) ||
		    type == m->code_type)
			return 1;
	}
	return 0;
}

static __always_inline int module_wanted(u64 code)
{
	struct abi_modules *m;
	u32 zero = 0;
	u64 hash = 0;

	m = bpf_map_lookup_elem(&modules, &zero);
	if (!m)
		return 0;
	if (m->any || (m->functions && module_defines(m, code)))
		return 1;
	return module_hash(m, code, &hash) || bpf_map_lookup_elem(&module_names, &hash) != NULL;
}

#endif
