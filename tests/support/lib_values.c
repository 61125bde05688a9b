// SPDX-License-Identifier: BSD-2-Clause
#include "lib_values.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lib_interpreters.h"
#include "probes/probe.h"
#include "target/target.h"

#define SCRIPT	  "tests/targets/values.py"
#define TIMEOUT_S 60

static char *read_file(const char *path)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	FILE *f = fopen(path, "r");
	char buf[4096];
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&sb, buf, n);
	fclose(f);
	return strbuf_take(&sb);
}

static char *read_said(int out)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	time_t end = time(NULL) + TIMEOUT_S;
	char buf[65536];

	while (time(NULL) < end) {
		struct pollfd p = { .fd = out, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 1000) <= 0)
			continue;
		n = read(out, buf, sizeof(buf));
		if (n <= 0)
			return NULL;
		strbuf_add(&sb, buf, n);
		if (sb.len >= 5 && strcmp(sb.data + sb.len - 5, "\nend\n") == 0)
			return strbuf_take(&sb);
	}
	return NULL;
}

int values_start(const struct interpreter *it, struct values_run *ret)
{
	_cleanup_free_ char *script = read_file(SCRIPT);
	const char *const argv[] = { "-c", script, NULL };

	*ret = (struct values_run){ .pid = -1, .out = -1 };
	if (!script)
		return -ENOENT;
	ret->pid = interpreter_start(it, argv, &ret->out);
	if (ret->pid < 0)
		return ret->pid;
	ret->said = read_said(ret->out);
	if (ret->said)
		return 0;
	printf("%s: %s did not come to its end\n", it->name, SCRIPT);
	values_end(ret);
	return -ETIMEDOUT;
}

int values_open(const struct interpreter *it, struct values_run *ret)
{
	struct probe_env env = { .cwd = "/" };
	struct err err = { 0 };
	uint64_t globals;
	int r;

	r = values_start(it, ret);
	if (r < 0)
		return r;
	env.pid = ret->pid;
	r = target_open(ret->pid, &err, &ret->target);
	if (r == 0)
		r = probes_open(target_mem(ret->target), target_sym(ret->target), &env, &err,
				&ret->interp);
	if (r < 0) {
		printf("%s: %s\n", it->name, err.text);
		return r;
	}
	mem_cache_on(target_mem(ret->target));
	r = ret->interp->ops->module_globals(ret->interp, "__main__", &globals);
	if (r == 0)
		r = ret->interp->ops->dict_get(ret->interp, globals, "VALUES", &ret->dict);
	return r;
}

void values_end(struct values_run *r)
{
	if (r->target)
		mem_cache_off(target_mem(r->target));
	probes_close(r->interp);
	target_free(r->target);
	interpreter_end(r->pid, r->out);
	free(r->said);
	*r = (struct values_run){ .pid = -1, .out = -1 };
}
