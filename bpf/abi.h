/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel side and user space share. Fixed width, explicit padding. */
#ifndef PYBPFDBG_ABI_H
#define PYBPFDBG_ABI_H

#include <linux/types.h>

#define ABI_NONE 0xffffffffu   /* an offset that does not exist in this version */
#define ABI_EVAL_RANGES 8      /* parts of the eval loop */
#define ABI_DROP_RANGES 8      /* = INTERP_DROP_MAX */
#define ABI_THREADS_MAX 4096   /* thread states walked on a miss */
#define ABI_WAITS_MAX   1024 /* threads that are to be held at the same time */
#define ABI_PLACES_MAX 4096    /* places set at a time */
#define ABI_PLACE_RULES 4      /* breakpoints that the kernel judges at one place */
#define ABI_RULES_MAX 1024
#define ABI_PROGS_MAX 1024     /* expressions in the kernel at a time */
#define ABI_CAPTURES_MAX 256
#define ABI_CAPTURE_EXPRS 16   /* {expressions} of one log text */
#define ABI_CAPTURE_MAX (64 * 1024) /* bytes of one record */

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

/* Where a raised exception is, at PyTraceBack_Here(); offsets in bytes. */
struct abi_exc {
	__u32 tstate_type;      /* curexc_type; ABI_NONE (3.12+): the value's own type */
	__u32 tstate_value;     /* curexc_value, current_exception */
	__u32 tstate_traceback; /* curexc_traceback; ABI_NONE (3.12+): the value holds it */
	__u32 exc_traceback, ob_type, type_mro, tuple_size, tuple_items;
	__u32 frame_iframe;     /* of a PyFrameObject: its interpreter frame; ABI_NONE up to 3.10: it is the frame */
	__u32 code_code;        /* co_code, a bytes object; ABI_NONE from 3.11 on: abi_py.code_bytecode */
	__u32 bytes_data;
	__u32 raise_op;         /* RAISE_VARARGS */
	__u32 frame_iblock, frame_blockstack; /* how many blocks, and the blocks (PyTryBlock); ABI_NONE from 3.11 on */
	__u32 end_finally;      /* up to 3.8: 1 */
	__u32 frame_valuestack; /* up to 3.10 */
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
	struct abi_exc exc;
	__u32 eval_n;
	__u32 code_filename; /* of a code object: its file name, a str */
	__u32 code_name, code_first_line; /* the qualified name where there is one */
	__u32 code_id[2];    /* 8 bytes each in a code object, unlike in another one at the same address; ABI_NONE: less */
	__u32 code_instrumentation; /* 3.12+: version of its instrumentation, 8 bytes; else ABI_NONE */
	/* RESUME's argument: these bits say where (0: the function's start); what resume_quiet says is no call; ABI_NONE: all are */
	__u32 resume_mask, resume_quiet;
	__u32 pad0;
	__u64 reread_ip;     /* ABI_REREAD_LINES: a read after which this is the ip is the second of one execution; 0: not known */
	struct {
		__u64 start, end;
	} eval[ABI_EVAL_RANGES];
};

enum abi_action {
	ABI_ACT_COUNT = 1,
	ABI_ACT_STOP = 2,
	ABI_ACT_NOTE = 3, /* of a place only: remember it as previous, nothing else */
	ABI_ACT_LOG = 4,  /* of a rule only: send the values of its expressions */
	ABI_ACT_SNAP = 5, /* of a rule only: send the frames and their locals */
	ABI_ACT_ENTER = 6, /* of a place only: a call that is timed begins (bpf/timed.bpf.h) */
	ABI_ACT_LEAVE = 7, /* of a place only: it returns */
};

/*
 * What one breakpoint wants of a hit. In this order: thread, condition, hit counts, action. Index 0 is no rule. A breakpoint has a
 * rule for each code object it lies in (its condition is compiled for it) and one state for all of them.
 */
#define ABI_RULE_ASK 1u /* every hit is undecided: user space judges */
struct abi_rule {
	__u32 action;  /* enum abi_action */
	__u32 state;   /* index into rule_states */
	__u32 cond;    /* index into progs; 0: always true */
	__u32 capture; /* index into captures, for LOG and SNAP */
	__u32 tid;     /* only this thread (number in the target's pid namespace); 0: any */
	__u32 flags;   /* ABI_RULE_* */
	__u64 ignore;  /* hits that come before the first that counts */
	__u64 every;   /* then each so many-th, beginning with the first; 0 and 1: each */
	__u64 limit;   /* after so many nothing more; 0: no limit */
	__u64 code_id; /* of what it was made for: abi_rule_code_id(); 0: whatever lies at the place's code */
};

