/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of target/ know of each other. Not for anybody else. */
#ifndef PYBPFDBG_TARGET_PRIV_H
#define PYBPFDBG_TARGET_PRIV_H

#include "base/mem.h"
#include "base/sym.h"
#include "target/maps.h"

struct module;

struct target {
	pid_t pid;
	int pidfd;
	int root;	 /* O_PATH of its root directory */
	char *root_path; /* as the kernel names it to us; "" for the same root as ours */
	char *exe_raw;	 /* link of /proc/PID/exe, as maps has it */
	char *exe, *cwd; /* in its own root */
	struct mem mem;
	struct sym sym;
	int mem_file; /* /proc/PID/mem where process_vm_readv is not available, else -1 */
	struct maps maps;
	struct {
		struct sym_module *pub;
		struct module *priv;
		size_t n, cap;
		bool current;
	} modules;
};

/* A thread that still has the process's memory: the leader, or another when the leader has ended.
 */
pid_t target_task(const struct target *t);
/* Read a whole file of /proc/PID/task/TID, at most limit bytes, malloc'ed with a NUL and room for
 * it. */
int target_proc_read(const struct target *t, pid_t tid, const char *name, size_t limit, char **ret,
		     size_t *ret_len);
/* A path that the kernel gave us, cut to what it is in the target's root. */
const char *target_in_root(const struct target *t, const char *path);
/* openat() of a regular file, nothing else is opened at all. fd or -errno. */
int target_reopen(int path_fd);

/* memory.c */
extern const struct mem_ops target_mem_ops;
/* 0 when its memory can be read, -EPERM, -ESRCH. */
int target_mem_init(struct target *t);

/* modules.c */
/* The file of module number i of sym_modules(), opened for reading: fd, -ESTALE when another has its name now, -errno. */
int target_open_module(struct target *t, size_t i);
extern const struct sym_ops target_sym_ops;
void target_modules_deinit(struct target *t);

#endif
