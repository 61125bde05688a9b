// SPDX-License-Identifier: BSD-2-Clause
/* Line tables, bytecode and places: hand-made bytes, and large modules against each interpreter's
 * own dis. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib_cu.h"
#include "lib_interpreters.h"
#include "probes/cpython/bytecode.h"
#include "probes/cpython/flow.h"
#include "probes/cpython/linetable.h"
#include "probes/cpython/places.h"

#define DUMP	  "tests/support/dump_code.py"
#define SHOWN_MAX 10

/* ---- hand-made tables ---- */

struct range {
	uint32_t start, end;
	int32_t line;
	bool begins;
};

static void check_table(unsigned minor, const uint8_t *tab, size_t len, uint32_t size,
			const struct range *want, size_t n)
{
	struct linetable lt;
	size_t i = 0;

	linetable_init(&lt, minor, tab, len, 10, size);
	while (linetable_next(&lt)) {
		CU_ASSERT(i < n);
		if (i == n)
			return;
		CU_ASSERT_EQUAL(lt.start, want[i].start);
		CU_ASSERT_EQUAL(lt.end, want[i].end);
		CU_ASSERT_EQUAL(lt.line, want[i].line);
		if (minor <= 9)
			CU_ASSERT_EQUAL(lt.begins, want[i].begins);
		i++;
	}
	CU_ASSERT_EQUAL(i, n);
}

#define CHECK_TABLE(minor, size, tab, ...)                                                \
	do {                                                                              \
		static const uint8_t t_[] = tab;                                          \
		static const struct range w_[] = __VA_ARGS__;                             \
		check_table(minor, t_, sizeof(t_), size, w_, sizeof(w_) / sizeof(w_[0])); \
	} while (0)
#define BYTES(...)          \
	{                   \
		__VA_ARGS__ \
	}

static void test_lnotab(void)
{
	/* forward, backward, and steps too large for one pair */
	CHECK_TABLE(6, 8, BYTES(0, 1, 4, 2), { { 0, 4, 11, true }, { 4, 8, 13, true } });
	CHECK_TABLE(8, 12, BYTES(4, 2, 4, 0xff),
		    { { 0, 4, 10, true }, { 4, 8, 12, true }, { 8, 12, 11, true } });
	CHECK_TABLE(9, 8, BYTES(2, 127, 0, 127, 0, 6), { { 0, 2, 10, true }, { 2, 8, 270, true } });
	CHECK_TABLE(7, 300, BYTES(255, 0, 5, 1),
		    { { 0, 255, 10, true }, { 255, 260, 10, false }, { 260, 300, 11, true } });
	/* cut off in the middle of a pair; lines that leave the numbers there are */
	CHECK_TABLE(7, 4, BYTES(2), { { 0, 4, 10, true } });
	CHECK_TABLE(7, 4, BYTES(0, 0x81), { { 0, 4, 0, true } });
}

static void test_pairs(void)
{
	CHECK_TABLE(10, 10, BYTES(4, 1, 2, 0x80, 4, 1),
		    { { 0, 4, 11, 0 }, { 4, 6, 0, 0 }, { 6, 10, 12, 0 } });
	CHECK_TABLE(10, 4, BYTES(0, 100, 4, 0xff), { { 0, 4, 109, 0 } });
	CHECK_TABLE(10, 4, BYTES(2, 1, 2), { { 0, 2, 11, 0 } });
}

static void test_locations(void)
{
	/* short form; one-line form with +2; no columns, -3; long form, +100; none */
	CHECK_TABLE(11, 4, BYTES(0x81, 0x00), { { 0, 4, 10, 0 } });
	CHECK_TABLE(12, 6, BYTES(0x80, 0x00, 0x80 | 12 << 3 | 1, 5, 6),
		    { { 0, 2, 10, 0 }, { 2, 6, 12, 0 } });
	CHECK_TABLE(13, 2, BYTES(0x80 | 13 << 3, 7), { { 0, 2, 7, 0 } });
	CHECK_TABLE(14, 16, BYTES(0x80 | 14 << 3 | 7, 0x48, 3, 0, 1, 1), { { 0, 16, 110, 0 } });
	CHECK_TABLE(15, 4, BYTES(0x80 | 15 << 3, 0x80, 9), { { 0, 2, 0, 0 }, { 2, 4, 10, 0 } });
	/* a varint that never ends */
	CHECK_TABLE(11, 2, BYTES(0x80 | 13 << 3, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f),
		    { { 0, 2, 0, 0 } });
}

