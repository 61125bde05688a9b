# SPDX-License-Identifier: BSD-2-Clause
"""Generators, for the count oracle."""


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def several():
    yield 1
    yield 2; yield 3
    x = yield
    while x:
        x = yield x * 2
    return "done"


def delegate(n):
    yield "first"
    got = yield from count(n)
    result = yield from several()
    yield (got, result)


def tidy(log):
    try:
        for i in range(5):
            yield i
    except ValueError as e:
        log.append(str(e))
        yield -1
    finally:
        log.append("closed")


def in_with(log):
    class Manager:
        def __enter__(self):
            log.append("in")

        def __exit__(self, kind, value, tb):
            log.append("out")
            return kind is KeyError

    with Manager():
        yield 1
        yield 2
    yield 3


def tree(depth):
    if depth:
        yield from tree(depth - 1)
        yield depth
        for x in tree(depth - 1):
            yield x


def expressions(n):
    a = (yield n) or (
        yield n + 1)
    b = [a, (yield a)]
    yield b


def one_line(n):
    for i in range(n): yield i


def drive_several():
    g = several()
    out = [next(g), next(g), next(g), next(g), g.send(4), g.send(5)]
    try:
        g.send(0)
    except StopIteration as stop:
        out.append(stop.value)
    return out


def drive_delegate():
    g = delegate(3)
    out = []
    for value in g:
        out.append(value)
    return out


def drive_tidy():
    log = []
    g = tidy(log)
    next(g)
    g.close()
    g = tidy(log)
    next(g)
    log.append(g.throw(ValueError("thrown")))
    list(g)
    log.append(list(tidy(log)))
    return log


def drive_with():
    log = []
    log.append(list(in_with(log)))
    g = in_with(log)
    next(g)
    log.append(g.throw(KeyError))
    g = in_with(log)
    next(g)
    try:
        g.throw(ValueError)
    except ValueError:
        log.append("value")
    return log


def workload():
    out = [list(count(6)), drive_several(), drive_delegate(), drive_tidy(), drive_with(), list(tree(3))]
    g = expressions(5)
    out += [next(g), g.send(0), g.send(7), g.send(8)]
    out.append(sum(one_line(9)))
    return out
