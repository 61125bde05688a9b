// SPDX-License-Identifier: BSD-2-Clause
/*
 * Is `count` what sys.settrace says? Starts an interpreter with count_driver.py, watches every line
 *of the programs it is given, four watchpoints at a time, on fresh code objects (cold) and after
 *they ran for a while (warm), and compares with the line events that the interpreter's own tracer
 *reported.
 *
 *	count_oracle [-v] [-r ROOT] PYTHON DRIVER PROGRAM...
 *
 * Files are as seen from ROOT. Prints each line that differs, then "N passed, N failed, N skipped"
 *(lines).
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "lib_piped.h"
#include "probes/probe.h"
#include "target/target.h"
#include "trace/trace.h"

#define WARM_RUNS "7" /* 3.11 quickens at the eighth call, later versions earlier */

/* A line of a code object, by what the oracle can tell apart: code objects of one name and line are
 * one. */
struct line {
	char name[128];
	int first, line;
	uint64_t want[2], got[2]; /* cold, warm */
	bool skipped, inexact;
};

struct code {
	uint64_t address;
	char name[128];
	int first;
};

/* What is armed together: all places of one line of one code object, or some of them. */
struct unit {
	size_t code; /* index among the program's code objects */
	int32_t line;
	uint32_t n;
	struct interp_place places[TRACE_SLOTS];
};

struct oracle {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
	struct interp *in;
	struct trace *trace;
	struct abi_py py;
	VEC(struct line) lines;
	VEC(struct code) codes;
	VEC(struct unit) units;
	struct {
		struct interp_place *places;
		size_t n;
	} * plain; /* the places of fresh code objects */
	size_t n_plain;
	bool verbose;
	unsigned passed, failed, skipped;
};

static void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- the driver ---- */

static void start(struct oracle *o, const char *root, char *python, char *driver)
{
	char *const argv[] = { python, "-u", "-W", "ignore", driver, NULL };

	o->pid = piped_start(root, argv, &o->to, &o->from);
	if (o->pid < 0)
		fatal("%s: %s", python, strerror(-o->pid));
}

/* Send a command and hand each line of the answer to fn (may be NULL: none is expected). */
static void ask(struct oracle *o, void (*fn)(struct oracle *o, const char *line), const char *fmt,
		...) __attribute__((format(printf, 3, 4)));

static void ask(struct oracle *o, void (*fn)(struct oracle *o, const char *line), const char *fmt,
		...)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vfprintf(o->to, fmt, ap);
	va_end(ap);
	fputc('\n', o->to);
	fflush(o->to);
	while ((n = getline(&line, &cap, o->from)) > 0) {
		line[n - 1] = 0;
		if (!strcmp(line, "."))
			return;
		if (!fn)
			fatal("%s: \"%s\" was not expected", fmt, line);
		fn(o, line);
	}
	fatal("the driver ended");
}

static struct line *find_line(struct oracle *o, const char *name, int first, int line)
{
	struct line l = { .first = first, .line = line };
	size_t i;

	for (i = 0; i < o->lines.n; i++)
		if (o->lines.data[i].line == line && o->lines.data[i].first == first &&
		    !strcmp(o->lines.data[i].name, name))
			return &o->lines.data[i];
	snprintf(l.name, sizeof(l.name), "%s", name);
	if (vec_push(&o->lines, l))
		fatal("out of memory");
	return &o->lines.data[o->lines.n - 1];
}

static void on_oracle(struct oracle *o, const char *text)
{
	char phase[8], name[128];
	unsigned long long count;
	int first, line;

	if (sscanf(text, "%7s %127s %d %d %llu", phase, name, &first, &line, &count) != 5)
		fatal("oracle: %s", text);
	find_line(o, name, first, line)->want[!strcmp(phase, "warm")] = count;
}

