/* SPDX-License-Identifier: BSD-2-Clause */
/* The base protocol: "Content-Length: N", an empty line, N bytes of JSON, in both directions. */
#ifndef PYBPFDBG_DAP_WIRE_H
#define PYBPFDBG_DAP_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct err;
struct wire; /* opaque */

#define WIRE_HEAD_MAX  4096	   /* bytes of a header */
#define WIRE_BODY_MAX  (16 << 20)  /* of a message from the client */
#define WIRE_DEPTH_MAX 64	   /* brackets inside each other */
#define WIRE_QUEUE_MAX 1024	   /* messages that were read and not yet answered */
#define WIRE_OUT_MAX   (256 << 20) /* bytes that a client has not read yet */

/*
 * The frame at the beginning of buf: 0 and where its body begins and how long it is, -EAGAIN there is
 * not all of it yet, -EPROTO with a line: this is no frame.
 */
int wire_frame(const char *buf, size_t len, struct err *err, size_t *ret_head, size_t *ret_body);
/* A message: a JSON object of bounded nesting. New reference, or NULL with -EPROTO in *err. */
json_t *wire_parse(const char *body, size_t len, struct err *err);

/* Both descriptors (may be one) are made non-blocking; they stay the caller's. */
int wire_new(int in, int out, struct wire **ret);
void wire_free(struct wire *w);

/*
 * Take in what there is, without waiting. 0; -ECONNRESET the client is gone; -EPROTO what it sends is
 * not the protocol, with a line; -ENOMEM.
 */
int wire_read(struct wire *w, struct err *err);
/* The next message (new reference), NULL: none yet. */
json_t *wire_next(struct wire *w);
/* The i-th of those that wait, borrowed; NULL: there are no more. */
json_t *wire_waiting(const struct wire *w, size_t i);

/* Queue a message; the reference is taken over. 0, -ENOMEM or -ENOBUFS (the client does not read). */
int wire_send(struct wire *w, json_t *msg);
/* Write what can be written now. 0, or -errno when the client is gone. */
int wire_flush(struct wire *w);
bool wire_has_output(const struct wire *w);
/* Write all of it; gives up after timeout_ms. */
void wire_drain(struct wire *w, int timeout_ms);

#endif
