// SPDX-License-Identifier: BSD-2-Clause
/* What the program eval_code waits for; see bpf/module.bpf.h. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/abi.h"
#include "trace/trace.h"

uint64_t trace_module_hash(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *last = slash ? slash + 1 : file;
	size_t len = strlen(last), i;
	uint64_t hash = ABI_MODULE_HASH;

	for (i = len > ABI_MODULE_TAIL ? len - ABI_MODULE_TAIL : 0; i < len; i++)
		hash = (hash ^ (uint8_t)last[i]) * ABI_MODULE_PRIME;
	return hash;
}

static bool is_among(uint64_t hash, const uint64_t *hashes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hashes[i] == hash)
			return true;
	return false;
}

/* Those that are in the map and no longer wanted. */
static void delete_others(int map, const uint64_t *hashes, size_t n)
{
	uint64_t key, next;
	uint64_t *prev = NULL;

	while (!bpf_map_get_next_key(map, prev, &next)) {
		if (is_among(next, hashes, n)) {
			key = next;
			prev = &key;
		} else if (bpf_map_delete_elem(map, &next)) {
			break;
		}
	}
}

int trace_modules_set(struct trace *tr, const struct abi_modules *what, const uint64_t *hashes,
		      size_t n)
{
	int names = trace_program_map(tr, TRACE_PROGRAM_EVAL_CODE, "module_names"),
	    facts = trace_program_map(tr, TRACE_PROGRAM_EVAL_CODE, "modules");
	uint32_t one = 1, zero = 0;
	int r = 0;

	if (names < 0 || facts < 0)
		return -ENOENT;
	if (n > ABI_MODULES_MAX)
		return -ENOSPC;
	/* What comes meanwhile is let through by the old or by the new. */
	for (size_t i = 0; !r && i < n; i++)
		r = bpf_map_update_elem(names, &hashes[i], &one, BPF_ANY);
	if (!r)
		r = bpf_map_update_elem(facts, &zero, what, BPF_ANY);
	if (!r)
		delete_others(names, hashes, n);
	return r;
}
