# SPDX-License-Identifier: BSD-2-Clause
"""Decorators, for the count oracle."""
import functools


def traced(log):
    def wrap(fn):
        @functools.wraps(fn)
        def inner(*args, **kwargs):
            log.append(fn.__name__)
            return fn(*args, **kwargs)
        return inner
    return wrap


def plain(fn):
    fn.marked = True
    return fn


def make(log):
    @traced(log)
    @plain
    def first(a, b=2,
              *, c=3):
        return a + b + c

    @plain
    @traced(
        log
    )
    def second(
            a,
            b):
        """Has a docstring."""
        return a * b

    @plain
    class Thing:
        @property
        def value(self):
            return self._value

        @value.setter
        def value(self, new):
            self._value = new

        @staticmethod
        def static(x): return x + 1

        @classmethod
        def build(cls, value):
            self = cls()
            self.value = value
            return self

    return first, second, Thing


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def workload():
    log = []
    fib.cache_clear()
    first, second, Thing = make(log)
    out = [first(1), first(1, c=5), second(3, 4)]
    t = Thing.build(9)
    t.value = t.value + 1
    out += [t.value, Thing.static(3), fib(12), log]
    return out