/*
 * Tells a code object from another one that lies in the same memory later: its version, or before 3.12 where its file name and its name are
 * (abi_py.code_filename, code_name). Never 0.
 */
static inline __u64 abi_rule_code_id(__u64 first, __u64 second)
{
	return (first ^ (second << 32 | second >> 32)) | 1;
}

/* Counted in the kernel; user space only reads and, when it makes a rule, writes zeros. */
struct abi_rule_state {
	__u64 seen;      /* of the thread that is meant */
	__u64 unmet;     /* condition false */
	__u64 errors;    /* condition that Python would raise for, or memory that could not be read */
	__u64 undecided; /* condition that only user space can tell: STOP stops and asks, all else takes it for false */
	__u64 accepted;  /* condition true: what `ignore` and `every` count */
	__u64 hits;      /* that acted */
	__u64 lost;      /* of them: the record found no room */
	__u64 limited;   /* of them: a limit on records or bytes a second dropped the record */
	__u64 last_error; /* errno of the last of `errors`, positive */
};

/* Limits on what is sent, in each second; 0: none. One entry. */
struct abi_limits {
	__u64 records, bytes;
};

enum abi_value_kind {
	ABI_VALUE_NONE = 0, /* there is none: see error */
	ABI_VALUE_OBJECT,   /* bits: the address of an object */
	ABI_VALUE_INT,      /* bits: a computed int, 64 bits, signed */
	ABI_VALUE_BOOL,     /* bits: 0 or 1 */
	ABI_VALUE_FLOAT,    /* bits of a double */
};
struct abi_value {
	__u32 kind;
	__s32 error; /* -ENOENT (a name, attribute or item is not there), -EFAULT, -EOPNOTSUPP (only user space can tell) ... */
	__u64 bits;
};

/* A write to a reference: what was there and what comes there, addresses of objects; 0: nothing. */
#define ABI_WRITE_UNKNOWN 1 /* of old: its memory may not hold it any more */
struct abi_write {
	__u64 old, new;
};

/* What a LOG or SNAP rule sends; counts of 0 mean the defaults of capture.bpf.h. */
struct abi_capture {
	__u32 nexprs;
	__u32 progs[ABI_CAPTURE_EXPRS];
	__u32 depths[ABI_CAPTURE_EXPRS]; /* of each expression's value; 0: depth */
	__u32 frames;      /* SNAP: innermost so many */
	__u32 depth;       /* containers in containers: 1 reads a list's items, not what these hold */
	__u32 items;       /* of one container */
	__u32 value_bytes; /* of one str, bytes or int */
	__u32 bytes;       /* of the whole record */
	__u32 exc_depth;   /* where an exception is raised: levels of objects that are sent of it */
};

#define ABI_ADDR_ENTRY 0 /* where a frame of the code begins, as the uprobe engine sees it */

struct abi_place_key {
	__u64 addr; /* watched address: code unit + 1; ABI_ADDR_ENTRY */
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
	__u32 ruled; /* 1: rules say what to do, and action only says NOTE or not */
	__u32 loan; /* enum abi_loan */
	__u32 rules[ABI_PLACE_RULES]; /* 0: none */
};

/*
 * A place where a function begins can be at ABI_ADDR_ENTRY for as long as a step needs its slot. Set and given back while no frame
 * can go on (docs/STEPPING.md).
 */
enum abi_loan {
	ABI_LOAN_LENT = 1, /* at ABI_ADDR_ENTRY: where a step stops at the call, it is the step's; the watch will see the line */
	ABI_LOAN_TOLD = 2, /* at its watched address: a frame in `told` has begun while the place was lent, and was seen then */
};
#define ABI_TOLD_MAX 1024
struct abi_told {
	__u64 frame, code;
	__u32 tgid, pad0; /* in the target's pid namespace */
};

/*
 * Stepping (one thread at a time). What happens in the frame that is watched is told by the positions that the eval loop
 * stores into it: from one to the next is an edge, and the tracer's rule is put to it with what is known of both units.
 */
