# SPDX-License-Identifier: BSD-2-Clause
"""Loops of all kinds, for the count oracle. workload() is deterministic."""


def count_down(n):
    while n:
        n -= 1
    return n


def while_true(n):
    while True:
        n -= 1
        if n < 0:
            break
    return n


def while_else(n):
    found = 0
    while n > 0:
        n -= 2
        if n == 7:
            found = n
            break
    else:
        found = -1
    return found


def while_and(a, b):
    while a and b:
        a -= 1
        if a & 1:
            b -= 1
            continue
        b += 0
    return a, b


def one_line_while(n):
    while n > 3: n -= 1
    return n


def one_line_for(n):
    for i in range(n): pass
    for i in range(n): n += i
    return n


def for_else(items, wanted):
    for item in items:
        if item == wanted:
            result = "found"
            break
    else:
        result = "missing"
    return result


def nested(n):
    total = 0
    for i in range(n):
        for j in range(i):
            if j == 2:
                continue
            if j == 5:
                break
            total += i * j
    return total


def nested_while(n):
    total = 0
    i = 0
    while i < n:
        j = 0
        while j < i:
            total += j
            j += 1
        i += 1
    return total


def unpacking(pairs):
    out = 0
    for (a, b), *rest in pairs:
        out += a + b + len(rest)
    for index, value in enumerate(
            pairs):
        out += index
    return out


def loop_in_try(n):
    out = 0
    for i in range(n):
        try:
            if i % 3 == 0:
                continue
            if i == 8:
                break
            out += i
        finally:
            out += 100
    return out


def loop_in_with(n):
    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return False

    out = 0
    for i in range(n):
        with Manager() as m:
            if i == 2:
                continue
            if i == 5:
                break
            out += i
    return out


def empty_iteration():
    for x in ():
        x += 1
    for x in []:
        pass
    else:
        x = 3
    return x


def big_range():
    total = 0
    for i in range(300):
        if i % 2:
            total += i
        elif i % 3:
            total -= i
        else:
            total ^= i
    return total


def condition_lines(a, b):
    n = 0
    while (a > 0 and
           b > 0):
        a -= 1
        b -= 1
        n += 1
        if (a == 3 or
                b == 2):
            n += 10
        if not (a
                and b): n += 1
    return n


def return_inside(n):
    for i in range(n):
        while i:
            i -= 1
            if i == 4:
                return i
    return -1


def workload():
    out = [count_down(9), while_true(5), while_else(15), while_else(8), while_and(8, 3), one_line_while(11)]
    out.append(one_line_for(6))
    out.append(for_else("abc", "b"))
    out.append(for_else("abc", "z"))
    out.append(for_else("", "z"))
    out.append(nested(9))
    out.append(nested_while(7))
    out.append(unpacking([((1, 2), 3), ((4, 5), 6, 7)]))
    out.append(loop_in_try(12))
    out.append(loop_in_with(9))
    out.append(empty_iteration())
    out.append(big_range())
    out.append(condition_lines(6, 5))
    out.append(return_inside(9))
    return out
