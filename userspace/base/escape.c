// SPDX-License-Identifier: BSD-2-Clause
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Decode one character; its length, 0 when the bytes are not UTF-8. Surrogates pass (WTF-8). */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret)
{
	static const struct {
		unsigned char mask, lead;
		size_t len;
		uint32_t min;
	} forms[] = { { 0x80, 0, 1, 0 },
		      { 0xe0, 0xc0, 2, 0x80 },
		      { 0xf0, 0xe0, 3, 0x800 },
		      { 0xf8, 0xf0, 4, 0x10000 } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t cp;

		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		if (forms[i].len > len)
			return 0;
		cp = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			cp = cp << 6 | (s[k] & 0x3fu);
		}
		if (cp < forms[i].min || cp > 0x10ffff)
			return 0;
		*ret = cp;
		return forms[i].len;
	}
	return 0;
}

static bool is_harmful(uint32_t cp)
{
	return (cp >= 0x80 && cp < 0xa0) ||	 /* C1: 0x9b starts a control sequence */
	       cp == 0x61c ||			 /* Arabic letter mark */
	       (cp >= 0x200e && cp <= 0x200f) || /* direction marks */
	       (cp >= 0x2028 &&
		cp <= 0x202e) || /* line separators, direction embeddings and overrides */
	       (cp >= 0x2060 && cp <= 0x206f) || /* invisible operators, direction isolates */
	       (cp >= 0xd800 && cp <= 0xdfff) ||
	       cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) || (cp & 0xfffe) == 0xfffe ||
	       (cp >= 0xe0000 && cp <= 0xe007f); /* tags */
}

void escape_text(struct strbuf *out, const char *text, size_t len, unsigned flags)
{
	const unsigned char *s = (const unsigned char *)text;

	while (len) {
		uint32_t cp = 0;
		size_t n = decode(s, len, &cp);
		bool keep = (cp == '\t' && flags & ESCAPE_KEEP_TAB) ||
			    (cp == '\n' && flags & ESCAPE_KEEP_NEWLINE);

		if (!n || ((cp < 0x20 || cp == 0x7f) && !keep)) {
			strbuf_addf(out, "\\x%02x", *s);
			n = 1;
		} else if (is_harmful(cp)) {
			strbuf_addf(out, cp > 0xffff ? "\\U%08x" : "\\u%04x", cp);
		} else {
			strbuf_add(out, s, n);
		}
		s += n;
		len -= n;
	}
}