#define ABI_STEP_UNITS_MAX 32768 /* code units of the frame's code object */
enum abi_step_event {
	ABI_STEP_LINE = 1,   /* a line is about to run in the frame */
	ABI_STEP_RETURN = 2, /* the frame is about to return, or to be left by an exception */
	ABI_STEP_YIELD = 4,  /* it is about to yield (or, as it waits for another generator, has) */
	ABI_STEP_CALL = 8,   /* another frame of the thread begins or goes on */
	ABI_STEP_RAISE = 16, /* an exception was raised in the frame, or came into it from a callee */
	ABI_STEP_RAISE_ANY = 32, /* the same, in any frame of the thread */
};
struct abi_step {
	__u64 frame, code, tstate; /* frame 0: none is watched */
	__u32 serial;   /* 0: no step is on */
	__u32 tid;      /* in the target's pid namespace */
	__u32 events;   /* enum abi_step_event, those that are wanted */
	__u32 nunits;
	__s32 min_line; /* lines before it do not count for LINE and RAISE; 0: all do */
	__s32 not_line; /* nor does this one for LINE; 0: all do */
	__s32 prev;     /* where the frame stands, bytes into its bytecode; -1: not begun. The kernel goes on with it */
	__u32 fresh;    /* 1: the first store may be that of prev itself; 2: it is still to come, and that of the unit before may be */
	__s32 line;     /* of the last line event of the frame. The kernel goes on with it, and the record has it in rules[1] */
	__s32 read;     /* up to 3.10: offset of the place that the frame has read since the last store; -1: none. The same */
	__u32 pad0;
	__u32 by_file;  /* 1: CALL and RAISE_ANY only in files that trace_step_file() has named; of others user space is asked */
};
/* Where an edge leads: */
#define ABI_UNIT_LINE 1u     /* a line event may happen before it: */
#define ABI_UNIT_ALWAYS 2u   /*  wherever the frame was before */
#define ABI_UNIT_BY_LINE 4u  /*  when the frame was on another line */
#define ABI_UNIT_NOT_BACK 8u /*  but not because it is reached backwards */
#define ABI_UNIT_HANDLER 16u /* an exception leads to it */
#define ABI_UNIT_PAIRED 32u  /* the unit before it may run together with the one before that, whose position stays */
#define ABI_UNIT_RETURNS 64u
#define ABI_UNIT_LEAVES 128u /* raises again where no handler is */
#define ABI_UNIT_MAY_LEAVE 256u /* up to 3.8: returns or raises, or goes on: user space can tell */
#define ABI_UNIT_YIELDS 512u
/* Where it comes from: */
#define ABI_UNIT_NO_LINE 1024u   /* counts as of another line */
#define ABI_UNIT_FROM_BACK 2048u /* what is reached backwards from here has a line event */
#define ABI_UNIT_RAISE_LINE 4096u /* the handler that an exception of it leads to has one */
#define ABI_UNIT_CAUGHT 8192u    /* an exception of it has a handler */
#define ABI_UNIT_REWINDS 16384u  /* the next store is no execution: the frame goes back to what raised */
#define ABI_UNIT_DELEGATES 32768u /* up to 3.10: yields when the unit before it is stored */
struct abi_step_unit {
	__s32 line;  /* 0: none */
	__u32 flags;
	__s32 quiet; /* offset that is stored behind it without being executed; -1: none */
	__u32 pad0;  /* the elements of a map that is mapped are multiples of 8 */
};

/* A word of the target's memory: (*addr & mask) == value, or != where `differs`. */
#define ABI_GUARDS_MAX 8 /* = INTERP_GUARDS_MAX */
struct abi_guard {
	__u64 addr, mask, value;
	__u32 differs, pad0;
};

/*
 * What a write to watched memory wants. slot 0: every write is sent as it is. Else the address is a byte of a reference at `slot`,
 * and the writes are judged: do the guards hold, is it the frame's own, what was there before. What is no plain
 * write to the reference stops the thread and asks user space (enum abi_why).
 */