static void on_fresh(struct oracle *o, const char *text)
{
	struct code c = { 0 };
	unsigned long long addr;

	if (sscanf(text, "%llu %127s %d", &addr, c.name, &c.first) != 3)
		fatal("fresh: %s", text);
	c.address = addr;
	if (vec_push(&o->codes, c))
		fatal("out of memory");
}

static void on_load(struct oracle *o, const char *text)
{
	(void)text;
	o->skipped++;
}

/* ---- the watch ---- */

static void fresh(struct oracle *o)
{
	o->codes.n = 0;
	ask(o, on_fresh, "fresh");
}

static void push_unit(struct oracle *o, const struct unit *u)
{
	if (u->n && vec_push(&o->units, *u))
		fatal("out of memory");
}

/* Places that depend on each other must be watched together. */
static bool together(const struct oracle *o, const struct interp_place *p, size_t n)
{
	size_t i;

	if (o->py.prev_kind != ABI_PREV_STATE)
		return false;
	for (i = 0; i < n; i++)
		if (p[i].ndrop)
			return true;
	return false;
}

static void units_of_line(struct oracle *o, size_t code, const struct interp_place *p, size_t n)
{
	struct code *c = &o->codes.data[code];
	struct line *l = find_line(o, c->name, c->first, p->line);
	struct unit u = { .code = code, .line = p->line };
	size_t i;

	for (i = 0; i < n; i++)
		l->inexact |= p[i].inexact;
	if (n > TRACE_SLOTS && together(o, p, n)) {
		l->skipped = true;
		return;
	}
	for (i = 0; i < n; i++) {
		if (u.n == TRACE_SLOTS) {
			push_unit(o, &u);
			u.n = 0;
		}
		u.places[u.n++] = p[i];
	}
	push_unit(o, &u);
}

static void find_units(struct oracle *o)
{
	size_t c, i, k, n;

	o->units.n = 0;
	for (c = 0; c < o->codes.n; c++) {
		_cleanup_free_ struct interp_place *places = NULL;
		int r = o->in->ops->places(o->in, o->codes.data[c].address, &places, &n);

		if (r)
			fatal("places of %s: %s", o->codes.data[c].name, strerror(-r));
		for (i = 0; i < n; i = k) {
			for (k = i; k < n && places[k].line == places[i].line; k++)
				;
			units_of_line(o, c, places + i, k - i);
		}
	}
}

static uint64_t watched_address(struct oracle *o, const struct unit *u, uint32_t place)
{
	struct interp_code c;
	uint64_t addr;
	int r;

	r = o->in->ops->code(o->in, o->codes.data[u->code].address, &c);
	if (r)
		fatal("code %s: %s", o->codes.data[u->code].name, strerror(-r));
	addr = c.bytecode + u->places[place].offset + 1;
	interp_code_deinit(&c);
	return addr;
}

static void arm(struct oracle *o, const struct unit *u, bool on)
{
	uint64_t code = o->codes.data[u->code].address;
	struct err err;
	uint32_t i, k;

	for (i = 0; i < u->n; i++) {
		const struct interp_place *p = &u->places[i];
		uint64_t addr = watched_address(o, u, i);
		struct abi_place a = {
			.action = p->event ? ABI_ACT_COUNT : ABI_ACT_NOTE,
			.offset = (int32_t)p->offset,
			.ndrop = p->ndrop,
			.keep_state = 1,
			.group = (uint32_t)p->line,
		};

		if (!on) {
			trace_place_del(o->trace, addr, code);
			trace_unwatch(o->trace, addr);
			continue;
		}
		for (k = 0; k < p->ndrop; k++) {
			a.drop[k].lo = p->drop[k].lo;
			a.drop[k].hi = p->drop[k].hi;
		}
		if (trace_place_set(o->trace, addr, code, &a))
			fatal("trace_place_set failed");
		if (trace_watch(o->trace, addr, &err))
			fatal("%s", err.text);
	}
}

