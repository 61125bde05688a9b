// SPDX-License-Identifier: BSD-2-Clause
/* datetime, Decimal, partial, weak references, memoryview, cells, code, frames, tracebacks: one
 * text each. */
#include "probes/cpython/objects.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The fields of date, time and datetime are packed bytes, most significant first
 * (Include/datetime.h). */
struct clock {
	unsigned year, month, day, hour, minute, second, us, fold;
	uint64_t tzinfo; /* 0: none */
};

static int clock_read(struct obj_rd *rd, uint64_t addr, struct obj_type *t, struct clock *c)
{
	const struct py_offsets *off = rd->off;
	bool date = t->cls != OBJ_TIME, time = t->cls != OBJ_DATE;
	uint32_t data = t->cls == OBJ_TIME   ? off->time_data
			: t->cls == OBJ_DATE ? off->date_data
					     : off->datetime_data;
	uint8_t b[10], fold = 0, has = 0;
	const uint8_t *p = b;
	int r;

	memset(c, 0, sizeof(*c));
	r = mem_read(rd->mem, addr + data, b, (date ? 4 : 0) + (time ? 6 : 0));
	if (r < 0)
		return r;
	if (date) {
		c->year = p[0] << 8 | p[1];
		c->month = p[2];
		c->day = p[3];
		p += 4;
	}
	if (!time)
		return 0;
	c->hour = p[0];
	c->minute = p[1];
	c->second = p[2];
	c->us = p[3] << 16 | p[4] << 8 | p[5];
	r = mem_u8(rd->mem, addr + (date ? off->datetime_fold : off->time_fold), &fold);
	if (r == 0)
		r = mem_u8(rd->mem, addr + off->time_hastzinfo, &has);
	if (r < 0)
		return r;
	c->fold = fold;
	c->tzinfo = has ? obj_ptr(rd, addr + (date ? off->datetime_tzinfo : off->time_tzinfo)) : 0;
	return 0;
}

static int delta_read(struct obj_rd *rd, uint64_t addr, int32_t d[3])
{
	const struct py_offsets *off = rd->off;
	int r;

	if ((r = cpython_s32(rd->py, addr + off->delta_days, &d[0])) < 0 ||
	    (r = cpython_s32(rd->py, addr + off->delta_seconds, &d[1])) < 0)
		return r;
	return cpython_s32(rd->py, addr + off->delta_microseconds, &d[2]);
}

/* "+01:00" of a datetime.timezone; false for other tzinfo classes: only code knows their offset. */
static bool utc_offset(struct obj_rd *rd, uint64_t tz, struct strbuf *out)
{
	struct obj_type *t = obj_type_of(rd, tz, NULL);
	int32_t d[3];
	int64_t s;

	if (!t || t->cls != OBJ_TIMEZONE || t->distance ||
	    delta_read(rd, obj_ptr(rd, tz + rd->off->timezone_offset), d) < 0)
		return false;
	s = (int64_t)d[0] * 86400 + d[1];
	if (s < -86400 || s > 86400)
		return false;
	strbuf_addc(out, s < 0 ? '-' : '+');
	if (s < 0)
		s = -s;
	strbuf_addf(out, "%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60));
	if (s % 60)
		strbuf_addf(out, ":%02d", (int)(s % 60));
	return true;
}

static int clock_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, str = STRBUF_INIT;
	_cleanup_free_ char *tz = NULL;
	struct clock c;
	int r;

	r = clock_read(rd, addr, t, &c);
	if (r < 0)
		return r;
	strbuf_addf(&sb, "%s(", t->tp_name);
	if (t->cls != OBJ_TIME) {
		strbuf_addf(&sb, "%u, %u, %u", c.year, c.month, c.day);
		strbuf_addf(&str, "%04u-%02u-%02u", c.year, c.month, c.day);
	}
	if (t->cls != OBJ_DATE) {
		strbuf_addf(&sb, "%s%u, %u", t->cls == OBJ_TIME ? "" : ", ", c.hour, c.minute);
		strbuf_addf(&str, "%s%02u:%02u:%02u", t->cls == OBJ_TIME ? "" : " ", c.hour,
			    c.minute, c.second);
		if (c.second || c.us)
			strbuf_addf(&sb, ", %u", c.second);
		if (c.us) {
			strbuf_addf(&sb, ", %u", c.us);
			strbuf_addf(&str, ".%06u", c.us);
		}
		if (c.tzinfo) {
			tz = obj_repr(rd, c.tzinfo, 1);
			if (!tz)
				return -ENOMEM;
		}
		/* time and datetime append these two in different order */
		if (c.fold && t->cls == OBJ_DATETIME)
			strbuf_addf(&sb, ", fold=%u", c.fold);
		if (tz)
			strbuf_addf(&sb, ", tzinfo=%s", tz);
		if (c.fold && t->cls == OBJ_TIME)
			strbuf_addf(&sb, ", fold=%u", c.fold);
	}
	strbuf_addc(&sb, ')');
	if (obj_textf(rd, v, "%s", strbuf_str(&sb)) < 0 || sb.failed || str.failed)
		return -ENOMEM;
	if (c.tzinfo && !utc_offset(rd, c.tzinfo, &str))
		return 0;
	return value_set_str(v, strbuf_str(&str));
}

