# SPDX-License-Identifier: BSD-2-Clause
"""Assignment expressions, positional-only parameters, f"{x=}" (3.8+), for the count oracle."""


def chunks(data, n):
    out = []
    while (piece := data[:n]):
        out.append(piece)
        data = data[n:]
    return out


def search(words):
    if any((found := w).startswith("b") for w in words):
        return found
    return None


def filtered(n):
    return [y for x in range(n) if (y := x * x) % 2]


def positional(a, b, /, c, *, d=4):
    return a + b + c + d


def debug(x):
    return f"{x=} {x!r:>4}"


def finally_continue(n):
    out = []
    for i in range(n):
        try:
            out.append(1 // i)
        except ZeroDivisionError:
            out.append(0)
        finally:
            if i == 1:
                continue
            out.append("end")
    return out


def workload():
    return [chunks("abcdefg", 3), search(["ab", "bc"]), search(["x"]), filtered(6), positional(1, 2, 3),
            debug(7), finally_continue(3)]
