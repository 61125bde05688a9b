/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock that does not jump. */
#ifndef PYBPFDBG_BASE_CLOCK_H
#define PYBPFDBG_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds: what the BPF side's times are in, too. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The same in milliseconds. */
static inline uint64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

#endif
