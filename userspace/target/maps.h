/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of /proc/PID/maps, parsed. */
#ifndef PYBPFDBG_TARGET_MAPS_H
#define PYBPFDBG_TARGET_MAPS_H

#include <stddef.h>

struct mem_region;

struct maps {
	struct mem_region *regions; /* ascending, never overlapping */
	size_t n;
	char *text; /* what the regions' paths point into */
};

/*
 * Parse len bytes of text, which must be malloc'ed, with room for one more byte; it is owned by
 * *ret on success and by the caller on failure. -EBADMSG: a line that the kernel would not write;
 * -ENOMEM.
 */
int maps_parse(char *text, size_t len, struct maps *ret);
void maps_deinit(struct maps *m);

#endif
