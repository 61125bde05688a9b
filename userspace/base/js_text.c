// SPDX-License-Identifier: BSD-2-Clause
#include "base/js_text.h"

#include "base/strbuf.h"

/* Bytes of the well-formed UTF-8 character at s, 0 when there is none. */
static size_t utf8_len(const unsigned char *s)
{
	unsigned cp;

	if (s[0] < 0x80)
		return 1;
	if ((s[0] & 0xe0) == 0xc0)
		return s[0] >= 0xc2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		cp = (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u);
		return cp >= 0x800 && (cp < 0xd800 || cp > 0xdfff) ? 3 : 0;
	}
	if ((s[0] & 0xf8) == 0xf0) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		cp = (s[0] & 7u) << 18 | (s[1] & 63u) << 12 | (s[2] & 63u) << 6 | (s[3] & 63u);
		return cp >= 0x10000 && cp <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

json_t *js_text(const char *text)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	json_t *j;

	if (!text)
		return json_null();
	j = json_string(text);
	if (j)
		return j;
	/* jansson takes UTF-8 only; a Linux file name can be anything. */
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t n = utf8_len(s);

		if (n)
			strbuf_add(&sb, s, n);
		else
			strbuf_addf(&sb, "\\x%02x", *s);
		s += n ? n : 1;
	}
	return sb.failed ? NULL : json_string(strbuf_str(&sb));
}
