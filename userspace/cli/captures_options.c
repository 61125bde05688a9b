// SPDX-License-Identifier: BSD-2-Clause
/* The options of `log` and `snap`. */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>

#include "base/err.h"
#include "cli/captures.h"
#include "cli/cli.h"
#include "cli/lifetime.h"
#include "cli/parse.h"
#include "cli/program.h"

enum {
	OPT_JSON = 256,
	OPT_FOR,
	OPT_SCOPE,
	OPT_COLOR,
	OPT_DEEP,
	OPT_PAUSE,
	OPT_ENGINE,
	OPT_CATCH,
	OPT_CHILDREN,
	OPT_WATCH,
	OPT_NUMBER
};

/* A number in an unsigned or in a uint64_t. */
static const struct number {
	const char *name;
	size_t at;
	bool wide;
	int64_t min, max;
} numbers[] = {
	{ "count", offsetof(struct captures, hits.limit), true, 1, INT64_MAX },
	{ "max-rate", offsetof(struct captures, max_rate), true, 0, INT64_MAX },
	{ "max-bytes", offsetof(struct captures, max_bytes), true, 0, INT64_MAX },
	{ "value-bytes", offsetof(struct captures, what.value_bytes), false, 1, 2000 },
	{ "record-bytes", offsetof(struct captures, what.bytes), false, 512, 64 * 1024 },
	{ "items", offsetof(struct captures, what.items), false, 1, 500 },
	{ "depth", offsetof(struct captures, limits.depth), false, 1, 30 },
	{ "frames", offsetof(struct captures, what.frames), false, 1, 64 },
};
#define NNUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static int number_option(struct captures *cs, const struct number *n, const char *text,
			 struct err *err)
{
	char name[32] = "--";
	int64_t value;
	int r;

	for (size_t i = 0; n->name[i] && i < 28; i++)
		name[i + 2] = n->name[i];
	r = parse_number(text, name, n->min, n->max, err, &value);
	if (r)
		return r;
	if (n->wide)
		*(uint64_t *)((char *)cs + n->at) = (uint64_t)value;
	else
		*(unsigned *)((char *)cs + n->at) = (unsigned)value;
	if (n->at == offsetof(struct captures, hits.limit))
		cs->required = true;
	return 0;
}

/* One option: 0, -EINVAL with a line, or 1: it is not known. */
static int option(struct captures *cs, int o, struct err *err)
{
	bool uprobe = false;
	int r;

	switch (o) {
	case OPT_JSON:
		cs->json = true;
		return 0;
	case OPT_DEEP:
		cs->deep = true;
		return 0;
	case OPT_FOR:
		cs->for_given = true;
		return parse_seconds(optarg, "--for", err, &cs->for_ms);
	case OPT_PAUSE:
		return parse_seconds(optarg, "--max-pause", err, &cs->max_pause_ms);
	case OPT_SCOPE:
		return program_scope(optarg, err, &cs->scope);
	case OPT_ENGINE:
		r = program_engine(optarg, err, &uprobe);
		cs->hits.engine = uprobe ? BP_UPROBE : BP_WATCH;
		return r;
	case OPT_CHILDREN:
		cs->children = true;
		return 0;
	case OPT_CATCH:
		cs->hits.exception = optarg;
		return 0;
	case OPT_WATCH:
		cs->watch = true;
		cs->hits.location = optarg;
		return 0;
	case OPT_COLOR:
		return out_color_mode(optarg, &cs->color)
			       ? err_set(err, -EINVAL,
					 "--color is auto, always or never, not '%.40s'", optarg)
			       : 0;
	default:
		break;
	}
	if (o >= OPT_NUMBER && o < OPT_NUMBER + (int)NNUMBERS)
		return number_option(cs, &numbers[o - OPT_NUMBER], optarg, err);
	r = program_hits_option(o, optarg, err, &cs->hits);
	return r < 0 ? r : r ? 0 : 1;
}

