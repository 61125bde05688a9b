// SPDX-License-Identifier: BSD-2-Clause
/*
 * Values, attributes, items and variables, on every interpreter of this machine: what we read must
 * be what the program says of itself (tests/targets/values.py).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lib_cu.h"
#include "lib_hex.h"
#include "lib_interpreters.h"
#include "lib_values.h"
#include "probes/probe.h"
#include "probes/value.h"
#include "target/target.h"

#define SHOWN 12 /* mismatches printed for one interpreter */

static const struct value_limits all = {
	.depth = 50, .items = 200000, .bytes = 1 << 20, .total = 10000000
};

struct run {
	const struct interpreter *it;
	struct values_run run;
	unsigned checked, wrong;
	struct interp_frame *frames;
	size_t nframes, frame; /* frame: the one that L lines are of */
	unsigned locals;
};

static void run_end(struct run *r)
{
	values_end(&r->run);
	free(r->frames);
}

static int run_start(struct run *r, const struct interpreter *it)
{
	*r = (struct run){ .it = it };
	return values_open(it, &r->run);
}

static void check(struct run *r, const char *what, const char *name, const char *sub,
		  const char *got, const char *want)
{
	r->checked++;
	if (strcmp(got, want) == 0)
		return;
	if (r->wrong++ < SHOWN)
		printf("%s: %s of %s %s:\n  want %.300s\n  got  %.300s\n", r->it->name, what, name,
		       sub ? sub : "", want, got);
}

static void check_value(struct run *r, char **f)
{
	_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT, str = STRBUF_INIT;
	_cleanup_free_ char *want = unhex(f[1]), *want_str = unhex(f[2]);
	struct value *v = NULL;
	uint64_t addr;
	int truth;

	if (r->run.interp->ops->dict_get(r->run.interp, r->run.dict, f[0], &addr) < 0 ||
	    r->run.interp->ops->value(r->run.interp, addr, &all, &v) < 0) {
		check(r, "value", f[0], NULL, "unreadable", "a value");
		return;
	}
	value_repr(v, &repr);
	check(r, "repr", f[0], NULL, strbuf_str(&repr), want);
	value_str(v, &str);
	check(r, "str", f[0], NULL, strbuf_str(&str), want_str);
	truth = value_truth(v);
	if (truth != -1)
		check(r, "truth", f[0], NULL, truth ? "1" : "0", f[3]);
	value_free(v);
}

/* What attr or item gave: a repr, "-" for an absent one, "!" for a refused one. */
static void check_result(struct run *r, const char *what, char **f, int e, struct value *v,
			 const struct err *err)
{
	_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT;
	_cleanup_free_ char *want = f[2][0] == '-' || f[2][0] == '!' ? strdup(f[2]) : unhex(f[2]);

	if (e == 0)
		value_repr(v, &repr);
	else if (e == -ENOENT)
		strbuf_adds(&repr, "-");
	else if (e == -EOPNOTSUPP && (want[0] == '!' || !err->text[0]))
		strbuf_adds(&repr, "!");
	else
		strbuf_adds(&repr, err->text);
	check(r, what, f[0], f[1], strbuf_str(&repr), want);
	if (e < 0 && !err->text[0])
		check(r, "the reason", f[0], f[1], "", "a line");
	value_free(v);
}

static void check_attr(struct run *r, char **f)
{
	struct value *v = NULL;
	struct err err = { 0 };
	uint64_t addr;
	int e = r->run.interp->ops->dict_get(r->run.interp, r->run.dict, f[0], &addr);

	if (e == 0)
		e = r->run.interp->ops->attr(r->run.interp, addr, f[1], &all, &err, &v);
	check_result(r, "attribute", f, e, e ? NULL : v, &err);
}

/* The keys that values.py uses. */
static struct value *parse_key(const char *text)
{
	struct value *v;

	if (text[0] == '\'')
		return value_new_str(text + 1, strlen(text) - 2);
	if (strcmp(text, "None") == 0)
		return value_new_none();
	if (strcmp(text, "True") == 0)
		return value_new_bool(true);
	if (text[0] == '(') {
		v = value_new(VALUE_TUPLE, "tuple");
		value_add(v, value_new_long(1));
		value_add(v, value_new_long(2));
		return v;
	}
	if (strchr(text, '.'))
		return value_new_float(strtod(text, NULL));
	v = value_new_long(0);
	mpz_set_str(v->z, text, 10);
	return v;
}

