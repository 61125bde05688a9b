/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * At a uprobe: which site it is and what the registers hold (struct abi_site). To be included where `py` is known.
 *
 * A uprobe's program can be preempted on some kernels (since 6.0 it runs without disabling preemption): what lies in a
 * per-CPU map may be another thread's before it ends.
 */
#ifndef PYBPFDBG_SITE_BPF_H
#define PYBPFDBG_SITE_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/py_walk.bpf.h"

#define SITE_INSTR_NONE (-0x7fffffff)

static __always_inline struct abi_site site_of(struct pt_regs *ctx)
{
	union {
		u64 cookie;
		struct abi_site site;
	} u = { .cookie = bpf_get_attach_cookie(ctx) };

	return u.site;
}

/*
 * The content of register which (enum abi_reg); 0 when it is none. The verifier wants constant offsets into ctx; without
 * the empty asm the compiler would compute one.
 */
static __always_inline u64 site_reg(const struct pt_regs *ctx, u32 which)
{
	u64 v = 0;

#define SITE_REG(name, field)                 \
	case ABI_REG_##name:                  \
		v = ctx->field;               \
		asm volatile("" : "+r"(v));   \
		break
	switch (which) {
	SITE_REG(AX, rax);
	SITE_REG(CX, rcx);
	SITE_REG(DX, rdx);
	SITE_REG(BX, rbx);
	SITE_REG(SP, rsp);
	SITE_REG(BP, rbp);
	SITE_REG(SI, rsi);
	SITE_REG(DI, rdi);
	SITE_REG(8, r8);
	SITE_REG(9, r9);
	SITE_REG(10, r10);
	SITE_REG(11, r11);
	SITE_REG(12, r12);
	SITE_REG(13, r13);
	SITE_REG(14, r14);
	SITE_REG(15, r15);
	}
#undef SITE_REG
	return v;
}

/* The code object of a frame, as py_frame_of() reads it. 0 or -EFAULT. */
static __always_inline int site_code_of(u64 frame, u64 *ret)
{
	u64 code = 0;

	if (py_read_u64(frame + py.frame_code, &code))
		return -EFAULT;
	*ret = code & ~(u64)py.code_tag_mask;
	return 0;
}

/*
 * At a RESUME: which one it is (abi_py.resume_mask: 0 begins a frame, else a generator or coroutine goes on). Or -EFAULT.
 */
static __always_inline int site_resume(const struct pt_regs *ctx, struct abi_site site, u64 frame)
{
	u64 at = site_reg(ctx, site.instr);
	u8 arg = 0;

	if ((site.instr == ABI_REG_NONE && py_read_u64(frame + py.frame_prev, &at)) ||
	    read_user(&arg, sizeof(arg), at + 1))
		return -EFAULT;
	return arg & py.resume_mask;
}

/* Is it the RESUME of a generator expression that is only made (3.15)? No tracer is told of that. */
static __always_inline int site_is_quiet(const struct pt_regs *ctx, struct abi_site site, u64 frame)
{
	return site.kind == ABI_SITE_RESUME && py.resume_quiet != ABI_NONE &&
	       site_resume(ctx, site, frame) == (int)py.resume_quiet;
}

/* Which code object that is, for abi_code_key. 0 or -EFAULT. */
static __always_inline int site_code_id(u64 code, u64 *ret)
{
	u64 first = 0, second = 0;

	if (py_read_u64(code + py.code_id[0], &first) ||
	    (py.code_id[1] != ABI_NONE && py_read_u64(code + py.code_id[1], &second)))
		return -EFAULT;
	*ret = abi_code_id(first, second);
	return 0;
}

/*
 * From 3.12 on a RESUME that finds its code instrumented for other tools than there are now (sys.setprofile was called) has the code
 * instrumented anew and is executed once more (Python/bytecodes.c, RESUME). Is this that second time? It is the next RESUME of
 * its thread, so the last one of its code was in the same frame, with another version. last: of this code object; brought up to date.
 */
static __always_inline int site_is_again(struct abi_site site, u64 code, u64 frame, u32 tid, struct abi_last *last)
{
	u64 version = 0;
	int again;

	if (py.code_instrumentation == ABI_NONE || site.kind != ABI_SITE_RESUME ||
	    py_read_u64(code + py.code_instrumentation, &version))
		return 0;
	again = last->version != version && last->frame == frame && last->tid == tid;
	last->frame = frame;
	last->tid = tid;
	last->version = version;
	return again;
}

/*
 * Where the frame stands at an EVAL_ENTRY or RESUME site, in bytes into its bytecode: the RESUME itself, or before 3.11 the
 * last instruction that ran (PY_PREV_NONE: it begins). 0 or -EFAULT.
 */
static __always_inline int site_position(const struct pt_regs *ctx, struct abi_site site, const struct py_frame *f,
					 s32 *ret)
{
	if (site.instr != ABI_REG_NONE) {
		*ret = (s32)(site_reg(ctx, site.instr) - (f->code + py.code_bytecode));
		return 0;
	}
	return py_prev_in_frame(f, ret);
}

#endif
