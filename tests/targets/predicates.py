# SPDX-License-Identifier: BSD-2-Clause
"""Evaluates the expressions that it reads ({"e": text, "a": name, "b": name, ...}: which of VALUES a, b, c, z and g shall be) right after a line
that is watched, in a function, a module or a class body, and says what they are worth. First it prints the number of that line."""
import collections
import enum
import json
import sys


class CodeRan(Exception):
    pass


def no(*args):
    raise CodeRan()


class Plain(object):
    kind = "plain"
    level = 3
    both = 1
    nothing = None

    def __init__(self, x=1, name="tea", **more):
        self.x = x
        self.name = name
        self.both = 2
        self.__dict__.update(more)

    @property
    def prop(self):
        raise CodeRan()

    def method(self):
        return 1


class Child(Plain):
    level = 4


class Late(Plain):
    """Attributes in another order, and many, and some gone again."""

    def __init__(self):
        for i in range(20):
            setattr(self, "k%d" % i, i)
        self.name, self.x = "late", 9
        del self.k3


class Slots(object):
    __slots__ = ("x", "y")
    level = 5

    def __init__(self, x):
        self.x = x


class SlotsMore(Slots):
    __slots__ = ("name", "__dict__")


class Angry(object):
    """Has everything of its own; none of it may run."""
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __len__ = __bool__ = __contains__ = __iter__ = no
    __getitem__ = __add__ = __radd__ = __mul__ = __rmul__ = __neg__ = __sub__ = __rsub__ = __pos__ = no
    __getattr__ = no


class Lenient(object):
    def __len__(self):
        return 0


class Maker(object):
    def __init__(self):
        self.x = 1

    def __getattr__(self, name):
        raise CodeRan()


class Liar(object):
    __class__ = property(no)


class IntSub(int):
    pass


class IntOwn(int):
    def __eq__(self, other):
        raise CodeRan()
    __hash__ = int.__hash__
    __bool__ = __lt__ = __gt__ = no


class FloatSub(float):
    pass


class StrSub(str):
    pass


class StrOwn(str):
    __eq__ = __lt__ = no
    __hash__ = str.__hash__


class ListSub(list):
    pass


class TupleSub(tuple):
    def __getitem__(self, i):
        raise CodeRan()


class DictSub(dict):
    def __missing__(self, key):
        raise CodeRan()


class Meta(type):
    def __instancecheck__(cls, inst):
        raise CodeRan()


Checked = Meta("Checked", (), {})
Point = collections.namedtuple("Point", "x y")


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


class Shade(enum.Enum):
    DARK = 1


def bodiless(cls):
    o = cls.__new__(cls)
    return o


MANY = {("key%d" % i): i for i in range(3000)}
HOLES = {i: i for i in range(200)}
for _i in range(0, 200, 3):
    del HOLES[_i]
SHARED = Plain(7, "shared")
SHARED.later = "later"
WIDE = Plain(8, "wide")
for _i in range(40):
    setattr(WIDE, "w%d" % _i, _i)
DICTED = Plain(6, "dicted")
DICTED.__dict__["x"] = 66

