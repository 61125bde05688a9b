// SPDX-License-Identifier: BSD-2-Clause
#include "engine/mixed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sym.h"
#include "engine/session_priv.h"
#include "probes/probe.h"
#include "target/native.h"
#include "target/ptrace.h"

#define EVAL "_PyEval_EvalFrameDefault"

int session_native_stack(struct session *s, struct native *n, pid_t tid, struct native_stack *ret)
{
	uint64_t regs[NATIVE_REGS];

	if (!s->tracees || tracees_registers(s->tracees, tid, regs))
		return -EBUSY;
	return native_capture(n, regs, ret);
}

/* One call of the eval loop runs the frames [first, end). */
static size_t end_of_call(const struct interp_frame *frames, size_t nframes, size_t first)
{
	while (first < nframes && !frames[first].entry)
		first++;
	return first < nframes ? first + 1 : nframes;
}

static size_t put_frames(ssize_t *ret, size_t n, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		ret[n++] = -1 - (ssize_t)i;
	return n;
}

/*
 * Both lists end where the thread began, so that they are matched from there; where the stack could
 * not be unwound so far, or holds more calls than the frames need (a greenlet's frames end where it
 * began, on the stack of another), from the inner end. One call more at the inner end has just
 * begun, or is about to end.
 */
size_t mixed_order(const bool *is_eval, size_t npcs, bool whole, const struct interp_frame *frames,
		   size_t nframes, ssize_t *ret)
{
	size_t evals = 0, calls = 0, skip_evals = 0, n = 0, at = 0, i;

	for (i = 0; i < npcs; i++)
		evals += is_eval[i];
	for (i = 0; i < nframes; i = end_of_call(frames, nframes, i))
		calls++;
	if (evals == calls + 1 && is_eval[0])
		skip_evals = 1;
	for (i = evals; whole && i < calls; i++) {
		size_t end = end_of_call(frames, nframes, at);

		n = put_frames(ret, n, at, end);
		at = end;
	}
	for (i = 0; i < npcs; i++) {
		size_t end = end_of_call(frames, nframes, at);

		if (!is_eval[i] || skip_evals || at == nframes) {
			skip_evals -= is_eval[i] && skip_evals;
			ret[n++] = (ssize_t)i;
			continue;
		}
		n = put_frames(ret, n, at, end);
		at = end;
	}
	return put_frames(ret, n, at, nframes);
}

static bool in_eval(struct session *s, const struct mixed_frame *f, bool caller)
{
	const struct sym_range *ranges;
	uint64_t pc = f->pc - caller;
	size_t n;

	/* The dispatch table's functions, and what the compiler split off (EVAL.cold). */
	s->in->ops->eval_ranges(s->in, &ranges, &n);
	for (size_t i = 0; i < n; i++)
		if (pc >= ranges[i].start && pc < ranges[i].end)
			return true;
	return f->function && !strncmp(f->function, EVAL, strlen(EVAL));
}

int session_mixed(struct session *s, struct native *n, const struct native_stack *st,
		  const struct interp_frame *frames, size_t nframes, struct mixed_frame **ret,
		  size_t *ret_n)
{
	_cleanup_free_ struct mixed_frame *native = NULL;
	_cleanup_free_ ssize_t *order = NULL;
	_cleanup_free_ bool *is_eval = NULL;
	struct native_pcs pcs = { 0 };
	struct mixed_frame *all;
	size_t i, count;
	int r;

	r = native_unwind(n, st, &pcs);
	if (r)
		return r;
	native = calloc(pcs.n, sizeof(*native));
	is_eval = calloc(pcs.n, sizeof(*is_eval));
	order = calloc(pcs.n + nframes, sizeof(*order));
	all = calloc(pcs.n + nframes, sizeof(*all));
	if (!native || !is_eval || !order || !all) {
		native_pcs_deinit(&pcs);
		free(all);
		return -ENOMEM;
	}
	for (i = 0; i < pcs.n; i++) {
		native[i].pc = pcs.data[i];
		native_symbol(n, pcs.data[i], i > 0, &native[i].function, &native[i].file);
		native_module(native[i].file ? native[i].file : "", native[i].module);
		is_eval[i] = in_eval(s, &native[i], i > 0);
	}
	count = mixed_order(is_eval, pcs.n, pcs.whole, frames, nframes, order);
	for (i = 0; i < count; i++)
		all[i] = order[i] >= 0 ? native[order[i]]
				       : (struct mixed_frame){ .python = true,
							       .frame = (size_t)(-1 - order[i]) };
	native_pcs_deinit(&pcs);
	*ret = all;
	*ret_n = count;
	return 0;
}
