// SPDX-License-Identifier: BSD-2-Clause
/* Whose hit is it, and does it stop? */
#include "engine/data.h"
#include "engine/processes.h"
#include "engine/session_priv.h"
#include "probes/probe.h"

/* Whose rule is that, and at which of its places was it hit? */
static struct bp_priv *rule_owner(struct session *s, uint32_t rule, uint32_t place,
				  const struct bind_place **ret_here)
{
	for (size_t i = 0; i < s->bps.n; i++) {
		struct bp_priv *b = s->bps.data[i];

		for (size_t j = 0; b->place_ids && j < b->where.n; j++) {
			if (b->place_ids[j] != place || bp_rule_at(b, j) != rule)
				continue;
			*ret_here = &b->where.places[j];
			return b;
		}
	}
	return NULL;
}

/* What several processes have loaded, each by itself, may lie at one address: is it one of these
 * that is there now? */
static bool is_its_code(struct session *s, const struct bp_priv *b, const struct bind_place *here)
{
	for (size_t i = 0; i < b->where.n; i++)
		if (b->where.places[i].code == here->code &&
		    bp_is_same_code(s, &b->where.places[i]))
			return true;
	return false;
}

struct bp_priv *bps_judge(struct session *s, const struct abi_hit *hit)
{
	struct bp_priv *winner = NULL;

	if (hit->h.kind == ABI_REC_DATA)
		return data_judge(s, hit);
	for (size_t i = 0; i < ABI_PLACE_RULES; i++) {
		bool ask = hit->undecided & 1u << i;
		const struct bind_place *here;
		struct bp_priv *b;

		if (!hit->rules[i])
			continue;
		here = NULL;
		b = hit->place == ABI_PLACE_RAISE ? catch_owner(s, hit->rules[i])
						  : rule_owner(s, hit->rules[i], hit->place, &here);
		if (!b)
			continue;
		if (b->pub.exception && !catch_judge(s, b, hit))
			continue;
		if (here && !is_its_code(s, b, here)) {
			b->pub.gone = !processes_many(s); /* of several another one has it */
			if (!ask)
				rules_unhit(s, b);
			continue;
		}
		if ((!ask || rules_ask(s, b, hit)) && (!winner || b->pub.id < winner->pub.id))
			winner = b;
	}
	return winner;
}

static uint64_t times_seen(struct session *s, const struct bp_priv *b)
{
	const struct abi_rule_state *st = rules_state(s, b);

	return st ? __atomic_load_n(&st->seen, __ATOMIC_RELAXED) : 0;
}

void bps_leave(struct session *s)
{
	for (size_t i = 0; i < s->bps.n; i++)
		s->bps.data[i]->left_seen = times_seen(s, s->bps.data[i]);
}

bool bps_first_since_left(struct session *s, const struct abi_hit *hit)
{
	for (size_t i = 0; i < ABI_PLACE_RULES; i++) {
		const struct bind_place *here;
		const struct bp_priv *b = NULL;

		if (hit->rules[i])
			b = rule_owner(s, hit->rules[i], hit->place, &here);
		if (b && times_seen(s, b) != b->left_seen + 1)
			return false;
	}
	return true;
}

void bps_unhit(struct session *s, const struct abi_hit *hit)
{
	const struct bind_place *here;

	for (size_t i = 0; i < ABI_PLACE_RULES; i++) {
		struct bp_priv *b = NULL;

		if (hit->rules[i] && !(hit->undecided & 1u << i))
			b = rule_owner(s, hit->rules[i], hit->place, &here);
		if (b)
			rules_unhit(s, b);
	}
}
