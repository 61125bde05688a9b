/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that comes from a target, as a JSON string. */
#ifndef PYBPFDBG_BASE_JS_TEXT_H
#define PYBPFDBG_BASE_JS_TEXT_H

#include <jansson.h>

/* What is no UTF-8 becomes \\xNN; null for NULL. A new reference, NULL when out of memory. */
json_t *js_text(const char *text);

#endif
