# SPDX-License-Identifier: BSD-2-Clause
"""Writes to one reference of each kind: a function calls here() before its writes and done() after them. The names
of functions, and how many writes, come from standard input. Python 3.6 and later."""
import sys


def here():
    return None


def done():
    return None


def local(n):
    x = 0
    here()
    for i in range(n):
        x = 1000 + i  # writes local
    done()
    return n


def same_object(n):
    x = token = object()
    here()
    for i in range(n):
        x = token
    assert x is token
    done()
    return n


class Plain:
    def __init__(self):
        self.a = 0
        self.x = 0


class Slots:
    __slots__ = ("a", "x")

    def __init__(self):
        self.a = 0
        self.x = 0


def attribute(n):
    obj = Plain()
    here()
    for i in range(n):
        obj.a = i
        obj.x = 1000 + i
    done()
    return n


def slot(n):
    obj = Slots()
    here()
    for i in range(n):
        obj.a = i
        obj.x = 1000 + i
    done()
    return n


def attribute_by_setattr(n):
    obj = Plain()
    here()
    for i in range(n):
        setattr(obj, "x", 1000 + i)  # writes by setattr
    done()
    return n


def attribute_of_dict(n):
    obj = Plain()
    vars(obj)["y"] = 0
    here()
    for i in range(n):
        obj.x = 1000 + i
    done()
    return n


def item(n):
    obj = [0, 0, 0]
    here()
    for i in range(n):
        obj[0] = i
        obj[1] = 1000 + i
    done()
    return n


def entry(n):
    obj = {"a": 0, "x": 0}
    here()
    for i in range(n):
        obj["a"] = i
        obj["x"] = 1000 + i
    done()
    return n


def entry_by_update(n):
    obj = {"a": 0, "x": 0}
    here()
    for i in range(n):
        obj.update(a=i, x=1000 + i)  # writes by update
    done()
    return n


NUMBER = 0


def global_name(n):
    global NUMBER
    here()
    for i in range(n):
        NUMBER = 1000 + i
    done()
    return n


def closure(n):
    x = 0

    def inner(value):
        nonlocal x
        x = value
    here()
    for i in range(n):
        if i % 2:
            inner(1000 + i)
        else:
            x = 1000 + i
    done()
    return n


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        name, n = line.split()
        print(name, globals()[name](int(n)), flush=True)


main()