static int delta_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t)
{
	static const char *const names[] = { "days", "seconds", "microseconds" };
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, str = STRBUF_INIT;
	bool first = true;
	int32_t d[3];
	int r, last;

	r = delta_read(rd, addr, d);
	if (r < 0)
		return r;
	strbuf_addf(&sb, "%s(", t->tp_name);
	if (rd->minor == 6) { /* positional, up to the last that is not 0 */
		last = d[2] ? 2 : d[1] ? 1 : 0;
		for (int i = 0; i <= last; i++)
			strbuf_addf(&sb, "%s%d", i ? ", " : "", d[i]);
	} else {
		for (int i = 0; i < 3; i++) {
			if (!d[i])
				continue;
			strbuf_addf(&sb, "%s%s=%d", first ? "" : ", ", names[i], d[i]);
			first = false;
		}
		if (first)
			strbuf_addc(&sb, '0');
	}
	strbuf_addc(&sb, ')');
	if (d[0])
		strbuf_addf(&str, "%d day%s, ", d[0], d[0] == 1 || d[0] == -1 ? "" : "s");
	strbuf_addf(&str, "%d:%02d:%02d", d[1] / 3600, d[1] / 60 % 60, d[1] % 60);
	if (d[2])
		strbuf_addf(&str, ".%06d", d[2]);
	if (sb.failed || str.failed || obj_textf(rd, v, "%s", strbuf_str(&sb)) < 0)
		return -ENOMEM;
	return value_set_str(v, strbuf_str(&str));
}

static int timezone_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t offset = obj_ptr(rd, addr + rd->off->timezone_offset);
	uint64_t name = obj_ptr(rd, addr + rd->off->timezone_name);
	_cleanup_free_ char *repr = NULL, *name_repr = NULL, *name_str = NULL;
	_cleanup_strbuf_ struct strbuf str = STRBUF_INIT;
	int32_t d[3];
	int r;

	r = delta_read(rd, offset, d);
	if (r < 0)
		return r;
	/* There is one such object without a name: timezone.utc */
	if (!name && !d[0] && !d[1] && !d[2])
		return value_set_str(v, "UTC") < 0 ? -ENOMEM
						   : obj_textf(rd, v, "datetime.timezone.utc");
	repr = obj_repr(rd, offset, 1);
	name_repr = name ? obj_repr(rd, name, 1) : NULL;
	if (!repr || (name && !name_repr))
		return -ENOMEM;
	name_str = name ? obj_str_dup(rd, name) : NULL;
	strbuf_adds(&str, name_str ? name_str : "UTC");
	if (name_str || utc_offset(rd, addr, &str))
		if (str.failed || value_set_str(v, strbuf_str(&str)) < 0)
			return -ENOMEM;
	return obj_textf(rd, v, "datetime.timezone(%s%s%s)", repr, name ? ", " : "",
			 name ? name_repr : "");
}

/*
 * libmpdec's mpd_t {flags u8, exp, digits, len, alloc, data *} behind the object's hash
 * (Modules/_decimal/_decimal.c): words of 19 decimal digits, the least significant first.
 */
#define DECIMAL_WORDS_MAX 1024
enum { MPD_NEG = 1, MPD_INF = 2, MPD_NAN = 4, MPD_SNAN = 8 };

