// SPDX-License-Identifier: BSD-2-Clause
#include "engine/source.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "target/target.h"

#define FILES_MAX 64 /* kept; then the oldest goes */

struct source {
	char *path;
	struct stat st;
	char *text; /* lines end in NUL */
	VEC(const char *) lines;
};

struct source_cache {
	const struct target *target;
	VEC(struct source *) files;
};

static void source_free(struct source *s)
{
	if (!s)
		return;
	free(s->path);
	free(s->text);
	vec_deinit(&s->lines);
	free(s);
}
DEFINE_CLEANUP(struct source *, source_free)

int source_cache_new(const struct target *t, struct source_cache **ret)
{
	struct source_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->target = t;
	*ret = c;
	return 0;
}

void source_cache_free(struct source_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->files.n; i++)
		source_free(c->files.data[i]);
	vec_deinit(&c->files);
	free(c);
}

/*
 * The name of the coding that one of the first two lines declares (PEP 263): a comment with
 * "coding" and ":" or "=". False when there is none.
 */
static bool declared_coding(const char *text, char name[static 64])
{
	for (int line = 0; line < 2 && *text; line++) {
		size_t len = strcspn(text, "\n"), at = strspn(text, " \t\f");

		if (at < len && text[at] != '#')
			return false;
		for (size_t i = at; i + 7 < len; i++) {
			size_t n;

			if (memcmp(text + i, "coding", 6) ||
			    (text[i + 6] != ':' && text[i + 6] != '='))
				continue;
			i += 7;
			i += strspn(text + i, " \t");
			n = strspn(text + i, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0"
					     "123456789-_.");
			if (!n || n > 63)
				return false;
			memcpy(name, text + i, n);
			name[n] = '\0';
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

/* As UTF-8 if the declared coding is another one that iconv knows; what cannot be converted stays
 * as it is. */
static void convert(struct strbuf *text)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	char name[64], buf[4096], *in = text->data;
	size_t left = text->len;
	iconv_t cd;

	if (!text->len || !declared_coding(text->data, name) || !strncasecmp(name, "utf-8", 5) ||
	    !strncasecmp(name, "utf_8", 5) || !strcasecmp(name, "utf8"))
		return;
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	if (!strcasecmp(name, "latin-1"))
		strcpy(name, "latin1");
	cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return;
	while (left) {
		char *to = buf;
		size_t room = sizeof(buf), r = iconv(cd, &in, &left, &to, &room);

		strbuf_add(&out, buf, (size_t)(to - buf));
		if (r == (size_t)-1 && errno != E2BIG && left) {
			strbuf_addc(&out, *in++);
			left--;
		}
	}
	iconv_close(cd);
	if (out.failed)
		return;
	strbuf_reset(text);
	strbuf_add(text, out.data, out.len);
}

/* Cut into lines at \n, \r\n and \r, as Python's universal newlines do. */
static int split(struct source *s, char *text, size_t len)
{
	char *end = text + len, *p = text;

	while (p < end) {
		int r = vec_push(&s->lines, p);

		if (r < 0)
			return r;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		if (p < end) {
			bool crlf = *p == '\r' && p[1] == '\n';

			*p = '\0';
			p += 1 + crlf;
		}
	}
	return 0;
}

static int load(const struct target *t, const char *path, struct source **ret)
{
	_cleanup_(cleanup_source_free) struct source *s = calloc(1, sizeof(*s));
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	char buf[16384];
	ssize_t n;
	int r;

	if (!s)
		return -ENOMEM;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	fd = target_open_file(t, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &s->st))
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (text.len + (size_t)n > SOURCE_SIZE_MAX)
			return -EFBIG;
		strbuf_add(&text, buf, (size_t)n);
	}
	if (n < 0)
		return -errno;
	if (text.len >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3)) {
		text.len -= 3;
		memmove(text.data, text.data + 3, text.len + 1);
	} else {
		convert(&text);
	}
	if (text.failed)
		return -ENOMEM;
	/* A NUL would end a line early. */
	for (size_t i = 0; i < text.len; i++)
		if (!text.data[i])
			text.data[i] = '?';
	n = (ssize_t)text.len;
	s->text = strbuf_take(&text);
	if (!s->text)
		return -ENOMEM;
	r = split(s, s->text, (size_t)n);
	if (r < 0)
		return r;
	*ret = take_ptr(s);
	return 0;
}

static bool unchanged(const struct target *t, const struct source *s)
{
	_cleanup_close_ int fd = target_open_file(t, s->path);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_ino == s->st.st_ino &&
	       st.st_dev == s->st.st_dev && st.st_size == s->st.st_size &&
	       st.st_mtim.tv_sec == s->st.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == s->st.st_mtim.tv_nsec;
}

static void drop(struct source_cache *c, size_t i)
{
	source_free(c->files.data[i]);
	c->files.n--;
	memmove(&c->files.data[i], &c->files.data[i + 1],
		(c->files.n - i) * sizeof(*c->files.data));
}

int source_get(struct source_cache *c, const char *path, struct source **ret)
{
	struct source *s = NULL;
	int r;

	for (size_t i = 0; i < c->files.n; i++) {
		if (strcmp(c->files.data[i]->path, path))
			continue;
		if (unchanged(c->target, c->files.data[i])) {
			*ret = c->files.data[i];
			return 0;
		}
		drop(c, i);
		break;
	}
	r = load(c->target, path, &s);
	if (r < 0)
		return r;
	if (c->files.n >= FILES_MAX)
		drop(c, 0);
	r = vec_push(&c->files, s);
	if (r < 0) {
		source_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

size_t source_lines(const struct source *s)
{
	return s->lines.n;
}

int source_line(const struct source *s, int32_t n, const char **ret)
{
	if (n < 1 || (size_t)n > s->lines.n)
		return -ENOENT;
	*ret = s->lines.data[n - 1];
	return 0;
}
