/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols and sections of the files mapped into a process. target/ implements it with
 * elfutils through /proc/PID/root, tests/support/ for saved images. All addresses are run-time
 * addresses in the target (the load bias is added).
 */
#ifndef PYBPFDBG_BASE_SYM_H
#define PYBPFDBG_BASE_SYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sym_range {
	uint64_t start, end; /* [start, end) */
};

/* A file: the executable is module 0, the others follow in the order of their mappings. */
struct sym_module {
	const char *path;     /* as in the target's maps (inside its mount namespace) */
	uint64_t bias;        /* run-time address minus the file's own virtual address */
	uint8_t build_id[20]; /* of the NT_GNU_BUILD_ID note; all 0 when absent */
	size_t build_id_len;
};

struct sym_ops {
	/* Owned by the implementation, valid as long as it lives. 0 or -errno. */
	int (*modules)(void *priv, const struct sym_module **ret, size_t *ret_n);
	/* .dynsym first, then .symtab. -ENOENT: not there. *ret_size is 0 when the symbol has none. */
	int (*lookup)(void *priv, size_t module, const char *name, uint64_t *ret_addr, uint64_t *ret_size);
	/* By section name. -ENOENT: not there. */
	int (*section)(void *priv, size_t module, const char *name, struct sym_range *ret);
	/* The function part (by .eh_frame's FDEs, present in stripped files too) that holds addr. -ENOENT. */
	int (*function_at)(void *priv, size_t module, uint64_t addr, struct sym_range *ret);
	/*
	 * Up to len bytes of machine code as the file has them: in memory there may be traps of debuggers between. How many there
	 * are from addr on, at least 1; -ENOENT. May be NULL.
	 */
	int (*text)(void *priv, size_t module, uint64_t addr, uint8_t *buf, size_t len);
};

struct sym {
	const struct sym_ops *ops;
	void *priv;
};

/* Thin wrappers around the ops, with the same results. */
int sym_modules(struct sym *s, const struct sym_module **ret, size_t *ret_n);
int sym_lookup(struct sym *s, size_t module, const char *name, uint64_t *ret_addr, uint64_t *ret_size);
int sym_section(struct sym *s, size_t module, const char *name, struct sym_range *ret);
int sym_function_at(struct sym *s, size_t module, uint64_t addr, struct sym_range *ret);
/* -ENOSYS where there is no such op. */
int sym_text(struct sym *s, size_t module, uint64_t addr, uint8_t *buf, size_t len);
/* The first module that defines name; -ENOENT, or why the first file that could not be read could not. */
int sym_find_module(struct sym *s, const char *name, size_t *ret_module);

#endif