static void test_bad_bytecode(void)
{
	static const uint8_t cut[] = { 144, 1 }, unknown[] = { 0, 0 };
	struct instr *ins;
	uint32_t n;

	CU_ASSERT_EQUAL(bytecode_decode(8, cut, 2, &ins, &n),
			-EINVAL); /* EXTENDED_ARG and no more */
	CU_ASSERT_EQUAL(bytecode_decode(8, unknown, 2, &ins, &n), -EINVAL);
	CU_ASSERT_EQUAL(bytecode_decode(8, cut, 0, &ins, &n), -EINVAL);
	CU_ASSERT_EQUAL(bytecode_decode(8, cut, 1, &ins, &n), -EINVAL);
	CU_ASSERT_EQUAL(bytecode_decode(5, cut, 2, &ins, &n), -EINVAL);
	CU_ASSERT_EQUAL(bytecode_decode(99, cut, 2, &ins, &n), -EINVAL);
}

static int executor(void *priv, uint8_t arg, uint8_t ret[2])
{
	(void)priv;
	if (arg != 7)
		return -EINVAL;
	ret[0] = 75; /* 3.14 JUMP_BACKWARD */
	ret[1] = 9;
	return 0;
}

static void test_restore(void)
{
	/* 3.14: INSTRUMENTED_LINE over INSTRUMENTED_INSTRUCTION over LOAD_CONST; ENTER_EXECUTOR and
	 * its cache */
	uint8_t code[] = { 254, 1, 255, 7, 254, 254 };
	static const uint8_t lines[] = { 2, 238, 0, 0, 0, 0, 0 }, opcodes[] = { 82, 0, 0 };
	struct bytecode_originals o = { .lines = lines,
					.lines_skip = 1,
					.lines_stride = 2,
					.opcodes = opcodes,
					.executor = executor };

	CU_ASSERT_EQUAL(bytecode_restore(14, code, sizeof(code), &o), 0);
	CU_ASSERT_EQUAL(code[0], 82);
	CU_ASSERT_EQUAL(code[1], 1);
	CU_ASSERT_EQUAL(code[2], 75);
	CU_ASSERT_EQUAL(code[3], 9);
	CU_ASSERT_EQUAL(code[4], 254); /* a cache entry is not touched */
	code[0] = 254;
	o.lines = NULL;
	CU_ASSERT_EQUAL(bytecode_restore(14, code, sizeof(code), &o), -EINVAL);
	code[0] = 255, code[1] = 6;
	CU_ASSERT_EQUAL(bytecode_restore(14, code, sizeof(code), &o), -EINVAL);
}

/* ---- every interpreter's own word ---- */

struct dump {
	unsigned minor;
	char name[128];
	int first;
	uint8_t *bytes, *lines, *exceptions;
	size_t size, lines_len, exceptions_len;
	unsigned codes, wrong;
};

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint8_t *unhex(const char *s, size_t *ret_len)
{
	size_t n = strlen(s) / 2, i;
	uint8_t *out = malloc(n + 1);

	for (i = 0; out && i < n; i++)
		out[i] = (uint8_t)(nibble(s[2 * i]) << 4 | nibble(s[2 * i + 1]));
	*ret_len = n;
	return out;
}

static void wrong(struct dump *d, const char *what, long at, long want, long got)
{
	if (d->wrong++ < SHOWN_MAX)
		printf("3.%u %s(%d): %s at %ld: dis says %ld, we %ld\n", d->minor, d->name,
		       d->first, what, at, want, got);
}

static void check_lines(struct dump *d, char *text)
{
	uint32_t units = (uint32_t)d->size / 2, at = 0, i;
	int32_t *line = calloc(units + 1, sizeof(*line));
	struct linetable lt;
	char *word, *save;

	linetable_init(&lt, d->minor, d->lines, d->lines_len, d->first, (uint32_t)d->size);
	linetable_fill(&lt, line, NULL);
	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		int want, count;

		if (sscanf(word, "%d*%d", &want, &count) != 2)
			break;
		for (i = 0; i < (uint32_t)count && at < units; i++, at++)
			if (line[at] != want)
				wrong(d, "line", at * 2, want, line[at]);
	}
	if (at != units)
		wrong(d, "units", 0, at, units);
	free(line);
}

