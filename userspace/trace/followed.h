/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes a kernel side follows, and what it counts of each (bpf/follow.bpf.c). */
#ifndef PYBPFDBG_TRACE_FOLLOWED_H
#define PYBPFDBG_TRACE_FOLLOWED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct abi_process_hits;
struct follow_bpf;
struct pidns;
struct watch_bpf;

struct followed {
	struct follow_bpf *skel; /* NULL: nothing that is forked is followed */
};

/* Before the object is loaded, if followed_begin() may follow. children: hits are counted by process. */
void followed_prepare(struct watch_bpf *skel, bool children);
/* From now on what a followed process forks is followed. 0 or -errno. */
int followed_begin(struct followed *f, struct watch_bpf *skel);
void followed_end(struct followed *f);
/* Follow a process of the target's pid namespace, whose memory has every place where the target has it. 0 or -errno. */
int followed_add(struct watch_bpf *skel, const struct pidns *ns);
/* The same, no more: by its number there, or by ours where that is not known. 0, -ESRCH or -errno. */
int followed_remove(struct watch_bpf *skel, pid_t inner, pid_t ours);
/* `places` or `followed` were changed: what programs have put aside holds no more (bpf/maps.bpf.h). 0 or -errno. */
int epoch_next(struct watch_bpf *skel);
/* Our number for a process by the target's pid namespace; 0: it is not followed (any more). */
pid_t followed_ours(struct watch_bpf *skel, uint32_t tgid);
/* Call fn for each process in which that rule state has hits. Non-zero from fn ends it and is returned. */
int followed_hits(struct watch_bpf *skel, uint32_t state, int (*fn)(void *priv, pid_t pid, uint64_t hits), void *priv);

#endif
