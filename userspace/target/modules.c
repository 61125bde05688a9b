// SPDX-License-Identifier: BSD-2-Clause
/* The ELF files that are mapped into a target. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "target/elf.h"
#include "target/priv.h"
#include "target/target.h"

#define DELETED	    " (deleted)"
#define MODULES_MAX 65536u

struct module {
	uint64_t dev, inode;
	uint64_t start, end;  /* of the mapping that it was found by */
	char *path;	      /* without root and " (deleted)" */
	char *raw_path;	      /* as in maps */
	struct elf_file *elf; /* NULL until it is asked for */
	int error;	      /* why it cannot be opened */
};

static void module_free(struct module *m)
{
	elf_file_free(m->elf);
	free(m->path);
	free(m->raw_path);
}

/* The mapped file itself, whatever its name stands for by now. Needs CAP_SYS_ADMIN or so. */
static int open_mapped(const struct target *t, const struct module *m)
{
	_cleanup_close_ int fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)t->pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return target_reopen(fd);
}

static int open_module(const struct target *t, const struct module *m)
{
	_cleanup_close_ int fd = -1;
	size_t len = strlen(m->raw_path), cut = strlen(DELETED);
	struct stat st;

	fd = open_mapped(t, m);
	if (fd >= 0)
		return take_fd(fd);
	if (len > cut && !strcmp(m->raw_path + len - cut, DELETED))
		return -ESTALE;
	fd = target_open_file(t, m->path);
	if (fd < 0)
		return fd;
	/*
	 * The device number is left out: overlay and btrfs give another one to stat() than to maps.
	 * Same name and same inode number is the same file for all that we can tell from here.
	 */
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != m->inode)
		return -ESTALE;
	return take_fd(fd);
}

int target_open_module(struct target *t, size_t i)
{
	return i < t->modules.n ? open_module(t, &t->modules.priv[i]) : -ENOENT;
}

static int module_load(const struct target *t, struct module *m)
{
	int fd;

	if (m->elf || m->error)
		return m->error;
	fd = open_module(t, m);
	m->error = fd < 0 ? fd : elf_file_open(fd, &m->elf);
	return m->error;
}

static bool is_known(const struct target *t, const struct mem_region *r)
{
	size_t i;

	/* Backwards: the mappings of a file follow each other. */
	for (i = t->modules.n; i-- > 0;) {
		const struct module *m = &t->modules.priv[i];

		if (m->inode == r->inode && m->dev == r->dev && !strcmp(m->raw_path, r->path))
			return true;
	}
	return false;
}

static int append(struct target *t, struct sym_module *pub, struct module *m)
{
	if (t->modules.n == t->modules.cap) {
		size_t cap = t->modules.cap ? t->modules.cap * 2 : 32;
		void *p;

		p = realloc(t->modules.pub, cap * sizeof(*t->modules.pub));
		if (!p)
			return -ENOMEM;
		t->modules.pub = p;
		p = realloc(t->modules.priv, cap * sizeof(*t->modules.priv));
		if (!p)
			return -ENOMEM;
		t->modules.priv = p;
		t->modules.cap = cap;
	}
	t->modules.pub[t->modules.n] = *pub;
	t->modules.priv[t->modules.n++] = *m;
	return 0;
}

/* exec: the mapping is executable, so that its segment is one that is too. */
static int add_module(struct target *t, const struct mem_region *reg, bool exec)
{
	const char *path = target_in_root(t, reg->path);
	size_t len = strlen(path), cut = strlen(DELETED);
	struct module m = {
		.dev = reg->dev, .inode = reg->inode, .start = reg->start, .end = reg->end
	};
	struct sym_module pub = { .bias = reg->start - reg->offset };
	uint64_t addr;
	int r;

	if (t->modules.n >= MODULES_MAX)
		return 0;
	m.raw_path = strdup(reg->path);
	if (len > cut && !strcmp(path + len - cut, DELETED))
		len -= cut;
	m.path = strndup(path, len);
	if (!m.path || !m.raw_path) {
		module_free(&m);
		return -ENOMEM;
	}
	pub.path = m.path;
	r = module_load(t, &m);
	if (!r && !elf_file_address(m.elf, reg->offset, exec, &addr))
		pub.bias = reg->start - addr;
	if (!r && elf_file_build_id(m.elf, pub.build_id, &pub.build_id_len))
		pub.build_id_len = 0;
	/* A process may map tens of thousands of files: those that are used are opened again. */
	elf_file_free(m.elf);
	m.elf = NULL;
	/* No ELF at all, say a font mapped with too many rights: nobody's business, unless it is
	 * the program. */
	if (r == -ENOEXEC && t->modules.n) {
		module_free(&m);
		return 0;
	}
	r = append(t, &pub, &m);
	if (r)
		module_free(&m);
	return r;
}

