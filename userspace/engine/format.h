/* SPDX-License-Identifier: BSD-2-Clause */
/* format(value, spec) as Python does it, for int, float, bool, str and None. */
#ifndef PYBPFDBG_ENGINE_FORMAT_H
#define PYBPFDBG_ENGINE_FORMAT_H

struct err;
struct strbuf;
struct value;

/* Widths and precisions up to this are done. */
#define FORMAT_WIDTH_MAX 10000

/*
 * Add format(v, spec) as Python 3.minor writes it; spec: UTF-8, "" is str(v). -EINVAL: Python raises (ValueError, TypeError,
 * OverflowError), *err has a line like its own; -EOPNOTSUPP: a format() of its own, which only running code could tell
 * (complex, datetime, classes with __format__), or a width above FORMAT_WIDTH_MAX; -ENOMEM.
 */
int format_value(const struct value *v, const char *spec, unsigned minor, struct strbuf *out, struct err *err);

/* Does the spec have the form that Python 3.minor knows? 0 or -EINVAL with a line. Of "" and what only a type can tell: 0. */
int format_check(const char *spec, unsigned minor, struct err *err);

#endif
