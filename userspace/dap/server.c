// SPDX-License-Identifier: BSD-2-Clause
#include "dap/server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "dap/dap.h"

#define SESSIONS_MAX 16

static const char help[] =
	"usage: pybpfdbg dap [--listen HOST:PORT | --socket PATH]\n"
	"serve the Debug Adapter Protocol; on standard input and output unless told otherwise\n\n"
	"  --listen HOST:PORT  serve TCP (:PORT is loopback, port 0 any); `attach` needs the "
	"token\n"
	"                      that is printed, or that PYBPFDBG_TOKEN holds\n"
	"  --socket PATH       serve a unix socket; a client may attach to processes of its own "
	"user\n";

struct server {
	int fd; /* that accepts */
	bool unix_socket;
	const char *token; /* TCP only */
	unsigned sessions;
};

static int fail(const char *what, const char *on, int e)
{
	fprintf(stderr, "pybpfdbg: dap: %s %s: %s\n", what, on, strerror(e));
	return 1;
}

/* A client in a process of its own: whatever it does, the others are not harmed. */
static void serve_child(const struct server *sv, int fd)
{
	struct dap_peer peer = { 0 };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	sigset_t none;
	int r = 0;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(sv->fd);
	if (sv->unix_socket) {
		r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ? -errno : 0;
		peer = (struct dap_peer){
			.known = true, .uid = cred.uid, .gid = cred.gid, .pid = cred.pid
		};
	}
	peer.token = sv->token;
	_exit(r || dap_serve(fd, fd, &peer) ? 1 : 0);
}

static void accept_one(struct server *sv)
{
	_cleanup_close_ int fd = accept4(sv->fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (fd < 0 || sv->sessions >= SESSIONS_MAX) {
		if (fd >= 0)
			fprintf(stderr,
				"pybpfdbg: dap: %d sessions are open: one more is refused\n",
				SESSIONS_MAX);
		return;
	}
	pid = fork();
	if (!pid)
		serve_child(sv, fd);
	if (pid < 0)
		fprintf(stderr, "pybpfdbg: dap: fork: %s\n", strerror(errno));
	else
		sv->sessions++;
}

static int serve(struct server *sv)
{
	_cleanup_close_ int sigfd = -1;
	struct signalfd_siginfo si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (sigfd < 0)
		return fail("signalfd", "", errno);
	for (;;) {
		struct pollfd fds[2] = { { .fd = sv->fd, .events = POLLIN },
					 { .fd = sigfd, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail("poll", "", errno);
		while (read(sigfd, &si, sizeof(si)) == sizeof(si))
			if (si.ssi_signo != SIGCHLD)
				return 0; /* each session sees its client go by itself */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			sv->sessions--;
		if (fds[0].revents)
			accept_one(sv);
	}
}

static int listen_unix(const char *path, struct server *sv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return fail("socket", path, ENAMETOOLONG);
	strcpy(sa.sun_path, path);
	sv->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sv->fd < 0)
		return fail("socket", path, errno);
	/* who may connect is asked of each client, so everybody may try */
	mask = umask(0);
	r = bind(sv->fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(sv->fd, SESSIONS_MAX) ? errno
											     : 0;
	umask(mask);
	sv->unix_socket = true;
	if (r)
		return fail("socket", path, r);
	fprintf(stderr, "pybpfdbg: dap: listening on %s\n", path);
	return 0;
}

/* "HOST:PORT", "[::1]:PORT", ":PORT" */
static int listen_tcp(const char *where, struct server *sv)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					       .ai_flags = AI_NUMERICSERV };
	_cleanup_free_ char *host = strdup(where);
	char *colon = host ? strrchr(host, ':') : NULL, *name = host;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct addrinfo *ai;
	char port[16];
	int r, one = 1;

	if (!colon)
		return fail("--listen", where, EINVAL);
	*colon = '\0';
	if (*name == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	r = getaddrinfo(*name ? name : "127.0.0.1", colon + 1, &hints, &ai);
	if (r) {
		fprintf(stderr, "pybpfdbg: dap: %s: %s\n", where, gai_strerror(r));
		return 1;
	}
	sv->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = sv->fd < 0 || setsockopt(sv->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(sv->fd, ai->ai_addr, ai->ai_addrlen) || listen(sv->fd, SESSIONS_MAX) ||
	    getsockname(sv->fd, (struct sockaddr *)&sa, &len);
	r = r ? errno : 0;
	freeaddrinfo(ai);
	if (r)
		return fail("cannot listen on", where, r);
	getnameinfo((struct sockaddr *)&sa, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	fprintf(stderr, "pybpfdbg: dap: listening on %s:%s, token %s\n", *name ? name : "127.0.0.1",
		port, sv->token);
	return 0;
}

static int make_token(char buf[static 33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(buf + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int usage(const char *what)
{
	fprintf(stderr,
		"pybpfdbg: dap: %s (usage: pybpfdbg dap [--listen HOST:PORT | --socket PATH])\n",
		what);
	return 2;
}

/* Standard output is the protocol: whatever else would write there goes to standard error. */
static int serve_stdio(void)
{
	struct dap_peer peer = { 0 };
	_cleanup_close_ int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return fail("standard output", "", errno);
	return dap_serve(STDIN_FILENO, out, &peer) ? 1 : 0;
}

int dap_main(int argc, char **argv)
{
	static const struct option longopts[] = { { "listen", required_argument, NULL, 'l' },
						  { "socket", required_argument, NULL, 's' },
						  { "help", no_argument, NULL, 'h' },
						  { NULL, 0, NULL, 0 } };
	const char *tcp = NULL, *path = NULL;
	struct server sv = { .fd = -1 };
	char token[33];
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (c != 'l' && c != 's')
			return usage(c == ':' ? "an option needs an argument"
					      : "that option is not known");
		*(c == 'l' ? &tcp : &path) = optarg;
	}
	if (optind != argc || (tcp && path))
		return usage("one of --listen and --socket, and nothing else");
	signal(SIGPIPE, SIG_IGN);
	if (!tcp && !path)
		return serve_stdio();
	if (tcp) {
		sv.token = getenv("PYBPFDBG_TOKEN");
		r = sv.token && *sv.token ? 0 : make_token(token);
		if (r)
			return fail("token", "", -r);
		if (!sv.token || !*sv.token)
			sv.token = token;
	}
	r = tcp ? listen_tcp(tcp, &sv) : listen_unix(path, &sv);
	if (!r)
		r = serve(&sv);
	if (sv.unix_socket && !r)
		unlink(path);
	cleanup_close(&sv.fd);
	return r;
}