static bool is_exe(const struct target *t, const struct mem_region *r)
{
	return !strcmp(r->path, t->exe_raw);
}

static int update(struct target *t)
{
	const struct mem_region *regs;
	size_t n, i;
	int r;

	r = mem_regions(&t->mem, &regs, &n);
	if (r)
		return r;
	/* The executable first: by its code, or by whatever it has where the code was moved to huge
	 * pages. */
	for (i = 0; i < n && !t->modules.n; i++) {
		if ((regs[i].prot & PROT_EXEC) && regs[i].inode && is_exe(t, &regs[i])) {
			r = add_module(t, &regs[i], true);
			if (r)
				return r;
		}
	}
	for (i = 0; i < n && !t->modules.n; i++) {
		if (regs[i].inode && is_exe(t, &regs[i])) {
			r = add_module(t, &regs[i], false);
			if (r)
				return r;
		}
	}
	for (i = 0; i < n; i++) {
		if (!(regs[i].prot & PROT_EXEC) || !regs[i].inode || regs[i].path[0] != '/' ||
		    is_known(t, &regs[i]))
			continue;
		r = add_module(t, &regs[i], true);
		if (r)
			return r;
	}
	t->modules.current = true;
	return 0;
}

static int sym_modules_live(void *priv, const struct sym_module **ret, size_t *ret_n)
{
	struct target *t = priv;
	int r;

	if (!t->modules.current) {
		r = update(t);
		if (r)
			return r;
	}
	*ret = t->modules.pub;
	*ret_n = t->modules.n;
	return 0;
}

/* The file of a module, opened, and its bias. */
static int use_module(struct target *t, size_t module, struct elf_file **ret, uint64_t *ret_bias)
{
	const struct sym_module *mods;
	size_t n;
	int r;

	r = sym_modules_live(t, &mods, &n);
	if (r)
		return r;
	if (module >= n)
		return -ENOENT;
	r = module_load(t, &t->modules.priv[module]);
	if (r)
		return r;
	*ret = t->modules.priv[module].elf;
	*ret_bias = mods[module].bias;
	return 0;
}

static int sym_lookup_live(void *priv, size_t module, const char *name, uint64_t *ret_addr,
			   uint64_t *ret_size)
{
	struct elf_file *f;
	uint64_t bias, addr;
	int r;

	r = use_module(priv, module, &f, &bias);
	if (!r)
		r = elf_file_symbol(f, name, &addr, ret_size);
	if (!r)
		*ret_addr = addr + bias;
	return r;
}

static int sym_section_live(void *priv, size_t module, const char *name, struct sym_range *ret)
{
	struct elf_file *f;
	struct sym_range range;
	uint64_t bias;
	int r;

	r = use_module(priv, module, &f, &bias);
	if (!r)
		r = elf_file_section(f, name, &range);
	if (!r)
		*ret = (struct sym_range){ range.start + bias, range.end + bias };
	return r;
}

static int sym_function_at_live(void *priv, size_t module, uint64_t addr, struct sym_range *ret)
{
	struct elf_file *f;
	struct sym_range range;
	uint64_t bias;
	int r;

	r = use_module(priv, module, &f, &bias);
	if (!r)
		r = elf_file_function_at(f, addr - bias, &range);
	if (!r)
		*ret = (struct sym_range){ range.start + bias, range.end + bias };
	return r;
}

static int sym_text_live(void *priv, size_t module, uint64_t addr, uint8_t *buf, size_t len)
{
	struct elf_file *f;
	uint64_t bias;
	int r = use_module(priv, module, &f, &bias);

	return r ? r : elf_file_text(f, addr - bias, buf, len);
}

const struct sym_ops target_sym_ops = {
	.modules = sym_modules_live,
	.lookup = sym_lookup_live,
	.section = sym_section_live,
	.function_at = sym_function_at_live,
	.text = sym_text_live,
};

void target_modules_deinit(struct target *t)
{
	size_t i;

	for (i = 0; i < t->modules.n; i++)
		module_free(&t->modules.priv[i]);
	free(t->modules.pub);
	free(t->modules.priv);
}
