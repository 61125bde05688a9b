/* SPDX-License-Identifier: BSD-2-Clause */
/* Native and Python frames of a thread in the order in which they called each other. */
#ifndef PYBPFDBG_ENGINE_MIXED_H
#define PYBPFDBG_ENGINE_MIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct interp_frame;
struct native;
struct native_pcs;
struct native_stack;
struct session;

struct mixed_frame {
	bool python;
	size_t frame; /* python: index into the Python frames */
	uint64_t pc;  /* else: and what native_symbol() and native_module() say of it */
	const char *function, *file;
	char module[64];
};

/*
 * Copy the stack of a thread that stands still. 0; -EBUSY: it is not held; -EFAULT, -ENOMEM.
 */
int session_native_stack(struct session *s, struct native *n, pid_t tid, struct native_stack *ret);

/*
 * Unwind it (the thread may run again) and put the thread's Python frames, innermost first as
 * session_frames() gives them, in the place of the calls of the eval loop that run them. Malloc'ed, innermost
 * first. 0, -ENODATA (the stack cannot be unwound), -ENOMEM.
 */
int session_mixed(struct session *s, struct native *n, const struct native_stack *st,
		  const struct interp_frame *frames, size_t nframes, struct mixed_frame **ret,
		  size_t *ret_n);

/*
 * The order alone. is_eval[i]: native frame i, innermost first, is a call of the eval loop; whole: the last of
 * them is where the thread began. ret holds npcs + nframes indices: i >= 0 is native frame i, i < 0 Python
 * frame -1 - i. Returns how many.
 */
size_t mixed_order(const bool *is_eval, size_t npcs, bool whole, const struct interp_frame *frames,
		   size_t nframes, ssize_t *ret);

#endif
