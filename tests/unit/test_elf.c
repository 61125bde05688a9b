// SPDX-License-Identifier: BSD-2-Clause
/* ELF files: our own program, checked against what its own loader says, and files that lie. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sym.h"
#include "lib_cu.h"
#include "target/ehframe.h"
#include "target/elf.h"

int test_elf_data = 5;
int test_elf_function(int x);
__attribute__((noinline)) int test_elf_function(int x)
{
	return x * test_elf_data;
}

static struct elf_file *open_path(const char *path)
{
	struct elf_file *f = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(elf_file_open(fd, &f), 0);
	return f;
}

static int own_bias(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uint64_t *)arg = info->dlpi_addr;
	return 1; /* the first is the program */
}

static void test_symbols(void)
{
	struct elf_file *f = open_path("/proc/self/exe");
	uint64_t bias, addr, size;

	if (!f)
		return;
	dl_iterate_phdr(own_bias, &bias);
	CU_ASSERT_EQUAL(elf_file_symbol(f, "test_elf_function", &addr, &size), 0);
	CU_ASSERT_EQUAL(addr + bias, (uint64_t)(uintptr_t)test_elf_function);
	CU_ASSERT(size > 0 && size < 1000);
	CU_ASSERT_EQUAL(elf_file_symbol(f, "test_elf_data", &addr, &size), 0);
	CU_ASSERT_EQUAL(addr + bias, (uint64_t)(uintptr_t)&test_elf_data);
	CU_ASSERT_EQUAL(size, sizeof(int));
	/* Only used here, not defined; and parts and extensions of names. */
	CU_ASSERT_EQUAL(elf_file_symbol(f, "dl_iterate_phdr", &addr, &size), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_symbol(f, "test_elf_funct", &addr, &size), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_symbol(f, "test_elf_functions", &addr, &size), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_symbol(f, "", &addr, &size), -ENOENT);
	elf_file_free(f);
}

static void test_functions(void)
{
	struct elf_file *f = open_path("/proc/self/exe");
	struct sym_range range = { 0 }, text = { 0 };
	uint64_t addr, size, a;
	uint8_t code[8];
	size_t known = 0, all = 0;

	if (!f)
		return;
	CU_ASSERT_EQUAL(elf_file_symbol(f, "test_elf_function", &addr, &size), 0);
	for (a = addr; a < addr + size; a++) {
		CU_ASSERT_EQUAL(elf_file_function_at(f, a, &range), 0);
		CU_ASSERT_EQUAL(range.start, addr);
		CU_ASSERT_EQUAL(range.end, addr + size);
	}
	CU_ASSERT_EQUAL(elf_file_function_at(f, 0, &range), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_function_at(f, UINT64_MAX, &range), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_section(f, ".text", &text), 0);
	CU_ASSERT(text.start <= addr && addr < text.end);
	CU_ASSERT_EQUAL(elf_file_text(f, addr, code, sizeof(code)), sizeof(code));
	CU_ASSERT_EQUAL(memcmp(code, (const void *)test_elf_function, sizeof(code)), 0);
	CU_ASSERT_EQUAL(elf_file_text(f, 0, code, sizeof(code)), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_text(f, UINT64_MAX, code, sizeof(code)), -ENOENT);
	CU_ASSERT_EQUAL(elf_file_section(f, ".no", &range), -ENOENT);
	/* Nearly all of the code is in some function. */
	for (a = text.start; a < text.end; a += 16, all++)
		known += !elf_file_function_at(f, a, &range);
	CU_ASSERT(all > 100 && known * 10 > all * 8);
	elf_file_free(f);
}

static void test_addresses(void)
{
	struct elf_file *f = open_path("/proc/self/exe");
	uint64_t bias, addr, vaddr;
	char line[512];
	FILE *maps;
	bool found = false;

	if (!f)
		return;
	dl_iterate_phdr(own_bias, &bias);
	addr = (uintptr_t)test_elf_function;
	maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, off;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &off) != 3 || addr < start ||
		    addr >= end)
			continue;
		CU_ASSERT_EQUAL(elf_file_address(f, off, true, &vaddr), 0);
		CU_ASSERT_EQUAL(vaddr + bias, start);
		found = true;
	}
	if (maps)
		fclose(maps);
	CU_ASSERT(found);
	CU_ASSERT_EQUAL(elf_file_address(f, 1ull << 40, false, &vaddr), -ENOENT);
	elf_file_free(f);
}