static void check_item(struct run *r, char **f)
{
	struct value *v = NULL, *key = parse_key(f[1]);
	struct err err = { 0 };
	uint64_t addr;
	int e = r->run.interp->ops->dict_get(r->run.interp, r->run.dict, f[0], &addr);

	if (e == 0)
		e = r->run.interp->ops->item(r->run.interp, addr, key, &all, &err, &v);
	check_result(r, "item", f, e, e ? NULL : v, &err);
	value_free(key);
}

static void check_type(struct run *r, char **f)
{
	struct value *v = NULL;
	uint64_t addr;
	int is = -1;

	if (r->run.interp->ops->dict_get(r->run.interp, r->run.dict, f[0], &addr) == 0 &&
	    r->run.interp->ops->value(r->run.interp, addr, NULL, &v) == 0)
		is = r->run.interp->ops->type_is(r->run.interp, v->type_address, f[1], true);
	check(r, "class", f[0], f[1], is == 1 ? "yes" : "no", "yes");
	if (v &&
	    r->run.interp->ops->type_is(r->run.interp, v->type_address, "no such class", true) != 0)
		check(r, "class", f[0], "none", "yes", "no");
	value_free(v);
}

static void check_frame(struct run *r, char **f)
{
	struct interp_code code = { 0 };
	struct interp_thread *threads = NULL;
	uint64_t globals, builtins, locals, addr;
	size_t n = 0;

	if (!r->frames) {
		if (r->run.interp->ops->threads(r->run.interp, &threads, &n) == 0 && n)
			r->run.interp->ops->frames(r->run.interp, threads[0].tstate, 100,
						   &r->frames, &r->nframes);
		free(threads);
		r->frame = 0;
	} else {
		r->frame++;
	}
	/* The first is frames() itself, which reports from its caller on. */
	if (r->frame + 1 >= r->nframes ||
	    r->run.interp->ops->code(r->run.interp, r->frames[r->frame + 1].code, &code) < 0) {
		check(r, "frame", f[0], NULL, "none", f[0]);
		return;
	}
	check(r, "frame", "name", NULL, code.name, f[0]);
	if (r->run.interp->ops->frame_dicts(r->run.interp, r->frames[r->frame + 1].frame, &globals,
					    &builtins, &locals) < 0) {
		check(r, "frame", "dicts", NULL, "none", "there");
	} else {
		bool ok = r->run.interp->ops->dict_get(r->run.interp, globals, "VALUES", &addr) ==
				  0 &&
			  addr == r->run.dict &&
			  r->run.interp->ops->dict_get(r->run.interp, builtins, "len", &addr) == 0;

		check(r, "frame", "dicts", f[0], ok ? "right" : "wrong", "right");
		if (code.flags & 1)
			check(r, "frame", "f_locals", f[0], locals ? "a mapping" : "none", "none");
	}
	interp_code_deinit(&code);
}

static void check_local(struct run *r, char **f)
{
	_cleanup_free_ char *want = unhex(f[1]);
	_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT;
	struct interp_var *vars = NULL;
	struct value *v;
	size_t n = 0;

	if (r->frame + 1 < r->nframes)
		r->run.interp->ops->frame_vars(r->run.interp, r->frames[r->frame + 1].frame, &vars,
					       &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(vars[i].name, f[0]) != 0 || !vars[i].value)
			continue;
		if (r->run.interp->ops->value(r->run.interp, vars[i].value, &all, &v) == 0) {
			value_repr(v, &repr);
			value_free(v);
		}
		r->locals++;
	}
	interp_vars_free(vars, n);
	check(r, "local", f[0], NULL, strbuf_str(&repr), want);
}