#define ABI_DATA_SKIPS 24 /* = INTERP_SKIPS_MAX */
#define ABI_DATA_HALVES 4
struct abi_data {
	__u32 id;     /* the record's abi_hit.place */
	__u32 action; /* slot 0: ABI_ACT_STOP: the thread stops; else the record alone */
	__u64 slot, mask; /* of the bits that are the address of the object */
	__u64 last;   /* what lies there; the kernel goes on with it */
	__u64 frame, code; /* a local variable of that frame; 0: not one */
	__u64 text, text_end; /* if not 0: the same value, written by code outside, is memory that is moved */
	__u32 asleep; /* 1: writes do not count just now */
	__u32 entry;  /* 1: what is deleted lives elsewhere when it comes again */
	__u32 rules[ABI_PLACE_RULES]; /* 0: none */
	__u32 nguards, nskip;
	struct abi_guard guards[ABI_GUARDS_MAX];
	struct {
		__s32 lo, hi;
		__u32 restores, pad0;
	} skip[ABI_DATA_SKIPS]; /* bytes into the code: the frame's writes there are none, or only those that change nothing */
	/* nhalf > 0: a deletion while the writer's frame stands on one of these opcodes is the first half of a write */
	__u32 nhalf;
	__u32 ob_refcnt, ob_type, type_flags; /* members of an object; of a class: its tp_flags */
	__u32 item;   /* 1: it is never deleted; NULL is memory that is freed */
	__u32 dirty;  /* kernel: something else was written there; the same object again puts it back (debug allocators) */
	__u32 torn;   /* kernel: what was there was taken out to be changed: its memory does not hold the old value */
	__u32 tgid;   /* writes of that process only, by its number in its pid namespace; 0: of any */
	__u64 serial; /* kernel: writes so far */
	__u32 code_code, bytes_data; /* of a code object: pointer to its bytecode (ABI_NONE: it is in the object); there: its first byte */
	__u8 half[ABI_DATA_HALVES];
};

/* Why user space is asked about a write (abi_hit.why); 0: it is not. */
enum abi_why {
	ABI_WHY_GUARD = 1,   /* a guard does not hold: this is no write to the reference */
	ABI_WHY_FRAME = 2,   /* the frame is not on the writer's stack */
	ABI_WHY_HALF = 3,    /* the first half of a write; what follows goes elsewhere */
	ABI_WHY_DELETED = 4, /* an entry was emptied: deleted, or moved */
};

enum abi_record_kind {
	ABI_REC_HIT = 1,
	ABI_REC_CAPTURE = 3,
	ABI_REC_STEP = 4, /* an abi_hit: place is abi_step.serial, rules[0] the event, undecided: is the file one that counts?
			    rules[2]: a place there was read before */
	ABI_REC_MODULE = 6, /* an abi_hit: code is about to run (PyEval_EvalCode), one that abi_modules lets through */
	ABI_REC_DATA = 5, /* an abi_hit: addr was written, place is abi_data.id; frame 0: it could not be found */
	ABI_REC_EXEC = 7, /* only a header: a thread that nobody traced ran execve */
};

/* What the kernel must know of a function whose calls are timed; offsets in bytes into its bytecode. */
#define ABI_TIMED_RANGES 128
#define ABI_TIMED_ENDS 32
#define ABI_TIMED_BUCKETS 512 /* below 8: its number is the ns; else ((e - 2) << 3 | the 3 bits behind the first), e: log2 */
#define ABI_TIMED_LOOPS 1u    /* what begins a call may be seen again in the same call */
struct abi_timed {
	__u32 flags, nranges, nends, pad0;
	struct {
		__s32 lo, hi; /* 3.11+: an exception from here leads to a handler; hi is not in it */
	} ranges[ABI_TIMED_RANGES];
	struct {
		__s32 at, depth; /* up to 3.8, END_FINALLY: f_iblock there if it raises again (one less: it goes on, or returns) */
		__s32 handler;   /* where the body that it ends begins */
		__s32 silences;  /* up to 3.7: 1 at the end of a `with`, which may have silenced the exception */
	} ends[ABI_TIMED_ENDS];
};
enum abi_timed_sum {
	ABI_TIMED_ENTERED,
	ABI_TIMED_RETURNED,
	ABI_TIMED_RAISED,
	ABI_TIMED_NS,       /* of all that ended */
	ABI_TIMED_MAX,
	ABI_TIMED_NOT_MIN,  /* ~ of the shortest */
	ABI_TIMED_FULL,     /* calls that found no room */
	ABI_TIMED_INFLIGHT, /* ends of calls that had begun before */
	ABI_TIMED_REPLACED, /* calls whose end was not seen: their frame was used again */
	ABI_TIMED_SUMS,
};
/* Calls that ended in one process (its number in its pid namespace), if trace_options.children. */
struct abi_timed_process {
	__u64 ended, ns, max, not_min; /* as ABI_TIMED_NS and those behind it */
	__u32 ours, pad0;	       /* its number in the debugger's pid namespace; 0: not known */
};