static void test_build_id(void)
{
	struct elf_file *f = open_path("/proc/self/exe");
	uint8_t id[20], want[20];
	size_t n = 0, i;
	char cmd[128], hex[64] = "";
	FILE *p;

	if (!f)
		return;
	CU_ASSERT_EQUAL(elf_file_build_id(f, id, &n), 0);
	CU_ASSERT_EQUAL(n, 20);
	snprintf(cmd, sizeof(cmd), "readelf -n /proc/%d/exe | sed -n 's/.*Build ID: //p'",
		 (int)getpid());
	p = popen(cmd, "r");
	CU_ASSERT(p && fgets(hex, sizeof(hex), p));
	if (p)
		pclose(p);
	for (i = 0; i < 20; i++)
		CU_ASSERT(sscanf(hex + 2 * i, "%2hhx", &want[i]) == 1 && want[i] == id[i]);
	elf_file_free(f);
}

static int open_bytes(const void *data, size_t size, uint64_t file_size)
{
	struct elf_file *f = NULL;
	int fd = memfd_create("elf", MFD_CLOEXEC), r;

	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, data, size), (ssize_t)size);
	CU_ASSERT_EQUAL(ftruncate(fd, file_size), 0);
	r = elf_file_open(fd, &f);
	if (!r) {
		struct sym_range range;
		uint64_t addr, len;
		uint8_t id[20];
		size_t n;

		/* Whatever it says: an answer, no crash. */
		CU_ASSERT_EQUAL(elf_file_symbol(f, "main", &addr, &len), -ENOENT);
		CU_ASSERT_EQUAL(elf_file_section(f, ".text", &range), -ENOENT);
		CU_ASSERT_EQUAL(elf_file_function_at(f, 0x1000, &range), -ENOENT);
		CU_ASSERT_EQUAL(elf_file_build_id(f, id, &n), -ENOENT);
		CU_ASSERT_EQUAL(elf_file_address(f, 0, true, &addr), -ENOENT);
	}
	elf_file_free(f);
	return r;
}

static Elf64_Ehdr good_header(void)
{
	Elf64_Ehdr h = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
	};

	return h;
}

static void test_no_elf(void)
{
	Elf64_Ehdr h = good_header();

	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h), sizeof(h)), 0);
	CU_ASSERT_EQUAL(open_bytes("", 0, 0), -ENOEXEC);
	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h) - 1, sizeof(h) - 1), -ENOEXEC);
	CU_ASSERT_EQUAL(open_bytes("#!/bin/sh\n", 10, 4096), -ENOEXEC);
	h.e_ident[EI_CLASS] = ELFCLASS32;
	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h), sizeof(h)), -ENOEXEC);
	h = good_header();
	h.e_ident[EI_DATA] = ELFDATA2MSB;
	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h), sizeof(h)), -ENOEXEC);
	h = good_header();
	h.e_machine = EM_AARCH64;
	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h), sizeof(h)), -ENOEXEC);
	h = good_header();
	h.e_type = ET_CORE;
	CU_ASSERT_EQUAL(open_bytes(&h, sizeof(h), sizeof(h)), -ENOEXEC);
	/* A directory, a device: not even looked at. */
	CU_ASSERT_EQUAL(
		elf_file_open(open("/tmp", O_RDONLY | O_CLOEXEC), &(struct elf_file *){ 0 }),
		-ENOEXEC);
	CU_ASSERT_EQUAL(
		elf_file_open(open("/dev/zero", O_RDONLY | O_CLOEXEC), &(struct elf_file *){ 0 }),
		-ENOEXEC);
}

