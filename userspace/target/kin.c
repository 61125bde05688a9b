// SPDX-License-Identifier: BSD-2-Clause
#include "target/kin.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* The parent of a process; -ESRCH: it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[32], line[512], *end;
	pid_t parent = -ESRCH;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	/* PID (COMM) STATE PPID: the comm may hold anything (proc_pid_stat(5)). */
	if (fgets(line, sizeof(line), f)) {
		end = strrchr(line, ')');
		if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
			parent = -ESRCH;
	}
	fclose(f);
	return parent;
}

struct all {
	VEC(struct kin) list;
};

static int read_all(struct all *all)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (!r && (e = readdir(dir)) != NULL) {
		pid_t pid = atoi(e->d_name), parent = pid > 0 ? parent_of(pid) : -ESRCH;

		if (parent >= 0)
			r = vec_push(&all->list, (struct kin){ pid, parent });
	}
	closedir(dir);
	return r;
}

int kin_of(pid_t pid, struct kin **ret, size_t *ret_n)
{
	struct all all = { 0 }, found = { 0 };
	pid_t parent = parent_of(pid);
	int r = parent < 0 ? parent : read_all(&all);

	if (!r)
		r = vec_push(&found.list, (struct kin){ pid, parent });
	/* The list grows as it is walked: the children of the first, then those of the second ...
	 */
	for (size_t i = 0; !r && i < found.list.n; i++)
		for (size_t k = 0; !r && k < all.list.n; k++)
			if (all.list.data[k].parent == found.list.data[i].pid)
				r = vec_push(&found.list, all.list.data[k]);
	vec_deinit(&all.list);
	if (r) {
		vec_deinit(&found.list);
		return r;
	}
	*ret = found.list.data;
	*ret_n = found.list.n;
	return 0;
}