#define ABI_PLACE_RAISE 0xffffffffu /* abi_hit.place: no place, but where an exception is raised */
#define ABI_CATCH_MAX 32            /* breakpoints on exceptions; each is a bit */
#define ABI_CATCH_CLASSES 256       /* classes that they wait for */
/* Which of them want an exception where it is raised, and which only where it leaves a frame for good: user space judges these. */
struct abi_catch_when {
	__u32 raised;
	__u32 uncaught; /* the outermost frame; in threads that are not the main one also the two inside of it */
	__u32 user;     /* a frame whose caller is in another file, or that has none */
};
#define ABI_FILE_MINE 1u /* see catch_files */
#define ABI_FILE_OTHER 2u

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
	__u64 addr, code, frame, tstate;
	__u64 ip; /* where the thread stops; 0: not known */
	__u32 rules[ABI_PLACE_RULES]; /* that want the stop; 0: none */
	__u32 undecided; /* bit i: of rules[i] user space judges the condition; no hit count was applied to it yet */
	__u32 why;       /* of a write to a reference (abi_data.slot): enum abi_why */
	struct abi_write write; /* the same */
	__u64 serial;    /* the same: abi_data.serial of this write */
	__u32 free; /* 1: nobody traced the thread, so it is held without a signal */
	__u32 pad0;
};

/* To the debugger: seize this thread, it waits for that. */
struct abi_kick {
	__u32 tid, tgid;           /* in the target's pid namespace */
	__u32 root_tid, root_tgid; /* in the first one */
};

/*
 * Followed by nvalues struct abi_value, nframes struct abi_captured_frame and nchunks pieces of the target's memory as they were
 * then: struct abi_chunk, then len bytes, then zeros up to a multiple of 8. What is in no chunk was not captured.
 */
struct abi_captured {
	struct abi_hit hit; /* h.kind: ABI_REC_CAPTURE; h.size: of all; rules[0]: whose it is */
	__u32 nvalues, nframes, nchunks;
	__u32 truncated; /* a limit was reached: not all that was asked for is here */
};
struct abi_captured_frame {
	__u64 frame, code;
	__s32 offset; /* bytes into the bytecode; -1: not started */
	__u32 pad0;
};
struct abi_chunk {
	__u64 addr;
	__u32 len, pad0;
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
	ABI_STAT_SIGNAL_FAILED, /* neither the signal nor the kick could be sent: a stop was lost */
	ABI_STAT_MAX,
};

/* A register of x86-64, in the order of its encoding. */
enum abi_reg {
	ABI_REG_AX, ABI_REG_CX, ABI_REG_DX, ABI_REG_BX, ABI_REG_SP, ABI_REG_BP, ABI_REG_SI, ABI_REG_DI,
	ABI_REG_8, ABI_REG_9, ABI_REG_10, ABI_REG_11, ABI_REG_12, ABI_REG_13, ABI_REG_14, ABI_REG_15,
	ABI_REG_NONE = 255,
};

/* What happens at an instruction of the interpreter that a uprobe sits on. */
enum abi_site_kind {
	ABI_SITE_EVAL_ENTRY = 1, /* the eval loop is entered with a frame */
	ABI_SITE_RESUME = 2,     /* 3.11+: a frame starts or goes on (the RESUME instructions) */
	ABI_SITE_EVAL_CODE = 3,  /* PyEval_EvalCode: a module, exec or eval is about to run */
	ABI_SITE_TRACEBACK = 4,  /* PyTraceBack_Here: an exception passes a frame */
	ABI_SITE_RETURN = 5,     /* a return instruction begins */
	ABI_SITE_RERAISE = 6,    /* RERAISE, up to 3.8 END_FINALLY, begins */
	ABI_SITE_RAISE = 7,      /* RAISE_VARARGS begins */
};

/*
 * Which register holds what at a site (enum abi_reg; NONE: no register does). Its eight bytes as a number are the
 * uprobe's attach cookie.
 */
struct abi_site {
	__u8 kind;   /* enum abi_site_kind */
	__u8 frame;  /* EVAL_ENTRY, RESUME: the frame as struct abi_py means it; TRACEBACK: a PyFrameObject */
	__u8 tstate; /* the PyThreadState */
	__u8 code;   /* EVAL_CODE: the code object */
	__u8 throwflag; /* EVAL_ENTRY: 32 bits, not 0: an exception is thrown into the frame */
	__u8 instr;  /* RESUME: address of its code unit; NONE: the frame holds it already (abi_py.frame_prev) */
	__u8 pad0[2];
};

/*
 * Which code objects that are about to run are waited for: those of files (a map of hashes of the last parts of their names,
 * FNV-1a over the last ABI_MODULE_TAIL characters at most), those that define functions, or any. With facts of the
 * interpreter, offsets in bytes.
 */
