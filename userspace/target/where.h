/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a process lives: its namespaces, its root, its C library. A container is a process that differs from us in these. */
#ifndef PYBPFDBG_TARGET_WHERE_H
#define PYBPFDBG_TARGET_WHERE_H

#include <stdbool.h>
#include <sys/types.h>

struct target;

#define WHERE_NAMESPACES 5
struct where {
	bool own[WHERE_NAMESPACES]; /* where_name(): is that namespace another than ours? */
	pid_t inner;  /* its number in its own pid namespace */
	char *root;   /* "/" in ours, else where its root is, as we see it; what is mounted over it may not be shown by that name */
	bool chroot;  /* its root directory is not ours */
	char *libc;   /* as it sees it; NULL: none is mapped (a static executable) */
	char version[32]; /* of glibc; "" for others and where it cannot be read */
};

const char *where_name(unsigned i); /* "mount", "pid", "user", "net", "uts" */
/* 0, -ESRCH (it is gone), -ENOMEM or -errno. */
int where_of(const struct target *t, struct where *ret);
void where_deinit(struct where *w);

/* The number of a process in its own pid namespace where that is not ours; 0: it is ours, or it is gone. */
pid_t where_inner(const struct target *t);

#endif
