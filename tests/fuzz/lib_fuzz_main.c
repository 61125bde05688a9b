// SPDX-License-Identifier: BSD-2-Clause
/*
 * A main for a fuzz target without a fuzzer: [CORPUS_DIR [MUTATIONS [SEED]]]. Runs every file of
 * the corpus (by default tests/fuzz/corpus/NAME of program fuzz_NAME) and as many seeded random
 * mutations of each. The same arguments do the same. A crash or a hang says which input it was.
 */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUTATIONS      300
#define SECONDS	       20 /* for one input */
#define SIZE_MAX_INPUT (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char now[512];
static uint64_t rng;
static unsigned passed, failed;

/* xorshift64* */
static uint64_t rnd(uint64_t below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return below ? rng * 0x2545f4914f6cdd1dull % below : 0;
}

static void on_crash(int sig)
{
	static const char text[] = "FAIL (crash or hang) ";

	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDOUT_FILENO, now, strlen(now)) < 0 || write(STDOUT_FILENO, "\n", 1) < 0)
		_exit(2);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run_one(const char *what, unsigned long k, const uint8_t *data, size_t size)
{
	int r;

	snprintf(now, sizeof(now), "%s, mutation %lu", what, k);
	alarm(SECONDS);
	r = LLVMFuzzerTestOneInput(data, size);
	alarm(0);
	/* -1 is libFuzzer's "not interesting". */
	if (r != 0 && r != -1) {
		failed++;
		printf("FAIL %s\n", now);
	}
}

static size_t mutate_once(uint8_t *d, size_t size, size_t cap)
{
	static const uint64_t nasty[] = { 0,
					  1,
					  0x7f,
					  0x80,
					  0xff,
					  0x7fff,
					  0xffff,
					  0x7fffffff,
					  0x80000000,
					  0xffffffff,
					  0x7fffffffffffffff,
					  0x8000000000000000,
					  0xffffffffffffffff,
					  0xfffffffffffff000 };
	size_t at = rnd(size), from = rnd(size), n;
	uint64_t v;

	switch (rnd(7)) {
	case 0:
		d[at] ^= 1u << rnd(8);
		break;
	case 1:
		d[at] = rnd(256);
		break;
	case 2: /* a number that hurts */
		v = nasty[rnd(sizeof(nasty) / sizeof(*nasty))];
		n = (size_t)1 << rnd(4);
		at &= ~(n - 1);
		if (at + n <= size)
			memcpy(d + at, &v, n);
		break;
	case 3: /* end early */
		return at ? at : 1;
	case 4: /* copy a piece over another */
		n = rnd(64) + 1;
		if (at + n <= size && from + n <= size)
			memmove(d + at, d + from, n);
		break;
	case 5: /* take a piece out */
		n = rnd(32) + 1;
		if (at + n < size) {
			memmove(d + at, d + at + n, size - at - n);
			return size - n;
		}
		break;
	default: /* put one in twice */
		n = rnd(32) + 1;
		if (at + n <= size && size + n <= cap) {
			memmove(d + at + n, d + at, size - at);
			return size + n;
		}
	}
	return size;
}

static int run_file(const char *path, unsigned long mutations, uint64_t seed)
{
	FILE *f = fopen(path, "rb");
	uint8_t *orig = malloc(SIZE_MAX_INPUT), *copy;
	size_t size, i, m;
	unsigned long k;

	if (!f || !orig) {
		perror(path);
		free(orig);
		if (f)
			fclose(f);
		return -1;
	}
	size = fread(orig, 1, SIZE_MAX_INPUT, f);
	fclose(f);
	run_one(path, 0, orig, size);
	for (k = 1; size && k <= mutations; k++) {
		size_t cap = size + 1024, n = size;

		copy = malloc(cap);
		if (!copy)
			break;
		memcpy(copy, orig, size);
		rng = (seed * 1000003 + k) * 0x9e3779b97f4a7c15ull | 1;
		m = 1 + rnd(6);
		for (i = 0; i < m; i++) {
			/* The head of a file decides most: every other change goes there. */
			size_t part = n > 4096 && rnd(2) ? 4096 : n;
			size_t got = mutate_once(copy, part, part == n ? cap : part);

			if (part == n)
				n = got;
		}
		/* Exactly as large as it says, so that a sanitizer sees a read past the end. */
		uint8_t *tight = malloc(n);

		if (tight) {
			memcpy(tight, copy, n);
			run_one(path, k, tight, n);
		}
		free(tight);
		free(copy);
	}
	free(orig);
	return 0;
}

static int is_file(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	unsigned long mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : MUTATIONS;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	struct dirent **list;
	char dir[512], path[1024];
	unsigned before;
	int n, i;

	if (argc > 1)
		snprintf(dir, sizeof(dir), "%s", argv[1]);
	else
		snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s",
			 strncmp(base, "fuzz_", 5) ? base : base + 5);
	signal(SIGALRM, on_crash);
	/* A sanitizer has its own report for the others. */
#ifndef __SANITIZE_ADDRESS__
	signal(SIGSEGV, on_crash);
	signal(SIGBUS, on_crash);
	signal(SIGFPE, on_crash);
	signal(SIGILL, on_crash);
	signal(SIGABRT, on_crash);
#endif
	n = scandir(dir, &list, is_file, alphasort);
	if (n <= 0) {
		printf("FAIL %s: no corpus\n0 passed, 1 failed, 0 skipped\n", dir);
		return 1;
	}
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		/* One test is one file with all its mutations. */
		before = failed;
		if (run_file(path, mutations, seed))
			failed++;
		if (failed == before)
			passed++;
		free(list[i]);
	}
	free(list);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed ? 1 : 0;
}