static uint64_t hits(struct oracle *o, const struct unit *u)
{
	uint64_t sum = 0, n;
	uint32_t i;

	for (i = 0; i < u->n; i++)
		if (u->places[i].event && !trace_place_hits(o->trace, watched_address(o, u, i),
							    o->codes.data[u->code].address, &n))
			sum += n;
	return sum;
}

/* Units from..to fit into the slots: count them on fresh code objects. */
static void count(struct oracle *o, size_t from, size_t to)
{
	uint64_t before[TRACE_SLOTS];
	size_t i;

	fresh(o);
	for (i = from; i < to; i++)
		arm(o, &o->units.data[i], true);
	ask(o, NULL, "run");
	for (i = from; i < to; i++) {
		struct unit *u = &o->units.data[i];
		struct code *c = &o->codes.data[u->code];

		find_line(o, c->name, c->first, u->line)->got[0] += hits(o, u);
	}
	ask(o, NULL, "again " WARM_RUNS);
	for (i = from; i < to; i++)
		before[i - from] = hits(o, &o->units.data[i]);
	ask(o, NULL, "again 1");
	for (i = from; i < to; i++) {
		struct unit *u = &o->units.data[i];
		struct code *c = &o->codes.data[u->code];

		find_line(o, c->name, c->first, u->line)->got[1] += hits(o, u) - before[i - from];
		arm(o, u, false);
	}
}

/*
 * The places of the code objects that there are now must be those of fresh ones, whatever the
 * interpreter has done to the bytecode since: what = "specialised", "instrumented".
 */
static void check_same(struct oracle *o, const char *program, const char *what)
{
	VEC(struct code) now = { 0 };
	size_t i, n, m;

	o->codes.n = 0;
	ask(o, on_fresh, "codes");
	for (i = 0; i < o->codes.n; i++)
		if (vec_push(&now, o->codes.data[i]))
			fatal("out of memory");
	for (i = 0; i < now.n; i++) {
		_cleanup_free_ struct interp_place *p = NULL;
		int r = o->in->ops->places(o->in, now.data[i].address, &p, &n);

		if (r)
			fatal("places of %s (%s): %s", now.data[i].name, what, strerror(-r));
		m = i < o->n_plain ? o->plain[i].n : SIZE_MAX;
		if (n == m && !memcmp(p, o->plain[i].places, n * sizeof(*p))) {
			o->passed++;
			continue;
		}
		printf("%s: %s(%d): the places of the %s code differ\n", program, now.data[i].name,
		       now.data[i].first, what);
		o->failed++;
	}
	vec_deinit(&now);
}

static void forget_plain(struct oracle *o)
{
	while (o->n_plain)
		free(o->plain[--o->n_plain].places);
	free(o->plain);
	o->plain = NULL;
}

/* Read the places of the fresh code objects, for check_same(). */
static void keep_plain(struct oracle *o)
{
	forget_plain(o);
	o->plain = calloc(o->codes.n + 1, sizeof(*o->plain));
	if (!o->plain)
		fatal("out of memory");
	for (; o->n_plain < o->codes.n; o->n_plain++)
		if (o->in->ops->places(o->in, o->codes.data[o->n_plain].address,
				       &o->plain[o->n_plain].places, &o->plain[o->n_plain].n))
			fatal("places of %s", o->codes.data[o->n_plain].name);
}

static void compare(struct oracle *o, const char *program)
{
	size_t i;

	for (i = 0; i < o->lines.n; i++) {
		const struct line *l = &o->lines.data[i];
		bool same = l->want[0] == l->got[0] && l->want[1] == l->got[1];

		if (l->skipped)
			o->skipped++;
		else if (same)
			o->passed++;
		else
			o->failed++;
		if ((!same && !l->skipped) || o->verbose)
			printf("%s:%d %s(%d): settrace %llu cold %llu warm, count %llu cold %llu "
			       "warm%s%s\n",
			       program, l->line, l->name, l->first, (unsigned long long)l->want[0],
			       (unsigned long long)l->want[1], (unsigned long long)l->got[0],
			       (unsigned long long)l->got[1], l->inexact ? " (inexact)" : "",
			       l->skipped ? " (skipped: more than 4 places)" : "");
	}
}

