// SPDX-License-Identifier: BSD-2-Clause
/* Reading memory through the page tables, live, on our own: every kind of page that may be read so,
 * and those that may not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/abi.h"
#include "lib_cu.h"
#include "pages.skel.h"
#include "trace/load.h"
#include "trace/pages.h"

#define PAGE 4096u
#define HUGE (2u << 20)

static struct pages_bpf *skel;

static bool may_differ(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool ret = !access("/sys/hypervisor/guest_type", F_OK);

	while (f && !ret && fgets(line, sizeof(line), f))
		ret = strstr(line, " sme") || strstr(line, " sev") || strstr(line, " tdx_guest");
	if (f)
		fclose(f);
	return ret;
}

/* false: the test was skipped, or has failed. */
static bool bed_init(void)
{
	struct abi_pages pages;
	int r = pages_find(&pages);

	/* Only what encrypts memory, or Xen, may make it wrong where the kernel tells enough. */
	CU_ASSERT_TRUE(r != -EBADMSG || may_differ());
	if (r) {
		cu_skip("no reading through page tables here: %s", strerror(-r));
		return false;
	}
	skel = pages_bpf__open();
	CU_ASSERT_PTR_NOT_NULL_FATAL(skel);
	CU_ASSERT_EQUAL_FATAL(load_skeleton(skel->skeleton, "", NULL), 0);
	skel->bss->pages.base = pages.base;
	skel->bss->pages.end = pages.end;
	skel->bss->pages.levels = pages.levels;
	return true;
}

static void bed_deinit(void)
{
	pages_bpf__destroy(skel);
	skel = NULL;
}

static int read_at(uint64_t addr)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	skel->bss->addr = addr;
	memset(skel->bss->data, 0, sizeof(skel->bss->data));
	CU_ASSERT_EQUAL(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.pages_read), &opts), 0);
	return (int)opts.retval;
}

/* All of it, in steps; each byte of a page is read once. */
static unsigned differences(const uint8_t *at, size_t bytes)
{
	unsigned n = 0;

	for (size_t i = 0; i < bytes; i += ABI_PAGES_TRY) {
		(void)*(const volatile uint8_t *)(at + i); /* it may not be there just now */
		n += read_at((uintptr_t)at + i) || memcmp(skel->bss->data, at + i, ABI_PAGES_TRY);
	}
	return n;
}

static uint8_t *map(size_t bytes, int flags, int fd)
{
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	CU_ASSERT_NOT_EQUAL_FATAL(p, MAP_FAILED);
	return p;
}

static void noise(uint8_t *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 256)
		CU_ASSERT_EQUAL(getrandom(at + i, 256, 0), 256);
}

