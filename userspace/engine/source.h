/* SPDX-License-Identifier: BSD-2-Clause */
/* Source lines of files as the target sees them: its root, its mounts. */
#ifndef PYBPFDBG_ENGINE_SOURCE_H
#define PYBPFDBG_ENGINE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source;	     /* opaque: one file, read whole */
struct source_cache; /* opaque */
struct target;

#define SOURCE_SIZE_MAX (16u << 20) /* bytes of a file that are looked at */

int source_cache_new(const struct target *t, struct source_cache **ret);
void source_cache_free(struct source_cache *c); /* NULL is fine */

/*
 * The file named path (absolute), read again when it changed on disk. Borrowed until the next call
 * with this cache. -ENOENT and other errors of open; -EFBIG; -EINVAL: not a regular file; -ENOMEM.
 */
int source_get(struct source_cache *c, const char *path, struct source **ret);

size_t source_lines(const struct source *s);
/* Line n, from 1, as UTF-8 without its end of line; borrowed from s. -ENOENT when there is none. */
int source_line(const struct source *s, int32_t n, const char **ret);

#endif
