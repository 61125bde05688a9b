# SPDX-License-Identifier: BSD-2-Clause
"""Frames to take: for each line on standard input, calls through functions, a generator, a class body and a method; before the
innermost line runs, one line of JSON: the frames, innermost first, each [function, {name: repr of a local}]. Values whose repr
holds an address of memory, or which are longer than what is taken, are there with the first characters of it."""
import json
import sys

CYCLE = [1, "two"]
CYCLE.append(CYCLE)


class Item(object):
    def __init__(self, sku):
        self.sku = sku
        self.child = {"of": sku}


def said(frame):
    """What a look from outside should see of this frame and its callers."""
    frames = []
    while frame:
        frames.append([frame.f_code.co_name, {k: repr(v) for k, v in frame.f_locals.items()}])
        frame = frame.f_back
    return frames


def innermost(depth, cycle, huge, text, table):
    return len(huge)  # hit


def numbers(n):
    item = Item("A%d" % n)
    cell = "shared"
    inner = lambda: cell
    yield n
    given = (n, CYCLE, list(range(100000)), "\u00e9" * 50000, {"a": [1, 2.5, None, (True, b"x")], "cycle": CYCLE})
    frames = said(sys._getframe())
    frames.insert(0, ["innermost", {k: repr(v) for k, v in zip(("depth", "cycle", "huge", "text", "table"), given)}])
    print(json.dumps(frames))
    yield innermost(*given)
    del item


def recurse(n):
    mark = "level %d" % n
    if n:
        return recurse(n - 1)
    list(numbers(7))
    return mark


class Runner(object):
    def go(self, *args, **kwargs):
        class Body:
            made = "in a class body"
            result = recurse(3)
        return Body


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        Runner().go(1, "two", key=[3])


main()
