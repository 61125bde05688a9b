// SPDX-License-Identifier: BSD-2-Clause
#include "lib_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

#define PAGE	4096u
#define LOG_MAX 65536

struct page {
	uint64_t addr;
	bool there; /* false: it could not be read */
	bool changed;
	uint8_t *data, *clean;
	UT_hash_handle hh;
};

struct image {
	struct mem mem;
	struct mem *live;
	struct page *pages;
	uint64_t reads;
	bool logging;
	size_t nlog;
	struct {
		uint64_t addr;
		size_t len;
	} log[LOG_MAX];
};

static struct page *page_of(struct image *im, uint64_t addr)
{
	uint64_t key = addr & ~(uint64_t)(PAGE - 1);
	struct page *p;

	HASH_FIND(hh, im->pages, &key, sizeof(key), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || !(p->data = malloc(2 * PAGE)))
		abort();
	p->clean = p->data + PAGE;
	p->addr = key;
	p->there = mem_read(im->live, key, p->clean, PAGE) == 0;
	memcpy(p->data, p->clean, PAGE);
	HASH_ADD(hh, im->pages, addr, sizeof(p->addr), p);
	return p;
}

uint64_t image_reads(const struct image *im)
{
	return im->reads;
}

static void image_read(void *priv, uint64_t addr, void *buf, size_t len, size_t *ret_done)
{
	struct image *im = priv;
	size_t done = 0;

	im->reads++;
	if (im->logging && im->nlog < LOG_MAX) {
		im->log[im->nlog].addr = addr;
		im->log[im->nlog++].len = len;
	}
	while (done < len) {
		size_t at = (addr + done) % PAGE, n = PAGE - at;
		struct page *p = page_of(im, addr + done);

		if (!p->there)
			break;
		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)buf + done, p->data + at, n);
		done += n;
	}
	*ret_done = done;
}

static int image_regions(void *priv, const struct mem_region **ret, size_t *ret_n)
{
	return mem_regions(((struct image *)priv)->live, ret, ret_n);
}

struct image *image_new(struct mem *live)
{
	static const struct mem_ops ops = { .read = image_read, .regions = image_regions };
	struct image *im = calloc(1, sizeof(*im));

	if (!im)
		return NULL;
	im->mem = (struct mem){ .ops = &ops, .priv = im };
	im->live = live;
	return im;
}

void image_free(struct image *im)
{
	struct page *p, *next;

	if (!im)
		return;
	HASH_ITER (hh, im->pages, p, next) {
		HASH_DEL(im->pages, p);
		free(p->data);
		free(p);
	}
	free(im);
}

struct mem *image_mem(struct image *im)
{
	return &im->mem;
}

void image_log(struct image *im, bool on)
{
	if (on)
		im->nlog = 0;
	im->logging = on;
}

bool image_logged(const struct image *im, uint64_t number, uint64_t *ret_addr)
{
	if (!im->nlog)
		return false;
	*ret_addr = im->log[number % im->nlog].addr;
	*ret_addr += (number >> 32) % (im->log[number % im->nlog].len + 1);
	*ret_addr &= ~7ull;
	return true;
}

void image_write(struct image *im, uint64_t addr, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct page *p = page_of(im, addr + i);

		if (!p->there)
			continue;
		p->data[(addr + i) % PAGE] = ((const uint8_t *)data)[i];
		p->changed = true;
	}
}

void image_restore(struct image *im)
{
	for (struct page *p = im->pages; p; p = p->hh.next) {
		if (!p->changed)
			continue;
		memcpy(p->data, p->clean, PAGE);
		p->changed = false;
	}
}
