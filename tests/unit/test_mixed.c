// SPDX-License-Identifier: BSD-2-Clause
/* The order of native and Python frames, and circles of threads that wait. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "engine/mixed.h"
#include "engine/session.h"
#include "lib_cu.h"
#include "probes/probe.h"

#define MAX 16

/*
 * stack: native frames, innermost first, E: a call of the eval loop, n: another. python: frames,
 * innermost first, e: one that entered it, i: one that Python called.
 */
static const char *order(const char *stack, bool whole, const char *python)
{
	struct interp_frame frames[MAX] = { 0 };
	static char text[2 * MAX * 4];
	bool is_eval[MAX] = { false };
	ssize_t at[2 * MAX];
	size_t i, n, len = 0;

	for (i = 0; stack[i]; i++)
		is_eval[i] = stack[i] == 'E';
	for (n = 0; python[n]; n++)
		frames[n].entry = python[n] == 'e';
	n = mixed_order(is_eval, i, whole, frames, n, at);
	text[0] = '\0';
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%zd", i ? " " : "",
					at[i]);
	return text;
}

static void test_order(void)
{
	/* -1 is Python frame 0, -2 frame 1 ... */
	CU_ASSERT_STRING_EQUAL(order("nEnEn", true, "iee"), "0 -1 -2 2 -3 4");
	CU_ASSERT_STRING_EQUAL(order("EnnE", true, "ee"), "-1 1 2 -2");
	/* A call that has no frame yet. */
	CU_ASSERT_STRING_EQUAL(order("EnEn", true, "ie"), "0 1 -1 -2 3");
	/* A frame whose call has not begun. */
	CU_ASSERT_STRING_EQUAL(order("nEn", true, "eie"), "-1 0 -2 -3 2");
	/* A greenlet: the frames end where it began, the stack goes on. */
	CU_ASSERT_STRING_EQUAL(order("nEnEnEn", true, "ee"), "0 -1 2 -2 4 5 6");
	/* Not unwound to the end. */
	CU_ASSERT_STRING_EQUAL(order("nEn", false, "eee"), "0 -1 2 -2 -3");
	CU_ASSERT_STRING_EQUAL(order("n", true, ""), "0");
	CU_ASSERT_STRING_EQUAL(order("", false, "ie"), "-1 -2");
	/* The outermost frame says of itself nothing: a chain that was cut. */
	CU_ASSERT_STRING_EQUAL(order("En", true, "ii"), "-1 -2 1");
}

static void test_deadlock(void)
{
	const struct lock_wait two[] = { { .tid = 1, .owner = 2 }, { .tid = 2, .owner = 1 } };
	const struct lock_wait mixed[] = {
		{ .tid = 1, .owner = 2 }, /* waits for one of the circle, is none of it */
		{ .tid = 2, .owner = 3 }, { .tid = 3, .owner = 4 }, { .tid = 4, .owner = 2 },
		{ .tid = 5, .owner = 0 }, { .tid = 6, .owner = 6 }, /* a lock it has itself */
		{ .tid = 7, .owner = 9 },
	};
	size_t circle[7], state = 0;

	CU_ASSERT_EQUAL(session_deadlock(two, 2, &state, circle), 2);
	CU_ASSERT_EQUAL(circle[0], 0);
	CU_ASSERT_EQUAL(circle[1], 1);
	CU_ASSERT_EQUAL(session_deadlock(two, 2, &state, circle), 0);
	state = 0;
	CU_ASSERT_EQUAL(session_deadlock(mixed, 7, &state, circle), 3);
	CU_ASSERT_EQUAL(circle[0], 1);
	CU_ASSERT_EQUAL(circle[2], 3);
	CU_ASSERT_EQUAL(session_deadlock(mixed, 7, &state, circle), 1);
	CU_ASSERT_EQUAL(circle[0], 5);
	CU_ASSERT_EQUAL(session_deadlock(mixed, 7, &state, circle), 0);
	state = 0;
	CU_ASSERT_EQUAL(session_deadlock(NULL, 0, &state, circle), 0);
}

static const struct cu_test tests[] = {
	CU_T(test_order),
	CU_T(test_deadlock),
};

int main(int argc, char **argv)
{
	return CU_MAIN("mixed", tests, argc, argv);
}