static int decimal_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t at = addr + rd->off->object_size + 8, f[5], words[DECIMAL_WORDS_MAX];
	_cleanup_strbuf_ struct strbuf digits = STRBUF_INIT, sb = STRBUF_INIT;
	int64_t exp, ndigits, point;
	const char *d;
	uint8_t flags;
	size_t len;
	int r;

	r = mem_u8(rd->mem, at, &flags);
	if (r == 0)
		r = mem_read(rd->mem, at + 8, f, sizeof(f));
	if (r < 0)
		return r;
	exp = (int64_t)f[0];
	ndigits = (int64_t)f[1];
	len = f[2];
	if (len > DECIMAL_WORDS_MAX || ndigits < 0 || ndigits > (int64_t)len * 19 ||
	    exp > 1ll << 61 || exp < -(1ll << 61))
		return -EINVAL;
	r = len ? mem_read(rd->mem, f[4], words, len * 8) : 0;
	if (r < 0)
		return r;
	for (size_t i = len; i--;)
		strbuf_addf(&digits, "%019" PRIu64, words[i] % 10000000000000000000u);
	d = strbuf_str(&digits);
	if ((int64_t)digits.len < ndigits)
		return -EINVAL;
	d += digits.len - ndigits;
	if (flags & MPD_NEG)
		strbuf_addc(&sb, '-');
	if (flags & MPD_INF) {
		strbuf_adds(&sb, "Infinity");
	} else if (flags & (MPD_NAN | MPD_SNAN)) {
		strbuf_addf(&sb, "%sNaN%s", flags & MPD_SNAN ? "s" : "", d);
	} else {
		/* to-scientific-string of the General Decimal Arithmetic specification */
		point = ndigits + exp;
		if (exp > 0 || point - 1 < -6)
			point = 1;
		if (point <= 0) {
			strbuf_adds(&sb, "0.");
			for (int64_t i = point; i < 0; i++)
				strbuf_addc(&sb, '0');
			strbuf_adds(&sb, d);
		} else {
			strbuf_add(&sb, d, point < ndigits ? point : ndigits);
			if (point < ndigits)
				strbuf_addf(&sb, ".%s", d + point);
			if (point != ndigits + exp)
				strbuf_addf(&sb, "E%+" PRId64, ndigits + exp - 1);
		}
	}
	if (sb.failed || obj_textf(rd, v, "Decimal('%s')", strbuf_str(&sb)) < 0)
		return -ENOMEM;
	return value_set_str(v, strbuf_str(&sb));
}

static int partial_text(struct obj_rd *rd, struct value *v, uint64_t addr, struct obj_type *t,
			unsigned depth)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *fn = NULL;
	uint64_t args = obj_ptr(rd, addr + rd->off->partial_args), n, key, value;
	const char *module = obj_type_module(rd, t);
	struct obj_dict d;

	if (rd->minor >= 13 && module)
		strbuf_addf(&sb, "%s.%s(", module, t->qualname);
	else
		strbuf_addf(&sb, "%s(", t->tp_name);
	fn = obj_repr(rd, obj_ptr(rd, addr + rd->off->partial_fn), depth ? depth - 1 : 0);
	if (!fn)
		return -ENOMEM;
	strbuf_adds(&sb, fn);
	if (mem_u64(rd->mem, args + rd->off->ob_size, &n) == 0)
		for (uint64_t i = 0; i < n; i++) {
			_cleanup_free_ char *text = NULL;

			if (i >= rd->lim.items || !depth) {
				strbuf_adds(&sb, ", ...");
				break;
			}
			text = obj_repr(rd, obj_ptr(rd, args + rd->off->tuple_items + 8 * i),
					depth - 1);
			if (!text)
				return -ENOMEM;
			strbuf_addf(&sb, ", %s", text);
		}
	n = 0;
	if (obj_dict_open(rd, obj_ptr(rd, addr + rd->off->partial_kw), &d) == 0)
		while (obj_dict_next(&d, &key, &value) > 0) {
			_cleanup_free_ char *name = obj_str_dup(rd, key), *text = NULL;

			if (n++ >= rd->lim.items || !depth) {
				strbuf_adds(&sb, ", ...");
				break;
			}
			text = obj_repr(rd, value, depth - 1);
			if (!text)
				return -ENOMEM;
			strbuf_addf(&sb, ", %s=%s", name ? name : "?", text);
		}
	strbuf_addc(&sb, ')');
	return sb.failed ? -ENOMEM : obj_textf(rd, v, "%s", strbuf_str(&sb));
}

static int weakref_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t to = obj_ptr(rd, addr + rd->off->weakref_object);
	struct obj_type *t = to ? obj_type_of(rd, to, NULL) : NULL;
	_cleanup_free_ char *name = NULL;
	struct value *made = NULL;
	uint64_t name_addr;

	if (!t || t->cls == OBJ_NONE)
		return obj_textf(rd, v, "<weakref at 0x%" PRIx64 "; dead>", addr);
	if (t->cls == OBJ_FUNCTION || t->cls == OBJ_TYPE)
		obj_live(rd);
	if (obj_attr(rd, to, "__name__", NULL, &name_addr, &made) == 0) {
		name = made && made->kind == VALUE_STR ? strdup(made->bytes)
						       : obj_str_dup(rd, name_addr);
		value_free(made);
	}
	if (t->cls == OBJ_FUNCTION || t->cls == OBJ_TYPE)
		obj_live_end(rd);
	return obj_textf(rd, v, "<weakref at 0x%" PRIx64 "; to '%s' at 0x%" PRIx64 "%s%s%s>", addr,
			 t->tp_name, to, name ? " (" : "", name ? name : "", name ? ")" : "");
}

