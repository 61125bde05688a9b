// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a fuzz target on its corpus without a fuzzer, as a test:
 *
 *	build/fuzz/fuzz_NAME [-n MUTATIONS] [FILE|FOLDER]...
 *
 * Without arguments the corpus is tests/fuzz/corpus/NAME below the current folder. Each input is
 *run as it is, cut to every short length, and MUTATIONS times (default 500) with a few bytes
 *changed, by random numbers that are the same in each run. The last line counts inputs; a crash, a
 *sanitizer's report or a hang (30 s an input) ends it before that line. With a real fuzzer: make
 *fuzz-NAME.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1 << 20)

static unsigned done, mutations = 500;
static uint64_t state = 1;

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

/* In memory of just its size, so that a sanitizer sees a byte too many. */
static void one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void mutate(const uint8_t *data, size_t size)
{
	static const uint8_t special[] = { 0,	1,   0x7f, 0x80, 0xff, ' ',
					   '(', '"', '\\', '9',	 '-',  0xc3 };
	uint8_t *m = malloc(size + 8);
	size_t n = size, at;

	if (!m)
		abort();
	memcpy(m, data, size);
	for (uint32_t i = 0, k = 1 + rnd(4); i < k; i++) {
		at = n ? rnd(n) : 0;
		switch (rnd(4)) {
		case 0: /* change a byte */
			if (n)
				m[at] = rnd(2) ? special[rnd(sizeof(special))] : rnd(256);
			break;
		case 1: /* flip a bit */
			if (n)
				m[at] ^= 1u << rnd(8);
			break;
		case 2: /* take one out */
			if (n) {
				memmove(m + at, m + at + 1, n - at - 1);
				n--;
			}
			break;
		default: /* put one in */
			memmove(m + at + 1, m + at, n - at);
			m[at] = special[rnd(sizeof(special))];
			n++;
		}
	}
	one(m, n);
	free(m);
}

static int run_file(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX);
	FILE *f = fopen(path, "rb");
	size_t size;

	if (!f || !data) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (f)
			fclose(f);
		free(data);
		return -1;
	}
	size = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* Should it crash, this is the last line. */
	printf("%s\n", path);
	fflush(stdout);
	alarm(30);
	one(data, size);
	for (size_t n = 0; n < size && n < 256; n++)
		one(data, n);
	for (unsigned i = 0; i < mutations; i++)
		mutate(data, size);
	alarm(0);
	free(data);
	done++;
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_path(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_name), r = 0;
	char file[4096];

	if (n < 0)
		return run_file(path);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && run_file(file) < 0)
			r = -1;
		free(names[i]);
	}
	free(names);
	return r;
}

int main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "fuzz_");
	char corpus[4096];
	int opt, r = 0;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n')
			return 2;
		mutations = strtoul(optarg, NULL, 10);
	}
	for (const char *p = name; p; p = strstr(p + 1, "fuzz_"))
		name = p;
	snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s", name ? name + 5 : "");
	if (optind == argc)
		r = run_path(corpus);
	for (int i = optind; i < argc; i++)
		if (run_path(argv[i]) < 0)
			r = -1;
	printf("%u passed, %d failed, 0 skipped\n", done, r < 0);
	return r < 0;
}
