# SPDX-License-Identifier: BSD-2-Clause
"""Dicts, instances and classes that change between two calls of f(): what was true of them a moment ago is not any more.

For each line read calls f() 3 times for each of 48 states and prints how often each of the conditions (arguments) held.
"""
import sys

CONDITIONS = sys.argv[1:]


class T:
    pass


class Other(T):
    pass


class Strict(type):
    def __instancecheck__(cls, instance):
        return False


class Base:
    pass


class A(Base):
    pass


class B(Base):
    def __init__(self):
        self.other, self.a = 1, 1


class U(Base):
    pass


class Owner:
    """What is stored into an instance is in its dict, too."""


class Slots:
    __slots__ = ('b', 'a')


def f(x, d):
    return x, d, 'k'


def dicts(i):
    """The key is at another place, has another value, is not there; in the same dict or in a new one where the old one was."""
    d = {'k': 1, 'z': 0} if i % 3 else {'z': 0, 'k': 1}
    if i % 4 == 1:
        d['k'] = 2
    elif i % 4 == 2:
        del d['k']
        d['y'] = 1
        if i % 8 == 2:
            d['k'] = 1
    return d


def classes(i, x):
    global U
    if i == 8:
        A.a = property(lambda self: 2, lambda self, value: None)
    elif i == 12:
        del A.a
    elif i == 16:
        A.__bases__ = (T,)
    elif i == 20:
        A.__bases__ = (Base,)
    elif i == 24:
        U = Strict('U', (Base,), {})
    elif i == 30:
        U = type('U', (Base,), {})
    elif i == 34:
        A.a = 1
    elif i == 38:
        del A.a
    if i % 5 == 4 and not isinstance(x, Slots):
        x.__class__ = Other


def turn():
    held, kept = [0] * len(CONDITIONS), dicts(0)
    same, owner = A(), Owner()
    for i in range(48):
        x = same if i % 2 else (A, B, U, Slots)[i // 2 % 4]()
        x.__class__ = A if x is same else type(x)
        if i % 7 != 3:
            x.a = i // 2 % 2
        elif x is same:
            vars(x).pop('a', None)
        classes(i, x)
        kept['k'] = i % 2
        owner.k = i // 6 % 2
        d = kept if i % 3 == 0 else vars(owner) if i % 6 == 5 else dicts(i)
        for n, condition in enumerate(CONDITIONS):
            try:
                held[n] += 3 * bool(eval(condition))
            except (AttributeError, KeyError):
                pass
        for _ in range(3):
            f(x, d)
    return held


print('ready', flush=True)
for _ in iter(sys.stdin.readline, ''):
    print(*turn(), flush=True)
