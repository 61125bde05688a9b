/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a command that follows a process stays armed when nobody is there to end it: --for, else PYBPFDBG_LIFETIME (as --for), else an
 * hour.
 */
#ifndef PYBPFDBG_CLI_LIFETIME_H
#define PYBPFDBG_CLI_LIFETIME_H

struct err;
struct out;

/* That of a command without --for, in milliseconds. 0, or -EINVAL with a line: the variable is no time. */
int lifetime_default(struct err *err, unsigned *ret_ms);
/* Say that everything will be disarmed after ms. */
void lifetime_will_end(struct out *out, unsigned ms);
/* Say that it was. */
void lifetime_is_over(struct out *out, unsigned ms);

#endif
