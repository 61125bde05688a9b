// SPDX-License-Identifier: BSD-2-Clause
/*
 * trap_floor PID LOCATION: the trap of the watch engine with a BPF program that does nothing, until
 * it is interrupted: what every filter in the kernel is measured against.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/err.h"
#include "engine/session.h"
#include "trace/arm.h"

static int load_empty(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "empty", "GPL", insns, 2, NULL);
}

static int watch(struct session *s, const char *location, struct err *err)
{
	const struct bp_spec spec = { .location = location, .disabled = true };
	struct arm *arms[4];
	const struct bp *bp;
	int prog, id, r;

	r = session_break(s, &spec, err, &id);
	if (r)
		return r;
	prog = load_empty();
	if (prog < 0)
		return err_set(err, prog, "cannot load a BPF program: %s", strerror(-prog));
	bp = session_bp(s, id);
	for (size_t i = 0; !r && i < bp->nplaces && i < 4; i++) {
		const struct arm_watch w = { .addr = bp->places[i].address, .len = 1 };

		r = arm_new(&w, -1, prog, &arms[i]);
	}
	return r ? err_set(err, r, "cannot arm a watchpoint: %s", strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
	const struct session_options opt = { 0 };
	struct session *s = NULL;
	struct err err = { 0 };
	sigset_t set;
	int sig;

	if (argc != 3) {
		fputs("usage: trap_floor PID LOCATION\n", stderr);
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (session_attach(atoi(argv[1]), &opt, &err, &s) || watch(s, argv[2], &err)) {
		fprintf(stderr, "trap_floor: %s\n", err.text);
		return 1;
	}
	puts("armed");
	fflush(stdout);
	sigwait(&set, &sig);
	session_free(s);
	return 0;
}
