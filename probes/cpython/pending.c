// SPDX-License-Identifier: BSD-2-Clause
/* Ops whose own files are not there yet; each is deleted here when it lands. */
#include "probes/cpython/cpython.h"

#include <errno.h>

#define UNUSED __attribute__((unused))

/* places.c */
int cpython_places(UNUSED struct interp *in, UNUSED uint64_t code, UNUSED struct interp_place **ret,
		   UNUSED size_t *ret_n)
{
	return -ENOSYS;
}

/* vars.c, objects */
int cpython_frame_vars(UNUSED struct interp *in, UNUSED uint64_t frame, UNUSED struct interp_var **ret,
		       UNUSED size_t *ret_n)
{
	return -ENOSYS;
}

int cpython_frame_dicts(UNUSED struct interp *in, UNUSED uint64_t frame, UNUSED uint64_t *ret_globals,
			UNUSED uint64_t *ret_builtins, UNUSED uint64_t *ret_locals)
{
	return -ENOSYS;
}

int cpython_value(UNUSED struct interp *in, UNUSED uint64_t addr, UNUSED const struct value_limits *lim,
		  UNUSED struct value **ret)
{
	return -ENOSYS;
}

int cpython_dict_get(UNUSED struct interp *in, UNUSED uint64_t dict, UNUSED const char *key,
		     UNUSED uint64_t *ret_addr)
{
	return -ENOSYS;
}

int cpython_attr(UNUSED struct interp *in, UNUSED uint64_t obj, UNUSED const char *name,
		 UNUSED const struct value_limits *lim, UNUSED struct err *err, UNUSED struct value **ret)
{
	return -ENOSYS;
}

int cpython_item(UNUSED struct interp *in, UNUSED uint64_t obj, UNUSED const struct value *key,
		 UNUSED const struct value_limits *lim, UNUSED struct err *err, UNUSED struct value **ret)
{
	return -ENOSYS;
}

int cpython_type_is(UNUSED struct interp *in, UNUSED uint64_t type, UNUSED const char *name,
		    UNUSED bool derived)
{
	return -ENOSYS;
}

int cpython_module_globals(UNUSED struct interp *in, UNUSED const char *name, UNUSED uint64_t *ret_dict)
{
	return -ENOSYS;
}
