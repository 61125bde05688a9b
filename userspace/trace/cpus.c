// SPDX-License-Identifier: BSD-2-Clause
#include "trace/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/vec.h"

/* A decimal number below CPUS_MAX at *p; moves *p past it. */
static int number(const char **p, int *ret)
{
	int n = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (**p - '0');
		if (n >= CPUS_MAX)
			return -EINVAL;
	}
	*ret = n;
	return 0;
}

int cpus_parse(const char *text, int **ret, size_t *ret_n)
{
	VEC(int) cpus = { 0 };
	const char *p = text;
	int r = -EINVAL, from, to, last = -1;

	for (;;) {
		if (number(&p, &from))
			goto fail;
		to = from;
		if (*p == '-') {
			p++;
			if (number(&p, &to))
				goto fail;
		}
		if (from <= last || to < from)
			goto fail;
		for (last = to; from <= to; from++) {
			r = vec_push(&cpus, from);
			if (r)
				goto fail;
		}
		r = -EINVAL;
		if (*p != ',')
			break;
		p++;
	}
	if (*p != '\0' && strcmp(p, "\n"))
		goto fail;
	*ret = cpus.data;
	*ret_n = cpus.n;
	return 0;
fail:
	vec_deinit(&cpus);
	return r;
}

int cpus_online(int **ret, size_t *ret_n)
{
	_cleanup_close_ int fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return cpus_parse(text, ret, ret_n);
}

int cpus_parse_uevent(const char *msg, size_t len, struct cpu_event *ret)
{
	static const char path[] = "@/devices/system/cpu/cpu";
	const char *p = msg;
	bool online;
	int cpu;

	if (!memchr(msg, '\0', len))
		return 0;
	if (!strncmp(p, "online@", 7))
		online = true;
	else if (!strncmp(p, "offline@", 8))
		online = false;
	else
		return 0;
	p = strchr(p, '@');
	if (strncmp(p, path, sizeof(path) - 1))
		return 0;
	p += sizeof(path) - 1;
	if (number(&p, &cpu) || *p)
		return 0;
	ret->cpu = cpu;
	ret->online = online;
	return 1;
}

int cpus_listen(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 /* from the kernel */ };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return take_fd(fd);
}

int cpus_next(int fd, struct cpu_event *ret)
{
	for (;;) {
		char msg[8192];
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, msg, sizeof(msg), 0, (struct sockaddr *)&from, &len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* Others with the right may send to the group as well; only the kernel is number 0.
		 */
		if (from.nl_pid == 0 && cpus_parse_uevent(msg, (size_t)n, ret))
			return 1;
	}
}
