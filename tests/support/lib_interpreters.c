// SPDX-License-Identifier: BSD-2-Clause
#include "lib_interpreters.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char ask[] = "import sys; v = sys.version_info; "
			  "print('%d %d %d %d %d %d' % (v[0], v[1], v[2], sys.hexversion, "
			  "hasattr(sys, 'gettotalrefcount'), "
			  "'t' in sys.abiflags))";

struct list {
	struct interpreter *v;
	size_t n, cap;
	dev_t dev[64]; /* of what was seen, so that a link does not count twice */
	ino_t ino[64];
	size_t nseen;
};

pid_t interpreter_start(const struct interpreter *it, const char *const argv[], int *ret_out)
{
	const char *args[32] = { it->path };
	pid_t parent = getpid(), pid;
	int fds[2];

	for (size_t i = 0; argv[i]; i++) {
		if (i + 2 >= sizeof(args) / sizeof(args[0]))
			return -E2BIG;
		args[i + 1] = argv[i];
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		dup2(fds[1], STDOUT_FILENO);
		setenv("LC_ALL", "C.UTF-8", 1);
		unsetenv("PYTHONPATH");
		unsetenv("PYTHONHOME");
		unsetenv("PYTHON_JIT");
		if (it->root[0] && (chroot(it->root) < 0 || chdir("/") < 0))
			_exit(127);
		execv(it->path, (char *const *)args);
		_exit(127);
	}
	close(fds[1]);
	*ret_out = fds[0];
	return pid;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int interpreter_line(int out, char *buf, size_t size, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = out, .events = POLLIN };
		int64_t left = end - now_ms();
		char c;

		if (left <= 0 || poll(&p, 1, left) == 0)
			return -ETIMEDOUT;
		if (read(out, &c, 1) != 1)
			return -EPIPE;
		if (c == '\n')
			break;
		if (n + 1 < size)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return 0;
}

void interpreter_end(pid_t pid, int out)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (out >= 0)
		close(out);
}

static void add(struct list *l, const char *root, const char *path)
{
	const char *const argv[] = { "-c", ask, NULL };
	struct interpreter it = { 0 };
	unsigned v[3], debug, nogil;
	char full[1024], line[128];
	struct stat st;
	int out = -1, r;
	pid_t pid;

	if ((size_t)snprintf(it.root, sizeof(it.root), "%s", root) >= sizeof(it.root) ||
	    (size_t)snprintf(it.path, sizeof(it.path), "%s", path) >= sizeof(it.path))
		return;
	snprintf(full, sizeof(full), "%s%s", root, path);
	if (stat(full, &st) < 0 || l->nseen == 64)
		return;
	for (size_t i = 0; i < l->nseen; i++)
		if (l->dev[i] == st.st_dev && l->ino[i] == st.st_ino)
			return;
	l->dev[l->nseen] = st.st_dev;
	l->ino[l->nseen++] = st.st_ino;

	pid = interpreter_start(&it, argv, &out);
	if (pid < 0)
		return;
	r = interpreter_line(out, line, sizeof(line), 20000);
	interpreter_end(pid, out);
	if (r < 0 || sscanf(line, "%u %u %u %u %u %u", &v[0], &v[1], &v[2], &it.hexversion, &debug,
			    &nogil) != 6)
		return;
	it.minor = v[1];
	it.debug = debug;
	it.free_threaded = nogil;
	it.supported = v[0] == 3 && v[1] >= 6 && v[1] <= 15 && !nogil;
	snprintf(it.name, sizeof(it.name), "%s-%u.%u.%u%s%s",
		 root[0]		    ? "sid"
		 : strstr(path, "/.pyenv/") ? "pyenv"
					    : "debian",
		 v[0], v[1], v[2], debug ? "d" : "", nogil ? "t" : "");
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct interpreter *grown = realloc(l->v, cap * sizeof(*grown));

		if (!grown)
			return;
		l->v = grown;
		l->cap = cap;
	}
	l->v[l->n++] = it;
}

/* python3, python3.N, and with d, t, -dbg or -nogil behind it. */
static bool is_python(const char *path)
{
	const char *p = strrchr(path, '/');

	p = p ? p + 1 : path;
	if (strncmp(p, "python3", 7) != 0)
		return false;
	p += 7;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	return !*p || !strcmp(p, "d") || !strcmp(p, "t") || !strcmp(p, "-dbg") ||
	       !strcmp(p, "-nogil");
}

static void add_glob(struct list *l, const char *root, const char *pattern, bool check)
{
	char full[1024];
	glob_t g;

	snprintf(full, sizeof(full), "%s%s", root, pattern);
	if (glob(full, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (!check || is_python(g.gl_pathv[i]))
			add(l, root, g.gl_pathv[i] + strlen(root));
	globfree(&g);
}

static int compare(const void *a, const void *b)
{
	const struct interpreter *x = a, *y = b;

	if (x->hexversion != y->hexversion)
		return x->hexversion < y->hexversion ? -1 : 1;
	return x->debug - y->debug;
}

int interpreters_find(struct interpreter **ret, size_t *ret_n)
{
	const char *own = getenv("PYBPFDBG_PYTHONS"), *home = getenv("HOME"),
		   *user = getenv("SUDO_USER");
	const char *sid = getenv("PYBPFDBG_SID_ROOT");
	struct list l = { 0 };
	char buf[1024];

	if (own) {
		for (const char *p = own; *p;) {
			size_t n = strcspn(p, ":");

			snprintf(buf, sizeof(buf), "%.*s", (int)n, p);
			if (n)
				add(&l, "", buf);
			p += n + (p[n] == ':');
		}
	} else {
		struct passwd *pw = user ? getpwnam(user) : NULL;

		add(&l, "", "/usr/bin/python3");
		add_glob(&l, "", "/usr/bin/python3*", true);
		snprintf(buf, sizeof(buf), "%s/.pyenv/versions/*/bin/python3",
			 home ? home : "/root");
		add_glob(&l, "", buf, false);
		if (pw) {
			snprintf(buf, sizeof(buf), "%s/.pyenv/versions/*/bin/python3", pw->pw_dir);
			add_glob(&l, "", buf, false);
		}
		if (!sid || !*sid)
			sid = "/var/cache/pybpfdbg/sid";
		snprintf(buf, sizeof(buf), "%s/.complete", sid);
		if (geteuid() == 0 && access(buf, F_OK) == 0)
			add_glob(&l, sid, "/usr/bin/python3*", true);
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), compare);
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}
