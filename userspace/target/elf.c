// SPDX-License-Identifier: BSD-2-Clause
#include "target/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sym.h"
#include "base/vec.h"
#include "target/ehframe.h"

/* The largest library that we met has 1.6 GiB; a symbol table of 30,000 symbols less than 1 MiB. */
#define FILE_MAX    (8ull << 30)
#define SECTION_MAX (256ull << 20)
#define NOTE_MAX    65536u
#define PHDRS_MAX   4096u

struct table {
	const uint8_t *syms; /* Elf64_Sym, not aligned; owned by libelf */
	size_t nsyms;
	const char *strings;
	size_t strings_len;
};

struct elf_file {
	int fd;
	Elf *elf;
	size_t nphdrs;
	struct table tables[2]; /* .dynsym, .symtab; empty where there is none */
	bool tables_read;
	struct ehframe fdes;
	bool fdes_read;
};

/*
 * What libelf is not asked to look at: other classes and machines, and the escapes for more than
 * 65,279 sections or segments, which make it allocate by a number from the file.
 */
static int check_header(int fd)
{
	Elf64_Ehdr h;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(h) ||
	    (uint64_t)st.st_size > FILE_MAX)
		return -ENOEXEC;
	n = pread(fd, &h, sizeof(h), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
	    h.e_ident[EI_VERSION] != EV_CURRENT || h.e_machine != EM_X86_64 ||
	    (h.e_type != ET_EXEC && h.e_type != ET_DYN))
		return -ENOEXEC;
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == PN_XNUM || h.e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	if (h.e_shoff &&
	    (!h.e_shnum || h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shstrndx == SHN_XINDEX))
		return -ENOEXEC;
	return 0;
}

int elf_file_open(int fd_taken, struct elf_file **ret)
{
	_cleanup_close_ int fd = fd_taken;
	struct elf_file *f;
	int r;

	r = check_header(fd);
	if (r)
		return r;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	/* Not ELF_C_READ_MMAP: a file that shrinks while it is mapped would kill us with SIGBUS. */
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	f->fd = take_fd(fd);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || elf_getphdrnum(f->elf, &f->nphdrs)) {
		elf_file_free(f);
		return -ENOEXEC;
	}
	*ret = f;
	return 0;
}

void elf_file_free(struct elf_file *f)
{
	if (!f)
		return;
	ehframe_deinit(&f->fdes);
	elf_end(f->elf);
	close(f->fd);
	free(f);
}

int elf_file_build_id(struct elf_file *f, uint8_t ret[static 20], size_t *ret_len)
{
	size_t i;

	for (i = 0; i < f->nphdrs && i < PHDRS_MAX; i++) {
		GElf_Phdr ph;
		GElf_Nhdr nh;
		Elf_Data *d;
		size_t off = 0, name, desc;

		if (!gelf_getphdr(f->elf, i, &ph) || ph.p_type != PT_NOTE || ph.p_filesz > NOTE_MAX)
			continue;
		d = elf_getdata_rawchunk(f->elf, ph.p_offset, ph.p_filesz,
					 ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		/* Each note advances by at least its header. */
		while (d && (off = gelf_getnote(d, off, &nh, &name, &desc)) > 0) {
			if (nh.n_type != NT_GNU_BUILD_ID || nh.n_namesz != 4 ||
			    memcmp((const char *)d->d_buf + name, "GNU", 4))
				continue;
			if (!nh.n_descsz || nh.n_descsz > 20)
				continue;
			memset(ret, 0, 20);
			memcpy(ret, (const char *)d->d_buf + desc, nh.n_descsz);
			*ret_len = nh.n_descsz;
			return 0;
		}
	}
	return -ENOENT;
}

int elf_file_address(struct elf_file *f, uint64_t offset, bool exec, uint64_t *ret)
{
	size_t i;

	for (i = 0; i < f->nphdrs && i < PHDRS_MAX; i++) {
		GElf_Phdr ph;
		uint64_t skew;

		if (!gelf_getphdr(f->elf, i, &ph) || ph.p_type != PT_LOAD ||
		    (exec && !(ph.p_flags & PF_X)))
			continue;
		/* A mapping begins at a page, a segment need not. */
		skew = ph.p_offset & 4095;
		if (offset < ph.p_offset - skew ||
		    offset - (ph.p_offset - skew) >= ph.p_filesz + skew)
			continue;
		*ret = ph.p_vaddr - ph.p_offset + offset;
		return 0;
	}
	return -ENOENT;
}

/* The bytes of a section as they are in the file; NULL: none, or more than we take. */
static const uint8_t *section_bytes(Elf_Scn *scn, const GElf_Shdr *sh, size_t *ret_len)
{
	Elf_Data *d;

	if (sh->sh_type == SHT_NOBITS || sh->sh_size > SECTION_MAX ||
	    (sh->sh_flags & SHF_COMPRESSED))
		return NULL;
	d = elf_rawdata(scn, NULL);
	if (!d || !d->d_buf || d->d_size > SECTION_MAX)
		return NULL;
	*ret_len = d->d_size;
	return d->d_buf;
}

static void read_table(struct elf_file *f, Elf_Scn *scn, const GElf_Shdr *sh, struct table *t)
{
	Elf_Scn *str_scn = elf_getscn(f->elf, sh->sh_link);
	const uint8_t *syms, *strings;
	size_t syms_len, strings_len;
	GElf_Shdr str_sh;

	if (!str_scn || !gelf_getshdr(str_scn, &str_sh) || str_sh.sh_type != SHT_STRTAB)
		return;
	syms = section_bytes(scn, sh, &syms_len);
	strings = section_bytes(str_scn, &str_sh, &strings_len);
	if (!syms || !strings)
		return;
	*t = (struct table){ syms, syms_len / sizeof(Elf64_Sym), (const char *)strings,
			     strings_len };
}

static void read_tables(struct elf_file *f)
{
	Elf_Scn *scn = NULL;

	if (f->tables_read)
		return;
	f->tables_read = true;
	while ((scn = elf_nextscn(f->elf, scn))) {
		GElf_Shdr sh;

		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type == SHT_DYNSYM && !f->tables[0].nsyms)
			read_table(f, scn, &sh, &f->tables[0]);
		else if (sh.sh_type == SHT_SYMTAB && !f->tables[1].nsyms)
			read_table(f, scn, &sh, &f->tables[1]);
	}
}