#define ABI_MODULES_MAX 256	/* file names */
#define ABI_MODULE_TAIL 64	/* characters */
#define ABI_MODULE_CONSTS 32	/* constants that are looked at; with more of them it could define functions */
#define ABI_MODULE_HASH 0xcbf29ce484222325ull
#define ABI_MODULE_PRIME 0x100000001b3ull
struct abi_modules {
	__u32 any, functions; /* 0 or 1 */
	__u32 code_filename, code_consts, tuple_items, ob_type, ob_size;
	__u32 str_length, str_state, str_ascii_size;
	__u64 code_type; /* address of PyCode_Type */
};

/* How the kernel maps all memory, for bpf/pages.bpf.h. */
#define ABI_PAGES_TRY 64
struct abi_pages {
	__u64 base;	/* the kernel's address of the physical address 0; 0: not known */
	__u64 end;	/* bytes; nothing behind is RAM */
	__u32 levels;	/* of page tables: 4 or 5 */
	__u32 pad0;
};

/* What becomes of a process and its descendants (bpf/procs.bpf.c); numbers are of the debugger's pid namespace. */
#define ABI_PROCESSES_MAX 16384
enum abi_process_kind {
	ABI_PROCESS_FORK = 1, /* parent has forked pid */
	ABI_PROCESS_EXEC = 2,
	ABI_PROCESS_EXIT = 3, /* of its last thread */
};
struct abi_process {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 kind, pid, parent, pad0;
};

/* Hits of one rule (abi_rule.state) in one process (its number in its pid namespace), if trace_options.children. */
struct abi_process_key {
	__u32 tgid, state;
};
/* A process that is followed, by its number in the target's pid namespace. */
struct abi_followed {
	__u32 parent; /* which forked it; 0: user space named it */
	__u32 ours;   /* its number in the debugger's pid namespace */
};

/* What was found out about a thread of one. */
struct abi_known {
	__u64 start, self; /* task_struct.start_time, thread pointer */
	__u64 tstate;
	__u32 pid, tgid; /* in the target's pid namespace */
};

struct abi_process_hits {
	__u64 hits;
	__u32 ours, pad0; /* its number in the debugger's pid namespace; 0: not known */
};

#define ABI_CALLS_MAX 32768 /* code objects whose calls are counted */
#define ABI_FAMILY_CALLS_MAX 131072 /* with trace_options.children: of all processes together */

/* A code object, what its two words abi_py.code_id held (see abi_code_id()), and with trace_options.children whose it is. */
struct abi_code_key {
	__u64 code, id;
	__u32 tgid, pad0; /* the process's number in its pid namespace; else 0 */
};
static inline __u64 abi_code_id(__u64 first, __u64 second)
{
	return first ^ (second << 32 | second >> 32);
}

/* A str as it was in the target's memory. */
#define ABI_TEXT_MAX 256
struct abi_text {
	__u64 addr; /* 0: could not be read */
	__u8 data[ABI_TEXT_MAX]; /* from there on; it may be longer */
};

/* The last start or resumption of a frame of a code object: see site_is_again(). */
struct abi_last {
	__u64 frame, version;
	__u32 tid, pad0;
};

/* Calls of one code object. It may be gone before anybody has read its names, so the kernel keeps them. */
struct abi_calls {
	__u64 hits;
	struct abi_last last;
	__s32 first_line;
	__u32 ours; /* with trace_options.children: the process's number in the debugger's pid namespace */
	struct abi_text name, file;
};

#ifdef __cplusplus
extern "C" {
#endif
_Static_assert(sizeof(struct abi_place_key) == 16, "abi");
_Static_assert(sizeof(struct abi_hit) == 128, "abi");
_Static_assert(sizeof(struct abi_captured) % 8 == 0, "abi");
_Static_assert(sizeof(struct abi_rule) == 56, "abi");
_Static_assert(sizeof(struct abi_site) == 8, "abi");
_Static_assert(sizeof(struct abi_modules) == 48, "abi");
_Static_assert(sizeof(struct abi_pages) == 24, "abi");
_Static_assert(sizeof(struct abi_step) == 72, "abi");
_Static_assert(sizeof(struct abi_data) % 8 == 0, "abi");
_Static_assert(sizeof(struct abi_step_unit) == 16, "abi");
_Static_assert(sizeof(struct abi_place) % 8 == 0, "abi");
_Static_assert(sizeof(struct abi_py) % 8 == 0, "abi");
#ifdef __cplusplus
}
#endif

#endif
