# SPDX-License-Identifier: BSD-2-Clause
"""Recursion, for the count oracle."""


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def walk(tree, depth=0):
    out = []
    for node in tree:
        if isinstance(node, list):
            out += walk(node, depth + 1)
        else:
            out.append((depth, node))
    return out


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def hanoi(n, a, b, c):
    if n == 0: return 0
    return (hanoi(n - 1, a, c, b)
            + 1
            + hanoi(n - 1, c, b, a))


def permutations(items):
    if len(items) < 2:
        yield items
    else:
        for i in range(len(items)):
            for rest in permutations(items[:i] + items[i + 1:]):
                yield items[i:i + 1] + rest


def ackermann(m, n):
    while m:
        if n == 0:
            n = 1
        else:
            n = ackermann(m, n - 1)
        m -= 1
    return n + 1


def too_deep(n):
    try:
        return too_deep(n + 1)
    except RecursionError:
        raise
    finally:
        n = 0


def workload():
    return [fib(11), walk([1, [2, [3, 4], 5], [[6]]]), even(9), odd(9), hanoi(5, "a", "b", "c"),
            sum(1 for _ in permutations("abcd")), ackermann(2, 3)]
