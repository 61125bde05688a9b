// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* As execs.bpf.c, for Linux 6.18: see wait.bpf.h. */
#define WAIT_618
#include "bpf/execs.bpf.c"
