// SPDX-License-Identifier: BSD-2-Clause
/* Reading one code object. Nothing that it says is believed before it is checked. */
#include "probes/cpython/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/cpython.h"

#define NAME_MAX_CHARS	   4096
#define FLAG_OPTIMIZED	   0x1 /* co_flags: a function, not a module or class body */
#define QUALNAME_DEPTH_MAX 32

struct fixed {
	uint8_t buf[512];
	size_t len;
};

static uint64_t word(const struct fixed *f, uint32_t off)
{
	uint64_t v = 0;

	if (off != OFF_NONE && off + sizeof(v) <= f->len)
		memcpy(&v, f->buf + off, sizeof(v));
	return v;
}

static uint32_t half(const struct fixed *f, uint32_t off)
{
	uint32_t v = 0;

	if (off != OFF_NONE && off + sizeof(v) <= f->len)
		memcpy(&v, f->buf + off, sizeof(v));
	return v;
}

/*
 * A freed block keeps its type, but its first word is then a link of the allocator's free list. A
 * live reference count leaves the upper half 0; 3.14 has flags in the topmost 16 bits
 * (Include/refcount.h).
 */
static bool plausible_refcnt(unsigned minor, uint64_t v)
{
	if (minor >= 14)
		v &= 0x0000ffffffffffff;
	return (uint32_t)v != 0 && v >> 32 == 0;
}

static int has_type(struct cpython *py, uint64_t addr, uint64_t type)
{
	uint64_t t;

	if (addr & 7 || cpython_type_of(py, addr, &t) || t != type)
		return -EINVAL;
	return 0;
}

/* Size and data of a bytes object. */
static int bytes_object(struct cpython *py, uint64_t addr, uint64_t *ret_data, uint32_t *ret_len)
{
	uint64_t n;
	int r;

	r = has_type(py, addr, py->types.bytes);
	if (r)
		return r;
	r = mem_u64(py->mem, addr + py->off->ob_size, &n);
	if (r)
		return r;
	if (n > CODE_SIZE_MAX)
		return -EINVAL;
	*ret_data = addr + py->off->bytes_data;
	*ret_len = (uint32_t)n;
	return 0;
}

int code_head_read(struct cpython *py, uint64_t addr, struct code_head *ret)
{
	const struct py_offsets *o = py->off;
	struct fixed f = { .len = o->code_size };
	struct code_head h = { .address = addr };
	uint64_t n, data;
	uint32_t len;
	int r;

	if (f.len > sizeof(f.buf) || addr & 7)
		return -EINVAL;
	r = mem_read(py->mem, addr, f.buf, f.len);
	if (r)
		return r;
	if (word(&f, o->ob_type) != py->types.code ||
	    !plausible_refcnt(o->minor, word(&f, o->ob_refcnt)))
		return -EINVAL;
	h.file = word(&f, o->code_filename);
	h.name = word(&f, o->code_name);
	h.qualname = word(&f, o->code_qualname);
	h.consts = word(&f, o->code_consts);
	h.linetable = word(&f, o->code_linetable);
	h.exceptions = word(&f, o->code_exceptiontable);
	h.monitoring = word(&f, o->code_monitoring);
	h.executors = word(&f, o->code_executors);
	h.flags = half(&f, o->code_flags);
	h.first_line = (int32_t)half(&f, o->code_firstlineno);
	if (h.first_line < 0)
		return -EINVAL;
	if (has_type(py, h.name, py->types.str) || has_type(py, h.file, py->types.str) ||
	    has_type(py, h.linetable, py->types.bytes) || has_type(py, h.consts, py->types.tuple))
		return -EINVAL;
	if (o->minor >= 11) {
		if (has_type(py, h.qualname, py->types.str) ||
		    has_type(py, h.exceptions, py->types.bytes))
			return -EINVAL;
		n = word(&f, o->ob_size);
		if (!n || n > CODE_SIZE_MAX / 2)
			return -EINVAL;
		h.size = (uint32_t)n * 2;
		h.bytecode = addr + o->code_adaptive;
		n = half(&f, o->code_firsttraceable);
		if (n > h.size / 2)
			return -EINVAL;
		h.first_traceable = (uint32_t)n * 2;
	} else {
		r = bytes_object(py, word(&f, o->code_code), &data, &len);
		if (r)
			return r;
		if (!len || len & 1)
			return -EINVAL;
		h.size = len;
		h.bytecode = data;
	}
	*ret = h;
	return 0;
}