static int code_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	_cleanup_free_ char *name = obj_str_dup(rd, obj_ptr(rd, addr + rd->off->code_name));
	_cleanup_free_ char *file = obj_str_dup(rd, obj_ptr(rd, addr + rd->off->code_filename));
	int32_t line = 0;

	cpython_s32(rd->py, addr + rd->off->code_firstlineno, &line);
	return obj_textf(rd, v, "<code object %s at 0x%" PRIx64 ", file \"%s\", line %d>",
			 name ? name : "?", addr, file ? file : "?", line ? line : -1);
}

static int frame_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	const struct py_offsets *off = rd->off;
	uint64_t code, frame = addr, instr = 0;
	_cleanup_free_ char *name = NULL, *file = NULL;
	int32_t at = -1, line;

	if (rd->minor == 6)
		return obj_textf(rd, v, "<frame object at 0x%" PRIx64 ">", addr);
	if (rd->minor >= 11)
		frame = obj_ptr(rd, addr + off->frame_iframe);
	if (cpython_frame_code(rd->py, frame, &code) < 0)
		return obj_textf(rd, v, "<frame at 0x%" PRIx64 ">", addr);
	if (rd->minor <= 10) {
		cpython_s32(rd->py, addr + off->frame_lasti, &at);
		at *= rd->minor == 10 && at > 0 ? 2 : 1;
	} else {
		instr = obj_ptr(rd, frame + off->iframe_instr);
		if (instr >= code + off->code_adaptive && instr < code + (1u << 30))
			at = (int32_t)(instr - code - off->code_adaptive);
	}
	line = cpython_line_of(&rd->py->base, code, at);
	if (line <= 0)
		cpython_s32(rd->py, code + off->code_firstlineno, &line);
	name = obj_str_dup(rd, obj_ptr(rd, code + off->code_name));
	file = obj_repr(rd, obj_ptr(rd, code + off->code_filename), 0);
	return obj_textf(rd, v, "<frame at 0x%" PRIx64 ", file %s, line %d, code %s>", addr,
			 file ? file : "?", line, name ? name : "?");
}

static int cell_text(struct obj_rd *rd, struct value *v, uint64_t addr)
{
	uint64_t to = obj_ptr(rd, addr + rd->off->cell_ref);
	struct obj_type *t = to ? obj_type_of(rd, to, NULL) : NULL;

	if (!t)
		return obj_textf(rd, v, "<cell at 0x%" PRIx64 ": empty>", addr);
	return obj_textf(rd, v, "<cell at 0x%" PRIx64 ": %.80s object at 0x%" PRIx64 ">", addr,
			 t->tp_name, to);
}

struct value *obj_make_lib(struct obj_rd *rd, uint64_t addr, struct obj_type *t, unsigned depth)
{
	struct value *v = obj_new(rd, VALUE_OPAQUE, addr, t);
	int r;

	if (!v)
		return NULL;
	switch (t->cls) {
	case OBJ_DATE:
	case OBJ_DATETIME:
	case OBJ_TIME:
		r = clock_text(rd, v, addr, t);
		break;
	case OBJ_TIMEDELTA:
		r = delta_text(rd, v, addr, t);
		break;
	case OBJ_TIMEZONE:
		r = timezone_text(rd, v, addr);
		break;
	case OBJ_DECIMAL:
		r = decimal_text(rd, v, addr);
		break;
	case OBJ_PATTERN:
		r = obj_pattern_text(rd, v, addr);
		break;
	case OBJ_ARRAY:
		r = obj_array_text(rd, v, addr, t);
		break;
	case OBJ_PARTIAL:
		r = partial_text(rd, v, addr, t, v->cycle ? 0 : depth);
		break;
	case OBJ_WEAKREF:
		r = weakref_text(rd, v, addr);
		break;
	case OBJ_CODE:
		obj_live(rd);
		r = code_text(rd, v, addr);
		obj_live_end(rd);
		break;
	case OBJ_FRAME:
		r = frame_text(rd, v, addr);
		break;
	case OBJ_CELL:
		r = cell_text(rd, v, addr);
		break;
	case OBJ_MEMORYVIEW:
		r = obj_textf(rd, v, "<memory at 0x%" PRIx64 ">", addr);
		break;
	default:
		r = obj_default_text(rd, v, t);
		break;
	}
	if (r == 0)
		return v;
	value_free(v);
	if (r != -ENOMEM)
		return obj_unreadable(rd, addr, r);
	rd->nomem = true;
	return NULL;
}