/* Module and class bodies keep their names in a mapping. */
static void check_mapping(struct run *r, char **f)
{
	_cleanup_free_ char *want = unhex(f[1]);
	_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT;
	uint64_t globals, builtins, locals, addr;
	struct value *v;

	if (r->frame + 1 < r->nframes &&
	    r->run.interp->ops->frame_dicts(r->run.interp, r->frames[r->frame + 1].frame, &globals,
					    &builtins, &locals) == 0 &&
	    r->run.interp->ops->dict_get(r->run.interp, locals, f[0], &addr) == 0 &&
	    r->run.interp->ops->value(r->run.interp, addr, &all, &v) == 0) {
		value_repr(v, &repr);
		value_free(v);
	}
	r->locals++;
	check(r, "mapping", f[0], NULL, strbuf_str(&repr), want);
}

static const struct {
	char kind;
	int fields;
	void (*fn)(struct run *r, char **fields);
} checks[] = {
	{ 'V', 4, check_value },   { 'A', 3, check_attr },  { 'I', 3, check_item },
	{ 'T', 2, check_type },	   { 'F', 1, check_frame }, { 'L', 2, check_local },
	{ 'G', 2, check_mapping },
};

static void check_line(struct run *r, char *line)
{
	char *fields[5] = { 0 }, *p = line;
	int n = 0;

	for (; n < 5 && p; n++) {
		fields[n] = p;
		p = strchr(p, '\t');
		if (p)
			*p++ = '\0';
	}
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (fields[0][0] == checks[i].kind && !fields[0][1] && n == checks[i].fields + 1) {
			checks[i].fn(r, fields + 1);
			return;
		}
	if (strcmp(line, "end") != 0)
		check(r, "line", line, NULL, "not understood", "understood");
}