/* ---- strings ---- */

int code_str(struct cpython *py, uint64_t addr, size_t max, char **ret)
{
	const struct py_offsets *o = py->off;
	_cleanup_free_ uint8_t *raw = NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	uint64_t n, data;
	unsigned width;
	uint32_t state, c;
	size_t i;
	int r;

	r = has_type(py, addr, py->types.str);
	if (r)
		return r;
	r = mem_u64(py->mem, addr + o->str_length, &n);
	if (!r)
		r = mem_u32(py->mem, addr + o->str_state, &state);
	if (r)
		return r;
	/*
	 * u32 state: interned:2, kind:3, compact:1, ascii:1 in all supported builds
	 * (Include/cpython/unicodeobject.h).
	 */
	width = state >> 2 & 7;
	if (n > max || (width != 1 && width != 2 && width != 4))
		return -EINVAL;
	if (state >> 5 & 1) {
		data = addr + (state >> 6 & 1 ? o->str_ascii_size : o->str_compact_size);
	} else {
		r = mem_u64(py->mem, addr + o->str_data, &data);
		if (r)
			return r;
	}
	raw = malloc(n * width + 1);
	if (!raw)
		return -ENOMEM;
	r = n ? mem_read(py->mem, data, raw, n * width) : 0;
	if (r)
		return r;
	for (i = 0; i < n; i++) {
		c = 0;
		memcpy(&c, raw + i * width, width);
		/* a NUL cannot be in a C string, a lone surrogate not in UTF-8 */
		if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			c = 0xfffd;
		strbuf_add_utf8(&sb, c);
	}
	strbuf_adds(&sb, "");
	*ret = strbuf_take(&sb);
	return *ret ? 0 : -ENOMEM;
}

/* "prog.py", "./prog.py" and "../prog.py" as seen from cwd; "<stdin>" and absolute names stay.
 * Takes over name. */
static char *absolute(const char *cwd, char *name)
{
	_cleanup_free_ char *rel = name;
	const char *p = name;
	size_t n = strlen(cwd), len;
	char *out;

	if (name[0] == '/' || name[0] == '<' || !name[0])
		return take_ptr(rel);
	out = malloc(n + strlen(name) + 2);
	if (!out)
		return NULL;
	memcpy(out, cwd, n + 1);
	while (*p) {
		len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && p[0] == '.')) {
			if (!n || out[n - 1] != '/')
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		out[n] = 0;
		p += len;
		while (*p == '/')
			p++;
	}
	return out;
}

/*
 * Before 3.11 a code object does not know its qualified name: join the names of those that hold it.
 * What is in a function has "<locals>" between, what is in a class or module has not.
 */
