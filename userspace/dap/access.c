// SPDX-License-Identifier: BSD-2-Clause
#include "dap/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <syslog.h>
#include <unistd.h>

#include "base/err.h"
#include "dap/dap.h"

static bool is_limited(const struct dap_peer *peer)
{
	return peer->known && peer->uid != 0;
}

/* Real, effective, saved and file-system user id of a process: all must be the same. */
static int uid_of(pid_t pid, uid_t *ret, bool *ret_same)
{
	char path[32], line[256];
	unsigned r, e, s, f;
	int found = -ESRCH;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	while (found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Uid: %u %u %u %u", &r, &e, &s, &f) != 4)
			continue;
		*ret = r;
		*ret_same = r == e && r == s && r == f;
		found = 0;
	}
	fclose(file);
	return found;
}

int access_check(const struct dap_peer *peer, pid_t pid, struct err *err)
{
	bool same = false;
	uid_t uid = 0;
	int r;

	if (!is_limited(peer))
		return 0;
	r = uid_of(pid, &uid, &same);
	if (r)
		return err_set(err, r, "pid %d: there is no such process", pid);
	if (uid != peer->uid || !same)
		return err_set(err, -EPERM,
			       "pid %d belongs to another user: user %u may attach to processes of "
			       "its own only",
			       pid, peer->uid);
	return 0;
}

void access_log(const struct dap_peer *peer, pid_t pid, int result)
{
	const char *what = result ? strerror(-result) : "attached";

	openlog("pybpfdbg", LOG_PID, LOG_AUTHPRIV);
	if (peer->known)
		syslog(LOG_NOTICE, "user %u (pid %d) attaches to pid %d: %s", peer->uid, peer->pid,
		       pid, what);
	else
		syslog(LOG_NOTICE, "user %u attaches to pid %d: %s", getuid(), pid, what);
	closelog();
}

/* The groups of a user; 0 or -errno. */
static int take_groups(const struct dap_peer *peer)
{
	const struct passwd *pw = getpwuid(peer->uid);

	if (pw)
		return initgroups(pw->pw_name, peer->gid) ? -errno : 0;
	return setgroups(1, &peer->gid) ? -errno : 0;
}

/* Ours; 0 or -errno. */
static int keep_groups(struct access_kept *ret)
{
	int n = getgroups(0, NULL);
	gid_t *groups = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*groups));

	if (!groups)
		return n < 0 ? -errno : -ENOMEM;
	n = getgroups(n, groups);
	if (n < 0) {
		n = -errno;
		free(groups);
		return n;
	}
	*ret = (struct access_kept){ groups, (size_t)n };
	return 0;
}

int access_drop(const struct dap_peer *peer, struct access_kept *ret)
{
	int r;

	if (!is_limited(peer))
		return 0;
	r = keep_groups(ret);
	if (!r)
		r = take_groups(peer);
	if (r) {
		access_restore(peer, ret);
		return r;
	}
	setfsgid(peer->gid);
	setfsuid(peer->uid);
	/* they tell what was, not whether it worked */
	if ((uid_t)setfsuid((uid_t)-1) == peer->uid && (gid_t)setfsgid((gid_t)-1) == peer->gid)
		return 0;
	access_restore(peer, ret);
	return -EPERM;
}

void access_restore(const struct dap_peer *peer, struct access_kept *kept)
{
	if (!is_limited(peer))
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
	if (kept->groups)
		(void)setgroups(kept->n, kept->groups);
	free(kept->groups);
	*kept = (struct access_kept){ 0 };
}
