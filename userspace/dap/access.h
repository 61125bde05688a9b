/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may attach to what, and with whose rights files are opened. */
#ifndef PYBPFDBG_DAP_ACCESS_H
#define PYBPFDBG_DAP_ACCESS_H

#include <stddef.h>
#include <sys/types.h>

struct dap_peer;
struct err;

/*
 * May this client look at that process? A client of the unix socket only at those of its own user (all its
 * user ids), root at any; without a peer the kernel decides. 0, -EPERM or -ESRCH with a line.
 */
int access_check(const struct dap_peer *peer, pid_t pid, struct err *err);
/* "Who attached to whom" to syslog; result: 0 or a negative errno. */
void access_log(const struct dap_peer *peer, pid_t pid, int result);

/* The supplementary groups that were laid down. Zeroed before access_drop(), freed by access_restore(). */
struct access_kept {
	gid_t *groups;
	size_t n;
};
/*
 * Between the two, files are opened with the client's rights: a target may name any file as its source. 0 or
 * -errno (then nothing has changed). Without a peer, or for root, nothing happens.
 */
int access_drop(const struct dap_peer *peer, struct access_kept *ret);
void access_restore(const struct dap_peer *peer, struct access_kept *kept);

#endif