static int qualname_of(struct cpython *py, const struct code_head *h, char **ret)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct code_head chain[QUALNAME_DEPTH_MAX];
	size_t n = 0, i;
	int r;

	chain[n++] = *h;
	while (n < QUALNAME_DEPTH_MAX) {
		uint64_t parent = code_parent(py, chain[n - 1].address);

		if (!parent || code_head_read(py, parent, &chain[n]))
			break;
		n++;
	}
	for (i = n; i-- > 0;) {
		_cleanup_free_ char *name = NULL;

		r = code_str(py, chain[i].name, NAME_MAX_CHARS, &name);
		if (r)
			return r;
		if (i > 0 && !strcmp(name, "<module>"))
			continue;
		strbuf_adds(&sb, name);
		if (i > 0)
			strbuf_adds(&sb, chain[i].flags & FLAG_OPTIMIZED ? ".<locals>." : ".");
	}
	*ret = strbuf_take(&sb);
	return *ret ? 0 : -ENOMEM;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static int read_code(struct cpython *py, uint64_t addr, struct interp_code *ret)
{
	struct interp_code c = { .address = addr };
	struct code_head h;
	int r;

	r = code_head_read(py, addr, &h);
	if (r)
		return r;
	r = code_str(py, h.file, NAME_MAX_CHARS, &c.file);
	if (!r) {
		c.file = absolute(py->cwd, c.file);
		r = c.file ? 0 : -ENOMEM;
	}
	if (!r)
		r = code_str(py, h.name, NAME_MAX_CHARS, &c.name);
	if (!r)
		r = h.qualname ? code_str(py, h.qualname, NAME_MAX_CHARS, &c.qualname)
			       : qualname_of(py, &h, &c.qualname);
	if (r) {
		interp_code_deinit(&c);
		return r;
	}
	c.first_line = h.first_line;
	c.flags = h.flags;
	c.bytecode = h.bytecode;
	c.size = h.size;
	c.checksum = mix(mix(mix(mix(0, h.name), h.file), h.linetable), h.consts);
	*ret = c;
	return 0;
}

int cpython_code(struct interp *in, uint64_t addr, struct interp_code *ret)
{
	struct cpython *py = cpython_of(in);
	int r;

	mem_live(py->mem); /* in no record, but it does not change either */
	r = read_code(py, addr, ret);
	mem_live_end(py->mem);
	return r;
}

/* ---- parts ---- */

int code_bytes(struct cpython *py, uint64_t obj, uint8_t **ret, size_t *ret_len)
{
	_cleanup_free_ uint8_t *buf = NULL;
	uint64_t data;
	uint32_t len;
	int r;

	r = bytes_object(py, obj, &data, &len);
	if (r)
		return r;
	buf = malloc(len + 1);
	if (!buf)
		return -ENOMEM;
	r = len ? mem_read(py->mem, data, buf, len) : 0;
	if (r)
		return r;
	*ret = take_ptr(buf);
	*ret_len = len;
	return 0;
}

/* An array that hangs on _co_monitoring: NULL in *ret when it is not there. */
static int copy_array(struct cpython *py, uint64_t slot, size_t len, uint8_t **ret)
{
	_cleanup_free_ uint8_t *buf = NULL;
	uint64_t p;
	int r;

	r = mem_u64(py->mem, slot, &p);
	if (r || !p)
		return r;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	r = mem_read(py->mem, p, buf, len);
	if (r)
		return r;
	*ret = take_ptr(buf);
	return 0;
}

/* From 3.14 on an entry's width is not fixed: u8 bytes_per_entry comes first
 * (Python/instrumentation.c). */
static int lines_stride(struct cpython *py, uint64_t slot, struct bytecode_originals *orig)
{
	uint64_t p;
	uint8_t width;
	int r;

	orig->lines_stride = 2;
	orig->lines_skip = 0;
	if (py->off->minor < 14)
		return 0;
	r = mem_u64(py->mem, slot, &p);
	if (r || !p)
		return r;
	r = mem_u8(py->mem, p, &width);
	if (r)
		return r;
	if (width < 1 || width > 8)
		return -EINVAL;
	orig->lines_stride = width;
	orig->lines_skip = 1;
	return 0;
}

struct executors {
	struct cpython *py;
	uint64_t array;
};

