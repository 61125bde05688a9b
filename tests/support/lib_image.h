/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of a process's memory, taken page by page as it is read, that can be changed and put back,
 * and that keeps a log of what was read.
 */
#ifndef TESTS_SUPPORT_LIB_IMAGE_H
#define TESTS_SUPPORT_LIB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;
struct mem;

/* Of a process that does not run on: pages that are not there yet are read from live. */
struct image *image_new(struct mem *live);
void image_free(struct image *im); /* NULL is fine */
struct mem *image_mem(struct image *im);

/* Begin an empty log, or end it. */
void image_log(struct image *im, bool on);
/* Address of a word (aligned to 8) within a logged read, chosen by number; false: nothing was
 * logged. */
bool image_logged(const struct image *im, uint64_t number, uint64_t *ret_addr);

/* How often it was read so far. */
uint64_t image_reads(const struct image *im);

/* Change the copy; image_restore() undoes all changes. Bytes of pages that are not there are
 * dropped. */
void image_write(struct image *im, uint64_t addr, const void *data, size_t len);
void image_restore(struct image *im);

#endif
