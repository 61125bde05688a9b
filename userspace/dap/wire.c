// SPDX-License-Identifier: BSD-2-Clause
#include "dap/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/vec.h"

#define READ_SIZE 65536

struct wire {
	int in, out;
	struct strbuf input, output;
	size_t written; /* of output */
	VEC(json_t *) queue;
	size_t taken; /* of queue */
};

/* "Content-Length: 119" with nothing but digits. */
static int parse_length(const char *value, size_t len, size_t *ret)
{
	size_t n = 0, digits = 0;

	while (len && (*value == ' ' || *value == '\t'))
		value++, len--;
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	for (; digits < len; digits++) {
		if (value[digits] < '0' || value[digits] > '9')
			return -EPROTO;
		n = n * 10 + (size_t)(value[digits] - '0');
		if (n > WIRE_BODY_MAX)
			return -EPROTO;
	}
	*ret = n;
	return digits ? 0 : -EPROTO;
}

int wire_frame(const char *buf, size_t len, struct err *err, size_t *ret_head, size_t *ret_body)
{
	static const char name[] = "Content-Length:";
	const char *end = memmem(buf, len, "\r\n\r\n", 4);
	size_t body = 0;
	bool found = false;

	if (!end && len > WIRE_HEAD_MAX)
		return err_set(err, -EPROTO, "a header of more than %d bytes", WIRE_HEAD_MAX);
	if (!end)
		return -EAGAIN;
	if (end - buf > WIRE_HEAD_MAX)
		return err_set(err, -EPROTO, "a header of more than %d bytes", WIRE_HEAD_MAX);
	for (const char *line = buf; line < end + 2;) {
		const char *eol = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		size_t n = (size_t)(eol - line);

		if (n >= sizeof(name) - 1 && !strncasecmp(line, name, sizeof(name) - 1)) {
			if (found ||
			    parse_length(line + sizeof(name) - 1, n - (sizeof(name) - 1), &body))
				return err_set(err, -EPROTO,
					       "a Content-Length that is no number up to %d",
					       WIRE_BODY_MAX);
			found = true;
		}
		line = eol + 2;
	}
	if (!found)
		return err_set(err, -EPROTO, "a header without Content-Length");
	*ret_head = (size_t)(end + 4 - buf);
	*ret_body = body;
	return len - *ret_head < body ? -EAGAIN : 0;
}

/* Are there more brackets inside each other than WIRE_DEPTH_MAX? */
static bool too_deep(const char *body, size_t len)
{
	bool string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = body[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '[' || c == '{') && ++depth > WIRE_DEPTH_MAX)
			return true;
		else if (!string && (c == ']' || c == '}'))
			depth--;
	}
	return false;
}

json_t *wire_parse(const char *body, size_t len, struct err *err)
{
	json_error_t why;
	json_t *msg;

	if (too_deep(body, len)) {
		err_set(err, -EPROTO, "JSON that is nested more than %d deep", WIRE_DEPTH_MAX);
		return NULL;
	}
	msg = json_loadb(body, len, JSON_REJECT_DUPLICATES, &why);
	if (!msg)
		err_set(err, -EPROTO, "what is no JSON: %s", why.text);
	else if (!json_is_object(msg))
		err_set(err, -EPROTO, "a message that is no object");
	else
		return msg;
	json_decref(msg);
	return NULL;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

int wire_new(int in, int out, struct wire **ret)
{
	struct wire *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->in = in;
	w->out = out;
	r = set_nonblocking(in);
	if (!r)
		r = set_nonblocking(out);
	if (r) {
		wire_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	for (size_t i = w->taken; i < w->queue.n; i++)
		json_decref(w->queue.data[i]);
	vec_deinit(&w->queue);
	strbuf_deinit(&w->input);
	strbuf_deinit(&w->output);
	free(w);
}

/* The messages that are complete. */
static int take_messages(struct wire *w, struct err *err)
{
	size_t at = 0, head, body;
	int r = 0;

	for (;;) {
		json_t *msg;

		if (at == w->input.len)
			break;
		r = wire_frame(w->input.data + at, w->input.len - at, err, &head, &body);
		if (r)
			break;
		msg = wire_parse(w->input.data + at + head, body, err);
		if (!msg)
			return -EPROTO;
		at += head + body;
		r = w->queue.n - w->taken < WIRE_QUEUE_MAX
			    ? vec_push(&w->queue, msg)
			    : err_set(err, -EPROTO, "more than %d requests at once",
				      WIRE_QUEUE_MAX);
		if (r) {
			json_decref(msg);
			return r;
		}
	}
	if (at) {
		memmove(w->input.data, w->input.data + at, w->input.len - at);
		w->input.len -= at;
	}
	return r == -EAGAIN ? 0 : r;
}

int wire_read(struct wire *w, struct err *err)
{
	char buf[READ_SIZE];
	ssize_t n = read(w->in, buf, sizeof(buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (!n)
		return -ECONNRESET;
	strbuf_add(&w->input, buf, (size_t)n);
	if (w->input.failed)
		return -ENOMEM;
	return take_messages(w, err);
}

json_t *wire_next(struct wire *w)
{
	json_t *msg;

	if (w->taken == w->queue.n)
		return NULL;
	msg = w->queue.data[w->taken++];
	if (w->taken == w->queue.n)
		w->taken = w->queue.n = 0;
	return msg;
}

json_t *wire_waiting(const struct wire *w, size_t i)
{
	return w->taken + i < w->queue.n ? w->queue.data[w->taken + i] : NULL;
}

int wire_send(struct wire *w, json_t *msg)
{
	char *text = msg ? json_dumps(msg, JSON_COMPACT) : NULL;

	json_decref(msg);
	if (!text)
		return -ENOMEM;
	if (w->output.len - w->written > WIRE_OUT_MAX) {
		free(text);
		return -ENOBUFS;
	}
	strbuf_addf(&w->output, "Content-Length: %zu\r\n\r\n", strlen(text));
	strbuf_adds(&w->output, text);
	free(text);
	return w->output.failed ? -ENOMEM : wire_flush(w);
}

int wire_flush(struct wire *w)
{
	while (w->written < w->output.len) {
		ssize_t n = write(w->out, w->output.data + w->written, w->output.len - w->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		w->written += (size_t)n;
	}
	strbuf_reset(&w->output);
	w->written = 0;
	return 0;
}

bool wire_has_output(const struct wire *w)
{
	return w->written < w->output.len;
}

void wire_drain(struct wire *w, int timeout_ms)
{
	uint64_t end = clock_ms() + (uint64_t)timeout_ms;

	while (!wire_flush(w) && wire_has_output(w)) {
		struct pollfd fd = { .fd = w->out, .events = POLLOUT };
		uint64_t now = clock_ms();

		if (now >= end || poll(&fd, 1, (int)(end - now)) < 0)
			return;
	}
}
