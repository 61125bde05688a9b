/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SUPPORT_LIB_HEX_H
#define TESTS_SUPPORT_LIB_HEX_H

/* The bytes that hex (pairs of digits) stands for, NUL-terminated, malloc'ed; NULL without memory. */
char *unhex(const char *hex);

#endif
