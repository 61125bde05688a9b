// SPDX-License-Identifier: BSD-2-Clause
#include "target/where.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/priv.h"
#include "target/target.h"

#define LIBC_MAX (8u << 20) /* bytes that are searched for its version */

static const struct {
	const char *name, *file;
} namespaces[WHERE_NAMESPACES] = {
	{ "mount", "mnt" },   { "pid", "pid" }, { "user", "user" },
	{ "network", "net" }, { "uts", "uts" },
};

const char *where_name(unsigned i)
{
	return namespaces[i].name;
}

/* Do two names mean one file? 1, 0 or -errno. */
static int is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) || stat(b, &y))
		return errno == ENOENT ? -ESRCH : -errno;
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* 1, 0 or -errno. */
static int has_own(const struct target *t, unsigned i)
{
	char theirs[64], ours[64];
	int r;

	snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", target_pid(t), namespaces[i].file);
	snprintf(ours, sizeof(ours), "/proc/self/ns/%s", namespaces[i].file);
	r = is_same_file(theirs, ours);
	return r < 0 ? r : !r;
}

/* The last number of the NSpid line (proc_pid_status(5)). */
static pid_t inner_of(const struct target *t)
{
	_cleanup_free_ char *text = NULL;
	char *line, *end;
	size_t len;

	if (target_proc_read(t, target_task(t), "status", 1u << 20, &text, &len))
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	end = strchr(line + 1, '\n');
	if (end)
		*end = '\0';
	line = strrchr(line + 1, '\t');
	return line ? atoi(line + 1) : 0;
}

pid_t where_inner(const struct target *t)
{
	return has_own(t, 1) > 0 ? inner_of(t) : 0;
}

static bool is_libc(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return !strcmp(name, "libc.so.6") || !strncmp(name, "ld-musl-", 8) ||
	       !strncmp(name, "libc-2.", 7);
}

/* The path of its C library, as it sees it; malloc'ed, NULL: none. */
static char *find_libc(const struct target *t)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;
	size_t len;

	if (target_proc_read(t, target_task(t), "maps", 64u << 20, &text, &len))
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *path = strchr(line, '/');

		if (path && is_libc(path))
			return strdup(target_in_root(t, path));
	}
	return NULL;
}

/* "... stable release version 2.36." (glibc, csu/version.c) */
static void read_version(const struct target *t, const char *libc, char ret[static 32])
{
	static const char before[] = "release version ";
	_cleanup_free_ char *buf = malloc(LIBC_MAX);
	_cleanup_close_ int fd = target_open_file(t, libc);
	const char *at;
	size_t len = 0, n = 0;
	ssize_t got;

	ret[0] = '\0';
	if (!buf || fd < 0)
		return;
	while (len < LIBC_MAX && (got = read(fd, buf + len, LIBC_MAX - len)) > 0)
		len += (size_t)got;
	at = memmem(buf, len, before, sizeof(before) - 1);
	if (!at)
		return;
	at += sizeof(before) - 1;
	while (n < 31 && at + n < buf + len && (at[n] == '.' || (at[n] >= '0' && at[n] <= '9')))
		n++;
	while (n && at[n - 1] == '.')
		n--;
	memcpy(ret, at, n);
	ret[n] = '\0';
}

int where_of(const struct target *t, struct where *ret)
{
	struct where w = { .inner = inner_of(t) };
	char path[64], root[PATH_MAX];
	ssize_t n;
	int r;

	for (unsigned i = 0; i < WHERE_NAMESPACES; i++) {
		r = has_own(t, i);
		if (r == -ESRCH)
			return r;
		w.own[i] = r > 0;
	}
	snprintf(path, sizeof(path), "/proc/%d/root", target_pid(t));
	n = readlink(path, root, sizeof(root) - 1);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	root[n] = '\0';
	w.root = strdup(root);
	if (!w.root)
		return -ENOMEM;
	w.chroot = is_same_file(path, "/proc/self/root") == 0;
	w.libc = find_libc(t);
	if (w.libc)
		read_version(t, w.libc, w.version);
	*ret = w;
	return 0;
}

void where_deinit(struct where *w)
{
	free(w->root);
	free(w->libc);
}