/* ENTER_EXECUTOR's argument is an index (Include/internal/pycore_optimizer.h). */
static int executor(void *priv, uint8_t arg, uint8_t ret[2])
{
	const struct executors *e = priv;
	const struct py_offsets *o = e->py->off;
	uint32_t n;
	uint64_t ex;
	int r;

	if (!e->array || o->executors_array == OFF_NONE || o->executor_opcode == OFF_NONE)
		return -EINVAL;
	r = mem_u32(e->py->mem, e->array + o->executors_size, &n);
	if (!r && arg >= n)
		r = -EINVAL;
	if (!r)
		r = mem_u64(e->py->mem, e->array + o->executors_array + 8ull * arg, &ex);
	if (!r)
		r = mem_u8(e->py->mem, ex + o->executor_opcode, &ret[0]);
	return r ? r : mem_u8(e->py->mem, ex + o->executor_oparg, &ret[1]);
}

/*
 * Tools that watch lines or instructions put an opcode of theirs over the program's and keep the
 * original beside the code object (Include/cpython/code.h, _PyCoMonitoringData).
 */
static int restore(struct cpython *py, struct code_parts *p)
{
	const struct py_offsets *o = py->off;
	_cleanup_free_ uint8_t *lines = NULL, *opcodes = NULL;
	struct executors ex = { py, p->head.executors };
	struct bytecode_originals orig = { .executor = executor, .priv = &ex };
	uint32_t units = p->head.size / 2;
	int r;

	if (o->minor < 12)
		return 0;
	if (p->head.monitoring && o->monitoring_lines != OFF_NONE) {
		r = lines_stride(py, p->head.monitoring + o->monitoring_lines, &orig);
		if (!r)
			r = copy_array(py, p->head.monitoring + o->monitoring_lines,
				       units * orig.lines_stride + orig.lines_skip, &lines);
		if (!r)
			r = copy_array(py, p->head.monitoring + o->monitoring_opcodes, units,
				       &opcodes);
		if (r)
			return r;
	}
	orig.lines = lines;
	orig.opcodes = opcodes;
	return bytecode_restore(o->minor, p->bytes, p->head.size, &orig);
}

int code_parts_read(struct cpython *py, uint64_t addr, struct code_parts *ret)
{
	struct code_parts p = { 0 };
	int r;

	r = code_head_read(py, addr, &p.head);
	if (r)
		return r;
	p.bytes = malloc(p.head.size);
	r = p.bytes ? mem_read(py->mem, p.head.bytecode, p.bytes, p.head.size) : -ENOMEM;
	if (!r)
		r = code_bytes(py, p.head.linetable, &p.lines, &p.lines_len);
	if (!r && p.head.exceptions)
		r = code_bytes(py, p.head.exceptions, &p.exceptions, &p.exceptions_len);
	if (!r)
		r = restore(py, &p);
	if (r) {
		code_parts_deinit(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void code_parts_deinit(struct code_parts *p)
{
	free(p->bytes);
	free(p->lines);
	free(p->exceptions);
	memset(p, 0, sizeof(*p));
}

int cpython_code_children(struct interp *in, uint64_t code, uint64_t **ret, size_t *ret_n)
{
	struct cpython *py = cpython_of(in);
	_cleanup_free_ uint64_t *items = NULL;
	VEC(uint64_t) out = { 0 };
	struct code_head h, child;
	uint64_t n, i;
	int r;

	r = code_head_read(py, code, &h);
	if (!r)
		r = mem_u64(py->mem, h.consts + py->off->ob_size, &n);
	if (r)
		return r;
	if (n > CODE_CONSTS_MAX)
		return -EINVAL;
	items = calloc(n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	r = n ? mem_read(py->mem, h.consts + py->off->tuple_items, items, n * sizeof(*items)) : 0;
	for (i = 0; !r && i < n; i++)
		if (!has_type(py, items[i], py->types.code) &&
		    !code_head_read(py, items[i], &child))
			r = vec_push(&out, items[i]);
	if (r) {
		vec_deinit(&out);
		return r;
	}
	*ret = out.data;
	*ret_n = out.n;
	return 0;
}

int cpython_text(struct interp *in, uint64_t addr, size_t max, char **ret)
{
	return code_str(cpython_of(in), addr, max, ret);
}
