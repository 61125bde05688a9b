// SPDX-License-Identifier: BSD-2-Clause
/* setExceptionBreakpoints, exceptionInfo */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/js_text.h"
#include "dap/dap.h"
#include "engine/session.h"

#define EXCEPTIONS_MAX 1000 /* filters, options and names in one request */

/*
 * Exception: SystemExit, KeyboardInterrupt, GeneratorExit and, from 3.8 on, what cancels a task of
 * asyncio are how a program ends, not what nobody has thought of.
 */
static const struct filter {
	const char *name, *label, *description, *class, *mode;
	enum catch_when when;
} filters[] = {
	{ "raised", "Raised exceptions", "stop where an exception is raised", "BaseException",
	  "always", CATCH_RAISED },
	{ "uncaught", "Uncaught exceptions",
	  "stop where an exception leaves the outermost frame of its thread", "Exception",
	  "unhandled", CATCH_UNCAUGHT },
	{ "userUnhandled", "User-unhandled exceptions",
	  "stop where an exception leaves your code towards a library", "Exception",
	  "userUnhandled", CATCH_USER },
};
#define NFILTERS (sizeof(filters) / sizeof(filters[0]))

json_t *dap_exception_filters(void)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < NFILTERS; i++)
		json_array_append_new(
			list,
			json_pack("{ss ss ss sb sb ss}", "filter", filters[i].name, "label",
				  filters[i].label, "description", filters[i].description,
				  "default", 0, "supportsCondition", 1, "conditionDescription",
				  "an expression, e.g. isinstance(__exception__, KeyError)"));
	return list;
}

const char *dap_break_mode(const struct bp *bp)
{
	for (size_t i = 0; bp && i < NFILTERS; i++)
		if (bp->when == filters[i].when)
			return filters[i].mode;
	return "always";
}

static int set_exception(struct dap *d, const char *class, enum catch_when when,
			 const char *condition, struct err *err)
{
	const struct bp_spec spec = { .exception = class,
				      .when = when,
				      .condition = condition && *condition ? condition : NULL };
	int id, r = session_break(d->s, &spec, err, &id);

	return r ? r : vec_push(&d->exceptions, id);
}

static int set_filter(struct dap *d, const char *name, const char *condition, struct err *err)
{
	for (size_t i = 0; name && i < NFILTERS; i++)
		if (!strcmp(filters[i].name, name))
			return set_exception(d, filters[i].class, filters[i].when, condition, err);
	return err_set(err, -EINVAL, "there is no exception filter '%.40s'", name ? name : "");
}

/*
 * An ExceptionOptions: the names of the last segment of its path are the classes. A path of one
 * segment that is the category
 * ("Python Exceptions") alone, or none: all of them.
 */
static int set_option(struct dap *d, const json_t *option, struct err *err)
{
	const json_t *path = json_object_get(option, "path"), *names = NULL, *name;
	const char *mode = arg_text(option, "breakMode");
	const struct filter *f = NULL;
	size_t n = json_array_size(path), i;
	int r = 0;

	for (i = 0; mode && i < NFILTERS; i++)
		if (!strcmp(filters[i].mode, mode))
			f = &filters[i];
	if (mode && !strcmp(mode, "never"))
		return 0;
	if (!f)
		return err_set(err, -EINVAL, "there is no break mode '%.40s'", mode ? mode : "");
	for (i = 0; i < n; i++)
		if (arg_bool(json_array_get(path, i), "negate", false))
			return err_set(err, -EOPNOTSUPP,
				       "all but some exceptions: that is a "
				       "filter with a condition");
	names = n ? json_object_get(json_array_get(path, n - 1), "names") : NULL;
	if (n <= 1 &&
	    (!json_array_size(names) ||
	     !strcmp(json_string_value(json_array_get(names, 0)) ?: "", "Python Exceptions")))
		return set_exception(d, f->class, f->when, NULL, err);
	if (json_array_size(names) > EXCEPTIONS_MAX)
		return err_set(err, -EINVAL, "more than %d names", EXCEPTIONS_MAX);
	json_array_foreach(names, i, name)
	{
		if (!json_is_string(name))
			return err_set(err, -EINVAL, "names: element %zu is no string", i);
		if (!r)
			r = set_exception(d, json_string_value(name), f->when, NULL, err);
	}
	return r;
}

static void answer(json_t *answers, int r, const struct err *why)
{
	json_t *j = json_pack("{sb}", "verified", r >= 0);

	if (r < 0)
		json_object_set_new(j, "message", js_text(why->text[0] ? why->text : strerror(-r)));
	json_array_append_new(answers, j);
}

/* One answer for each filter, then for each filterOption, then for each exceptionOption. */
static int req_set(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const json_t *names = json_object_get(args, "filters"), *j;
	const json_t *conditions = json_object_get(args, "filterOptions");
	const json_t *options = json_object_get(args, "exceptionOptions");
	json_t *answers;
	size_t i;

	if (json_array_size(names) + json_array_size(conditions) + json_array_size(options) >
	    EXCEPTIONS_MAX)
		return err_set(err, -EINVAL, "more than %d exception filters", EXCEPTIONS_MAX);
	for (i = 0; i < d->exceptions.n; i++)
		(void)session_bp_clear(d->s, d->exceptions.data[i], NULL);
	d->exceptions.n = 0;
	answers = json_array();
	json_array_foreach(names, i, j)
	{
		struct err why = { 0 };

		answer(answers, set_filter(d, json_string_value(j), NULL, &why), &why);
	}
	json_array_foreach(conditions, i, j)
	{
		struct err why = { 0 };

		answer(answers,
		       set_filter(d, arg_text(j, "filterId"), arg_text(j, "condition"), &why),
		       &why);
	}
	json_array_foreach(options, i, j)
	{
		struct err why = { 0 };

		answer(answers, set_option(d, j, &why), &why);
	}
	*ret_body = json_pack("{so}", "breakpoints", answers);
	return *ret_body ? 0 : -ENOMEM;
}

static int req_info(struct dap *d, const json_t *args, json_t **ret_body, struct err *err)
{
	const char *repr = d->exception;
	size_t len = repr ? strcspn(repr, "(") : 0;

	(void)args;
	if (!repr)
		return err_set(err, -ENOENT, "it did not stop for an exception");
	*ret_body = json_pack("{ss% so ss}", "exceptionId", repr, len, "description", js_text(repr),
			      "breakMode", d->break_mode);
	return *ret_body ? 0 : -ENOMEM;
}

const struct dap_request dap_excepts[] = {
	{ "setExceptionBreakpoints", req_set, NEED_SESSION },
	{ "exceptionInfo", req_info, NEED_STOP },
};
const size_t dap_nexcepts = sizeof(dap_excepts) / sizeof(dap_excepts[0]);