static void test_anonymous(void)
{
	uint8_t *p;

	if (!bed_init())
		return;
	p = map(3 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	noise(p, 3 * PAGE);
	CU_ASSERT_EQUAL(differences(p, 3 * PAGE), 0);
	p[PAGE] ^= 1; /* what is there now, not what was */
	CU_ASSERT_EQUAL(differences(p + PAGE, ABI_PAGES_TRY), 0);
	munmap(p, 3 * PAGE);
	bed_deinit();
}

static void test_file(void)
{
	uint8_t *p;
	int fd;

	if (!bed_init())
		return;
	fd = memfd_create("pages", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(fd, PAGE), 0);
	p = map(PAGE, MAP_SHARED, fd);
	noise(p, PAGE);
	CU_ASSERT_EQUAL(differences(p, PAGE), 0);
	munmap(p, PAGE);
	close(fd);
	bed_deinit();
}

/* Is the 2 MiB at p one page? (/proc/PID/smaps) */
static bool is_huge(const uint8_t *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long first, last, kib = 0;
	bool in = false, ret = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
			in = first <= (uintptr_t)p && (uintptr_t)p < last;
		else if (in && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
			ret = kib >= HUGE / 1024;
	}
	if (f)
		fclose(f);
	return ret;
}

static void test_huge(void)
{
	uint8_t *room, *p;

	if (!bed_init())
		return;
	room = map(2 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	p = room + (-(uintptr_t)room & (HUGE - 1));
	CU_ASSERT_EQUAL(madvise(p, HUGE, MADV_HUGEPAGE), 0);
	noise(p, HUGE);
	if (is_huge(p)) {
		for (size_t i = 0; i < HUGE; i += 37 * PAGE)
			CU_ASSERT_EQUAL(differences(p + i, PAGE), 0);
		CU_ASSERT_EQUAL(differences(p + HUGE - PAGE, PAGE), 0);
	} else {
		cu_skip("the kernel gave no huge page");
	}
	munmap(room, 2 * HUGE);
	bed_deinit();
}

/* Copied at the first write after a fork: each process sees its own. (What the program reads from
 * and writes to is shared by both: one asks at a time.) */
static void test_own_copy(void)
{
	uint8_t *p;

	if (!bed_init())
		return;
	p = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(p, 'a', PAGE);
	for (int i = 0; i < 20; i++) {
		int turn[2], status = -1;
		char c = 0;
		pid_t pid;

		CU_ASSERT_EQUAL_FATAL(pipe(turn), 0);
		pid = fork();
		if (!pid)
			_exit(read(turn[0], &c, 1) != 1 || read_at((uintptr_t)p) ||
			      skel->bss->data[0] != (uint8_t)('a' + i));
		CU_ASSERT_TRUE_FATAL(pid > 0);
		p[0]++;
		CU_ASSERT_EQUAL(differences(p, ABI_PAGES_TRY), 0);
		CU_ASSERT_EQUAL(write(turn[1], &c, 1), 1);
		CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT_EQUAL(status, 0);
		close(turn[0]);
		close(turn[1]);
	}
	munmap(p, PAGE);
	bed_deinit();
}

/* What is no page of RAM that the process may read is left to the kernel's helper. */
static void test_refused(void)
{
	uint8_t *p;

	if (!bed_init())
		return;
	p = map(2 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), -EFAULT); /* never touched */
	(void)*(volatile uint8_t *)p;
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), -EFAULT); /* the page of zeros */
	noise(p, 2 * PAGE);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), 0);
	CU_ASSERT_EQUAL(mprotect(p, PAGE, PROT_NONE), 0);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), -EFAULT);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p + PAGE), 0);
	munmap(p, 2 * PAGE);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p + PAGE), -EFAULT);
	CU_ASSERT_EQUAL(read_at(skel->bss->pages.base + PAGE), -EFAULT); /* the kernel's */
	CU_ASSERT_EQUAL(read_at(UINT64_MAX - PAGE + 1), -EFAULT);
	CU_ASSERT_EQUAL(read_at(1ull << 62), -EFAULT);
	bed_deinit();
}

/* Memory that the kernel has taken out of its own map. */
static void test_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	uint8_t *p;

	if (fd < 0)
		return cu_skip("no secret memory: %s", strerror(errno));
	if (bed_init()) {
		CU_ASSERT_EQUAL(ftruncate(fd, PAGE), 0);
		p = map(PAGE, MAP_SHARED, fd);
		memset(p, 'a', PAGE);
		CU_ASSERT_EQUAL(read_at((uintptr_t)p), -EFAULT);
		munmap(p, PAGE);
		bed_deinit();
	}
	close(fd);
}

/* Where RAM ends is where reading does: what a wrong entry names is not touched. */
static void test_end(void)
{
	uint8_t *p;

	if (!bed_init())
		return;
	p = map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	noise(p, PAGE);
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), 0);
	skel->bss->pages.end = PAGE;
	CU_ASSERT_EQUAL(read_at((uintptr_t)p), -EFAULT);
	munmap(p, PAGE);
	bed_deinit();
}

static const struct cu_test tests[] = {
	CU_T(test_anonymous), CU_T(test_file),	 CU_T(test_huge), CU_T(test_own_copy),
	CU_T(test_refused),   CU_T(test_secret), CU_T(test_end),
};

int main(int argc, char **argv)
{
	return CU_MAIN("pages", tests, argc, argv);
}
