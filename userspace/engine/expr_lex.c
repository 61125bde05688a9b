// SPDX-License-Identifier: BSD-2-Clause
#include "engine/expr_ast.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/expr_text.h"
#include "probes/value.h"

unsigned expr_column(const char *text, size_t pos)
{
	unsigned col = 1;

	for (size_t i = 0; i < pos && text[i]; i++)
		col += ((unsigned char)text[i] & 0xc0) != 0x80;
	return col;
}

int expr_syntax(struct err *err, const char *text, size_t pos, const char *fmt, ...)
{
	char what[ERR_TEXT_SIZE - 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, "SyntaxError: %s (column %u)", what, expr_column(text, pos));
}

void expr_lex_init(struct expr_lexer *lx, const char *text, size_t len, struct err *err)
{
	*lx = (struct expr_lexer){ .text = text, .len = len, .err = err };
}

void expr_lex_deinit(struct expr_lexer *lx)
{
	value_free(lx->tok.value);
	lx->tok.value = NULL;
}

bool expr_tok_is(const struct expr_lexer *lx, const char *op)
{
	size_t n = lx->tok.end - lx->tok.start;

	return (lx->tok.kind == TOK_OP || lx->tok.kind == TOK_NAME) && strlen(op) == n &&
	       !memcmp(lx->text + lx->tok.start, op, n);
}

static unsigned char at(const struct expr_lexer *lx, size_t i)
{
	return i < lx->len ? (unsigned char)lx->text[i] : 0;
}

static bool is_name_start(unsigned char c)
{
	return isalpha(c) || c == '_' || c >= 0x80;
}

static bool is_name_char(unsigned char c)
{
	return is_name_start(c) || isdigit(c);
}

/* ---- numbers ---- */

static bool is_digit_of(unsigned char c, int base)
{
	if (base == 16)
		return isxdigit(c);
	return c >= '0' && c < '0' + base;
}

/* Digits with single underscores between them, appended to sb without these. Position after them.
 */
static size_t digits(const struct expr_lexer *lx, size_t i, int base, struct strbuf *sb)
{
	while (is_digit_of(at(lx, i), base) ||
	       (at(lx, i) == '_' && sb->len && is_digit_of(at(lx, i - 1), base) &&
		is_digit_of(at(lx, i + 1), base))) {
		if (at(lx, i) != '_')
			strbuf_addc(sb, at(lx, i));
		i++;
	}
	return i;
}

/* `1if x else y` and `0or 1` are valid: a keyword may follow a number at once. */
static bool keyword_follows(const struct expr_lexer *lx, size_t i)
{
	static const char *const words[] = { "and", "else", "for", "if", "in", "is", "or", "not" };

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
		size_t n = strlen(words[k]);

		if (lx->len - i >= n && !memcmp(lx->text + i, words[k], n) &&
		    !is_name_char(at(lx, i + n)))
			return true;
	}
	return false;
}

static int finish_number(struct expr_lexer *lx, size_t end, struct value *v, const char *what)
{
	if (!v)
		return -ENOMEM;
	if (is_name_char(at(lx, end)) && !keyword_follows(lx, end)) {
		value_free(v);
		return expr_syntax(lx->err, lx->text, lx->tok.start, "invalid %s literal", what);
	}
	lx->tok.kind = TOK_NUMBER;
	lx->tok.end = lx->pos = end;
	lx->tok.value = v;
	return 0;
}

static int int_token(struct expr_lexer *lx, const char *text, int base, size_t end,
		     const char *what)
{
	struct value *v;
	mpz_t z;

	mpz_init(z);
	if (mpz_set_str(z, text, base)) {
		mpz_clear(z);
		return expr_syntax(lx->err, lx->text, lx->tok.start, "invalid %s literal", what);
	}
	v = value_new_int(z);
	mpz_clear(z);
	return finish_number(lx, end, v, what);
}

