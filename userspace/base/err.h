/* SPDX-License-Identifier: BSD-2-Clause */
/* An error that can be shown to a person: a code for programs, one line for people. */
#ifndef PYBPFDBG_BASE_ERR_H
#define PYBPFDBG_BASE_ERR_H

#define ERR_TEXT_SIZE 512

struct err {
	int code;                 /* 0, or a negative errno */
	char text[ERR_TEXT_SIZE]; /* one line, no newline: what failed, on whom, what to do */
};

/*
 * Fill *e (NULL is allowed: the code alone is kept by the caller) and return code, so that a
 * library function can end in `return err_set(err, -ESRCH, "pid %d: ...", pid);`.
 * code: a negative errno. The text is cut at ERR_TEXT_SIZE - 1 bytes.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "PREFIX: " before the text that is there; returns e->code. NULL is allowed and gives 0. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
