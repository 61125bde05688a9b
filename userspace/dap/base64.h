/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PYBPFDBG_DAP_BASE64_H
#define PYBPFDBG_DAP_BASE64_H

#include <stddef.h>

/* RFC 4648, with padding; malloc'ed, NULL when out of memory. */
char *base64_encode(const void *data, size_t len);

#endif