static int lex_based(struct expr_lexer *lx, int base, const char *what)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t i = lx->pos + 2;

	if (at(lx, i) == '_')
		i++;
	i = digits(lx, i, base, &sb);
	if (!sb.len)
		return expr_syntax(lx->err, lx->text, lx->pos, "invalid %s literal", what);
	if (sb.failed)
		return -ENOMEM;
	return int_token(lx, strbuf_str(&sb), base, i, what);
}

static int lex_number(struct expr_lexer *lx)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t i = lx->pos, whole;
	bool is_float = false, imag;
	struct value *v;
	double d;

	if (at(lx, i) == '0') {
		switch (at(lx, i + 1) | 0x20) {
		case 'x':
			return lex_based(lx, 16, "hexadecimal");
		case 'o':
			return lex_based(lx, 8, "octal");
		case 'b':
			return lex_based(lx, 2, "binary");
		}
	}
	i = digits(lx, i, 10, &sb);
	whole = sb.len;
	if (at(lx, i) == '.') {
		is_float = true;
		strbuf_addc(&sb, '.');
		i++;
		if (isdigit(at(lx, i))) {
			size_t before = sb.len;

			i = digits(lx, i, 10, &sb);
			if (sb.len == before)
				return expr_syntax(lx->err, lx->text, lx->pos,
						   "invalid decimal literal");
		}
	}
	if ((at(lx, i) | 0x20) == 'e') {
		size_t k = i + 1;

		if (at(lx, k) == '+' || at(lx, k) == '-')
			k++;
		if (isdigit(at(lx, k))) {
			is_float = true;
			strbuf_addc(&sb, 'e');
			if (at(lx, k - 1) == '-')
				strbuf_addc(&sb, '-');
			i = digits(lx, k, 10, &sb);
		}
	}
	if (sb.failed)
		return -ENOMEM;
	imag = (at(lx, i) | 0x20) == 'j';
	if (!is_float && !imag) {
		const char *s = strbuf_str(&sb);

		if (whole > 1 && s[0] == '0' && s[strspn(s, "0")])
			return expr_syntax(
				lx->err, lx->text, lx->pos,
				"leading zeros in decimal integer literals are not permitted; "
				"use an 0o prefix for octal integers");
		return int_token(lx, s, 10, i, "decimal");
	}
	d = expr_strtod(strbuf_str(&sb), NULL);
	if (!imag)
		return finish_number(lx, i, value_new_float(d), "decimal");
	v = value_new(VALUE_COMPLEX, "complex");
	if (v)
		v->im = d;
	return finish_number(lx, i + 1, v, "imaginary");
}

/* ---- strings ---- */

struct str_prefix {
	size_t len;
	bool raw, bytes, format, templ;
};

/* Does a string literal begin at i? */
static bool string_prefix(const struct expr_lexer *lx, size_t i, struct str_prefix *ret)
{
	bool u = false;

	*ret = (struct str_prefix){ 0 };
	for (; ret->len < 3; ret->len++) {
		switch (at(lx, i + ret->len)) {
		case 'r':
		case 'R':
			if (ret->raw || u)
				return false;
			ret->raw = true;
			break;
		case 'b':
		case 'B':
			if (ret->bytes || u || ret->format || ret->templ)
				return false;
			ret->bytes = true;
			break;
		case 'f':
		case 'F':
			if (ret->bytes || u || ret->format || ret->templ)
				return false;
			ret->format = true;
			break;
		case 't':
		case 'T':
			if (ret->bytes || u || ret->format || ret->templ)
				return false;
			ret->templ = true;
			break;
		case 'u':
		case 'U':
			if (ret->len)
				return false;
			u = true;
			break;
		case '\'':
		case '"':
			return true;
		default:
			return false;
		}
	}
	return false;
}