static void check_instructions(struct dump *d, char *text)
{
	struct instr *ins;
	char *word, *save;
	uint32_t n, i = 0;

	if (bytecode_decode(d->minor, d->bytes, (uint32_t)d->size, &ins, &n)) {
		wrong(d, "decode", 0, 0, 1);
		return;
	}
	for (word = strtok_r(text, " ", &save); word && i < n;
	     word = strtok_r(NULL, " ", &save), i++) {
		long start, at, op, target, to;

		if (sscanf(word, "%ld:%ld:%ld:%ld", &start, &at, &op, &target) != 4)
			break;
		to = ins[i].target < 0 ? -1 : (long)ins[ins[i].target].start;
		if (ins[i].start != start)
			wrong(d, "start", at, start, ins[i].start);
		if (ins[i].at != at)
			wrong(d, "instruction", at, at, ins[i].at);
		if (ins[i].op != op)
			wrong(d, "opcode", at, op, ins[i].op);
		if (to != target)
			wrong(d, "target", at, target, to);
	}
	if (word || i != n)
		wrong(d, "instructions", 0, i, n);
	free(ins);
}

static void check_places(struct dump *d)
{
	struct flow_input in = {
		.minor = d->minor,
		.bytes = d->bytes,
		.size = (uint32_t)d->size,
		.lines = d->lines,
		.lines_len = d->lines_len,
		.exceptions = d->exceptions,
		.exceptions_len = d->exceptions_len,
		.first_line = d->first,
	};
	struct interp_place *p;
	size_t n, i;

	if (places_find(&in, &p, &n)) {
		wrong(d, "places", 0, 0, 1);
		return;
	}
	for (i = 0; i < n; i++) {
		if (p[i].line <= 0 || p[i].offset >= d->size || p[i].ndrop > INTERP_DROP_MAX ||
		    p[i].offset & 1)
			wrong(d, "place", p[i].offset, 1, 0);
		if (i && (p[i].line < p[i - 1].line ||
			  (p[i].line == p[i - 1].line && p[i].offset <= p[i - 1].offset)))
			wrong(d, "order of places", p[i].offset, 1, 0);
	}
	free(p);
}

static void on_line(struct dump *d, char *s)
{
	switch (s[0]) {
	case 'b':
		free(d->bytes);
		d->bytes = unhex(s + 2, &d->size);
		break;
	case 'l':
		free(d->lines);
		d->lines = unhex(s + 2, &d->lines_len);
		break;
	case 'e':
		free(d->exceptions);
		d->exceptions = unhex(s + 2, &d->exceptions_len);
		break;
	case 'L':
		check_lines(d, s + 2);
		break;
	case 'I':
		check_instructions(d, s + 2);
		check_places(d);
		d->codes++;
		break;
	default:
		CU_ASSERT_EQUAL(sscanf(s, "code %127s %d", d->name, &d->first), 2);
	}
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	if (f && text)
		text[fread(text, 1, (1 << 16) - 1, f)] = 0;
	if (f)
		fclose(f);
	return text;
}

/* What one interpreter says of its modules, line by line; true when it came to its end. */
static bool check_interpreter(const struct interpreter *it, const char *script)
{
	const char *argv[] = { "-W", "ignore", "-c", script, NULL };
	struct dump d = { .minor = it->minor };
	char *line = NULL;
	size_t cap = 0;
	bool done = false;
	ssize_t len;
	FILE *f;
	int out;
	pid_t pid = interpreter_start(it, argv, &out);

	CU_ASSERT(pid > 0);
	if (pid <= 0)
		return false;
	f = fdopen(dup(out), "r");
	while (f && !done && (len = getline(&line, &cap, f)) > 0) {
		line[len - 1] = 0;
		done = !strcmp(line, "done");
		if (!done)
			on_line(&d, line);
	}
	CU_ASSERT(d.codes > 400);
	CU_ASSERT_EQUAL(d.wrong, 0);
	if (f)
		fclose(f);
	interpreter_end(pid, out);
	free(line);
	free(d.bytes);
	free(d.lines);
	free(d.exceptions);
	return done;
}

static void test_against_dis(void)
{
	char *script = slurp(DUMP);
	struct interpreter *v = NULL;
	size_t n = 0, i, tried = 0;

	CU_ASSERT_EQUAL(interpreters_find(&v, &n), 0);
	for (i = 0; i < n; i++) {
		if (!v[i].supported || v[i].debug)
			continue;
		tried++;
		CU_ASSERT(check_interpreter(&v[i], script));
	}
	if (!tried)
		cu_skip("no supported Python on this machine");
	free(v);
	free(script);
}

static const struct cu_test tests[] = {
	CU_T(test_lnotab),	 CU_T(test_pairs),   CU_T(test_locations),
	CU_T(test_bad_bytecode), CU_T(test_restore), CU_T(test_against_dis),
};

int main(int argc, char **argv)
{
	return CU_MAIN("bytecode", tests, argc, argv);
}
