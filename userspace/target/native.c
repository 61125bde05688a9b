// SPDX-License-Identifier: BSD-2-Clause
#include "target/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "base/err.h"
#include "base/sym.h"
#include "target/priv.h"
#include "target/target.h"

struct native {
	struct target *t;
	Dwfl *dwfl;
};

/* Separate debug files are not looked for: that could go to the network, and takes long while the
 * target waits. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *debuglink, GElf_Word crc,
			  char **debuginfo)
{
	(void)mod, (void)userdata, (void)name, (void)base, (void)file_name, (void)debuglink,
		(void)crc, (void)debuginfo;
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = find_debuginfo,
};

/* Read what unwinding and naming need now, not while the target stands still. */
static int warm(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr start, void *arg)
{
	Dwarf_Addr bias;

	(void)userdata, (void)name, (void)start, (void)arg;
	if (dwfl_module_eh_cfi(mod, &bias))
		dwfl_module_getsymtab(mod);
	return DWARF_CB_OK;
}

/* Every file that is mapped, as the target's own root has it. One that cannot be opened ends the
 * stacks in it. */
static int report_modules(struct native *n)
{
	const struct sym_module *mods;
	size_t count;
	int r;

	r = sym_modules(target_sym(n->t), &mods, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		int fd = target_open_module(n->t, i);

		/* the descriptor is libdwfl's from here on, if it takes the file */
		if (fd >= 0 &&
		    !dwfl_report_elf(n->dwfl, mods[i].path, mods[i].path, fd, mods[i].bias, true))
			close(fd);
	}
	return dwfl_report_end(n->dwfl, NULL, NULL) ? -EIO : 0;
}

int native_new(struct target *t, struct err *err, struct native **ret)
{
	struct native *n = calloc(1, sizeof(*n));
	pid_t pid = target_pid(t);
	int r = -EIO;

	if (!n)
		return err_set(err, -ENOMEM, "out of memory");
	n->t = t;
	n->dwfl = dwfl_begin(&callbacks);
	if (n->dwfl)
		r = report_modules(n);
	/* libdwfl must not attach by itself (true): we hold the threads. */
	if (!r && dwfl_linux_proc_attach(n->dwfl, pid, true))
		r = -EIO;
	if (r) {
		err_set(err, r, "pid %d: its native stacks cannot be read: %s", pid,
			r == -EIO ? dwfl_errmsg(-1) : strerror(-r));
		native_free(n);
		return r;
	}
	dwfl_getmodules(n->dwfl, warm, NULL, 0);
	*ret = n;
	return 0;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	if (n->dwfl)
		dwfl_end(n->dwfl);
	free(n);
}

struct walk {
	uint64_t *pcs;
	size_t n, max;
};

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct walk *w = arg;
	Dwarf_Addr pc;

	if (w->n >= w->max || !dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	w->pcs[w->n++] = pc;
	return DWARF_CB_OK;
}

int native_unwind(struct native *n, pid_t tid, uint64_t *pcs, size_t max, size_t *ret_n)
{
	struct walk w = { .pcs = pcs, .max = max };

	dwfl_getthread_frames(n->dwfl, tid, on_frame, &w);
	/* A stack that cannot be unwound to its end is worth what there is of it. */
	if (!w.n)
		return -ENODATA;
	*ret_n = w.n;
	return 0;
}

void native_symbol(struct native *n, uint64_t pc, int caller, const char **ret_function,
		   const char **ret_file)
{
	Dwarf_Addr at = caller && pc ? pc - 1 : pc;
	Dwfl_Module *mod = dwfl_addrmodule(n->dwfl, at);

	*ret_function = mod ? dwfl_module_addrname(mod, at) : NULL;
	*ret_file = mod ? dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : NULL;
}
