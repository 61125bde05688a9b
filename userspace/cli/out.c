// SPDX-License-Identifier: BSD-2-Clause
#include "cli/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/escape.h"
#include "cli/js.h"

static const char *const colors[OUT_COLORS] = {
	[OUT_PLAIN] = "",	[OUT_BOLD] = "\033[1m",	  [OUT_DIM] = "\033[2m",
	[OUT_RED] = "\033[31m", [OUT_GREEN] = "\033[32m", [OUT_CYAN] = "\033[36m",
};
#define COLOR_END "\033[0m"

void out_init(struct out *o, bool json, enum out_color_mode mode)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->json = json;
	o->prefix = "pybpfdbg: ";
	o->text = json ? stderr : stdout;
	o->color = mode == OUT_COLOR_ALWAYS ||
		   (mode == OUT_COLOR_AUTO && isatty(fileno(o->text)) && !(no_color && *no_color) &&
		    term && strcmp(term, "dumb"));
}

void out_deinit(struct out *o)
{
	fflush(stdout);
	strbuf_deinit(&o->line);
	strbuf_deinit(&o->held);
	strbuf_deinit(&o->held_json);
}

int out_color_mode(const char *text, enum out_color_mode *ret)
{
	static const char *const names[] = { "auto", "always", "never" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]))
			continue;
		*ret = (enum out_color_mode)i;
		return 0;
	}
	return -EINVAL;
}

/* The progress line goes before anything else is written. */
static void progress_clear(struct out *o)
{
	if (o->progress)
		fputs("\r\033[K", stderr);
	o->progress = false;
}

static void __attribute__((format(printf, 2, 0)))
add_escaped(struct strbuf *sb, const char *fmt, va_list ap)
{
	_cleanup_free_ char *raw = NULL;
	int n = vasprintf(&raw, fmt, ap);

	if (n < 0) {
		raw = NULL;
		sb->failed = true;
		return;
	}
	escape_text(sb, raw, (size_t)n, ESCAPE_KEEP_TAB);
}

void out_add(struct out *o, enum out_color color, const char *fmt, ...)
{
	bool on = o->color && color != OUT_PLAIN;
	va_list ap;

	if (on)
		strbuf_adds(&o->line, colors[color]);
	va_start(ap, fmt);
	add_escaped(&o->line, fmt, ap);
	va_end(ap);
	if (on)
		strbuf_adds(&o->line, COLOR_END);
}

void out_end(struct out *o)
{
	progress_clear(o);
	strbuf_addc(&o->line, '\n');
	if (o->hold) {
		strbuf_add(&o->held, strbuf_str(&o->line), o->line.len);
		strbuf_reset(&o->line);
		return;
	}
	fputs(o->line.failed ? "(out of memory)\n" : strbuf_str(&o->line), o->text);
	fflush(o->text);
	strbuf_reset(&o->line);
}

void out_hold(struct out *o)
{
	o->hold = true;
}

static void release(struct strbuf *held, FILE *to)
{
	if (held->len)
		fputs(strbuf_str(held), to);
	if (held->failed)
		fputs("(out of memory)\n", stderr);
	fflush(to);
	strbuf_deinit(held);
}

void out_release(struct out *o)
{
	o->hold = false;
	progress_clear(o);
	release(&o->held, o->text);
	release(&o->held_json, stdout);
}

void out_line(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_escaped(&o->line, fmt, ap);
	va_end(ap);
	out_end(o);
}

void out_error(struct out *o, const char *text)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	bool color = o->color && isatty(STDERR_FILENO);

	progress_clear(o);
	fflush(stdout);
	escape_text(&sb, text, strlen(text), 0);
	fprintf(stderr, "%s%s%s%s\n", color ? colors[OUT_RED] : "", o->prefix, strbuf_str(&sb),
		color ? COLOR_END : "");
	fflush(stderr);
	if (o->json)
		out_json(o, json_pack("{ss so}", "event", "error", "message", js_text(text)));
}

void out_note(struct out *o, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	va_list ap;

	progress_clear(o);
	fflush(stdout);
	va_start(ap, fmt);
	add_escaped(&sb, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", strbuf_str(&sb));
	fflush(stderr);
}

void out_json(struct out *o, json_t *obj)
{
	_cleanup_free_ char *text = NULL;

	if (obj && o->process && !json_object_get(obj, "process"))
		json_object_set_new(obj, "process", json_integer(o->process));
	if (obj)
		text = json_dumps(obj, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (o->hold && text) {
		strbuf_addf(&o->held_json, "%s\n", text);
		json_decref(obj);
		return;
	}
	progress_clear(o);
	puts(text ? text : "{\"event\":\"error\",\"message\":\"out of memory\"}");
	fflush(stdout);
	json_decref(obj);
}

int out_check(struct out *o, struct err *err)
{
	fflush(stdout);
	fflush(o->text);
	if (!ferror(stdout) && !ferror(o->text))
		return 0;
	return err_set(err, -EPIPE, "the output cannot be written: nothing more is done");
}

void out_progress(struct out *o, const char *what, uint64_t done, uint64_t total)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (done >= total) {
		progress_clear(o);
		o->progress_from = 0;
		return;
	}
	if (!o->progress_from)
		o->progress_from = clock_ms();
	if (clock_ms() - o->progress_from < 1000)
		return;
	fprintf(stderr, "\r%s: %d%%\033[K", what, (int)(done * 100.0 / (double)total));
	fflush(stderr);
	o->progress = true;
}
