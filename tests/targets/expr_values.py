# SPDX-License-Identifier: BSD-2-Clause
"""Values to look at: waits in time.sleep() in a frame that has them as locals, cells, globals and built-ins.
With the argument `oracle` it evaluates instead what it reads, JSON strings, one a line, in that same frame."""
import collections
import enum
import json
import sys
import time


class CodeRan(Exception):
    pass


class Plain(object):
    kind = "plain"

    def __init__(self, a, b):
        self.a = a
        self.b = b

    @property
    def prop(self):
        raise CodeRan()

    def method(self):
        return 1


class Child(Plain):
    pass


class Slots(object):
    __slots__ = ("x", "y")

    def __init__(self, x):
        self.x = x


class Angry(object):
    """Has everything of its own; none of it may run."""

    def _no(self, *args):
        raise CodeRan()

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __len__ = __bool__ = __contains__ = __iter__ = _no
    __getitem__ = __add__ = __radd__ = __mul__ = __rmul__ = __neg__ = __abs__ = __int__ = __float__ = __index__ = _no
    __round__ = __sub__ = __and__ = __or__ = __mod__ = __pow__ = __invert__ = _no


class IntSub(int):
    pass


class ListSub(list):
    pass


class StrSub(str):
    pass


class Missing(dict):
    def __missing__(self, key):
        raise CodeRan()


Point = collections.namedtuple("Point", "x y")


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


class Shade(enum.Enum):
    DARK = 1
    LIGHT = 2


g_int = 7
g_list = [1, 2, 3]
g_shadowed = "global"
len_of_mine = len


def frame(oracle):
    g_shadowed = "local"
    i0, i1, im7, i300, i1000 = 0, 1, -7, 300, 10 ** 3
    ibig, ihuge, i53 = 2 ** 70, -3 ** 200, 2 ** 53 + 1
    t, f, n, e = True, False, None, Ellipsis
    f0, fm0, f15, fm25, fe300, finf, fnan, f53 = 0.0, -0.0, 1.5, -2.5, 1e300, float("inf"), float("nan"), 2.0 ** 53
    c12, c0 = 1 + 2j, 0j
    s0, s1, sacc, semo, slong, ssur = "", "hello", "h\xe9llo", "a\u20ac\U0001f600b", "xyz" * 3000, "\ud800x"
    snum, sl = " 12 ", "l"
    b0, b1, ba = b"", b"hello\x00\xff", bytearray(b"hello")
    l0, l1, l2, lmix = [], [1, 2, 3], [[1, 2], [3, [4.5, "x"]]], [3, 1.5, True, 2]
    lbig = list(range(5000))
    t0, t1, t2 = (), (1,), (1, "a", (2.5, None))
    d0, d1 = {}, {"a": 1, "b": [1, 2], "c": {"x": "y"}}
    dmix = {1: "one", 2.5: "float", None: 0, (1, 2): "tuple", "k": b"v", True and -1: "minus"}
    dbig = {str(k): k for k in range(3000)}
    z1, z2, zf = {1, 2, 3}, {3, 4}, frozenset([1, 2])
    r10, rneg, rbig = range(10), range(10, 0, -3), range(0, 10 ** 30, 10 ** 28)
    sl1 = slice(1, None, 2)
    cyc = [1]
    cyc.append(cyc)
    p, p2 = Plain(1, [2, 3]), Child("x", {"k": 1})
    sl0ts = Slots(5)
    angry = Angry()
    isub, lsub, ssub, miss = IntSub(5), ListSub([1, 2]), StrSub("hello"), Missing(a=1)
    pt, od, dd = Point(3, 4), collections.OrderedDict([("a", 1)]), collections.defaultdict(angry._no, {"a": 1})
    red, dark, dq = Color.RED, Shade.DARK, collections.deque([1, 2, 3])
    err = ValueError("bad", 3)
    cell = [10]

    def inner():
        return cell

    if oracle:
        evaluate(locals())
        return
    print("ready", flush=True)
    time.sleep(1000)


def evaluate(names):
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    out = sys.stdout
    for line in sys.stdin:
        try:
            result = {"repr": repr(eval(json.loads(line), globals(), names))}
        except Exception as exc:
            result = {"error": type(exc).__name__, "message": str(exc)}
        out.write(json.dumps(result) + "\n")
    out.flush()


frame(len(sys.argv) > 1)