int elf_file_symbol(struct elf_file *f, const char *name, uint64_t *ret_addr, uint64_t *ret_size)
{
	size_t size = strlen(name) + 1, i, k;

	read_tables(f);
	for (k = 0; k < 2; k++) {
		const struct table *t = &f->tables[k];

		for (i = 1; i < t->nsyms; i++) {
			Elf64_Sym s;
			unsigned type;

			memcpy(&s, t->syms + i * sizeof(s), sizeof(s));
			if (s.st_shndx == SHN_UNDEF || s.st_name >= t->strings_len ||
			    t->strings_len - s.st_name < size ||
			    memcmp(t->strings + s.st_name, name, size))
				continue;
			type = ELF64_ST_TYPE(s.st_info);
			if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)
				continue;
			*ret_addr = s.st_value;
			*ret_size = s.st_size;
			return 0;
		}
	}
	return -ENOENT;
}

static Elf_Scn *find_section(struct elf_file *f, const char *name, GElf_Shdr *ret)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(f->elf, &strings))
		return NULL;
	while ((scn = elf_nextscn(f->elf, scn))) {
		const char *s;

		if (!gelf_getshdr(scn, ret) || !(ret->sh_flags & SHF_ALLOC))
			continue;
		s = elf_strptr(f->elf, strings, ret->sh_name);
		if (s && !strcmp(s, name))
			return scn;
	}
	return NULL;
}

int elf_file_section(struct elf_file *f, const char *name, struct sym_range *ret)
{
	uint64_t end;
	GElf_Shdr sh;

	if (!find_section(f, name, &sh) || __builtin_add_overflow(sh.sh_addr, sh.sh_size, &end))
		return -ENOENT;
	*ret = (struct sym_range){ sh.sh_addr, end };
	return 0;
}

int elf_file_function_at(struct elf_file *f, uint64_t addr, struct sym_range *ret)
{
	if (!f->fdes_read) {
		const uint8_t *data;
		Elf_Scn *scn;
		GElf_Shdr sh;
		size_t len;
		int r;

		scn = find_section(f, ".eh_frame", &sh);
		data = scn ? section_bytes(scn, &sh, &len) : NULL;
		if (data) {
			r = ehframe_parse(data, len, sh.sh_addr, &f->fdes);
			if (r)
				return r;
		}
		f->fdes_read = true;
	}
	return ehframe_find(&f->fdes, addr, ret);
}

int elf_file_text(struct elf_file *f, uint64_t addr, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < f->nphdrs && i < PHDRS_MAX; i++) {
		GElf_Phdr ph;
		ssize_t n;

		if (!gelf_getphdr(f->elf, (int)i, &ph) || ph.p_type != PT_LOAD ||
		    !(ph.p_flags & PF_X) || addr < ph.p_vaddr || addr - ph.p_vaddr >= ph.p_filesz)
			continue;
		addr -= ph.p_vaddr;
		if (len > ph.p_filesz - addr)
			len = ph.p_filesz - addr;
		n = pread(f->fd, buf, len, (off_t)(ph.p_offset + addr));
		return n > 0 ? (int)n : -ENOENT;
	}
	return -ENOENT;
}