/* Files that claim to be huge: no memory is taken by their word. */
static void test_lies(void)
{
	struct {
		Elf64_Ehdr h;
		Elf64_Phdr ph[2];
		Elf64_Shdr sh[4];
		char names[32];
	} f = { .h = good_header() };
	uint64_t big = 6ull << 30;
	size_t i;

	f.h.e_phoff = offsetof(typeof(f), ph);
	f.h.e_phnum = 2;
	f.h.e_shoff = offsetof(typeof(f), sh);
	f.h.e_shnum = 4;
	f.h.e_shstrndx = 3;
	memcpy(f.names, "\0.text\0.eh_frame\0", 17);
	f.ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_filesz = big, .p_align = 4 };
	f.ph[1] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = UINT64_MAX - 8, .p_filesz = 4096, .p_align = 8
	};
	f.sh[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB, .sh_size = big, .sh_link = 3, .sh_entsize = 24
	};
	f.sh[2] = (Elf64_Shdr){ .sh_name = 7,
				.sh_type = SHT_PROGBITS,
				.sh_flags = SHF_ALLOC,
				.sh_size = big,
				.sh_offset = 64 };
	f.sh[3] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				.sh_size = 32,
				.sh_offset = offsetof(typeof(f), names) };
	CU_ASSERT_EQUAL(open_bytes(&f, sizeof(f), 7ull << 30), 0);
	CU_ASSERT_EQUAL(open_bytes(&f, sizeof(f), 9ull << 30), -ENOEXEC);
	/* Links to nowhere and to itself, tables outside of the file. */
	for (i = 0; i < 6; i++) {
		f.sh[1].sh_size = 240;
		f.sh[1].sh_link = i;
		f.sh[1].sh_offset = i % 2 ? UINT64_MAX - 100 : 64;
		f.h.e_shstrndx = i;
		CU_ASSERT_EQUAL(open_bytes(&f, sizeof(f), sizeof(f)), 0);
	}
	f.h.e_phnum = PN_XNUM;
	CU_ASSERT_EQUAL(open_bytes(&f, sizeof(f), sizeof(f)), -ENOEXEC);
	f.h.e_phnum = 2;
	f.h.e_shnum = 0;
	f.sh[0].sh_size = 1ull << 31;
	CU_ASSERT_EQUAL(open_bytes(&f, sizeof(f), 7ull << 30), -ENOEXEC);
}

static void put(uint8_t **p, uint64_t v, size_t size)
{
	memcpy(*p, &v, size);
	*p += size;
}

/* One CIE, FDEs in descending order, one with an encoding that nobody uses; cut at every length. */
static void test_eh_frame(void)
{
	uint8_t data[256] = { 0 }, *p = data, *copy;
	struct ehframe e = { 0 };
	struct sym_range r = { 0 };
	size_t len, i;

	put(&p, 16, 4); /* CIE: "zR", pcrel sdata4 */
	put(&p, 0, 4);
	put(&p, 1, 1);
	memcpy(p, "zR", 3), p += 3;
	put(&p, 1, 1), put(&p, 0x78, 1), put(&p, 16, 1), put(&p, 1, 1), put(&p, 0x1b, 1);
	put(&p, 0, 3);
	for (i = 0; i < 3; i++) {
		put(&p, 12, 4);
		put(&p, p - data, 4); /* back to the CIE at 0 */
		put(&p, 0x1000 - 0x100 * i - (uint64_t)(p - data), 4);
		put(&p, 0x80, 4);
	}
	len = p - data;
	CU_ASSERT_EQUAL(ehframe_parse(data, len, 0x400000, &e), 0);
	CU_ASSERT_EQUAL(e.n, 3);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x401000, &r), 0);
	CU_ASSERT(r.start == 0x401000 && r.end == 0x401080);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x400eff, &r), -ENOENT);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x400f7f, &r), 0);
	CU_ASSERT_EQUAL(r.start, 0x400f00);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x400f80, &r), -ENOENT);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x401080, &r), -ENOENT);
	CU_ASSERT_EQUAL(ehframe_find(&e, 0x400dff, &r), -ENOENT);
	ehframe_deinit(&e);
	for (i = 0; i < len; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, data, i);
		CU_ASSERT_EQUAL(ehframe_parse(copy, i, 0x400000, &e), 0);
		CU_ASSERT_EQUAL(e.n, i < 20 ? 0 : (i - 20) / 16);
		ehframe_deinit(&e);
		free(copy);
	}
	data[16] = 0x9b; /* indirect */
	CU_ASSERT_EQUAL(ehframe_parse(data, len, 0x400000, &e), 0);
	CU_ASSERT_EQUAL(e.n, 0);
	ehframe_deinit(&e);
}

static const struct cu_test tests[] = {
	CU_T(test_symbols), CU_T(test_functions), CU_T(test_addresses), CU_T(test_build_id),
	CU_T(test_no_elf),  CU_T(test_lies),	  CU_T(test_eh_frame),
};

int main(int argc, char **argv)
{
	return CU_MAIN("elf", tests, argc, argv);
}
