// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/js.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "cli/tasks.h"
#include "engine/session.h"

#define INDENT	   2
#define LEVELS_MAX 100 /* of the tree; what lies deeper is listed by itself */
#define CHAIN_MAX  100 /* tasks that wait for each other in `where` */

static const char *const states[] = {
	[TASK_RUNNING] = "running",   [TASK_WAITING] = "waiting", [TASK_READY] = "ready",
	[TASK_FINISHED] = "finished", [TASK_FAILED] = "failed",	  [TASK_CANCELLED] = "cancelled",
};

void tasks_add_name(struct out *out, uint64_t task, const char *name)
{
	if (name)
		out_add(out, OUT_BOLD, "task \"%s\"", name);
	else
		out_add(out, OUT_BOLD, "task 0x%" PRIx64, task);
}

static json_t *js_id(uint64_t task)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, task);
	return json_string(text);
}

json_t *tasks_js_name(uint64_t task, const char *name)
{
	return json_pack("{so so}", "id", js_id(task), "name", name ? js_text(name) : json_null());
}

/* ---- JSON ---- */

/* Innermost first, as in `stack`. */
static json_t *js_places(const struct session_task *t)
{
	json_t *frames = json_array();

	for (size_t i = t->nplaces; frames && i-- > 0;)
		json_array_append_new(frames, js_frame(t->places[i].file, t->places[i].line,
						       t->places[i].function));
	return frames;
}

static void show_json(struct out *out, const struct session_task *tasks,
		      const struct session_task *t, pid_t process)
{
	json_t *by = json_array(), *j;

	for (size_t i = 0; by && i < t->nby; i++)
		json_array_append_new(by, js_id(tasks[t->by[i]].task));
	j = json_pack("{ss so so ss so so so so so so}", "event", "task", "id", js_id(t->task),
		      "name", t->name ? js_text(t->name) : json_null(), "state", states[t->state],
		      "coroutine", t->coro ? js_text(t->coro) : json_null(), "loop",
		      t->loop ? js_id(t->loop) : json_null(), "thread",
		      t->tid ? json_integer(t->tid) : json_null(), "awaits",
		      t->awaits ? js_text(t->awaits) : json_null(), "awaited_by", by, "frames",
		      js_places(t));
	if (j && process)
		json_object_set_new(j, "process", json_integer(process));
	out_json(out, j);
}

/* ---- text ---- */

struct tree {
	struct out *out;
	const struct session_task *tasks;
	size_t n;
	size_t *order;	    /* as they are shown */
	size_t *first, *of; /* children of task i: of[first[i]] up to of[first[i + 1]] */
	bool *shown;
};

static int compare(const void *a, const void *b, void *priv)
{
	const struct session_task *tasks = priv, *x = &tasks[*(const size_t *)a],
				  *y = &tasks[*(const size_t *)b];
	bool over_x = x->state >= TASK_FINISHED, over_y = y->state >= TASK_FINISHED;
	int r;

	if (over_x != over_y)
		return over_x - over_y;
	r = strverscmp(x->name ? x->name : "", y->name ? y->name : "");
	return r ? r : (x->task > y->task) - (x->task < y->task);
}

static bool tree_init(struct tree *t)
{
	size_t edges = 0;

	for (size_t i = 0; i < t->n; i++)
		edges += t->tasks[i].nby;
	t->order = calloc(t->n + 1, sizeof(*t->order));
	t->first = calloc(t->n + 2, sizeof(*t->first));
	t->of = calloc(edges + 1, sizeof(*t->of));
	t->shown = calloc(t->n + 1, sizeof(*t->shown));
	if (!t->order || !t->first || !t->of || !t->shown)
		return false;
	for (size_t i = 0; i < t->n; i++)
		t->order[i] = i;
	qsort_r(t->order, t->n, sizeof(*t->order), compare, (void *)t->tasks);
	/* how many, then where they begin; filled in the order in which they are shown */
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->tasks[i].nby; k++)
			t->first[t->tasks[i].by[k] + 2]++;
	for (size_t i = 2; i < t->n + 2; i++)
		t->first[i] += t->first[i - 1];
	for (size_t i = 0; i < t->n; i++) {
		const struct session_task *task = &t->tasks[t->order[i]];

		for (size_t k = 0; k < task->nby; k++)
			t->of[t->first[task->by[k] + 1]++] = t->order[i];
	}
	return true;
}

static void tree_deinit(struct tree *t)
{
	free(t->order);
	free(t->first);
	free(t->of);
	free(t->shown);
}

static void show_head(struct out *out, const struct session_task *t, unsigned indent)
{
	out_add(out, OUT_PLAIN, "%*s", indent, "");
	tasks_add_name(out, t->task, t->name);
	out_add(out, OUT_PLAIN, " %s", states[t->state]);
	if (t->tid)
		out_add(out, OUT_PLAIN, " in thread %d", t->tid);
	if (t->awaits)
		out_add(out, OUT_PLAIN, ": %s", t->awaits);
	else if (!t->nplaces && t->coro)
		out_add(out, OUT_PLAIN, ": %s()", t->coro);
}

