/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one door to another process's memory. target/ implements it for a live process,
 * tests/support/ for saved images. A target address is a uint64_t, never a pointer.
 */
#ifndef PYBPFDBG_BASE_MEM_H
#define PYBPFDBG_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One mapping of the target, as /proc/PID/maps gives it. */
struct mem_region {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* in the file, bytes */
	unsigned prot;       /* PROT_READ | PROT_WRITE | PROT_EXEC */
	bool private;        /* not MAP_SHARED */
	uint64_t dev, inode; /* 0 for anonymous memory */
	const char *path;    /* "" for anonymous memory; "[heap]", "[stack]" as the kernel writes it */
};

struct mem_ops {
	/* Read up to len bytes; *ret_done (always written) says how many leading bytes are good. */
	void (*read)(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done);
	/* The mappings in ascending order; owned by the implementation, valid until the next call. 0 or -errno. */
	int (*regions)(void *priv, const struct mem_region **ret, size_t *ret_n);
};

/* A piece of the target's memory as it was at some moment. */
struct mem_chunk {
	uint64_t addr;
	size_t len;
	const uint8_t *data;
};

struct mem {
	const struct mem_ops *ops;
	void *priv;
	struct mem_cache *cache; /* pages, see mem_cache_on() */
	const struct mem_chunk *record; /* see mem_record_on(); NULL: memory as it is */
	size_t nrecord;
	unsigned live; /* see mem_live() */
};

/*
 * Read exactly len bytes at addr into buf. Three failures are told apart:
 * -EADDRNOTAVAIL: addr is NULL (below 4096); -EFAULT: the first byte cannot be read;
 * -ENODATA: a short read (buf then holds an undefined prefix).
 */
int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len);

/* The same for one little-endian integer; *ret is written only on success. */
int mem_u8(struct mem *m, uint64_t addr, uint8_t *ret);
int mem_u16(struct mem *m, uint64_t addr, uint16_t *ret);
int mem_u32(struct mem *m, uint64_t addr, uint32_t *ret);
int mem_u64(struct mem *m, uint64_t addr, uint64_t *ret);

/* The mappings now; see mem_ops.regions. */
int mem_regions(struct mem *m, const struct mem_region **ret, size_t *ret_n);

/*
 * Small reads (up to a page) are served from a page cache between mem_cache_on() and
 * mem_cache_off(): use it only while what is read cannot change (the thread is stopped).
 */
void mem_cache_on(struct mem *m);
void mem_cache_off(struct mem *m); /* drops all pages */

/*
 * From now on memory is what a record holds: n chunks, ascending by address, borrowed until mem_record_off(). What lies in
 * none of them is -EFAULT, so that all that is read is of one moment, but for what is read between mem_live() and
 * mem_live_end(): only things that do not change as long as what refers to them lives (classes, code, the names of both).
 */
void mem_record_on(struct mem *m, const struct mem_chunk *chunks, size_t n);
void mem_record_off(struct mem *m);
/* Is [addr, addr + len) there: in one chunk of the record, or no record is on? */
bool mem_recorded(const struct mem *m, uint64_t addr, size_t len);
/* How many bytes from addr on are there: in one chunk of the record; SIZE_MAX when no record is on. */
size_t mem_recorded_len(const struct mem *m, uint64_t addr);
/* Memory as it is, where the record has nothing; nests. Nothing happens without a record. */
static inline void mem_live(struct mem *m)
{
	m->live++;
}

static inline void mem_live_end(struct mem *m)
{
	m->live--;
}

#endif
