# SPDX-License-Identifier: BSD-2-Clause
"""Type parameters, type aliases, nested f-strings (3.12+), for the count oracle."""


class Stack[T]:
    def __init__(self):
        self.items: list[T] = []

    def push(self, x: T) -> None:
        self.items.append(x)


def first[T](items: list[T]) -> T:
    return items[0]


type Pair[A] = tuple[A, A]


def text(xs):
    return f"{', '.join(f"{x:>3}" for x in xs)}"


def inlined(n):
    x = "kept"
    a = [x for x in range(n) if [y for y in range(x)]]
    b = {k: [v for v in range(k)] for k in range(n)}
    return a, b, x


class Body:
    n = 3
    xs = [i for i in range(3) if i]


def workload():
    s = Stack[int]()
    s.push(3)
    return [s.items, first([4, 5]), Pair.__name__, text([1, 2]), inlined(4), Body.xs]
