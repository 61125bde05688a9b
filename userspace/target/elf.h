/* SPDX-License-Identifier: BSD-2-Clause */
/* One ELF file of a target (64 bit, x86-64), read with limits: what it says is not trusted. */
#ifndef PYBPFDBG_TARGET_ELF_H
#define PYBPFDBG_TARGET_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sym_range;
struct elf_file; /* opaque */

/*
 * Take over fd (closed on failure too), a regular file open for reading.
 * -ENOEXEC: no x86-64 ELF program or library; -ENOMEM; -errno of the read.
 */
int elf_file_open(int fd, struct elf_file **ret);
void elf_file_free(struct elf_file *f); /* NULL is fine */

/* All addresses below are the file's own virtual addresses. */

/* The NT_GNU_BUILD_ID note; -ENOENT: none (or one longer than 20 bytes). */
int elf_file_build_id(struct elf_file *f, uint8_t ret[static 20], size_t *ret_len);
/* Where file offset `offset` (bytes) is loaded, by the segments that are executable (or any).
 * -ENOENT. */
int elf_file_address(struct elf_file *f, uint64_t offset, bool exec, uint64_t *ret);
/* A defined symbol, by .dynsym, then .symtab. -ENOENT. */
int elf_file_symbol(struct elf_file *f, const char *name, uint64_t *ret_addr, uint64_t *ret_size);
/* A loaded section by name. -ENOENT. */
int elf_file_section(struct elf_file *f, const char *name, struct sym_range *ret);
/* The part of a function that holds addr, by the FDEs of .eh_frame. -ENOENT. */
int elf_file_function_at(struct elf_file *f, uint64_t addr, struct sym_range *ret);
/* Up to len bytes of machine code as the file has them. How many there are from addr on, at least 1; -ENOENT. */
int elf_file_text(struct elf_file *f, uint64_t addr, uint8_t *buf, size_t len);

#endif
