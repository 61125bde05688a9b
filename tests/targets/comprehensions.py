# SPDX-License-Identifier: BSD-2-Clause
"""Comprehensions and generator expressions, for the count oracle."""


def simple(n):
    return [i for i in range(n)]


def condition(n):
    return [i * 2 for i in range(n) if i % 2 if i != 3]


def several_lines(n):
    return [
        i + j
        for i in range(n)
        if i
        for j in range(i)
        if j != 1
    ]


def sets_and_dicts(n):
    a = {i % 3 for i in range(n)}
    b = {i: i * i for i in range(n)}
    c = {
        key: value
        for key, value in b.items()
        if value > 4
    }
    return a, b, c


def nested(n):
    return [[j for j in range(i)] for i in range(n)]


def flat(rows):
    return [x for row in rows for x in row]


def generator_expression(n):
    total = sum(i for i in range(n))
    total += sum(
        i * i
        for i in range(n)
        if i & 1
    )
    return total


def closure_in(n):
    k = 3
    return [(lambda: i + k)() for i in range(n)]


def shadow(n):
    i = "outer"
    x = [i for i in range(n)]
    return i, x


def raising(n):
    try:
        return [1 // (2 - i) for i in range(n)]
    except ZeroDivisionError:
        return "zero"


class Body:
    size = 4
    squares = [i * i for i in range(4)]
    names = {str(i): i
             for i in range(3)}


def conditional(n):
    return [i if i % 2 else -i for i in range(n)] if n > 2 else [
        0 for _ in range(n)]


def workload():
    return [simple(7), condition(9), several_lines(5), sets_and_dicts(6), nested(5), flat([[1, 2], [], [3]]),
            generator_expression(8), closure_in(4), shadow(3), raising(5), raising(1), Body.squares,
            Body.names, conditional(5), conditional(2)]
