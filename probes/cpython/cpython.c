// SPDX-License-Identifier: BSD-2-Clause
/* The ops table of CPython and the answers that need no walking. */
#include "probes/cpython/cpython.h"

#include <string.h>

static const struct interp_info *info(const struct interp *in)
{
	return &cpython_of_const(in)->info;
}

static void eval_ranges(const struct interp *in, const struct sym_range **ret, size_t *ret_n)
{
	const struct cpython *py = cpython_of_const(in);

	*ret = py->eval;
	*ret_n = py->eval_n;
}

static void kernel(const struct interp *in, struct abi_py *ret)
{
	const struct cpython *py = cpython_of_const(in);
	const struct py_offsets *o = py->off;
	bool object = o->minor <= 10;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->size = sizeof(*ret);
	ret->version = py->info.hexversion >> 16;
	if (object)
		ret->frame_kind = ABI_FRAME_OBJECT;
	else if (o->cframe_current_frame != OFF_NONE)
		ret->frame_kind = ABI_FRAME_CFRAME;
	else
		ret->frame_kind = ABI_FRAME_CURRENT;
	/* Up to 3.10 f_lasti is stored before the code unit is fetched: it already is the hit. */
	ret->prev_kind = object ? ABI_PREV_STATE : ABI_PREV_FRAME;
	ret->interp_head = py->interp_head;
	ret->interp_next = o->interp_next;
	ret->interp_tstate_head = o->interp_tstate_head;
	ret->tstate_next = o->tstate_next;
	ret->tstate_interp = o->tstate_interp;
	ret->tstate_thread_id = o->tstate_thread_id;
	ret->tstate_frame = o->tstate_frame;
	ret->cframe_current_frame = o->cframe_current_frame;
	ret->frame_code = object ? o->frame_code : o->iframe_code;
	ret->frame_prev = object ? o->frame_lasti : o->iframe_instr;
	ret->frame_previous = object ? o->frame_back : o->iframe_previous;
	ret->frame_owner = object ? OFF_NONE : o->iframe_owner;
	ret->code_bytecode = object ? OFF_NONE : o->code_adaptive;
	ret->code_filename = o->code_filename;
	ret->prev_scale = object ? (o->minor == 10 ? 2 : 1) : 0;
	ret->code_tag_mask = py->code_tag_mask;
	ret->redispatch = !object;
	/* Python/ceval.c: before 3.10 the unit is read after the trace function ran, from 3.12 on
	 * instrumentation does it. */
	if (o->cframe_use_tracing != OFF_NONE && (o->minor == 10 || o->minor == 11))
		ret->reread = o->minor == 10 ? ABI_REREAD_LINES : ABI_REREAD_TRACING;
	if (ret->reread == ABI_REREAD_LINES)
		ret->reread_ip = cpython_reread_ip(py);
	ret->tstate_cframe = o->tstate_cframe;
	ret->cframe_use_tracing = o->cframe_use_tracing;
	ret->tstate_tracing = o->tstate_tracing;
	ret->tstate_c_tracefunc = o->tstate_c_tracefunc;
	cpython_kernel_exc(py, &ret->exc);
	/* co_version (3.12+) is never given out twice; before that two objects that live as long as
	 * the code. */
	ret->code_id[0] = o->code_version != OFF_NONE ? o->code_version & ~7u : o->code_name;
	ret->code_id[1] = o->code_version != OFF_NONE ? OFF_NONE : o->code_linetable;
	/* RESUME_OPARG_LOCATION_MASK, RESUME_AT_GEN_EXPR_START of pycore_opcode_utils.h;
	 * before 3.13 the argument is nothing else */
	ret->resume_mask = o->minor >= 15 ? 7 : o->minor >= 11 ? 3 : 0;
	ret->resume_quiet = o->minor >= 15 ? 4 : ABI_NONE;
	ret->code_name = o->code_qualname != OFF_NONE ? o->code_qualname : o->code_name;
	ret->code_first_line = o->code_firstlineno;
	ret->code_instrumentation = o->code_instrumentation;
	ret->eval_n = (__u32)py->eval_n;
	for (i = 0; i < py->eval_n; i++) {
		ret->eval[i].start = py->eval[i].start;
		ret->eval[i].end = py->eval[i].end;
	}
}

static void modules(const struct interp *in, struct abi_modules *ret)
{
	const struct cpython *py = cpython_of_const(in);
	const struct py_offsets *o = py->off;

	*ret = (struct abi_modules){
		.code_filename = o->code_filename,
		.code_consts = o->code_consts,
		.tuple_items = o->tuple_items,
		.ob_type = o->ob_type,
		.ob_size = o->ob_size,
		.str_length = o->str_length,
		.str_state = o->str_state,
		.str_ascii_size = o->str_ascii_size,
		.code_type = py->types.code,
	};
}

const struct interp_ops cpython_ops = {
	.name = "cpython",
	.open = cpython_open,
	.free = cpython_free,
	.info = info,
	.eval_ranges = eval_ranges,
	.kernel = kernel,
	.modules = modules,
	.sites = cpython_sites,
	.layout = cpython_layout,
	.recipes = cpython_recipes,
	.threads = cpython_threads,
	.frames = cpython_frames,
	.tasks = cpython_tasks,
	.greenlets = cpython_greenlets,
	.greenlet_of = cpython_greenlet_of,
	.scan_code = cpython_scan_code,
	.code = cpython_code,
	.line_of = cpython_line_of,
	.places = cpython_places,
	.step_units = cpython_step_units,
	.step_leaves = cpython_step_leaves,
	.return_value = cpython_return_value,
	.code_children = cpython_code_children,
	.code_tree = cpython_code_tree,
	.frame_vars = cpython_frame_vars,
	.frame_dicts = cpython_frame_dicts,
	.value = cpython_value,
	.dict_get = cpython_dict_get,
	.attr = cpython_attr,
	.item = cpython_item,
	.storage = cpython_storage,
	.half_writes = cpython_half_writes,
	.type_is = cpython_type_is,
	.type_lookup = cpython_type_lookup,
	.exits = cpython_exits,
	.begins = cpython_begins,
	.raised = cpython_raised,
	.left_frames = cpython_left_frames,
	.handles = cpython_handles,
	.exception_classes = cpython_exception_classes,
	.locks = cpython_locks,
	.module_globals = cpython_module_globals,
	.kernel_objects = cpython_kernel_objects,
	.code_slots = cpython_code_slots,
	.hash = cpython_hash,
	.text = cpython_text,
	.code_str = cpython_code_str,
	.builtins = cpython_builtins,
};
