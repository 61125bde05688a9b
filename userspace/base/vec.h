/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing array of any element type: VEC(struct foo) foos = { 0 }; */
#ifndef PYBPFDBG_BASE_VEC_H
#define PYBPFDBG_BASE_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(type)           \
	struct {            \
		type *data; \
		size_t n;   \
		size_t cap; \
	}

/* Make room for one more of `size` bytes; 0 or -ENOMEM. Not called directly. */
static inline int vec_grow(void **data, size_t n, size_t *cap, size_t size)
{
	size_t want, bytes;
	void *p;

	if (n < *cap)
		return 0;
	want = *cap ? *cap * 2 : 8;
	if (__builtin_mul_overflow(want, size, &bytes))
		return -ENOMEM;
	p = realloc(*data, bytes);
	if (!p)
		return -ENOMEM;
	*data = p;
	*cap = want;
	return 0;
}

/* Append a value; 0 or -ENOMEM (the vector is then unchanged). */
#define vec_push(v, ...)                                                                      \
	({                                                                                    \
		int _r = vec_grow((void **)&(v)->data, (v)->n, &(v)->cap, sizeof(*(v)->data)); \
		if (!_r)                                                                      \
			(v)->data[(v)->n++] = (__VA_ARGS__);                                  \
		_r;                                                                           \
	})

/* Free the array, not what its elements point to. */
#define vec_deinit(v)                                  \
	do {                                           \
		free((v)->data);                       \
		(v)->data = NULL, (v)->n = (v)->cap = 0; \
	} while (0)

#endif
