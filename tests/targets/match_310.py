# SPDX-License-Identifier: BSD-2-Clause
"""match (3.10+), for the count oracle."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def shape(value):
    match value:
        case 0:
            return "zero"
        case 1 | 2 | 3:
            return "small"
        case int(n) if n > 100:
            return "big"
        case str() as s:
            return s
        case [a]:
            return a
        case [a, b, *rest]:
            return a, b, rest
        case {"kind": "circle", "r": r}:
            return r
        case {"kind": kind, **other}:
            return kind, other
        case Point(0, y):
            return "axis", y
        case Point(x=x, y=y):
            return x + y
        case None | True:
            return "constant"
        case _:
            return "other"


def one_line(value):
    match value:
        case 1: return "one"
        case (2 |
              3): return "two or three"


def in_loop(values):
    total = 0
    for v in values:
        match v:
            case (a, b) if a == b:
                continue
            case (a, b):
                total += a
            case "stop":
                break
            case _:
                total += 100
    return total


def nested(command):
    match command.split():
        case ["go", ("north" | "south") as d]:
            return d
        case ["take", *things]:
            match things:
                case []:
                    return "nothing"
                case [x]:
                    return x
            return "many"
    return None


def workload():
    values = [0, 2, 500, 50, "text", [1], [1, 2, 3, 4], {"kind": "circle", "r": 3}, {"kind": "k", "z": 1},
              Point(0, 3), Point(2, 3), None, True, 2.5, [], {}]
    out = [shape(v) for v in values]
    out += [one_line(1), one_line(3), one_line(4)]
    out.append(in_loop([(1, 1), (2, 3), 7, (4, 5), "stop", (9, 8)]))
    out += [nested("go north"), nested("take"), nested("take a"), nested("take a b"), nested("x")]
    return out
