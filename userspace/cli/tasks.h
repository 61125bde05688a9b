/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks of event loops as `tasks`, `where` and `dump --tasks` show them. */
#ifndef PYBPFDBG_CLI_TASKS_H
#define PYBPFDBG_CLI_TASKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

struct out;
struct session_task;

/* All of them: a tree, below each task those that it waits for; with --json one `task` event each, with `process` unless it is 0. */
void tasks_show(struct out *out, const struct session_task *tasks, size_t n, pid_t process);
/* "task "name"" or "task 0x..." added to the line; name may be NULL. */
void tasks_add_name(struct out *out, uint64_t task, const char *name);
/* {id, name}; NULL: out of memory. */
json_t *tasks_js_name(uint64_t task, const char *name);

struct shell;
/* Those that wait for the task that thread tid runs, and it itself: lines above the frames of `where`; none where it runs none. */
void tasks_show_chain(struct shell *sh, pid_t tid);
/* The same as members `task` and `awaited_by` of a `stack` event. */
void tasks_js_chain(struct shell *sh, pid_t tid, json_t *stack);

#endif
