// SPDX-License-Identifier: BSD-2-Clause
/* Who descends from a process, and where it lives. */
#include <errno.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "lib_cu.h"
#include "target/kin.h"
#include "target/target.h"
#include "target/where.h"

/* A child that has a child; both wait until the pipe is closed. Returns the child, the other in
 * *ret. */
static pid_t start(int keep[2], pid_t *ret)
{
	int told[2];
	pid_t pid;
	char c;

	if (pipe(keep) || pipe(told))
		return -1;
	pid = fork();
	if (!pid) {
		/* what /proc/PID/stat writes as it is */
		prctl(PR_SET_NAME, "a) R 1 (b");
		close(keep[1]);
		pid = fork();
		if (pid)
			(void)!write(told[1], &pid, sizeof(pid));
		(void)!read(keep[0], &c, 1);
		if (pid)
			waitpid(pid, NULL, 0);
		_exit(0);
	}
	*ret = 0;
	(void)!read(told[0], ret, sizeof(*ret));
	close(told[0]);
	close(told[1]);
	return pid;
}

static void test_all_below(void)
{
	struct kin *kin = NULL;
	pid_t child, grandchild;
	size_t n = 0;
	int keep[2];

	child = start(keep, &grandchild);
	CU_ASSERT_TRUE(child > 0 && grandchild > 0);
	CU_ASSERT_EQUAL(kin_of(getpid(), &kin, &n), 0);
	CU_ASSERT_EQUAL(n, 3);
	if (n == 3) {
		CU_ASSERT_EQUAL(kin[0].pid, getpid());
		CU_ASSERT_EQUAL(kin[0].parent, getppid());
		CU_ASSERT_EQUAL(kin[1].pid, child);
		CU_ASSERT_EQUAL(kin[1].parent, getpid());
		CU_ASSERT_EQUAL(kin[2].pid, grandchild);
		CU_ASSERT_EQUAL(kin[2].parent, child);
	}
	free(kin);
	close(keep[0]);
	close(keep[1]);
	waitpid(child, NULL, 0);
	CU_ASSERT_EQUAL(kin_of(child, &kin, &n), -ESRCH);
}

static void test_where_we_are(void)
{
	struct err err = { 0 };
	struct target *t = NULL;
	struct where w;
	char version[32];

	CU_ASSERT_EQUAL(target_open(getpid(), &err, &t), 0);
	if (!t)
		return;
	CU_ASSERT_EQUAL(where_inner(t), 0);
	CU_ASSERT_EQUAL(where_of(t, &w), 0);
	for (unsigned i = 0; i < WHERE_NAMESPACES; i++)
		CU_ASSERT_FALSE(w.own[i]);
	CU_ASSERT_FALSE(w.chroot);
	CU_ASSERT_EQUAL(w.inner, getpid());
	CU_ASSERT_PTR_NOT_NULL(w.libc);
	strncpy(version, gnu_get_libc_version(), sizeof(version) - 1);
	version[sizeof(version) - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(w.version, version);
	where_deinit(&w);
	target_free(t);
}

static const struct cu_test tests[] = { CU_T(test_all_below), CU_T(test_where_we_are) };

int main(int argc, char **argv)
{
	return CU_MAIN("kin", tests, argc, argv);
}
