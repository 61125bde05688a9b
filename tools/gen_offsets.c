// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prints the offsets of one CPython version, read from DWARF, as an initialiser of struct
 *py_offsets: gen_offsets MINOR FILE... The files are an interpreter (or libpython) with debug
 *information and, where they are separate, the extension modules whose objects we know. What no
 *file has is OFF_NONE.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WANT_OFFSET, WANT_SIZE };

static const struct field {
	const char *name, *type, *path;
	int want;
} fields[] = {
#define OFF(name, st, path) { #name, st, path, WANT_OFFSET },
#define OBJ(name, st, path) { #name, st, path, WANT_OFFSET },
#define SIZ(name, st)	    { #name, st, "", WANT_SIZE },
#define OSZ(name, st)	    { #name, st, "", WANT_SIZE },
#define DBG(field, path)    { "dbg_" #field, "_Py_DebugOffsets", path, WANT_OFFSET },
#include "probes/cpython/offsets.def"
#undef DBG
#undef OFF
#undef OBJ
#undef SIZ
#undef OSZ
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

struct found {
	bool ok;
	unsigned alternative; /* which of the "|" names it was: a lower one wins */
	unsigned long value;
};

/* Look through typedefs and qualifiers down to a structure or union that has members. */
static bool strip(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Die cur = *die, next;
	Dwarf_Attribute attr;
	int i;

	for (i = 0; i < 16; i++) {
		switch (dwarf_tag(&cur)) {
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
			if (dwarf_hasattr(&cur, DW_AT_declaration) || !dwarf_haschildren(&cur))
				return false;
			*ret = cur;
			return true;
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_atomic_type:
			if (!dwarf_attr(&cur, DW_AT_type, &attr) ||
			    !dwarf_formref_die(&attr, &next))
				return false;
			cur = next;
			break;
		default:
			return false;
		}
	}
	return false;
}

static bool member_offset(Dwarf_Die *member, unsigned long *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word w;

	if (dwarf_attr(member, DW_AT_data_member_location, &attr)) {
		if (dwarf_formudata(&attr, &w))
			return false;
		*ret = w;
	} else if (dwarf_attr(member, DW_AT_data_bit_offset, &attr)) {
		if (dwarf_formudata(&attr, &w))
			return false;
		*ret = w / 8;
	} else {
		*ret = 0; /* of a union */
	}
	return true;
}

/* Offset of the member path (len bytes long) in st; anonymous members are looked through. */
static bool find_path(Dwarf_Die *st, const char *path, size_t len, unsigned long base, int depth,
		      unsigned long *ret)
{
	size_t head = 0;
	Dwarf_Die child, type, inner;
	Dwarf_Attribute attr;
	unsigned long off;
	const char *name;

	if (depth > 16 || dwarf_child(st, &child))
		return false;
	while (head < len && path[head] != '.')
		head++;
	do {
		if (dwarf_tag(&child) != DW_TAG_member || !member_offset(&child, &off))
			continue;
		name = dwarf_diename(&child);
		if (name && (strlen(name) != head || memcmp(name, path, head)))
			continue;
		if (name && head == len) {
			*ret = base + off;
			return true;
		}
		if (!dwarf_attr(&child, DW_AT_type, &attr) || !dwarf_formref_die(&attr, &type) ||
		    !strip(&type, &inner))
			continue;
		if (name &&
		    find_path(&inner, path + head + 1, len - head - 1, base + off, depth + 1, ret))
			return true;
		if (!name && find_path(&inner, path, len, base + off, depth + 1, ret))
			return true;
	} while (!dwarf_siblingof(&child, &child));
	return false;
}

static void take(Dwarf_Die *st, const struct field *f, struct found *found)
{
	const char *p = f->path, *end;
	unsigned long value;
	unsigned alt;

	if (f->want == WANT_SIZE) {
		int size = dwarf_bytesize(st);

		if (!found->ok && size > 0) {
			found->ok = true;
			found->value = (unsigned long)size;
		}
		return;
	}
	for (alt = 0;; alt++, p = end + 1) {
		end = strchrnul(p, '|');
		if (found->ok && found->alternative <= alt)
			return;
		if (find_path(st, p, (size_t)(end - p), 0, 0, &value)) {
			found->ok = true;
			found->alternative = alt;
			found->value = value;
			return;
		}
		if (!*end)
			return;
	}
}

/* Is name one of the alternatives, separated by "|"? */
static bool is_one_of(const char *name, const char *alternatives)
{
	size_t len = strlen(name);
	const char *p = alternatives;

	for (;;) {
		const char *end = strchrnul(p, '|');

		if ((size_t)(end - p) == len && !memcmp(p, name, len))
			return true;
		if (!*end)
			return false;
		p = end + 1;
	}
}

static void scan_unit(Dwarf_Die *cu, struct found *found)
{
	Dwarf_Die child, st;
	const char *name;
	bool stripped;
	size_t i;

	if (dwarf_child(cu, &child))
		return;
	do {
		int tag = dwarf_tag(&child);

		if (tag != DW_TAG_structure_type && tag != DW_TAG_typedef)
			continue;
		name = dwarf_diename(&child);
		if (!name)
			continue;
		stripped = false;
		for (i = 0; i < NFIELDS; i++) {
			if ((found[i].ok && !found[i].alternative) ||
			    !is_one_of(name, fields[i].type))
				continue;
			if (!stripped && !strip(&child, &st))
				break;
			stripped = true;
			take(&st, &fields[i], &found[i]);
		}
	} while (!dwarf_siblingof(&child, &child));
}

static int scan_file(const char *path, struct found *found)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, sub;
	Dwarf *dw;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		return -1;
	}
	dw = dwarf_begin(fd, DWARF_C_READ);
	if (!dw) {
		fprintf(stderr, "%s: no debug information\n", path);
		close(fd);
		return -1;
	}
	while (!dwarf_get_units(dw, cu, &cu, NULL, NULL, &die, &sub))
		scan_unit(&die, found);
	dwarf_end(dw);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static struct found found[NFIELDS];
	size_t i;
	int a;

	if (argc < 3) {
		fprintf(stderr, "usage: gen_offsets MINOR FILE...\n");
		return 2;
	}
	for (a = 2; a < argc; a++)
		if (scan_file(argv[a], found))
			return 1;
	printf("\t{ /* 3.%s */\n\t\t.minor = %s,\n", argv[1], argv[1]);
	for (i = 0; i < NFIELDS; i++) {
		if (found[i].ok)
			printf("\t\t.%s = %lu,\n", fields[i].name, found[i].value);
		else
			printf("\t\t.%s = OFF_NONE,\n", fields[i].name);
	}
	printf("\t}, /* end 3.%s */\n", argv[1]);
	return 0;
}
