// SPDX-License-Identifier: BSD-2-Clause
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	    4096u
#define CACHE_PAGES 1024u  /* 4 MiB, direct mapped */
#define CHUNK_MAX   65536u /* of a record: longer ones may be missed behind others */

struct mem_page {
	uint64_t addr; /* page address + 1, so that 0 is "empty" */
	uint8_t data[PAGE];
};

struct mem_cache {
	struct mem_page *pages[CACHE_PAGES];
};

static int mem_read_through(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	m->ops->read(m->priv, addr, buf, len, &done);
	if (done == len)
		return 0;
	return done ? -ENODATA : -EFAULT;
}

/* The cached page that starts at addr, read now if it is not there; NULL if it cannot be had whole.
 */
static const uint8_t *mem_cached_page(struct mem *m, uint64_t addr)
{
	struct mem_page **slot = &m->cache->pages[(addr / PAGE) % CACHE_PAGES];

	if (*slot && (*slot)->addr == addr + 1)
		return (*slot)->data;
	if (!*slot)
		*slot = malloc(sizeof(**slot));
	if (!*slot)
		return NULL;
	(*slot)->addr = 0;
	if (mem_read_through(m, addr, (*slot)->data, PAGE))
		return NULL;
	(*slot)->addr = addr + 1;
	return (*slot)->data;
}

void mem_record_on(struct mem *m, const struct mem_chunk *chunks, size_t n)
{
	m->record = chunks;
	m->nrecord = n;
	m->live = 0;
}

void mem_record_off(struct mem *m)
{
	m->record = NULL;
	m->nrecord = 0;
	m->live = 0;
}

/* The chunk that holds all of it. They may overlap: not only the nearest one is asked. */
static const struct mem_chunk *mem_chunk_of(const struct mem *m, uint64_t addr, size_t len)
{
	size_t lo = 0, hi = m->nrecord;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->record[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo--) {
		const struct mem_chunk *c = &m->record[lo];

		if (addr - c->addr <= c->len && len <= c->len - (addr - c->addr))
			return c;
		if (addr - c->addr > CHUNK_MAX)
			break;
	}
	return NULL;
}

bool mem_recorded(const struct mem *m, uint64_t addr, size_t len)
{
	return !m->record || mem_chunk_of(m, addr, len);
}

size_t mem_recorded_len(const struct mem *m, uint64_t addr)
{
	const struct mem_chunk *c;

	if (!m->record)
		return SIZE_MAX;
	c = mem_chunk_of(m, addr, 1);
	return c ? c->len - (addr - c->addr) : 0;
}

int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	uint64_t last, page;

	if (addr < PAGE)
		return -EADDRNOTAVAIL;
	if (!len)
		return 0;
	if (__builtin_add_overflow(addr, len - 1, &last))
		return -EFAULT;
	if (m->record) {
		const struct mem_chunk *c = mem_chunk_of(m, addr, len);

		if (c) {
			memcpy(buf, c->data + (addr - c->addr), len);
			return 0;
		}
		if (!m->live)
			return -EFAULT;
	}
	if (!m->cache || len > PAGE)
		return mem_read_through(m, addr, buf, len);
	for (page = addr & ~(uint64_t)(PAGE - 1); page <= last && page >= PAGE; page += PAGE) {
		uint64_t from = page > addr ? page : addr;
		uint64_t to = page + (PAGE - 1) < last ? page + (PAGE - 1) : last;
		const uint8_t *data = mem_cached_page(m, page);

		if (!data)
			return mem_read_through(m, addr, buf, len);
		memcpy((uint8_t *)buf + (from - addr), data + (from - page), to - from + 1);
	}
	return 0;
}

#define MEM_INT(bits)                                                      \
	int mem_u##bits(struct mem *m, uint64_t addr, uint##bits##_t *ret) \
	{                                                                  \
		uint##bits##_t v;                                          \
		int r = mem_read(m, addr, &v, sizeof(v));                  \
                                                                           \
		if (!r)                                                    \
			*ret = v;                                          \
		return r;                                                  \
	}

MEM_INT(8)
MEM_INT(16)
MEM_INT(32)
MEM_INT(64)

int mem_regions(struct mem *m, const struct mem_region **ret, size_t *ret_n)
{
	return m->ops->regions(m->priv, ret, ret_n);
}

void mem_cache_on(struct mem *m)
{
	/* Out of memory leaves the cache off: slower, not wrong. */
	if (!m->cache)
		m->cache = calloc(1, sizeof(*m->cache));
}

void mem_cache_off(struct mem *m)
{
	size_t i;

	if (!m->cache)
		return;
	for (i = 0; i < CACHE_PAGES; i++)
		free(m->cache->pages[i]);
	free(m->cache);
	m->cache = NULL;
}
