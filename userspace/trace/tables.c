// SPDX-License-Identifier: BSD-2-Clause
/* What the kernel is told and what it counts: places, rules, expressions, data, steps, exceptions,
 * times. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/capture_abi.h"
#include "bpf/expr_abi.h"
#include "trace/followed.h"
#include "trace/programs.h"
#include "trace/trace_priv.h"
#include "watch.skel.h"

/* The index of a place; -ENOENT. */
static int place_of(const struct trace *tr, const struct abi_place_key *key)
{
	for (size_t i = 0; i < tr->places.n; i++)
		if (tr->places.data[i].used && !memcmp(&tr->places.data[i].key, key, sizeof(*key)))
			return (int)i;
	return -ENOENT;
}

/* An index for a new place, its counter at 0; -ENOSPC, -ENOMEM. */
static int place_new(struct trace *tr, const struct abi_place_key *key)
{
	struct counter c = { .key = *key, .used = true };
	size_t i = 0;
	int r;

	while (i < tr->places.n && tr->places.data[i].used)
		i++;
	if (i == ABI_PLACES_MAX)
		return -ENOSPC;
	if (i == tr->places.n) {
		r = vec_push(&tr->places, c);
		if (r)
			return r;
	}
	tr->places.data[i] = c;
	__atomic_store_n(&tr->counters[i], 0, __ATOMIC_RELAXED);
	return (int)i;
}

int trace_place_set(struct trace *tr, uint64_t addr, uint64_t code, const struct abi_place *place)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	struct abi_place value = *place;
	int i = place_of(tr, &key), r;
	bool fresh = i < 0;

	if (value.ndrop > ABI_DROP_RANGES)
		return -EINVAL;
	if (fresh)
		i = place_new(tr, &key);
	if (i < 0)
		return i;
	value.counter = (uint32_t)i;
	r = bpf_map_update_elem(bpf_map__fd(tr->skel->maps.places), &key, &value, BPF_ANY);
	if (!r)
		r = epoch_next(tr->skel);
	if (r && fresh)
		tr->places.data[i].used = false;
	return r;
}

int trace_place_del(struct trace *tr, uint64_t addr, uint64_t code)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	int i = place_of(tr, &key), r;

	if (i < 0)
		return i;
	tr->places.data[i].used = false;
	r = bpf_map_delete_elem(bpf_map__fd(tr->skel->maps.places), &key);
	return r ? r : epoch_next(tr->skel);
}

int trace_told_set(struct trace *tr, const struct abi_told *frame, uint32_t id)
{
	int fd = bpf_map__fd(tr->skel->maps.told);

	return id ? bpf_map_update_elem(fd, frame, &id, BPF_ANY) : bpf_map_delete_elem(fd, frame);
}

bool trace_told_is(struct trace *tr, const struct abi_told *frame, uint32_t id)
{
	uint32_t found;

	return !bpf_map_lookup_elem(bpf_map__fd(tr->skel->maps.told), frame, &found) && found == id;
}

int trace_place_hits(struct trace *tr, uint64_t addr, uint64_t code, uint64_t *ret_hits)
{
	struct abi_place_key key = { .addr = addr, .code = code };
	int i = place_of(tr, &key);

	if (i < 0)
		return i;
	*ret_hits = __atomic_load_n(&tr->counters[i], __ATOMIC_RELAXED);
	return 0;
}

int trace_rule_set(struct trace *tr, uint32_t index, const struct abi_rule *rule)
{
	int r = rule->cond || rule->action == ABI_ACT_LOG || rule->action == ABI_ACT_SNAP
			? slots_judge(tr)
			: 0;

	return r ? r
		 : bpf_map_update_elem(bpf_map__fd(tr->skel->maps.rules), &index, rule, BPF_ANY);
}

int trace_prog_set(struct trace *tr, uint32_t index, const struct abi_prog *prog)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.progs), &index, prog, BPF_ANY);
}

int trace_capture_set(struct trace *tr, uint32_t index, const struct abi_capture *capture)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.captures), &index, capture, BPF_ANY);
}

