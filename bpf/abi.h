/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel side and user space share. Fixed width, explicit padding. */
#ifndef PYBPFDBG_ABI_H
#define PYBPFDBG_ABI_H

#include <linux/types.h>

#define ABI_NONE 0xffffffffu   /* an offset that does not exist in this version */
#define ABI_EVAL_RANGES 8      /* parts of the eval loop */
#define ABI_DROP_RANGES 8      /* = INTERP_DROP_MAX */
#define ABI_THREADS_MAX 4096   /* thread states walked on a miss */
#define ABI_PLACES_MAX 4096    /* places set at a time */

/* How the current frame and its observed previous position are found. */
enum abi_frame_kind {
	ABI_FRAME_OBJECT = 1,  /* <=3.10: tstate->frame is a PyFrameObject */
	ABI_FRAME_CFRAME = 2,  /* 3.11, 3.12: tstate->cframe->current_frame */
	ABI_FRAME_CURRENT = 3, /* 3.13+: tstate->current_frame */
};
enum abi_prev_kind {
	ABI_PREV_STATE = 1, /* the last watched place that was hit in this frame (a map) */
	ABI_PREV_FRAME = 2, /* the position that the frame holds */
};

/* A target that traces itself (sys.settrace, a profiler): the eval loop reads a code unit more than once. */
enum abi_reread {
	ABI_REREAD_NONE = 0,
	ABI_REREAD_LINES = 1, /* 3.10: again after a line event was delivered */
	ABI_REREAD_TRACING = 2, /* 3.11: at least once more while the frame's C frame says use_tracing */
};

/* Facts of one interpreter in one process; offsets in bytes. */
struct abi_py {
	__u32 size;
	__u32 version;       /* 0x030b */
	__u32 frame_kind;
	__u32 prev_kind;
	__u64 interp_head;   /* address of the pointer to the first PyInterpreterState */
	__u32 interp_next, interp_tstate_head;
	__u32 tstate_next, tstate_interp, tstate_thread_id;
	__u32 tstate_frame;  /* frame, cframe or current_frame */
	__u32 cframe_current_frame;
	__u32 frame_code, frame_prev, frame_previous, frame_owner; /* frame_prev: f_lasti, prev_instr, instr_ptr */
	__u32 code_bytecode; /* co_code_adaptive; ABI_NONE before 3.11 */
	__u32 prev_scale;    /* <=3.9: 1, 3.10: 2 (f_lasti counts units); 0: frame_prev is an address */
	__u32 code_tag_mask; /* low bits to clear in frame_code: 3.14+: 3, else 0 */
	__u32 redispatch;    /* 1: drop a hit whose frame already stands on the instruction (3.11+) */
	__u32 reread;        /* enum abi_reread */
	__u32 tstate_cframe, cframe_use_tracing, tstate_tracing, tstate_c_tracefunc; /* if reread */
	__u32 eval_n;
	__u32 pad0;
	struct {
		__u64 start, end;
	} eval[ABI_EVAL_RANGES];
};

enum abi_action { ABI_ACT_COUNT = 1, ABI_ACT_STOP = 2, ABI_ACT_NOTE = 3 /* only remember it as previous */ };

struct abi_place_key {
	__u64 addr; /* watched address: code unit + 1 */
	__u64 code; /* code object of the frame */
};

struct abi_place {
	__u32 id;      /* of the location that user space knows */
	__u32 action;  /* enum abi_action */
	__s32 offset;  /* bytes into the bytecode */
	__u32 ndrop;
	__u32 keep_state; /* 1: remember this place as the frame's previous one (ABI_PREV_STATE) */
	__u32 group;   /* its line: "previous" is kept per (frame, code, group), so that other lines' places do not disturb it */
	struct {
		__s32 lo, hi;
	} drop[ABI_DROP_RANGES]; /* inclusive; the previous position is -1 where there is none */
	__u32 counter; /* where its accepted hits go; trace_place_set() fills it in */
	__u32 note_group; /* another line that this place helps: remembered for it as well; 0: none */
};

enum abi_record_kind { ABI_REC_HIT = 1 };

struct abi_header {
	__u32 size; /* of the whole record */
	__u32 kind;
};

struct abi_hit {
	struct abi_header h;
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 tgid, tid; /* in the debugger's pid namespace */
	__u32 place;   /* abi_place.id */
	__s32 offset;
	__u64 addr, code, frame, tstate, ip;
};

/* Why a trap was not a hit, counted (per CPU). */
enum abi_stat {
	ABI_STAT_TRAPS,       /* all, of the process we follow */
	ABI_STAT_FOREIGN,     /* another process */
	ABI_STAT_NOT_EVAL,    /* the reader is not the eval loop */
	ABI_STAT_REDISPATCH,
	ABI_STAT_OTHER_CODE,  /* same bytes, another code object */
	ABI_STAT_DROPPED_PREV, /* reached from inside the line */
	ABI_STAT_NO_THREAD,   /* the thread state was not found: a hit may have been lost */
	ABI_STAT_FAULT,       /* user memory could not be read: a hit may have been lost */
	ABI_STAT_LOST,        /* the ring buffer was full: a hit was lost */
	ABI_STAT_SIGNAL_FAILED, /* bpf_send_signal_thread failed: a stop was lost */
	ABI_STAT_MAX,
};

#ifdef __cplusplus
extern "C" {
#endif
_Static_assert(sizeof(struct abi_place_key) == 16, "abi");
_Static_assert(sizeof(struct abi_hit) == 72, "abi");
_Static_assert(sizeof(struct abi_place) % 8 == 0, "abi");
_Static_assert(sizeof(struct abi_py) % 8 == 0, "abi");
#ifdef __cplusplus
}
#endif

#endif