/* What is left: PID, then LOCATION unless --catch or --watch stands for it, then the text if there
 * is to be one. */
static int words(struct captures *cs, const struct program *p, int n, char **word,
		 const char **ret_rest)
{
	bool elsewhere = cs->hits.exception || cs->watch;
	int want = 1 + !elsewhere + !!ret_rest;
	struct err err = { 0 };

	if (!n)
		return program_usage(p, "a process id is missing");
	if (parse_pid(word[0], &err, &cs->pid))
		return program_usage(p, "%s", err.text);
	if (cs->hits.exception && cs->watch)
		return program_usage(p, "--catch and --watch exclude each other");
	if (elsewhere && n > want)
		return program_usage(p, "--%s takes the place of a location",
				     cs->watch ? "watch" : "catch");
	if (!elsewhere && n == 1)
		return program_usage(p, "a location is missing: FILE:LINE or FUNCTION");
	if (ret_rest && n + 1 == want)
		return program_usage(p, "the text is missing: 'charge {item.sku} {total:.2f}'");
	if (n != want)
		return program_usage(
			p, "%s",
			ret_rest ? "one process, one location and one text are needed, no more"
				 : "one process and one location are needed, no more");
	if (!cs->watch)
		cs->hits.location = cs->hits.exception ? cs->hits.exception : word[1];
	if (ret_rest)
		*ret_rest = word[n - 1];
	return 0;
}

int captures_options(struct captures *cs, const struct program *p, int argc, char **argv,
		     const char **ret_rest)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "engine", required_argument, NULL, OPT_ENGINE },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "deep", no_argument, NULL, OPT_DEEP },
		{ "catch", required_argument, NULL, OPT_CATCH },
		{ "children", no_argument, NULL, OPT_CHILDREN },
		{ "watch", required_argument, NULL, OPT_WATCH },
		{ "max-pause", required_argument, NULL, OPT_PAUSE },
		{ "count", required_argument, NULL, OPT_NUMBER },
		{ "max-rate", required_argument, NULL, OPT_NUMBER + 1 },
		{ "max-bytes", required_argument, NULL, OPT_NUMBER + 2 },
		{ "value-bytes", required_argument, NULL, OPT_NUMBER + 3 },
		{ "record-bytes", required_argument, NULL, OPT_NUMBER + 4 },
		{ "items", required_argument, NULL, OPT_NUMBER + 5 },
		{ "depth", required_argument, NULL, OPT_NUMBER + 6 },
		{ "frames", required_argument, NULL, OPT_NUMBER + 7 },
		PROGRAM_HITS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	bool pause = false;
	int o, r, which;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", longopts, &which)) != -1) {
		if (o == 'h') {
			program_help(p);
			return -1;
		}
		/* of one of the two only */
		if (ret_rest && (o == OPT_DEEP || o == OPT_PAUSE || o == OPT_NUMBER + 7))
			return program_usage(p, "option --%s is not known", longopts[which].name);
		if (!ret_rest && o == OPT_WATCH)
			return program_usage(p, "option --watch is not known");
		pause |= o == OPT_PAUSE;
		r = option(cs, o, &err);
		if (r > 0)
			return program_bad_option(p, argv, o);
		if (r < 0)
			return program_usage(p, "%s", err.text);
	}
	if (!cs->for_given && lifetime_default(&err, &cs->for_ms))
		return program_usage(p, "%s", err.text);
	if (pause && !cs->deep)
		return program_usage(p, "--max-pause needs --deep: nothing is stopped without it");
	if (cs->children && cs->deep)
		return program_usage(p, "--children and --deep do not go together");
	if (cs->children && cs->watch)
		return program_usage(p, "--children and --watch do not go together");
	if (cs->children && program_children(&cs->hits, &err))
		return program_usage(p, "%s", err.text);
	return words(cs, p, argc - optind, argv + optind, ret_rest);
}