VALUES = {
    "i0": 0, "i1": 1, "im1": -1, "i2": 2, "i5": 5, "i256": 256, "i257": 257, "i42": 42, "i1000": 1000, "i30": 2 ** 30, "im30": -2 ** 30 - 1,
    "i31": 2 ** 31, "i53": 2 ** 53 + 1, "i60": 2 ** 60, "i61": 2 ** 61 - 1, "im61": -2 ** 61, "i62": 2 ** 62 + 12345, "imax": 2 ** 63 - 1,
    "imin": -2 ** 63, "iover": 2 ** 63, "iunder": -2 ** 63 - 1, "i64": 2 ** 64, "i70": 2 ** 70, "im200": -3 ** 200, "i90": 2 ** 89 + 5,
    "t": True, "f": False, "n": None, "e": Ellipsis,
    "f0": 0.0, "fm0": -0.0, "f1": 1.0, "f15": 1.5, "fm25": -2.5, "f42": 42.0, "f53": 2.0 ** 53, "f63": 2.0 ** 63, "fm63": -2.0 ** 63, "f1e300": 1e300,
    "ftiny": 5e-324, "finf": float("inf"), "fminf": float("-inf"), "fnan": float("nan"), "f01": 0.1, "f1000": 1000.0,
    "s0": "", "sa": "a", "stea": "tea", "sname": "name", "sacc": "h\xe9llo", "seuro": "a\u20ac", "semo": "a\U0001f600b", "slong": "xyz" * 100,
    "slong2": "xyz" * 99 + "xya", "s127": "q" * 127, "s128": "q" * 128, "s129": "q" * 129, "sw70": "\u20ac" * 70, "snul": "a\0b", "sb": "b", "steas": "teas",
    "scat": "".join(["t", "e", "a"]), "skey": "key%d" % 1234,
    "b0": b"", "ba": b"a", "btea": b"tea", "bhigh": b"\xff\x00", "blong": b"z" * 300, "bytearr": bytearray(b"tea"),
    "l0": [], "l123": [1, 2, 3], "lmix": [None, True, "tea", 2.5, b"a", (1,)], "lbig": list(range(1000)), "lnan": [float("nan"), 1], "lang": [Angry()],
    "tu0": (), "tu1": (1,), "tumix": (1, "tea", None, 2.5), "tunest": ((1, 2), [3, 4], {"k": 5}),
    "d0": {}, "d1": {"a": 1, "tea": "x", "n": None, 7: "seven"}, "dmany": MANY, "dholes": HOLES, "dnum": {1: "one", 2.5: "half", -1: "minus", 2 ** 61: "big"},
    "dkeys": {True: 1, None: 2, b"tea": 3, "\xe9": 4, "\u20ac": 5}, "dang": {"a": Angry()}, "dstr": {StrSub("tea"): 1, "b": 2},
    "z123": {1, 2, 3}, "zf": frozenset([1]), "r5": range(5), "c1": 1 + 2j, "c0": 1 + 0j,
    "p": Plain(), "p2": Plain(1000, "x" * 20, extra=[1, 2]), "child": Child(2.5, None), "late": Late(), "shared": SHARED, "wide": WIDE, "dicted": DICTED,
    "bare": bodiless(Plain), "sl": Slots(5), "slm": SlotsMore("deep"), "angry": Angry(), "lenient": Lenient(), "maker": Maker(), "liar": Liar(),
    "isub": IntSub(5), "iown": IntOwn(5), "fsub": FloatSub(1.5), "ssub": StrSub("tea"), "sown": StrOwn("tea"), "lsub": ListSub([1, 2]),
    "tsub": TupleSub((1, 2)), "dsub": DictSub(a=1), "pt": Point(3, 4), "red": Color.RED, "dark": Shade.DARK, "obj": object(),
    "dd": collections.defaultdict(no, {"a": 1}), "od": collections.OrderedDict([("a", 1)]), "dq": collections.deque([1]),
    "exc": ValueError("bad"), "fn": no, "cls": Plain, "int": int, "sys": sys, "meth": SHARED.method, "lenf": len,
}
VALUES["slm"].name = "slm"
VALUES["slm"].more = 3
for _s in ("scat", "skey"):
    hash(VALUES[_s])  # kept in the string from here on: what is known of it does not depend on the questions before
only_global = 5
shadow = "global"


def worth(text, names):
    """To be printed in the frame itself: from then on nothing in Python runs but that frame."""
    try:
        return str(bool(eval(text, globals(), names))) + "\n"
    except Exception as exc:
        return type(exc).__name__ + "\n"


def value(name):
    """sfresh: a text whose hash nobody has asked for."""
    return "".join(["t", "e", "a"]) if name == "sfresh" else VALUES[name]


def choose(line):
    ask = json.loads(line)
    return ask["e"], [value(ask.get(k, "n")) for k in "abczg"]


def function():
    z = None

    def watched(line):
        nonlocal z
        global g
        shadow = "local"
        c = None

        def inner():
            return c

        if not line:
            print(watched.__code__.co_firstlineno + 17, flush=True)
            return sys.stdin.readline()
        text, (a, b, c, z, g) = choose(line)
        del line
        mark = a  # watched: 17 lines after the def
        said = worth(text, locals())
        sys.stdout.write(said)
        sys.stdout.flush()
        return sys.stdin.readline()

    line = watched("")
    while line:
        line = watched(line)


def module():
    global g, a, b, c, z, line
    code = compile("if first:\n    print(4, flush=True)\nelse:\n    mark = a\n    said = worth(text, dict(globals()))\n    sys.stdout.write(said)\n    sys.stdout.flush()\nline = sys.stdin.readline()\n", "watched", "exec")
    globals()["first"] = True
    exec(code, globals())
    globals()["first"] = False
    while line:
        globals()["text"], (a, b, c, z, g) = choose(line)
        exec(code, globals())


def body():
    z = line = None
    global g

    def watched(first, text, a0, b0, c0, z0, g0):
        nonlocal z, line
        global g
        z, g = z0, g0

        class Body(object):
            a, b, c = a0, b0, c0
            shadow = "class"
            seen = z
            if first:
                print(sys._getframe().f_lineno + 2, flush=True)
            else:
                mark = a
                said = worth(text, dict(locals(), z=z))
                sys.stdout.write(said)
                sys.stdout.flush()
            line = sys.stdin.readline()
        return Body.line

    line = watched(True, None, None, None, None, None, None)
    while line:
        text, (a, b, c, z1, g1) = choose(line)
        line = watched(False, text, a, b, c, z1, g1)


def names():
    print(json.dumps(sorted(VALUES) + ["sfresh"]))


{"function": function, "module": module, "class": body, "names": names}[sys.argv[1] if len(sys.argv) > 1 else "function"]()
