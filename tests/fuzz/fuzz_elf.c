// SPDX-License-Identifier: BSD-2-Clause
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sym.h"
#include "target/ehframe.h"
#include "target/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_all(struct elf_file *f)
{
	static const char *const names[] = { "_PyEval_EvalFrameDefault", "main", "", "add",
					     "fuzz_data" };
	static const char *const sections[] = { ".text", ".rodata", ".eh_frame", "", ".bss" };
	struct sym_range range = { 0 };
	uint64_t addr, len;
	uint8_t id[20];
	size_t i, n;

	if (!elf_file_build_id(f, id, &n) && (!n || n > sizeof(id)))
		abort();
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (elf_file_symbol(f, names[i], &addr, &len))
			continue;
		if (!elf_file_function_at(f, addr, &range) &&
		    (addr < range.start || addr >= range.end))
			abort();
	}
	for (i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!elf_file_section(f, sections[i], &range) && range.end < range.start)
			abort();
	for (addr = 0; addr < 0x8000; addr += 0x800) {
		elf_file_address(f, addr, true, &len);
		elf_file_address(f, addr, false, &len);
		elf_file_function_at(f, addr, &range);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ehframe e = { 0 };
	struct sym_range range;
	struct elf_file *f;
	int fd;

	/* As a section by itself too: few mutations of a file get that far. */
	if (!ehframe_parse(data, size, 0x1000, &e)) {
		if (!ehframe_find(&e, 0x1010, &range) &&
		    (range.start > 0x1010 || range.end <= 0x1010))
			abort();
		ehframe_deinit(&e);
	}
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	if (write(fd, data, size) != (ssize_t)size) {
		close(fd);
		return 0;
	}
	if (elf_file_open(fd, &f))
		return 0;
	ask_all(f);
	elf_file_free(f);
	return 0;
}
