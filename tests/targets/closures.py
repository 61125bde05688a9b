# SPDX-License-Identifier: BSD-2-Clause
"""Closures and lambdas, for the count oracle."""


def counter(start):
    n = start

    def step(by=1):
        nonlocal n
        n += by
        return n

    def reset():
        nonlocal n
        n = start

    return step, reset


def adders(n):
    return [lambda x, i=i: x + i for i in range(n)]


def compose(*functions):
    def apply(x):
        for f in functions:
            x = f(x)
        return x
    return apply


def deep(a):
    def b():
        def c():
            def d(): return a
            return d() + a
        return c() + a
    return b() + a


pick = lambda a, b: a if a else b

longer = lambda a, b: (
    a + b if a
    else b
)

TABLE = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b:
        a * b,
}


def key_functions(words):
    by_size = sorted(words, key=lambda w: len(w))
    by_last = sorted(words,
                     key=lambda w: w[-1],
                     reverse=True)
    return by_size, by_last


def class_cell():
    class A:
        def who(self):
            return __class__.__name__

        def parent(self):
            return super().__init__
    return A().who(), A().parent() is not None


def workload():
    step, reset = counter(3)
    out = [step(), step(4), reset(), step()]
    out += [f(10) for f in adders(4)]
    out.append(compose(lambda x: x + 1, lambda x: x * 2, str)(5))
    out.append(deep(2))
    out += [pick(0, 5), pick(1, 5), longer(0, 1), longer(1, 2)]
    for name in sorted(TABLE):
        out.append(TABLE[name](7, 3))
    out.append(key_functions(["pear", "fig", "banana", "kiwi"]))
    out.append(class_cell())
    return out
