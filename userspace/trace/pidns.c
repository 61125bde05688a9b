// SPDX-License-Identifier: BSD-2-Clause
#include "trace/pidns.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The innermost number of the NSpid line of /proc/.../status (proc_pid_status(5)); 0 when there is
 * none. */
static pid_t innermost(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];
	pid_t pid = 0;

	if (!f)
		return 0;
	while (!pid && fgets(line, sizeof(line), f)) {
		char *last;

		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		pid = last ? atoi(last + 1) : 0;
	}
	fclose(f);
	return pid;
}

int pidns_of(pid_t pid, struct pidns *ret)
{
	struct stat theirs, own;
	char path[64];
	pid_t inner;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	if (stat(path, &theirs))
		return errno == ENOENT ? -ESRCH : -errno;
	if (stat("/proc/self/ns/pid", &own))
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	inner = innermost(path);
	if (!inner)
		return -ESRCH;
	ret->dev = theirs.st_dev;
	ret->ino = theirs.st_ino;
	ret->pid = inner;
	ret->ours = pid;
	ret->same = own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
	return 0;
}

pid_t pidns_inner(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	return innermost(path);
}

pid_t pidns_to_ours(const struct pidns *ns, pid_t tid)
{
	char path[64];
	struct dirent *e;
	pid_t found = 0;
	DIR *dir;

	if (ns->same)
		return tid;
	snprintf(path, sizeof(path), "/proc/%d/task", ns->ours);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!found && (e = readdir(dir)) != NULL) {
		pid_t ours = atoi(e->d_name);

		if (ours > 0 && pidns_inner(ns->ours, ours) == tid)
			found = ours;
	}
	closedir(dir);
	return found;
}
