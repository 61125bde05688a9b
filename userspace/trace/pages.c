// SPDX-License-Identifier: BSD-2-Clause
#include "trace/pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "pages.skel.h"
#include "trace/load.h"

#define VARIABLE "PYBPFDBG_PAGE_TABLES"
/* Where the map begins in kernels that do not move it; with five levels it begins below
 * (Documentation/arch/x86/x86_64/mm.rst). */
#define BASE_OF_4 0xffff888000000000u
#define HALF_OF_4 0xffff800000000000u
#define TRIES	  3 /* the kernel may move a page at that very instant */

/* The end of RAM; 0: not known. */
static uint64_t end_of_ram(void)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long long first, last, end = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx : System RAM", &first, &last) == 2 &&
		    strstr(line, "System RAM") && last + 1 > end)
			end = last + 1;
	if (f)
		fclose(f);
	return end > 1 ? end : 0; /* all zeros for who may not know */
}

static int run(const struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return r ? r : (int)opts.retval;
}

/* Is what the program reads at addr what is there? */
static bool is_same(struct pages_bpf *skel, const uint8_t *at)
{
	for (int i = 0; i < TRIES; i++) {
		(void)*(const volatile uint8_t *)at; /* it may not be there just now */
		skel->bss->addr = (uintptr_t)at;
		memset(skel->bss->data, 0, sizeof(skel->bss->data));
		if (!run(skel->progs.pages_read) &&
		    !memcmp(skel->bss->data, at, sizeof(skel->bss->data)))
			return true;
	}
	return false;
}

/* On a page of noise, on the stack, and on one that may not be read, where nothing may be found. */
static int try_reads(struct pages_bpf *skel)
{
	uint8_t here[2 * ABI_PAGES_TRY], *noise, *stack;
	size_t bytes = 4096;
	int r = 0;

	noise = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (noise == MAP_FAILED)
		return -errno;
	stack = here + (-(uintptr_t)here & (ABI_PAGES_TRY - 1));
	if (getrandom(noise, bytes, 0) != (ssize_t)bytes ||
	    getrandom(here, sizeof(here), 0) != sizeof(here))
		r = -EBADMSG;
	for (size_t i = 0; !r && i < bytes; i += 960)
		r = is_same(skel, noise + i) ? 0 : -EBADMSG;
	if (!r)
		r = is_same(skel, stack) ? 0 : -EBADMSG;
	skel->bss->addr = (uintptr_t)noise;
	if (!r && (mprotect(noise, bytes, PROT_NONE) || !run(skel->progs.pages_read)))
		r = -EBADMSG;
	munmap(noise, bytes);
	return r;
}

static int find(struct pages_bpf *skel, struct abi_pages *ret)
{
	volatile struct abi_pages *pages = &skel->bss->pages;
	int r, tried;

	pages->end = end_of_ram();
	if (!pages->end)
		return -EACCES;
	r = run(skel->progs.pages_base);
	if (r)
		pages->base = BASE_OF_4;
	pages->levels = pages->base >= HALF_OF_4 ? 4 : 5;
	tried = try_reads(skel);
	if (tried)
		return tried == -EBADMSG && r ? -ENOENT : tried;
	*ret = (struct abi_pages){ .base = pages->base,
				   .end = pages->end,
				   .levels = pages->levels };
	return 0;
}

/* One kernel runs us, and to find it out takes 20 ms: not once a session. */
static struct {
	struct abi_pages pages;
	int r;
} found;

static void find_once(void)
{
	const char *text = getenv(VARIABLE);
	struct pages_bpf *skel;

	if (text && !strcmp(text, "no")) {
		found.r = -ECANCELED;
		return;
	}
	skel = pages_bpf__open();
	found.r = skel ? load_skeleton(skel->skeleton, "", NULL) : -errno;
	if (!found.r)
		found.r = find(skel, &found.pages);
	pages_bpf__destroy(skel);
}

int pages_find(struct abi_pages *ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_once);
	*ret = found.pages;
	return found.r;
}