static void run_program(struct oracle *o, const char *program)
{
	unsigned skipped = o->skipped;
	uint32_t used = 0;
	size_t i, from = 0;

	ask(o, on_load, "load %s", program);
	if (o->skipped != skipped) {
		o->skipped = skipped;
		printf("%s: not for this version\n", program);
		return;
	}
	o->lines.n = 0;
	fresh(o);
	keep_plain(o);
	ask(o, on_oracle, "oracle");
	check_same(o, program, "instrumented");
	fresh(o);
	ask(o, NULL, "run");
	ask(o, NULL, "again " WARM_RUNS);
	check_same(o, program, "specialised");
	fresh(o);
	find_units(o);
	for (i = 0; i < o->units.n; i++) {
		if (used + o->units.data[i].n > TRACE_SLOTS) {
			count(o, from, i);
			from = i;
			used = 0;
		}
		used += o->units.data[i].n;
	}
	if (from < o->units.n)
		count(o, from, o->units.n);
	compare(o, program);
}

/* Every code object that the driver names must be found by the scan. */
static int on_scanned(void *priv, uint64_t code)
{
	struct oracle *o = priv;
	size_t i;

	for (i = 0; i < o->codes.n; i++)
		if (o->codes.data[i].address == code)
			o->codes.data[i].first = -1;
	return 0;
}

static void check_scan(struct oracle *o, const char *program)
{
	size_t i;
	int r;

	ask(o, on_load, "load %s", program);
	fresh(o);
	r = o->in->ops->scan_code(o->in, on_scanned, o, NULL, NULL);
	if (r)
		fatal("scan: %s", strerror(-r));
	for (i = 0; i < o->codes.n; i++) {
		if (o->codes.data[i].first == -1) {
			o->passed++;
			continue;
		}
		printf("the scan did not find %s\n", o->codes.data[i].name);
		o->failed++;
	}
}

static void open_all(struct oracle *o)
{
	struct probe_env env = { .pid = o->pid };
	struct trace_options opt = { .pid = o->pid, .stop_signal = SIGURG, .py = &o->py };
	struct err err;

	if (target_open(o->pid, &err, &o->target))
		fatal("%s", err.text);
	env.cwd = target_cwd(o->target);
	if (probes_open(target_mem(o->target), target_sym(o->target), &env, &err, &o->in))
		fatal("%s", err.text);
	o->in->ops->kernel(o->in, &o->py);
	if (trace_open(&opt, &err, &o->trace))
		fatal("%s", err.text);
}

int main(int argc, char **argv)
{
	struct oracle o = { 0 };
	const char *root = "";
	int c;

	while ((c = getopt(argc, argv, "+vr:")) != -1) {
		if (c == 'v')
			o.verbose = true;
		else if (c == 'r')
			root = optarg;
		else
			return 2;
	}
	argc -= optind;
	argv += optind;
	if (argc < 3)
		fatal("usage: count_oracle [-v] [-r ROOT] PYTHON DRIVER PROGRAM...");
	start(&o, root, argv[0], argv[1]);
	ask(&o, on_load, "load %s", argv[2]); /* it is up when it answers */
	o.skipped = 0;
	open_all(&o);
	check_scan(&o, argv[2]);
	for (c = 2; c < argc; c++)
		run_program(&o, argv[c]);
	printf("%s: %u passed, %u failed, %u skipped\n", o.in->ops->info(o.in)->version, o.passed,
	       o.failed, o.skipped);
	trace_free(o.trace);
	probes_close(o.in);
	target_free(o.target);
	fclose(o.to);
	fclose(o.from);
	waitpid(o.pid, NULL, 0);
	forget_plain(&o);
	vec_deinit(&o.lines);
	vec_deinit(&o.codes);
	vec_deinit(&o.units);
	return o.failed != 0;
}
