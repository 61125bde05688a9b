# SPDX-License-Identifier: BSD-2-Clause
"""Lines to log: each prints what an f-string makes of its values, then runs the line. Arguments: a seed, the text in hex.

For each line "values N", "paced N" (10,000 a second) or "tight N" on standard input it runs that function N times; "values" prints
the text of each hit in hex, all end with "done".
"""
import collections
import datetime
import decimal
import random
import sys
import time

rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
TEXT = bytes.fromhex(sys.argv[2]).decode() if len(sys.argv) > 2 else ""
ASK = compile("f'''" + TEXT + "'''", "<text>", "eval")
COUNTED = 0
Pair = collections.namedtuple("Pair", "left right")


class Item(object):
    def __init__(self, sku, tags):
        self.sku = sku
        self.tags = tags
        self.me = self


class Slotted(object):
    __slots__ = ("inner", "z")

    def __init__(self, inner):
        self.inner = inner


def atom():
    return rng.choice([
        0, 1, -1, 255, 2 ** 31, -2 ** 63, 3 ** 200, rng.getrandbits(70), True, False, None, 1.5, -0.0, 1e300, float("inf"),
        float("nan"), rng.random() * 1e6, 2 + 3j, "", "abc", "na\u00efve", "\u65e5\u672c", "\U0001f600 x", "q'uo\"te", "tab\t\n", "y" * 70,
        b"", b"\x00\xffbytes", bytearray(b"array"), Ellipsis, int, range(3, 9, 2), slice(1, None),
        datetime.date(2024, 2, 29), datetime.timedelta(days=1, seconds=5), decimal.Decimal("12.340"), decimal.Decimal(-7)])


def value(depth):
    if not depth or rng.random() < 0.4:
        return atom()
    n = rng.choice([0, 1, 2, 5, 20] if depth == 1 else [0, 1, 2, 4])
    kind = rng.randrange(10)
    some = [value(depth - 1) for _ in range(n)]
    if kind < 3:
        return some
    if kind < 5:
        return tuple(some)
    if kind == 5:
        return set(rng.getrandbits(20) for _ in range(n))
    if kind == 6:
        return frozenset("s%d" % rng.getrandbits(10) for _ in range(n))
    if kind == 7:
        return collections.deque(some, maxlen=rng.choice([None, 50]))
    if kind == 8:
        return collections.OrderedDict(("k%d" % i, v) for i, v in enumerate(some))
    return {rng.choice(["key%d" % i, i, (i, "t"), i / 2.0]): v for i, v in enumerate(some)}


def show(x, n, f, s, b, d, item, l, pair, slotted):
    return x  # hit: values


def step(n):
    global COUNTED
    COUNTED += 1  # hit: paced


def large(n, big):
    global COUNTED
    COUNTED += len(big) // 40  # hit: tight


def values(count):
    for i in range(count):
        x, n, f = value(2), rng.getrandbits(rng.choice([3, 20, 60, 90])), rng.random() * 10 ** rng.randrange(-5, 15)
        s, b, l = rng.choice(["", "abc", "\u00e9t\u00e9", "word " * 5]), rng.random() < 0.5, [rng.getrandbits(10) for _ in range(9)]
        d, item = {"k": atom(), "n": {"m": [atom()]}}, Item("sku%d" % i, ["t%d" % j for j in range(3)])
        pair, slotted = Pair(atom(), i), Slotted(Item("deep", [i]))
        text = eval(ASK, globals(), dict(locals(), s=s))
        print(text.encode("utf-8", "surrogatepass").hex())
        show(x, n, f, s, b, d, item, l, pair, slotted)


def paced(count):
    for n in range(count):
        step(n)
        end = time.perf_counter() + 0.0001
        while time.perf_counter() < end:
            pass


def tight(count):
    big = [list(range(50)), "z" * 900] * 20
    for n in range(count):
        large(n, big)


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = line.split()
        {"values": values, "paced": paced, "tight": tight}[name](int(count))
        print("done", COUNTED, flush=True)


main()
