// SPDX-License-Identifier: BSD-2-Clause
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"

/* Length of the valid UTF-8 sequence at s (n >= 1 bytes are there), 0 when there is none;
 * surrogates are decoded too. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;
	uint32_t cp;

	if (!len || len > n)
		return 0;
	cp = len == 1 ? s[0] : s[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least[len] || cp > 0x10ffff)
		return 0;
	*ret = cp;
	return len;
}

/* Format characters (Unicode's Cf and the line separators): nothing is seen of them but what they
 * do to the rest. */
static bool is_invisible(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0xad, 0xad },				/* soft hyphen */
		{ 0x34f, 0x34f },			/* combining grapheme joiner */
		{ 0x600, 0x605 },     { 0x61c, 0x61c }, /* Arabic letter mark */
		{ 0x6dd, 0x6dd },     { 0x70f, 0x70f },
		{ 0x890, 0x891 },     { 0x8e2, 0x8e2 },
		{ 0x115f, 0x1160 }, /* Hangul fillers */
		{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
		{ 0x200b, 0x200f }, /* zero width, direction marks */
		{ 0x2028, 0x202e }, /* line and paragraph separators, embeddings and overrides */
		{ 0x2060, 0x206f }, /* word joiner, isolates, deprecated controls */
		{ 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },   { 0x110bd, 0x110bd },
		{ 0x110cd, 0x110cd }, { 0x13430, 0x1345f },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff }, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (cp >= ranges[i].first && cp <= ranges[i].last)
			return true;
	/* Surrogates and non-characters. */
	return (cp >= 0xd800 && cp <= 0xdfff) || (cp & 0xfffe) == 0xfffe ||
	       (cp >= 0xfdd0 && cp <= 0xfdef);
}

static void add(struct strbuf *out, uint32_t cp, const char *bytes, size_t len, unsigned flags)
{
	if (cp == '\n' && !(flags & ESCAPE_KEEP_NEWLINE))
		strbuf_adds(out, "\\n");
	else if (cp == '\t' && !(flags & ESCAPE_KEEP_TAB))
		strbuf_adds(out, "\\t");
	else if (cp == '\r')
		strbuf_adds(out, "\\r");
	else if (cp == '\n' || cp == '\t')
		strbuf_addc(out, (char)cp);
	else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
		strbuf_addf(out, "\\x%02x", (unsigned)cp);
	else if (is_invisible(cp))
		strbuf_addf(out,
			    cp < 0x100	   ? "\\x%02x"
			    : cp < 0x10000 ? "\\u%04x"
					   : "\\U%08x",
			    (unsigned)cp);
	else
		strbuf_add(out, bytes, len);
}

void escape_text(struct strbuf *out, const char *text, size_t len, unsigned flags)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = decode((const unsigned char *)text + i, len - i, &cp);

		if (n)
			add(out, cp, text + i, n, flags);
		else
			strbuf_addf(out, "\\x%02x", (unsigned char)text[i]);
		i += n ? n : 1;
	}
}

char *escape_dup(const char *text, unsigned flags)
{
	struct strbuf sb = STRBUF_INIT;

	escape_text(&sb, text, strlen(text), flags);
	return strbuf_take(&sb);
}