static int hex_escape(struct expr_lexer *lx, size_t *i, int n, bool bytes, struct strbuf *out)
{
	size_t start = *i - 2;
	unsigned long cp = 0;

	for (int k = 0; k < n; k++) {
		unsigned char c = at(lx, *i);

		if (!isxdigit(c) && bytes)
			return expr_syntax(lx->err, lx->text, start,
					   "(value error) invalid \\x escape");
		if (!isxdigit(c))
			return expr_syntax(lx->err, lx->text, start,
					   "(unicode error) truncated \\%s escape",
					   n == 2   ? "xXX"
					   : n == 4 ? "uXXXX"
						    : "UXXXXXXXX");
		cp = cp * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
		(*i)++;
	}
	if (cp > 0x10ffff)
		return expr_syntax(lx->err, lx->text, start,
				   "(unicode error) illegal Unicode character");
	if (bytes)
		strbuf_addc(out, (char)cp);
	else
		strbuf_add_utf8(out, cp);
	return 0;
}

/* What follows a backslash at *i; *i is left after it. */
static int escape(struct expr_lexer *lx, size_t *i, bool bytes, struct strbuf *out)
{
	unsigned char c = at(lx, (*i)++);
	unsigned oct;

	switch (c) {
	case '\n':
		return 0;
	case '\\':
	case '\'':
	case '"':
		strbuf_addc(out, c);
		return 0;
	case 'a':
		strbuf_addc(out, '\a');
		return 0;
	case 'b':
		strbuf_addc(out, '\b');
		return 0;
	case 'f':
		strbuf_addc(out, '\f');
		return 0;
	case 'n':
		strbuf_addc(out, '\n');
		return 0;
	case 'r':
		strbuf_addc(out, '\r');
		return 0;
	case 't':
		strbuf_addc(out, '\t');
		return 0;
	case 'v':
		strbuf_addc(out, '\v');
		return 0;
	case '0' ... '7':
		oct = c - '0';
		for (int k = 0; k < 2 && at(lx, *i) >= '0' && at(lx, *i) <= '7'; k++)
			oct = oct * 8 + at(lx, (*i)++) - '0';
		if (bytes)
			strbuf_addc(out, (char)oct);
		else
			strbuf_add_utf8(out, oct);
		return 0;
	case 'x':
		return hex_escape(lx, i, 2, bytes, out);
	case 'u':
	case 'U':
		if (!bytes)
			return hex_escape(lx, i, c == 'u' ? 4 : 8, false, out);
		break;
	case 'N':
		if (!bytes)
			return expr_syntax(lx->err, lx->text, *i - 2,
					   "\\N{...} escapes are not supported here");
		break;
	}
	/* Not an escape: both characters stay. */
	strbuf_addc(out, '\\');
	(*i)--;
	return 0;
}

/* One literal at pos, appended to out; pos is left after it. */
static int string_literal(struct expr_lexer *lx, const struct str_prefix *p, struct strbuf *out)
{
	size_t i = lx->pos + p->len, start = lx->pos;
	char quote = at(lx, i);
	bool triple = at(lx, i + 1) == quote && at(lx, i + 2) == quote;
	int r;

	i += triple ? 3 : 1;
	for (;;) {
		unsigned char c = at(lx, i);

		if (i >= lx->len || (c == '\n' && !triple))
			return expr_syntax(lx->err, lx->text, start,
					   "unterminated %sstring literal",
					   triple ? "triple-quoted " : "");
		if (c == quote && (!triple || (at(lx, i + 1) == quote && at(lx, i + 2) == quote))) {
			lx->pos = i + (triple ? 3 : 1);
			return out->failed ? -ENOMEM : 0;
		}
		if (c == '\\' && p->raw) {
			strbuf_addc(out, c);
			if (++i < lx->len)
				strbuf_addc(out, at(lx, i++));
		} else if (c == '\\') {
			i++;
			if (i >= lx->len)
				continue;
			r = escape(lx, &i, p->bytes, out);
			if (r)
				return r;
		} else {
			strbuf_addc(out, c);
			i++;
		}
		if (p->bytes && c >= 0x80)
			return expr_syntax(lx->err, lx->text, start,
					   "bytes can only contain ASCII literal characters");
	}
}

static void skip_space(struct expr_lexer *lx)
{
	for (;;) {
		unsigned char c = at(lx, lx->pos);

		if (c == ' ' || c == '\t' || c == '\f' ||
		    (c == '\r' && at(lx, lx->pos + 1) == '\n') || (c == '\n' && lx->nesting)) {
			lx->pos++;
		} else if (c == '\\' && at(lx, lx->pos + 1) == '\n') {
			lx->pos += 2;
		} else if (c == '#') {
			while (lx->pos < lx->len && at(lx, lx->pos) != '\n')
				lx->pos++;
		} else {
			return;
		}
	}
}

