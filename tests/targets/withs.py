# SPDX-License-Identifier: BSD-2-Clause
"""with statements, for the count oracle."""
import contextlib


class Manager:
    def __init__(self, log, name, swallow=False):
        self.log = log
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        self.log.append("+" + self.name)
        return self

    def __exit__(self, kind, value, tb):
        self.log.append("-" + self.name)
        return self.swallow


def simple(log):
    with Manager(log, "a"):
        log.append("body")
    log.append("after")


def named(log):
    with Manager(log, "a") as m:
        log.append(m.name)


def several(log):
    with Manager(log, "a") as a, Manager(log, "b") as b:
        log.append(a.name + b.name)


def several_lines(log):
    with Manager(log, "a") as a, \
            Manager(log, "b",
                    True) as b:
        log.append(a.name)
        raise ValueError(
            b.name)


def swallowed(log):
    with Manager(log, "s", True):
        log.append(1)
        raise KeyError("x")
    log.append(2)


def passed_on(log):
    try:
        with Manager(log, "p"):
            raise KeyError("x")
    except KeyError:
        log.append("caught")


def returns(log, x):
    with Manager(log, "r"):
        if x:
            return x
        x = 2
    return x


def loops(log):
    for i in range(4):
        with Manager(log, str(i)):
            if i == 1:
                continue
            if i == 2:
                break
            log.append(i)
    while True:
        with Manager(log, "w"):
            break


def one_line(log):
    with Manager(log, "o"): log.append(1)
    with Manager(log, "o", True): raise KeyError
    with Manager(log, "o", True): log.append(log[1000])


def nested(log):
    with Manager(log, "x", True):
        with Manager(log, "y"):
            try:
                with Manager(log, "z"):
                    raise ValueError
            finally:
                log.append("f")


@contextlib.contextmanager
def made(log):
    log.append("begin")
    try:
        yield log
    except ValueError:
        log.append("value")
    finally:
        log.append("end")


def contextmanagers(log):
    with made(log) as m:
        m.append("in")
    with made(log):
        raise ValueError
    with contextlib.suppress(KeyError):
        {}["x"]


def enter_fails(log):
    class Bad:
        def __enter__(self):
            raise KeyError("enter")

        def __exit__(self, *exc):
            log.append("never")
    try:
        with Manager(log, "outer"), Bad():
            log.append("never")
    except KeyError:
        log.append("failed")


def both_see(log, x):
    with Manager(log, "a") as a, Manager(log, "b") as b:
        log.append(a.name)
        log.append(b.name[x])


def both_one_line(log, x):
    with Manager(log, "a") as a, Manager(log, "b") as b: log.append(a.name + b.name[x])


def fails_later(log, x):
    try:
        both_see(log, x)
        both_one_line(log, x)
        with Manager(log, "c", True), Manager(
                log, "d"):
            for i in range(3):
                with Manager(log, "e"): log.append("abc"[i + x + 2])
    except IndexError:
        log.append("index")


def target_list(log):
    class Pair:
        def __enter__(self):
            return 1, (2, 3)

        def __exit__(self, *exc):
            pass
    with Pair() as (a, (b, c)):
        log.append(a + b + c)


def workload():
    log = []
    for f in (simple, named, several, several_lines, swallowed, passed_on, loops, one_line, nested,
              contextmanagers, enter_fails, target_list):
        f(log)
    for x in range(-1, 2):
        fails_later(log, x)
    try:
        both_one_line(log, 1)
    except IndexError:
        log.append("one line")
    log.append(returns(log, 0))
    log.append(returns(log, 1))
    return log
