// SPDX-License-Identifier: BSD-2-Clause
#include "target/native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sym.h"
#include "base/vec.h"
#include "target/priv.h"
#include "target/target.h"

#define STACK_MAX    (1u << 20)
#define STACK_GUESS  65536 /* of a stack that was mapped after native_new() */
#define THREAD	     1	   /* libdwfl's name for the one thread that there is at a time */
#define REG_SP	     7
#define REG_PC	     16
#define RED_ZONE     128 /* below the stack pointer; System V ABI, AMD64 */
#define BUILD_ID_MAX 64

struct range {
	uint64_t start, end;
};

struct native {
	struct target *t;
	Dwfl *dwfl;
	VEC(struct range) stacks;	/* readable and writable mappings, ascending */
	const struct native_stack *now; /* what is being unwound */
	uint64_t base;			/* address of now->data */
	VEC(uint64_t) pcs;
	bool aborted;
};

/* ---- files ---- */

/* /usr/lib/debug/.build-id/xx/yy.debug, of the target or ours: never what goes to the network. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *debuglink, GElf_Word crc,
			  char **debuginfo)
{
	struct native *n = *userdata;
	char path[64 + 2 * BUILD_ID_MAX];
	const unsigned char *id;
	GElf_Addr at;
	int len, fd;
	size_t used;

	(void)name, (void)base, (void)file_name, (void)debuglink, (void)crc, (void)debuginfo;
	len = dwfl_module_build_id(mod, &id, &at);
	if (!n || len < 2 || len > BUILD_ID_MAX)
		return -1;
	used = (size_t)snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (int i = 1; i < len; i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "%02x", id[i]);
	snprintf(path + used, sizeof(path) - used, ".debug");
	fd = target_open_file(n->t, path);
	return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC);
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = find_debuginfo,
};

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
		Dwfl_Module *mod;
		void **userdata;

		/* the descriptor is libdwfl's from here on, if it takes the file */
		mod = fd < 0 ? NULL
			     : dwfl_report_elf(n->dwfl, mods[i].path, mods[i].path, fd,
					       mods[i].bias, true);
		if (mod && dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
			*userdata = n;
		else if (fd >= 0 && !mod)
			close(fd);
	}
	return dwfl_report_end(n->dwfl, NULL, NULL) ? -EIO : 0;
}

static int find_stacks(struct native *n)
{
	const struct mem_region *regions;
	size_t count;
	int r;

	r = mem_regions(target_mem(n->t), &regions, &count);
	for (size_t i = 0; !r && i < count; i++)
		if (!regions[i].inode &&
		    (regions[i].prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE))
			r = vec_push(&n->stacks,
				     (struct range){ regions[i].start, regions[i].end });
	return r;
}

/* ---- unwinding a copy ---- */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return THREAD;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *ret, void *arg)
{
	struct native *n = arg;
	uint64_t word, at = addr - n->base;

	(void)dwfl;
	if (addr >= n->base && n->now->n >= sizeof(word) && at <= n->now->n - sizeof(word)) {
		memcpy(&word, n->now->data + at, sizeof(word));
	} else if (mem_u64(target_mem(n->t), addr, &word)) {
		return false;
	}
	*ret = word;
	return true;
}

static bool set_initial_registers(Dwfl_Thread *thread, void *arg)
{
	const struct native *n = arg;
	Dwarf_Word regs[NATIVE_REGS];

	for (int i = 0; i < NATIVE_REGS; i++)
		regs[i] = n->now->regs[i];
	dwfl_thread_state_register_pc(thread, regs[REG_PC]);
	return dwfl_thread_state_registers(thread, 0, NATIVE_REGS, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_initial_registers,
};

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
	if (!r)
		r = find_stacks(n);
	if (!r && !dwfl_attach_state(n->dwfl, NULL, pid, &thread_callbacks, n))
		r = -EIO;
	if (r) {
		err_set(err, r, "pid %d: its native stacks cannot be read: %s", pid,
			r == -EIO ? dwfl_errmsg(-1) : strerror(-r));
		native_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	if (n->dwfl)
		dwfl_end(n->dwfl);
	vec_deinit(&n->stacks);
	vec_deinit(&n->pcs);
	free(n);
}

/* How much lies between sp and the end of its mapping. */
static size_t stack_size(const struct native *n, uint64_t sp)
{
	for (size_t i = 0; i < n->stacks.n; i++) {
		const struct range *s = &n->stacks.data[i];

		if (sp >= s->start && sp < s->end)
			return s->end - sp < STACK_MAX ? s->end - sp : STACK_MAX;
	}
	return STACK_GUESS;
}

int native_capture(struct native *n, const uint64_t regs[static NATIVE_REGS],
		   struct native_stack *ret)
{
	struct mem *m = target_mem(n->t);
	uint64_t sp = regs[REG_SP] - RED_ZONE;
	size_t size = stack_size(n, regs[REG_SP]) + RED_ZONE;

	*ret = (struct native_stack){ .data = malloc(size) };
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->regs, regs, sizeof(ret->regs));
	m->ops->read(m->priv, sp, ret->data, size, &ret->n);
	return ret->n ? 0 : -EFAULT;
}

void native_stack_deinit(struct native_stack *st)
{
	free(st->data);
	*st = (struct native_stack){ 0 };
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct native *n = arg;
	Dwarf_Addr pc;

	n->aborted = n->pcs.n >= NATIVE_FRAMES_MAX || !dwfl_frame_pc(frame, &pc, NULL) ||
		     vec_push(&n->pcs, pc);
	return n->aborted ? DWARF_CB_ABORT : DWARF_CB_OK;
}

int native_unwind(struct native *n, const struct native_stack *st, struct native_pcs *ret)
{
	bool ended;

	n->now = st;
	n->base = st->regs[REG_SP] - RED_ZONE;
	n->pcs.n = 0;
	n->aborted = false;
	/* 0: the outermost frame said that none called it. */
	ended = dwfl_getthread_frames(n->dwfl, THREAD, on_frame, n) == 0;
	n->now = NULL;
	/* A stack that cannot be unwound to its end is worth what there is of it. */
	if (!n->pcs.n)
		return -ENODATA;
	*ret = (struct native_pcs){ calloc(n->pcs.n, sizeof(*ret->data)), n->pcs.n,
				    ended && !n->aborted };
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->data, n->pcs.data, n->pcs.n * sizeof(*ret->data));
	return 0;
}

void native_pcs_deinit(struct native_pcs *p)
{
	free(p->data);
	*p = (struct native_pcs){ 0 };
}

/* ---- names ---- */

void native_symbol(struct native *n, uint64_t pc, bool caller, const char **ret_function,
		   const char **ret_file)
{
	Dwarf_Addr at = caller && pc ? pc - 1 : pc;
	Dwfl_Module *mod = dwfl_addrmodule(n->dwfl, at);

	*ret_function = mod ? dwfl_module_addrname(mod, at) : NULL;
	*ret_file = mod ? dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : NULL;
}

void native_module(const char *file, char buf[static 64])
{
	const char *name = strrchr(file, '/');
	size_t n;

	name = name ? name + 1 : file;
	n = strcspn(name, ".");
	/* EXTENSION_SUFFIXES of importlib.machinery; a plain .so is a library more often than not.
	 */
	if (n >= 64 || (strncmp(name + n, ".cpython-", 9) && strncmp(name + n, ".abi3.", 6)))
		n = 0;
	memcpy(buf, name, n);
	buf[n] = '\0';
}