/* A run of adjacent literals is one string. */
static int lex_string(struct expr_lexer *lx, struct str_prefix p)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	bool bytes = p.bytes;
	struct value *v;
	size_t end;
	int r;

	do {
		if (p.format || p.templ)
			return err_set(lx->err, -EOPNOTSUPP,
				       "%c-strings are not supported (formatting runs the target's "
				       "code; column %u)",
				       p.format ? 'f' : 't', expr_column(lx->text, lx->pos));
		if (p.bytes != bytes)
			return expr_syntax(lx->err, lx->text, lx->pos,
					   "cannot mix bytes and nonbytes literals");
		r = string_literal(lx, &p, &sb);
		if (r)
			return r;
		end = lx->pos;
		skip_space(lx);
	} while (string_prefix(lx, lx->pos, &p));
	lx->pos = end;
	v = bytes ? expr_new_bytes(VALUE_BYTES, strbuf_str(&sb), sb.len)
		  : value_new_str(strbuf_str(&sb), sb.len);
	if (!v)
		return -ENOMEM;
	lx->tok.kind = TOK_STRING;
	lx->tok.end = end;
	lx->tok.value = v;
	return 0;
}

/* ---- the rest ---- */

static int lex_op(struct expr_lexer *lx)
{
	/* Longest first. */
	static const char *const ops[] = { "**=", "//=", "<<=", ">>=", "...", "**", "//", "<<",
					   ">>",  "<=",	 ">=",	"==",  "!=",  ":=", "->", "+=",
					   "-=",  "*=",	 "/=",	"%=",  "&=",  "|=", "^=", "@=",
					   "+",	  "-",	 "*",	"/",   "%",   "@",  "&",  "|",
					   "^",	  "~",	 "<",	">",   "(",   ")",  "[",  "]",
					   "{",	  "}",	 ",",	":",   ".",   ";",  "=" };
	unsigned char c = at(lx, lx->pos);

	for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
		size_t n = strlen(ops[k]);

		if (lx->len - lx->pos < n || memcmp(lx->text + lx->pos, ops[k], n))
			continue;
		lx->tok.kind = TOK_OP;
		lx->pos += n;
		lx->tok.end = lx->pos;
		if (strchr("([{", c))
			lx->nesting++;
		else if (strchr(")]}", c) && lx->nesting)
			lx->nesting--;
		return 0;
	}
	if (c == '\n')
		return expr_syntax(lx->err, lx->text, lx->pos,
				   "one expression is expected, on one line");
	if (isprint(c))
		return expr_syntax(lx->err, lx->text, lx->pos, "invalid character '%c'", c);
	return expr_syntax(lx->err, lx->text, lx->pos, "invalid character \\x%02x", c);
}

int expr_lex_next(struct expr_lexer *lx)
{
	struct str_prefix p;
	unsigned char c;

	value_free(lx->tok.value);
	lx->tok = (struct expr_token){ 0 };
	skip_space(lx);
	lx->tok.start = lx->tok.end = lx->pos;
	c = at(lx, lx->pos);
	if (c == '\n' && lx->text[lx->pos + strspn(lx->text + lx->pos, " \t\r\n\f")] == '\0')
		lx->pos = lx->len;
	if (lx->pos >= lx->len) {
		lx->tok.kind = TOK_END;
		return 0;
	}
	if (isdigit(c) || (c == '.' && isdigit(at(lx, lx->pos + 1))))
		return lex_number(lx);
	if (string_prefix(lx, lx->pos, &p))
		return lex_string(lx, p);
	if (is_name_start(c)) {
		while (is_name_char(at(lx, lx->pos)))
			lx->pos++;
		lx->tok.kind = TOK_NAME;
		lx->tok.end = lx->pos;
		return 0;
	}
	return lex_op(lx);
}