int trace_recipe_set(struct trace *tr, uint64_t type, uint32_t recipe)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.recipes), &type, &recipe, BPF_ANY);
}

int trace_limits_set(struct trace *tr, const struct abi_limits *limits)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.limits), &zero, limits, BPF_ANY);
}

struct abi_rule_state *trace_rule_states(struct trace *tr)
{
	return tr->states;
}

int trace_data_set(struct trace *tr, uint64_t addr, const struct abi_data *data)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr, data, BPF_ANY);
}

int trace_data_get(struct trace *tr, uint64_t addr, struct abi_data *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr, ret);
}

int trace_data_del(struct trace *tr, uint64_t addr)
{
	return bpf_map_delete_elem(bpf_map__fd(tr->skel->maps.data_watches), &addr);
}

int trace_step_set(struct trace *tr, const struct abi_step *step)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.steps), &zero, step, BPF_ANY);
}

int trace_step_units(struct trace *tr, const struct abi_step_unit *units, size_t n)
{
	if (n > ABI_STEP_UNITS_MAX)
		return -E2BIG;
	memcpy(tr->units, units, n * sizeof(*units));
	return 0;
}

int trace_step_file(struct trace *tr, uint64_t file, uint32_t serial, bool mine)
{
	uint64_t verdict = (uint64_t)serial << 1 | mine;

	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.step_files), &file, &verdict,
				   BPF_ANY);
}

int trace_catch_class(struct trace *tr, uint64_t type, uint32_t mask)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_classes"), r;

	if (fd < 0)
		return fd;
	if (mask)
		return bpf_map_update_elem(fd, &type, &mask, BPF_ANY);
	r = bpf_map_delete_elem(fd, &type);
	return r == -ENOENT ? 0 : r;
}

int trace_catch_rule(struct trace *tr, uint32_t index, uint32_t rule)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_rules");

	return fd < 0 ? fd : bpf_map_update_elem(fd, &index, &rule, BPF_ANY);
}

int trace_catch_when(struct trace *tr, const struct abi_catch_when *when)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_when");
	uint32_t zero = 0;

	return fd < 0 ? fd : bpf_map_update_elem(fd, &zero, when, BPF_ANY);
}

int trace_catch_file(struct trace *tr, uint64_t file, bool mine)
{
	int fd = programs_map(tr->programs, TRACE_PROGRAM_CATCH, "catch_files");
	uint32_t verdict = mine ? ABI_FILE_MINE : ABI_FILE_OTHER;

	return fd < 0 ? fd : bpf_map_update_elem(fd, &file, &verdict, BPF_ANY);
}

int trace_timed_code(struct trace *tr, uint64_t code, const struct abi_timed *timed)
{
	return bpf_map_update_elem(bpf_map__fd(tr->skel->maps.timed_codes), &code, timed, BPF_ANY);
}

static int read_words(int fd, uint64_t *ret, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = bpf_map_lookup_elem(fd, &i, &ret[i]);

		if (r)
			return r;
	}
	return 0;
}

int trace_timed_read(struct trace *tr, uint64_t sums[static ABI_TIMED_SUMS],
		     uint64_t buckets[static ABI_TIMED_BUCKETS])
{
	int r = read_words(bpf_map__fd(tr->skel->maps.timed_sums), sums, ABI_TIMED_SUMS);

	return r ? r
		 : read_words(bpf_map__fd(tr->skel->maps.timed_buckets), buckets,
			      ABI_TIMED_BUCKETS);
}

int trace_timed_processes(struct trace *tr,
			  int (*fn)(void *priv, const struct abi_timed_process *t), void *priv)
{
	int fd = bpf_map__fd(tr->skel->maps.timed_processes), r = 0;
	struct abi_timed_process t;
	uint32_t key, *prev = NULL;

	while (!r && !bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (!bpf_map_lookup_elem(fd, &key, &t))
			r = fn(priv, &t);
	}
	return r;
}