static void test_every_interpreter(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	CU_ASSERT(n > 0);
	for (size_t i = 0; i < n; i++) {
		struct run r;
		char *line, *save = NULL;

		if (!its[i].supported)
			continue;
		if (run_start(&r, &its[i]) < 0) {
			CU_FAIL("an interpreter could not be started or opened");
			run_end(&r);
			continue;
		}
		for (line = strtok_r(r.run.said, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			check_line(&r, line);
		if (r.wrong)
			printf("%s: %u of %u wrong\n", its[i].name, r.wrong, r.checked);
		CU_ASSERT_EQUAL(r.wrong, 0);
		CU_ASSERT(r.checked > 2000);
		CU_ASSERT(r.locals > 10);
		run_end(&r);
	}
}

/* What limits cut is marked, never silently left out. */
static void test_limits(void)
{
	static const struct {
		const char *name;
		struct value_limits lim;
		const char *repr;
		int64_t length;
	} cases[] = {
		{ "list3", { 0, 9, 99, 99 }, "[...]", 3 },
		{ "list0", { 0, 9, 99, 99 }, "[]", 0 },
		{ "dict1", { 0, 9, 99, 99 }, "{...}", 1 },
		{ "list3", { 1, 2, 99, 99 }, "[1, 'two', ...]", 3 },
		{ "list3", { 1, 0, 99, 99 }, "[...]", 3 },
		{ "list3", { 1, 9, 99, 3 }, "[1, 'two', ...]", 3 },
		{ "list3", { 1, 9, 99, 0 }, "[...]", 3 },
		{ "list3", { 1, 9, 2, 99 }, "[1, 'tw'..., 3.0]", 3 },
		{ "nested", { 1, 9, 99, 99 }, "[[...], (), {}, set(), frozenset()]", 5 },
		{ "nested", { 2, 9, 99, 99 }, "[[1, [...]], (), {}, set(), frozenset()]", 5 },
		{ "dict_big", { 1, 2, 99, 99 }, "{0: 0, 1: 1, ...}", 500 },
		{ "dict_big", { 1, 9, 99, 6 }, "{0: 0, 1: 1, ...}", 500 },
		{ "tuple2", { 1, 1, 99, 99 }, "(1, ...)", 2 },
		{ "set_ints", { 1, 2, 99, 99 }, "{0, 1, ...}", 50 },
		{ "frozenset3", { 0, 9, 99, 99 }, "frozenset({...})", 3 },
		{ "deque_max", { 1, 1, 99, 99 }, "deque([2, ...], maxlen=2)", 2 },
		{ "str30", { 1, 9, 4, 99 }, "'xxxx'...", 1000 },
		{ "str31", { 1, 9, 5, 99 }, "'\xc3\xa9\xc3\xa9'...", 1000 },
		{ "bytes6", { 1, 9, 3, 99 }, "b'\\x00\\x01\\x02'...", 256 },
		{ "int27", { 1, 9, 4, 99 }, "1000...", -1 },
		{ "point", { 1, 1, 99, 99 }, "Point(x=1, ...)", 2 },
		{ "exc2", { 1, 1, 99, 99 }, "ValueError('x', ...)", -1 },
		{ "rec_list", { 9, 9, 99, 99 }, "[1, [...]]", 2 },
	};
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct run r;

		if (!its[i].supported || its[i].minor % 4)
			continue;
		CU_ASSERT_EQUAL(run_start(&r, &its[i]), 0);
		for (size_t c = 0; r.run.dict && c < sizeof(cases) / sizeof(cases[0]); c++) {
			_cleanup_strbuf_ struct strbuf repr = STRBUF_INIT;
			struct value *v = NULL;
			uint64_t addr;

			CU_ASSERT_EQUAL(r.run.interp->ops->dict_get(r.run.interp, r.run.dict,
								    cases[c].name, &addr),
					0);
			CU_ASSERT_EQUAL(
				r.run.interp->ops->value(r.run.interp, addr, &cases[c].lim, &v), 0);
			if (!v)
				continue;
			value_repr(v, &repr);
			check(&r, "limited repr", cases[c].name, NULL, strbuf_str(&repr),
			      cases[c].repr);
			CU_ASSERT_EQUAL(v->length, cases[c].length);
			value_free(v);
		}
		CU_ASSERT_EQUAL(r.wrong, 0);
		CU_ASSERT(r.checked > 20);
		run_end(&r);
	}
}

/* Addresses that hold no object, or nothing at all. */
static void test_no_object(void)
{
	_cleanup_free_ struct interpreter *its = NULL;
	size_t n = 0, at = 0;
	struct run r;

	CU_ASSERT_EQUAL(interpreters_find(&its, &n), 0);
	while (at < n && !its[at].supported)
		at++;
	if (at == n || run_start(&r, &its[at]) < 0) {
		CU_FAIL("no interpreter");
		return;
	}
	const uint64_t addrs[] = { 0,
				   8,
				   4096,
				   r.run.dict + 1,
				   r.run.dict + 16,
				   0xdeadbeef000,
				   UINT64_MAX - 7,
				   0xffff800000000000 };

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct value *v = NULL, *key = value_new_long(0);
		struct interp_var *vars;
		struct err err = { 0 };
		uint64_t addr;
		size_t nvars;

		CU_ASSERT_EQUAL(r.run.interp->ops->value(r.run.interp, addrs[i], NULL, &v), 0);
		CU_ASSERT(v && v->kind == VALUE_UNREADABLE &&
			  strncmp(v->text, "<unreadable: ", 13) == 0);
		value_free(v);
		CU_ASSERT(r.run.interp->ops->attr(r.run.interp, addrs[i], "x", NULL, &err, &v) < 0);
		CU_ASSERT(err.text[0] != 0);
		CU_ASSERT(r.run.interp->ops->item(r.run.interp, addrs[i], key, NULL, &err, &v) < 0);
		CU_ASSERT(r.run.interp->ops->dict_get(r.run.interp, addrs[i], "x", &addr) < 0);
		CU_ASSERT(r.run.interp->ops->type_is(r.run.interp, addrs[i], "x", true) < 0);
		CU_ASSERT(r.run.interp->ops->frame_vars(r.run.interp, addrs[i], &vars, &nvars) < 0);
		value_free(key);
	}
	CU_ASSERT_EQUAL(
		r.run.interp->ops->module_globals(r.run.interp, "no.such.module", &(uint64_t){ 0 }),
		-ENOENT);
	run_end(&r);
}

int main(int argc, char **argv)
{
	static const struct cu_test tests[] = { CU_T(test_every_interpreter), CU_T(test_limits),
						CU_T(test_no_object) };

	return CU_MAIN("objects", tests, argc, argv);
}
