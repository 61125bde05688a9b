# SPDX-License-Identifier: BSD-2-Clause
"""Statements over several lines, and several statements on one, for the count oracle."""


def f(*args, **kwargs):
    return sum(args) + sum(kwargs.values())


def calls(x):
    a = f(
        x,
        2,
        3,
    )
    b = f(f(1,
            2),
          f(
              3, x))
    c = f(x, y=4,
          z=f(5,
              6))
    f(
        1
    )
    return f(a, b,
             c)


def conditions(a, b, c):
    if (a and
            b or
            c):
        r = 1
    elif not (
        a
        or b
    ): r = 2
    else: r = 3
    return r


def ternary(c):
    x = (1 if c
         else 2)
    y = (
        "yes"
        if c
        else
        "no"
    )
    return (x,
            y)


def chained(a, b, c):
    p = a < b < c
    q = (a
         < b
         < c)
    if a < b < c: p = not p
    r = a if a < b <= c else c
    return p, q, r


def boolean(a, b):
    x = a or b
    y = (a
         or b)
    z = a and \
        b
    return x, y, z


class Calls:
    def method(self, x):
        return x

    @property
    def value(self):
        return 4

    def __getitem__(self, i):
        return i

    def __iter__(self):
        yield 1
        yield 2


def python_calls(c, o):
    x = c or f(1)
    y = c and o.method(2)
    z = c or o.value
    w = c or o[3]
    v = c or f(
        1)
    u = (f(1) if c else
         f(2))
    t = [a or f(a) for a in o]
    if c or f(0) or o.method(1): u = f(u) or x
    while c and f(c): c -= 1
    return x, y, z, w, v, u, t


def literals(x):
    d = {
        "a": x,
        "b": [
            x,
            x + 1,
        ],
        "c": (x,
              -x),
    }
    s = ("one"
         "two"
         "%d") % x
    t = f"{x} and {x + 1}" \
        f" and {x!r}"
    return d, s, t


def semicolons(x):
    a = x; b = a + 1; c = b + 1
    if a: b = 2; c = 3
    return a + b + c


def subscript(seq):
    a = seq[
        1
    ]
    b = seq[1:
            3]
    seq[
        0
    ] = (
        a
    )
    seq[1], seq[2] = (seq[2],
                      seq[1])
    return a, b, seq


def attributes(text):
    return (text
            .strip()
            .replace("a",
                     "b")
            .upper())


def augmented(x):
    x += (
        1
    )
    x *= f(1,
           2)
    x -= 1 if x > 100 else \
        2
    return x


def deletes(d):
    del d["a"], \
        d["b"]
    d["c"] = \
        d.pop("d",
              None)
    return d


def defaults(a=1,
             b=2,
             *rest,
             c=3,
             **more):
    return (a + b
            + c)


def raises(x):
    try:
        raise ValueError(
            "a",
            x,
        )
    except ValueError as e: return len(e.args)


def docstring():
    """Only
    a docstring."""


def string_statement():
    "first"
    "second"
    x = """a
    b
    c"""
    return x


def passes():
    pass
    pass
    ...
    None


def imports():
    import os.path, sys
    from os import (
        getcwd,
        sep,
    )
    return sep, os.path.sep == sep, sys.maxsize > 0, getcwd is not None


def globals_():
    global GLOBAL
    GLOBAL = 1
    GLOBAL += 1
    return GLOBAL


def long_jump(n):
    total = 0
    for i in range(n):
        if i == 1:
            total += 1; total += 2; total += 3; total += 4; total += 5; total += 6; total += 7; total += 8; total += 9
            total += 1; total += 2; total += 3; total += 4; total += 5; total += 6; total += 7; total += 8; total += 9
            total += 1; total += 2; total += 3; total += 4; total += 5; total += 6; total += 7; total += 8; total += 9
            total += 1; total += 2; total += 3; total += 4; total += 5; total += 6; total += 7; total += 8; total += 9
        else:
            total -= 1
        if total > 3: total += f(total, total, total, total, total, total, total, total, total, total, total, total)
    return total


def workload():
    out = [calls(1), defaults(), defaults(4, 5, 6, c=7), raises(1), docstring(), string_statement(), passes()]
    for a in (0, 1):
        out += [conditions(a, 0, 0), conditions(a, 1, 0), conditions(a, 0, 1), ternary(a)]
        out += [boolean(a, 2), python_calls(a, Calls()), semicolons(a), literals(a), augmented(a)]
    out += [chained(1, 2, 3), chained(2, 1, 3), chained(1, 3, 2)]
    out += [subscript([1, 2, 3, 4]), attributes(" banana "), deletes({"a": 1, "b": 2, "d": 3})]
    out += [imports(), globals_(), long_jump(4)]
    return out
