/* SPDX-License-Identifier: BSD-2-Clause */
/* asyncio's tasks and what coroutines wait for: what the files tasks.c, task.c and await.c share. */
#ifndef PYBPFDBG_CPYTHON_TASKS_H
#define PYBPFDBG_CPYTHON_TASKS_H

#include "probes/cpython/objects.h"

#define AWAIT_DEPTH_MAX 1000 /* coroutines that await each other */

/* ---- await.c ---- */
enum await_state { AWAIT_CREATED, AWAIT_SUSPENDED, AWAIT_EXECUTING, AWAIT_ENDED };

/* A chain of coroutines. */
struct await_chain {
	struct interp_frame *frames; /* outermost first; malloc'ed */
	size_t n;
	enum await_state state; /* of the outermost that is one of Python's */
	uint64_t last;          /* what the innermost waits for that is no coroutine: address; 0: nothing */
};
/* Follow what coro (a coroutine, a generator, or what an `await` makes of them) awaits. 0 or -ENOMEM. */
int await_follow(struct obj_rd *rd, uint64_t coro, struct await_chain *ret);

/* ---- task.c: a task or future, of the C module or written in Python ---- */
struct task_fields {
	uint64_t loop, coro, waiter; /* 0: none */
	enum interp_task_state state; /* FINISHED, FAILED, CANCELLED; READY: it has not ended */
};
bool task_is(struct obj_rd *rd, uint64_t obj);
bool task_is_future(struct obj_rd *rd, uint64_t obj);
/* 0 or -EFAULT, -EINVAL; of a future .coro and .waiter are 0. */
int task_read(struct obj_rd *rd, uint64_t obj, struct task_fields *ret);
/* malloc'ed; NULL: none. */
char *task_name(struct obj_rd *rd, uint64_t obj);
/* The objects that a future's callbacks refer to, so many at most: who is told of its end. How many. */
size_t task_told(struct obj_rd *rd, uint64_t obj, uint64_t *ret, size_t max);
/* What a chain of awaits ends in, for people; malloc'ed. NULL: nothing to say. */
char *task_awaits(struct obj_rd *rd, const struct await_chain *c, uint64_t waiter);

/* ---- tasks_36.c: tasks of the C module of 3.6, which keeps them to itself ---- */
typedef int (*tasks_add_fn)(void *priv, uint64_t obj);
/* globals: of asyncio.tasks. add: is it one, then it is taken; 0 or -ENOMEM. 0 or -errno. */
int tasks_36(struct obj_rd *rd, uint64_t globals, bool current, tasks_add_fn add, void *priv);

/* set or frozenset: items, malloc'ed, max at most. 0 or -errno. */
int task_set_items(struct obj_rd *rd, uint64_t set, size_t max, uint64_t **ret, size_t *ret_n);
/* list or tuple: the same. */
int task_seq_items(struct obj_rd *rd, uint64_t seq, size_t max, uint64_t **ret, size_t *ret_n);

#endif
