// SPDX-License-Identifier: BSD-2-Clause
#include "trace/load.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/err.h"

/*
 * What the verifier says of one program: libbpf asks for it only when the first try has failed
 * (bpf_object_load_prog() of its libbpf.c), so that nothing of it becomes memory where all is well.
 * Older kernels keep the beginning of what is longer.
 */
#define LOG_BYTES (16u << 20)

struct logs {
	char *area;
	size_t bytes;
};

static void logs_init(struct logs *l, struct bpf_object *obj)
{
	struct bpf_program *prog;
	size_t n = 0;

	*l = (struct logs){ .area = NULL };
	bpf_object__for_each_program(prog, obj) n++;
	l->bytes = n * LOG_BYTES;
	l->area = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l->area == MAP_FAILED) {
		l->area = NULL; /* then without */
		return;
	}
	n = 0;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_log_buf(prog, l->area + n++ * LOG_BYTES, LOG_BYTES);
}

/* The program that something is said of, and in *ret what; NULL: none */
static const char *logs_said(const struct logs *l, struct bpf_object *obj, char **ret)
{
	struct bpf_program *prog;
	size_t n = 0;

	if (!l->area)
		return NULL;
	bpf_object__for_each_program(prog, obj)
	{
		*ret = l->area + n++ * LOG_BYTES;
		if (**ret)
			return bpf_program__name(prog);
	}
	return NULL;
}

static void logs_deinit(struct logs *l, struct bpf_object *obj)
{
	struct bpf_program *prog;

	if (!l->area)
		return;
	bpf_object__for_each_program(prog, obj) bpf_program__set_log_buf(prog, NULL, 0);
	munmap(l->area, l->bytes);
}

/* The verifier's figures, which come behind its reason (kernel/bpf/verifier.c,
 * print_verification_stats()). */
static int is_figures(const char *line)
{
	return !strncmp(line, "processed ", 10) || !strncmp(line, "verification time", 17) ||
	       !strncmp(line, "stack depth", 11);
}

/* The last line of a log that says something; the log is cut there. */
static const char *last_line(char *log)
{
	char *end = log + strnlen(log, LOG_BYTES - 1), *line;

	*end = 0;
	for (;;) {
		while (end > log && end[-1] == '\n')
			*--end = 0;
		line = strrchr(log, '\n');
		line = line ? line + 1 : log;
		if (line == log || !is_figures(line))
			return line;
		end = line;
	}
}

static int load_err(int r, const char *who, const struct logs *l, struct bpf_object *obj,
		    struct err *err)
{
	char *log = NULL;
	const char *name = logs_said(l, obj, &log);

	if (r == -ENOSYS)
		return err_set(err, r, "%sthis kernel has no BPF (CONFIG_BPF_SYSCALL)", who);
	if (r == -ENOMEM)
		return err_set(err, r, "%sno memory for a BPF program", who);
	if (r == -EMFILE)
		return err_set(err, r, "%stoo many files are open for a BPF program: `ulimit -n`",
			       who);
	if (r == -EPERM || (r == -EACCES && !name))
		return err_set(err, -EPERM, "%smay not load a BPF program: %s", who,
			       geteuid() ? "run as root, or with CAP_BPF and CAP_PERFMON"
					 : "root lacks CAP_BPF or CAP_PERFMON here (a container?)");
	if (!name)
		return err_set(err, -EOPNOTSUPP,
			       "%sthis kernel refuses a BPF program: %s (6.1 or later is needed)",
			       who, strerror(-r));
	return err_set(err, -EOPNOTSUPP,
		       "%sthis kernel's verifier refuses the BPF program '%s': %.200s; 6.1 or "
		       "later is needed: if it is, report this line with `uname -r`",
		       who, name, last_line(log));
}

int load_skeleton(struct bpf_object_skeleton *s, const char *who, struct err *err)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* the edges speak, not the libraries */
	struct logs logs;
	int r;

	logs_init(&logs, *s->obj);
	r = bpf_object__load_skeleton(s);
	if (r)
		r = load_err(r, who, &logs, *s->obj, err);
	logs_deinit(&logs, *s->obj);
	libbpf_set_print(print);
	return r;
}

int share_maps(struct bpf_object *obj, const struct bpf_object *of)
{
	struct bpf_map *map, *theirs;
	int r = 0;

	bpf_object__for_each_map(map, obj)
	{
		if (bpf_map__is_internal(map)) /* its own constants */
			continue;
		theirs = bpf_object__find_map_by_name(of, bpf_map__name(map));
		if (theirs)
			r = bpf_map__reuse_fd(map, bpf_map__fd(theirs));
		if (r)
			return r;
	}
	return 0;
}
