/* SPDX-License-Identifier: BSD-2-Clause */
/* Lifetimes that end with the scope. */
#ifndef PYBPFDBG_BASE_CLEANUP_H
#define PYBPFDBG_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* A variable of type `T *` (any T), freed at the end of its scope. */
#define _cleanup_free_ _cleanup_(cleanup_free)
/* An int file descriptor, closed at the end of its scope unless negative. */
#define _cleanup_close_ _cleanup_(cleanup_close)

/* Hand a pointer on: evaluates to p and leaves NULL in p, so that its cleanup does nothing. */
#define take_ptr(p)                  \
	({                           \
		__auto_type _t = (p); \
		(p) = NULL;          \
		_t;                  \
	})

/* The same for a file descriptor: leaves -1. */
#define take_fd(fd)                 \
	({                          \
		int _t = (fd);      \
		(fd) = -1;          \
		_t;                 \
	})

/* DEFINE_CLEANUP(struct foo *, foo_free) makes cleanup_foo_free(struct foo **) for _cleanup_(). */
#define DEFINE_CLEANUP(type, fn)                         \
	static inline void cleanup_##fn(type *p)         \
	{                                                \
		if (*p)                                  \
			fn(*p);                          \
	}

#endif