static void show_node(struct tree *t, size_t i, unsigned level)
{
	const struct session_task *task = &t->tasks[i];
	unsigned indent = level * INDENT;

	if (t->shown[i]) {
		out_add(t->out, OUT_PLAIN, "%*s", indent, "");
		tasks_add_name(t->out, task->task, task->name);
		out_line(t->out, " (see above)");
		return;
	}
	t->shown[i] = true;
	show_head(t->out, task, indent);
	out_end(t->out);
	for (size_t k = 0; k < task->nplaces; k++) {
		out_add(t->out, OUT_PLAIN, "%*s", indent + 4, "");
		out_add(t->out, OUT_CYAN, "%s()", task->places[k].function);
		out_add(t->out, OUT_PLAIN, " at %s:%d", task->places[k].file, task->places[k].line);
		out_end(t->out);
	}
	if (level + 1 >= LEVELS_MAX)
		return;
	for (size_t k = t->first[i]; k < t->first[i + 1]; k++)
		show_node(t, t->of[k], level + 1);
}

void tasks_show(struct out *out, const struct session_task *tasks, size_t n, pid_t process)
{
	struct tree t = { .out = out, .tasks = tasks, .n = n };

	if (out->json) {
		for (size_t i = 0; i < n; i++)
			show_json(out, tasks, &tasks[i], process);
		return;
	}
	if (!n)
		out_line(out, "no tasks: no event loop of asyncio has any");
	if (tree_init(&t)) {
		for (size_t i = 0; i < n; i++)
			if (!tasks[t.order[i]].nby)
				show_node(&t, t.order[i], 0);
		/* those that wait for each other in a circle */
		for (size_t i = 0; i < n; i++)
			if (!t.shown[t.order[i]])
				show_node(&t, t.order[i], 0);
	}
	tree_deinit(&t);
}

/* ---- who waits for the task of a thread ---- */

struct chain {
	struct session_task *tasks;
	size_t n;
	size_t of[CHAIN_MAX]; /* the task itself, then who waits for it, and so on */
	size_t len;
};

static void chain_deinit(struct chain *c)
{
	if (c->tasks)
		session_tasks_free(c->tasks, c->n);
}

static bool chain_has(const struct chain *c, size_t i)
{
	for (size_t k = 0; k < c->len; k++)
		if (c->of[k] == i)
			return true;
	return false;
}

static bool chain_read(struct shell *sh, pid_t tid, struct chain *c)
{
	char *name = NULL;
	uint64_t task;
	size_t i;

	*c = (struct chain){ 0 };
	if (session_task_of(sh->s, tid, &task, &name))
		return false;
	free(name);
	if (session_tasks(sh->s, &c->tasks, &c->n))
		return false;
	for (i = 0; i < c->n && c->tasks[i].task != task; i++)
		;
	while (i < c->n && c->len < CHAIN_MAX && !chain_has(c, i)) {
		c->of[c->len++] = i;
		i = c->tasks[i].nby ? c->tasks[i].by[0] : c->n;
	}
	return c->len > 0;
}

static void show_waiting(struct out *out, const struct session_task *t)
{
	out_add(out, OUT_PLAIN, "  ");
	tasks_add_name(out, t->task, t->name);
	for (size_t i = 0; i < t->nplaces; i++) {
		out_add(out, OUT_PLAIN, i ? ", " : " at ");
		out_add(out, OUT_CYAN, "%s()", t->places[i].function);
		out_add(out, OUT_PLAIN, " %s:%d", t->places[i].file, t->places[i].line);
	}
	out_add(out, OUT_PLAIN, " awaits");
	out_end(out);
}

void tasks_show_chain(struct shell *sh, pid_t tid)
{
	_cleanup_(chain_deinit) struct chain c;

	if (!chain_read(sh, tid, &c))
		return;
	for (size_t k = c.len; k-- > 1;)
		show_waiting(sh->out, &c.tasks[c.of[k]]);
	out_add(sh->out, OUT_PLAIN, "  ");
	tasks_add_name(sh->out, c.tasks[c.of[0]].task, c.tasks[c.of[0]].name);
	out_line(sh->out, ", which runs here:");
}

void tasks_js_chain(struct shell *sh, pid_t tid, json_t *stack)
{
	_cleanup_(chain_deinit) struct chain c;
	json_t *by;

	if (!stack || !chain_read(sh, tid, &c))
		return;
	json_object_set_new(stack, "task",
			    tasks_js_name(c.tasks[c.of[0]].task, c.tasks[c.of[0]].name));
	by = json_array();
	for (size_t k = 1; by && k < c.len; k++) {
		const struct session_task *t = &c.tasks[c.of[k]];
		json_t *j = tasks_js_name(t->task, t->name);

		if (j)
			json_object_set_new(j, "frames", js_places(t));
		json_array_append_new(by, j);
	}
	json_object_set_new(stack, "awaited_by", by);
}

/* ---- the command ---- */

int cmd_tasks(struct shell *sh, const char *args, struct err *err)
{
	struct session_task *tasks = NULL;
	uint64_t us = 0;
	size_t n = 0;
	bool still, was;
	int r;

	(void)args;
	r = shell_still_begin(sh, err, &still);
	if (r < 0)
		return r;
	was = still;
	r = session_tasks(sh->s, &tasks, &n);
	shell_still_end(sh, &still, &us);
	if (r)
		return err_set(err, r, "pid %d: its tasks cannot be read: %s", sh->pid,
			       strerror(-r));
	tasks_show(sh->out, tasks, n, 0);
	if (was)
		out_note(sh->out, "(the target is running: it stood still for %.1f ms)",
			 (double)us / 1000);
	session_tasks_free(tasks, n);
	return 0;
}
