// SPDX-License-Identifier: BSD-2-Clause
/*
 * old_kernel COMMAND [ARG...]: run it as on a kernel whose BPF programs may call no function of the
 * kernel but bpf_rdonly_cast() (Linux 6.2): what needs others (bpf/wait.bpf.h: Linux 6.18) is not
 * loaded. All else is this kernel.
 * The command keeps our process id. Somebody else answers its bpf(BPF_PROG_LOAD), by
 * SECCOMP_RET_USER_NOTIF.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/cleanup.h"

#define INSNS_MAX (1 << 20)

static int32_t rdonly_cast; /* its number, or negative */

static int32_t number_of(const char *function)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int32_t r = -ENOENT;

	if (btf)
		r = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	btf__free(btf);
	return r;
}

/* The listener's descriptor in this process, or -1. */
static int install(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_PROG_LOAD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &prog);
}

/* Does the program that is being loaded call another function of the kernel? */
static bool calls_kernel(const struct seccomp_notif *req)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_close_ int fd = -1;
	union bpf_attr attr = { 0 };
	size_t size = req->data.args[2] < sizeof(attr) ? req->data.args[2] : sizeof(attr);
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/mem", req->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &attr, size, (off_t)req->data.args[1]) != (ssize_t)size ||
	    attr.insn_cnt > INSNS_MAX)
		return false;
	size = attr.insn_cnt * sizeof(*insns);
	insns = malloc(size ? size : 1);
	if (!insns || pread(fd, insns, size, (off_t)attr.insns) != (ssize_t)size)
		return false;
	for (uint32_t i = 0; i < attr.insn_cnt; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) &&
		    insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL && insns[i].imm != rdonly_cast)
			return true;
	return false;
}

/* Until nobody is left whom the filter is on. */
static int answer(int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };

	while (poll(&pfd, 1, -1) == 1 && !(pfd.revents & POLLHUP)) {
		struct seccomp_notif req = { 0 };
		struct seccomp_notif_resp resp = { 0 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req))
			continue; /* it was killed meanwhile */
		resp.id = req.id;
		if (calls_kernel(&req))
			resp.error = -EINVAL;
		else
			resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
	return 0;
}

/* In a process of its own: told through `in` which descriptor of that process is the listener. */
static int serve(pid_t pid, int in, int out)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), theirs, fd;

	if (pidfd < 0 || read(in, &theirs, sizeof(theirs)) != sizeof(theirs))
		return 1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	if (fd < 0 || write(out, "", 1) != 1)
		return 1;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	close(in);
	close(out);
	return answer(fd);
}

int main(int argc, char **argv)
{
	int to[2], from[2], listener;
	pid_t pid = getpid(), child;
	char byte;

	if (argc < 2 || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return 2;
	rdonly_cast = number_of("bpf_rdonly_cast");
	/* No child of ours: the command waits for any that it has. */
	child = fork();
	if (!child) {
		close(to[1]); /* its end tells that the command has ended early */
		_exit(fork() ? 0 : serve(pid, to[0], from[1]));
	}
	waitpid(child, NULL, 0);
	close(from[1]);
	listener = install();
	if (child < 0 || listener < 0 || write(to[1], &listener, sizeof(listener)) < 0 ||
	    read(from[0], &byte, 1) != 1) {
		perror("old_kernel");
		return 2;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 2;
}
